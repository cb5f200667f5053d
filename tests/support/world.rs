//! A folder, an emulator, and the way to start the entrypoint there without anything of this machine's
//! environment but `PATH`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hytale_emulator::{Emulator, Options};
use tempfile::TempDir;

use super::running::{Finished, Running};

pub struct World {
    pub emulator: Emulator,
    folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        Self {
            emulator: Emulator::start(options).expect("the emulator starts"),
            folder: tempfile::tempdir().expect("there is room for a folder"),
        }
    }

    /// A path in this world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the file can be written");
        path
    }

    pub fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The leases on disk.
    pub fn leases(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.state_dir().join("leases")) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// `hytale-entrypoint run`, set up for the emulator's sessions and this world's state folder, but for
    /// no source of tokens.
    pub fn run(&self) -> Start {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hytale-entrypoint"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("there is a PATH"))
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", self.emulator.url())
            .env("HYTALE_ENTRYPOINT_STATE_DIR", self.state_dir())
            .env("HYTALE_STAND_IN_SESSIONS_URL", self.emulator.url())
            .stdin(Stdio::null())
            .arg("run");
        Start(command)
    }

    /// The same with the emulator's broker as its source.
    pub fn run_with_broker(&self) -> Start {
        self.run().env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            self.emulator.broker_url(),
        )
    }

    /// No session holds a slot, and no lease is left.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        assert_eq!(self.emulator.live(), 0, "slots in use");
        assert_eq!(self.leases(), Vec::<PathBuf>::new(), "leases");
    }
}

/// An entrypoint that is about to be started.
pub struct Start(Command);

impl Start {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.0.args(arguments);
        self
    }

    /// A server that is a shell script.
    pub fn sh(self, script: &str) -> Self {
        self.args(["--", "sh", "-c", script])
    }

    /// The stand-in for the real server, on a real JVM.
    pub fn stand_in(self) -> Self {
        self.env("HYTALE_ENTRYPOINT_JAR", stand_in_jar())
    }

    /// For what only the operating system's own interface can do.
    pub fn command(&mut self) -> &mut Command {
        &mut self.0
    }

    pub fn spawn(self) -> Running {
        Running::start(self.0)
    }

    /// Runs it to its end.
    pub fn finish(self) -> Finished {
        self.spawn().wait()
    }
}

fn stand_in_jar() -> PathBuf {
    hytale_emulator::stand_in::jar(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .unwrap_or_else(|error| panic!("{error}"))
}
