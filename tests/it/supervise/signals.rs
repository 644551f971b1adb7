//! Signals to a kz that supervises: each arrives at the command once, be it for kz or for the group, with a terminal and without one.
//! The command counts; the kernel, shells and terminals send.

use std::collections::BTreeMap;
use std::process::Command;

use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{is_alive, lines, number, ready, sandbox, send, start, wait_for};
use crate::support::kz_binary;

/// By number, since nix knows no real-time signals. 37 is SIGRTMIN+3.
const PASSED: [i32; 13] = [
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGALRM,
    34,
    37,
    50,
    64,
];

/// A Python program begins a shell of its own in a terminal, which it types to, and can tell the state of processes.
const SHELL: &str = "\
import os, pty, signal, sys, time
kz = sys.argv[1]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
def state(pid):
    try: return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0]
    except OSError: return ''
";

fn kill(pid: i32, signal: i32) {
    let status = Command::new("kill").args([&format!("-{signal}"), "--", &pid.to_string()]).status();
    assert!(status.unwrap().success(), "kill -{signal} -- {pid}");
}

fn counted(lines: &[String]) -> BTreeMap<i32, usize> {
    let mut counts = BTreeMap::new();
    for number in lines.iter().filter_map(|line| line.parse().ok()) {
        *counts.entry(number).or_default() += 1;
    }
    counts
}

/// Two of each: one to kz alone, one to its whole group.
#[test]
fn each_signal_arrives_once_be_it_for_kz_or_for_the_group() {
    let sandbox = sandbox();
    let log = sandbox.path("log");
    let mut kz = start(&sandbox, &[], &["python3", "counter.py", "log"]);
    ready(&log);
    let mut expected = BTreeMap::new();
    let had = |signal: i32| counted(&lines(&log)).get(&signal).copied().unwrap_or_default();
    for round in 0..3 {
        for (to, signal) in PASSED.iter().flat_map(|signal| [(1, *signal), (-1, *signal)]) {
            kill(to * number(&kz), signal);
            *expected.entry(signal).or_default() += 1;
            wait_for(&format!("{signal} to {to}, {round}"), || had(signal) >= expected[&signal]);
        }
    }
    // kz passes on in order: with this one, all others have arrived.
    kill(number(&kz), libc::SIGTERM);
    expected.insert(libc::SIGTERM, 1);
    assert_eq!(kz.wait().unwrap().code(), Some(7));
    assert_eq!(counted(&lines(&log)), expected);
}

/// One that SIGTERM does not end, so that a second one would be seen. SIGUSR2 ends it.
fn patient() -> String {
    super::COUNTER.replace("number == 15", "number == 12")
}

#[test]
fn a_request_to_stop_arrives_once_be_it_for_kz_or_for_the_group() {
    let sandbox = sandbox();
    sandbox.file("patient.py", patient());
    let log = sandbox.path("log");
    for signal in [libc::SIGTERM, libc::SIGQUIT] {
        let _ = std::fs::remove_file(&log);
        let option = format!("--stop-signal={signal}");
        let mut kz = start(&sandbox, &[&option], &["python3", "patient.py", "log"]);
        ready(&log);
        let had = || counted(&lines(&log)).get(&signal).copied().unwrap_or_default();
        for (count, to) in [(1, 1), (2, -1), (3, 1), (4, -1)] {
            kill(to * number(&kz), signal);
            wait_for(&format!("{signal} to {to}"), || had() >= count);
        }
        kill(number(&kz), libc::SIGUSR2);
        assert_eq!(kz.wait().unwrap().code(), Some(7));
        assert_eq!(counted(&lines(&log)), BTreeMap::from([(signal, 4), (libc::SIGUSR2, 1)]));
    }
}

