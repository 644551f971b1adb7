//! D4, first part, on command lines: credentials as arguments of programs, and before them as `NAME=value`, in commands,
//! entrypoints, scripts and healthchecks.
//!
//! Invariant: nothing of a value is told, not even its length.

use super::super::Known;
use super::super::catalogue::Code;
use super::super::finding::Findings;
use super::super::program::{SHELLS, file_name};
use super::super::remedy::Remedy;
use super::super::scene::{Scene, Unit};
use super::super::text::{Dialect, Text};
use super::super::words;
use super::super::yaml::Mark;
use super::values;

/// How options are named that take one, without dashes.
const OPTIONS: &[&str] = &["requirepass", "masterauth", "token", "api-key", "secret-key"];

/// How others end that do.
const ENDS: &[&str] =
    &["password", "passwd", "passphrase", "api-key", "apikey", "secret-key", "auth-token", "access-token"];

/// How options begin that end so and ask for something else.
const NOT: &[&str] =
    &["no", "ask", "prompt", "require", "generate", "reset", "show", "use", "allow", "with", "force"];

/// Programs that ask for the password behind a bare `--password`: what follows is another argument.
const ASKING: &[&str] = &[
    "psql",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "pg_isready",
    "createdb",
    "dropdb",
    "createuser",
    "vacuumdb",
    "mysql",
    "mysqladmin",
    "mysqldump",
    "mariadb",
    "mariadb-admin",
    "mariadb-dump",
    "mysqlcheck",
    "mysqlimport",
    "mysqlshow",
    "mariadb-check",
    "mariadb-import",
    "mariadb-show",
];

/// Those among them that take it at once behind `-p`.
const TAKING: &[&str] = &[
    "mysql",
    "mysqladmin",
    "mysqldump",
    "mysqlcheck",
    "mysqlimport",
    "mysqlshow",
    "mariadb",
    "mariadb-admin",
    "mariadb-dump",
    "mariadb-check",
    "mariadb-import",
    "mariadb-show",
];

