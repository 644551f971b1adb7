//! What kz is started with: signals that are ignored or blocked, standard descriptors that are closed or do not
//! block, limits of file sizes, descriptors and memory, calls that a seccomp profile forbids. CMD finds it as kz did, and no
//! limit ends kz otherwise than by an error.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::delivery::{Delivery, Form, assert_unchanged, listing, snapshot};
use crate::strace::{inject, points_of_memory, trace};
use crate::support::{Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\nA = { provider = \"env\", ref = \"VALUE\" }\n";
const FORMS: [Form; 2] = [Form::File, Form::Set];

/// kz behind a shell that does `first` with itself.
fn behind(first: &str, words: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" {words}")]).arg(kz_binary()).env("VALUE", "v");
    shell
}

#[test]
fn cmd_finds_each_signal_ignored_or_blocked_as_kz_did() {
    let sandbox = Sandbox::with_config(CONFIG);
    let grep = ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"];
    for option in ["--default-signal", "--ignore-signal", "--block-signal"] {
        for signal in ["PIPE", "XFSZ", "TERM", "INT", "HUP", "QUIT", "CHLD", "USR1"] {
            let option = format!("{option}={signal}");
            let kz = kz_binary();
            let kz = [kz.to_str().unwrap(), "-q", "run", "--"];
            for first in [&[][..], &["unshare", "--pid", "--fork"]] {
                let started = |with: &[&str]| {
                    let mut env = Command::new("env");
                    env.arg("--default-signal").arg(&option).args(first).args(with).args(grep);
                    sandbox.run(env.env("VALUE", "v")).expect_code(0)
                };
                let (plain, run) = (started(&[]), started(&kz));
                assert_eq!(run.stdout(), plain.stdout(), "{option}\n{}", run.describe());
            }
        }
    }
}

#[test]
fn where_sigpipe_is_ignored_a_reader_that_has_gone_is_an_error() {
    let sandbox = Sandbox::with_config(CONFIG);
    let mut kz = Command::new("env");
    kz.arg("--ignore-signal=PIPE").arg(kz_binary()).args(["export", "--format", "json"]);
    kz.current_dir(sandbox.path("")).env("VALUE", "v").stdout(std::io::pipe().unwrap().1);
    let output = kz.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("caused by: broken pipe"), "{output:?}");
}

#[test]
fn a_limit_of_file_sizes_is_like_a_full_disk() {
    for form in FORMS {
        let delivery = Delivery::new(form, 2);
        let limited = |value: &str| delivery.export_behind(&["prlimit", "--fsize=8"], value);
        let first = limited(&"n".repeat(5000)).expect_code(4);
        assert!(listing(&delivery.out()).is_empty(), "{}", first.describe());
        delivery.export("old").expect_code(0);
        let before = snapshot(&delivery.out());
        let run = limited(&"n".repeat(5000)).expect_code(4);
        assert_unchanged(&before, &delivery.out(), &run);
        run.expect_stderr(&["file too large", "`ulimit -f`"]);
    }
    let sandbox = Sandbox::with_config(CONFIG);
    let run = sandbox.run(&mut behind("ulimit -f 0", "export --format json > printed")).expect_code(4);
    run.expect_stderr(&["cannot write to stdout", "caused by: file too large"]);
}

#[test]
fn a_stdout_that_takes_nothing_is_an_error() {
    let sandbox = Sandbox::with_config(CONFIG);
    for redirection in [">&-", "1< /dev/null", "> /dev/full", ">&- <&- 2>&-"] {
        for words in ["export --format json", "export --format env", "schema", "--version", "export --help"] {
            let run = sandbox.run(&mut behind(":", &format!("{words} {redirection}"))).expect_code(4);
            assert_eq!(run.stdout(), "", "{}", run.describe());
        }
    }
    // A file was asked for: stdout has no part in it.
    let run = sandbox.run(&mut behind(":", "export --format env --output .env >&-"));
    run.expect_code(0);
}

#[test]
fn what_is_written_never_lands_in_the_place_of_a_closed_descriptor() {
    for form in FORMS {
        let delivery = Delivery::new(form, 2);
        let arguments = delivery.arguments().join(" ");
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
            let run =
                delivery.sandbox.run(&mut behind(":", &format!("-v {arguments} {closed}"))).expect_code(0);
            delivery.assert_holds("v", &run);
        }
    }
}

#[test]
fn a_stdout_and_a_stderr_that_do_not_block_get_every_byte() {
    let sandbox = Sandbox::with_config(CONFIG);
    let value = "x".repeat(120_000);
    let pipe = || {
        let (reader, writer) = std::io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        (reader, writer)
    };
    let ((mut stdout, out), (mut stderr, err)) = (pipe(), pipe());
    // Beyond what a pipe holds, on stderr as well: every unknown name is listed.
    let mut kz = Command::new(kz_binary());
    kz.args(["export", "--format", "json"]).current_dir(sandbox.path("")).env_clear().env("VALUE", &value);
    let mut child = kz.stdout(out).stderr(Stdio::null()).spawn().unwrap();
    drop(kz);
    let mut printed = String::new();
    stdout.read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success() && printed.contains(&value), "{} bytes", printed.len());

    let line = |number| format!("A{number} = {{ provider = \"none-of-the-known\" }}\n");
    let names: Vec<String> = (0..3000).map(line).collect();
    let broken = Sandbox::with_config(&format!("[secrets]\n{}", names.concat()));
    let mut kz = Command::new(kz_binary());
    let mut child = kz.arg("validate").current_dir(broken.path("")).env_clear().stderr(err).spawn().unwrap();
    drop(kz);
    // It fills the pipe and has to wait.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(said.len() > 100_000 && said.contains("A2999") && said.ends_with('\n'), "{} bytes", said.len());
}

