//! Tokens and codes, in a type that shows only their fingerprint, and where new ones come from.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// A token that `{:?}` does not give away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The token itself.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Its [`fingerprint`], as the request log shows it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.0)
    }
}

impl From<String> for Secret {
    fn from(token: String) -> Self {
        Self(token)
    }
}

impl From<&str> for Secret {
    fn from(token: &str) -> Self {
        Self(token.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.fingerprint())
    }
}

/// The first 16 hex digits of the token's SHA-256: enough to tell tokens apart, too little to use one.
pub fn fingerprint(token: &str) -> String {
    hex(&digest(&SHA256, token.as_bytes()).as_ref()[..8])
}

/// A UUID that is always the same for the same name.
pub(crate) fn uuid_of(name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&SHA256, name.as_bytes()).as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80; // version 8: made by a rule of our own (RFC 9562)
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

/// Bytes that nobody can guess.
///
/// # Panics
///
/// When the kernel has no randomness to give, which Linux does not do once it has booted.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the kernel gives random bytes");
    bytes
}

/// A new opaque token; the prefix tells a reader of `auth.enc` what it is.
pub(crate) fn opaque(prefix: &str) -> Secret {
    Secret(format!("{prefix}_{}", hex(&random::<24>())))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            text.extend(
                [byte >> 4, byte & 0xf]
                    .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
            );
            text
        })
}
