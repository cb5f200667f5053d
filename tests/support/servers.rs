//! Servers that are shell scripts, and a gate that holds them up for as long as a test wants.

use std::fs::File;
use std::io::Write;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::World;

/// Says `up`, and runs until a signal ends it.
pub const UP: &str = "echo up; exec sleep 300";

/// The same; it says `up` and its wrapper's process id, for when that is a tracer's child and not the test's.
pub const UP_AND_TELL: &str = "echo up $PPID; exec sleep 300";

/// Says `up`, and has its own wrapper told to stop: a whole life without the test's help.
pub const UP_AND_STOP: &str = "echo up; kill -TERM $PPID; exec sleep 300";

/// A FIFO in the world's folder, which is where its servers run.
pub struct Gate(File);

impl Gate {
    /// Says `up`, and ends with 0 when the gate is opened for it.
    pub const SERVER: &str = "echo up; read x < gate; exit 0";

    /// Says `up`; takes a stop signal for the begin of a save, which ends with 7 when the gate is opened for it.
    /// What says so is a process that has left the shell's traps behind: the signal ends it wherever it is.
    pub const SERVER_THAT_SAVES: &str =
        "trap 'kill $!; echo saving; read x < gate; echo saved; exit 7' TERM INT HUP
         (echo up; exec sleep 300) & wait; wait";

    pub fn new(world: &World) -> Self {
        let path = world.path("gate");
        mkfifo(&path, Mode::S_IRWXU).expect("there is room for a FIFO");
        // Both ends at once: so neither side has to wait for the other one to open it.
        let both = File::options().read(true).write(true).open(&path);
        Self(both.expect("a FIFO can be opened"))
    }

    /// Lets one server through: each reads one line, byte by byte.
    pub fn open(&self) {
        (&self.0).write_all(b"\n").expect("a FIFO has room");
    }
}
