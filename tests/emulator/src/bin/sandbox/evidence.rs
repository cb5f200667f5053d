//! What can be seen from outside: the slots, the lease, what the server was given and what `ps` shows of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hytale_emulator::{Emulator, fingerprint};
use serde::Deserialize;

use crate::setup::Setup;
use crate::stage::Stage;

/// What the stand-in says of itself.
#[derive(Debug, Deserialize)]
struct Report {
    pid: u32,
    argv: Vec<String>,
    environment: Vec<String>,
}

impl Report {
    fn argument(&self, option: &str) -> Option<&str> {
        let at = self.argv.iter().position(|argument| argument == option)?;
        self.argv.get(at + 1).map(String::as_str)
    }
}

pub(crate) fn while_it_runs(
    stage: &mut Stage,
    emulator: &Emulator,
    setup: &Setup,
) -> io::Result<()> {
    let report: Report = serde_json::from_slice(&fs::read(setup.report())?)?;
    stage.say("The server is up. What can be seen of it:");
    stage.promise(emulator.live() == 1, "one session slot is in use");
    promise_a_lease(stage, setup)?;

    let session = report.argument("--session-token").unwrap_or_default();
    let identity = report.argument("--identity-token").unwrap_or_default();
    let minted = emulator
        .sessions()
        .iter()
        .any(|minted| minted.newest_token == fingerprint(session));
    stage.promise(
        minted && !identity.is_empty(),
        "main() was given the broker's tokens: --session-token eyJ… --identity-token eyJ…",
    );
    let command_line = fs::read(format!("/proc/{}/cmdline", report.pid))?;
    let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
    let command_line = command_line.trim_end();
    match command_line.contains(session) || command_line.contains(identity) {
        false => stage.promise(
            true,
            format_args!("all that `ps` shows of it: {command_line}"),
        ),
        true => stage.promise(false, "`ps` does not show them"),
    }
    let secret = |name: &String| {
        name.starts_with("HYTALE_ENTRYPOINT_") || name.starts_with("HYTALE_SESSION_TOKEN_BROKER_")
    };
    stage.promise(
        !report.environment.iter().any(secret),
        "its environment holds nothing of the wrapper's, such as the password for the broker",
    );
    Ok(())
}

pub(crate) fn when_it_is_over(
    stage: &mut Stage,
    emulator: &Emulator,
    setup: &Setup,
) -> io::Result<()> {
    stage.promise(emulator.live() == 0, "no session slot is in use");
    stage.promise(
        leases(setup)?.is_empty(),
        "the lease is gone: nothing is left to be freed",
    );
    Ok(())
}

fn promise_a_lease(stage: &mut Stage, setup: &Setup) -> io::Result<()> {
    let leases = leases(setup)?;
    let [lease] = leases.as_slice() else {
        stage.promise(
            false,
            "there is one lease, to free the slot by if the wrapper is killed",
        );
        return Ok(());
    };
    stage.promise(
        fs::metadata(lease)?.permissions().mode() & 0o077 == 0,
        format_args!(
            "a lease, for its owner's eyes only, to free the slot by if the wrapper is killed: {}",
            lease.display()
        ),
    );
    Ok(())
}

fn leases(setup: &Setup) -> io::Result<Vec<PathBuf>> {
    let folder = setup.state().join("leases");
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
