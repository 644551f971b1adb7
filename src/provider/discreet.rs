//! A provider of whose words none repeats what stood in a variable or a setting and looks like a credential.
//!
//! `registry` puts it around each provider that it builds, so that no message of a provider reaches anybody without it:
//! neither an error, nor a cell of `kz status`. What begins like a known credential is hidden wherever it is from, and
//! beside it each text of the environment and of the section that may be one, as it was given. Where a path belongs,
//! that is also a bare word that names nothing: a password as well as a file. Then the variable or the setting is named
//! instead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::local_file::{self, NO_PATH};
use super::settings::Settings;
use super::{
    Absence, Ask, Closing, DocumentRef, End, Failure, Fetch, Lease, Lender, Outcome, Provider, Renewal,
    Surroundings, Unrenewed,
};
use crate::literal;
use crate::secret::Secret;

/// Shorter texts are words, which stand in messages by themselves.
const SHORTEST: usize = 16;

/// Variables that take a path, beside those that end in `_FILE`.
const PATHS: &[&str] = &[
    "AWS_CA_BUNDLE",
    "BAO_CACERT",
    "BAO_CAPATH",
    "BAO_CLIENT_CERT",
    "BAO_CLIENT_KEY",
    "BAO_TOKEN_PATH",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "VAULT_CACERT",
    "VAULT_CAPATH",
    "VAULT_CLIENT_CERT",
    "VAULT_CLIENT_KEY",
    "VAULT_TOKEN_PATH",
];

/// How files are called that hold credentials and certificates: with one of these a word is a path.
const EXTENSIONS: &[&str] = &[
    "age", "cer", "conf", "crt", "env", "ini", "json", "jwt", "key", "p12", "pem", "pub", "token", "toml",
    "txt", "yaml", "yml",
];

/// A provider, and what it must not say.
pub(super) struct Discreet {
    inner: Box<dyn Provider>,
    suspects: Suspects,
}

/// Texts that may be credentials.
pub(super) struct Suspects {
    /// The longest first.
    texts: Vec<Secret>,
    paths: Vec<Written>,
    /// Where relative paths start from.
    base: PathBuf,
}

/// What stands where a path belongs. Whether it names something is looked at when it would be said, and not before: what
/// asks nobody looks at no file.
struct Written {
    /// The variable, or the setting in backticks.
    place: String,
    text: Secret,
}

/// What a text is that stands where a path belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// What names something, or plainly is a path.
    Path,
    /// A word that may be anything.
    Word,
    /// What looks like a credential.
    Credential,
}

impl Discreet {
    pub(super) fn new(inner: Box<dyn Provider>, suspects: Suspects) -> Self {
        Self { inner, suspects }
    }
}

impl Provider for Discreet {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], ask: &'a Ask) -> Fetch<'a> {
        Box::pin(async move {
            let outcomes = self.inner.fetch(documents, ask).await;
            outcomes.into_iter().map(|outcome| self.outcome(outcome)).collect()
        })
    }

    fn discreet(&self, text: &str) -> String {
        self.suspects.hide(&self.inner.discreet(text))
    }

    fn close<'a>(&'a self, end: End, ask: &'a Ask) -> Closing<'a> {
        self.inner.close(end, ask)
    }

    fn lender(&self) -> Option<&dyn Lender> {
        self.inner.lender().map(|_| self as &dyn Lender)
    }
}

impl Lender for Discreet {
    fn adopt(&self, lease: &Lease) {
        if let Some(lender) = self.inner.lender() {
            lender.adopt(lease);
        }
    }

    fn renew<'a>(&'a self, lease: &'a Lease, wanted: Duration, ask: &'a Ask) -> Renewal<'a> {
        Box::pin(async move {
            let lender = self.inner.lender().ok_or(Unrenewed::Fixed)?;
            lender.renew(lease, wanted, ask).await.map_err(|unrenewed| match unrenewed {
                Unrenewed::Failed(failure) => Unrenewed::Failed(self.suspects.failure(failure)),
                said @ (Unrenewed::Over | Unrenewed::Fixed) => said,
            })
        })
    }

    fn give_back<'a>(&'a self, leases: &'a [Lease], ask: &'a Ask) -> Closing<'a> {
        match self.inner.lender() {
            Some(lender) => lender.give_back(leases, ask),
            None => Box::pin(std::future::ready(())),
        }
    }
}

