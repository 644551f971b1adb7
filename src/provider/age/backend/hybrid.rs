//! Identities of the form `AGE-SECRET-KEY-PQ-1…`: the hybrid of ML-KEM-768 and X25519 (recipient type
//! `mlkem768x25519`, c2sp.org/age), of which the age crate has the format but no decryption.
//!
//! The seed gives both private keys, the KEM is X-Wing (draft-connolly-cfrg-xwing-kem), and the file key is
//! sealed by HPKE in base mode (RFC 9180) with HKDF-SHA256 and ChaCha20-Poly1305. Decryption only. Checked by
//! the CCTV vectors; every primitive is another crate's.

use age::DecryptError;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::bech32_decode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use ml_kem::kem::Decapsulate;
use ml_kem::{KemCore, MlKem768};
use sha2::Sha256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// What identities of this kind begin with.
pub(super) const PREFIX: &str = "AGE-SECRET-KEY-PQ-1";

const HUMAN_READABLE_PART: &str = "age-secret-key-pq-";
const TAG: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// Authentication tag of ChaCha20-Poly1305.
const TAG_BYTES: usize = 16;
/// Ciphertexts of ML-KEM-768 (FIPS 203, table 3) and of X25519.
const POST_QUANTUM_BYTES: usize = 1088;
const CLASSIC_BYTES: usize = 32;
const XWING_LABEL: &[u8] = br"\.//^\";
/// "HPKE", then the identifiers of KEM, KDF and AEAD (RFC 9180, 5.1 and 7).
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

/// A private key: both halves are derived from these 32 bytes.
pub(super) struct Identity(Zeroizing<[u8; 32]>);

impl Identity {
    /// Reads `AGE-SECRET-KEY-PQ-1…`, or says nothing of why not.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let decoded = bech32_decode(
            line,
            |_| (),
            |prefix| (prefix.to_lowercase() == HUMAN_READABLE_PART).then_some(()).ok_or(()),
            |_, bytes| Ok(Zeroizing::new(bytes.collect::<Vec<u8>>())),
        );
        Some(Self(Zeroizing::new(decoded.ok()?.as_slice().try_into().ok()?)))
    }

    /// Both private keys (X-Wing, `expandDecapsulationKey`).
    fn expand(&self) -> (<MlKem768 as KemCore>::DecapsulationKey, StaticSecret) {
        let (mut d, mut z) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        let mut classic = [0; 32];
        let mut stream = Shake256::default().chain(self.0.as_slice()).finalize_xof();
        stream.read(d.as_mut());
        stream.read(z.as_mut());
        stream.read(&mut classic);
        let (post_quantum, _) = MlKem768::generate_deterministic(&(*d).into(), &(*z).into());
        (post_quantum, classic.into())
    }

    /// The secret that the sender and this key share (X-Wing, `Decapsulate`). `None`: a point of low order.
    fn decapsulate(&self, post_quantum: &[u8; POST_QUANTUM_BYTES], classic: [u8; 32]) -> Option<[u8; 32]> {
        let (post_quantum_key, classic_key) = self.expand();
        let post_quantum_secret = post_quantum_key.decapsulate(&(*post_quantum).into()).ok()?;
        let classic_secret = classic_key.diffie_hellman(&classic.into());
        if !classic_secret.was_contributory() {
            return None;
        }
        let digest = Sha3_256::new_with_prefix(post_quantum_secret.as_slice())
            .chain_update(classic_secret.as_bytes())
            .chain_update(classic)
            .chain_update(PublicKey::from(&classic_key).as_bytes())
            .chain_update(XWING_LABEL);
        Some(digest.finalize().into())
    }

    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, DecryptError> {
        let [argument] = stanza.args.as_slice() else { return Err(DecryptError::InvalidHeader) };
        let (post_quantum, classic) = encapsulation(argument).ok_or(DecryptError::InvalidHeader)?;
        // The length is checked first, so that no ciphertext can be made to fit several keys.
        if stanza.body.len() != FILE_KEY_BYTES + TAG_BYTES {
            return Err(DecryptError::InvalidHeader);
        }
        let shared = self.decapsulate(&post_quantum, classic).ok_or(DecryptError::InvalidHeader)?;
        Ok(open(&Zeroizing::new(shared), &stanza.body))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        (stanza.tag == TAG).then(|| self.unwrap(stanza).transpose())?
    }
}

/// The two ciphertexts in a stanza's argument.
fn encapsulation(argument: &str) -> Option<([u8; POST_QUANTUM_BYTES], [u8; CLASSIC_BYTES])> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(argument).ok()?;
    let (post_quantum, classic) = bytes.split_first_chunk()?;
    Some((*post_quantum, classic.try_into().ok()?))
}

/// HPKE `OpenBase` with an empty `aad` (RFC 9180, 5.1). `None`: it was sealed for another key.
fn open(shared: &[u8; 32], sealed: &[u8]) -> Option<FileKey> {
    let (no_identifier, _) = extract(&[], b"psk_id_hash", &[]);
    let (info, _) = extract(&[], b"info_hash", INFO);
    let context = [&[0][..], &no_identifier, &info].concat();
    let (_, secret) = extract(shared, b"secret", &[]);
    let mut key = Zeroizing::new([0; 32]);
    let mut nonce = [0; 12];
    expand(&secret, b"key", &context, &mut *key)?;
    expand(&secret, b"base_nonce", &context, &mut nonce)?;
    let cipher = ChaCha20Poly1305::new(Key::from_slice(&*key));
    let opened = Zeroizing::new(cipher.decrypt(Nonce::from_slice(&nonce), sealed).ok()?);
    let opened: &[u8; FILE_KEY_BYTES] = opened.as_slice().try_into().ok()?;
    Some(FileKey::init_with_mut(|file_key| file_key.copy_from_slice(opened)))
}

/// `LabeledExtract` (RFC 9180, 4).
fn extract(salt: &[u8], label: &[u8], input: &[u8]) -> ([u8; 32], Hkdf<Sha256>) {
    let labelled = Zeroizing::new([b"HPKE-v1", SUITE, label, input].concat());
    let (key, expander) = Hkdf::<Sha256>::extract(Some(salt), &labelled);
    (key.into(), expander)
}

/// `LabeledExpand` (RFC 9180, 4). `None` only for outputs longer than any here.
fn expand(secret: &Hkdf<Sha256>, label: &[u8], info: &[u8], output: &mut [u8]) -> Option<()> {
    let length = u16::try_from(output.len()).ok()?.to_be_bytes();
    secret.expand_multi_info(&[&length, b"HPKE-v1", SUITE, label, info], output).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG";

    #[test]
    fn an_identity_is_read_and_a_changed_one_is_not() {
        assert!(Identity::parse(IDENTITY).is_some());
        assert!(Identity::parse(&IDENTITY.replace("XKG", "XKQ")).is_none());
        assert!(Identity::parse("AGE-SECRET-KEY-PQ-1").is_none());
    }

    #[test]
    fn an_encapsulation_has_exactly_both_ciphertexts() {
        let of_length = |length| encapsulation(&BASE64_STANDARD_NO_PAD.encode(vec![1; length]));
        assert!(of_length(POST_QUANTUM_BYTES + CLASSIC_BYTES).is_some());
        assert!(of_length(POST_QUANTUM_BYTES + CLASSIC_BYTES + 1).is_none());
        assert!(of_length(POST_QUANTUM_BYTES).is_none());
        assert!(of_length(3).is_none());
    }
}
