//! The page `docs/configuration.md`: every key of `.keyzero.toml`, from the tables that the parser checks with.
//!
//! Invariant: a key that the parser knows stands on the page.

use crate::provider::descriptor::Descriptor;
use crate::provider::registry::PROVIDERS;
use crate::provider::settings::SettingType;

use super::keys::{self, Key};

const ABOUT: &str = "\
# `.keyzero.toml`

Made from the program by `make generated`; `kz schema` prints the same as a JSON Schema, which editors complete and check with. `kz init` writes a file to begin with, `kz validate` checks one and
contacts nothing. It is TOML 1.1, names places, and holds no value. What is about blind mode or `kz server` is checked, and has
no effect before they are there.

kz looks for it in the working directory and above, up to a repository's root, `HOME` or a mount boundary; `--config FILE` or `KEYZERO_CONFIG` name it. One that others may write to is refused.
Relative paths in it start at its directory.

## Environments

`[NAME.secrets]` is laid over `[secrets]` when `--env NAME`, `KEYZERO_ENV` or a variable of `environment_from` says NAME, in this order. A secret with a `provider` or `template` of its own replaces
the one beneath it; other keys change single ones of it. A name without a section is an error, and never falls back to `[secrets]`.

## A developer's own file

`.keyzero.local.toml` beside it changes `ref`, `field` and `version` of secrets that the main file has, and nothing else: never where kz sends its credentials. It belongs into `.gitignore`. It is not
read where kz is PID 1 or root, and not beside a file that was named.
";

/// The page.
pub fn page() -> String {
    let mut text = ABOUT.to_owned();
    section(&mut text, "Top level", "Keys before the first section.", keys::TOP);
    for known in keys::SECTIONS {
        let about = format!("{}.", capitalised(known.about));
        match known.name {
            "secrets" => {
                let about = format!(
                    "{about} A key is the secret's name: letters, digits, `_`, `-` and `.`, the latter in quotes."
                );
                section(&mut text, "`[secrets]`", &about, keys::SECRET);
            }
            "outputs" => {
                section(&mut text, "`[[outputs]]`", &format!("{about} [More](outputs.md)."), keys::OUTPUT);
            }
            "resolve" => section(&mut text, "`[resolve]`", &about, keys::RESOLVE),
            name => {
                let about = format!(
                    "{about} A section of a name of its own says by `type` what it is an instance of. [What each does](providers.md)."
                );
                heading(&mut text, &format!("`[{name}]`"), &about);
                for provider in PROVIDERS {
                    settings(&mut text, provider);
                }
            }
        }
    }
    text
}

fn heading(text: &mut String, title: &str, about: &str) {
    text.extend(["\n## ", title, "\n\n", about, "\n"]);
}

fn section(text: &mut String, title: &str, about: &str, keys: &[Key]) {
    heading(text, title, about);
    text.push_str("\n| Key | Example | |\n|---|---|---|\n");
    for key in keys {
        row(text, &[&format!("`{}`", key.name), &format!("`{}`", key.example), key.about]);
    }
}

fn settings(text: &mut String, provider: &Descriptor) {
    text.extend(["\n### `[providers.", provider.name, "]`\n\n", &capitalised(provider.about), ".\n"]);
    if provider.settings.is_empty() {
        return;
    }
    text.push_str("\n| Key | Takes | |\n|---|---|---|\n");
    for setting in provider.settings {
        row(text, &[&format!("`{}`", setting.name), takes(setting.kind), setting.about]);
        let SettingType::Auth(methods) = setting.kind else { continue };
        for method in methods {
            row(
                text,
                &[&format!("`{}.method`", setting.name), &format!("`\"{}\"`", method.name), method.about],
            );
            for beside in method.settings {
                let about = format!("`\"{}\"`: {}", method.name, beside.about);
                row(text, &[&format!("`{}.{}`", setting.name, beside.name), takes(beside.kind), &about]);
            }
        }
    }
}

fn takes(kind: SettingType) -> &'static str {
    match kind {
        SettingType::Text => "a string",
        SettingType::Path => "a path",
        SettingType::Paths => "paths",
        SettingType::Address => "an address",
        SettingType::AddressOrSocket => "an address, or `unix:///…`",
        SettingType::Addresses => "addresses",
        SettingType::Boolean => "`true`, `false`",
        SettingType::Integer(..) => "a whole number",
        SettingType::Auth(_) => "a table with `method`",
    }
}

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    text.extend(["| ", &cells.join(" | "), " |\n"]);
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