#[test]
fn a_kz_that_was_stopped_goes_on_and_passes_on_what_came_meanwhile() {
    let sandbox = sandbox();
    let log = sandbox.path("log");
    let mut kz = start(&sandbox, &[], &["python3", "counter.py", "log"]);
    ready(&log);
    // The whole group, with the witness, and then kz alone.
    for to in [-number(&kz), number(&kz)] {
        kill(to, libc::SIGSTOP);
        kill(number(&kz), libc::SIGUSR1);
        kill(to, libc::SIGCONT);
    }
    wait_for("SIGUSR1 twice", || counted(&lines(&log)).get(&libc::SIGUSR1) == Some(&2));
    kill(-number(&kz), libc::SIGSTOP);
    kill(number(&kz), libc::SIGCONT);
    wait_for("kz has others go on with it", || counted(&lines(&log)).get(&libc::SIGCONT) == Some(&3));
    kill(number(&kz), libc::SIGTERM);
    assert_eq!(kz.wait().unwrap().code(), Some(7));
    let expected = BTreeMap::from([(libc::SIGUSR1, 2), (libc::SIGCONT, 3), (libc::SIGTERM, 1)]);
    assert_eq!(counted(&lines(&log)), expected);
}

/// What a terminal sends goes to kz and to the command; what somebody sends to kz goes to kz. A terminal that goes away tells the
/// leader of its session alone, which is kz.
#[test]
fn with_a_terminal_each_signal_arrives_once() {
    let sandbox = sandbox();
    sandbox.file("patient.py", patient());
    sandbox.file(
        "terminal.py",
        "\
import fcntl, os, pty, signal, struct, sys, termios, time
kz, log = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(kz, [kz, '-q', 'run', '--supervise', '--', 'python3', 'patient.py', log])
def lines():
    try: return open(log).read().split('\\n')[:-1]
    except OSError: return []
def until(fact):
    while not fact(): time.sleep(0.01)
until(lines)
expected = {}
def one(number):
    expected[number] = expected.get(number, 0) + 1
    until(lambda: lines().count(str(number)) >= expected[number])
for turn in range(3):
    for key, number in [(b'\\x03', 2), (b'\\x1c', 3), (b'\\x1a', 20)]:
        os.write(terminal, key)
        one(number)
        # Two of one number that wait at the same time are one to the kernel.
        until(lambda: 'ShdPnd:\\t0000000000000000' in open(f'/proc/{pid}/status').read())
        os.kill(pid, number)
        one(number)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 40 + turn, 80, 0, 0))
    one(28)
    for number in [1, 2, 3, 10, 15, 18, 20, 28, 37]:
        for to in [pid, -pid]:
            until(lambda: 'ShdPnd:\t0000000000000000' in open(f'/proc/{pid}/status').read())
            os.kill(to, number)
            one(number)
os.close(terminal)
one(1)
one(18)
os.kill(pid, 12)
one(12)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
got = {number: lines().count(str(number)) for number in range(1, 65) if str(number) in lines()}
print(code, got == expected, got, expected)
",
    );
    let mut python = Command::new("python3");
    python.arg("terminal.py").arg(kz_binary()).arg("log").env("VALUE", "v");
    let run = sandbox.run(&mut python).expect_code(0);
    assert!(run.stdout().starts_with("7 True"), "{}", run.describe());
}

#[test]
fn a_shell_stops_it_and_has_it_go_on() {
    let sandbox = sandbox();
    sandbox.file(
        "shell.py",
        [
            SHELL,
            "\
def until(fact):
    while not fact():
        time.sleep(0.001)
        try: os.read(terminal, 65536)
        except BlockingIOError: pass
os.set_blocking(terminal, False)
def word(name):
    try: return open(name).read().strip()
    except OSError: return ''
os.write(terminal, f'{kz} -q run --supervise -- sh -c \"echo \\\\$\\\\$ > command; echo \\\\$PPID > kz; exec sleep 1000\"\\n'.encode())
until(lambda: word('kz'))
both = [int(word('command')), int(word('kz'))]
# As fast as no one types: a stop comes while kz is still asking who else was continued.
for turn in range(50):
    os.write(terminal, b'\\x1a')
    until(lambda: [state(p) for p in both] == ['T', 'T'])
    os.write(terminal, b'fg\\n')
    until(lambda: all(state(p) in 'SR' for p in both))
os.write(terminal, b'\\x03')
until(lambda: all(state(p) in 'ZX' for p in both))
os.write(terminal, b'echo $? > code\\n')
until(lambda: word('code'))
print(word('code'))
",
        ]
        .concat(),
    );
    let mut python = Command::new("python3");
    python.arg("shell.py").arg(kz_binary()).env("VALUE", "v");
    let run = sandbox.run(&mut python).expect_code(0);
    assert_eq!(run.stdout(), "130\n", "{}", run.describe());
}

