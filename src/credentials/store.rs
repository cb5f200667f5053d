//! One credential file on disk: read by anybody, written by one at a time, never overwritten by somebody who
//! could not read it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::Credentials;
use super::document::Document;
use super::format::Key;
use super::key::{KeyError, KeyRing, Material};
use crate::atomic::{self, Unfinished};
use crate::exit::Code;
use crate::secret::{self, Secret};

/// How often a lock that somebody else holds is asked for. They hold it for as long as one request takes.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// Why credentials cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot read the credential file {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("no key opens the credential file {}: tried {}", path.display(), list(tried))]
    Locked { path: PathBuf, tried: Vec<Material> },
    #[error("the credential file {} is {what}", path.display())]
    Broken { path: PathBuf, what: &'static str },
    #[error("cannot write the credential file {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("another process holds the lock of the credential file {}", .0.display())]
    Busy(PathBuf),
}

impl StoreError {
    pub fn code(&self) -> Code {
        match self {
            Self::Read { .. } | Self::Key(_) | Self::Write { .. } => Code::NoInput,
            Self::Locked { .. } | Self::Broken { .. } => Code::Config,
            Self::Busy(_) => Code::Unavailable,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "check that it is a file that this user may read, or give another --auth-file"
            }
            Self::Key(_) => "check the file that --auth-key-file or HYTALE_AUTH_KEY_FILE names",
            Self::Locked { .. } => {
                "give the key it was written with (--auth-key-file, HYTALE_AUTH_KEY, or auth.key beside it); \
                 if that is lost, move the file away and log in again. It is left as it is"
            }
            Self::Broken { .. } => {
                "restore it from a backup, or move it away and log in again. It is left as it is"
            }
            Self::Write { .. } => {
                "make room, and mount the folder that it is in writable: a folder, not the file by itself"
            }
            Self::Busy(_) => "it may be waiting for the login service; a restart tries again",
        }
    }
}

fn list(tried: &[Material]) -> String {
    let names: Vec<_> = tried.iter().map(Material::to_string).collect();
    match names.is_empty() {
        true => "none, there is none".to_owned(),
        false => names.join(", "),
    }
}

/// A credential file, which may not be there yet, and its keys.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    keys: KeyRing,
}

/// The right to write, for as long as this value lives.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a Store,
    _lock: File,
}

/// Everything that is needed to write once, but for the words.
pub struct Pen<'a> {
    store: &'a Store,
    key: Key,
    material: Material,
    file: Unfinished,
}

