//! `kz doctor`: broken files in `tests/doctor/`, each with its findings marked by `# D301` on their lines, and files
//! that are right: those in `tests/doctor/clean/`, the examples, the README's, and what `kz init` suggests.

mod advice;
mod alone;
mod leaks;
mod pairs;
mod pods;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::advised::stack::Stack;
use crate::advised::{files, marks};
use crate::support::{Run, Sandbox, expect_committed, in_repository, kz_binary};

/// What stands in the broken files wherever a credential does.
const CANARIES: &[&str] = &["hunter2-canary", "hunter2canary"];

fn doctor(file: &Path, format: &str) -> Run {
    let mut command = Command::new(kz_binary());
    command.args(["doctor", "--format", format]);
    // What is about modes is looked at where they are as they are to be.
    if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("unreadable-")) {
        let stack = Stack::of(file);
        stack.sandbox.file("compose.yaml", std::fs::read(file).expect("a file"));
        return stack.sandbox.run(command.arg(stack.sandbox.path("compose.yaml")));
    }
    Sandbox::new().run(command.arg(file))
}

/// Line and code of each finding.
fn findings(run: &Run) -> Vec<(u64, String)> {
    let all: Vec<serde_json::Value> =
        serde_json::from_slice(&run.output.stdout).unwrap_or_else(|_| panic!("{}", run.describe()));
    let of = |finding: &serde_json::Value| {
        let code = finding["code"].as_str().expect("a code").to_owned();
        (finding["line"].as_u64().expect("a line"), code)
    };
    all.iter().map(of).collect()
}

#[test]
fn every_broken_file_gives_what_is_marked_in_it_and_nothing_else() {
    let broken = files("tests/doctor", 0);
    assert!(broken.len() >= 90, "{}", broken.len());
    for file in broken {
        let marks = marks(&std::fs::read_to_string(&file).expect("a file"));
        let run = doctor(&file, "json").expect_code(1);
        assert!(
            !marks.is_empty() && findings(&run) == marks,
            "{}: {marks:?}\n{}",
            file.display(),
            run.describe()
        );
    }
}

#[test]
fn every_finding_is_shown_by_a_broken_file_and_can_be_looked_up() {
    let sandbox = Sandbox::new();
    let list = sandbox.kz(&["explain"]).expect_code(0).stdout();
    let known: BTreeSet<String> = list
        .lines()
        .filter(|line| line.starts_with('D'))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(known.len() >= 60, "{known:?}");
    let texts =
        files("tests/doctor", 0).into_iter().map(|file| std::fs::read_to_string(file).expect("a file"));
    let shown: BTreeSet<String> = texts.flat_map(|text| marks(&text)).map(|(_, code)| code).collect();
    assert_eq!(shown, known);
    for code in known {
        let text = sandbox.kz(&["explain", &code]).expect_code(0).stdout();
        assert!(text.starts_with(&format!("{code}: ")) && text.contains("What to do: "), "{text}");
    }
}

#[test]
fn what_is_right_has_no_findings() {
    let mut right = files("tests/doctor/clean", 0);
    assert!(right.len() >= 5);
    let examples = files("compose-examples", 1);
    assert!(examples.iter().filter(|path| path.ends_with("compose.yaml")).count() >= 4);
    if in_repository("kubernetes").is_dir() {
        right.extend(files("kubernetes", 2));
    }
    for file in right {
        // What runs nothing is no well file, and no ill one.
        let runs = std::fs::read_to_string(&file).expect("a file");
        let runs = ["containers:", "services:"].iter().any(|word| runs.contains(word));
        let (code, words) =
            if runs { (0, "nothing that will go wrong") } else { (1, "nothing was looked at") };
        let run = doctor(&file, "text").expect_code(code).expect_stderr(&[words]);
        assert!(run.stdout().is_empty(), "{}", run.describe());
    }
    for file in examples {
        let sandbox = as_its_readme_says(file.parent().expect("the example"));
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let run = sandbox.kz(&["doctor", name]).expect_code(0);
        assert!(run.stdout().is_empty(), "{}: {}", file.display(), run.describe());
    }
}

