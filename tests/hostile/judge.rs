//! Whether one run kept the promises, and which it broke.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::attack::{Attack, Cost, Ending, TAKEN};
use crate::identity::Identity;
use crate::scene::{Form, PRECIOUS, Scene, Seen, Snapshot, differences, snapshot};
use crate::step::{Finished, LAUNCH};
use crate::watch::CANARY;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Something outside the target was made, changed or removed.
    Escape(String),
    /// A value could be read by a foreign uid.
    Reader(String),
    /// kz did not end by itself.
    Hang,
    /// A wrong exit code, wrong words, half an output, debris.
    Word(String),
}

/// How a run ended that broke no promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// 0, and the new output is there.
    Written,
    /// 4, and the old output is there.
    Refused,
    /// 0 or 4, and the attacker itself has put something else in the place of the output, or hidden it.
    Displaced,
}

/// What is known before the attack.
pub struct Before {
    outside: Snapshot,
    target: Snapshot,
    theirs: u64,
}

impl Before {
    pub fn look(scene: &Scene) -> Self {
        let theirs = scene.at("theirs").symlink_metadata().unwrap().ino();
        Self { outside: surroundings(scene), target: snapshot(&scene.target()), theirs }
    }
}

fn surroundings(scene: &Scene) -> Snapshot {
    let mut all = snapshot(&scene.outside());
    all.extend(snapshot(&scene.base.join("vol/neighbour")));
    all
}

/// One finished run.
pub struct Trial<'a> {
    pub attack: &'a Attack,
    pub identity: Identity,
    pub scene: &'a Scene,
    pub before: &'a Before,
    pub finished: &'a Finished,
    /// The attack was made before kz began, with effect.
    pub from_the_start: bool,
    /// It was made when kz looked for the last time, or freely: kz cannot have seen it.
    pub late: bool,
    /// What the watcher said at the end.
    pub watcher: &'a str,
    pub value: &'a str,
}

