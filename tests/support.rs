//! A place to run the entrypoint in, and a running one that can be asked and told things.
//!
//! Nothing here sleeps to let something happen: a child says that it is ready, and everything else is a
//! condition with a deadline.

pub mod account;
pub mod checks;
pub mod conditions;
pub mod containers;
pub mod credentials;
pub mod crowd;
pub mod door;
pub mod kills;
pub mod leases;
pub mod machine;
pub mod manager;
pub mod markdown;
pub mod outlet;
pub mod phases;
pub mod processes;
pub mod raw;
pub mod running;
pub mod servers;
pub mod shell;
pub mod short_lived;
pub mod systemd;
pub mod terminal;
pub mod tracer;
pub mod world;

pub use account::quick;
pub use kills::Kills;
pub use running::{Finished, Running};
pub use servers::Gate;
pub use shell::Shell;
pub use terminal::Terminal;
pub use world::{Start, World, stand_in_jar};

use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take before the test fails. Far beyond what a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Says something past the test harness, which hides what a test that passes has said.
pub fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Says what this machine does not let a test try.
pub fn not_tried(what: &str) {
    say(&format!("NOT TRIED: {what}"));
}

/// Waits for what nobody announces, such as a change in `/proc`.
#[track_caller]
pub fn until(what: &str, mut met: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !met() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(2));
    }
}