impl Discreet {
    fn outcome(&self, outcome: Outcome) -> Outcome {
        let words = |text: String| self.suspects.hide(&text);
        match outcome {
            Outcome::AbsentBecause(Absence { cause, hint }) => Outcome::AbsentBecause(Absence {
                cause: words(cause),
                hint: hint.map(|hint| hint.map(words)),
            }),
            Outcome::Failed(failure) => Outcome::Failed(self.suspects.failure(failure)),
            said @ (Outcome::Found(_) | Outcome::Blank(_) | Outcome::Absent | Outcome::Readable) => said,
        }
    }
}

impl Suspects {
    /// Those of the environment and of a section.
    pub(super) fn of(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let variables = surroundings.variables();
        let written = settings.texts().into_iter().map(|text| Secret::new(text.into_bytes()));
        let mut all: Vec<Secret> = variables.iter().map(|(_, value)| value.clone()).chain(written).collect();
        all.retain(|text| text.expose_text().is_some_and(is_suspect));
        // A message may say of a text what is left of it without the line break at its end, or one of its lines.
        let parts = |text: &Secret| -> Vec<Secret> {
            let text = text.expose_text().unwrap_or_default();
            let parts = std::iter::once(text).chain(text.lines()).map(str::trim);
            parts
                .filter(|part| part.len() >= SHORTEST)
                .map(|part| Secret::new(part.as_bytes().to_vec()))
                .collect()
        };
        let mut texts: Vec<Secret> = all.iter().flat_map(parts).collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.expose().len()));
        let of_variables = variables
            .iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, _)| takes_path(name))
            .map(|(name, value)| (name, value.expose_text().unwrap_or_default().trim().to_owned()));
        let base = surroundings.base();
        let of_settings = settings.path_texts().into_iter().map(|(name, path)| {
            let text = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
            (format!("`{name}`"), text)
        });
        let written = of_variables.chain(of_settings).filter(|(_, text)| !text.is_empty());
        let paths = written.map(|(place, text)| Written { place, text: Secret::new(text.into_bytes()) });
        Self { texts, paths: paths.collect(), base: base.to_owned() }
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let bare = self.said_in(text).map(|(written, _)| &written.text);
        literal::without(text, self.texts.iter().chain(bare).filter_map(Secret::expose_text), stands)
    }

    /// What a line says of what stands where paths belong and names nothing.
    fn said_in<'s>(&'s self, line: &'s str) -> impl Iterator<Item = (&'s Written, Found)> {
        let is_said = move |written: &&Written| {
            written.text.expose_text().is_some_and(|text| {
                line.match_indices(text).any(|(at, _)| stands(&line[..at], text, &line[at + text.len()..]))
            })
        };
        self.paths
            .iter()
            .filter(is_said)
            .map(|written| (written, written.found(&self.base)))
            .filter(is_no_path)
    }

    /// A failure without them. Of what names no file the place is said, since that has to be set right.
    fn failure(&self, failure: Failure) -> Failure {
        if let Some((written, found)) = self.said_in(&failure.cause).next() {
            return written.failure(found);
        }
        // Which of several it was, nobody has said.
        if failure.cause == NO_PATH {
            let all = self.paths.iter().map(|written| (written, written.found(&self.base)));
            let mut credentials = all.filter(|(_, found)| *found == Found::Credential);
            if let (Some((written, found)), None) = (credentials.next(), credentials.next()) {
                return written.failure(found);
            }
        }
        let Failure { kind, cause, hint } = self.with_its_name(failure);
        Failure { kind, cause: self.hide(&cause), hint: hint.map(|hint| hint.map(|text| self.hide(&text))) }
    }

    /// A failure whose cause begins with a path says which variable or setting names it, since that is to be set right.
    fn with_its_name(&self, failure: Failure) -> Failure {
        let Some((path, rest)) = failure.cause.strip_prefix('`').and_then(|cause| cause.split_once("` "))
        else {
            return failure;
        };
        let names_it = |written: &&Written| {
            written.text.expose_text().is_some_and(|text| self.base.join(text) == Path::new(path))
        };
        let Some(Written { place, .. }) = self.paths.iter().find(names_it) else { return failure };
        let missing = || local_file::bring(place).into();
        Failure {
            kind: failure.kind,
            cause: format!("`{path}`, which {place} names, {rest}"),
            hint: failure.hint.or_else(|| (rest == "does not exist").then(missing)),
        }
    }
}

