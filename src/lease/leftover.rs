//! Leases that are found on disk: whose they are, and taking over those that are nobody's.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Lease, Record, StateDir, VERSION};
use crate::atomic::UNFINISHED;
use crate::secret;

/// How the names of leases end that cannot be read.
const DAMAGED: &str = ".damaged";

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

/// A lease whose process is gone, not taken yet.
#[derive(Debug)]
pub struct Leftover {
    state: StateDir,
    path: PathBuf,
}

/// What became of an attempt to take one.
#[derive(Debug)]
pub enum Taken {
    /// It is ours now.
    Lease(Lease),
    /// It could not be read, and was set aside under this name.
    SetAside(PathBuf),
    /// Somebody else has it, or it is gone.
    NotOurs,
}

impl StateDir {
    /// All leases that can be found under a state folder, those of living processes among them.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn look(path: &Path) -> io::Result<Vec<Found>> {
        let state = Self(path.to_owned());
        let found = state.paths()?.into_iter().filter_map(look);
        // One that was never written is of no interest.
        Ok(found
            .filter(|f| f.record.is_some() || !is_unfinished(&f.path))
            .collect())
    }

    /// The leases that nobody holds and that may be freed: not those of a session that is in use under
    /// another lease, or is about to be.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn leftovers(&self, about_to_be_used: &[String]) -> io::Result<Vec<Leftover>> {
        let found: Vec<Found> = self.paths()?.into_iter().filter_map(look).collect();
        let fingerprint = |found: &Found| found.record.as_ref().map(|r| r.fingerprint.clone());
        let mut in_use = about_to_be_used.to_vec();
        in_use.extend(
            found
                .iter()
                .filter(|f| f.held == Held::ByAProcess)
                .filter_map(fingerprint),
        );
        let leftovers = found
            .into_iter()
            .filter(|found| found.held == Held::ByNobody)
            .filter(|found| fingerprint(found).is_none_or(|f| !in_use.contains(&f)))
            .map(|found| self.leftover(found))
            .collect();
        Ok(leftovers)
    }

    /// The leases of the session with this fingerprint that nobody holds.
    pub fn leftovers_of(&self, fingerprint: &str) -> Vec<Leftover> {
        let found = self
            .paths()
            .unwrap_or_default()
            .into_iter()
            .filter_map(look);
        found
            .filter(|found| found.held == Held::ByNobody)
            .filter(|found| {
                found
                    .record
                    .as_ref()
                    .is_some_and(|r| r.fingerprint == fingerprint)
            })
            .map(|found| self.leftover(found))
            .collect()
    }

    fn leftover(&self, found: Found) -> Leftover {
        Leftover {
            state: self.clone(),
            path: found.path,
        }
    }

    /// Leases, and those that were written and not yet given their name when their process was killed.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.leases()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
                || is_unfinished(&path)
            {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

impl Leftover {
    /// Takes the lease over, so that it is freed by one process only.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn take(self) -> io::Result<Taken> {
        let Ok(file) = secret::open_regular(&self.path) else {
            return Ok(Taken::NotOurs);
        };
        if file.try_lock().is_err() || !is_still(&file, &self.path) {
            return Ok(Taken::NotOurs);
        }
        match read(&self.path) {
            Some(record) => Ok(Taken::Lease(Lease {
                state: self.state,
                path: self.path,
                record,
                file,
            })),
            // Its process was killed before it had a session to write down.
            None if is_unfinished(&self.path) && file.metadata()?.len() == 0 => {
                fs::remove_file(&self.path)?;
                Ok(Taken::NotOurs)
            }
            None => Ok(Taken::SetAside(set_aside(&self.path)?)),
        }
    }
}

pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut aside = path.to_owned().into_os_string();
    aside.push(DAMAGED);
    fs::rename(path, &aside)?;
    Ok(aside.into())
}

/// None when it was struck meanwhile, or is a lease that is just being written.
fn look(path: PathBuf) -> Option<Found> {
    let held = match secret::open_regular(&path).ok()?.try_lock_shared() {
        Ok(()) => Held::ByNobody,
        Err(_) if is_unfinished(&path) => return None,
        Err(_) => Held::ByAProcess,
    };
    let record = read(&path);
    path.exists().then_some(Found { path, held, record })
}

fn read(path: &Path) -> Option<Record> {
    let text = secret::read_to_limit(path).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    (record.version == VERSION).then_some(record)
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(UNFINISHED.as_bytes()) && !name.ends_with(DAMAGED.as_bytes())
}

/// Whether a file still has this name: a lease is replaced when its token is renewed.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}
