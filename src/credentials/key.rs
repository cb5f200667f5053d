//! The passphrases that a credential file may be encrypted with, and their two orders: one for writing, one
//! for reading.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::atomic;
use crate::secret::Secret;

/// Where a passphrase comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// `--auth-key-file`, its variable, or the systemd credential.
    KeyFile(PathBuf),
    /// The variable `HYTALE_AUTH_KEY`.
    Variable,
    /// The file beside the credential file: `auth.key` for `auth.enc`.
    Beside(PathBuf),
    /// The machine's hardware id.
    Hardware,
}

impl fmt::Display for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFile(path) => write!(f, "the key file {}", path.display()),
            Self::Variable => f.write_str("HYTALE_AUTH_KEY"),
            Self::Beside(path) => path.display().fmt(f),
            Self::Hardware => f.write_str("the hardware id"),
        }
    }
}

impl Material {
    /// Whether it goes with the container that we are in: an image's machine id is as short-lived as itself.
    pub fn is_of_this_container(&self) -> bool {
        let marks = ["/.dockerenv", "/run/.containerenv"];
        *self == Self::Hardware && marks.iter().any(|mark| Path::new(mark).exists())
    }
}

/// A key file that was named and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {material} as a key: {error}")]
pub struct KeyError {
    pub material: Material,
    pub error: io::Error,
}

/// All that may open one credential file.
#[derive(Clone, Debug)]
pub struct KeyRing {
    key_file: Option<PathBuf>,
    variable: Option<Secret>,
    beside: PathBuf,
}

impl KeyRing {
    pub fn new(credentials: &Path, key_file: Option<PathBuf>, variable: Option<Secret>) -> Self {
        Self {
            key_file,
            variable,
            beside: credentials.with_extension("key"),
        }
    }

    /// Every passphrase there is, in the order they are tried for reading.
    ///
    /// # Errors
    /// When a file that somebody named is not there. What only may be there is passed over.
    pub fn reading(&self) -> Result<Vec<(Material, Secret)>, KeyError> {
        let mut keys = Vec::new();
        keys.extend(self.key_file()?);
        keys.extend(self.variable());
        // One that is no good hinders nobody who has another.
        keys.extend(self.beside().ok().flatten());
        keys.extend(hardware_id().map(|id| (Material::Hardware, id)));
        Ok(keys)
    }

    /// The passphrase to write with, if there is one.
    ///
    /// # Errors
    /// When a file that somebody named is not there.
    pub fn for_writing(&self) -> Result<Option<(Material, Secret)>, KeyError> {
        if let Some(key) = self.key_file()? {
            return Ok(Some(key));
        }
        if let Some(key) = self.variable() {
            return Ok(Some(key));
        }
        if let Some(id) = hardware_id() {
            return Ok(Some((Material::Hardware, id)));
        }
        self.beside()
    }

    /// The passphrase to write with; makes one when there is none.
    ///
    /// # Errors
    /// When a file that somebody named is not there, or a new one cannot be written.
    pub fn writing(&self) -> Result<(Material, Secret), KeyError> {
        if let Some(key) = self.for_writing()? {
            return Ok(key);
        }
        let material = Material::Beside(self.beside.clone());
        match make(&self.beside) {
            Ok(key) => Ok((material, key)),
            Err(error) => Err(KeyError { material, error }),
        }
    }

    fn key_file(&self) -> Result<Option<(Material, Secret)>, KeyError> {
        self.key_file
            .as_ref()
            .map(|path| from_file(Material::KeyFile(path.clone()), path))
            .transpose()
    }

    fn variable(&self) -> Option<(Material, Secret)> {
        let secret = self.variable.clone()?;
        Some((Material::Variable, secret))
    }

    fn beside(&self) -> Result<Option<(Material, Secret)>, KeyError> {
        match self.beside.exists() {
            true => from_file(Material::Beside(self.beside.clone()), &self.beside).map(Some),
            false => Ok(None),
        }
    }
}

fn from_file(material: Material, path: &Path) -> Result<(Material, Secret), KeyError> {
    match Secret::from_file(path) {
        Ok(secret) => Ok((material, secret)),
        Err(error) => Err(KeyError { material, error }),
    }
}

/// A new random passphrase in a new file, on disk before anything is encrypted with it.
fn make(path: &Path) -> io::Result<Secret> {
    let mut random = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(&mut *random)
        .map_err(|_| io::Error::other("the kernel gives no random bytes"))?;
    let key = Secret::new(STANDARD_NO_PAD.encode(*random));
    atomic::replace(path, key.expose_secret().as_bytes())?;
    Ok(key)
}

/// The machine's id as the server finds it: the same places in the same order.
fn hardware_id() -> Option<Secret> {
    let machine_ids = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let id = machine_ids
        .iter()
        .find_map(|path| dashed(&fs::read_to_string(path).ok()?))
        .or_else(|| lower(&fs::read_to_string("/sys/class/dmi/id/product_uuid").ok()?))
        .or_else(|| {
            let command = Command::new("dmidecode")
                .args(["-s", "system-uuid"])
                .output();
            lower(&String::from_utf8(command.ok()?.stdout).ok()?)
        })?;
    Some(Secret::new(id))
}

/// `0123…` as `01234567-89ab-…`, if it is 32 hexadecimal digits.
fn dashed(machine_id: &str) -> Option<String> {
    let id = machine_id.trim();
    let right = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| {
        let id = id.to_ascii_lowercase();
        [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
    })
}

fn lower(id: &str) -> Option<String> {
    let id = id.trim().to_ascii_lowercase();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_is_written_with_dashes() {
        assert_eq!(
            dashed("0123456789ABCDEF0123456789abcdef\n").as_deref(),
            Some("01234567-89ab-cdef-0123-456789abcdef")
        );
    }

    #[test]
    fn what_is_no_machine_id_is_none() {
        for text in ["", "uninitialized\n", "0123456789abcdef0123456789abcde"] {
            assert_eq!(dashed(text), None, "{text}");
        }
    }
}
