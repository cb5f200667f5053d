//! What was typed and what the environment says, turned into one checked configuration. After this,
//! nothing asks for a flag or a variable again, and what contradicts itself cannot be written down.

pub mod command;
pub mod credentials;
pub mod read;
pub mod readiness;
pub mod server;
pub mod session;
pub mod tokens;
pub mod values;

use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use crate::cli::{RunArgs, SharedArgs};
use crate::log::{self, Format};
use read::{Environment, Reader, Setting, UsageError};
use values::{EXIT_CODES, Kind};

/// Everything `run` acts on, a part for each stage of its story.
#[derive(Debug)]
pub struct Run {
    pub tokens: tokens::Tokens,
    pub session: session::Session,
    pub server: server::Server,
    pub readiness: readiness::Readiness,
    pub status_file: PathBuf,
    /// Codes of the server that become 0.
    pub success_exit: Vec<u8>,
}

/// What every command about credentials acts on.
#[derive(Debug)]
pub struct Account {
    pub credentials: credentials::Credentials,
    /// `None` where not even a default can be found: not root, and no `HOME`.
    pub state_dir: Option<PathBuf>,
}

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn account(args: &SharedArgs, environment: &impl Environment) -> Result<Account, UsageError> {
    let reader = Reader(environment);
    Ok(Account {
        credentials: credentials::read(args, &reader)?,
        state_dir: session::state_dir(args, &reader)?,
    })
}

/// Where `health` looks.
///
/// # Errors
/// When a variable is not UTF-8.
pub fn status_file(
    args: &SharedArgs,
    environment: &impl Environment,
) -> Result<PathBuf, UsageError> {
    readiness::status_file(args, &Reader(environment))
}

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn run(args: &RunArgs, environment: &impl Environment) -> Result<Run, UsageError> {
    let reader = Reader(environment);
    let success_exit = Setting {
        flag: "--success-exit",
        typed: args.success_exit.as_ref(),
        variable: "HYTALE_ENTRYPOINT_SUCCESS_EXIT",
    };
    let readiness = readiness::read(args, &reader)?;
    let mut server = server::read(args, &reader)?;
    if readiness.until_ready.is_some() {
        // Nobody waits for a smoke test that does not end, and there is no world to lose.
        server.stop_timeout.get_or_insert(Duration::from_secs(60));
    }
    Ok(Run {
        tokens: tokens::read(args, &reader)?,
        session: session::read(args, &reader)?,
        server,
        readiness,
        status_file: readiness::status_file(&args.shared, &reader)?,
        success_exit: reader
            .parse(&success_exit, &EXIT_CODES)?
            .unwrap_or_default(),
    })
}

const LOG_FORMAT: Kind<Format> = Kind {
    parse: |text| values::choice(text, &[("text", Format::Text), ("json", Format::Json)]),
    expected: "text or json",
};

const LOG_LEVEL: Kind<Level> = Kind {
    parse: |text| {
        let levels = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
        ];
        values::choice(text, &levels)
    },
    expected: "error, warn, info or debug",
};

/// Asked for first, so that every later mistake is told in the form that was wanted. Where one of the two is a mistake
/// itself, that is told in what is left of them.
pub fn log(
    args: &SharedArgs,
    environment: &impl Environment,
) -> (log::Settings, Result<(), UsageError>) {
    let reader = Reader(environment);
    let format = Setting {
        flag: "--log-format",
        typed: args.log_format.as_ref(),
        variable: "HYTALE_ENTRYPOINT_LOG_FORMAT",
    };
    let level = Setting {
        flag: "--log-level",
        typed: args.log_level.as_ref(),
        variable: "HYTALE_ENTRYPOINT_LOG_LEVEL",
    };
    let format = reader.parse(&format, &LOG_FORMAT);
    let level = reader.parse(&level, &LOG_LEVEL);
    let settings = log::Settings {
        format: format.clone().ok().flatten().unwrap_or(Format::Text),
        level: level.clone().ok().flatten().unwrap_or(Level::INFO),
    };
    (settings, format.and(level.map(drop)))
}