/// An example, with the files that its `.gitignore` names, which each user makes as its README says.
fn as_its_readme_says(example: &Path) -> Sandbox {
    let sandbox = Sandbox::new();
    for entry in std::fs::read_dir(example).expect("the example").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        sandbox.file(&name, std::fs::read(entry.path()).expect("a file"));
    }
    let ignored = std::fs::read_to_string(example.join(".gitignore")).unwrap_or_default();
    for line in ignored.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_suffix('/') {
            Some(directory) => ["ca.pem", "server.crt"].iter().for_each(|name| {
                sandbox.file(&format!("{directory}/{name}"), "");
            }),
            None => drop(sandbox.file(line, "")),
        }
    }
    sandbox
}

/// Before that, what is to be made is what is found, each with the command that makes it.
#[test]
fn an_example_whose_files_are_not_made_yet_says_which() {
    let run = doctor(&in_repository("compose-examples/quickstart/compose.yaml"), "text").expect_code(1);
    let text = run.stdout();
    for words in ["`secrets.env.age` is not beside this file", "run: (umask 077; age-keygen -o identity.txt)"]
    {
        assert!(text.contains(words), "{}", run.describe());
    }
    assert_eq!(text.matches(" D416 ").count(), 2, "{}", run.describe());
}

#[test]
fn what_the_readme_shows_has_no_findings() {
    let readme = std::fs::read_to_string(in_repository("README.md")).expect("the README");
    let shown: Vec<&str> =
        readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(shown.len() >= 2);
    for text in shown.into_iter().filter(|text| text.starts_with("services:")) {
        let sandbox = Sandbox::new();
        sandbox.file("keyzero.toml", "[secrets]\nPOSTGRES_PASSWORD = { provider = \"env\", ref = \"P\" }\n");
        sandbox.file("compose.yaml", text);
        sandbox.kz(&["doctor", "compose.yaml"]).expect_code(0);
    }
}

#[test]
fn what_init_suggests_has_no_findings() {
    let situations = [
        ("compose.yaml", "services: {}\n", ""),
        ("pod.yaml", "apiVersion: v1\nkind: Pod\n", "apiVersion: v1\nkind: Pod\nmetadata: { name: app }\n"),
    ];
    for (file, content, head) in situations {
        let sandbox = Sandbox::new();
        sandbox.file(file, content);
        sandbox.kz(&["init"]).expect_code(0);
        // What its comments say to make.
        sandbox.file("identity.txt", "");
        sandbox.file("secrets.env.age", "");
        let starter = std::fs::read_to_string(sandbox.path(".keyzero.toml")).expect("the starter");
        let lines = starter.lines().skip_while(|line| !["# services:", "# spec:"].contains(line));
        let yaml: Vec<&str> = lines.map_while(|line| line.strip_prefix("# ")).collect();
        assert!(yaml.len() > 15, "{starter}");
        sandbox.file(file, format!("{head}{}\n", yaml.join("\n")));
        let run = sandbox.kz(&["doctor", file]).expect_code(0).expect_stderr(&["nothing that will go wrong"]);
        assert!(run.stdout().is_empty(), "{}", run.describe());
    }
}

#[test]
fn a_credential_that_is_found_is_never_shown() {
    let mut holding = 0;
    for file in files("tests/doctor", 0) {
        let text = std::fs::read_to_string(&file).expect("a file");
        holding += usize::from(CANARIES.iter().any(|canary| text.contains(canary)));
        for format in ["text", "json"] {
            let run = doctor(&file, format).expect_code(1);
            for canary in CANARIES {
                let is_shown = run.stdout().contains(canary) || run.stderr().contains(canary);
                assert!(!is_shown, "{}", run.describe());
            }
        }
    }
    assert!(holding >= 8, "only {holding} files hold one");
    // Where kz does not understand a line, and where nobody understands the file.
    let sandbox = Sandbox::new();
    let services = "services:\n  a:\n    image: kz:dev\n    command: kz export hunter2-canary\n  b: { command: kz hunter2-canary }\n";
    sandbox.file("misread.yaml", services);
    sandbox.file("broken.yaml", "a: 'hunter2-canary\nb: [hunter2-canary");
    for (name, code) in [("misread.yaml", 1), ("broken.yaml", 2)] {
        let run = sandbox.kz(&["doctor", name]).expect_code(code);
        assert!(!run.stdout().contains("canary") && !run.stderr().contains("canary"), "{}", run.describe());
    }
}

#[test]
fn an_override_beside_the_file_may_bring_what_is_missing() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "compose.yaml",
        "services:\n  a:\n    image: kz:dev\n    command: kz export --format env --output /s/.env\n",
    );
    sandbox.kz(&["doctor", "compose.yaml"]).expect_code(1);
    sandbox.file("compose.override.yaml", "services: {}\n");
    sandbox.kz(&["doctor", "compose.yaml"]).expect_code(0);
}

