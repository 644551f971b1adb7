//! `kz run --supervise` with real processes: signals, ends, orphans, rotations, and what CMD finds beside a plain `kz run`.

/// What is lent and changed: restarts, ends of credentials.
mod rotation;
/// Signals, with a terminal and without one.
mod signals;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n";

/// A program that writes down each signal that it gets, as often as it gets it, and ends by SIGTERM with 7.
const COUNTER: &str = "\
import os, signal, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
every = set(range(1, 65)) - {9, 17, 19, 32, 33}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
os.write(log, f'ready {os.getpid()}\\n'.encode())
while True:
    number = signal.sigwaitinfo(every).si_signo
    os.write(log, f'{number}\\n'.encode())
    if number == 15:
        sys.exit(7)
";

pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.file("counter.py", COUNTER);
    sandbox
}

/// Waits for a fact.
#[expect(clippy::print_stderr, reason = "a wait that does not end says for what")]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut looks = 0;
    while !is_so() {
        std::thread::sleep(std::time::Duration::from_millis(10));
        looks += 1;
        if looks == 1000 {
            eprintln!("still waiting: {what}");
        }
    }
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The process that wrote `ready PID` into this file, once it has.
fn ready(file: &Path) -> i32 {
    let pid = || lines(file).iter().rev().find_map(|line| line.strip_prefix("ready ")?.parse().ok());
    wait_for("the command is ready", || pid().is_some());
    pid().unwrap()
}

fn is_alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_some_and(|state| state != 'Z')
}

