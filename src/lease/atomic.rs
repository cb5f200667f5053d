//! Files that are whole or not there, also after a power cut, and never readable for others.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::Builder;

/// Writes `content` to `path` in place of what was there, and returns the file, locked.
///
/// The lock is taken before the file has its name, so that nobody ever finds it there without.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<File> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.as_file().lock()?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    let file = file.persist(path).map_err(|e| e.error)?;
    // The name is a part of the folder, and a folder is synced for itself.
    File::open(folder)?.sync_all()?;
    Ok(file)
}
