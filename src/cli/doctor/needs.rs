//! What a configuration says of the secrets' names, of what `[[outputs]]` write, and of the files that kz reads for it, as
//! far as that is certain: the files without any environment, and only of providers that a secret names.

use toml::de::{DeTable, DeValue};

use crate::doctor::{Configuration, Content, Form, Needed, Output};
use crate::provider::registry;

/// Where kz looks for an identity of age when nothing names one.
const IDENTITY: &str = "/run/secrets/age-identity";

/// The variables that name another one, or hold one.
const IDENTITY_VARIABLES: &[&str] = &["KEYZERO_AGE_IDENTITY_FILE", "KEYZERO_AGE_IDENTITY"];

/// Notes both.
pub(super) fn read(tree: &DeTable<'_>, found: &mut Configuration) {
    let mut names = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    for (section, value) in tree {
        let Some(table) = value.get_ref().as_table() else { continue };
        let secrets = match section.get_ref().as_ref() {
            "secrets" => Some(table),
            "providers" => None,
            _ => table_at(table, "secrets"),
        };
        if section.get_ref() != "secrets" && secrets.is_some() {
            found.environments.push(section.get_ref().to_string());
        }
        for (name, secret) in secrets.into_iter().flatten() {
            let own = secret.get_ref().as_table().and_then(|secret| text_at(secret, "file"));
            if let Some(given) = secret.get_ref().as_table().filter(|_| section.get_ref() == "secrets")
                && let Some(owner) = text_at(given, "owner")
            {
                let file = own.unwrap_or(name.get_ref()).to_owned();
                let mode = text_at(given, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
                found.owners.push((file, owner.to_owned(), mode));
            }
            // An environment may give a secret's file another name, or leave the one that it has.
            let name = name.get_ref().to_string();
            found.file_names.push((name.clone(), own.map_or(name.clone(), str::to_owned)));
            names.push(name);
        }
    }
    names.sort();
    names.dedup();
    found.file_names.sort();
    found.file_names.dedup();
    found.secrets = Some(names);
    found.outputs = outputs(tree);
    let providers = table_at(tree, "providers");
    for (name, value) in table_at(tree, "secrets").into_iter().flatten() {
        let Some(secret) = value.get_ref().as_table() else { continue };
        let Some(provider) = text_at(secret, "provider").or_else(|| text_at(secret, "resolver")) else {
            continue;
        };
        if !is_optional(secret) {
            found.delivered += 1;
        }
        if !used.contains(&provider) {
            used.push(provider);
        }
        if !is_overlaid(tree, name.get_ref()) && !may_be_absent(secret) {
            found.files.extend(document(secret, kind(provider, providers)));
        }
    }
    for provider in used {
        let section = providers.and_then(|providers| table_at(providers, provider));
        found.providers.push(kind(provider, providers).to_owned());
        if is_far(kind(provider, providers)) && !section.is_some_and(names_socket) {
            found.far.push(kind(provider, providers).to_owned());
        }
        let mut files = Vec::new();
        if let Some(section) = section {
            settings(section, &mut files);
        }
        let has_own = |key: &str| section.is_some_and(|section| get(section, key).is_some());
        if kind(provider, providers) == "age" && !has_own("identity_file") && !has_own("passphrase_file") {
            let path = IDENTITY.to_owned();
            files.push(Needed { path, what: Content::Identity, unless: IDENTITY_VARIABLES });
        }
        found.files.extend(files);
    }
}

/// What `[[outputs]]` write, as far as they are understood.
fn outputs(tree: &DeTable<'_>) -> Vec<Output> {
    let Some(DeValue::Array(outputs)) = get(tree, "outputs") else { return Vec::new() };
    let output = |table: &DeTable<'_>| {
        let form = match text_at(table, "format")? {
            "files" => Form::Files,
            "env" => Form::Lines,
            _ => Form::Single,
        };
        let only = match get(table, "only") {
            Some(DeValue::String(name)) => vec![name.to_string()],
            Some(DeValue::Array(names)) => {
                names.iter().filter_map(|name| name.get_ref().as_str()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let template = text_at(table, "template").map(str::to_owned);
        Some(Output { path: text_at(table, "path").unwrap_or_default().to_owned(), form, only, template })
    };
    outputs.iter().filter_map(|table| output(table.get_ref().as_table()?)).collect()
}

/// The built-in provider that a name stands for.
fn kind<'a>(name: &'a str, providers: Option<&'a DeTable<'_>>) -> &'a str {
    let section = providers.and_then(|providers| table_at(providers, name));
    let written = section.and_then(|section| text_at(section, "type")).unwrap_or(name);
    registry::find(written).map_or(written, |provider| provider.name)
}

/// Whether a provider is another machine, or a process that is reached like one.
fn is_far(kind: &str) -> bool {
    registry::find(kind).is_some() && !["age", "file", "env"].contains(&kind)
}

/// Whether a section names a socket of this machine.
fn names_socket(section: &DeTable<'_>) -> bool {
    section.iter().any(|(_, value)| match value.get_ref() {
        DeValue::String(text) => text.starts_with("unix:"),
        DeValue::Array(items) => {
            items.iter().any(|item| item.get_ref().as_str().is_some_and(|text| text.starts_with("unix:")))
        }
        _ => false,
    })
}

/// Whether another environment has the secret too, which may then lie elsewhere.
fn is_overlaid(tree: &DeTable<'_>, name: &str) -> bool {
    tree.iter().filter(|(section, _)| section.get_ref() != "secrets").any(|(_, value)| {
        let secrets = value.get_ref().as_table().and_then(|table| table_at(table, "secrets"));
        secrets.is_some_and(|secrets| get(secrets, name).is_some())
    })
}

fn may_be_absent(secret: &DeTable<'_>) -> bool {
    get(secret, "default").is_some() || is_optional(secret)
}

fn is_optional(secret: &DeTable<'_>) -> bool {
    matches!(get(secret, "optional"), Some(DeValue::Boolean(true)))
}

/// The file that a secret is in, of those providers whose refs are paths.
fn document(secret: &DeTable<'_>, provider: &str) -> Option<Needed> {
    let what = match provider {
        "age" => Content::Encrypted,
        "file" => Content::Secret,
        _ => return None,
    };
    let reference = text_at(secret, "ref")?;
    let path = reference.rsplit_once('#').map_or(reference, |(path, _)| path);
    Some(Needed { path: path.to_owned(), what, unless: &[] })
}

/// The files that a provider's section names, however deep.
fn settings(section: &DeTable<'_>, files: &mut Vec<Needed>) {
    for (key, value) in section {
        let what = match key.get_ref().as_ref() {
            "identity_file" => Content::Identity,
            "ca_cert" | "client_cert" => Content::Certificate,
            "client_key" => Content::Credential,
            key if key.ends_with("_file") => Content::Credential,
            _ => {
                if let Some(inner) = value.get_ref().as_table() {
                    settings(inner, files);
                }
                continue;
            }
        };
        let paths: Vec<&str> = match value.get_ref() {
            DeValue::String(path) => vec![path],
            DeValue::Array(paths) => paths.iter().filter_map(|path| path.get_ref().as_str()).collect(),
            _ => Vec::new(),
        };
        let needed = |path: &str| Needed { path: path.to_owned(), what, unless: &[] };
        files.extend(paths.into_iter().map(needed));
    }
}

fn get<'a, 'b>(table: &'a DeTable<'b>, name: &str) -> Option<&'a DeValue<'b>> {
    table.get(name).map(toml::Spanned::get_ref)
}

fn table_at<'a, 'b>(table: &'a DeTable<'b>, name: &str) -> Option<&'a DeTable<'b>> {
    get(table, name)?.as_table()
}

fn text_at<'a>(table: &'a DeTable<'_>, name: &str) -> Option<&'a str> {
    get(table, name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Configuration {
        let mut found = Configuration::default();
        read(DeTable::parse(text).unwrap().get_ref(), &mut found);
        found
    }

    fn paths(text: &str) -> Vec<String> {
        of(text).files.into_iter().map(|needed| needed.path).collect()
    }

    #[test]
    fn the_files_of_what_is_used_are_named_and_no_others() {
        let text = r#"
            [secrets]
            A = { provider = "age", ref = "a.env.age#A" }
            B = { provider = "file", ref = "b", optional = true }
            C = { provider = "vault-eu", ref = "secret/data/c/d" }
            D = { provider = "age", ref = "d.age" }
            [staging.secrets]
            D = { ref = "staging.age" }
            E = { provider = "env", ref = "E" }
            [providers.vault]
            token_file = "/unused"
            [providers.vault-eu]
            type = "vault"
            ca_cert = "ca.pem"
            auth = { method = "approle", role_id_file = "/r", secret_id_file = "/s" }
        "#;
        assert_eq!(paths(text), ["a.env.age", "/run/secrets/age-identity", "/r", "/s", "ca.pem"]);
        assert_eq!(of(text).secrets.unwrap(), ["A", "B", "C", "D", "E"]);
        assert_eq!(of(text).delivered, 3);
        assert_eq!(of(text).environments, ["staging"]);
        assert_eq!(of(text).providers, ["age", "file", "vault"]);
        assert_eq!(of(text).far, ["vault"]);
        let socket = text.replace("ca_cert = \"ca.pem\"", "address = \"unix:///run/agent.sock\"");
        assert_eq!(of(&socket).far, Vec::<String>::new());
    }

    #[test]
    fn files_are_called_as_their_secrets_say_and_outputs_are_read() {
        let text = r#"
            [secrets]
            A = { provider = "env", ref = "A", file = "tls/a" }
            B = { provider = "env", ref = "B" }
            [[outputs]]
            format = "files"
            [[outputs]]
            format = "env"
            path = "app.env"
            only = "B"
        "#;
        let found = of(text);
        let pair = |name: &str, file: &str| (name.to_owned(), file.to_owned());
        assert_eq!(found.file_names, [pair("A", "tls/a"), pair("B", "B")]);
        let output = |path: &str, form, only: &[&str]| {
            let only = only.iter().map(|name| (*name).to_owned()).collect();
            Output { path: path.to_owned(), form, only }
        };
        assert_eq!(found.outputs, [output("", Form::Files, &[]), output("app.env", Form::Lines, &["B"])]);
    }

    #[test]
    fn an_identity_that_is_named_is_the_only_one() {
        let text = "[secrets]\nA = { provider = \"age\", ref = \"a\" }\n[providers.age]\nidentity_file = [\"x\", \"/y\"]\n";
        assert_eq!(paths(text), ["a", "x", "/y"]);
    }
}