/// The configuration is looked at for one thing: whether it gives owners to single secrets.
#[test]
fn owners_of_the_configuration_count() {
    let sandbox = Sandbox::new();
    let broken = in_repository("tests/doctor/cannot-read.yaml");
    sandbox.file("compose.yaml", std::fs::read(broken).expect("a file"));
    let config = "[secrets]\nPOSTGRES_PASSWORD = { provider = \"vault\", ref = \"secret/data/app/password\"";
    sandbox.file("keyzero.toml", format!("{config} }}\n"));
    sandbox.kz(&["doctor", "compose.yaml"]).expect_code(1);
    sandbox.file("keyzero.toml", format!("{config}, mode = \"0444\" }}\n"));
    sandbox.kz(&["doctor", "compose.yaml"]).expect_code(0);
}

/// Every service is compared with every other.
#[test]
fn more_services_than_anybody_has_are_refused() {
    let with = |number: usize| {
        let services: Vec<String> =
            (0..number).map(|number| format!("  a{number}: {{ image: nginx }}\n")).collect();
        let sandbox = Sandbox::new();
        sandbox.file("compose.yaml", format!("services:\n{}", services.concat()));
        sandbox.kz(&["doctor", "compose.yaml"])
    };
    with(500).expect_code(0);
    with(501).expect_code(2).expect_stderr(&["more than 500 services", "[KZ266]"]);
}

#[test]
fn the_page_shows_what_doctor_says() {
    let page = std::fs::read_to_string(in_repository("docs/doctor.md")).expect("the page");
    let block = |fence: &str| {
        let rest = page.split(fence).nth(1).expect(fence);
        rest.split("```").next().expect("its end").to_owned()
    };
    let sandbox = Sandbox::new();
    sandbox.file("keyzero.toml", "[secrets]\n");
    sandbox.file("compose.yaml", block("```yaml\n"));
    let run = sandbox.kz(&["doctor", "compose.yaml"]).expect_code(1);
    assert_eq!(format!("$ kz doctor compose.yaml\n{}", run.stdout()), block("```console\n"));
}

#[test]
fn the_committed_findings_page_is_what_the_program_knows() {
    expect_committed("docs/findings.md", &kz::cli::findings_page());
}

/// What an anchor brings to others too is not changed there for one service: what has precedence is written, or it is said.
#[test]
fn what_an_anchor_brings_to_others_is_not_changed_for_one_of_them() {
    let sandbox = Sandbox::new();
    sandbox.file("keyzero.toml", "[secrets]\nDB = { provider = \"vault\", ref = \"secret/data/a/b\" }\n");
    let text = "x-common: &common\n  restart: unless-stopped\n  environment: &env\n    API_TOKEN: hunter2-canary\nservices:\n  \
        secrets-init:\n    <<: *common\n    image: kz:dev\n    environment: {}\n    command: [kz, export, --format, files, --output, /secrets]\n    \
        volumes: [ './keyzero.toml:/app/.keyzero.toml:ro', 'secrets:/secrets' ]\n  \
        app:\n    <<: *common\n    image: registry.example/app:1\n    user: '65532'\n    volumes: [ 'secrets:/secrets:ro' ]\n    \
        depends_on: { secrets-init: { condition: service_completed_successfully } }\n  \
        worker:\n    <<: *common\n    image: registry.example/worker:1\nvolumes: { secrets: {} }\n";
    sandbox.file("compose.yaml", text);
    let run = sandbox.kz(&["doctor", "compose.yaml"]).expect_code(1);
    let shown = run.stdout();
    for words in [
        "D307 service `secrets-init`",
        "    write: restart: \"no\"   # with the service itself: the anchor is for others too",
        "D401 service `app`",
        "# if the image knows it; else `kz run` in front of its command; an anchor brings it to `app`, `worker`: write it where only one of them has it",
    ] {
        assert!(shown.contains(words), "{words}\n{}", run.describe());
    }
    // One that has it for itself changes it where it stands.
    sandbox.file("compose.yaml", text.replace("    <<: *common\n    image: registry", "    image: registry"));
    let run = sandbox.kz(&["doctor", "compose.yaml"]).expect_code(1);
    assert!(
        run.stdout().contains("    write: restart: \"no\"\n") && !run.stdout().contains("anchor"),
        "{}",
        run.describe()
    );
}
