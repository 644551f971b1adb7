//! Every key of `.keyzero.toml` outside `[providers]`, as data: the parser checks with these tables and
//! [`super::schema`] is made from them, so that neither can know a key that the other does not.
//!
//! A pattern says in ECMA-262 what the function beside it decides in Rust; the tests ask both.

use crate::delivery::Channel;
use crate::output::env::Dialect;
use crate::output::json;
use crate::output::shell::Shell;
use crate::plan::Encoding;
use crate::provider::Leases;

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// As it is written.
    pub name: &'static str,
    /// The type of its value.
    pub takes: Takes,
    /// What it is for, in one line.
    pub about: &'static str,
    /// A value, as it stands in the file.
    pub example: &'static str,
    /// What it belongs to.
    pub group: Group,
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// The name of a provider or of an instance of one.
    Provider,
    /// A string of this pattern.
    Text(&'static str),
    /// The text of a template.
    Template,
    /// A string or a list of strings, each of this pattern.
    Texts(&'static str),
    /// A string or a whole number.
    TextOrInteger,
    /// `true` or `false`.
    Boolean,
    /// A whole number between these, inclusive.
    Integer(i64, i64),
    /// A table of parameters, of names that the engine knows.
    Parameters,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
}

/// What a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// How a value is had: no meaning beside `template`.
    Source,
    /// Where exactly it is: likewise, and the one thing that a local file may change.
    Place,
    /// Where blind mode may put it; templates inherit it.
    Scope,
    /// Anything else.
    Other,
}

/// Any text.
pub(super) const ANY: &str = "";

/// [`super::secret::parse_mode`].
const MODE: &str = "^(0o)?0?[4-7][0-7]{2}$";

/// [`crate::plan::field::FieldPath::parse`].
const FIELD: &str = r"^(/([^~]|~[01])*|(?!/)([^.\\]|\\[.\\])+(\.([^.\\]|\\[.\\])+)*)$";

/// [`crate::delivery::RelativePath::new`].
const FILE: &str = concat!(
    r"^(?!\.\.)(?!\.kz(/|$))(?!\.(/|$))[^/\u0000]{1,255}",
    r"(/(?!\.{1,2}(/|$))[^/\u0000]{1,255}){0,63}$"
);

/// [`super::secret::is_name`].
pub(super) const NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$";

/// [`super::parse_duration`].
const DURATION: &str = "^[0-9]+(ms|s|m|h)?$";

/// [`super::scope`].
const HOST: &str = concat!(
    r"^(\*|(\*\.)?(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)$"
);

/// The texts of such a list.
fn words<T>(known: &[(&'static str, T)]) -> Vec<&'static str> {
    known.iter().map(|(word, _)| *word).collect()
}

/// The texts that `encoding` takes.
pub(super) const ENCODINGS: &[(&str, Encoding)] =
    &[("base64", Encoding::Base64), ("base64url", Encoding::Base64Url), ("hex", Encoding::Hex)];

/// The texts that `deliver` takes.
pub(super) const CHANNELS: &[(&str, Channel)] = &[("env", Channel::Environment), ("fd", Channel::Descriptor)];

/// What becomes of bytes in JSON.
pub(super) const JSON_BYTES: &[(&str, json::Bytes)] = &[("base64", json::Bytes::Base64)];

/// What is done with leases.
pub(super) const LEASES: &[(&str, Leases)] =
    &[("renew", Leases::Renew), ("reissue", Leases::Reissue), ("exit", Leases::Exit)];

/// A form of an output, and which of its keys it has beside `format`, `mode` and `owner`.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutputFormat {
    /// As in `format = "NAME"`.
    pub name: &'static str,
    /// Those that have to be there.
    pub needs: &'static [&'static str],
    /// Those that may be there.
    pub has: &'static [&'static str],
}

impl OutputFormat {
    /// Whether it has this key.
    pub(super) fn takes(&self, key: &str) -> bool {
        [EVERY_OUTPUT, self.needs, self.has].iter().any(|keys| keys.contains(&key))
    }
}

/// All of them.
pub(super) const OUTPUT_FORMATS: &[OutputFormat] = &[
    OutputFormat { name: "files", needs: &[], has: &["path", "only"] },
    OutputFormat { name: "env", needs: &["path"], has: &["dialect", "only"] },
    OutputFormat { name: "json", needs: &["path"], has: &["json_bytes", "only"] },
    OutputFormat { name: "shell", needs: &["path"], has: &["shell", "only"] },
    OutputFormat { name: "template", needs: &["path", "template"], has: &[] },
];

