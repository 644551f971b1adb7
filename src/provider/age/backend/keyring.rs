//! Where identities come from, and the identities of one batch.
//!
//! Invariants: the first source that is there is the only one asked, in the order of [`IdentitySource`]. Its files are
//! read when the first document needs an identity, once per batch. A named file that is missing or broken is
//! an error even where another would do: what was mounted should be what is used.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::identity::{self, Key};
use super::passphrase::{self, Passphrase};
use super::sealed::{DecryptionError, Sealed};
use crate::hint::said;
use crate::provider::age::settings::IDENTITY_VARIABLE;
use crate::provider::local_file::{self, Reader, Unreadable, path_of, quoted};
use crate::provider::settings::Settings;
use crate::provider::{Failure, FailureKind, Surroundings};
use crate::secret::Secret;

/// Holds the path of an identity file.
const FILE_VARIABLE: &str = "KEYZERO_AGE_IDENTITY_FILE";
/// Where Compose mounts a secret of that name.
const MOUNTED: &str = "/run/secrets/age-identity";
/// The largest identity file, in bytes.
const LIMIT: u64 = 1 << 20;

/// Where the identities are.
pub(super) enum IdentitySource {
    /// In the files that `identity_file` names.
    Files(Vec<PathBuf>),
    /// In the file that a variable names, which like any path in a variable starts from the working directory.
    FileOfVariable(PathBuf),
    /// In a variable.
    Variable(Secret),
    /// At [`MOUNTED`], if anywhere.
    Mounted,
}

impl IdentitySource {
    /// Chooses without looking at files. A variable that is empty counts as unset: Compose makes those.
    pub(super) fn choose(settings: &Settings, surroundings: &dyn Surroundings) -> Self {
        let variable = |name| surroundings.given(name);
        let files = settings.paths("identity_file");
        if !files.is_empty() {
            return Self::Files(files.to_vec());
        }
        if let Some(path) = variable(FILE_VARIABLE) {
            return Self::FileOfVariable(path_of(&path));
        }
        variable(IDENTITY_VARIABLE).map_or(Self::Mounted, Self::Variable)
    }

    /// In words, for what is said of the identities.
    fn words(&self) -> String {
        match self {
            Self::Files(paths) => paths.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", "),
            Self::FileOfVariable(path) => quoted(path),
            Self::Variable(_) => format!("`{IDENTITY_VARIABLE}`"),
            Self::Mounted => format!("`{MOUNTED}`"),
        }
    }
}

/// The keys of one batch, each read when it is first needed.
pub(super) struct Keyring<'a> {
    source: &'a IdentitySource,
    reader: Reader<'a>,
    passphrase: Passphrase<'a>,
    held: OnceCell<Result<Vec<Key>, Failure>>,
}

impl<'a> Keyring<'a> {
    pub(super) fn new(
        source: &'a IdentitySource,
        reader: Reader<'a>,
        passphrase: &'a passphrase::Settings,
    ) -> Self {
        Self { source, reader, passphrase: Passphrase::new(passphrase, reader), held: OnceCell::new() }
    }

    /// The plaintext of a document; `subject` names it in words.
    pub(super) fn open(&self, content: &Secret, subject: &str) -> Result<Secret, Failure> {
        let sealed = Sealed::parse(content.expose()).map_err(|refusal| refusal.failure(subject))?;
        if sealed.wants_passphrase() {
            let identity = self.passphrase.identity(subject)?;
            return sealed.open(std::iter::once(&identity as _)).map_err(|refusal| refusal.failure(subject));
        }
        let held = self.held.get_or_init(|| self.load()).as_ref().map_err(Clone::clone)?;
        let opened = sealed.open(held.iter().map(|identity| &**identity));
        opened.map_err(|refusal| self.refused(refusal, subject, held.len()))
    }

    fn refused(&self, refusal: DecryptionError, subject: &str, tried: usize) -> Failure {
        let failure = refusal.failure(subject);
        match refusal {
            DecryptionError::NoMatch => Failure {
                hint: said(format!(
                    "kz tried {tried} from {}: `age-keygen -y FILE` prints the recipient to encrypt to",
                    self.source.words()
                )),
                ..failure
            },
            _ => failure,
        }
    }

