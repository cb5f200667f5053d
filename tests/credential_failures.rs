//! A credential file that leads to no session: an exit code that says whether a restart helps, words that say what to do,
//! and a file that is left exactly as it is.

use std::fs;
use std::path::PathBuf;

use hytale_emulator::{Account, Mint, Options, Profile, Slots};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::credentials::{Fields, KEY, seal};
use crate::support::world::Start;
use crate::support::{Finished, World};

const READ_HINT: &str =
    "check that it is a file that this user may read, or give another --auth-file";
const KEY_HINT: &str = "check the file that --auth-key-file or HYTALE_AUTH_KEY_FILE names";
const LOCKED_HINT: &str = "give the key it was written with (--auth-key-file, HYTALE_AUTH_KEY, or auth.key beside it); \
     if that is lost, move the file away and log in again. It is left as it is";
const BROKEN_HINT: &str =
    "restore it from a backup, or move it away and log in again. It is left as it is";
const LOGIN_HINT: &str = "log in again: hytale-entrypoint login";

fn account(account: Account) -> World {
    World::with(Options {
        accounts: vec![account],
        ..Options::default()
    })
}

/// The end of a run that was to fail, with exactly this to say.
#[track_caller]
fn fails(finished: &Finished, code: i32, error: &str, hint: &str) {
    finished.code(code).never_says("started");
    // Whether the machine has an id is not ours to say.
    let said = finished.stderr.replace(", the hardware id\n", "\n");
    let lines = format!(
        "hytale-entrypoint: error: no session tokens: file: {error}\nhytale-entrypoint: hint: {hint}\n"
    );
    assert!(said.contains(&lines), "no {lines:?} in\n{finished}");
}

/// A run with a file that cannot be read: it fails so, asks nobody for anything, and leaves the file alone.
#[track_caller]
fn unreadable(world: &World, start: Start, code: i32, error: &str, hint: &str) {
    let before = fs::read(world.path("auth.enc")).ok();
    let finished = start.sh("echo started").finish();
    fails(&finished, code, error, hint);
    assert_eq!(fs::read(world.path("auth.enc")).ok(), before);
    assert_eq!(world.asked(), Vec::<String>::new());
}

/// The same for a file that opens, but leads nowhere.
#[track_caller]
fn useless(world: &World, start: Start, code: i32, error: &str, hint: &str) {
    let (file, fields) = (world.file(), world.stored());
    let finished = start.sh("echo started").finish();
    fails(&finished, code, error, hint);
    assert!(world.file() == file, "the file is another now");
    for token in ["AccessToken", "RefreshToken"] {
        if let Some(token) = fields.text(token).filter(|token| !token.is_empty()) {
            finished.never_says(token);
        }
    }
}

#[test]
fn a_wrong_key_ends_with_78_and_the_list_of_what_was_tried() {
    let world = World::new();
    world.write("auth.enc", world.login().seal("another passphrase"));
    world.write("auth.key", "beside");
    let start = world
        .run_with_store()
        .env("HYTALE_AUTH_KEY", "the variable's");
    let path = world.real_path();
    let error = format!(
        "no key opens the credential file {path}: tried the key file {}, HYTALE_AUTH_KEY, {}",
        world.path("key-file").display(),
        path.replace(".enc", ".key"),
    );
    unreadable(&world, start, 78, &error, LOCKED_HINT);
}

#[test]
fn a_damaged_file_ends_with_78() {
    let world = World::new();
    let whole = world.login().seal(KEY);
    let flipped = |at: usize| {
        let mut file = whole.clone();
        file[at] ^= 1;
        file
    };
    let damaged = [
        flipped(0),
        flipped(12),
        flipped(whole.len() - 1),
        whole[..whole.len() - 1].to_vec(),
        whole[..20].to_vec(),
        whole[..11].to_vec(),
        whole[..1].to_vec(),
        [whole.as_slice(), b"\n"].concat(),
        [0; 28].to_vec(),
    ];
    let error = format!(
        "no key opens the credential file {}: tried the key file {}",
        world.real_path(),
        world.path("key-file").display()
    );
    for file in damaged {
        world.write("auth.enc", file);
        unreadable(&world, world.run_with_store(), 78, &error, LOCKED_HINT);
    }
}

#[test]
fn an_empty_file_ends_with_78() {
    let world = World::new();
    world.write("auth.enc", "");
    let error = format!("the credential file {} is empty", world.real_path());
    unreadable(&world, world.run_with_store(), 78, &error, BROKEN_HINT);
}

#[test]
fn a_file_that_opens_and_holds_no_document_ends_with_78() {
    let world = World::new();
    let error = format!(
        "the credential file {} is encrypted with the right key, and yet holds no credentials",
        world.real_path()
    );
    for text in [b"".as_slice(), b"{}", b"\x05\0\0\0", b"\x06\0\0\0\x01\0"] {
        world.write("auth.enc", seal(text, KEY));
        unreadable(&world, world.run_with_store(), 78, &error, BROKEN_HINT);
    }
}

