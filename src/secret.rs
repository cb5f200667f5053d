//! Secrets have a type: it cannot print itself, it is wiped when dropped, and the one way to its text,
//! `expose_secret`, can be grepped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use nix::libc::{O_CLOEXEC, O_NONBLOCK};
use ring::digest;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The largest file that is read for a secret, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// A token, key or code. There is one copy of its text, however often this is cloned.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text itself. Every use of this is a place where a secret may leave the process.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Without the white space around it, which comes from the file that it was once read from.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self::new(self.0.trim().to_owned())
    }

    /// SHA-256 in hexadecimal: names a secret without being one.
    pub fn fingerprint(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Reads a secret from a file and drops the white space around it.
    ///
    /// # Errors
    /// When the file cannot be read, is no regular file, is longer than 64 KiB, or is not UTF-8.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let text = read_to_limit(path)?;
        let text = std::str::from_utf8(&text)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))?;
        if text.trim().is_empty() {
            return Err(io::Error::other("it is empty"));
        }
        Ok(Self::new(text.trim().to_owned()))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Opens a file for reading, unless it is none.
///
/// # Errors
/// When the file cannot be read, or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(O_NONBLOCK | O_CLOEXEC)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Reads a file that holds secrets, or may: a FIFO would block us for ever and a device has no end, so neither
/// is opened for reading in earnest.
///
/// # Errors
/// When the file cannot be read, is no regular file, or is longer than 64 KiB.
pub fn read_to_limit(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    read_at_most(path, FILE_LIMIT)
}

/// The same with another limit, in bytes.
///
/// # Errors
/// When the file cannot be read, is no regular file, or is longer.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len().min(limit);
    let mut text = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    file.take(limit + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        let error = format!("it is longer than {} KiB", limit / 1024);
        return Err(io::Error::other(error));
    }
    Ok(text)
}
