//! Leases on disk: one file for each session that is still to be freed. Knows no network.
//!
//! A lease is locked for as long as the process that holds it lives, and the kernel drops the lock however
//! that process ends. So whoever can take a lease's lock has found a session that nobody looks after.

mod leftover;
mod released;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize, Serializer};
use tracing::warn;
use uuid::Uuid;

use crate::atomic::{self, Unfinished};
use crate::secret::Secret;

pub use leftover::{Found, Held, Leftover, Taken};

/// The version of the files that we write, and the only one that we read.
const VERSION: u32 = 1;

/// Why a state folder is its owner's alone.
pub const OPEN_TO_OTHERS: &str =
    "chmod go-w: whoever can write there decides what we send to the session service";

/// The folder that outlives the process.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// What a lease says. The session token in it is why the file is for its owner alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    version: u32,
    /// Which source the session came from.
    pub source: String,
    /// Where it is to be freed.
    pub sessions_url: String,
    /// The first session token as SHA-256, which stays when the token is refreshed.
    pub fingerprint: String,
    /// The newest session token: it frees the slot.
    #[serde(serialize_with = "expose")]
    pub session_token: Secret,
    pub created_at: Timestamp,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// A lease that is ready to be written: from the answer that brings a session to its lease on disk nothing is
/// left to be done but one write.
#[derive(Debug)]
pub struct Blank {
    state: StateDir,
    file: Unfinished,
}

/// A session that this process is to free.
#[derive(Debug)]
pub struct Lease {
    state: StateDir,
    path: PathBuf,
    record: Record,
    /// Locked; never read again.
    file: File,
}

impl StateDir {
    /// Makes sure that the folder is there, for its owner alone where we make it.
    ///
    /// # Errors
    /// When it is not there and cannot be made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let state = Self(path.to_owned());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state.leases())?;
        state.is_all_here()?;
        if state.is_open_to_others() {
            warn!(
                hint = OPEN_TO_OTHERS,
                "others can write to the state folder {}",
                path.display()
            );
        }
        Ok(state)
    }

    /// The folder as it is, there or not: nothing is made.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Whether others can write there.
    pub fn is_open_to_others(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|folder| folder.permissions().mode() & 0o022 != 0)
    }

    /// Whether [`StateDir::open`] and a lease would succeed, as far as that can be known without making anything.
    ///
    /// # Errors
    /// With the reason why not.
    pub fn would_open(&self) -> io::Result<()> {
        self.is_all_here()?;
        let leases = self.leases();
        let there = leases.ancestors().find(|folder| folder.exists());
        // A path that is relative begins in the working directory.
        let there = there.unwrap_or(Path::new("."));
        if !there.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(access(there, AccessFlags::W_OK | AccessFlags::X_OK)?)
    }

    /// Prepares a lease.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn blank(&self) -> io::Result<Blank> {
        Ok(Blank {
            state: self.clone(),
            file: Unfinished::create(&self.leases())?,
        })
    }

    /// Whether the session that began with this token was freed by us, on this state folder.
    pub fn was_released(&self, token: &Secret) -> bool {
        released::contains(&self.0, &token.fingerprint())
    }

    /// Whoever leads our leases elsewhere may have us write, and rename, there.
    fn is_all_here(&self) -> io::Result<()> {
        match self.leases().is_symlink() {
            true => Err(io::Error::other(
                "leases in it is a link, and is not followed",
            )),
            false => Ok(()),
        }
    }

    fn leases(&self) -> PathBuf {
        self.0.join("leases")
    }
}

impl Record {
    pub fn new(
        source: String,
        sessions_url: String,
        token: &Secret,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            version: VERSION,
            source,
            sessions_url,
            fingerprint: token.fingerprint(),
            session_token: token.clone(),
            created_at: Timestamp::now(),
            expires_at,
        }
    }
}

impl Blank {
    /// Writes the lease. When this returns, it outlives a power cut.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is left.
    pub fn write(self, record: Record) -> io::Result<Lease> {
        let path = self.state.leases().join(format!("{}.json", Uuid::new_v4()));
        let file = self.file.finish(&path, &serde_json::to_vec(&record)?)?;
        Ok(Lease {
            state: self.state,
            path,
            record,
            file,
        })
    }
}

impl Lease {
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Puts a newer token in. The lease on disk is the old one or the new one, and locked either way.
    ///
    /// # Errors
    /// When it cannot be written; then the old one stays.
    pub fn renew(&mut self, token: &Secret, expires_at: Timestamp) -> io::Result<()> {
        let record = Record {
            session_token: token.clone(),
            expires_at,
            ..self.record.clone()
        };
        self.file = atomic::replace(&self.path, &serde_json::to_vec(&record)?)?;
        self.record = record;
        Ok(())
    }

    /// Removes a lease whose session is another lease's.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Renames a lease that makes no sense, so that a person can look at it. The result is the new name.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn set_aside(self) -> io::Result<PathBuf> {
        leftover::set_aside(&self.path)
    }

    /// Strikes the lease of a session that is free, and remembers that its tokens are used up.
    ///
    /// # Errors
    /// When the folder cannot be written. A lease that stays costs one useless request at the next start.
    pub fn strike(self) -> io::Result<()> {
        // In this order: a lease that is struck without a trace would let its tokens be tried again.
        released::add(
            &self.state.0,
            &self.record.fingerprint,
            self.record.expires_at,
        )?;
        fs::remove_file(&self.path)
    }
}

/// The one place where a secret becomes a part of a file.
fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