fn is_no_path((_, found): &(&Written, Found)) -> bool {
    *found != Found::Path
}

impl Written {
    fn found(&self, base: &Path) -> Found {
        let text = self.text.expose_text().unwrap_or_default();
        let names_something = |path: &Path| path.symlink_metadata().is_ok();
        match () {
            () if names_something(text.as_ref()) || names_something(&base.join(text)) => Found::Path,
            () if local_file::may_be_credential(text.as_ref()) => Found::Credential,
            () if text.contains('/') || text.starts_with(['.', '~']) || has_extension(text) => Found::Path,
            () => Found::Word,
        }
    }

    fn failure(&self, found: Found) -> Failure {
        let place = &self.place;
        if found == Found::Credential {
            return local_file::no_path(place);
        }
        Failure::misconfigured(
            format!(
                "{place} names no file; what it holds is not repeated, since it may as well be a credential"
            ),
            format!("it takes the path of a file, such as `/run/secrets/…`: look at {place}"),
        )
    }
}

/// Whether a text of the environment is what stands there: a short one only where it is quoted, or ends a path that is.
fn stands(before: &str, text: &str, after: &str) -> bool {
    text.len() >= SHORTEST || (before.ends_with(['`', '/']) && after.starts_with('`'))
}

/// Whether a variable takes a path.
fn takes_path(name: &str) -> bool {
    name.ends_with("_FILE") || PATHS.contains(&name)
}

