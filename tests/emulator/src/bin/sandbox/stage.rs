//! What the audience sees: the commentary, the two programs' lines, and promises kept or broken.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use hytale_emulator::{Emulator, Outcome};

#[derive(Debug)]
pub(crate) struct Stage {
    colour: bool,
    broken: usize,
    requests_told: usize,
    slots_told: usize,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            colour: io::stdout().is_terminal(),
            broken: 0,
            requests_told: 0,
            slots_told: 0,
        }
    }

    pub(crate) fn say(&self, text: impl Display) {
        self.print("1", format_args!("▶ {text}"));
    }

    pub(crate) fn promise(&mut self, kept: bool, text: impl Display) {
        if kept {
            self.print("32", format_args!("  ✔ {text}"));
        } else {
            self.broken += 1;
            self.print("31", format_args!("  ✘ not so: {text}"));
        }
    }

    pub(crate) fn broken_promises(&self) -> usize {
        self.broken
    }

    /// A line of one of the programs, as it is.
    pub(crate) fn line(&self, who: &str, text: &str) {
        self.print("2", format_args!("  {who} | {text}"));
    }

    /// Tells of every request that has been answered since the last time.
    pub(crate) fn tell_requests(&mut self, emulator: &Emulator) {
        for request in emulator.requests().iter().skip(self.requests_told) {
            let answer = match request.outcome {
                Outcome::Pending => break,
                Outcome::Answered(status) => status.to_string(),
                Outcome::Dropped => "no answer".to_owned(),
            };
            self.requests_told += 1;
            let meaning = match (request.method.as_str(), request.path.as_str()) {
                ("POST", "/v1/game-session") => "The wrapper asks the broker for a session",
                ("GET", "/.well-known/jwks.json") => {
                    "The server asks for the keys that its tokens were signed with"
                }
                ("POST", "/game-session/refresh") => "The session is refreshed",
                ("DELETE", "/game-session") => "The wrapper gives the session back",
                _ => "A request",
            };
            self.say(format_args!(
                "{meaning}: {} {} → {answer}",
                request.method, request.path
            ));
            let slots = emulator.live();
            if slots != self.slots_told {
                self.say(format_args!(
                    "Session slots in use: {} → {slots} (of 100)",
                    self.slots_told
                ));
                self.slots_told = slots;
            }
        }
    }

    fn print(&self, colour: &str, text: impl Display) {
        // Somebody who has closed our output wants no more of it.
        let _ = match self.colour {
            true => writeln!(io::stdout(), "\x1b[{colour}m{text}\x1b[0m"),
            false => writeln!(io::stdout(), "{text}"),
        };
    }
}
