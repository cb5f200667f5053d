//! The credential file is the server's own format: what others wrote works here, what we wrote works there, and what
//! is in it that nobody here knows is kept.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use hytale_emulator::{Profile, fingerprint};

use crate::support::World;
use crate::support::credentials::{FIXTURE_KEY, FIXTURES, Fields, KEY, REFRESH, fixture, seal};
use crate::support::not_tried;

#[test]
fn the_tests_own_reader_opens_what_pymongo_and_pyca_wrote() {
    let plain = Fields::open(&fixture("plain.enc"), FIXTURE_KEY).expect("it opens");
    let four = Fields::default()
        .with("AccessToken", "access-token-of-a-fixture")
        .with("RefreshToken", "refresh-token-of-a-fixture")
        .with("ExpiresAt", "2026-01-17T10:20:30.123456789Z")
        .with("ProfileUuid", "6f1d2c3b-4a59-4687-9abc-def012345678");
    assert_eq!(plain, four);
    let hardware = Fields::open(
        &fixture("hardware.enc"),
        "01234567-89ab-cdef-0123-456789abcdef",
    );
    assert_eq!(hardware, Some(four));
    assert_eq!(Fields::open(&fixture("wrong-key.enc"), FIXTURE_KEY), None);
    let unknown = Fields::open(&fixture("unknown.enc"), FIXTURE_KEY).expect("it opens");
    assert_eq!(
        seal(&unknown.to_bson(), FIXTURE_KEY).len(),
        fixture("unknown.enc").len()
    );
}

#[test]
fn the_fixtures_of_another_implementation_are_understood() {
    for name in ["plain.enc", "unknown.enc", "refresh-only.enc"] {
        let world = World::new();
        world.write("auth.enc", fixture(name));
        // They open, and their refresh token is sent, which no service knows.
        let finished = world
            .run_with_store_alone()
            .env("HYTALE_AUTH_KEY", FIXTURE_KEY)
            .args(["--profile", &Profile::named("default").uuid])
            .sh("echo started")
            .finish();
        finished
            .code(77)
            .says("error: no session tokens: file: the login has ended (invalid_grant)")
            .never_says("started");
        let sent = fingerprint("refresh-token-of-a-fixture");
        let requests = world.emulator.requests();
        let last = requests.last().expect("there was a request");
        assert!(last.body.contains(&sent), "{name}: {last:?}");
    }
}

#[test]
fn a_file_that_others_wrote_works_and_what_we_write_opens_there() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    world.run_with_store().sh("exit 3").finish().code(3);
    let after = world.stored();
    assert_ne!(after.access(), before.access());
    assert_ne!(after.refresh(), before.refresh());
    // What is stored is what the services gave: it works again, and nothing has to be renewed.
    world.run_with_store().sh("exit 3").finish().code(3);
    assert_eq!(world.stored(), after);
    assert_eq!(world.count(REFRESH), 1);
    world.assert_nothing_left();
}

#[test]
fn what_nobody_knows_survives_a_renewal_byte_for_byte() {
    let world = World::new();
    let login = world.login().expired();
    let mut before = Fields::open(&fixture("unknown.enc"), FIXTURE_KEY).expect("it opens");
    for name in ["AccessToken", "RefreshToken", "ExpiresAt", "ProfileUuid"] {
        before = before.with(name, login.text(name).expect("the login has it"));
    }
    world.store(&before);
    world.run_with_store().sh("exit 0").finish().code(0);
    let after = world.stored();
    assert_ne!(after.refresh(), before.refresh());
    let mut expected = before;
    for name in ["AccessToken", "RefreshToken", "ExpiresAt"] {
        expected = expected.with(name, after.text(name).expect("it is there"));
    }
    assert_eq!(after.to_bson(), expected.to_bson());
}

fn python(script: &[&str], passphrase: &str, input: &str) -> Output {
    let mut python = Command::new("python3")
        .args(script)
        .env("PASSPHRASE", passphrase)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a python3");
    let mut stdin = python.stdin.take().expect("it is a pipe");
    stdin.write_all(input.as_bytes()).expect("python3 reads");
    drop(stdin);
    python.wait_with_output().expect("it is our child")
}

#[test]
fn pymongo_and_we_open_one_anothers_files() {
    let there = Command::new("python3")
        .args(["-c", "import bson.json_util, cryptography"])
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        return not_tried(
            "reading and writing credential files with PyMongo and pyca/cryptography",
        );
    }
    let make = format!("{FIXTURES}/make.py");
    let world = World::new();
    let login = world.login().expired();
    let field = |name| login.text(name).expect("the login has it");
    let document = serde_json::json!({
        "Before": {"$date": {"$numberLong": "1768645230123"}},
        "AccessToken": field("AccessToken"),
        "RefreshToken": field("RefreshToken"),
        "ExpiresAt": field("ExpiresAt"),
        "ProfileUuid": field("ProfileUuid"),
        "After": [{"$numberInt": "1"}, {"$numberDouble": "0.5"}, null],
    });
    let path = world.path("auth.enc").display().to_string();
    let written = python(&[&make, "write", &path], KEY, &document.to_string());
    assert!(written.status.success(), "{written:?}");
    world.run_with_store().sh("exit 0").finish().code(0);
    let read = python(&[&make, "read", &path], KEY, "");
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).expect("it opens there");
    let renewed = world.stored();
    let mut expected = document;
    for name in ["AccessToken", "RefreshToken", "ExpiresAt"] {
        expected[name] = renewed.text(name).expect("it is there").into();
    }
    assert_ne!(renewed.refresh(), login.refresh());
    assert_eq!(read, expected);
}

#[test]
fn a_file_that_was_written_is_for_its_owner_alone() {
    let world = World::new();
    let path = world.store(&world.login().expired());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");
    world.run_with_store().sh("exit 0").finish().code(0);
    for name in ["auth.enc", "auth.enc.lock"] {
        let mode = fs::metadata(world.path(name)).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn nothing_else_is_left_beside_the_file() {
    let world = World::new();
    fs::create_dir(world.path("vault")).expect("there is room");
    let path = world.write("vault/auth.enc", world.login().expired().seal(KEY));
    let start = world.run_for_store().arg("--auth-file").arg(&path);
    let start = start.env("HYTALE_AUTH_KEY", KEY);
    start.sh("exit 0").finish().code(0);
    let mut names: Vec<_> = fs::read_dir(world.path("vault"))
        .expect("it is there")
        .map(|entry| entry.expect("it is there").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["auth.enc", "auth.enc.lock"]);
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let world = World::new();
    let before = world.login().expired();
    let target = world.write("elsewhere.enc", before.seal(KEY));
    symlink(&target, world.path("auth.enc")).expect("there is room");
    world.run_with_store().sh("exit 0").finish().code(0);
    assert!(world.path("auth.enc").is_symlink());
    let after = fs::read(target).expect("it is there");
    let after = Fields::open(&after, KEY).expect("the key opens it");
    assert_ne!(after.refresh(), before.refresh());
}

#[test]
fn by_default_the_file_is_in_the_state_folder() {
    let world = World::new();
    fs::create_dir(world.state_dir()).expect("there is room");
    world.write("state/auth.enc", world.login().seal(KEY));
    world
        .run()
        .env("HYTALE_AUTH_KEY", KEY)
        .sh("exit 3")
        .finish()
        .code(3)
        .says("session opened, source file");
}
