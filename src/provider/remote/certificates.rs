//! Reads the certificates that a section or a variable names: of a file, or of the files of a directory.

use std::path::Path;

use crate::tls::holds_certificate;

use crate::provider::Failure;
use crate::provider::local_file::{self, Reader, Unreadable};

/// A list of certificates is some hundred KiB.
pub(in crate::provider) const LIMIT: u64 = 4 << 20;

/// The PEM texts of a file, or of the files of a directory that hold certificates, each with its name.
pub(in crate::provider) fn read(path: &Path, reader: Reader<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let name = path.display().to_string();
    match reader.try_credential(path, LIMIT) {
        Ok(text) => Ok(vec![(name, text.expose().to_vec())]),
        Err(Unreadable::Directory) => {
            let mut texts = Vec::new();
            let entries = std::fs::read_dir(path).map_err(|_| unlisted(&name))?;
            for entry in entries {
                let file = entry.map_err(|_| unlisted(&name))?.path();
                if let Ok(text) = local_file::read(&file, LIMIT)
                    && holds_certificate(text.expose())
                {
                    texts.push((file.display().to_string(), text.expose().to_vec()));
                }
            }
            if texts.is_empty() {
                return Err(Failure::misconfigured(
                    format!("`{name}` has no file with a certificate in it"),
                    "name a PEM file, or a directory of them",
                ));
            }
            Ok(texts)
        }
        Err(unreadable) => Err(unreadable.failure(path)),
    }
}

fn unlisted(name: &str) -> Failure {
    Failure::misconfigured(format!("the directory `{name}` cannot be read"), "let kz's user read it")
}
