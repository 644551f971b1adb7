//! What the examination has to know from elsewhere: kz's own command line and judgements, and the files beside.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use toml::de::{DeTable, DeValue};

use crate::doctor::{
    Action, Configuration, Export, Form, Found, Host, Kz, Line, Misread, Owned, Run, Template,
};
use crate::literal;
use crate::provider::registry;

use super::super::args::{Arguments, Command, deliver};
use super::{needs, read};

/// This kz.
pub(super) struct Ourselves;

impl Kz for Ourselves {
    fn line(&self, words: &[&str]) -> Result<Line, Misread> {
        match Arguments::try_parse_from(std::iter::once("kz").chain(words.iter().copied())) {
            Ok(arguments) => match arguments.contradiction() {
                Some((message, hint)) => Err(Misread { message, hint }),
                None => Ok(line(&arguments)),
            },
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                Ok(Line { config: None, environment: None, action: Action::Other })
            }
            Err(error) => Err(misread(&error)),
        }
    }

    fn is_refused(&self, name: &str, value: &str) -> bool {
        registry::is_refused(name, value)
    }

    fn is_credential(&self, text: &str) -> bool {
        literal::looks_like_credential(text)
    }

    fn configuration(&self, text: &str) -> Configuration {
        let mut found = Configuration::default();
        if let Ok(tree) = DeTable::parse(text) {
            look(tree.get_ref(), &mut found);
            needs::read(tree.get_ref(), &mut found);
        }
        found
    }
}

/// What was typed, as far as it matters.
fn line(arguments: &Arguments) -> Line {
    let text = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    let action = match &arguments.command {
        Command::Export(export) => Action::Export(self::export(export)),
        Command::Run(run) => Action::Run(Run {
            env_file: run.env_file.as_ref().map(text),
            waits: run.wait.is_some(),
            has_command: !run.command.is_empty(),
            program: run.command.first().map(|program| program.to_string_lossy().into_owned()),
            from_uid: run.from_uid,
        }),
        Command::Validate | Command::Status(_) | Command::Plan(_) => Action::Look,
        Command::Install(install) => Action::Install(self::install(install)),
        _ => Action::Other,
    };
    let environment = arguments.common.environment.clone();
    Line { config: arguments.common.config.as_ref().map(text), environment, action }
}

fn export(export: &deliver::Export) -> Export {
    let output = export.output.as_ref().map(|path| path.to_string_lossy().into_owned());
    Export {
        form: match export.format {
            _ if is_set(export) => Form::Files,
            Some(deliver::Format::Env) => Form::Lines,
            _ => Form::Single,
        },
        output: output.filter(|path| path != "-"),
        owner: export.owner.clone(),
        mode: export.mode,
        directory_mode: export.dir_mode,
        reader: export.reader.clone(),
        only: export.only.clone(),
        by_name: export.format == Some(deliver::Format::Files) && export.template.is_empty(),
        templates: export.template.iter().map(|written| template(written)).collect(),
        by_outputs: export.format.is_none() && export.template.is_empty(),
        plain_format: plain_format(export),
        stays: export.watch.interval.is_some(),
    }
}

/// `SRC` or `SRC:DST`.
fn template(written: &str) -> Template {
    match written.split_once(':') {
        Some((source, target)) => Template { source: source.to_owned(), target: Some(target.to_owned()) },
        None => Template { source: written.to_owned(), target: None },
    }
}

/// `kz install` is an export of one file that everybody may run.
fn install(install: &deliver::Install) -> Export {
    Export {
        form: Form::Single,
        output: Some(install.destination.to_string_lossy().into_owned()),
        owner: None,
        mode: Some(0o555),
        directory_mode: None,
        reader: None,
        only: Vec::new(),
        by_name: false,
        templates: Vec::new(),
        by_outputs: false,
        plain_format: None,
        stays: false,
    }
}

/// The format, as `[[outputs]]` has it too, where no other option says more of it.
fn plain_format(export: &deliver::Export) -> Option<&'static str> {
    let is_more = export.dialect.is_some()
        || export.shell.is_some()
        || export.json_bytes.is_some()
        || !export.template.is_empty();
    match export.format? {
        _ if is_more => None,
        deliver::Format::Files => Some("files"),
        deliver::Format::Env => Some("env"),
        deliver::Format::Json => Some("json"),
        deliver::Format::Shell => Some("shell"),
        deliver::Format::Template => None,
    }
}

/// Whether it fills a directory: with files, with what `[[outputs]]` says, or with templates by `SRC:DST`.
fn is_set(export: &deliver::Export) -> bool {
    match export.format {
        None | Some(deliver::Format::Files) => true,
        Some(deliver::Format::Template) => export.template.iter().any(|template| template.contains(':')),
        Some(_) => false,
    }
}