    fn load(&self) -> Result<Vec<Key>, Failure> {
        match self.source {
            IdentitySource::Files(paths) => {
                let held = paths.iter().map(|path| self.load_file(path, "identity_file"));
                Ok(held.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            IdentitySource::FileOfVariable(path) if path.starts_with("~") => {
                self.load_file(&self.reader.locate(path)?, FILE_VARIABLE)
            }
            IdentitySource::FileOfVariable(path) => self.load_file(path, FILE_VARIABLE),
            IdentitySource::Variable(identity) => {
                identity::parse(identity, &self.source.words(), &self.passphrase)
            }
            IdentitySource::Mounted => self.load_mounted(Path::new(MOUNTED)),
        }
    }

    fn load_file(&self, path: &Path, named_by: &str) -> Result<Vec<Key>, Failure> {
        let content = self.reader.try_credential(path, LIMIT).map_err(|unreadable| {
            if local_file::may_be_credential(path) {
                return local_file::no_path(&format!("`{named_by}`"));
            }
            let mut failure = unreadable.failure(path);
            if matches!(unreadable, Unreadable::Absent) {
                failure.hint = said(local_file::bring(&format!("`{named_by}`")));
            }
            failure.cause = format!("`{}`, which `{named_by}` names, {unreadable}", path.display());
            failure
        })?;
        identity::parse(&content, &quoted(path), &self.passphrase)
    }

    fn load_mounted(&self, path: &Path) -> Result<Vec<Key>, Failure> {
        match self.reader.try_credential(path, LIMIT) {
            Ok(content) => identity::parse(&content, &self.source.words(), &self.passphrase),
            Err(Unreadable::Absent) => Err(none_found()),
            Err(unreadable) => Err(unreadable.failure(path)),
        }
    }
}

fn none_found() -> Failure {
    Failure {
        kind: FailureKind::Misconfigured,
        cause: format!(
            "there is no age identity: `identity_file` is not set, neither are `{FILE_VARIABLE}` and \
             `{IDENTITY_VARIABLE}`, and `{MOUNTED}` does not exist"
        ),
        hint: said(format!("`age-keygen -o age-identity` makes one; mount it at `{MOUNTED}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Ask;
    use crate::provider::fixture::Fixture;
    use crate::provider::local_file::Places;
    use crate::provider::settings::Value;

    fn chosen(settings: &Settings, fixture: &Fixture) -> String {
        IdentitySource::choose(settings, fixture).words()
    }

    #[test]
    fn settings_go_before_the_variables_and_those_before_the_mount() {
        let mut settings = Settings::default();
        let none = Fixture::new();
        assert_eq!(chosen(&settings, &none), "`/run/secrets/age-identity`");
        let inline = none.with_variable(IDENTITY_VARIABLE, "AGE-SECRET-KEY-1");
        assert_eq!(chosen(&settings, &inline), "`KEYZERO_AGE_IDENTITY`");
        let both = inline.with_variable(FILE_VARIABLE, "/key");
        assert_eq!(chosen(&settings, &both), "`/key`");
        settings.insert("identity_file", Value::Paths(vec!["/a".into(), "/b".into()]));
        assert_eq!(chosen(&settings, &both), "`/a`, `/b`");
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let fixture = Fixture::new().with_variable(FILE_VARIABLE, "").with_variable(IDENTITY_VARIABLE, "");
        assert_eq!(chosen(&Settings::default(), &fixture), "`/run/secrets/age-identity`");
    }

    #[test]
    fn without_any_identity_every_place_that_was_looked_at_is_listed() {
        let fixture = Fixture::new();
        let (places, passphrase) =
            (Places::of(&fixture), passphrase::Settings { file: None, max_work_factor: 20 });
        let keyring = Keyring::new(&IdentitySource::Mounted, places.reader(&Ask::default()), &passphrase);
        let failure = keyring.load_mounted(&fixture.path("age-identity")).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Misconfigured);
        for place in ["`identity_file`", FILE_VARIABLE, IDENTITY_VARIABLE, MOUNTED] {
            assert!(failure.cause.contains(place), "{failure:?}");
        }
    }
}