/// The keys that every form of an output has.
pub(super) const EVERY_OUTPUT: &[&str] = &["format", "mode", "owner"];

/// [`crate::size::Size::parse`].
const SIZE: &str = "^[1-9][0-9]{0,9} ?(B|KiB|MiB|GiB)$";

/// How many documents may be asked for at once.
pub(super) const CONCURRENCY: (i64, i64) = (1, 1024);

const fn key(
    name: &'static str,
    group: Group,
    takes: Takes,
    example: &'static str,
    about: &'static str,
) -> Key {
    Key { name, takes, about, example, group }
}

/// Every key of a secret.
pub(super) const SECRET: &[Key] = &[
    key(
        "provider",
        Group::Source,
        Takes::Provider,
        "\"age\"",
        "where the value is: a provider, or the name of a `[providers.NAME]` section",
    ),
    key("resolver", Group::Source, Takes::Provider, "\"age\"", "another word for `provider`"),
    key(
        "ref",
        Group::Place,
        Takes::Text(ANY),
        "\"secrets.env.age#DATABASE_PASSWORD\"",
        "what the provider is asked for; `#field` at its end names a part of that",
    ),
    key(
        "field",
        Group::Place,
        Takes::Text(FIELD),
        "\"database.password\"",
        "a part of a document: `a.b` with `\\.` for a literal dot, or a JSON pointer `/a/b`",
    ),
    key("version", Group::Place, Takes::TextOrInteger, "\"7\"", "the backend's own name of a version"),
    key(
        "request",
        Group::Source,
        Takes::Parameters,
        "{ common_name = \"db.internal\", ttl = \"1h\" }",
        "what an engine of Vault makes it of, which is asked with POST: secrets of one ref with the same `request` are parts of one answer",
    ),
    key(
        "encoding",
        Group::Source,
        Takes::Word(|| words(ENCODINGS)),
        "\"base64\"",
        "how the backend's text stands for bytes; it is decoded",
    ),
    key(
        "trim",
        Group::Source,
        Takes::Boolean,
        "true",
        "leave out the line breaks at the value's end (LF, CRLF), after decoding; `false` says that they are meant",
    ),
    key(
        "optional",
        Group::Source,
        Takes::Boolean,
        "true",
        "leave the secret out when it is absent; denied, unreachable and malformed stay errors",
    ),
    key(
        "default",
        Group::Source,
        Takes::Text(ANY),
        "\"info\"",
        "the value when it is absent, for what is no secret",
    ),
    key(
        "template",
        Group::Other,
        Takes::Template,
        "\"postgres://app:{{ DATABASE_PASSWORD | urlencode }}@db/app\"",
        "assembled from other secrets",
    ),
    key(
        "file",
        Group::Other,
        Takes::Text(FILE),
        "\"tls/server.key\"",
        "its path below the directory of `kz export --format files`",
    ),
    key("mode", Group::Other, Takes::Text(MODE), "\"0440\"", "octal permission bits that let the owner read"),
    key("owner", Group::Other, Takes::Text(ANY), "\"999:999\"", "uid, uid:gid, or names, of its file"),
    key(
        "deliver",
        Group::Other,
        Takes::Word(|| words(CHANNELS)),
        "\"fd\"",
        "how `kz run` hands it over: `env`, or `fd` for an open file that `NAME_FILE` names",
    ),
    key(
        "hosts",
        Group::Scope,
        Takes::Texts(HOST),
        "[\"api.example.com\", \"*.example.net\"]",
        "blind mode sends the value to these hosts only",
    ),
    key(
        "in",
        Group::Scope,
        Takes::Texts("^(query|path|body|header(:[A-Za-z0-9!#$%&'*+.^_`|~-]+)?)$"),
        "[\"header:Authorization\"]",
        "blind mode puts the value into these parts of a request only",
    ),
    key(
        "methods",
        Group::Scope,
        Takes::Texts("^[A-Z]+$"),
        "[\"GET\", \"POST\"]",
        "blind mode sends the value with these HTTP methods only",
    ),
    key(
        "paths",
        Group::Scope,
        Takes::Texts("^/"),
        "[\"/v1/\"]",
        "blind mode sends the value to paths that begin so only",
    ),
    key(
        "token_prefix",
        Group::Other,
        Takes::Text("^[!-~]{0,64}$"),
        "\"sk-\"",
        "how the token begins that stands for the value in blind mode",
    ),
];

