//! The advice of `kz doctor` for Compose files is followed and then run: each broken file, corrected as doctor says until it
//! finds nothing, is accepted by Compose v2 and started on the engine, and its readers have exactly the values that they were
//! to have. kz's image is the real one; every other image is one small stand-in (`stand-ins/reader`), as the uid that the
//! vendor's has. Many stacks are one project, with names of their own, so that all of them take little more than a minute.
//!
//! What a reader is to have is read off the corrected file: for `NAME_FILE` the variable and the file, behind `.` and
//! `--env-file` every secret as a variable, for a healthcheck its file. `HERE` says what becomes of the others, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::advice_stage::{Project, added, compose, is_exporter, reader_image, words};
use crate::advised::files;
use crate::advised::stack::{Finding, Stack};
use crate::engine::{docker, encrypt, give};

/// What becomes of a broken file, where that is not to be read off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is not run, and why.
    Not(&'static str),
    /// What it has of its own is newer than this Compose v2 (2.26), which says so.
    Refused(&'static str),
}

/// Files that are followed and accepted by Compose, and not run or not looked at from inside a reader.
const HERE: &[(&str, Fate)] = &[
    ("build-argument-list", Fate::Not(NO_READER)),
    ("build-argument", Fate::Not(NO_READER)),
    ("cannot-read-image-uid", Fate::Not(NO_READER)),
    ("cannot-read-several", Fate::Not(NO_READER)),
    ("dollar-variable", Fate::Not(NO_READER)),
    ("empty-arguments-without-name", Fate::Not(NO_READER)),
    ("env-file-with-credential", Fate::Not(NO_READER)),
    ("file-unread", Fate::Not(NO_READER)),
    ("healthcheck-secret-not-given", Fate::Not(NO_READER)),
    ("no-shell", Fate::Not(NO_READER)),
    ("nobody-reads", Fate::Not(NO_READER)),
    ("path-as-value-of-compose", Fate::Not(NO_READER)),
    ("secret-not-given", Fate::Not(NO_READER)),
    ("target-is-a-directory", Fate::Not(NO_READER)),
    ("target-is-a-mount", Fate::Not(NO_READER)),
    ("secret-almost-given", Fate::Not(NO_READER)),
    ("secret-almost-defined", Fate::Not(NO_READER)),
    ("secret-not-there", Fate::Not(NO_READER)),
    ("secret-is-a-directory", Fate::Not(NO_READER)),
    ("not-substituted", Fate::Not(NO_READER)),
    ("not-substituted-string", Fate::Not(NO_READER)),
    ("dollar-behind-tini", Fate::Not(NO_READER)),
    ("guest", Fate::Not(NO_READER)),
    ("one-word", Fate::Not(NO_READER)),
    ("filled-in-command", Fate::Not(NO_READER)),
    ("default-credential-in-command", Fate::Not(NO_READER)),
    ("credential-of-a-client", Fate::Not(NO_READER)),
    ("hook-in-command", Fate::Not(NO_READER)),
    ("env-file-with-example", Fate::Not(NO_READER)),
    ("credential-in-two-words", Fate::Not(NO_READER)),
    ("credential-in-script", Fate::Not(NO_READER)),
    ("credential-in-healthcheck", Fate::Not(NO_READER)),
    ("credential-before-command", Fate::Not(NO_READER)),
    ("inline-config", Fate::Not(NO_READER)),
    ("inline-config-of-keys", Fate::Not(NO_READER)),
    ("inline-config-of-json", Fate::Not(NO_READER)),
    ("env-file-with-credential-list", Fate::Refused("unsupported env_file format \"raw\"")),
    ("needed-not-mounted-vault", Fate::Not("its Vault has a certificate that a test would have to sign")),
    ("own-credential", Fate::Not(NO_SERVER)),
    ("literal-token-of-kz", Fate::Not(NO_SERVER)),
    ("own-credential-of-env-file", Fate::Not(NO_SERVER)),
    ("own-secret-id-of-env-file", Fate::Not(NO_SERVER)),
    ("own-keys-of-env-file", Fate::Not(NO_SERVER)),
    ("own-token-of-run-of-env-file", Fate::Not(NO_SERVER)),
    ("needed-not-there-token", Fate::Not(NO_SERVER)),
    ("needed-not-there-certificate", Fate::Not(NO_SERVER)),
    ("no-network", Fate::Not(NO_SERVER)),
    ("no-network-of-aws", Fate::Not(NO_SERVER)),
    ("no-network-of-run", Fate::Not(NO_SERVER)),
    ("needed-not-mounted-token", Fate::Not(NO_SERVER)),
    ("skip-verify", Fate::Not(NO_SERVER)),
    ("skip-verify-of-bao", Fate::Not(NO_SERVER)),
    ("own-address", Fate::Not(NO_SERVER)),
    ("own-address-of-host", Fate::Not(NO_SERVER)),
    ("own-address-list", Fate::Not(NO_SERVER)),
    ("no-scheme", Fate::Not(NO_SERVER)),
    ("no-scheme-list", Fate::Not(NO_SERVER)),
    ("no-scheme-of-agent", Fate::Not(NO_SERVER)),
    ("quoted-address", Fate::Not(NO_SERVER)),
    ("run-in-script", Fate::Not(NO_SERVER)),
];

/// Where what is corrected is not about a reader's secret, or takes a secret away from who had no way to read it.
const NO_READER: &str = "nobody reads a secret in it when it is corrected: it is accepted by Compose";
const NO_SERVER: &str = "what is corrected is how a server is reached that the file does not have";

/// So many stacks are one project.
const TOGETHER: usize = 48;

/// A broken file, corrected.
struct Corrected {
    name: String,
    /// What it mounts lies in there.
    _directory: Stack,
    codes: Vec<String>,
    /// As Compose v2 understands it.
    project: Value,
    /// What a secret is, by its name, of each configuration on the host.
    values: BTreeMap<PathBuf, BTreeMap<String, String>>,
}

/// What somebody is to have.
#[derive(Debug)]
struct Expected {
    service: String,
    /// The variable of its first process, or the path of a file.
    place: String,
    value: String,
}

/// The Compose files among the broken ones.
fn broken() -> Vec<PathBuf> {
    let is_compose = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a file");
        text.lines().any(|line| line == "services:")
    };
    files("tests/doctor", 0).into_iter().filter(is_compose).collect()
}

