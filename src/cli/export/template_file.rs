//! A template that one of `[[outputs]]` names: read, checked, and rendered.
//!
//! Invariants: what no values could make render, and a name that is no secret, is refused before a backend is
//! asked; only what the template names is asked for.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::problem;
use crate::plan::Declaration;
use crate::publish::RelativePath;
use crate::resolve::template;
use crate::resolve::{Class, Failed, Failures, Resolved};
use crate::secret::Secret;

use super::Failure;

/// More is no template; the engine's own limit comes first.
const LIMIT: u64 = 1 << 20;

/// A template and the secrets that it names.
pub(super) struct TemplateFile {
    text: String,
    /// Sorted.
    pub inputs: Vec<String>,
}

impl TemplateFile {
    /// Reads and checks one.
    pub(super) fn read(path: &Path, declarations: &[Declaration]) -> Result<Self, Failure> {
        let failed = |cause: String, hint: String| Failure::TemplateFile(PathBuf::from(path), cause, hint);
        let text = text(path).map_err(|cause| failed(cause, READ_HINT.to_owned()))?;
        let inputs = template::inputs(&text).map_err(|error| failed(error.to_string(), HINT.to_owned()))?;
        let known = || declarations.iter().map(|declaration| declaration.name.as_str());
        match inputs.iter().find(|input| known().all(|name| name != *input)) {
            None => Ok(Self { text, inputs }),
            Some(unknown) => {
                let hint = match problem::nearest(unknown, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the configuration has {}", problem::list(known())),
                };
                Err(failed(format!("no secret is named `{unknown}`"), hint))
            }
        }
    }

    /// The template with these values in it, as the file `path` of the set.
    pub(super) fn render(&self, path: &RelativePath, secrets: &[Resolved]) -> Result<Secret, Failure> {
        let mut present = Vec::new();
        let mut absent = Vec::new();
        for input in &self.inputs {
            match secrets.iter().find(|secret| secret.name == *input) {
                Some(secret) => present.push((input.as_str(), &secret.value)),
                None => absent.push(input.as_str()),
            }
        }
        template::render(&self.text, &present, &absent).map_err(|error| {
            let (name, cause) = (path.to_string(), error.to_string());
            Failure::Resolve(Failures(vec![Failed {
                name,
                origin: None,
                kind: Class::Template,
                cause,
                hint: None,
            }]))
        })
    }
}

const READ_HINT: &str = "`template` is relative to the configuration file: is it mounted beside it?";
const HINT: &str = "correct the template; `kz explain KZ235` lists what there is";

/// The text of a regular file, or why there is none.
fn text(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| super::super::report::system(&error);
    // Before it is opened, since opening a device or a FIFO does things.
    if !std::fs::metadata(path).map_err(said)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(said)?.take(LIMIT).read_to_end(&mut bytes).map_err(said)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
