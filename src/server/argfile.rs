//! The Java launcher's argument file (`java @file`), in memory: the arguments are real ones for `main`, and
//! no `ps` shows them.
//!
//! The launcher splits the file at white space, takes a quoted text as one argument, and knows the escapes
//! `\n \r \t \f \\ \"` inside quotes (the JDK's guide to the java command, "java Command-Line Argument Files").

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::sys::memfd::{MFdFlags, memfd_create};
use zeroize::Zeroizing;

/// A memory file that holds these arguments.
pub fn create(arguments: impl Iterator<Item = OsString>) -> io::Result<File> {
    let mut text = Zeroizing::new(Vec::new());
    for argument in arguments {
        quote(&argument, &mut text);
        text.push(b'\n');
    }
    let mut file = File::from(memfd_create("server-arguments", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&text)?;
    Ok(file)
}

/// What the launcher is given to find the file, which it opens under this name in its own process.
pub fn option(file: &File) -> OsString {
    format!("@/proc/self/fd/{}", file.as_raw_fd()).into()
}

fn quote(argument: &OsStr, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in argument.as_bytes() {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(br"\n"),
            b'\r' => out.extend(br"\r"),
            b'\t' => out.extend(br"\t"),
            b'\x0c' => out.extend(br"\f"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
