//! Leases on disk: one file for each session that is still to be freed. Knows no network.
//!
//! A lease is locked for as long as the process that holds it lives, and the kernel drops the lock however
//! that process ends. So whoever can take a lease's lock has found a session that nobody looks after.

mod released;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use tracing::warn;
use uuid::Uuid;

use crate::atomic;
use crate::secret::{self, Secret};

/// The version of the files that we write, and the only one that we read.
const VERSION: u32 = 1;

/// The folder that outlives the process.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

/// What a lease says. The session token in it is why the file is for its owner alone.
#[derive(Debug, Deserialize, Serialize)]
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

/// A session that this process is to free.
#[derive(Debug)]
pub struct Lease {
    state: StateDir,
    path: PathBuf,
    record: Record,
    /// Locked; never read again.
    _file: File,
}

/// A lease as it was found.
#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    pub held: Held,
    /// None where it is damaged, or of another version.
    pub record: Option<Record>,
}

/// Who looks after a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A living process.
    ByAProcess,
    /// Nobody: its process was killed.
    ByNobody,
}

impl Found {
    /// None when it was struck meanwhile.
    fn look(path: PathBuf) -> Option<Self> {
        let text = secret::read_to_limit(&path).ok()?;
        let held = match File::open(&path).ok()?.try_lock_shared() {
            Ok(()) => Held::ByNobody,
            Err(_) => Held::ByAProcess,
        };
        let record = serde_json::from_slice(&text)
            .ok()
            .filter(|record: &Record| record.version == VERSION);
        Some(Self { path, held, record })
    }
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
        if fs::metadata(path)?.permissions().mode() & 0o022 != 0 {
            warn!(
                hint = "chmod go-w: whoever can write there decides what we send to the session service",
                "others can write to the state folder {}",
                path.display()
            );
        }
        Ok(state)
    }

    /// Writes a lease. When this returns, it outlives a power cut.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is left.
    pub fn lease(&self, record: Record) -> io::Result<Lease> {
        let path = self.leases().join(format!("{}.json", Uuid::new_v4()));
        let file = atomic::replace(&path, &serde_json::to_vec(&record)?)?;
        Ok(Lease {
            state: self.clone(),
            path,
            record,
            _file: file,
        })
    }

    /// All leases that can be found, those of living processes among them.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn leases_found(path: &Path) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(Self(path.to_owned()).leases()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                found.extend(Found::look(path));
            }
        }
        Ok(found)
    }

    /// Whether the session that began with this token was freed by us, on this state folder.
    pub fn was_released(&self, token: &Secret) -> bool {
        released::contains(&self.0, &token.fingerprint())
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

impl Lease {
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
