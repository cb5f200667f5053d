//! `<state-dir>/released`: fingerprints of token pairs whose session we freed, kept until the tokens would
//! have expired. A container that restarts with yesterday's variables is refused by it at once, instead of
//! by the server after its boot.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::atomic;
use crate::secret;

/// Thousands of entries, in bytes. They are kept for an hour.
const LIMIT: u64 = 1024 * 1024;

#[derive(Default, Deserialize, Serialize)]
struct Released {
    version: u32,
    sessions: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    fingerprint: String,
    expires_at: Timestamp,
}

pub fn contains(state: &Path, fingerprint: &str) -> bool {
    let released = read(&file(state));
    released
        .sessions
        .iter()
        .any(|e| e.fingerprint == fingerprint)
}

pub fn add(state: &Path, fingerprint: &str, expires_at: Timestamp) -> io::Result<()> {
    // The file itself is replaced, so several wrappers take turns on another one.
    let turn = atomic::open_in_place(&state.join("released.lock"))?;
    turn.lock()?;
    let path = file(state);
    let mut released = read(&path);
    let now = Timestamp::now();
    released.version = VERSION;
    released.sessions.retain(|e| e.expires_at > now);
    released.sessions.push(Entry {
        fingerprint: fingerprint.to_owned(),
        expires_at,
    });
    atomic::replace(&path, &serde_json::to_vec(&released)?)?;
    Ok(())
}

fn file(state: &Path) -> PathBuf {
    state.join("released")
}

/// A file that is not there, or not ours to understand, costs only the shortcut.
fn read(path: &Path) -> Released {
    secret::read_at_most(path, LIMIT)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .filter(|released: &Released| released.version == VERSION)
        .unwrap_or_default()
}
