//! Files that are whole or not there, also after a power cut, and for their owner alone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown};
use tempfile::{Builder, NamedTempFile};

/// How the names of files begin that are not finished.
pub const UNFINISHED: &str = ".new-";

/// A file that has no name of its own yet. It is locked before it gets one, so that nobody ever finds it there
/// without; and it is gone when this is dropped.
#[derive(Debug)]
pub struct Unfinished(NamedTempFile);

impl Unfinished {
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let file = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        file.as_file().lock()?;
        Ok(Self(file))
    }

    /// Puts the file in place of whatever is at `path`, in the same folder, with this content.
    ///
    /// # Errors
    /// When it cannot be written; then what was there before is there still.
    pub fn finish(mut self, path: &Path, content: &[u8]) -> io::Result<File> {
        self.0.write_all(content)?;
        self.0.as_file().sync_all()?;
        let file = self.0.persist(path).map_err(|e| e.error)?;
        // The name is a part of the folder, and a folder is synced for itself.
        sync(folder_of(path))?;
        Ok(file)
    }
}

/// Writes `content` to `path` in place of what was there, and returns the file, locked.
///
/// # Errors
/// When it cannot be written; then what was there before is there still.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let file = Unfinished::create(folder_of(path))?;
    if let Ok(before) = fs::metadata(path) {
        // Root may write what another user reads; where we cannot keep the owner, we are the owner.
        let owner = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
        let _ = fchown(file.0.as_file(), Some(owner.0), Some(owner.1));
    }
    file.finish(path, content)
}

/// Makes sure that there is room in the file's folder, and leaves nothing there.
///
/// # Errors
/// When there is none, or it cannot be written.
pub fn check(path: &Path) -> io::Result<()> {
    // More than any file of ours.
    const ROOM: [u8; 16 * 1024] = [0; 16 * 1024];
    let mut file = Unfinished::create(folder_of(path))?;
    file.0.write_all(&ROOM)?;
    file.0.as_file().sync_all()
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