/// Those of `MongoDB`, which take the next word behind `-p`, or at once.
const MONGO: &[&str] =
    &["mongosh", "mongo", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop"];

/// All rules of this kind.
pub(super) fn examine(scene: &Scene, known: Known<'_>, found: &mut Findings) {
    for unit in &scene.units {
        let check = &unit.service.healthcheck;
        let checked: Vec<&Text> = check.words.iter().collect();
        let of_check = match (checked.as_slice(), check.is_shells) {
            ([script], true) => in_script(&script.by_default(), known).then_some(script.mark),
            (words, _) => in_words(words, known),
        };
        for words in &unit.container.asked {
            let words: Vec<&Text> = words.iter().collect();
            if let Some(mark) = in_words(&words, known) {
                tell(scene, (unit, &words), "the command of a probe or a hook", mark, found);
            }
        }
        if let Some(mark) = in_words(&unit.argv(), known) {
            tell(scene, (unit, &unit.argv()), "its command line", mark, found);
        } else if let Some(mark) = of_check {
            tell(scene, (unit, &checked), "its healthcheck", mark, found);
        }
    }
}

fn tell(scene: &Scene, (unit, words): (&Unit, &[&Text]), whose: &str, mark: Mark, found: &mut Findings) {
    let lister = match scene.dialect {
        Dialect::Compose => "lists the processes (`docker top`, `ps`)",
        Dialect::Pod => "may read pods (`kubectl get pod -o yaml`) or list the node's processes (`ps`)",
    };
    let what = format!("{whose} holds a credential, which everybody reads who reads this file or {lister}");
    let texts: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
    found.add(Code::CredentialInCommand, mark, &unit.title, what, instead(scene.dialect, &texts));
}

/// What the program takes in the place of a credential on its command line.
fn instead(dialect: Dialect, words: &[&str]) -> Remedy {
    let names = |programs: &[&str]| {
        let parts = words.iter().flat_map(|word| word.split_whitespace());
        parts.map(file_name).any(|word| programs.contains(&word))
    };
    if names(&["redis-server", "valkey-server"]) {
        return Remedy::said(
            "let `kz export --format template` write `redis.conf` with `requirepass {{ REDIS_PASSWORD | redis }}` in it, and start the server with `/secrets/redis.conf`",
        )
        .remark("compose-examples/template-redis does so");
    }
    // What Compose hands on as `$`.
    let dollar = if dialect == Dialect::Compose { "$$" } else { "$" };
    let by_variable = |variable: &str| {
        Remedy::said(format!(
            "let it read {variable} from its environment: `kz run` brings it, or a shell before it, {variable}=\"{dollar}(cat /secrets/NAME)\""
        ))
    };
    if names(&["redis-cli", "valkey-cli"]) {
        by_variable("REDISCLI_AUTH")
    } else if names(TAKING) {
        by_variable("MYSQL_PWD")
    } else if names(ASKING) {
        by_variable("PGPASSWORD")
    } else if names(&["curl"]) {
        Remedy::said(
            "let it read a file that `kz export --format template` writes: `--header @/secrets/header`, or `--netrc-file /secrets/netrc`",
        )
    } else {
        elsewhere()
    }
}

/// Where any program is to have its credential from.
pub(super) fn elsewhere() -> Remedy {
    Remedy::said("let it read a file (`--password-file /secrets/…`), or its environment by `kz run`")
}

/// Where in the words of a command line one stands.
fn in_words(words: &[&Text], known: Known<'_>) -> Option<Mark> {
    // What is filled in later is what stands here for it, or else left empty, which is no credential.
    let texts: Vec<String> = words.iter().map(|word| word.by_default()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    if let Some(at) = script(&texts).filter(|at| in_script(texts[*at], known)) {
        return Some(words[at].mark);
    }
    at(&texts, known).map(|at| words[at].mark)
}

/// Which of these words a shell takes as a script.
fn script(words: &[&str]) -> Option<usize> {
    let is_shell = |three: &[&str]| {
        SHELLS.contains(&file_name(three[0])) && three[1].starts_with('-') && three[1].contains('c')
    };
    words.windows(3).position(is_shell).map(|at| at + 2)
}

fn in_script(script: &str, known: Known<'_>) -> bool {
    words::commands(script).unwrap_or_default().iter().any(|command| {
        let texts: Vec<&str> = command.iter().map(String::as_str).collect();
        at(&texts, known).is_some()
    })
}

/// Which of these words gives one.
fn at(words: &[&str], known: Known<'_>) -> Option<usize> {
    let given = given(words).into_iter().map(|(index, _)| index);
    let alone = words.iter().position(|word| known.kz.is_credential(word) || values::of_hook(word).is_some());
    given.chain(alone).min()
}

/// The credentials that these words give, each with the word that says so.
fn given<'a>(words: &[&'a str]) -> Vec<(usize, &'a str)> {
    let is_before = |word: &&&str| assigned(word).is_some() || ["exec", "env", "export"].contains(*word);
    let program = words.iter().find(|word| !is_before(word)).map_or("", |word| file_name(word));
    let next = |index: usize| words.get(index + 1).copied();
    let follows = |index: usize| next(index).filter(|value| !value.starts_with('-'));
    let of = |(index, word): (usize, &&'a str)| {
        let value = match option(word) {
            Some((name, None)) if takes_one(name) => {
                let asks = ASKING.contains(&program) && ["password", "passwd"].contains(&name);
                follows(index).filter(|_| !asks)
            }
            Some((name, value)) if takes_one(name) => value,
            Some(("header", None)) => next(index).and_then(of_header),
            Some(("user", None)) => next(index).and_then(of_user).filter(|_| program == "curl"),
            _ => assigned(word)
                .filter(|(name, _)| values::is_named_so(name))
                .map(|(_, value)| value)
                .or_else(|| word.strip_prefix("-p").filter(|_| TAKING.contains(&program)))
                .or_else(|| {
                    word.strip_prefix("-p").filter(|rest| MONGO.contains(&program) && !rest.is_empty())
                })
                .or_else(|| follows(index).filter(|_| MONGO.contains(&program) && *word == "-p"))
                .or_else(|| follows(index).filter(|_| program == "redis-cli" && *word == "-a"))
                .or_else(|| values::of_hook(word))
                .or_else(|| next(index).filter(|_| *word == "-H").and_then(of_header))
                .or_else(|| next(index).filter(|_| program == "curl" && *word == "-u").and_then(of_user)),
        };
        value.filter(|value| is_value(value)).map(|value| (index, value))
    };
    words.iter().enumerate().filter_map(of).collect()
}

