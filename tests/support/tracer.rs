//! strace, where there is one and it may trace: it stops the entrypoint at its system calls, which the entrypoint
//! itself knows nothing of. The tracer is the one who starts it, since it lets nobody attach later.
//!
//! Only the entrypoint's one thread is traced, not its server: counts of calls are the entrypoint's alone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::leases::in_the_place_of;
use super::say;
use super::world::Start;

/// Whether there is one that works here; if not, that is said, and a part of a test is left out.
pub fn is_there() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let tried = Command::new("strace")
            .args([
                "-qq",
                "-e",
                "trace=?flock",
                "-e",
                "inject=?flock:signal=KILL:when=1",
                "true",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let works = tried.is_ok_and(|status| status.success());
        if !works {
            say("LEFT OUT: there is no strace here that may trace, so no kills at system calls");
        }
        works
    })
}

/// The same start under a tracer that does `what` to the `nth` call of this name, and writes all calls named in
/// `shown` to a file.
pub fn traced(mut start: Start, what: &str, shown: &str, to: &Path) -> Command {
    let entrypoint = start.command();
    let mut strace = Command::new("strace");
    in_the_place_of(entrypoint, &mut strace);
    strace.args(["-qq", "-s", "40", "-o"]).arg(to);
    strace.args(["-e", &format!("trace={shown}")]);
    if !what.is_empty() {
        strace.args(["-e", &format!("inject={what}")]);
    }
    strace
        .arg(entrypoint.get_program())
        .args(entrypoint.get_args());
    strace
}