impl Trial<'_> {
    /// The verdict.
    pub fn judge(&self) -> Result<Ended, Vec<Broken>> {
        let volume = snapshot(&self.scene.volume());
        let mut broken = Vec::new();
        let escapes = differences(&self.before.outside, &surroundings(self.scene));
        broken.extend(escapes.into_iter().map(Broken::Escape));
        broken.extend(self.spoilt_theirs(&volume).map(Broken::Escape));
        if self.watcher != "ok" {
            broken.push(Broken::Reader(self.watcher.to_owned()));
        }
        broken.extend(self.loose_values(&volume).map(Broken::Reader));
        if self.finished.hung {
            broken.push(Broken::Hang);
        }
        let ended = match self.finished.code {
            Some(0) => self.judge_success(),
            // 75 where the lock is not to be had.
            Some(4 | 75) => self.judge_refusal(&volume),
            other => Err(format!("exit code {other:?}")),
        };
        let ended = ended.and_then(|ended| self.judge_ending().map(|()| ended));
        match ended {
            Ok(ended) if broken.is_empty() => Ok(ended),
            Ok(_) => Err(broken),
            Err(words) => {
                broken.push(Broken::Word(words));
                Err(broken)
            }
        }
    }

    /// The other program's directory in the target, wherever it is by now.
    fn spoilt_theirs(&self, volume: &Snapshot) -> Option<String> {
        let found = volume.iter().find(|(_, seen)| seen.inode == self.before.theirs);
        let Some((path, seen)) = found else { return Some("theirs/ was removed".to_owned()) };
        if seen.mode & 0o7777 != 0o755 || seen.uid != self.scene.uid {
            return Some(format!("theirs/ was changed: {seen:?}"));
        }
        let keep = volume.get(&path.join("hard-keep")).map(|seen| seen.content.as_slice());
        let others = volume.keys().filter(|other| other.parent() == Some(path)).count() - 1;
        if keep != Some(PRECIOUS.as_bytes()) || others != 0 {
            return Some(format!("theirs/ holds other things: {others} and {keep:?}"));
        }
        None
    }

    /// Files with a value that are not exactly as private as they should be, anywhere.
    fn loose_values<'v>(&self, volume: &'v Snapshot) -> impl Iterator<Item = String> + use<'v> {
        let (owner, kz) = (self.identity.owner, self.identity.uid);
        volume.iter().filter_map(move |(path, seen)| {
            let is_value = contains(&seen.content, CANARY.as_bytes());
            let loose = seen.mode & 0o077 != 0 || ![owner, kz].contains(&seen.uid);
            (is_value && loose).then(|| format!("{} is {:o} of {}", path.display(), seen.mode, seen.uid))
        })
    }

    fn judge_success(&self) -> Result<Ended, String> {
        let found = match self.scene.form {
            Form::File => self.look_at_file(),
            Form::Set => self.look_at_set(),
        };
        match (found, self.attack.cost) {
            (Ok(()), Cost::Nothing) => {
                self.no_debris()?;
                self.owner_reads().map(|()| Ended::Written)
            }
            (Ok(()), Cost::Names) => Ok(Ended::Written),
            (Err(_), Cost::Names) if self.late => Ok(Ended::Displaced),
            (Err(words), _) => Err(format!("exit code 0, but {words}")),
        }
    }

    fn judge_refusal(&self, volume: &Snapshot) -> Result<Ended, String> {
        let said = &self.finished.said;
        if said.matches("kz: error: ").count() != 1
            || said.contains("internal error")
            || said.contains(CANARY)
        {
            return Err("refused, but not with one clear error".to_owned());
        }
        if self.attack.cost == Cost::Names {
            return self.judge_displaced(volume);
        }
        self.no_debris()?;
        let lost: Vec<_> =
            self.output_before().filter(|(path, seen)| !is_same(volume.get(*path), seen)).collect();
        if lost.is_empty() {
            Ok(Ended::Refused)
        } else {
            Err(format!("refused, but the old output changed: {lost:?}"))
        }
    }

    /// What the attacker has put aside kz has not touched, unless its own swap had happened.
    fn judge_displaced(&self, volume: &Snapshot) -> Result<Ended, String> {
        let is_whole = self.output_before().all(|(path, seen)| is_same(volume.get(path), seen));
        if is_whole {
            return Ok(Ended::Refused);
        }
        let by_inode: BTreeMap<u64, &Seen> = volume.values().map(|seen| (seen.inode, seen)).collect();
        let is_file = |seen: &Seen| contains(&seen.content, CANARY.as_bytes());
        let kept = |(_, seen): (&PathBuf, &Seen)| {
            !is_file(seen) || is_same(by_inode.get(&seen.inode).copied(), seen)
        };
        if self.output_before().all(kept) || self.finished.said.contains("was changed by somebody else") {
            Ok(Ended::Displaced)
        } else {
            Err("4, but old values are gone that the attacker had only put aside".to_owned())
        }
    }

    fn judge_ending(&self) -> Result<(), String> {
        match (self.attack.ending, self.finished.code) {
            (Ending::Success, Some(4)) => Err("this stops nobody, but kz refused".to_owned()),
            (Ending::Words(words), Some(4)) if !self.finished.said.contains(words) => {
                Err(format!("no `{words}` in its words"))
            }
            (Ending::Words(_), Some(0)) if self.from_the_start => {
                Err("it should have been stopped".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Old output, without kz's own state and what is not kz's.
    fn output_before(&self) -> impl Iterator<Item = (&PathBuf, &Seen)> {
        let target = self.scene.target();
        self.before.target.iter().filter(move |(path, _)| {
            let name = path.strip_prefix(&target).ok().and_then(|rest| rest.components().next());
            name.is_some_and(|name| !matches!(name.as_os_str().to_str(), Some(".kz" | "theirs")))
        })
    }

    fn look_at_file(&self) -> Result<(), String> {
        let expected = format!("S0={0}\nNEW={0}\n", self.value);
        self.look_at(&self.scene.at(".env"), &expected)
    }

    /// Through the links, one by one: root may not follow all of them in a sticky directory.
    fn look_at_set(&self) -> Result<(), String> {
        let read = |name: &str| std::fs::read_link(self.scene.at(name)).unwrap_or_default();
        let current = read("..data");
        if current.components().count() != 1 || read("S0") != Path::new("..data/S0") {
            return Err(format!("`..data` reads {}, `S0` {}", current.display(), read("S0").display()));
        }
        if read("sub") != Path::new("..data/sub") || self.scene.at("OLD").symlink_metadata().is_ok() {
            return Err("the names are not those of the set".to_owned());
        }
        let generation = self.scene.target().join(current);
        self.look_at(&generation.join("S0"), self.value)?;
        self.look_at(&generation.join("sub/NEW"), self.value)
    }

    fn look_at(&self, path: &Path, expected: &str) -> Result<(), String> {
        let metadata = path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()))?;
        let found = (metadata.is_file(), metadata.uid(), metadata.mode() & 0o7777);
        if found != (true, self.identity.owner, 0o400) {
            return Err(format!("{} is {found:?}", path.display()));
        }
        let content = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        if content == expected { Ok(()) } else { Err(format!("{} holds {content:?}", path.display())) }
    }

    /// Nothing of kz's but its output; what the attacks plant has other dates and digits.
    fn no_debris(&self) -> Result<(), String> {
        let current = std::fs::read_link(self.scene.at("..data")).unwrap_or_default();
        for entry in std::fs::read_dir(self.scene.target()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = [".kz-", "..data_tmp.", "..2"].iter().any(|prefix| name.starts_with(prefix));
            let is_planted = name.contains("0123456789abcdef") || name.starts_with(TAKEN);
            if is_ours && !is_planted && Path::new(&name) != current {
                return Err(format!("{name} was left behind"));
            }
        }
        Ok(())
    }

    /// The uid that the success line names reads by the names, as its service would.
    fn owner_reads(&self) -> Result<(), String> {
        if !self.from_the_start {
            return Ok(());
        }
        let name = if self.scene.form == Form::File { ".env" } else { "S0" };
        let mut cat = Command::new(std::env::current_exe().unwrap());
        cat.args([LAUNCH, "free", &self.identity.owner.to_string(), "cat"]).arg(self.scene.at(name));
        let output = cat.stderr(Stdio::piped()).output().expect("`cat`");
        if contains(&output.stdout, self.value.as_bytes()) {
            Ok(())
        } else {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("exit code 0, but its owner cannot read: {error}"))
        }
    }
}

/// Also where the watcher made a hard link, which changes when the inode changed last.
fn is_same(now: Option<&Seen>, before: &Seen) -> bool {
    now.is_some_and(|now| {
        let facts = |seen: &Seen| (seen.inode, seen.mode, seen.uid, seen.gid);
        facts(now) == facts(before) && now.content == before.content
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
