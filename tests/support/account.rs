//! The commands about credentials in a world, and the person at the other end of a login.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hytale_emulator::{Account, Options};
use serde_json::Value;

use super::credentials::{Fields, KEY};
use super::world::Start;
use super::{DEADLINE, Finished, Running, World};

impl World {
    /// A world whose one account has these profiles, and whose logins are polled once a second.
    pub fn of(profiles: impl IntoIterator<Item = &'static str>) -> Self {
        Self::with(Options {
            accounts: vec![Account::named("owner").with_profiles(profiles)],
            ..quick()
        })
    }

    /// A command about credentials, with the emulator's services, and a key in a file: no test depends on this
    /// machine's hardware id.
    pub fn account(&self, command_name: &str) -> Start {
        self.with_credentials(self.entrypoint().arg(command_name))
    }

    /// `run` with this world's credentials as its only source of tokens.
    pub fn run_with_file(&self) -> Start {
        self.with_credentials(self.run()).args(["--source", "file"])
    }

    fn with_credentials(&self, start: Start) -> Start {
        let key = self.path("key");
        // Somebody who is running may be reading it.
        if !key.exists() {
            self.write("key", KEY);
        }
        start
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", self.emulator.url())
            .env("HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL", self.emulator.url())
            .env("HYTALE_AUTH_KEY_FILE", key)
    }

    /// Where credentials are kept unless somebody says otherwise.
    pub fn auth_file(&self) -> PathBuf {
        self.state_dir().join("auth.enc")
    }

    /// Puts a login where it is kept, as [`World::log_in`] does by way of the services.
    pub fn has_login(&self) -> Fields {
        let fields = self.login_of(&self.emulator.accounts()[0].name);
        fs::create_dir_all(self.state_dir()).expect("there is room");
        fs::write(self.auth_file(), fields.seal(KEY)).expect("there is room");
        fields
    }

    /// The login that is kept.
    #[track_caller]
    pub fn kept(&self) -> Fields {
        let file = fs::read(self.auth_file()).expect("there is a login");
        Fields::open(&file, KEY).expect("the tests' key opens it")
    }

    pub fn status(&self) -> Finished {
        self.account("status").finish()
    }

    pub fn status_as_json(&self) -> Finished {
        self.account("status").arg("--json").finish()
    }

    /// A server that runs until it is stopped, with a session from the login that is kept.
    #[track_caller]
    pub fn a_server(&self) -> Running {
        let run = self.run_with_file().sh("echo up; exec sleep 600").spawn();
        run.line("up");
        run
    }

    /// The only lease's id, and the session token in it.
    #[track_caller]
    pub fn only_lease(&self) -> (String, String) {
        // One that is being written is none yet.
        let mut leases = self.leases();
        leases.retain(|path| path.extension().is_some_and(|end| end == "json"));
        let [path] = leases.as_slice() else {
            panic!("{leases:?}");
        };
        let id = path.file_stem().expect("it has a name");
        let text = fs::read(path).expect("it is readable");
        let record: Value = serde_json::from_slice(&text).expect("it is JSON");
        let token = record["session_token"].as_str().expect("it holds a token");
        (id.to_string_lossy().into_owned(), token.to_owned())
    }

    /// The code of the login that is under way, once one is.
    #[track_caller]
    pub fn user_code(&self) -> String {
        let begun = self
            .emulator
            .wait_for(|view| !view.user_codes().is_empty(), DEADLINE);
        assert!(begun, "nobody logs in");
        self.emulator.user_codes().remove(0)
    }

    /// The whole of a login without a terminal, to which the person agrees.
    #[track_caller]
    pub fn log_in_as(&self, account: &str) -> Finished {
        let login = self.account("login").spawn();
        assert!(self.emulator.approve_as(&self.user_code(), account));
        let finished = login.wait();
        finished.code(0);
        finished
    }

    #[track_caller]
    pub fn log_in(&self) -> Finished {
        self.log_in_as(&self.emulator.accounts()[0].name)
    }
}

impl Finished {
    /// What it printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// The value in a row of the status.
    #[track_caller]
    pub fn row(&self, name: &str) -> &str {
        let start = format!("  {name:<13} ");
        let mut lines = self.stdout.lines();
        lines
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no {name:?} in\n{self}"))
    }
}

/// Options with the shortest interval that there is.
pub fn quick() -> Options {
    Options {
        device_interval: Duration::from_secs(1),
        ..Options::default()
    }
}
