//! Those who start a server and look after it: the entrypoint, and whom it is compared with.

use std::path::PathBuf;
use std::process::Command;

use crate::arena::Arena;

/// A program that starts another one.
#[derive(Clone, Debug)]
pub struct Contender {
    pub name: &'static str,
    pub program: PathBuf,
    /// What stands before the server's command line.
    before: &'static [&'static str],
    /// What stands after it. The server does not look at it.
    after: &'static [&'static str],
    /// Whether it adopts orphans without being PID 1.
    pub adopts: bool,
}

impl Contender {
    pub fn entrypoint(arena: &Arena) -> Self {
        Self {
            name: "hytale-entrypoint",
            program: arena.binary.clone(),
            before: &["run", "--"],
            after: &["--auth-mode", "insecure"],
            adopts: true,
        }
    }

    /// The entrypoint, with the server's output left alone.
    pub fn unwatched(arena: &Arena) -> Self {
        Self {
            name: "hytale-entrypoint, unwatched",
            before: &["run", "--watch-output", "off", "--"],
            ..Self::entrypoint(arena)
        }
    }

    /// The entrypoint, asking a broker for tokens that may be short-lived.
    pub fn with_broker(arena: &Arena) -> Self {
        Self {
            name: "hytale-entrypoint, with a session",
            before: &["run", "--min-token-life", "0", "--"],
            after: &[],
            ..Self::entrypoint(arena)
        }
    }

    /// Nobody at all: the server is started by us.
    pub fn nobody(arena: &Arena) -> Self {
        Self {
            name: "nobody",
            program: arena.server.clone(),
            before: &[],
            after: &[],
            adopts: false,
        }
    }

    /// Debian's, with their packages.
    pub fn others() -> impl Iterator<Item = (&'static str, Self)> {
        let other = |package, program: &str, before, adopts| {
            let contender = Self {
                name: "",
                program: program.into(),
                before,
                after: &[],
                adopts,
            };
            (package, contender)
        };
        [
            (
                "tini",
                other("tini", "/usr/bin/tini", &["-s", "--"] as &[_], true),
            ),
            (
                "tini, static",
                other("tini", "/usr/bin/tini-static", &["-s", "--"], true),
            ),
            (
                "dumb-init",
                other("dumb-init", "/usr/bin/dumb-init", &["--"], false),
            ),
            (
                "catatonit",
                other("catatonit", "/usr/bin/catatonit", &["--"], true),
            ),
        ]
        .into_iter()
        .map(|(name, (package, contender))| (package, Self { name, ..contender }))
    }

    /// Its command line for a server that is told these arguments.
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, arena: &Arena, arguments: &[S]) -> Command {
        let mut command = arena.command(&self.program);
        if self.program != arena.server {
            command.args(self.before).arg(&arena.server);
        }
        command.args(arguments).args(self.after);
        command
    }
}