impl Store {
    pub fn new(path: &Path, key_file: Option<PathBuf>, variable: Option<Secret>) -> Self {
        // Where the name is a link, the file behind it is what is replaced, and what is locked.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let keys = KeyRing::new(&path, key_file, variable);
        Self { path, keys }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// # Errors
    /// When the file cannot be read, or no key opens it, or there is no document in it.
    pub fn read(&self) -> Result<Credentials, StoreError> {
        let path = || self.path.clone();
        let file = secret::read_to_limit(&self.path).map_err(|error| StoreError::Read {
            path: path(),
            error,
        })?;
        if file.is_empty() {
            return Err(StoreError::Broken {
                path: path(),
                what: "empty",
            });
        }
        let mut tried = Vec::new();
        for (material, passphrase) in self.keys.reading()? {
            let Some(text) = Key::derive(&passphrase).open(&file) else {
                tried.push(material);
                continue;
            };
            let document = Document::parse(&text).map_err(|_| StoreError::Broken {
                path: path(),
                what: "encrypted with the right key, and yet holds no credentials",
            })?;
            return Ok(Credentials::new(document, material));
        }
        Err(StoreError::Locked {
            path: path(),
            tried,
        })
    }

    /// Whether these credentials came from a file that was encrypted with another key than we would take.
    pub fn wants_another_key(&self, credentials: &Credentials) -> bool {
        match (self.keys.for_writing(), credentials.opened_with()) {
            (Ok(Some((writing, _))), Some(opened)) => writing != *opened,
            _ => false,
        }
    }

    /// Waits for the right to write.
    ///
    /// # Errors
    /// When the folder cannot be written, or somebody else has not finished by the deadline.
    pub async fn lock(&self, deadline: Instant) -> Result<Locked<'_>, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(atomic::folder_of(&self.path))
            .map_err(|error| self.cannot_write(error))?;
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let lock = atomic::open_in_place(path.as_ref()).map_err(|error| {
            let lock = Path::new(&path).display();
            self.cannot_write(io::Error::other(format!("cannot open {lock}: {error}")))
        })?;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    atomic::clear(atomic::folder_of(&self.path));
                    return Ok(Locked {
                        store: self,
                        _lock: lock,
                    });
                }
                Err(fs::TryLockError::Error(error)) => return Err(self.cannot_write(error)),
                Err(fs::TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(StoreError::Busy(self.path.clone()));
                }
                Err(fs::TryLockError::WouldBlock) => sleep(LOCK_POLL).await,
            }
        }
    }

    /// Whether the file could be written, as far as that can be known without doing so.
    ///
    /// # Errors
    /// With the reason why not.
    pub fn would_write(&self) -> Result<(), StoreError> {
        self.can_be_replaced()?;
        access(
            atomic::folder_of(&self.path),
            AccessFlags::W_OK | AccessFlags::X_OK,
        )
        .map_err(|error| self.cannot_write(error.into()))
    }

    /// Another file is put in its place, and nothing can take the place of a mount.
    fn can_be_replaced(&self) -> Result<(), StoreError> {
        match atomic::is_mount_point(&self.path) {
            true => Err(self.cannot_write(io::Error::other("it is mounted by itself"))),
            false => Ok(()),
        }
    }

    fn cannot_write(&self, error: io::Error) -> StoreError {
        StoreError::Write {
            path: self.path.clone(),
            error,
        }
    }
}

impl Locked<'_> {
    /// # Errors
    /// As [`Store::read`].
    pub fn read(&self) -> Result<Credentials, StoreError> {
        self.store.read()
    }

    /// Makes ready to write: whatever can fail fails now, and whatever takes time is done.
    ///
    /// # Errors
    /// When the folder cannot be written or is full, or a key that was named is not there.
    pub fn pen(&self) -> Result<Pen<'_>, StoreError> {
        let path = &self.store.path;
        self.store.can_be_replaced()?;
        let cannot_write = |error| self.store.cannot_write(error);
        let mut file = Unfinished::create(atomic::folder_of(path)).map_err(cannot_write)?;
        file.reserve().map_err(cannot_write)?;
        let (material, passphrase) = self.store.keys.writing()?;
        Ok(Pen {
            store: self.store,
            key: Key::derive(&passphrase),
            material,
            file,
        })
    }

    /// Puts these credentials in place of whatever is there. When this returns, they outlive a power cut. The
    /// result is what they are encrypted with.
    ///
    /// # Errors
    /// When that cannot be done; then what was there is there still.
    pub fn write(&self, credentials: &Credentials) -> Result<Material, StoreError> {
        self.pen()?.write(credentials)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(self) -> Result<(), StoreError> {
        fs::remove_file(&self.store.path)
            .and_then(|()| atomic::sync(atomic::folder_of(&self.store.path)))
            .map_err(|error| self.store.cannot_write(error))
    }
}

impl Pen<'_> {
    /// As [`Locked::write`], and in no time.
    ///
    /// # Errors
    /// As [`Locked::write`].
    pub fn write(self, credentials: &Credentials) -> Result<Material, StoreError> {
        let cannot_write = |error| self.store.cannot_write(error);
        let file = self
            .key
            .seal(&credentials.document().to_bytes())
            .map_err(|_| cannot_write(io::Error::other("no random bytes")))?;
        match self.file.finish(&self.store.path, &file) {
            Ok(_) => Ok(self.material),
            Err(error) => Err(cannot_write(error)),
        }
    }
}
