//! The writer of argument files, with any arguments at all (between NULs, which none can hold): a reader of the
//! launcher's grammar, written for itself, finds the same ones.

#![no_main]

use std::ffi::OsString;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStringExt;

use entrypoint::server::argfile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let arguments: Vec<Vec<u8>> = bytes.split(|&b| b == 0).map(<[u8]>::to_vec).collect();
    let given = arguments.iter().cloned().map(OsString::from_vec);
    let mut file = argfile::create(given).expect("there is memory");
    let mut text = Vec::new();
    file.rewind().expect("it is a file");
    file.read_to_end(&mut text).expect("it can be read");
    assert_eq!(read(&text), arguments);
});

/// The guide to the java command, "java Command-Line Argument Files": white space separates, `#` starts a comment,
/// quotes of either kind hold together, and inside them a backslash escapes or continues a line.
fn read(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut arguments, mut argument) = (Vec::new(), None::<Vec<u8>>);
    let mut quote = None;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b' ' | b'\t' | b'\n' | b'\r' | 0x0c) => arguments.extend(argument.take()),
            (None, b'#') if argument.is_none() => while bytes.next_if(|&b| b != b'\n').is_some() {},
            (None, b'"' | b'\'') => {
                argument.get_or_insert_default();
                quote = Some(byte);
            }
            // A quoted text does not go over the end of a line.
            (Some(_), b'\n' | b'\r') => panic!("a quote that is not closed"),
            (Some(open), _) if byte == open => quote = None,
            (Some(_), b'\\') => argument.get_or_insert_default().push(
                match bytes.next().expect("a backslash escapes something") {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'f' => 0x0c,
                    b'\n' | b'\r' => panic!("a line that goes on"),
                    other => other,
                },
            ),
            _ => argument.get_or_insert_default().push(byte),
        }
    }
    assert_eq!(quote, None, "a quote that is not closed");
    arguments.extend(argument);
    arguments
}
