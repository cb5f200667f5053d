//! `health`: one line and one exit code for whoever decides what becomes of the server.

use std::fs;
use std::io;
use std::path::Path;

use super::screen::Screen;
use crate::ready::{Phase, Status};

/// 0 when the server is ready and lives, else 1.
pub fn health(file: &Path) -> u8 {
    let screen = Screen::new();
    let unhealthy = match Status::read(file) {
        Ok(status) => match reason(&status) {
            None => {
                screen.say("ready");
                return 0;
            }
            Some(reason) => reason,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("no server was started here: there is no {}", file.display())
        }
        Err(error) => format!("cannot read {}: {error}", file.display()),
    };
    screen.say_foreign("not ready: ", &unhealthy);
    1
}

/// Why this is no healthy server.
fn reason(status: &Status) -> Option<String> {
    let server_lives = |server| is_child(server, status.pid);
    let reason = match (status.phase, status.server_pid.map(server_lives)) {
        (Phase::Ready, Some(true)) => return None,
        (Phase::Stopped, _) => "the server has stopped",
        // Killed: nobody has changed the file since.
        (_, Some(false)) | (Phase::Ready, None) => "the process that started the server is gone",
        (Phase::Obtaining, _) => "a session is being opened",
        (Phase::Starting, _) => "the server is starting",
        (Phase::Stopping, _) => "the server is stopping",
    };
    Some(reason.to_owned())
}

/// Whether this process lives, and is that one's child. A number that was used again is not.
fn is_child(server: u32, parent: u32) -> bool {
    // proc_pid_stat(5): the name in parentheses may hold anything, so what counts begins after the last one.
    let stat = fs::read_to_string(format!("/proc/{server}/stat")).unwrap_or_default();
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let (state, ppid) = (fields.next(), fields.next());
    !matches!(state, None | Some("Z" | "X"))
        && ppid.and_then(|ppid| ppid.parse().ok()) == Some(parent)
}