#[test]
fn what_is_no_file_ends_with_66() {
    let world = World::new();
    let error = format!(
        "cannot read the credential file {}: it is not a regular file",
        world.real_path()
    );
    mkfifo(&world.path("auth.enc"), Mode::S_IRWXU).expect("there is room");
    // Looked at here, it would block for ever.
    let finished = world.run_with_store().sh("echo started").finish();
    fails(&finished, 66, &error, READ_HINT);
    fs::remove_file(world.path("auth.enc")).expect("it is still there");
    fs::create_dir(world.path("auth.enc")).expect("there is room");
    unreadable(&world, world.run_with_store(), 66, &error, READ_HINT);
}

#[test]
fn a_file_that_is_far_too_long_ends_with_66() {
    let world = World::new();
    world.write("auth.enc", vec![7; 64 * 1024 + 1]);
    let error = format!(
        "cannot read the credential file {}: it is longer than 64 KiB",
        world.real_path()
    );
    unreadable(&world, world.run_with_store(), 66, &error, READ_HINT);
}

#[test]
fn a_file_that_was_named_and_is_not_there_ends_with_66() {
    let world = World::new();
    let error = format!(
        "cannot read the credential file {}: No such file or directory (os error 2)",
        world.path("auth.enc").display()
    );
    unreadable(&world, world.run_with_store(), 66, &error, READ_HINT);
    assert!(!world.path("auth.enc").exists());
}

#[test]
fn a_file_that_nobody_named_and_is_not_there_is_no_source() {
    let world = World::new();
    world
        .run()
        .args(["--source", "file"])
        .sh("echo started")
        .finish()
        .code(78)
        .says("error: no source of session tokens is configured")
        .never_says("started");
    assert!(!world.state_dir().join("auth.enc").exists());
}

#[test]
fn a_key_file_that_is_no_good_ends_with_66() {
    let world = World::new();
    world.store(&world.login());
    let with = |path: &PathBuf| {
        world
            .run_with_store_alone()
            .arg("--auth-key-file")
            .arg(path)
    };
    let path = world.path("no-key");
    let error = |why: &str| format!("cannot use the key file {} as a key: {why}", path.display());
    let missing = error("No such file or directory (os error 2)");
    unreadable(&world, with(&path), 66, &missing, KEY_HINT);
    world.write("no-key", " \n");
    unreadable(&world, with(&path), 66, &error("it is empty"), KEY_HINT);
    fs::remove_file(&path).expect("it is there");
    mkfifo(&path, Mode::S_IRWXU).expect("there is room");
    let fifo = error("it is not a regular file");
    unreadable(&world, with(&path), 66, &fifo, KEY_HINT);
}

#[test]
fn a_login_that_was_revoked_ends_with_77() {
    let world = World::new();
    let error = "the login has ended (invalid_grant)";
    for stored in [world.login(), world.login().expired()] {
        world.store(&stored);
        world.emulator.revoke("default");
        useless(&world, world.run_with_store(), 77, error, LOGIN_HINT);
    }
}

#[test]
fn a_file_without_a_login_ends_with_77() {
    let world = World::new();
    let only = Fields::default().with("ProfileUuid", &Profile::named("default").uuid);
    for fields in [only.clone(), only.with("RefreshToken", "")] {
        world.store(&fields);
        let error = format!("the credential file {} holds no login", world.real_path());
        useless(&world, world.run_with_store(), 77, &error, LOGIN_HINT);
        assert_eq!(world.asked(), Vec::<String>::new());
    }
}

#[test]
fn several_profiles_and_none_selected_end_with_78_and_their_list() {
    let world = account(Account::named("default").with_profiles(["north", "south"]));
    world.store(&world.login());
    let profile = |name| format!("{name} ({})", Profile::named(name).uuid);
    let error = format!(
        "several profiles and none selected: {}, {}",
        profile("north"),
        profile("south")
    );
    useless(
        &world,
        world.run_with_store(),
        78,
        &error,
        "choose once with hytale-entrypoint select NAME, or at every start with --profile UUID",
    );
    assert_eq!(world.emulator.sessions().len(), 0);
}

#[test]
fn a_profile_that_the_account_does_not_have_ends_with_78() {
    let world = World::new();
    world.store(&world.login());
    let stranger = Profile::named("stranger").uuid;
    useless(
        &world,
        world.run_with_store().args(["--profile", &stranger]),
        78,
        &format!("there is no profile {stranger} in this account: profile not found"),
        "see the account's profiles with hytale-entrypoint status, and choose with select or --profile",
    );
}

#[test]
fn an_account_without_a_profile_ends_with_78() {
    let world = account(Account::named("default").with_profiles([]));
    world.store(&world.login());
    useless(
        &world,
        world.run_with_store(),
        78,
        "the account has no profile",
        "make a profile in the game first",
    );
}

#[test]
fn an_account_whose_slots_are_all_taken_ends_with_75() {
    let world = account(Account::named("default").with_slots(Slots::Limit(1)));
    world.store(&world.login());
    let _taken = world.emulator.mint(&Mint::default());
    useless(
        &world,
        world.run_with_store(),
        75,
        "no session slot is free: session limit reached",
        "stop a server of this account, or wait until a session that nobody freed expires (an hour)",
    );
    assert_eq!(world.emulator.live(), 1);
}
