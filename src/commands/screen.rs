//! What a person reads: lines on stdout, and on a terminal one line that changes.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::log::printable;

/// Where a command talks to a person.
pub struct Screen {
    terminal: bool,
    /// Whether the cursor stands behind words that are not to stay.
    open_line: Cell<bool>,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            terminal: io::stdout().is_terminal(),
            open_line: Cell::new(false),
        }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Lines as they are. Nobody reading them is no reason to stop.
    pub fn say(&self, text: impl Display) {
        self.close_line();
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// A line with words from elsewhere, which must not steer the terminal.
    pub fn say_foreign(&self, label: &str, text: &str) {
        self.say(format_args!("{label}{}", printable(text)));
    }

    /// A question, to be answered in the same line.
    pub fn ask(&self, text: impl Display) {
        self.close_line();
        self.write_open(text);
    }

    /// The person has ended the line.
    pub fn answered(&self) {
        self.open_line.set(false);
    }

    /// Replaces the line that changes; on anything but a terminal it is not shown at all.
    pub fn change(&self, text: impl Display) {
        if self.terminal {
            self.close_line();
            self.write_open(text);
        }
    }

    fn write_open(&self, text: impl Display) {
        let mut out = io::stdout();
        let _ = write!(out, "{text}");
        let _ = out.flush();
        self.open_line.set(true);
    }

    fn close_line(&self) {
        if self.open_line.replace(false) {
            let mut out = io::stdout();
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
    }
}

/// Whatever comes next, an error for instance, has a line to itself.
impl Drop for Screen {
    fn drop(&mut self) {
        self.close_line();
    }
}