/// The command is in the foreground of its terminal, and reads it. In the background of one that stops who writes to it (`stty tostop`),
/// what kz says stops nobody, as without kz nothing would.
#[test]
fn a_terminal_is_read_by_the_command_and_stops_nobody_for_what_kz_says() {
    let sandbox = sandbox();
    sandbox.file(
        "background.py",
        [
            SHELL,
            "\
def until(fact):
    while not fact(): time.sleep(0.01)
def words(name):
    try: return open(name).read().split()
    except OSError: return []
def type(line): os.write(terminal, line.encode() + b'\\n')
type(f'{kz} -q run --supervise -- sh -c \"echo up > up; read line; echo \\$line > typed\"')
until(lambda: words('up'))
type('hello')
until(lambda: words('typed') == ['hello'])
open('a', 'w').write('one')
open('.keyzero.toml', 'w').write('[secrets]\\nA = { provider = \"file\", ref = \"a\" }\\n')
type('stty tostop')
type(f'{kz} run --supervise --watch 1s --settle 50ms -- sh -c \"echo \\$\\$ \\$PPID > \\$A; while :; do sleep 1; done\" &')
until(lambda: len(words('one')) == 2)
open('a', 'w').write('two')
until(lambda: len(words('two')) == 2)
both = [int(pid) for pid in words('two')]
print([state(pid) not in ('T', 'Z', '') for pid in both], words('one')[1] == words('two')[1])
os.kill(both[1], 15)
until(lambda: all(state(pid) in 'ZX' for pid in both))
",
        ]
        .concat(),
    );
    let mut python = Command::new("python3");
    python.arg("background.py").arg(kz_binary()).env("VALUE", "v");
    let run = sandbox.run(&mut python).expect_code(0);
    assert_eq!(run.stdout(), "[True, True] True\n", "{}", run.describe());
}

/// As an engine does it: the signal to PID 1 of a container, and a wait for its end.
#[test]
fn as_pid_1_a_request_to_stop_reaches_the_command() {
    let sandbox = sandbox();
    let log = sandbox.path("log");
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--kill-child"]).arg(kz_binary());
    unshare.args(["-q", "run", "--supervise", "--", "python3", "counter.py", "log"]);
    unshare.current_dir(sandbox.path("")).env("VALUE", "v");
    let mut unshare = unshare.spawn().unwrap();
    wait_for("the command", || !lines(&log).is_empty());
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", unshare.id())).unwrap();
    let kz: i32 = children.trim().parse().unwrap();
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        send(kz, signal);
        wait_for("passed on", || lines(&log).contains(&(signal as i32).to_string()));
    }
    send(kz, Signal::SIGTERM);
    assert_eq!(unshare.wait().unwrap().code(), Some(7));
    assert_eq!(counted(&lines(&log)), BTreeMap::from([(1, 1), (10, 1), (15, 1)]));
}

#[test]
fn a_command_that_takes_its_time_is_killed_only_where_a_time_is_said() {
    use std::os::unix::process::ExitStatusExt as _;
    let sandbox = sandbox();
    let words = "trap 'echo asked >> log' TERM; echo ready $$ >> log; while :; do sleep 0.05; done";
    for (options, is_killed) in [(&[][..], false), (&["--stop-timeout", "100ms"], true)] {
        let _ = std::fs::remove_file(sandbox.path("log"));
        let mut kz = start(&sandbox, options, &["sh", "-c", words]);
        let command = ready(&sandbox.path("log"));
        send(number(&kz), Signal::SIGTERM);
        wait_for("it is asked", || lines(&sandbox.path("log")).contains(&"asked".to_owned()));
        if !is_killed {
            assert!(is_alive(command));
            nix::sys::signal::kill(Pid::from_raw(command), Signal::SIGKILL).unwrap();
        }
        let output = kz.wait().unwrap();
        assert_eq!(output.signal(), Some(9), "{options:?}");
    }
}