/// kz, supervising, started and not waited for, in a process group of its own.
fn start(sandbox: &Sandbox, options: &[&str], words: &[&str]) -> Child {
    use std::os::unix::process::CommandExt as _;
    let mut kz = Command::new(kz_binary());
    kz.args(["run", "--supervise"]).args(options).arg("--").args(words);
    kz.current_dir(sandbox.path("")).env("VALUE", "v").process_group(0);
    kz.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

fn number(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

/// The witness of a kz.
fn witness(kz: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{kz}/task/{kz}/children")).ok()?;
    let is_it = |pid: &&str| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "kz-witness" && is_alive(pid.parse().unwrap_or_default())
    };
    children.split_whitespace().find(is_it)?.parse().ok()
}

#[test]
fn kz_ends_as_the_command_does() {
    use std::os::unix::process::ExitStatusExt as _;
    let sandbox = sandbox();
    for words in ["exit 0", "exit 1", "exit 42", "exit 125", "exit 255"].map(str::to_owned).into_iter().chain(
        ["TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "PIPE", "ABRT", "SEGV", "RTMIN+3"]
            .map(|signal| format!("kill -{signal} $$")),
    ) {
        let ended = |first: &[&str], options: &[&str]| {
            let mut kz = Command::new("env");
            kz.args(["--default-signal"]).args(first).arg(kz_binary()).args(["-q", "run"]).args(options);
            kz.args(["--", "bash", "-c", &words]).env("VALUE", "v");
            sandbox.run(&mut kz).output.status
        };
        let (plain, supervised) = (ended(&[], &[]), ended(&[], &["--supervise"]));
        assert_eq!(supervised, plain, "{words}");
        // PID 1 cannot die of a signal.
        let init = ended(&["unshare", "--pid", "--fork"], &["--supervise"]);
        let expected = plain.code().or_else(|| Some(128 + plain.signal()?));
        assert_eq!(init.code(), expected, "{words}, as PID 1");
    }
}

#[test]
fn a_command_that_does_not_start_is_told_as_without_kz_beside_it() {
    let sandbox = sandbox();
    sandbox.file("script", "#!/no/such/interpreter\n");
    sandbox.mode("script", 0o755);
    sandbox.file("text", "no program\n");
    sandbox.mode("text", 0o755);
    sandbox.file("mode", "#!/bin/sh\n");
    for (command, code) in [
        ("/no/such", 127),
        ("no-such", 127),
        ("./script", 127),
        ("./text", 126),
        ("./mode", 126),
        ("/tmp", 126),
    ] {
        let run = |options: &[&str]| {
            let mut kz = Command::new(kz_binary());
            kz.arg("run").args(options).args(["--", command]).env("VALUE", "v");
            sandbox.run(&mut kz).expect_code(code)
        };
        assert_eq!(run(&["--supervise"]).stderr(), run(&[]).stderr(), "{command}");
    }
}

#[test]
fn the_command_finds_everything_as_without_kz_beside_it() {
    let sandbox = sandbox();
    let look = "grep -E '^(Sig(Blk|Ign|Cgt|Pnd)|ShdPnd|NoNewPrivs|Seccomp|Cap...|Groups|Uid|Gid|Umask|CoreDumping|Threads)' /proc/self/status; \
                ls /proc/self/fd; cat /proc/$$/limits /proc/$$/oom_score_adj /proc/$$/cgroup; readlink /proc/$$/cwd; \
                ps -o pgid=,sid=,nice=,tty= -p $$ | tr -s ' ' | sed \"s/\\b$PGID\\b/GROUP/\"; env | sort; umask";
    for option in ["--default-signal", "--ignore-signal", "--block-signal"] {
        for signal in ["PIPE", "TERM", "HUP", "CHLD", "USR1", "WINCH"] {
            let option = format!("{option}={signal}");
            let found = |options: &[&str]| {
                let mut env = Command::new("env");
                env.arg("--default-signal").arg(&option).arg(kz_binary()).args(["-q", "run"]).args(options);
                env.args(["--", "bash", "-c", look]).env("VALUE", "v").env("PGID", group().to_string());
                sandbox.run(&mut env).expect_code(0).stdout()
            };
            let (plain, supervised) = (found(&[]), found(&["--supervise"]));
            assert_eq!(supervised, plain, "{option}");
            assert!(plain.contains("GROUP"), "{plain}");
        }
    }
}

fn group() -> i32 {
    nix::unistd::getpgrp().as_raw()
}

/// The kernel gives what may dump core to its user, and the rest to root: neither kz nor the witness may, nor can another look
/// into them.
#[test]
fn neither_kz_nor_the_witness_can_be_looked_into() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = sandbox();
    sandbox.copy_kz();
    sandbox.mode("", 0o755);
    let log = sandbox.file("log", "");
    sandbox.mode("log", 0o666);
    let mut kz = Command::new("setpriv");
    kz.args(["--reuid=65534", "--regid=65534", "--clear-groups", "./kz", "-q", "run", "--supervise", "--"]);
    kz.args(["sh", "-c", "echo ready $$ >> log; while :; do sleep 1; done"]).env("VALUE", "v");
    let mut kz = kz.current_dir(sandbox.path("")).spawn().unwrap();
    let command = ready(&log);
    let owner = |pid: i32| std::fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid();
    let witness = witness(number(&kz)).expect("a witness");
    assert_eq!([number(&kz), witness, command].map(owner), [0, 0, 65534]);
    send(number(&kz), Signal::SIGTERM);
    kz.wait().unwrap();
}

/// Nothing but the command has the value: no word of kz's, and no argument of any process.
#[test]
fn a_value_is_in_the_environment_of_the_command_and_nowhere_else() {
    let sandbox = sandbox();
    let canary = crate::canary::canary();
    sandbox.file("a", &canary);
    sandbox.file(".keyzero.toml", "[secrets]\nA = { provider = \"file\", ref = \"a\" }\n");
    let script =
        "printf %s \"$A\" | tr a-z A-Z > got; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ps -e -o comm=";
    let mut kz = Command::new(kz_binary());
    kz.args(["-v", "run", "--supervise", "--watch", "1s", "--", "sh", "-c", script]);
    let run = sandbox.run(&mut kz).expect_code(0);
    assert!(
        run.stdout().contains("kz-witness") && run.stderr().contains("started `sh`"),
        "{}",
        run.describe()
    );
    assert_eq!(std::fs::read_to_string(sandbox.path("got")).unwrap(), canary.to_uppercase());
    crate::canary::assert_clean(&run, &canary);
}

#[test]
fn a_value_in_an_open_file_is_there() {
    let config = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\", deliver = \"fd\" }\n";
    let sandbox = Sandbox::with_config(config);
    let mut kz = Command::new(kz_binary());
    kz.args(["-q", "run", "--supervise", "--", "sh", "-c", "cat \"$A_FILE\""]).env("VALUE", "v");
    assert_eq!(sandbox.run(&mut kz).expect_code(0).stdout(), "v");
}

#[test]
fn as_pid_1_a_thousand_orphans_are_reaped() {
    let sandbox = sandbox();
    sandbox.file(
        "orphans.py",
        "import os, signal, time\n\
         for number in range(1000):\n\
         \x20   if os.fork() == 0:\n\
         \x20       if os.fork() == 0 and number % 10 == 0: os.kill(os.getpid(), 40)\n\
         \x20       os._exit(0)\n\
         \x20   os.wait()\n\
         def zombies():\n\
         \x20   for pid in filter(str.isdigit, os.listdir('/proc')):\n\
         \x20       try: yield open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] == 'Z'\n\
         \x20       except OSError: pass\n\
         def others(): return [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]\n\
         while any(zombies()) or len(others()) > 1: time.sleep(0.01)\n\
         print(sorted(open(f'/proc/{p}/comm').read().strip() for p in others()))\n",
    );
    let mut kz = Command::new("unshare");
    kz.args(["--pid", "--fork", "--mount-proc"]).arg(kz_binary());
    kz.args(["-q", "run", "--supervise", "--", "python3", "orphans.py"]).env("VALUE", "v");
    assert_eq!(sandbox.run(&mut kz).expect_code(0).stdout(), "['kz-witness']\n");
}

#[test]
fn the_command_ends_with_kz_however_that_ends() {
    let sandbox = sandbox();
    for (name, first) in [
        ("plain", &[][..]),
        ("another user", &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"][..]),
        ("it ignores the signal", &["env", "--ignore-signal=TERM"]),
    ] {
        let log = sandbox.file(&format!("log {name}"), "");
        sandbox.mode(&format!("log {name}"), 0o666);
        let words = "echo ready $$ >> \"$0\"; while :; do sleep 1; done";
        let script = ["sh", "-c", words, log.to_str().unwrap()];
        let mut kz = start(&sandbox, &["--stop-timeout", "200ms"], &[first, &script].concat());
        let command = ready(&log);
        // The one that takes the place of a witness does what that did.
        let first_witness = witness(number(&kz)).expect("a witness");
        send(first_witness, Signal::SIGKILL);
        wait_for("another witness", || witness(number(&kz)).is_some_and(|pid| pid != first_witness));
        let second = witness(number(&kz)).unwrap();
        // It has been told of the command when it has a descriptor of it beside its socket.
        let descriptors = || std::fs::read_dir(format!("/proc/{second}/fd")).map_or(0, Iterator::count);
        wait_for("it knows the command", || descriptors() == 2);
        send(number(&kz), Signal::SIGKILL);
        kz.wait().unwrap();
        wait_for(&format!("the command ends ({name})"), || !is_alive(command));
        wait_for("the witness ends", || !is_alive(second));
    }
}

#[test]
fn nothing_is_left_when_kz_has_ended() {
    let sandbox = sandbox();
    let mut kz = start(&sandbox, &[], &["python3", "counter.py", "log"]);
    let command = ready(&sandbox.path("log"));
    let witness = witness(number(&kz)).expect("a witness");
    send(number(&kz), Signal::SIGTERM);
    assert_eq!(kz.wait().unwrap().code(), Some(7));
    assert!(!is_alive(command) && !is_alive(witness));
}

#[test]
fn a_kernel_that_makes_no_process_is_told() {
    let sandbox = sandbox();
    sandbox.copy_kz();
    let mut kz = Command::new("setpriv");
    kz.args(["--reuid=64321", "--regid=64321", "--clear-groups", "prlimit", "--nproc=1", "./kz"]);
    kz.args(["run", "--supervise", "--", "true"]).env("VALUE", "v");
    sandbox.run(&mut kz).expect_code(75).expect_stderr(&["`true` cannot be started [KZ517]", "pids_limit"]);
}

/// Each number of descriptors up to what it takes: an error in words, and nothing stays.
#[test]
fn too_few_descriptors_are_told() {
    let sandbox = sandbox();
    let mut succeeded = false;
    for limit in 3..32 {
        let mut kz = Command::new("prlimit");
        kz.arg(format!("--nofile={limit}")).arg(kz_binary()).args(["-q", "run", "--supervise", "--", "true"]);
        let run = sandbox.run(kz.env("VALUE", "v"));
        succeeded = run.output.status.success();
        if !succeeded {
            run.expect_code(125).expect_stderr(&["too many open files", "[KZ118]", "nofile"]);
        }
    }
    assert!(succeeded);
}

#[test]
fn an_option_that_cannot_be_meant_says_what_can_be_typed() {
    let sandbox = sandbox();
    for (option, words) in [
        ("--on-change=reload", "`restart`, `exit`, or a signal as in `signal:HUP`"),
        ("--on-change=signal:KILL", "no program hears of that signal"),
        ("--on-change=signal:NONE", "TERM, QUIT or RTMIN+3"),
        ("--stop-signal=STOP", "no program ends by that signal"),
        ("--stop-signal=KILLED", "TERM, QUIT or RTMIN+3"),
        ("--stop-timeout=soon", "a time such as 60s"),
        ("--splay=-1s", "a time such as 60s"),
        ("--watch=10ms", "a time of at least 1s"),
    ] {
        let run = sandbox.kz(&["run", "--supervise", option, "--", "true"]).expect_code(125);
        let name = option.split('=').next().unwrap();
        run.expect_stderr(&["invalid value", name, words, "[KZ201]"]);
    }
}

#[test]
fn an_env_file_has_nothing_to_supervise() {
    let sandbox = sandbox();
    sandbox.file(".env", "A=v\n");
    let run = sandbox.kz(&["run", "--supervise", "--env-file", ".env", "--", "true"]).expect_code(125);
    run.expect_stderr(&["`--supervise`", "`--env-file`", "KZ202"]);
    for option in ["--on-change=exit", "--splay=1s", "--settle=1s", "--stop-signal=TERM"] {
        sandbox.kz(&["run", option, "--", "true"]).expect_code(125).expect_stderr(&["--supervise"]);
    }
}
