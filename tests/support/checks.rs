//! `check` in a world, and what it prints.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::world::Start;
use super::{Finished, World};

/// The smallest zip archive, which holds nothing.
pub const EMPTY_ARCHIVE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What `check` asks of the session service.
pub const KEYS: &str = "GET /.well-known/jwks.json";

/// What `check` asks of the broker.
pub const HEALTH: &str = "GET /healthz";

impl World {
    pub fn check(&self) -> Start {
        self.entrypoint().arg("check")
    }

    pub fn check_with_broker(&self) -> Start {
        let url = self.emulator.broker_url();
        self.check().env("HYTALE_SESSION_TOKEN_BROKER_URL", url)
    }

    /// With this world's credentials as the only source.
    pub fn check_with_file(&self) -> Start {
        self.account("check").args(["--source", "file"])
    }

    /// A JDK of this world's own, as far as a launcher and a file `release` go.
    pub fn jdk(&self, launcher: &str, release: Option<&str>) -> PathBuf {
        let _ = fs::create_dir_all(self.path("jdk/bin"));
        self.program("jdk/bin/java", launcher);
        match release {
            Some(text) => drop(self.write("jdk/release", text)),
            None => drop(fs::remove_file(self.path("jdk/release"))),
        }
        self.path("jdk/bin/java")
    }

    /// It asked the services for nothing but this, in whatever order.
    #[track_caller]
    pub fn asked_only(&self, what: &[&str]) {
        let mut asked = self.asked();
        asked.sort_unstable();
        let mut what: Vec<_> = what.iter().map(ToString::to_string).collect();
        what.sort_unstable();
        assert_eq!(asked, what);
    }
}

impl Finished {
    /// The table holds this line.
    #[track_caller]
    pub fn shows(&self, outcome: &str, name: &str, message: &str) -> &Self {
        let line = format!("{outcome:<8} {name:<8} {message}");
        assert!(
            self.stdout.lines().any(|l| l == line),
            "no {line:?} in\n{self}"
        );
        self
    }

    /// A line of the table is about this thing, and begins so.
    #[track_caller]
    pub fn shows_of(&self, outcome: &str, name: &str) -> &Self {
        let start = format!("{outcome:<8} {name:<8} ");
        assert!(
            self.stdout.lines().any(|l| l.starts_with(&start)),
            "no {start:?} in\n{self}"
        );
        self
    }

    /// No line of the table is about this thing.
    #[track_caller]
    pub fn shows_nothing_of(&self, name: &str) -> &Self {
        let is_it = |line: &str| {
            line.get(9..)
                .is_some_and(|l| l.starts_with(&format!("{name} ")))
        };
        assert!(!self.stdout.lines().any(is_it), "{name} in\n{self}");
        self
    }

    /// What the JSON says of these things, as the table would.
    #[track_caller]
    pub fn table_of_json(&self) -> String {
        let whole = self.json();
        let mut text = String::new();
        for check in whole["checks"].as_array().expect("there are checks") {
            let word = |name: &str| check[name].as_str().unwrap_or_default();
            let outcome = match word("outcome") {
                "failed" => "FAILED",
                other => other,
            };
            text += &format!("{outcome:<8} {:<8} {}\n", word("name"), word("message"));
            if let Value::String(hint) = &check["hint"] {
                text += &format!("{:<17} hint: {hint}\n", "");
            }
        }
        text
    }

    /// No token, whole or in part, is in what it said: so begins each that the services sign.
    #[track_caller]
    pub fn tells_no_token(&self) -> &Self {
        self.never_says("eyJ")
    }
}
