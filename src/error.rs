//! Why a command of ours ends without doing its job, each with its exit code and what to do about it.

use std::fmt;
use std::io;

use nix::libc::c_int;
use thiserror::Error;

use crate::commands::CommandError;
use crate::config::read::UsageError;
use crate::exit::{self, Code};
use crate::server::LaunchError;
use crate::session::SessionError;
use crate::source::SourceError;
use crate::supervise::signals;

/// Where to find what would have been right.
pub const USAGE_HINT: &str = "hytale-entrypoint help COMMAND lists the options and their variables";

#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error("no source of session tokens is configured")]
    NoSource,
    #[error(transparent)]
    NoTokens(#[from] NoTokens),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("stopped by {} before the server was started", signals::name(*.0))]
    Stopped(c_int),
    #[error("the operating system refuses the basics: {0}")]
    System(#[from] io::Error),
}

/// What each source that was tried said, in their order.
#[derive(Debug, Error)]
pub struct NoTokens(pub Vec<(String, Refusal)>);

/// Why one source's tokens are not to be had, or not to be used.
#[derive(Debug, Error)]
pub enum Refusal {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl fmt::Display for NoTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no session tokens")?;
        for (n, (source, refusal)) in self.0.iter().enumerate() {
            let separator = if n == 0 { ": " } else { "; " };
            write!(f, "{separator}{source}: {refusal}")?;
        }
        Ok(())
    }
}

impl NoTokens {
    /// The refusal that decides: one that a restart may cure, since then a restart may cure all; else the
    /// first, whose source is the most wanted.
    fn decisive(&self) -> Option<&Refusal> {
        let refusals = || self.0.iter().map(|(_, refusal)| refusal);
        refusals()
            .find(|refusal| refusal.code().restart_helps())
            .or_else(|| refusals().next())
    }
}

impl Refusal {
    pub fn code(&self) -> Code {
        match self {
            Self::Source(error) => error.code(),
            Self::Session(error) => error.code(),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Source(error) => error.hint(),
            Self::Session(error) => error.hint(),
        }
    }
}

impl Error {
    /// The exit code, as the table in `entrypoint.md` has it.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => Code::Usage as u8,
            Self::Launch(error) => error.code() as u8,
            Self::NoSource => Code::Config as u8,
            Self::NoTokens(refusals) => {
                refusals.decisive().map_or(Code::Software, Refusal::code) as u8
            }
            Self::Command(error) => error.code(),
            Self::Stopped(signal) => exit::after_signal(*signal),
            Self::System(_) => Code::Software as u8,
        }
    }

    /// What to do about it, where that is not plain from the error itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) => Some(USAGE_HINT),
            Self::Launch(error) => Some(error.hint()),
            Self::NoSource => Some(
                "env: set HYTALE_SERVER_SESSION_TOKEN and HYTALE_SERVER_IDENTITY_TOKEN (or their _FILE); \
                 broker: set HYTALE_SESSION_TOKEN_BROKER_URL; \
                 file: log in with hytale-entrypoint login. A server without authentication needs none: --auth-mode insecure",
            ),
            Self::NoTokens(refusals) => refusals.decisive().map(Refusal::hint),
            Self::Command(error) => Some(error.hint()),
            Self::Stopped(_) => None,
            Self::System(_) => Some("check the limits on processes, memory and descriptors"),
        }
    }
}