/// The credential in `Authorization: Bearer X` and its like.
fn of_header(header: &str) -> Option<&str> {
    let (name, value) = header.split_once(':')?;
    let name = name.trim().to_ascii_lowercase();
    let is_one =
        ["authorization", "token", "key", "secret", "password"].iter().any(|end| name.ends_with(end));
    let value = value.trim();
    let value =
        ["Bearer ", "Basic ", "Token "].iter().find_map(|scheme| value.strip_prefix(scheme)).unwrap_or(value);
    is_one.then_some(value)
}

/// The password in `user:password`.
fn of_user(user: &str) -> Option<&str> {
    user.split_once(':').map(|(_, password)| password)
}

/// Whether these words give a credential that a shell would have to put there, as the content of a file.
pub(super) fn gives_content<W: AsRef<str>>(words: &[W]) -> bool {
    const CONTENT: &str = "content0";
    let with_content = |word: &str| match values::substituted(word) {
        Some(_) => {
            let at = word.find(['$', '`']).unwrap_or_default();
            format!("{}{CONTENT}", &word[..at])
        }
        None => word.to_owned(),
    };
    let texts: Vec<String> = words.iter().map(|word| with_content(word.as_ref())).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    given(&texts).iter().any(|(_, value)| value.contains(CONTENT))
}

/// Whether it is the value itself, and says not where that is.
fn is_value(text: &str) -> bool {
    let elsewhere = ["@", "env:", "stdin", "prompt"].iter().any(|begin| text.starts_with(begin));
    !values::is_harmless(text) && !text.contains(['$', '`']) && !elsewhere
}

/// Whether an option of this name takes a credential.
fn takes_one(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let ends = || {
        ENDS.iter()
            .any(|end| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('-')))
    };
    let is_other = || name.split('-').next().is_some_and(|first| NOT.contains(&first));
    OPTIONS.contains(&name.as_str()) || (ends() && !is_other())
}

/// `NAME=value`.
fn assigned(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// `--name` or `--name=value`.
fn option(word: &str) -> Option<(&str, Option<&str>)> {
    let bare = word.strip_prefix("--")?;
    Some(match bare.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (bare, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_parted_from_its_value() {
        assert_eq!(option("--token=x"), Some(("token", Some("x"))));
        assert_eq!(option("--token"), Some(("token", None)));
        assert_eq!(option("-t"), None);
    }

    #[test]
    fn what_gives_a_credential_is_found_wherever_it_stands() {
        for words in [
            &["redis-server", "--requirepass", "hunter2"][..],
            &["app", "--token=hunter2", "--db", "x"],
            &["mysqlcheck", "-phunter2", "-A"],
            &["curl", "-H", "X-Api-Key: hunter2", "u"],
            &["curl", "-u", "admin:hunter2"],
            &["mongosh", "-u", "root", "-p", "hunter2"],
            &["curl", "https://hooks.slack.com/services/T0/B0/hunter2hunter2"],
            &["PGPASSWORD=hunter2", "psql"],
        ] {
            assert_eq!(given(words).len(), 1, "{words:?}");
        }
        assert!(given(&["exec", "app", "--token", "$TOKEN", "x"]).is_empty());
    }

    #[test]
    fn what_a_file_would_give_to_an_option_is_a_credential_where_the_option_takes_one() {
        assert!(gives_content(&["redis-server", "--requirepass", "$(cat /s/a)"]));
        assert!(gives_content(&["app", "--token=$(cat /s/a)"]));
        assert!(!gives_content(&["psql", "--set", "word=$(cat /s/a)"]));
        assert!(!gives_content(&["app", "--token", "x", "--name", "$(cat /s/a)"]));
    }

    #[test]
    fn options_that_take_a_credential_are_told_by_their_end() {
        for name in
            ["password", "db-password", "DB_PASSWORD", "spring.datasource.password", "api-key", "token"]
        {
            assert!(takes_one(name), "{name}");
        }
        for name in ["no-password", "password-file", "require-password", "csrf-token", "tls-secret", "key"] {
            assert!(!takes_one(name), "{name}");
        }
    }

    #[test]
    fn what_says_where_a_value_is_is_none() {
        for text in ["$PASSWORD", "@/secrets/x", "env:PASSWORD", "stdin", "/secrets/x", "`cat x`", ""] {
            assert!(!is_value(text), "{text}");
        }
        assert!(is_value("hunter2"));
    }
}
