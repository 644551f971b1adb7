//! The program that kz itself is.
//!
//! Read through /proc/self/exe, which leads to the file that runs even when another has taken its name.

use std::fs::File;
use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};

use crate::secret::Secret;

/// The running program: every byte, and their SHA-256 in hexadecimal digits.
#[derive(Debug)]
pub struct Program {
    /// As it lies on disk. No secret, but what publishes takes one.
    pub content: Secret,
    /// 64 digits in lower case.
    pub digest: String,
}

impl Program {
    /// This one.
    pub fn running() -> io::Result<Self> {
        let mut content = Vec::new();
        File::open("/proc/self/exe")?.read_to_end(&mut content)?;
        let digest = format!("{:x}", Sha256::digest(&content));
        Ok(Self { content: Secret::new(content), digest })
    }
}
