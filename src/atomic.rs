//! Files that are whole or not there, also after a power cut, and for their owner alone.

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};
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
        loop {
            let file = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
            file.as_file().lock()?;
            // Before the lock it looked like one that a killed process has left, and may have been taken away.
            if file.as_file().metadata()?.nlink() > 0 {
                return Ok(Self(file));
            }
        }
    }

    /// Takes room on the disk before it is needed.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve(&mut self) -> io::Result<()> {
        // More than any file of ours.
        const ROOM: [u8; 16 * 1024] = [0; 16 * 1024];
        self.0.write_all(&ROOM)?;
        self.0.as_file().sync_all()?;
        self.0.rewind()
    }

    /// Puts the file in place of whatever is at `path`, in the same folder, with this content.
    ///
    /// # Errors
    /// When it cannot be written; then what was there before is there still.
    pub fn finish(mut self, path: &Path, content: &[u8]) -> io::Result<File> {
        // Not through a link: whoever made that would be given the file.
        if let Ok(before) = fs::symlink_metadata(path)
            && before.is_file()
        {
            // Root may write what another user reads; where we cannot keep the owner, we are the owner.
            let owner = (Uid::from_raw(before.uid()), Gid::from_raw(before.gid()));
            let _ = fchown(self.0.as_file(), Some(owner.0), Some(owner.1));
        }
        self.0.write_all(content)?;
        self.0.as_file().set_len(content.len() as u64)?;
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
    Unfinished::create(folder_of(path))?.finish(path, content)
}

/// Opens a small file of ours that is written in place, or made: a lock, a counter. What only has its name is not for us: a
/// link would have us write elsewhere, and a FIFO wait for ever.
///
/// # Errors
/// When it cannot be opened for writing, or is no file.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(ELOOP) => io::Error::other("it is a link, and is not followed"),
            _ => error,
        })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Whether something is mounted on this very file, so that no other can take its place.
pub fn is_mount_point(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // proc_pid_mountinfo(5): the fifth field, with white space in octal.
    let escaped = path.to_string_lossy().replace(' ', "\\040");
    mounts
        .lines()
        .any(|mount| mount.split(' ').nth(4) == Some(&escaped))
}

/// Removes what processes that were killed have left unfinished in a folder.
pub fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
            && entry.metadata().is_ok_and(|file| is_old(&file))
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Old enough not to be one that is made at this moment and not locked yet.
fn is_old(file: &Metadata) -> bool {
    let age = file.modified().ok().and_then(|time| time.elapsed().ok());
    file.is_file() && age.is_some_and(|age| age > Duration::from_secs(60))
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