#[test]
fn a_limit_of_descriptors_is_told_for_what_it_is() {
    let sandbox = Sandbox::with_config(CONFIG);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    let mut successes = 0;
    for limit in 3..=12 {
        for words in [
            "run -- /bin/true",
            "export --format env --output out/.env",
            "export --format files --output out",
            "export --format json",
        ] {
            let run = sandbox.run(&mut behind(&format!("ulimit -n {limit}"), words));
            let (code, said) = (run.output.status.code(), run.stderr());
            let is_told = matches!(code, Some(1 | 2 | 4 | 125)) && said.contains("too many open files")
                || matches!(code, Some(1 | 2 | 4 | 125)) && said.to_lowercase().contains("descriptors");
            assert!(code == Some(0) || is_told, "{limit} {words}\n{}", run.describe());
            assert!(
                !said.contains("internal error") && !said.contains("working directory"),
                "{}",
                run.describe()
            );
            successes += usize::from(code == Some(0));
        }
    }
    assert!(successes >= 20, "{successes} of 40");
}

/// An injection for every call of that name.
fn denied(calls: &[&str], error: &str) -> Vec<String> {
    let mut words: Vec<String> = ["strace", "-f", "-qq", "-o", "/dev/null"].map(String::from).into();
    for call in calls {
        words.extend(["-e".to_owned(), format!("inject={call}:error={error}")]);
    }
    words
}

#[test]
fn variables_files_and_age_need_no_event_loop() {
    for form in FORMS {
        let delivery = Delivery::new(form, 2);
        let words = denied(&["socketpair", "epoll_create1", "eventfd2", "memfd_create"], "EPERM");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = delivery.export_behind(&words, "new").expect_code(0);
        delivery.assert_holds("new", &run);
    }
}

#[test]
fn without_random_bytes_or_sleep_there_is_an_exit_code_and_no_debris() {
    for form in FORMS {
        // What Rust's own tables and its start do without an answer other than EPERM and ENOSYS is theirs.
        for (calls, error) in [
            (&["getrandom"][..], "EPERM"),
            (&["getrandom"], "ENOSYS"),
            (&["clock_nanosleep"], "EINVAL"),
            (&["clock_nanosleep"], "EPERM"),
        ] {
            let delivery = Delivery::new(form, 2);
            delivery.export("old").expect_code(0);
            let words = denied(calls, error);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let run = delivery.export_behind(&words, "new");
            assert!(matches!(run.output.status.code(), Some(0 | 1 | 4)), "{calls:?}\n{}", run.describe());
            delivery.assert_is_clean(&run);
        }
    }
}

#[test]
fn a_limit_of_memory_ends_kz_by_its_exit_code_with_the_old_output_whole() {
    for form in FORMS {
        let delivery = Delivery::new(form, 40);
        delivery.export("old").expect_code(0);
        let (mut failures, mut successes) = (0, 0);
        let least = std::fs::metadata(kz_binary()).unwrap().len() >> 10;
        for kib in (least - 1_000..least + 20_000).step_by(500) {
            let limit = format!("--as={}", kib * 1024);
            let value = format!("{kib}{}", "n".repeat(120_000));
            let run = delivery.export_behind(&["prlimit", &limit], &value);
            match run.output.status.code() {
                Some(0) => successes += 1,
                Some(1 | 2 | 4 | 125) => failures += 1,
                // The kernel itself, or Rust's runtime, had no room to begin in.
                _ if run.output.status.signal().is_some()
                    && !run.stderr().contains("kz: ")
                    && successes == 0 =>
                {
                    continue;
                }
                _ => panic!("{kib} KiB\n{}", run.describe()),
            }
            delivery.assert_is_clean(&run);
        }
        assert!(failures >= 1 && successes >= 1, "{form:?}: {failures} failures, {successes} successes");
    }
}

/// Each call of an export that asks the system for memory is refused once.
#[test]
fn memory_that_ends_in_the_middle_of_an_export_leaves_no_debris() {
    for form in FORMS {
        let delivery = Delivery::new(form, 20);
        delivery.export("old").expect_code(0);
        let mut memory = points_of_memory(&trace(&delivery, &"n".repeat(50_000)));
        memory.retain(|point| point.in_target);
        delivery.export("old").expect_code(0);
        assert!(!memory.is_empty(), "{form:?} asks for no memory");
        for (index, point) in memory.iter().enumerate() {
            let run = inject(&delivery, "error=ENOMEM", point, &format!("{index}{}", "n".repeat(50_000)));
            assert!(
                matches!(run.output.status.code(), Some(0 | 1 | 4 | 125)),
                "{point:?}\n{}",
                run.describe()
            );
            delivery.assert_is_clean(&run);
        }
    }
}
