//! AWS Signature Version 4, checked as a service does, from its description
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//! For requests without a query, as those are that services of AWS are asked by; the time is not compared.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

/// What an `Authorization` header says.
pub struct Signature<'a> {
    /// The access key's id.
    pub key: &'a str,
    /// Day, region, service, `aws4_request`.
    pub scope: &'a str,
    /// Which headers are signed.
    names: &'a str,
    hexadecimal: &'a str,
}

impl<'a> Signature<'a> {
    /// Reads the header; nothing when it is another scheme's.
    pub fn read(authorization: &'a str) -> Option<Self> {
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part =
            |name: &str| parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let (key, scope) = part("Credential")?.split_once('/')?;
        Some(Self { key, scope, names: part("SignedHeaders")?, hexadecimal: part("Signature")? })
    }

    /// The region that it is for.
    pub fn region(&self) -> &'a str {
        self.scope.split('/').nth(1).unwrap_or_default()
    }

    /// Whether it was made with this secret key. `header` gives a header's value by its name in lower case.
    pub fn fits(
        &self,
        secret: &str,
        method: &str,
        path: &str,
        header: impl Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> bool {
        let Some(time) = header("x-amz-date") else { return false };
        let shown = |name: &str| Some(format!("{name}:{}\n", header(name)?.trim()));
        let Some(shown) = self.names.split(';').map(shown).collect::<Option<String>>() else { return false };
        let request =
            format!("{method}\n{path}\n\n{shown}\n{}\n{}", self.names, hexadecimal(&Sha256::digest(body)));
        let text =
            format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", self.scope, hexadecimal(&Sha256::digest(request)));
        let begin = format!("AWS4{secret}").into_bytes();
        let key = self.scope.split('/').fold(begin, |key, part| sign(&key, part));
        self.hexadecimal == hexadecimal(&sign(&key, &text))
    }
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
