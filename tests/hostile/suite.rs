//! All runs: which attack is made when, against whom, in how many lanes; and the table.
//!
//! Each attack is made before an export, by every identity and under both settings, into an empty
//! target and over an older output; and at the points of such exports, in turns (`Turns`).
//! `KZ_HOSTILE_ROUNDS=4` is every call of each kind of export in every row, 16 is that in every column.
//! What can be taken back also runs freely.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::attack::{ATTACKS, Attack, By, Ending};
use crate::identity::{IDENTITIES, Identity};
use crate::judge::{Before, Broken, Ended, Trial};
use crate::scene::{Form, Scene};
use crate::sibling::Sibling;
use crate::step::{Call, Finished, Watchdog};
use crate::sysctl::{DIRECTORY, Settings};
use crate::watch::{CANARY, Watcher, as_foreign};

/// Runs at one time: most of it is spent in waiting for a turn at a processor, or asleep in the grace
/// after a swap.
const LANES: usize = 24;
/// Columns of the table.
const COLUMNS: usize = IDENTITIES.len() * 2;
/// The most times as often as usual: every column at every point.
const ROUNDS: usize = 16;
/// Exports against one that attacks freely.
const STORMS: usize = 3;

/// When an attack is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before,
    At(usize),
    /// Over and over, while kz runs as it likes.
    Freely,
}

/// What is in the target when kz comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Nothing,
    AnOldOutput,
}

/// One run.
#[derive(Clone, Copy, Debug)]
struct Case {
    attack: usize,
    identity: usize,
    symlinks: u8,
    form: Form,
    start: Start,
    moment: Moment,
}

impl Case {
    fn column(self) -> usize {
        usize::from(self.symlinks) * IDENTITIES.len() + self.identity
    }

    fn attack(self) -> &'static Attack {
        &ATTACKS[self.attack]
    }
}

/// What came of the runs of one cell, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    written: usize,
    refused: usize,
    displaced: usize,
    broken: usize,
}

#[derive(Debug, Default)]
struct Results {
    cells: BTreeMap<(usize, usize), Tally>,
    /// Moves that had an effect, by attack.
    effects: BTreeMap<usize, usize>,
    escapes: usize,
    readers: usize,
    hangs: usize,
    reports: Vec<String>,
}

/// Everything that a run needs.
struct Lane<'a> {
    foreign: Sibling,
    root: Sibling,
    stalker: Sibling,
    directory: PathBuf,
    number: usize,
    watchdog: &'a Watchdog,
}

/// The suite; `wanted` are parts of the names of attacks, or nothing.
pub fn run(wanted: &[String]) -> ExitCode {
    std::fs::create_dir_all(DIRECTORY).unwrap();
    let alone = std::fs::File::create(Path::new(DIRECTORY).join("lock")).unwrap();
    alone.lock().expect("another suite ends");
    let volumes = Path::new(DIRECTORY).join("volumes");
    std::fs::create_dir_all(&volumes).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "mode=0755,size=1g", "tmpfs"]).arg(&volumes);
    assert!(mount.status().unwrap().success(), "a tmpfs for the volumes");
    install(&volumes.join("kz"));
    let wanted: Vec<&String> = wanted.iter().filter(|word| !word.starts_with('-')).collect();
    let is_wanted =
        |attack: &Attack| wanted.is_empty() || wanted.iter().any(|part| attack.name.contains(*part));
    let chosen: Vec<usize> = (0..ATTACKS.len()).filter(|&index| is_wanted(&ATTACKS[index])).collect();
    let settings = Settings::take();
    let results = Mutex::new(Results::default());
    for symlinks in [0, 1] {
        settings.protect_symlinks(symlinks);
        let cases = cases(&chosen, symlinks, &volumes);
        work(&cases, &volumes, &results);
    }
    drop(settings);
    report(&chosen, &results.into_inner().unwrap())
}

/// A kz that every uid may run; by another process, so that no fork holds it open for writing.
fn install(to: &Path) {
    let kz = std::env::var_os("KZ_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_kz").into(), PathBuf::from);
    assert!(Command::new("install").arg("-m755").arg(kz).arg(to).status().unwrap().success());
}

