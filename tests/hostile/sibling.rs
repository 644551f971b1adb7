//! The processes beside kz: an attacker of a foreign uid, one of root as in another container, and the
//! watcher. They are this program again, in a role, and do what they are told, a line at a time.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::attack::{ATTACKS, Attack};
use crate::identity::FOREIGN;
use crate::scene::{Form, Scene};
use crate::step::become_uid;
use crate::watch::Watcher;

/// The role.
pub const ROLE: &str = "--sibling";

/// A running sibling.
#[derive(Debug)]
pub struct Sibling {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Sibling {
    /// As a uid.
    pub fn start(uid: u32) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([ROLE, &uid.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a sibling starts");
        let (to, from) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, to, from: BufReader::new(from) }
    }

    /// The attackers' uid.
    pub fn foreign() -> Self {
        Self::start(FOREIGN)
    }

    /// Says one line and waits for the answer.
    pub fn ask(&mut self, line: &str) -> String {
        let to = self.to.as_mut().expect("it is running");
        to.write_all(format!("{line}\n").as_bytes()).expect("it listens");
        let mut answer = String::new();
        self.from.read_line(&mut answer).expect("it answers");
        assert!(!answer.is_empty(), "a sibling ended at {line}");
        answer.trim_end().to_owned()
    }

    /// A line about an attack on a scene; whether it had an effect.
    pub fn attack(&mut self, verb: &str, attack: usize, scene: &Scene) -> bool {
        let Scene { base, form, uid } = scene;
        let answer = self.ask(&format!("{verb} {attack} {uid} {form:?} {}", base.display()));
        answer == "ok"
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

/// A sibling's life: until its stdin closes.
pub fn serve(words: &[String]) -> ExitCode {
    let uid: u32 = words[0].parse().unwrap();
    if uid != 0 {
        become_uid(uid);
    }
    // Files and directories of attackers are open to all.
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    let mut state = State::default();
    for line in io::stdin().lines() {
        let answer = state.answer(&line.unwrap());
        println!("{answer}");
        io::stdout().flush().unwrap();
    }
    ExitCode::SUCCESS
}

#[derive(Default)]
struct State {
    /// Locks that are held.
    held: Vec<File>,
    /// What runs freely; it answers when it is stopped.
    running: Option<(Arc<AtomicBool>, JoinHandle<String>)>,
}

impl State {
    fn answer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["release"] => {
                self.held.clear();
                "ok".to_owned()
            }
            ["stalk", base] => {
                self.running = Some(over_and_over(stalk(base.into())));
                "ok".to_owned()
            }
            ["calm"] => self.calm(),
            [verb, attack, uid, form, base] => {
                let form = if form == "File" { Form::File } else { Form::Set };
                let scene = Scene { base: PathBuf::from(base), form, uid: uid.parse().unwrap() };
                self.act(verb, &ATTACKS[attack.parse::<usize>().unwrap()], scene)
            }
            _ => panic!("{line}"),
        }
    }

    fn act(&mut self, verb: &str, attack: &'static Attack, scene: Scene) -> String {
        let done = match verb {
            "plant" => (attack.plant)(&scene, &mut self.held),
            "revert" => attack.revert.map_or(Ok(()), |revert| revert(&scene)),
            "storm" => {
                self.running = Some(over_and_over(storm(attack, scene)));
                Ok(())
            }
            _ => panic!("{verb}"),
        };
        done.map_or_else(|error| format!("failed: {error}"), |()| "ok".to_owned())
    }

    fn calm(&mut self) -> String {
        let Some((stop, thread)) = self.running.take() else { return "idle".to_owned() };
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap()
    }
}

/// Does it until told to stop, and answers then with what the last time came to.
fn over_and_over(mut work: impl FnMut() -> String + Send + 'static) -> (Arc<AtomicBool>, JoinHandle<String>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        loop {
            let answer = work();
            if stopped.load(Ordering::Relaxed) {
                return answer;
            }
        }
    });
    (stop, thread)
}

/// The attack and what takes it back, with no regard to what kz does; whether it ever had an effect.
fn storm(attack: &'static Attack, scene: Scene) -> impl FnMut() -> String {
    let mut effective = false;
    move || {
        effective |= (attack.plant)(&scene, &mut Vec::new()).is_ok();
        if let Some(revert) = attack.revert {
            let _ = revert(&scene);
        }
        if effective { "ok".to_owned() } else { "failed".to_owned() }
    }
}

/// The watcher, likewise.
fn stalk(base: PathBuf) -> impl FnMut() -> String {
    let mut watcher = Watcher::default();
    watcher.begin(base);
    move || watcher.scan()
}