/// Follows all advice for a file, with a real age, and puts values in the place of the backends that it names.
/// By its name, what Compose says of one that it refuses.
fn corrected(file: &Path) -> Result<Corrected, (String, String)> {
    let mut stack = Stack::of(file);
    for stand_in in ["bin/age", "bin/age-keygen"] {
        std::fs::remove_file(stack.sandbox.path(stand_in)).expect("the stand-in of age");
    }
    let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let value = |secret: &str| format!("{secret}'s value # of {name}, 100 %");
    let dotenv = format!("POSTGRES_PASSWORD=\"{}\"\n", value("POSTGRES_PASSWORD"));
    for placeholder in ["identity.txt", "secrets.env.age"] {
        std::fs::remove_file(stack.sandbox.path(placeholder)).expect("a placeholder");
    }
    encrypt(&stack.sandbox, "identity.txt", "secrets.env.age", &dotenv);
    // The same identity, in a file that kz cannot read yet.
    let identity = std::fs::read(stack.sandbox.path("identity.txt")).expect("an identity");
    std::fs::write(stack.sandbox.path("closed.txt"), identity).expect("a file");
    for plain in ["secrets.env", "other.env"] {
        stack.sandbox.file(plain, &dotenv);
    }
    // What the stack has of its own, and doctor has nothing to say about.
    stack.sandbox.file("app.env", "LOG_LEVEL=info\n");
    let mut codes = Vec::new();
    let mut found: Vec<Finding> = stack.findings();
    while let Some(first) = found.first().cloned() {
        stack.follow(&first);
        codes.push(first.code);
        found = stack.findings();
        assert!(stack.asked < 24, "{name}: {codes:?}");
    }
    let mut values: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
    // A directory of the host that the exporter may write to, where a file names one.
    std::fs::create_dir_all(stack.sandbox.path("run")).expect("a directory");
    for entry in std::fs::read_dir(stack.sandbox.path(".")).expect("the directory").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).expect("a configuration");
            let of_it = values.entry(path.clone()).or_default();
            std::fs::write(&path, filled_in(&text, value, of_it)).expect("a configuration");
        }
        // What a person pastes.
        if path.is_file() && path.metadata().expect("a file").len() == 0 {
            std::fs::write(&path, "pasted-by-a-person\n").expect("a file");
        }
        give(&path, 999);
    }
    let run = stack.sandbox.run(compose().args([
        "--profile",
        "*",
        "-f",
        "stack.yaml",
        "config",
        "--format",
        "json",
    ]));
    if run.output.status.code() != Some(0) {
        let words = format!("{name}, corrected by {codes:?}: {}", run.stderr());
        return Err((name, words));
    }
    let project: Value = serde_json::from_slice(&run.output.stdout).expect("what Compose makes of it");
    // Secrets of Compose's that are none of kz's.
    for file in
        project["secrets"].as_object().into_iter().flatten().filter_map(|(_, secret)| secret["file"].as_str())
    {
        if !Path::new(file).exists() {
            std::fs::write(file, "of-the-stack").expect("a file");
        }
    }
    Ok(Corrected { name, _directory: stack, codes, project, values })
}

