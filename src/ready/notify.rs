//! sd_notify(3): datagrams to a socket that the service manager names. Sent without blocking, since PID 1 does
//! not wait for a manager that has stopped reading.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tracing::debug;

/// The service manager, if there is one that wants to be told.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// From `$NOTIFY_SOCKET`, and from `$WATCHDOG_USEC` unless `$WATCHDOG_PID` is another process.
    pub fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        Self {
            socket: connect(&name)
                .inspect_err(|error| debug!("cannot use NOTIFY_SOCKET: {error}"))
                .ok(),
            watchdog: number("WATCHDOG_USEC")
                .filter(|&limit| for_us && limit > 0)
                .map(Duration::from_micros),
        }
    }

    /// How often the service manager wants to hear that we live: twice in its limit.
    pub fn watchdog(&self) -> Option<Duration> {
        self.socket.as_ref()?;
        self.watchdog.map(|limit| limit / 2)
    }

    /// Whether there is anybody.
    pub fn is_heard(&self) -> bool {
        self.socket.is_some()
    }

    pub fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            debug!("cannot notify the service manager: {error}");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => return Err(io::Error::other("neither a path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
