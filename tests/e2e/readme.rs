//! The README's patterns, taken from it letter for letter.

use std::path::Path;

use crate::engine::{Image, Project, SERVER, ask, encrypt, give};
use crate::quickstart::{database_takes, quickstart};
use crate::run::with_kz;
use crate::support::{Sandbox, in_repository};

/// The first fenced block of a language that contains these words.
fn block(language: &str, words: &str) -> String {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let fence = format!("```{language}\n");
    let mut blocks = readme.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains(words)).map_or_else(|| panic!("no block with {words}"), str::to_owned)
}

/// The first text in backticks that contains these words.
fn quoted(words: &str) -> String {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let found = readme.split('`').find(|text| text.starts_with('[') && text.contains(words));
    found.map_or_else(|| panic!("nothing in backticks with {words}"), str::to_owned)
}

/// A config with one secret from age, as in one's own repository; the identity is a user's, mode 0600.
fn repository() -> Sandbox {
    let sandbox = Sandbox::with_config(
        "[secrets]\nPASSWORD = { provider = \"age\", ref = \"secrets.env.age#PASSWORD\" }\n",
    );
    sandbox.file("keyzero.toml", std::fs::read(sandbox.path(".keyzero.toml")).expect("a config"));
    encrypt(&sandbox, "identity.txt", "secrets.env.age", "PASSWORD=correct-horse\n");
    sandbox.mode("identity.txt", 0o600);
    give(&sandbox.path("identity.txt"), 1000);
    sandbox
}

#[test]
fn pattern_1_kz_in_front_of_the_command_of_ones_own_image() {
    let repository = repository();
    let image =
        Image::build(&repository, &format!("FROM {SERVER}\n{}", block("dockerfile", "COPY --from=kz:dev")));
    let identity =
        format!("--volume={}:/run/secrets/age-identity:ro", repository.path("identity.txt").display());
    let printed = ask(&["run", "--rm", "--network=none", &identity, &image.0, "env"]);
    assert!(printed.lines().any(|line| line == "PASSWORD=correct-horse"), "{printed}");
}

#[test]
fn pattern_2_kz_in_front_of_the_command_in_compose() {
    let repository = repository();
    let image = with_kz(r#"["redis-server"]"#, r#"["--save", ""]"#);
    let compose = block("yaml", "build: .")
        .replace("build: .", &format!("image: {}\n    user: \"0\"", image.0))
        .replace(r#"["node", "server.js"]"#, r#"["env"]"#);
    repository.file("compose.yaml", compose);
    let project = Project::new(repository);
    let up = project.compose(&["up"]).expect_code(0);
    assert!(up.stdout().contains("PASSWORD=correct-horse"), "{}", up.describe());
}

#[test]
fn pattern_3_an_init_service_for_a_vendors_image() {
    let project = quickstart("correct-horse");
    project.directory.file("compose.yaml", block("yaml", "POSTGRES_PASSWORD_FILE"));
    project.compose(&["up", "--detach"]).expect_code(0);
    assert!(database_takes(&project.container("db"), "correct-horse"));
}

#[test]
fn the_entrypoint_for_an_image_with_a_shell_is_that_of_the_example_which_is_tested() {
    let entrypoint = quoted("docker-entrypoint.sh");
    let compose = std::fs::read_to_string(in_repository("compose-examples/shell-entrypoint/compose.yaml"));
    assert!(
        compose.expect("the example").contains(&format!("    entrypoint: {entrypoint}\n")),
        "{entrypoint}"
    );
}
