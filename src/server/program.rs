//! Finding the program, in the shell's way and with the shell's two answers: not found (127), and found but
//! not to be executed (126).

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::LaunchError;
use crate::config::command::ServerCommand;

/// Where exec would look when there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Finds a command's program in `PATH`, or where it says when it is a path.
pub fn find(command: &ServerCommand) -> Result<PathBuf, LaunchError> {
    let program = command.program();
    let is_path = program.as_bytes().contains(&b'/');
    let candidates: Vec<PathBuf> = if is_path {
        vec![program.into()]
    } else if program.is_empty() {
        Vec::new()
    } else {
        let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
        env::split_paths(&path)
            .map(|folder| folder.join(program))
            .collect()
    };
    let mut in_the_way = None;
    for candidate in candidates {
        match executable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) if is_absent(&error) => {}
            // A folder of PATH that we may not look into says nothing about what is in it.
            Err(_) if !is_path && candidate.symlink_metadata().is_err() => {}
            Err(error) => {
                in_the_way.get_or_insert((candidate, error));
            }
        }
    }
    Err(match in_the_way {
        Some((program, error)) => LaunchError::CannotExecute { program, error },
        None => LaunchError::NotFound {
            program: program.to_owned(),
            named: command.named(),
        },
    })
}

fn executable(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, AccessFlags::X_OK)?)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a Java launcher will replace itself, and in doing so turn an argument file's content into plain
/// arguments: launchers linked against musl always do, others when `LD_LIBRARY_PATH` leads to a JVM.
pub fn executes_itself_again(launcher: &Path) -> bool {
    let leads_to_a_jvm = env::var_os("LD_LIBRARY_PATH").is_some_and(|folders| {
        env::split_paths(&folders).any(|folder| folder.join("libjvm.so").exists())
    });
    // A launcher that we cannot read is one whose habits we cannot know; most are linked against glibc.
    leads_to_a_jvm || is_linked_against_musl(launcher).unwrap_or(false)
}

/// Looks for musl's loader in the interpreter that an ELF file names (elf(5), `PT_INTERP`).
fn is_linked_against_musl(program: &Path) -> io::Result<bool> {
    let mut file = File::open(program)?;
    let mut header = [0; 64];
    file.read_exact(&mut header)?;
    // 64 bit, little endian: every machine that Java 25 runs on with Linux, but for s390x.
    if header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(false);
    }
    let table = u64::from_le_bytes(header[32..40].try_into().unwrap_or_default());
    let entry_size = u16::from_le_bytes([header[54], header[55]]);
    let entries = u16::from_le_bytes([header[56], header[57]]);
    for n in 0..u64::from(entries) {
        let mut entry = [0; 56];
        file.seek(SeekFrom::Start(
            table.saturating_add(n * u64::from(entry_size)),
        ))?;
        file.read_exact(&mut entry)?;
        const PT_INTERP: [u8; 4] = 3_u32.to_le_bytes();
        if entry[..4] == PT_INTERP {
            let offset = u64::from_le_bytes(entry[8..16].try_into().unwrap_or_default());
            let mut loader = Vec::new();
            file.seek(SeekFrom::Start(offset))?;
            file.take(256).read_to_end(&mut loader)?;
            let loader = loader.split(|&b| b == 0).next().unwrap_or_default();
            return Ok(loader.windows(7).any(|part| part == b"ld-musl"));
        }
    }
    Ok(false)
}
