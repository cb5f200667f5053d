//! Reaping: the server, and every orphan that the kernel gives to us. The only place that waits.

use nix::errno::Errno;
use nix::unistd::Pid;
use tracing::{debug, warn};

use crate::sys::{self, Change};

/// Takes what has happened to all children; the last that happened to the server, if anything did.
pub fn all(server: Pid) -> Option<Change> {
    let mut outcome = None;
    loop {
        match sys::wait_any() {
            Ok(Some((pid, change))) if pid == server => outcome = Some(change),
            Ok(Some((pid, Change::Ended(_)))) => debug!("reaped the orphan {pid}"),
            Ok(Some((_, Change::Stopped(_)))) => {}
            Ok(None) | Err(Errno::ECHILD) => return outcome,
            Err(error) => {
                warn!("cannot wait for children: {error}");
                return outcome;
            }
        }
    }
}
