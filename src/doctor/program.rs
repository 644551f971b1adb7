//! What a container runs, as far as kz is concerned: kz itself, a shell with a script, or something else.

use super::Kz;
use super::text::Text;
use super::words;
use super::yaml::Mark;

/// A command line of kz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `--config`.
    pub config: Option<String>,
    /// `--env`.
    pub environment: Option<String>,
    /// What it does.
    pub action: Action,
}

/// What a command line of kz does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `kz export`.
    Export(Export),
    /// `kz run`.
    Run(Run),
    /// `kz install`, as what it writes.
    Install(Export),
    /// What needs a configuration and writes nothing.
    Look,
    /// What needs none.
    Other,
}

/// `kz export`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Which form.
    pub form: Form,
    /// `--output`, unless it is stdout.
    pub output: Option<String>,
    /// `--owner`, as it was written.
    pub owner: Option<String>,
    /// `--mode`.
    pub mode: Option<u32>,
    /// `--dir-mode`.
    pub directory_mode: Option<u32>,
    /// `--for`.
    pub reader: Option<String>,
    /// `--only`.
    pub only: Vec<String>,
    /// Each secret is a file of its name, unless the configuration says otherwise.
    pub by_name: bool,
    /// The templates that say what is written, and which secrets that takes.
    pub templates: Vec<Template>,
    /// `[[outputs]]` of the configuration says what is written.
    pub by_outputs: bool,
    /// `--format`, where nothing else says more of it.
    pub plain_format: Option<&'static str>,
    /// `--watch`: it writes, and stays.
    pub stays: bool,
}

/// A template of an export, `SRC` or `SRC:DST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The file that it is in.
    pub source: String,
    /// What it becomes, below the directory of `--output`.
    pub target: Option<String>,
}

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A set of files, in a directory.
    Files,
    /// One file of `KEY=value` lines: a shell that reads them hands none on.
    Lines,
    /// One file of all, otherwise.
    Single,
}

/// `kz run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `--env-file`.
    pub env_file: Option<String>,
    /// `--wait`.
    pub waits: bool,
    /// Whether there is a command to become.
    pub has_command: bool,
    /// The program that it becomes.
    pub program: Option<String>,
    /// `--from-uid`.
    pub from_uid: Option<u32>,
}

/// Why kz does not understand a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// kz's own words.
    pub message: String,
    /// What it would say to type.
    pub hint: String,
}

impl Export {
    /// The permission bits of what it writes.
    pub(super) fn bits(&self) -> u32 {
        self.mode.unwrap_or(0o400)
    }

    /// The uid of `--owner`, where that is a number.
    pub(super) fn owner_uid(&self) -> Option<u32> {
        uid(self.owner.as_deref()?)
    }
}

/// The uid of `UID[:GID]`.
pub(super) fn uid(written: &str) -> Option<u32> {
    written.split(':').next()?.parse().ok()
}

/// What a unit runs.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// kz, understood.
    Kz(Line),
    /// kz, not understood.
    Misread(Misread, Mark),
    /// A shell with a script.
    Script(Text),
    /// Not told, or something else.
    Other,
}

/// The shells that a script may be given to.
pub(super) const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "zsh"];

/// What this command line runs.
pub(super) fn of(words: &[&Text], kz: &dyn Kz) -> Program {
    let Some(first) = words.first().and_then(|word| word.known()) else { return Program::Other };
    let name = file_name(first);
    if name == "kz" {
        return kz_line(words, kz);
    }
    let option = words.get(1).map_or("", |word| word.value.as_str());
    let takes_script = option.starts_with('-') && !option.starts_with("--") && option.contains('c');
    match words.get(2) {
        Some(script) if SHELLS.contains(&name) && takes_script => Program::Script((*script).clone()),
        _ => Program::Other,
    }
}

fn kz_line(words: &[&Text], kz: &dyn Kz) -> Program {
    // What follows `--` is the command's, and may be filled in as it likes.
    let ours = words.iter().take_while(|word| word.value != "--").count();
    let mut read: Vec<&str> = Vec::new();
    for (index, word) in words.iter().enumerate().skip(1) {
        match word.known() {
            Some(text) => read.push(text),
            None if index > ours => read.push("command"),
            None => return Program::Other,
        }
    }
    let mark = words[0].mark;
    match kz.line(&read) {
        Ok(line) => Program::Kz(line),
        Err(misread) => Program::Misread(misread, mark),
    }
}

/// Programs that start the one that follows: what runs as PID 1 for others, and what makes the way for another user.
const STARTERS: &[&str] =
    &["tini", "dumb-init", "catatonit", "docker-init", "env", "gosu", "su-exec", "setpriv", "nice", "time"];

/// The command lines of kz in a script, or behind a program that starts others, as far as they are understood.
pub(super) fn started(words: &[&Text], program: &Program, kz: &dyn Kz) -> Vec<Line> {
    let understood = |words: &[String]| {
        // What follows `--` is the command's, and may be filled in as it likes.
        let mut ours = words.iter().take_while(|word| *word != "--");
        let read: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let is_plain = !ours.any(|word| word.contains(['$', '`']));
        is_plain.then(|| kz.line(&read).ok()).flatten()
    };
    match program {
        Program::Script(script) => {
            kz_commands(script).iter().filter_map(|(_, words)| understood(words)).collect()
        }
        Program::Other => {
            let values: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
            let is_starter = values.first().is_some_and(|first| STARTERS.contains(&file_name(first)));
            let at = values.iter().position(|word| file_name(word) == "kz").filter(|_| is_starter);
            at.and_then(|at| understood(&values[at..])).into_iter().collect()
        }
        Program::Kz(_) | Program::Misread(..) => Vec::new(),
    }
}

/// The commands in a script that are `kz`, with whether the shell makes way for each.
pub(super) fn kz_commands(script: &Text) -> Vec<(bool, Vec<String>)> {
    let commands = words::commands(&script.value).unwrap_or_default();
    let found = commands.iter().map(|command| words::program(command));
    let is_kz = |words: &[String]| words.first().is_some_and(|word| file_name(word) == "kz");
    found.filter(|(_, words)| is_kz(words)).map(|(is_exec, words)| (is_exec, words.to_vec())).collect()
}

/// Whether a path names a TOML file.
pub(super) fn is_toml(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == "toml")
}

/// The last segment of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
