//! Where leases live, and where and whether sessions are freed.

use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::geteuid;
use reqwest::Url;

use super::read::{Environment, Reader, Setting, UsageError};
use super::values::{self, DURATION, HYTALE_URL, Kind};
use crate::cli::{RunArgs, SharedArgs};

#[derive(Debug)]
pub struct Session {
    pub release: Release,
    /// From a stop signal to the release, should the server live that long.
    pub release_after: Duration,
    pub refresh: Refresh,
    /// `None` where not even a default can be found: not root, and no `HOME`.
    pub state_dir: Option<PathBuf>,
    pub sessions_url: Url,
}

/// Whether our session token is renewed, two minutes before it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    Trail,
    Off,
}

const REFRESH: Kind<Refresh> = Kind {
    parse: |text| values::choice(text, &[("trail", Refresh::Trail), ("off", Refresh::Off)]),
    expected: "trail or off",
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    Always,
    Never,
}

const RELEASE: Kind<Release> = Kind {
    parse: |text| {
        values::choice(
            text,
            &[("always", Release::Always), ("never", Release::Never)],
        )
    },
    expected: "always or never",
};

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn read<E: Environment>(args: &RunArgs, reader: &Reader<'_, E>) -> Result<Session, UsageError> {
    let release = Setting {
        flag: "--release",
        typed: args.release.as_ref(),
        variable: "HYTALE_ENTRYPOINT_RELEASE",
    };
    let release_after = Setting {
        flag: "--release-after",
        typed: args.release_after.as_ref(),
        variable: "HYTALE_ENTRYPOINT_RELEASE_AFTER",
    };
    let refresh = Setting {
        flag: "--session-refresh",
        typed: args.session_refresh.as_ref(),
        variable: "HYTALE_ENTRYPOINT_SESSION_REFRESH",
    };
    Ok(Session {
        release_after: reader
            .parse(&release_after, &DURATION)?
            .unwrap_or(Duration::from_secs(5)),
        refresh: reader.parse(&refresh, &REFRESH)?.unwrap_or(Refresh::Trail),
        release: reader.parse(&release, &RELEASE)?.unwrap_or(Release::Always),
        state_dir: state_dir(&args.shared, reader)?,
        sessions_url: sessions_url(&args.shared, reader)?,
    })
}

/// # Errors
/// When what was given is no URL that tokens may travel to.
pub fn sessions_url<E: Environment>(
    args: &SharedArgs,
    reader: &Reader<'_, E>,
) -> Result<Url, UsageError> {
    let setting = Setting {
        flag: "--sessions-url",
        typed: args.sessions_url.as_ref(),
        variable: "HYTALE_ENTRYPOINT_SESSIONS_URL",
    };
    let official = || Url::parse("https://sessions.hytale.com").expect("it is a URL");
    Ok(reader
        .parse(&setting, &HYTALE_URL)?
        .unwrap_or_else(official))
}

/// # Errors
/// When a variable is not UTF-8.
pub fn state_dir<E: Environment>(
    args: &SharedArgs,
    reader: &Reader<'_, E>,
) -> Result<Option<PathBuf>, UsageError> {
    let setting = Setting {
        flag: "--state-dir",
        typed: args.state_dir.as_ref(),
        variable: "HYTALE_ENTRYPOINT_STATE_DIR",
    };
    if let Some(path) = reader.path(&setting)? {
        return Ok(Some(path));
    }
    // systemd separates several with colons; the first is the unit's own.
    if let Some(folders) = reader.variable("STATE_DIRECTORY")? {
        return Ok(folders.split(':').next().map(PathBuf::from));
    }
    if geteuid().is_root() {
        return Ok(Some(PathBuf::from("/var/lib/hytale-entrypoint")));
    }
    let base = match reader.variable("XDG_STATE_HOME")?.map(PathBuf::from) {
        Some(path) if path.is_absolute() => Some(path),
        _ => reader
            .variable("HOME")?
            .map(|home| PathBuf::from(home).join(".local/state")),
    };
    Ok(base.map(|base| base.join("hytale-entrypoint")))
}
