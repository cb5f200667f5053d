//! What a person reads: lines on stdout, and on a terminal one line that changes.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::log::printable;

/// Where a command talks to a person.
pub struct Screen {
    terminal: bool,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            terminal: io::stdout().is_terminal(),
        }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Lines as they are. Nobody reading them is no reason to stop.
    pub fn say(&self, text: impl Display) {
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// A line with words from elsewhere, which must not steer the terminal.
    pub fn say_foreign(&self, label: &str, text: &str) {
        self.say(format_args!("{label}{}", printable(text)));
    }

    /// A line without an end, for an answer or for the next [`Screen::change`].
    pub fn ask(&self, text: impl Display) {
        let mut out = io::stdout();
        let _ = write!(out, "{text}");
        let _ = out.flush();
    }

    /// Replaces the line that changes; on anything but a terminal it is not shown at all.
    pub fn change(&self, text: impl Display) {
        if self.terminal {
            self.ask(format_args!("\r{text}\x1b[K"));
        }
    }
}
