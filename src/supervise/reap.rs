//! Reaping: the server, and every orphan that the kernel gives to us. The only place that waits.

use nix::errno::Errno;
use nix::unistd::Pid;
use tracing::{debug, warn};

use crate::exit::Ended;
use crate::sys;

/// Takes the status of every child that has ended; how the server ended, if it is among them.
pub fn all(server: Pid) -> Option<Ended> {
    let mut outcome = None;
    loop {
        match sys::wait_any() {
            Ok(Some((pid, ended))) if pid == server => outcome = Some(ended),
            Ok(Some((pid, _))) => debug!("reaped the orphan {pid}"),
            Ok(None) | Err(Errno::ECHILD) => return outcome,
            Err(error) => {
                warn!("cannot wait for children: {error}");
                return outcome;
            }
        }
    }
}
