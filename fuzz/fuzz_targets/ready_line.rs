//! The lines that are watched for, in any stream: cut into pieces anywhere, it says the same as whole. The first
//! eight bytes are the lengths of the pieces, again and again.

#![no_main]

use entrypoint::supervise::output::marks::{Marks, Seen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 8], &[u8])| {
    let (lengths, stream) = input;
    let marks = || Marks::new("Booted!");
    let whole = marks().look_at(stream);
    let mut in_pieces = marks();
    let mut seen = Seen::default();
    let mut rest = stream;
    for length in lengths.iter().cycle() {
        let (piece, after) = rest.split_at(
            usize::from(*length)
                .clamp(1, rest.len().max(1))
                .min(rest.len()),
        );
        seen = seen.and(in_pieces.look_at(piece));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(seen, whole);
    // Without an escape sequence there is nothing to leave out.
    if !stream.contains(&0x1b) {
        let holds = |line: &[u8]| stream.windows(line.len()).any(|part| part == line);
        assert_eq!(whole.ready, holds(b"Booted!"));
        assert_eq!(whole.shutting_down, holds(b"Shutdown triggered!!!"));
    }
});