fn has_extension(text: &str) -> bool {
    let extension = Path::new(text).extension().and_then(std::ffi::OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// A text that may be a credential, and is no path of something that is there.
fn is_suspect(text: &str) -> bool {
    let text = text.trim();
    text.len() >= SHORTEST
        && literal::may_be_credential(text)
        && (!text.starts_with('/') || local_file::may_be_credential(text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::FailureKind;
    use crate::provider::fixture::{Fixture, fetch};
    use crate::provider::settings::Value;

    struct Talkative(&'static str);

    impl Provider for Talkative {
        fn fetch<'a>(&'a self, documents: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
            let failure = Failure {
                kind: FailureKind::Malformed,
                cause: format!("the region {} is none", self.0),
                hint: Some(format!("is {} right?", self.0).into()),
            };
            Box::pin(std::future::ready(vec![Outcome::Failed(failure); documents.len()]))
        }
    }

    fn said(settings: &Settings, fixture: &Fixture, text: &'static str) -> (String, String) {
        let provider = Discreet::new(Box::new(Talkative(text)), Suspects::of(settings, fixture));
        match fetch(&provider, &["x"]).remove(0) {
            Outcome::Failed(failure) => {
                (failure.cause, failure.hint.map(|hint| hint.to_string()).unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_environment_and_the_section_hold_is_hidden_where_it_may_be_a_credential() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1";
        let hidden = ("the region *** is none".to_owned(), "is *** right?".to_owned());
        let none = Settings::default();
        assert_eq!(said(&none, &Fixture::new().with_variable("AWS_REGION", key), key), hidden);
        let mut settings = Settings::default();
        settings.insert("region", Value::Text(key.to_owned()));
        assert_eq!(said(&settings, &Fixture::new(), key), hidden);
        assert_eq!(said(&none, &Fixture::new(), "hvs.CAESIJabcdefghijk"), hidden);
    }

    #[test]
    fn names_and_paths_are_said() {
        let fixture =
            Fixture::new().with_variable("AWS_REGION", "eu-central-1").with_variable("X", "/usr/bin/env");
        let said = |text| said(&Settings::default(), &fixture, text).0;
        assert_eq!(said("eu-central-1"), "the region eu-central-1 is none");
        assert_eq!(said("/usr/bin/env"), "the region /usr/bin/env is none");
    }

    fn failed(fixture: &Fixture, settings: &Settings, cause: String) -> String {
        Suspects::of(settings, fixture).failure(Failure::misconfigured(cause, "")).cause
    }

    #[test]
    fn of_what_names_no_file_the_variable_or_the_setting_is_said_and_not_the_text() {
        let base = Fixture::new();
        for (text, words) in [
            ("6a174c20-91d5-4b6b-b2b4-3f1a0c9f7e55", "it holds what looks like a credential"),
            ("wJalrXUtn/EMI+K7MDENG/bPxRf/CYzEX8MPL/KEY", "it holds what looks like a credential"),
            ("hunter2", "what it holds is not repeated, since it may as well be a credential"),
            ("correct horse battery", "what it holds is not repeated, since it may as well be a credential"),
        ] {
            for name in ["VAULT_TOKEN_FILE", "VAULT_CACERT"] {
                let fixture = Fixture::new().with_variable(name, text);
                let cause = format!("`{}` does not exist", fixture.path(text).display());
                let said = failed(&fixture, &Settings::default(), cause);
                assert_eq!(said, format!("{name} names no file; {words}"));
            }
            let mut settings = Settings::default();
            settings.insert("token_file", Value::Paths(vec![base.path(text)]));
            let said = failed(&base, &settings, format!("`{}` cannot be read", base.path(text).display()));
            assert_eq!(said, format!("`token_file` names no file; {words}"));
        }
        let fixture = Fixture::new().with_variable("SSL_CERT_FILE", "hvs.CAESIJabcdefghijk");
        let said = failed(&fixture, &Settings::default(), NO_PATH.to_owned());
        assert_eq!(said, "SSL_CERT_FILE names no file; it holds what looks like a credential");
    }

    #[test]
    fn of_a_file_that_is_missing_the_variable_or_the_setting_is_said_too() {
        for text in ["/run/secrets/tokn", "keys/identity.txt", "ca.pem"] {
            let fixture = Fixture::new().with_variable("VAULT_CACERT", text);
            let path = fixture.path(text).display().to_string();
            for rest in ["does not exist", "cannot be read: permission denied"] {
                let said = failed(&fixture, &Settings::default(), format!("`{path}` {rest}"));
                assert_eq!(said, format!("`{path}`, which VAULT_CACERT names, {rest}"));
            }
            let mut settings = Settings::default();
            settings.insert("ca_cert", Value::Paths(vec![fixture.path(text)]));
            let failure =
                Failure { hint: None, ..Failure::misconfigured(format!("`{path}` does not exist"), "") };
            let said = Suspects::of(&settings, &Fixture::new()).failure(failure);
            assert_eq!(said.cause, format!("`{path}`, which `ca_cert` names, does not exist"));
            assert!(said.hint.is_some_and(|hint| {
                hint.to_string().starts_with("correct `ca_cert`, or bring the file there")
            }));
        }
        let others = failed(&Fixture::new(), &Settings::default(), "`/x.age` does not exist".to_owned());
        assert_eq!(others, "`/x.age` does not exist");
    }

    #[test]
    fn a_mistyped_path_and_what_is_there_are_said() {
        for text in
            ["/run/secrets/tokn", "keys/identity.txt", "./tokn", "~/tokn", "identity.txt", "keys/tokn"]
        {
            let fixture = Fixture::new().with_variable("VAULT_TOKEN_FILE", text);
            let cause = format!("the credential in `{text}` is empty");
            assert_eq!(failed(&fixture, &Settings::default(), cause.clone()), cause);
        }
        let fixture = Fixture::new().with_variable("VAULT_TOKEN_FILE", "hunter2");
        let path = fixture.file("hunter2", "x");
        let cause = format!("the credential in `{}` is empty", path.display());
        assert_eq!(failed(&fixture, &Settings::default(), cause.clone()), cause);
        let fixture = Fixture::new().with_variable("VAULT_TOKEN_FILE", "vault");
        assert_eq!(failed(&fixture, &Settings::default(), "vault is sealed".into()), "vault is sealed");
    }
}
