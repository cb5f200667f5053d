//! Exit codes, the wrapper's half of an interface: design and `entrypoint.md` hold the same table.
//!
//! Codes 0 to 63 and 128+n belong to the server. The wrapper's own lie between them, where sysexits(3)
//! and the shells put such meanings, so that a supervisor can tell who failed and whether a restart helps.

use std::process::ExitCode;

use nix::libc::c_int;

/// Why the wrapper itself ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// `EX_USAGE`: a flag or variable is wrong.
    Usage = 64,
    /// `EX_NOINPUT`: a file that was named is missing or unreadable.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: no source answered in time.
    Unavailable = 69,
    /// `EX_SOFTWARE`: a bug in the wrapper, or an operating system that refuses the basics.
    Software = 70,
    /// `EX_TEMPFAIL`: the account's session slots are all taken.
    NoSlot = 75,
    /// `EX_NOPERM`: credentials refused, expired or revoked; tokens expired.
    Refused = 77,
    /// `EX_CONFIG`: nothing is configured, or what is configured contradicts itself.
    Config = 78,
    /// `--ready-timeout` has passed (the code of timeout(1)).
    NotReady = 124,
    /// The command is there and cannot be executed (the shells' code).
    CannotExecute = 126,
    /// The command is not there (the shells' code).
    NotFound = 127,
}

impl Code {
    /// Whether starting again, with nothing changed by a person, may well succeed.
    pub fn restart_helps(self) -> bool {
        matches!(self, Self::Unavailable | Self::NoSlot)
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// How the server ended, as waitpid(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(u8),
    Signaled(c_int),
}

impl Ended {
    /// The code a shell would give: the server's own, or 128+n.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => after_signal(signal),
        }
    }
}

/// What the server means by a code of its own (as seen of builds up to spring 2026).
pub fn meaning(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "a crash",
        2 => "authentication failed",
        3 => "world generation failed",
        4 => "the client is gone",
        5 => "a required plugin is missing",
        6 => "validation failed",
        7 => "assets are missing",
        8 => "it wants a restart for an update",
        9 => "a mod failed",
        _ => return None,
    })
}

/// 128+n, which fits: the highest signal is 64.
pub fn after_signal(signal: c_int) -> u8 {
    128_u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX))
}
