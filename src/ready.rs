//! Who wants to know how the server is: systemd over `$NOTIFY_SOCKET` (sd_notify(3)), everybody else in the
//! status file, and Kubernetes why it ended.
//!
//! Nothing here is worth a server: what cannot be told is said once in the log.

mod notify;

use std::cell::{Cell, RefCell};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use jiff::Timestamp;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{Pid, geteuid};
use serde::{Deserialize, Serialize};
use tempfile::Builder;
use tracing::{debug, warn};

use crate::atomic;
use crate::log::printable;
use crate::secret;
use notify::Notify;

/// The version of the status file.
const VERSION: u32 = 1;

/// How far the story is; it never goes back.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// A session is being opened.
    Obtaining,
    /// The server boots.
    Starting,
    Ready,
    /// A stop was asked for, or the server is shutting down by itself.
    Stopping,
    Stopped,
}

/// What the status file holds. No token is ever in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Status {
    version: u32,
    pub phase: Phase,
    pub pid: u32,
    pub server_pid: Option<u32>,
    pub ready_at: Option<Timestamp>,
    pub session: Option<SessionStatus>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct SessionStatus {
    pub source: String,
    /// The UUID of the profile, where the token tells it.
    pub profile: Option<String>,
    pub expires_at: Timestamp,
}

impl Status {
    /// # Errors
    /// When there is none, or it is not one of ours.
    pub fn read(path: &Path) -> io::Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let text = secret::read_to_limit(path)?;
        // First: the rest of another version may be anything.
        match serde_json::from_slice(&text)? {
            Version { version: VERSION } => Ok(serde_json::from_slice(&text)?),
            Version { version } => Err(io::Error::other(format!("it is of version {version}"))),
        }
    }
}

/// Tells whoever wants to know.
#[derive(Debug)]
pub struct Announcer {
    notify: Notify,
    file: PathBuf,
    status: RefCell<Status>,
    /// Whether the status file has proved impossible.
    mute: Cell<bool>,
}

impl Announcer {
    pub fn new(file: &Path) -> Self {
        Self {
            notify: Notify::from_environment(),
            file: file.to_owned(),
            status: RefCell::new(Status {
                version: VERSION,
                phase: Phase::Obtaining,
                pid: process::id(),
                server_pid: None,
                ready_at: None,
                session: None,
            }),
            mute: Cell::new(false),
        }
    }

    /// Tells the service manager that we live, and when it wants to hear that again.
    pub fn keep_alive(&self) -> Option<Duration> {
        let interval = self.notify.watchdog()?;
        self.notify.send("WATCHDOG=1");
        Some(interval)
    }

    /// Asks the service manager for more time; whether there is one.
    pub fn extend(&self, by: Duration) -> bool {
        self.notify
            .send(&format!("EXTEND_TIMEOUT_USEC={}", by.as_micros()));
        self.notify.is_heard()
    }

    /// A session is being opened.
    pub fn obtaining(&self) {
        self.notify.send("STATUS=opening a session");
        self.write();
    }

    /// There is one. The file tells it with the server's start, which must not wait for a write more.
    pub fn opened(&self, session: SessionStatus) {
        self.status.borrow_mut().session = Some(session);
    }

    /// Its token was renewed.
    pub fn renewed(&self, session: SessionStatus) {
        self.status.borrow_mut().session = Some(session);
        self.write();
    }

    /// The server has been started.
    pub fn starting(&self, server: Pid) {
        self.status.borrow_mut().server_pid = u32::try_from(server.as_raw()).ok();
        self.to(Phase::Starting, "STATUS=the server is starting");
    }

    pub fn ready(&self) {
        if self.status.borrow().phase < Phase::Ready {
            self.status.borrow_mut().ready_at = Some(Timestamp::now());
        }
        self.to(Phase::Ready, "READY=1\nSTATUS=the server is ready");
    }

    /// The server shuts down, or is to.
    pub fn stopping(&self) {
        self.to(Phase::Stopping, "STOPPING=1\nSTATUS=the server is stopping");
    }

    /// It is gone, and what is left to do is our own.
    pub fn server_gone(&self) {
        self.status.borrow_mut().server_pid = None;
        if self.status.borrow().phase < Phase::Stopping {
            self.stopping();
        } else {
            self.write();
        }
    }

    /// Nothing is told twice, and nobody is ready any more who is being stopped.
    fn to(&self, phase: Phase, message: &str) {
        if phase <= self.status.borrow().phase {
            return;
        }
        self.status.borrow_mut().phase = phase;
        self.notify.send(message);
        self.write();
    }

    fn write(&self) {
        if self.mute.get() {
            return;
        }
        if let Err(error) = write(&self.file, &self.status.borrow()) {
            warn!(
                hint = "give another --status-file",
                "cannot write the status file {}: {error}; hytale-entrypoint health will fail",
                self.file.display()
            );
            self.mute.set(true);
        }
    }
}

/// However it ended, that it has is the last thing to be told.
impl Drop for Announcer {
    fn drop(&mut self) {
        self.status.get_mut().session = None;
        self.to(Phase::Stopped, "STOPPING=1\nSTATUS=stopped");
    }
}

/// Replaces the file in one step. It need not outlive a power cut, so nothing is synced.
fn write(path: &Path, status: &Status) -> io::Result<()> {
    let folder = atomic::folder_of(path);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => trust(folder)?,
        made => made?,
    }
    let mut file = Builder::new()
        .prefix(atomic::UNFINISHED)
        .tempfile_in(folder)?;
    let mut text = serde_json::to_vec(status)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// In a folder that everybody can write to (`/tmp`), somebody else may have made ours, or a link of its name.
fn trust(folder: &Path) -> io::Result<()> {
    let everybody_writes = fs::metadata(atomic::folder_of(folder))?.mode() & 0o002 != 0;
    let is_ours = |meta: fs::Metadata| [0, geteuid().as_raw()].contains(&meta.uid());
    if everybody_writes
        && !(is_ours(fs::metadata(folder)?) && is_ours(fs::symlink_metadata(folder)?))
    {
        return Err(io::Error::other("its folder belongs to another user"));
    }
    Ok(())
}

/// Where Kubernetes looks for the reason of an end.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Says in one line why we end, where somebody has put a file for that.
pub fn last_words(reason: &str) {
    let file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(TERMINATION_LOG);
    if let Err(error) = file.and_then(|mut file| writeln!(file, "{}", printable(reason)))
        && error.kind() != io::ErrorKind::NotFound
    {
        debug!("cannot write {TERMINATION_LOG}: {error}");
    }
}
