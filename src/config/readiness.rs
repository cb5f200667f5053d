//! How it is known that the server is ready, and who is told.

use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::geteuid;

use super::read::{Environment, Reader, Setting, UsageError};
use super::values::{self, DURATION, Kind, TRUTH};
use crate::cli::{RunArgs, SharedArgs};

#[derive(Debug)]
pub struct Readiness {
    pub watch: Watch,
    pub ready_line: String,
    /// Stop the server once it is ready; how long that may take.
    pub until_ready: Option<Duration>,
}

/// Whether we read along what the server writes to its standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Unless that is a terminal.
    Auto,
    Always,
    Off,
}

const WATCH: Kind<Watch> = Kind {
    parse: |text| values::choice(text, &[("auto", Watch::Auto), ("off", Watch::Off)]),
    expected: "auto or off",
};

const READY_LINE: Kind<String> = Kind {
    parse: |text| {
        let in_one_line = !text.trim().is_empty() && !text.contains(char::is_control);
        in_one_line.then(|| text.to_owned())
    },
    expected: "a text from one line of the server's output, without colours",
};

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn read<E: Environment>(
    args: &RunArgs,
    reader: &Reader<'_, E>,
) -> Result<Readiness, UsageError> {
    let watch = Setting {
        flag: "--watch-output",
        typed: args.watch_output.as_ref(),
        variable: "HYTALE_ENTRYPOINT_WATCH_OUTPUT",
    };
    let ready_line = Setting {
        flag: "--ready-line",
        typed: args.ready_line.as_ref(),
        variable: "HYTALE_ENTRYPOINT_READY_LINE",
    };
    let typed = args.until_ready.then(|| "true".to_owned());
    let until_ready = Setting {
        flag: "--until-ready",
        typed: typed.as_ref(),
        variable: "HYTALE_ENTRYPOINT_UNTIL_READY",
    };
    let ready_timeout = Setting {
        flag: "--ready-timeout",
        typed: args.ready_timeout.as_ref(),
        variable: "HYTALE_ENTRYPOINT_READY_TIMEOUT",
    };
    let ready_timeout = reader
        .parse(&ready_timeout, &DURATION)?
        .unwrap_or(Duration::from_secs(5 * 60));
    let until_ready = reader.parse(&until_ready, &TRUTH)?.unwrap_or(false);
    let watch = match reader.parse(&watch, &WATCH)?.unwrap_or(Watch::Auto) {
        Watch::Off if until_ready => {
            return Err(UsageError::Conflict(
                "--until-ready waits for a line of the server's output, and --watch-output off does not read it",
            ));
        }
        _ if until_ready => Watch::Always,
        watch => watch,
    };
    Ok(Readiness {
        watch,
        ready_line: reader
            .parse(&ready_line, &READY_LINE)?
            .unwrap_or_else(|| "Hytale Server Booted!".to_owned()),
        until_ready: until_ready.then_some(ready_timeout),
    })
}

/// # Errors
/// When a variable is not UTF-8.
pub fn status_file<E: Environment>(
    args: &SharedArgs,
    reader: &Reader<'_, E>,
) -> Result<PathBuf, UsageError> {
    let setting = Setting {
        flag: "--status-file",
        typed: args.status_file.as_ref(),
        variable: "HYTALE_ENTRYPOINT_STATUS_FILE",
    };
    if let Some(path) = reader.path(&setting)? {
        return Ok(path);
    }
    // systemd separates several with colons; the first is the unit's own.
    let folders = reader.variable("RUNTIME_DIRECTORY")?;
    let folder = match folders
        .as_deref()
        .and_then(|folders| folders.split(':').next())
    {
        Some(folder) => PathBuf::from(folder),
        None if geteuid().is_root() => PathBuf::from("/run/hytale-entrypoint"),
        None => match reader.variable("XDG_RUNTIME_DIR")?.map(PathBuf::from) {
            Some(folder) if folder.is_absolute() => folder.join("hytale-entrypoint"),
            _ => PathBuf::from(format!("/tmp/hytale-entrypoint-{}", geteuid())),
        },
    };
    Ok(folder.join("status.json"))
}
