//! The status file as others read it, and a server that is led through its phases.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{World, until};

/// Says where it is, and waits for a gate before each step: boots, is ready, shuts down, ends.
pub const STEP_BY_STEP: &str = "echo booting; read x <gate
    echo Hytale Server Booted!; read x <gate
    echo 'Shutdown triggered!!!'; read x <gate
    exit 3";

/// What stands in a status file; `None` while there is none. Half a file fails the test.
#[track_caller]
pub fn status_in(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    assert!(!text.contains("eyJ"), "a token: {text}");
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}")))
}

/// Waits until a status file tells this phase; all of it.
#[track_caller]
pub fn until_phase(path: &Path, phase: &str) -> Value {
    let status = || status_in(path).filter(|status| status["phase"] == phase);
    until(phase, || status().is_some());
    status().unwrap_or_else(|| panic!("{phase} did not stay"))
}

impl World {
    #[track_caller]
    pub fn until_phase(&self, phase: &str) -> Value {
        until_phase(&self.path("status.json"), phase)
    }
}
