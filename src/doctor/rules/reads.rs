//! The files that a unit will open: by a variable, a script, `kz run --env-file`, its healthcheck.

use super::super::catalogue::Code;
use super::super::program::Program;
use super::super::scene::Unit;
use super::super::text::{Text, normal};
use super::super::words;
use super::super::yaml::Mark;

/// A file that a unit will open.
pub(super) struct Read {
    pub(super) path: String,
    pub(super) mark: Mark,
    pub(super) way: Way,
}

/// How it opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By this variable.
    Variable(String),
    /// By a script's `.`.
    Script,
    /// By `kz run --env-file`.
    EnvFile,
    /// By this word of its command line.
    Argument(usize),
    /// By its healthcheck.
    Healthcheck,
}

impl Way {
    pub(super) fn words(&self, path: &str) -> String {
        match self {
            Way::Variable(name) => format!("`{name}` names `{path}`"),
            Way::Script => format!("its script reads `{path}`"),
            Way::EnvFile => format!("`kz run --env-file` reads `{path}`"),
            Way::Argument(_) => format!("its command reads `{path}`"),
            Way::Healthcheck => format!("its healthcheck reads `{path}`"),
        }
    }

    /// That it is not mounted.
    pub(super) fn code(&self) -> Code {
        match self {
            Way::Variable(_) => Code::FileNotMounted,
            Way::Script | Way::Argument(_) => Code::ScriptNotMounted,
            Way::EnvFile => Code::RunFileNotMounted,
            Way::Healthcheck => Code::HealthcheckNotMounted,
        }
    }
}

/// All that a unit will open.
pub(super) fn of(unit: &Unit) -> Vec<Read> {
    let mut reads: Vec<Read> = unit
        .variables
        .iter()
        .filter_map(|variable| {
            let name = variable.name.as_str();
            let path = variable.value.as_ref()?.known().filter(|value| value.starts_with('/'))?;
            let is_file = name.len() > "_FILE".len() && name.ends_with("_FILE");
            let way = Way::Variable(name.to_owned());
            is_file.then(|| Read { path: normal(path), mark: variable.mark, way })
        })
        .collect();
    if let Program::Script(script) = &unit.program {
        let commands = words::commands(&script.value).unwrap_or_default();
        let sourced = commands.iter().filter_map(|words| match words::program(words).1 {
            [program, path, ..] if [".", "source"].contains(&program.as_str()) => Some(path.clone()),
            _ => None,
        });
        let plain = sourced.filter(|path| path.starts_with('/') && !path.contains(['$', '*', '`']));
        reads.extend(plain.map(|path| Read { path: normal(&path), mark: script.mark, way: Way::Script }));
    }
    let env_file = unit.run().and_then(|run| unit.path(run.env_file.as_deref()?));
    reads.extend(env_file.map(|path| Read { path, mark: unit.command_mark(), way: Way::EnvFile }));
    reads.extend(arguments(unit));
    let checked = unit
        .service
        .healthcheck
        .words
        .iter()
        .flat_map(|text| paths(text).into_iter().map(|path| (path, text.mark)));
    reads.extend(checked.map(|(path, mark)| Read { path, mark, way: Way::Healthcheck }));
    reads
}

/// The files that a command line names: those of which a script takes the content, or whole words of a program's.
fn arguments(unit: &Unit) -> Vec<Read> {
    if unit.is_kz() {
        return Vec::new();
    }
    let is_plain = |path: &&str| {
        path.len() > 1
            && path.starts_with('/')
            && path.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
    };
    let of = |at: usize, text: &Text, path: &str| Read {
        path: normal(path),
        mark: text.mark,
        way: Way::Argument(at),
    };
    if let Program::Script(script) = &unit.program {
        let taken = ["$(cat ", "$(<"].iter().flat_map(|begin| script.value.split(begin).skip(1));
        let paths = taken.filter_map(|rest| rest.split(')').next());
        let paths = paths.map(|path| path.trim().trim_matches(['"', '\'']));
        return paths.filter(is_plain).map(|path| of(2, script, path)).collect();
    }
    let words = unit.argv().into_iter().enumerate().skip(1);
    let named = words.filter_map(|(at, word)| Some((at, word, word.known()?)));
    named.filter(|(.., path)| is_plain(path)).map(|(at, word, path)| of(at, word, path)).collect()
}

/// The absolute paths in a command, where nothing is filled in.
fn paths(text: &Text) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || "\"'`;|&<>(){}=,@".contains(c);
    let is_plain = |word: &&str| {
        word.len() > 1
            && word.starts_with('/')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
    };
    text.value.split(ends).filter(is_plain).map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::text::Dialect;
    use super::*;

    #[test]
    fn paths_of_a_command_are_found_and_those_of_an_address_are_not() {
        let of = |raw| paths(&Text::new(raw, Mark { line: 1, column: 1 }, Dialect::Compose));
        assert_eq!(of("PGPASSWORD=$$(cat /secrets/PW) psql --file=/a/b"), ["/secrets/PW", "/a/b"]);
        assert_eq!(of("curl --header @/run/secrets/h http://localhost:80/health"), ["/run/secrets/h"]);
        assert_eq!(of("test -s \"/secrets/$$NAME\" -a / -a /x*"), Vec::<String>::new());
    }
}
