//! A folder, an emulator, and the way to start the entrypoint there without anything of this machine's
//! environment but `PATH`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hytale_emulator::{Emulator, Mint, Options, TokenPair};
use tempfile::TempDir;

use super::leases::in_the_place_of;
use super::not_tried;
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

    /// A file that is then executed. It is written by another process: while this one has a file open for
    /// writing, so has every child that another test is just starting, and nobody can execute it.
    pub fn program(&self, name: &str, content: impl AsRef<[u8]>) {
        let source = self.write(&format!("{name}.source"), content);
        self.copy_program(&source, name);
    }

    /// The same with the content of another file.
    pub fn copy_program(&self, source: &Path, name: &str) {
        let copied = Command::new("cp").arg(source).arg(self.path(name)).status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
        self.set_mode(name, 0o755);
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        let permissions = PermissionsExt::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).expect("the file is ours");
    }

    /// What stands in a JSON file, which is gone then.
    pub fn take_json(&self, name: &str) -> serde_json::Value {
        let text = fs::read(self.path(name)).expect("somebody wrote it");
        fs::remove_file(self.path(name)).expect("it is ours");
        serde_json::from_slice(&text).expect("it is JSON")
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

    /// `hytale-entrypoint`, set up for the emulator's sessions and this world's state folder, but for no
    /// source of tokens.
    pub fn entrypoint(&self) -> Start {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hytale-entrypoint"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("there is a PATH"))
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", self.emulator.url())
            .env("HYTALE_ENTRYPOINT_STATE_DIR", self.state_dir())
            .env("HYTALE_ENTRYPOINT_STATUS_FILE", self.path("status.json"))
            .env("HYTALE_STAND_IN_SESSIONS_URL", self.emulator.url())
            .stdin(Stdio::null());
        Start(command)
    }

    pub fn run(&self) -> Start {
        self.entrypoint().arg("run")
    }

    /// The same with the emulator's broker as its source.
    pub fn run_with_broker(&self) -> Start {
        self.run().env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            self.emulator.broker_url(),
        )
    }

    /// A session that somebody else opened.
    pub fn mint(&self) -> TokenPair {
        self.emulator.mint(&Mint::default())
    }

    /// How often a session was freed, or tried to be.
    pub fn releases(&self) -> usize {
        self.emulator.count("DELETE", "/game-session")
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

    /// Tokens in the environment.
    pub fn tokens(self, pair: &TokenPair) -> Self {
        let TokenPair {
            session_token: session,
            identity_token: identity,
            ..
        } = pair;
        self.env("HYTALE_SERVER_SESSION_TOKEN", session.expose_secret())
            .env("HYTALE_SERVER_IDENTITY_TOKEN", identity.expose_secret())
    }

    /// The same environment for another command.
    pub fn for_command(mut self, name: &str) -> Self {
        let mut command = Command::new(self.0.get_program());
        in_the_place_of(&self.0, &mut command);
        command.arg(name);
        self.0 = command;
        self
    }

    /// A server that is a shell script. It may say `nap`, which lasts a second or until a signal comes, and
    /// `idle`, which lasts as long as the entrypoint; neither leaves anything behind that holds a pipe.
    pub fn sh(self, script: &str) -> Self {
        let words = "nap() { sleep 1 >/dev/null 2>&1 & wait $!; }
            idle() { while kill -0 $PPID 2>/dev/null; do nap; done; }";
        self.args(["--", "sh", "-c", &format!("{words}\n{script}")])
    }

    /// A server that is a shell script and wants no tokens.
    pub fn sh_without_tokens(self, script: &str) -> Self {
        self.sh(script).args(["sh", "--auth-mode=insecure"])
    }

    /// Has the entrypoint started by another program, which gets the whole command line as arguments.
    pub fn under<S: AsRef<OsStr>>(
        self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.0.get_program())
            .args(self.0.get_args())
            .env_clear()
            .envs(
                self.0
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null());
        if let Some(folder) = self.0.get_current_dir() {
            command.current_dir(folder);
        }
        Self(command)
    }

    /// Has a shell do something first, and then become the entrypoint.
    pub fn after(self, script: &str) -> Self {
        self.under("sh", ["-c", &format!("{script}\nexec \"$@\""), "sh"])
    }

    /// Has it started with a signal blocked or ignored in a way that no shell knows, but the `env` of GNU.
    pub fn under_env(self, option: &str) -> Option<Self> {
        let tried = Command::new("env").args([option, "true"]).output();
        if tried.is_ok_and(|output| output.status.success()) {
            return Some(self.under("env", [option]));
        }
        not_tried(&format!(
            "`env {option}`, which coreutils have from 8.31 on"
        ));
        None
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

/// Where the stand-in is, for a command line that names it.
pub fn stand_in_jar() -> PathBuf {
    hytale_emulator::stand_in::jar(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .unwrap_or_else(|error| panic!("{error}"))
}
