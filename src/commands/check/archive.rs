//! Jars and assets are zip archives, and downloads of gigabytes that break off.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How an archive's last record begins, and how long it is without the comment that may follow it (PKWARE's
/// APPNOTE.TXT, 4.3.16).
const LAST_RECORD: &[u8] = b"PK\x05\x06";
const LAST_RECORD_LENGTH: usize = 22;

/// Whether a file ends as a zip archive does. One that was cut short does not.
///
/// # Errors
/// When it cannot be read.
pub fn is_whole(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let longest = (LAST_RECORD_LENGTH + usize::from(u16::MAX)) as u64;
    let start = length.saturating_sub(longest);
    let mut end = vec![0; (length - start) as usize];
    file.read_exact_at(&mut end, start)?;
    Ok(end
        .windows(LAST_RECORD_LENGTH)
        .enumerate()
        .any(|(at, record)| {
            let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
            record.starts_with(LAST_RECORD) && at + LAST_RECORD_LENGTH + comment == end.len()
        }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn whole(content: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        is_whole(&file).unwrap()
    }

    #[test]
    fn an_archive_is_known_by_its_end() {
        let mut archive = b"PK\x05\x06".to_vec();
        archive.extend([0; 18]);
        assert!(whole(&archive), "an empty one");
        assert!(whole(&[b"#!/bin/sh\n".as_slice(), &archive].concat()));
        archive[20] = 2;
        assert!(whole(&[archive.as_slice(), b"hi"].concat()), "a comment");
        assert!(!whole(&archive), "cut short");
        assert!(!whole(&archive[..21]));
        assert!(!whole(b"PK\x03\x04 and then nothing"));
        assert!(!whole(b""));
    }

    #[test]
    fn the_longest_comment_is_looked_behind() {
        let mut archive = vec![b'x'; 100];
        archive.extend(b"PK\x05\x06");
        archive.extend([0; 16]);
        archive.extend([0xff; 2]);
        archive.extend(vec![b'c'; usize::from(u16::MAX)]);
        assert!(whole(&archive));
    }
}
