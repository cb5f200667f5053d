//! Files that are whole or not there, also after a power cut, and for their owner alone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown};
use tempfile::Builder;

/// Writes `content` to `path` in place of what was there, and returns the file, locked.
///
/// The lock is taken before the file has its name, so that nobody ever finds it there without.
///
/// # Errors
/// When it cannot be written; then what was there before is there still.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let folder = folder_of(path);
    let mut file = Builder::new().prefix(".new-").tempfile_in(folder)?;
    if let Ok(before) = fs::metadata(path) {
        // Root may write what another user reads; where we cannot keep the owner, we are the owner.
        let owner = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
        let _ = fchown(file.as_file(), Some(owner.0), Some(owner.1));
    }
    file.as_file().lock()?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    let file = file.persist(path).map_err(|e| e.error)?;
    sync(folder)?;
    Ok(file)
}

/// Makes sure that there is room in the file's folder, and leaves nothing there.
///
/// # Errors
/// When there is none, or it cannot be written.
pub fn check(path: &Path) -> io::Result<()> {
    // More than any file of ours.
    const ROOM: [u8; 16 * 1024] = [0; 16 * 1024];
    let mut file = Builder::new()
        .prefix(".new-")
        .tempfile_in(folder_of(path))?;
    file.write_all(&ROOM)?;
    file.as_file().sync_all()
}

/// Makes sure that names that were added to or taken from a folder stay so.
///
/// # Errors
/// When the folder cannot be synced.
pub fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that a file's name is a part of.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
