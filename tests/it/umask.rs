//! The umask changes no mode: neither one that takes everything nor one that takes nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use crate::delivery::listing;
use crate::support::{Run, Sandbox, kz_binary};

const CONFIG: &str = "[secrets]\n\
    A = { provider = \"env\", ref = \"VALUE\" }\n\
    B = { provider = \"env\", ref = \"VALUE\", file = \"deep/er/b\" }\n\
    C = { provider = \"env\", ref = \"VALUE\", mode = \"0440\" }\n";

fn export(sandbox: &Sandbox, (umask, uid): (&str, &str), format: &str, output: &str, value: &str) -> Run {
    let script = "umask $1 && exec setpriv --reuid $2 --regid $2 --clear-groups \
                  ./kz export --format $3 --output $4";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", umask, uid, format, output]).env("VALUE", value);
    sandbox.run(&mut command).expect_code(0)
}

fn modes(sandbox: &Sandbox, run: &Run) -> BTreeMap<String, u32> {
    let out = sandbox.path("out");
    let generation = std::fs::read_link(out.join("..data")).unwrap_or_else(|_| panic!("{}", run.describe()));
    let mode = |name: String| {
        let path = out.join(name.replace("GENERATION", generation.to_str().expect("text")));
        let metadata = path.symlink_metadata().unwrap_or_else(|error| panic!("{name}: {error}"));
        (!metadata.is_symlink()).then(|| (name, metadata.permissions().mode() & 0o7777))
    };
    listing(&out).into_iter().filter_map(mode).collect()
}

#[test]
fn modes_are_exact_whoever_exports() {
    for uid in ["0", "65532"] {
        for umask in ["0777", "0", "0022", "0277"] {
            let sandbox = Sandbox::with_config(CONFIG);
            sandbox.copy_kz();
            std::fs::create_dir(sandbox.path("out")).unwrap();
            sandbox.mode("out", 0o755);
            let number = uid.parse().expect("a uid");
            chown(sandbox.path("out"), Some(number), Some(number)).expect("tests run as root");
            let who = (umask, uid);
            // The first has to make everything, the second finds a lock, the third finds it right.
            for value in ["one", "two", "two"] {
                export(&sandbox, who, "files", "out", value);
                let run = export(&sandbox, who, "env", "out/.env", value);
                let expected = [
                    (".env", 0o400),
                    (".kz", 0o700),
                    (".kz/key", 0o400),
                    (".kz/lock", 0o600),
                    (".kz/manifest", 0o600),
                    ("GENERATION", 0o1755),
                    ("GENERATION/A", 0o400),
                    ("GENERATION/C", 0o440),
                    ("GENERATION/deep", 0o755),
                    ("GENERATION/deep/er", 0o755),
                    ("GENERATION/deep/er/b", 0o400),
                ];
                let expected = expected.map(|(name, mode)| (name.to_owned(), mode)).into();
                assert_eq!(modes(&sandbox, &run), expected, "umask {umask}, uid {uid}\n{}", run.describe());
            }
            let run = export(&sandbox, who, "files", "out", "two");
            run.expect_stderr(&["unchanged"]);
        }
    }
}

#[test]
fn a_mode_that_was_asked_for_is_exact_too() {
    let sandbox = Sandbox::with_config(CONFIG);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    for (number, mode) in ["0444", "0640", "0600", "0777"].into_iter().enumerate() {
        let output = format!("out/{number}");
        let script = "umask 0777 && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(kz_binary());
        command.args(["export", "--format", "env", "--mode", mode, "--output", &output]).env("VALUE", "v");
        let run = sandbox.run(&mut command).expect_code(0);
        let found = sandbox.path(&output).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(format!("{found:04o}"), mode, "{}", run.describe());
    }
}