/// Every key of one of `[[outputs]]`.
pub(super) const OUTPUT: &[Key] = &[
    key(
        "format",
        Group::Other,
        Takes::Word(|| OUTPUT_FORMATS.iter().map(|format| format.name).collect()),
        "\"env\"",
        "the form: a file for each secret, KEY=value lines, one JSON object, `export` lines, or a template",
    ),
    key(
        "path",
        Group::Other,
        Takes::Text(FILE),
        "\"app.env\"",
        "where, below the directory of `kz export --output`; for `files` a directory, and the top without it",
    ),
    key(
        "only",
        Group::Other,
        Takes::Texts(NAME),
        "[\"DATABASE_URL\"]",
        "only these secrets; a template names its own",
    ),
    key(
        "dialect",
        Group::Other,
        Takes::Word(|| words(&Dialect::words())),
        "\"compose\"",
        "for `env`: which parser reads it",
    ),
    key(
        "shell",
        Group::Other,
        Takes::Word(|| words(&Shell::words())),
        "\"sh\"",
        "for `shell`: whose syntax it has",
    ),
    key(
        "json_bytes",
        Group::Other,
        Takes::Word(|| words(JSON_BYTES)),
        "\"base64\"",
        "for `json`: what becomes of values that are not UTF-8, instead of an error",
    ),
    key(
        "template",
        Group::Other,
        Takes::Text(r"^[^\u0000]+$"),
        "\"redis.conf.tmpl\"",
        "for `template`: the file that it is in; relative paths start at the configuration file",
    ),
    key(
        "mode",
        Group::Other,
        Takes::Text(MODE),
        "\"0440\"",
        "octal permission bits of its files, but for a secret that has its own",
    ),
    key(
        "owner",
        Group::Other,
        Takes::Text(ANY),
        "\"999:999\"",
        "uid, uid:gid, or names, of its files, but for a secret that has its own",
    ),
];

/// The keys of `[resolve]`.
pub(super) const RESOLVE: &[Key] = &[
    key(
        "timeout",
        Group::Other,
        Takes::Text(DURATION),
        "\"60s\"",
        "give up on backends and locks after this long",
    ),
    key(
        "concurrency",
        Group::Other,
        Takes::Integer(CONCURRENCY.0, CONCURRENCY.1),
        "32",
        "how many documents are asked for at once",
    ),
    key(
        "max_document_size",
        Group::Other,
        Takes::Text(SIZE),
        "\"64MiB\"",
        "how large a file, a server's reply or a program's output may be that holds documents",
    ),
    key(
        "lease",
        Group::Other,
        Takes::Word(|| words(LEASES)),
        "\"renew\"",
        "for `kz export --watch`: `renew` leases, `reissue` takes others before their end, `exit` ends kz before it",
    ),
];

/// The keys of the file itself that are no sections.
pub(super) const TOP: &[Key] = &[
    key(
        "environment_from",
        Group::Other,
        Takes::Texts(ANY),
        "[\"APP_ENV\"]",
        "variables that may name the environment, beside `--env` and KEYZERO_ENV",
    ),
    key(
        "keep_env",
        Group::Other,
        Takes::Texts(ANY),
        "[\"VAULT_TOKEN\"]",
        "variables that `kz run` leaves to the command, though they are credentials of kz's own",
    ),
];

/// A table of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    /// As in `[NAME]`.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
}

/// The tables that have a fixed name.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "secrets", about: "where each secret is; the file holds no value itself" },
    Section {
        name: "providers",
        about: "settings of providers, and further instances of them under names of their own",
    },
    Section { name: "outputs", about: "what `kz export` without `--format` writes, all of it or nothing" },
    Section { name: "resolve", about: "limits of resolving" },
];

/// What the file may begin a line or a section with.
pub(super) fn top_names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.name).chain(names(TOP))
}

/// The names of a table's keys.
pub(super) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}

/// The key of a secret that is written so.
pub(super) fn of_secret(name: &str) -> Option<&'static Key> {
    SECRET.iter().find(|key| key.name == name)
}

/// What a secret's key belongs to.
pub(super) fn group(name: &str) -> Option<Group> {
    of_secret(name).map(|key| key.group)
}