/// How many times as often as usual each point is attacked.
fn rounds() -> usize {
    let rounds = std::env::var("KZ_HOSTILE_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    rounds.clamp(1, ROUNDS)
}

fn cases(chosen: &[usize], symlinks: u8, volumes: &Path) -> Vec<Case> {
    let points = count_points(symlinks, volumes);
    let mut cases = Vec::new();
    for &attack in chosen {
        let is_its_form = |form: u8| ATTACKS[attack].forms.iter().any(|other| form_number(*other) == form);
        for (&(identity, form, start), &count) in points.iter().filter(|((_, form, _), _)| is_its_form(*form))
        {
            let alike = |&(&(_, other_form, other_start), other): &(&(usize, u8, Start), &usize)| {
                (other_form, other_start, *other) == (form, start, count)
            };
            let alike: Vec<usize> = points.iter().filter(alike).map(|(&(other, ..), _)| other).collect();
            let form = if form == 0 { Form::File } else { Form::Set };
            let case = |moment| Case { attack, identity, symlinks, form, start, moment };
            cases.push(case(Moment::Before));
            let has_turn = |&point: &usize| Turns::of(case(Moment::At(point)), &alike).has(point);
            cases.extend((0..count).filter(has_turn).map(|point| case(Moment::At(point))));
            let repeatable = ATTACKS[attack].revert.is_some() && start == Start::AnOldOutput;
            cases.extend((0..STORMS * rounds()).filter(|_| repeatable).map(|_| case(Moment::Freely)));
        }
    }
    cases
}

/// Which of the points of its export an attack is made at.
///
/// Identities whose exports have equally many points make the same calls. They, the two settings and
/// the two kinds of start take turns, so that each call has its turn in every second row of the table,
/// and in a narrow one always.
struct Turns {
    every: usize,
    offset: usize,
}

impl Turns {
    fn of(case: Case, alike: &[usize]) -> Self {
        let rank = alike.iter().position(|&other| other == case.identity).unwrap_or_default();
        let column = usize::from(case.symlinks) * alike.len() + rank;
        let turns = alike.len() * 4;
        let rounds = rounds() * if case.attack().is_narrow() { 4 } else { 1 };
        let every = (turns * 2 / rounds).max(1);
        let position = column * 2 + usize::from(case.start == Start::AnOldOutput);
        // The next row begins with another.
        Self { every, offset: position * every / turns + ROUNDS - case.attack % every }
    }

    fn has(&self, point: usize) -> bool {
        point % self.every == self.offset % self.every
    }
}

/// How many points come after kz has looked at its output for the last time, from the file's
/// `newfstatat` or from the set's `readlinkat` of `..data` on: for a set the generation and two names, then
/// eleven on the way to the target, and the success line.
fn after_last_look(form: Form) -> usize {
    match form {
        Form::File => 12,
        Form::Set => 15,
    }
}

fn form_number(form: Form) -> u8 {
    u8::from(form == Form::Set)
}

type Points = BTreeMap<(usize, u8, Start), usize>;

/// How many points each kind of export has, when nobody attacks.
fn count_points(symlinks: u8, volumes: &Path) -> Points {
    let watchdog = Watchdog::default();
    let mut lane = Lane::new(volumes.join("count"), &watchdog);
    let mut points = Points::new();
    for identity in 0..IDENTITIES.len() {
        for form in [Form::File, Form::Set] {
            for start in [Start::Nothing, Start::AnOldOutput] {
                let case =
                    Case { attack: 0, identity, symlinks, form, start, moment: Moment::At(usize::MAX) };
                let run = lane.run(case);
                assert!(run.0.is_ok() && run.1.points > 20, "without an attack: {run:?}");
                points.insert((identity, form_number(form), start), run.1.points);
            }
        }
    }
    std::fs::remove_dir_all(&lane.directory).unwrap();
    points
}

fn work(cases: &[Case], volumes: &Path, results: &Mutex<Results>) {
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let watchdog = Watchdog::default();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|number| {
                let (next, watchdog) = (&next, &watchdog);
                scope.spawn(move || {
                    let mut lane = Lane::new(volumes.join(format!("lane{number}")), watchdog);
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (verdict, finished, effective) = lane.run(*case);
                        results.lock().unwrap().add(*case, verdict, &finished, effective);
                    }
                    std::fs::remove_dir_all(&lane.directory).unwrap();
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                watchdog.look();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let ended: Vec<_> = lanes.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        for lane in ended {
            lane.expect("a lane ends");
        }
    });
}

impl<'a> Lane<'a> {
    fn new(directory: PathBuf, watchdog: &'a Watchdog) -> Self {
        std::fs::create_dir(&directory).unwrap();
        let (foreign, root, stalker) = (Sibling::foreign(), Sibling::start(0), Sibling::foreign());
        Self { foreign, root, stalker, directory, number: 0, watchdog }
    }

    fn run(&mut self, case: Case) -> (Result<Ended, Vec<Broken>>, Finished, bool) {
        self.number += 1;
        let identity = IDENTITIES[case.identity];
        let base = self.directory.join(self.number.to_string());
        let scene = Scene::build(base, case.form, identity, case.attack().surface);
        let (old, new) = (format!("{CANARY}old-{}", self.number), format!("{CANARY}new-{}", self.number));
        if case.start == Start::AnOldOutput {
            let finished = self.call(&scene, identity, case, "old", &old).run(self.watchdog);
            let may_refuse = case.attack().surface == crate::scene::Surface::Sticky;
            assert!(finished.code == Some(0) || may_refuse, "the old output: {finished:?}");
        }
        let before = Before::look(&scene);
        let call = self.call(&scene, identity, case, "new", &new);
        let mut watcher = Watcher::default();
        as_foreign(|| watcher.begin(scene.base.clone()));
        let (finished, effective) = self.attacked(case, &scene, &call, &mut watcher);
        let watcher = as_foreign(|| watcher.end());
        let trial = Trial {
            attack: case.attack(),
            identity,
            scene: &scene,
            before: &before,
            finished: &finished,
            from_the_start: case.moment == Moment::Before && effective,
            late: match case.moment {
                Moment::Before => false,
                Moment::At(point) => finished.points.saturating_sub(point) <= after_last_look(case.form),
                Moment::Freely => true,
            },
            watcher: &watcher,
            value: &new,
        };
        let verdict = trial.judge();
        std::fs::remove_dir_all(&scene.base).unwrap();
        (verdict, finished, effective)
    }

    fn call<'c>(
        &self,
        scene: &'c Scene,
        identity: Identity,
        case: Case,
        config: &str,
        value: &'c str,
    ) -> Call<'c> {
        let volumes = self.directory.parent().unwrap();
        let kz = Box::leak(volumes.join("kz").into_boxed_path());
        let is_wait = matches!(case.attack().ending, Ending::Words(_));
        let timeout = if is_wait { "300ms" } else { "20s" };
        let (form, output) = match scene.form {
            Form::File => ("env", scene.at(".env")),
            Form::Set => ("files", scene.target()),
        };
        let config = scene.base.join(format!("{config}.toml")).display().to_string();
        let words = ["export", "--config", &config, "--timeout", timeout, "--format", form, "--output"];
        let mut arguments: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        arguments.push(output.display().to_string());
        arguments.extend(identity.options.iter().map(|&option| option.to_owned()));
        Call { identity, directory: &scene.base, kz, arguments, value }
    }

    fn attacked(
        &mut self,
        case: Case,
        scene: &Scene,
        call: &Call<'_>,
        watcher: &mut Watcher,
    ) -> (Finished, bool) {
        let Self { foreign, root, stalker, watchdog, .. } = self;
        let attacker = if case.attack().by == By::Root { root } else { foreign };
        let mut effective = false;
        let finished = match case.moment {
            Moment::Freely => {
                stalker.ask(&format!("stalk {}", scene.base.display()));
                attacker.attack("storm", case.attack, scene);
                let finished = call.run(watchdog);
                effective = attacker.ask("calm") == "ok";
                watcher.believe(&stalker.ask("calm"));
                finished
            }
            moment => {
                let at = if let Moment::At(point) = moment { Some(point) } else { None };
                if moment == Moment::Before {
                    effective = attacker.attack("plant", case.attack, scene);
                }
                call.step(watchdog, |stop| {
                    let reverts = stop.point == Some(at.map_or(0, |point| point.wrapping_add(1)));
                    let plants = at.is_some() && at == stop.point;
                    if plants {
                        effective = attacker.attack("plant", case.attack, scene);
                    } else if reverts && effective {
                        attacker.attack("revert", case.attack, scene);
                    }
                    if stop.changed || reverts || plants {
                        as_foreign(|| watcher.scan());
                    }
                })
            }
        };
        attacker.ask("release");
        (finished, effective)
    }
}

