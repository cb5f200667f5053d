//! The two lines of the server that mean something to us, found in a stream that may break anywhere and be
//! coloured anywhere: terminal sequences (ECMA-48) are left out before it is compared.

use memchr::memchr;
use memchr::memmem::Finder;

const ESCAPE: u8 = 0x1b;

/// The first line of every shutdown.
const SHUTDOWN: &str = "Shutdown triggered!!!";

/// Which of the lines went by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub ready: bool,
    pub shutting_down: bool,
}

impl Seen {
    pub fn any(self) -> bool {
        self.ready || self.shutting_down
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            ready: self.ready || other.ready,
            shutting_down: self.shutting_down || other.shutting_down,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Marks {
    ready: Finder<'static>,
    shutdown: Finder<'static>,
    /// The end of the text so far, one byte too short to hold a whole line of either kind.
    tail: Vec<u8>,
    tail_length: usize,
    within: Within,
}

/// Where in the stream we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Text,
    /// ESC, and perhaps intermediate bytes.
    Escape,
    /// `ESC [`: colours and the like.
    Control,
    /// `ESC ]` and its kind: a title, a link.
    Command,
}

impl Marks {
    pub fn new(ready_line: &str) -> Self {
        Self {
            ready: Finder::new(ready_line).into_owned(),
            shutdown: Finder::new(SHUTDOWN),
            tail: Vec::new(),
            tail_length: ready_line.len().max(SHUTDOWN.len()) - 1,
            within: Within::Text,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn look_at(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while let Some((&first, rest)) = bytes.split_first() {
            if self.within == Within::Text && first != ESCAPE {
                let (text, rest) = bytes.split_at(memchr(ESCAPE, bytes).unwrap_or(bytes.len()));
                seen = seen.and(self.text(text));
                bytes = rest;
            } else {
                self.within = self.within.after(first);
                // A line's end ends whatever was not ended, and is text.
                bytes = if first == b'\n' { bytes } else { rest };
            }
        }
        seen
    }

    fn text(&mut self, text: &[u8]) -> Seen {
        let start = &text[..text.len().min(self.tail_length)];
        self.tail.extend_from_slice(start);
        let seen = self.find(&self.tail).and(self.find(text));
        if text.len() > start.len() {
            self.tail.clear();
            self.tail
                .extend_from_slice(&text[text.len() - self.tail_length..]);
        } else {
            let surplus = self.tail.len().saturating_sub(self.tail_length);
            self.tail.drain(..surplus);
        }
        seen
    }

    fn find(&self, text: &[u8]) -> Seen {
        Seen {
            ready: self.ready.find(text).is_some(),
            shutting_down: self.shutdown.find(text).is_some(),
        }
    }
}

impl Within {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'\n') => Self::Text,
            (_, ESCAPE) => Self::Escape,
            (Self::Escape, b'[') => Self::Control,
            (Self::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Self::Command,
            (Self::Escape, 0x20..=0x2f) => Self::Escape,
            (Self::Control, 0x40..=0x7e) | (Self::Command, 0x07) => Self::Text,
            (Self::Control | Self::Command, _) => self,
            (Self::Text | Self::Escape, _) => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Seen = Seen {
        ready: true,
        shutting_down: false,
    };
    const SHUTTING_DOWN: Seen = Seen {
        ready: false,
        shutting_down: true,
    };

    fn in_pieces(stream: &[u8], length: usize) -> Seen {
        let mut marks = Marks::new("Booted!");
        stream.chunks(length).fold(Seen::default(), |seen, piece| {
            seen.and(marks.look_at(piece))
        })
    }

    #[test]
    fn a_line_is_found_however_it_comes() {
        for (stream, seen) in [
            (&b"[INFO] Server Booted! [Multiplayer]\n"[..], READY),
            (b"\x1b[1;32mBooted!\x1b[0m\n", READY),
            (b"Boo\x1b[31mte\x1b(Bd\x1b]0;a title\x07!", READY),
            (b"Boo\x1b]8;;https://example.com\x1b\\ted!", READY),
            (b"\x1b]0;never ended\nBooted!", READY),
            (b"Shutdown \x1b[mtriggered!!!\r\n", SHUTTING_DOWN),
            (b"Boo\nted! Shutdown triggered!! !", Seen::default()),
            (b"\x1bBooted!", Seen::default()),
            (b"booted! Bo oted!", Seen::default()),
            (b"Booted! Shutdown triggered!!!", READY.and(SHUTTING_DOWN)),
        ] {
            for length in 1..=stream.len() {
                let text = stream.escape_ascii();
                assert_eq!(
                    in_pieces(stream, length),
                    seen,
                    "{text} in pieces of {length}"
                );
            }
        }
    }

    #[test]
    fn a_line_is_found_between_megabytes_of_others() {
        let mut stream = b"x".repeat(100_000);
        stream.extend_from_slice(b"Booted!");
        stream.extend(b"y".repeat(100_000));
        for length in [1, 7, 4096, 65_536, 200_007] {
            assert_eq!(in_pieces(&stream, length), READY);
        }
    }
}
