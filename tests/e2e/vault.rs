//! A foreign Vault, RustyVault, beside the image: TLS with a private CA, AppRole, sealed, a wrong token, and the
//! line that users have been shown.

use crate::engine::{Container, IMAGE, Network, Volume, ask, docker, docker_with};
use crate::support::{Run, Sandbox};
use kz_fakes::fake_server::tls;

/// The stand-in for a Vault of one's own.
pub const VAULT: &str = "kz-e2e/vault";

/// The names of the stand-in.
pub const NAMES: &[&str] = &["vault", "localhost"];

/// A server's certificate for these names, and its CA, as stand-ins want them.
pub fn certificates(directory: &Sandbox, names: &[&str]) {
    let authority = tls::Authority::new();
    let server = authority.server(names, tls::Flaw::None);
    directory.file("tls/ca.pem", authority.pem());
    directory.file("tls/server.pem", server.certificate);
    directory.file("tls/server.key", server.key);
}

/// A network with an unsealed Vault called `vault`, and a directory with its certificates.
pub struct Vault {
    pub directory: Sandbox,
    pub container: Container,
    network: Network,
}

impl Vault {
    pub fn new() -> Self {
        let (directory, network) = (Sandbox::new(), Network::new());
        certificates(&directory, NAMES);
        let mount = format!("--volume={}:/vault/tls:ro", directory.path("tls").display());
        let joined = format!("--network={}", network.0);
        let container = Container::start(&[&joined, "--network-alias=vault", &mount, VAULT]);
        let vault = Self { directory, container, network };
        vault.admin(&["init"]);
        vault
    }

    /// What its administrator types.
    pub fn admin(&self, words: &[&str]) -> String {
        ask(&[&["exec", &self.container.0, "vault-admin"], words].concat())
    }

    pub fn put(&self, path: &str, json: &str) {
        docker_with(json, &["exec", "--interactive", &self.container.0, "vault-admin", "put", path])
            .expect_code(0);
    }

    /// `docker run OPTIONS kz:dev kz WORDS` in its network, with files of its directory mounted.
    fn kz(&self, files: &[(&str, &str)], options: &[&str], words: &[&str]) -> Run {
        let mount = |(name, target): &(&str, &str)| {
            format!("--volume={}:{target}:ro", self.directory.path(name).display())
        };
        let joined = format!("--network={}", self.network.0);
        let mut mounts: Vec<String> = files.iter().map(mount).collect();
        mounts.push(mount(&("tls/ca.pem", "/run/secrets/vault-ca.pem")));
        mounts.push(mount(&("keyzero.toml", "/app/.keyzero.toml")));
        let mounts: Vec<&str> = mounts.iter().map(String::as_str).collect();
        docker(
            &[
                &["run", "--rm", "--env=VAULT_ADDR=https://vault:8200", &joined],
                options,
                &mounts,
                &[IMAGE, "kz"],
                words,
            ]
            .concat(),
        )
    }

    /// A file that the image's user may read.
    pub fn file(&self, name: &str, content: &str) {
        self.directory.file(name, content);
        self.directory.mode(name, 0o444);
    }
}

/// A line that users have been shown: it has to work letter for letter.
pub const SHOWN: &str = "DATABASE_URL      = { provider = \"vault\", ref = \"secret/data/prod/db/url\" }      # last segment = field\n";
const TOKEN: (&str, &str) = ("token", "/run/secrets/vault-token");
const CA: &str = "--env=VAULT_CACERT=/run/secrets/vault-ca.pem";

#[test]
fn the_line_that_users_have_been_shown_resolves_in_a_container() {
    let vault = Vault::new();
    vault.put("secret/data/prod/db", r#"{"data": {"url": "postgres://app:pa$$word@db/app"}}"#);
    vault.file(
        "keyzero.toml",
        &format!("[secrets]\n{SHOWN}[providers.vault]\ntoken_file = \"/run/secrets/vault-token\"\n"),
    );
    vault.file("token", &vault.admin(&["token"]));
    let volume = Volume::new();
    // The command that users have been shown, too.
    let words = ["export", "--format", "env", "--output", "/secrets/.env"];
    let run = vault.kz(&[TOKEN], &[CA, &volume.mount("")], &words).expect_code(0);
    assert!(run.stderr().contains("vault:8200"), "the address is not named\n{}", run.describe());
    assert_eq!(
        volume.look_as("0", "cat /secrets/.env").expect_code(0).stdout(),
        "DATABASE_URL='postgres://app:pa$$word@db/app'\n"
    );
    assert_eq!(volume.files(), "400 65532:65532 ./.env\n");
}

#[test]
fn an_approle_in_files_logs_in() {
    let vault = Vault::new();
    vault.put("secret/data/prod/db", r#"{"data": {"url": "postgres://db/app"}}"#);
    vault.file("role_id", &vault.admin(&["role-id"]));
    vault.file("secret_id", &vault.admin(&["secret-id"]));
    vault.file(
        "keyzero.toml",
        &format!(
            "[secrets]\n{SHOWN}[providers.vault]\nca_cert = \"/run/secrets/vault-ca.pem\"\nauth = {{ method = \"approle\", \
             role_id_file = \"/run/secrets/role_id\", secret_id_file = \"/run/secrets/secret_id\" }}\n"
        ),
    );
    let files = [("role_id", "/run/secrets/role_id"), ("secret_id", "/run/secrets/secret_id")];
    let run = vault.kz(&files, &[], &["export", "--format", "env"]).expect_code(0);
    assert_eq!(run.stdout(), "DATABASE_URL=postgres://db/app\n", "{}", run.describe());
    vault.file("secret_id", "not-a-secret-id");
    let run = vault.kz(&files, &[], &["export", "--format", "env"]).expect_code(1);
    assert!(!run.stderr().contains("not-a-secret-id"), "{}", run.describe());
}

#[test]
fn a_sealed_vault_is_waited_for_and_a_wrong_token_is_not() {
    let vault = Vault::new();
    vault.put("secret/data/prod/db", r#"{"data": {"url": "postgres://db/app"}}"#);
    vault.file(
        "keyzero.toml",
        &format!("[secrets]\n{SHOWN}[providers.vault]\ntoken_file = \"/run/secrets/vault-token\"\n"),
    );
    vault.file("token", &vault.admin(&["token"]));
    let words = ["--timeout", "2s", "export", "--format", "env"];
    vault.admin(&["seal"]);
    let run = vault.kz(&[TOKEN], &[CA], &words).expect_code(75).expect_stderr(&["sealed", "for 2 s"]);
    assert_eq!(run.stdout(), "");
    vault.admin(&["unseal"]);
    vault.kz(&[TOKEN], &[CA], &words).expect_code(0);
    vault.file("token", "not-a-token");
    let run = vault.kz(&[TOKEN], &[CA], &words).expect_code(1).expect_stderr(&["DATABASE_URL", "403"]);
    assert!(!run.stderr().contains("not-a-token") && !run.stderr().contains("waiting"), "{}", run.describe());
}

#[test]
fn a_private_ca_that_kz_was_not_told_of_is_not_trusted() {
    let vault = Vault::new();
    vault.file(
        "keyzero.toml",
        &format!("[secrets]\n{SHOWN}[providers.vault]\ntoken_file = \"/run/secrets/vault-token\"\n"),
    );
    vault.file("token", &vault.admin(&["token"]));
    let run = vault.kz(&[TOKEN], &[], &["export", "--format", "env"]).expect_code(1);
    assert!(run.stderr().contains("nobody whom kz trusts"), "{}", run.describe());
}