impl Results {
    fn add(&mut self, case: Case, verdict: Result<Ended, Vec<Broken>>, finished: &Finished, effective: bool) {
        *self.effects.entry(case.attack).or_default() += usize::from(effective);
        let tally = self.cells.entry((case.attack, case.column())).or_default();
        match verdict {
            Ok(Ended::Written) => tally.written += 1,
            Ok(Ended::Refused) => tally.refused += 1,
            Ok(Ended::Displaced) => tally.displaced += 1,
            Err(broken) => {
                tally.broken += 1;
                let has = |kind: fn(&Broken) -> bool| usize::from(broken.iter().any(kind));
                self.escapes += has(|one| matches!(one, Broken::Escape(_)));
                self.readers += has(|one| matches!(one, Broken::Reader(_)));
                self.hangs += has(|one| matches!(one, Broken::Hang));
                self.reports.push(format!("{}: {case:?}\n  {broken:?}\n  {finished:?}", case.attack().name));
            }
        }
    }
}

/// The table on stdout, what is wrong on stderr.
fn report(chosen: &[usize], results: &Results) -> ExitCode {
    println!(
        "\nruns: exit 0 / exit 4 / the attacker put something else in place, too late for kz to see it;"
    );
    println!("fs.protected_symlinks stands behind the identity");
    let settings = [0, 1].iter();
    let heads =
        settings.flat_map(|setting| IDENTITIES.map(|identity| format!("{}/{setting}", identity.name)));
    println!("{}", line("attack", heads));
    for &attack in chosen {
        let tally = |column| results.cells.get(&(attack, column)).copied().unwrap_or_default();
        println!("{}", line(ATTACKS[attack].name, (0..COLUMNS).map(|column| tally(column).cell())));
    }
    let count = |part: fn(&Tally) -> usize| results.cells.values().map(part).sum::<usize>();
    let runs = count(|tally| tally.written + tally.refused + tally.displaced + tally.broken);
    let broken = count(|tally| tally.broken);
    let Results { escapes, readers, hangs, .. } = results;
    println!(
        "{runs} runs, {escapes} escapes, {readers} wrong readers, {hangs} hangs; {broken} broke a promise"
    );
    let is_idle = |attack: &&usize| results.effects.get(*attack).is_none_or(|&number| number == 0);
    let idle: Vec<&str> = chosen.iter().filter(is_idle).map(|&attack| ATTACKS[attack].name).collect();
    for name in &idle {
        eprintln!("never had an effect: {name}");
    }
    for report in results.reports.iter().take(20) {
        eprintln!("{report}");
    }
    if broken == 0 && idle.is_empty() && runs > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(name: &str, cells: impl Iterator<Item = String>) -> String {
    let mut line = format!("{name:<52}");
    for cell in cells {
        let _ = write!(line, "{cell:>11}");
    }
    line
}

impl Tally {
    fn cell(self) -> String {
        if self.broken > 0 {
            return format!("BROKEN {}", self.broken);
        }
        format!("{}/{}/{}", self.written, self.refused, self.displaced)
    }
}
