//! Leases: on disk before the server lives, for nobody but their owner, and gone with their session.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use serde_json::Value;

use crate::support::{World, processes, until};

const SLEEPING: &str = "echo server=$$; exec sleep 60";

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn the_lease_is_there_before_the_server_starts_and_struck_after_its_end() {
    let world = World::new();
    let run = world
        .run_with_broker()
        .sh(r#"echo "lease: $(cat "$1"/leases/*.json)"; exec sleep 60"#)
        .arg("sh")
        .arg(world.state_dir())
        .spawn();
    let seen = run.line("lease: ");
    let lease: Value = serde_json::from_str(seen.trim_start_matches("lease: ")).unwrap();
    let token = lease["session_token"]
        .as_str()
        .expect("a lease frees its session");
    let session = &world.emulator.sessions()[0];
    assert_eq!(hytale_emulator::fingerprint(token), session.newest_token);
    assert!(lease["version"].is_u64(), "a version");
    assert_eq!(world.leases().len(), 1);
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn tokens_from_the_environment_get_a_lease_too() {
    let world = World::new();
    let run = world.run().tokens(&world.mint()).sh(SLEEPING).spawn();
    run.process("server");
    assert_eq!(world.leases().len(), 1);
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn every_file_and_folder_that_is_made_is_for_its_owner_alone() {
    let world = World::new();
    let state = world.path("a/b");
    let run = world
        .run_with_broker()
        .arg("--state-dir")
        .arg(&state)
        .sh(SLEEPING)
        .after("umask 0")
        .spawn();
    run.process("server");
    for folder in ["a", "a/b", "a/b/leases"] {
        assert_eq!(mode(&world.path(folder)), 0o700, "{folder}");
    }
    let files = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect()
    };
    let leases = files(&state.join("leases"));
    assert_eq!(leases.len(), 1);
    assert_eq!(mode(&leases[0]), 0o600);
    run.signal(SIGTERM);
    run.wait().code(143);
    for file in files(&state) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_state_folder_that_cannot_be_made_is_a_warning_and_no_failure() {
    let world = World::new();
    let below_a_file = world.write("file", "").join("state");
    let start = world
        .run_with_broker()
        .arg("--state-dir")
        .arg(&below_a_file);
    start.sh("exit 3").finish().code(3).says("session released").says(&format!(
        "warning: cannot use the state folder {}: Not a directory (os error 20); a session is not freed when this \
         process is killed",
        below_a_file.display()
    ));
    world.assert_nothing_left();
}

#[test]
fn a_state_folder_that_others_can_write_to_is_warned_about() {
    let world = World::new();
    fs::create_dir(world.state_dir()).unwrap();
    let warning = format!(
        "warning: others can write to the state folder {}",
        world.state_dir().display()
    );
    for (mode, warned) in [
        (0o700, false),
        (0o755, false),
        (0o775, true),
        (0o1777, true),
    ] {
        world.set_mode("state", mode);
        let finished = world.run_with_broker().sh("exit 3").finish();
        finished.code(3);
        assert_eq!(
            finished.stderr.contains(&warning),
            warned,
            "{mode:o}: {finished}"
        );
    }
    world.assert_nothing_left();
}

#[test]
fn a_wrapper_that_is_killed_leaves_its_lease() {
    let world = World::new();
    let run = world.run_with_broker().sh(SLEEPING).spawn();
    let server = run.process("server");
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    until("the server ends with its wrapper", || {
        !processes::lives(server)
    });
    assert_eq!((world.emulator.live(), world.leases().len()), (1, 1));
    assert_eq!(mode(&world.leases()[0]), 0o600);
}

#[test]
fn two_servers_share_a_state_folder() {
    let world = World::new();
    let runs = [(); 2].map(|()| world.run_with_broker().sh(SLEEPING).spawn());
    for run in &runs {
        run.process("server");
    }
    assert_eq!(world.leases().len(), 2);
    for run in runs {
        run.signal(SIGTERM);
        run.wait().code(143);
    }
    world.assert_nothing_left();
}
