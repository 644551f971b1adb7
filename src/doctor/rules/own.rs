//! kz's own credential as a file: the variable or the setting that names it, and what gives the file to kz.

use super::super::Known;
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::Dialect;
use super::{configuration, mounting};

/// Whether a variable of a unit that is kz is a credential of kz's own, which kz cannot bring to itself.
pub(super) fn is_of(unit: &Unit, name: &str, known: Known<'_>) -> bool {
    unit.starts_kz() && known.credential_variables.contains(&name)
}

/// Whether a variable holds a credential of kz's own. A key's id is none.
pub(super) fn is_one(name: &str, known: Known<'_>) -> bool {
    known.credential_variables.contains(&name) && !name.ends_with("KEY_ID")
}

/// Whether what a variable of kz's own holds proves who it is, whatever it looks like: a secret id is a UUID. A name does not.
pub(super) fn proves(name: &str, known: Known<'_>) -> bool {
    is_one(name, known) && !["ROLE_ID", "USERNAME"].iter().any(|end| name.ends_with(end))
}

/// What gives kz its credential as a file, in the place of the variable that holds it.
pub(super) fn in_place(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    let (line, rest) = way(scene, unit, name, known);
    let first = match line {
        // It names its file already, beside what stands here.
        Some(_) if unit.variable(&format!("{name}_FILE")).is_some() => {
            return Remedy::without(format!("`{name}`"));
        }
        Some(line) => Remedy::here(line),
        None => Remedy::without(format!("`{name}`")),
    };
    first.then(rest)
}

/// The same, where nothing in the file holds it.
pub(super) fn brought(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> Remedy {
    let (line, rest) = way(scene, unit, name, known);
    let key = if scene.dialect == Dialect::Compose { "environment" } else { "env" };
    match line {
        Some(_) if unit.variable(&format!("{name}_FILE")).is_some() => Remedy::none(),
        Some(line) => Remedy::unit(format!("{key}:\n  {line}")).then(rest),
        None => rest,
    }
}

/// The line of the variable that names the file, where one does, and what else is to be done.
fn way(scene: &Scene, unit: &Unit, name: &str, known: Known<'_>) -> (Option<String>, Remedy) {
    let has_file_form = ["VAULT_", "BAO_", "KEYZERO_"].iter().any(|prefix| name.starts_with(prefix))
        && !name.ends_with("_BYTES");
    let secret = name.to_ascii_lowercase().replace('_', "-");
    match (scene.dialect, has_file_form) {
        (Dialect::Compose, true) => {
            let line = format!("{name}_FILE: /run/secrets/{secret}");
            (Some(line), given(scene, unit, &secret, None))
        }
        (Dialect::Compose, false) => (None, by_setting(scene, unit, name, &secret, known)),
        (Dialect::Pod, true) => {
            const VOLUME: &str = "kz-credential";
            let variable =
                mounting::variable_line(Dialect::Pod, &format!("{name}_FILE"), &format!("/run/kz/{secret}"));
            let volume = format!("volumes:\n  - {{ name: {VOLUME}, secret: {{ secretName: {VOLUME} }} }}");
            let defined = if scene.volume(VOLUME).is_some() { Remedy::none() } else { Remedy::top(volume) };
            let mount =
                format!("volumeMounts:\n  - {{ name: {VOLUME}, mountPath: /run/kz, readOnly: true }}");
            let mounted = Remedy::unit(mount).remark(format!("of a Secret with the key `{secret}`"));
            (Some(variable), mounted.then(defined))
        }
        (Dialect::Pod, false) => {
            let line = format!("- {{ name: {name}, valueFrom: {{ secretKeyRef: {{ name: …, key: … }} }} }}");
            (Some(line), Remedy::none())
        }
    }
}

/// The secret of Compose, and the command that makes its file where Compose does not have it yet.
fn given(scene: &Scene, unit: &Unit, secret: &str, content: Option<&str>) -> Remedy {
    let is_defined = scene.secrets.iter().any(|given| given.name == secret);
    let written = match (is_defined, content) {
        (true, _) => Remedy::none(),
        (false, None) => mounting::file_written(secret, unit),
        (false, Some(content)) => mounting::file_written_of(secret, unit, &format!("{content}, then Ctrl-D")),
    };
    mounting::given_secret(scene, secret).then(written)
}

/// The setting of the configuration that names the file of a credential which no variable names.
fn by_setting(scene: &Scene, unit: &Unit, name: &str, secret: &str, known: Known<'_>) -> Remedy {
    let configuration = &configuration::name_on_host(unit);
    let set = |section, setting: &str, file: &str| {
        Remedy::configuration(configuration, section, format!("{setting} = \"/run/secrets/{file}\""))
    };
    match name {
        "OP_CONNECT_TOKEN" => given(scene, unit, "connect_token", None).then(set(
            "providers.1password",
            "token_file",
            "connect_token",
        )),
        "OP_SERVICE_ACCOUNT_TOKEN" => given(scene, unit, "service_account_token", None).then(set(
            "providers.1password",
            "service_account_token_file",
            "service_account_token",
        )),
        _ if name.ends_with("_CLIENT_KEY_BYTES") => {
            given(scene, unit, "client_key", None).then(set("providers.vault", "client_key", "client_key"))
        }
        _ if name.starts_with("AWS_") => {
            const FILE: &str = "aws_credentials";
            let content =
                "paste a profile: `[default]`, `aws_access_key_id = …`, `aws_secret_access_key = …`";
            let providers =
                configuration::of(scene, unit, known).map(|found| found.providers).unwrap_or_default();
            let uses = |name: &str| providers.iter().any(|provider| provider == name);
            let all = given(scene, unit, FILE, Some(content));
            let sections = [("aws-sm", "providers.aws-sm"), ("aws-ssm", "providers.aws-ssm")];
            let chosen = sections
                .into_iter()
                .filter(|(name, section)| uses(name) || (*section == "providers.aws-sm" && !uses("aws-ssm")));
            chosen.fold(all, |all, (_, section)| all.then(set(section, "credentials_file", FILE)))
        }
        _ => given(scene, unit, secret, None)
            .remark(format!("and name /run/secrets/{secret} in the provider's section")),
    }
}