/// The configuration with a value for every secret of a Vault, and for every one that still has to be written.
fn filled_in(text: &str, value: impl Fn(&str) -> String, values: &mut BTreeMap<String, String>) -> String {
    let line = |line: &str| {
        let Some((name, rest)) = line.split_once(" = { ").filter(|(name, _)| !name.contains(['[', '.']))
        else {
            return line.to_owned();
        };
        if !rest.contains("ref = ") {
            return line.to_owned();
        }
        values.insert(name.to_owned(), value(name));
        if rest.contains("\"age\"") {
            return line.to_owned();
        }
        let file = rest.split_once("file = \"").and_then(|(_, rest)| rest.split('"').next());
        let file = file.map(|file| format!(", file = \"{file}\"")).unwrap_or_default();
        let mode = rest.split_once("mode = \"").and_then(|(_, rest)| rest.split('"').next());
        let mode = mode.map(|mode| format!(", mode = \"{mode}\"")).unwrap_or_default();
        format!(
            "{name} = {{ provider = \"env\", ref = \"KZ_E2E_NOTHING\", default = '''{}'''{file}{mode} }}",
            value(name)
        )
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// The secrets of the configurations that the stack mounts.
fn secrets(one: &Corrected) -> BTreeMap<String, String> {
    let services = one.project["services"].as_object().expect("services").values();
    let mounts = services.filter_map(|service| service["volumes"].as_array()).flatten();
    let sources = mounts.filter_map(|mount| mount["source"].as_str().map(PathBuf::from));
    let configured = sources.filter_map(|source| one.values.get(&source));
    configured.flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Who mounts a volume of the project that somebody exports to, or is given a secret by Compose.
fn expected(one: &Corrected) -> Vec<Expected> {
    let services = one.project["services"].as_object().expect("services");
    let secrets = secrets(one);
    let mut all = Vec::new();
    for (name, service) in services.iter().filter(|(_, service)| !is_exporter(service)) {
        let mut expect = |place: &str, value: String| {
            all.push(Expected { service: name.clone(), place: place.to_owned(), value });
        };
        let is_below = |path: &str| {
            let volumes = service["volumes"].as_array();
            let targets = volumes.into_iter().flatten().filter(|volume| volume["type"] != "tmpfs");
            let mut targets = targets.filter_map(|volume| volume["target"].as_str());
            targets.any(|target| path.starts_with(target))
        };
        let own = |path: &str| {
            let file = path.rsplit('/').next().expect("a name");
            let upper = if file == "password" { "POSTGRES_PASSWORD" } else { file };
            secrets.get(upper).cloned()
        };
        let runs_kz = words(service).iter().any(|word| word.ends_with("kz"));
        for (variable, path) in service["environment"].as_object().into_iter().flatten() {
            let path = path.as_str().unwrap_or_default();
            let stem = variable.strip_suffix("__FILE").or_else(|| variable.strip_suffix("_FILE"));
            if let (Some(stem), true, false) = (stem, is_below(path), runs_kz) {
                let value = own(path).unwrap_or_else(|| panic!("{}: {path} is no secret", one.name));
                expect(path, value.clone());
                // A shell of the file's own in the place of the entrypoint reads no such variable.
                if service["entrypoint"].is_null() {
                    expect(stem, value);
                }
            }
        }
        let line = words(service).join(" ");
        let sourced = line.contains(". /") || line.contains("--env-file");
        if sourced || line.contains("kz run") {
            for (name, value) in &secrets {
                expect(name, value.clone());
            }
        }
        for path in service["healthcheck"]["test"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .flat_map(|word| {
                word.split(|c: char| c.is_whitespace() || "\"'`;|&<>(){}=,@".contains(c))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
        {
            if let (true, Some(value)) = (is_below(&path), own(&path)) {
                expect(&path, value);
            }
        }
    }
    all
}

/// What is wrong with what a reader has.
fn missed(container: &str, expected: &Expected) -> Option<String> {
    let Expected { place, value, .. } = expected;
    let run = if place.starts_with('/') {
        docker(&["exec", container, "cat", place])
    } else {
        docker(&["exec", container, "cat", "/proc/1/environ"])
    };
    let output = &run.output.stdout;
    let is_there = if place.starts_with('/') {
        output == value.as_bytes()
    } else {
        let line = format!("{place}={value}");
        output.split(|&byte| byte == 0).any(|one| one == line.as_bytes())
    };
    (!is_there).then(|| format!("{expected:?}: {}", run.describe()))
}

/// Starts these, and says what went otherwise than expected.
fn run(stacks: &[(&Corrected, Vec<Expected>)], reader: &str) -> Vec<String> {
    let mut all = Map::new();
    for (index, (one, _)) in stacks.iter().enumerate() {
        added(&mut all, &one.project, &format!("s{index}-"), reader);
    }
    let project = Project::new(&all);
    let up = project.compose(&["up", "--detach"]);
    let containers = project.containers();
    let mut wrong = Vec::new();
    if up.output.status.code() != Some(0) {
        wrong.push(format!("up: {}", up.stderr().lines().last().unwrap_or_default()));
    }
    for (index, (one, expected)) in stacks.iter().enumerate() {
        let prefix = format!("s{index}-");
        for service in one.project["services"].as_object().expect("services").keys() {
            let Some(container) = containers.get(&format!("{prefix}{service}")) else {
                wrong.push(format!("{}: {service} has no container", one.name));
                continue;
            };
            let is_reader = expected.iter().any(|expected| expected.service == *service);
            let state =
                docker(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container]).stdout();
            let is_well = if is_reader {
                state.trim() == "running 0"
            } else {
                ["running 0", "exited 0"].contains(&state.trim())
            };
            if !is_well {
                let logs = docker(&["logs", container]);
                wrong.push(format!(
                    "{} {:?}: {service} is {}: {}",
                    one.name,
                    one.codes,
                    state.trim(),
                    logs.stderr()
                ));
            }
        }
        for expected in expected {
            if let Some(words) =
                containers.get(&format!("{prefix}{}", expected.service)).and_then(|id| missed(id, expected))
            {
                wrong.push(format!("{} {:?}: {words}", one.name, one.codes));
            }
        }
    }
    wrong
}

#[test]
fn every_advice_for_compose_is_followed_and_runs() {
    let reader = reader_image();
    let mut wrong: Vec<String> = Vec::new();
    let mut stacks: Vec<Corrected> = Vec::new();
    for file in broken() {
        match std::panic::catch_unwind(|| corrected(&file)) {
            Ok(Ok(one)) => stacks.push(one),
            Ok(Err((name, words))) => match HERE.iter().find(|(known, _)| *known == name) {
                Some((_, Fate::Refused(refusal))) if words.contains(refusal) => {}
                _ => wrong.push(words),
            },
            Err(_) => wrong.push(format!("{}: what is wrong stands above", file.display())),
        }
    }
    let fate = |one: &Corrected| HERE.iter().find(|(name, _)| *name == one.name).map(|(_, fate)| *fate);
    let (mut runnable, mut table) = (Vec::new(), BTreeMap::new());
    for one in &stacks {
        let words = match fate(one) {
            Some(Fate::Not(why)) => why.to_owned(),
            Some(Fate::Refused(words)) => panic!("{}: Compose takes it: {words}", one.name),
            None => {
                let expected = expected(one);
                assert!(!expected.is_empty(), "{}: who is to have what?", one.name);
                runnable.push((one, expected));
                "run".to_owned()
            }
        };
        table.entry(words).or_insert_with(Vec::new).push(one.name.clone());
    }
    for chunk in runnable.chunks(TOGETHER) {
        wrong.extend(run(chunk, &reader.0));
    }
    // What is known only to who runs the image is written out here, as by its owner: see `filled_in`, and `…` in `added`.
    assert!(table["run"].len() >= 115, "{table:?}");
    for (words, names) in &table {
        println!("{:4} {words}: {}", names.len(), names.join(" "));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