/// clap's own words, without what was typed where that could be anything.
fn misread(error: &clap::Error) -> Misread {
    let text = error.render().to_string();
    let (message, _) = super::super::usage_words(&text);
    // Not clap's tips, which repeat what was typed.
    let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or("kz --help");
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            "there is an argument too many".to_owned()
        }
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            "there is no such command".to_owned()
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("`{argument}` does not take this value")
        }
        _ => message,
    };
    let suggested =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = suggested.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    });
    let values = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => Some(values.join(" | ")),
        _ => None,
    };
    Misread { message, hint: suggested.or(values).unwrap_or_else(|| usage.to_owned()) }
}

/// Notes what a configuration says, however deep.
fn look(table: &DeTable<'_>, found: &mut Configuration) {
    let names_token = table.iter().any(|(key, _)| key.get_ref() == "token_file");
    for (key, value) in table {
        match (key.get_ref().as_ref(), value.get_ref()) {
            (_, DeValue::Table(inner)) => look(inner, found),
            ("outputs", DeValue::Array(outputs)) => {
                outputs
                    .iter()
                    .filter_map(|output| output.get_ref().as_table())
                    .for_each(|inner| look(inner, found));
            }
            ("owner" | "mode", _) => found.gives_owners = true,
            ("file", _) => found.names_files = true,
            ("method", DeValue::String(method)) if method == "kubernetes" => {
                found.uses_service_account |= !names_token;
            }
            _ => {}
        }
    }
}

/// The directory that the examined file stands in.
pub(super) struct Beside<'a>(pub(super) &'a Path);

impl Host for Beside<'_> {
    fn directory(&self) -> Option<String> {
        let text = self.0.is_absolute().then(|| self.0.to_str()).flatten();
        text.filter(|text| *text != "/").map(str::to_owned)
    }

    fn look(&self, path: &str) -> Found {
        match self.0.join(path).metadata() {
            Ok(metadata) if metadata.is_dir() => Found::Directory,
            Ok(_) => Found::File,
            Err(_) => Found::Nothing,
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        read::text(&self.0.join(path)).ok()
    }

    fn owned(&self, path: &str) -> Option<Owned> {
        let metadata = self.0.join(path).metadata().ok()?;
        Some(Owned { uid: metadata.uid(), mode: metadata.mode() & 0o7777 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_kz_reads_it() {
        let words = ["export", "--format=files", "-o", "/s", "--owner", "1:1", "--only", "A,B", "-v"];
        let line = Ourselves.line(&words).unwrap();
        let Action::Export(export) = line.action else { panic!("no export") };
        assert_eq!((export.form, export.output.as_deref()), (Form::Files, Some("/s")));
        assert_eq!((export.owner.as_deref(), export.only.len()), (Some("1:1"), 2));
        assert_eq!(Ourselves.line(&["--help"]).unwrap().action, Action::Other);
    }

    #[test]
    fn what_is_not_understood_is_told_without_what_was_typed() {
        for words in [
            &["export", "--format", "hunter2"][..],
            &["export", "--format", "env", "hunter2"],
            &["hunter2"],
            &["export", "--format", "env", "--mode", "hunter2"],
            &["export", "--format", "env", "--hidden=hunter2"],
            &["run", "hunter2"],
        ] {
            let Misread { message, hint } = Ourselves.line(words).unwrap_err();
            assert!(!message.contains("hunter2") && !hint.contains("hunter2"), "{message} / {hint}");
            assert!(!message.is_empty() && !hint.is_empty());
        }
        let misread = Ourselves.line(&["export", "--format", "env", "--outptu", "x"]).unwrap_err();
        assert!(misread.message.contains("--outptu"), "{}", misread.message);
    }

    #[test]
    fn a_configuration_is_looked_at_however_deep() {
        let of = |text| Ourselves.configuration(text);
        let (secrets, file_names) = (Some(vec!["A".to_owned()]), vec![("A".to_owned(), "A".to_owned())]);
        let providers = vec!["env".to_owned()];
        let names =
            Configuration { secrets, file_names, providers, delivered: 1, ..Configuration::default() };
        assert_eq!(of("[secrets]\nA = { provider = \"env\", ref = \"A\" }\n"), names);
        assert!(of("[secrets]\nA = { provider = \"env\", ref = \"A\", owner = \"1\" }\n").gives_owners);
        let text = "[providers.vault]\nauth = { method = \"kubernetes\", role = \"r\" }\n";
        assert!(of(text).uses_service_account);
        assert_eq!(of("not TOML"), Configuration::default());
    }
}
