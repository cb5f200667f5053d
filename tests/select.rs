//! `select`: the profiles that sessions are opened for, by name or UUID, checked against the account where
//! that can be done.

use std::fs;
use std::time::Duration;

use hytale_emulator::{Fault, Options, Profile};

use crate::support::{World, quick};

const PROFILES: &str = "/my-account/get-profiles";

/// Nobody waits for that long.
const MUCH_LATER: &str = "3600";

fn uuid(name: &str) -> String {
    Profile::named(name).uuid
}

/// Starts servers one after another; whose sessions they had.
#[track_caller]
fn runs(world: &World, count: usize) -> Vec<String> {
    let before = world.emulator.sessions().len();
    for _ in 0..count {
        world.run_with_file().sh("exit 0").finish().code(0);
    }
    let sessions = world.emulator.sessions();
    sessions[before..]
        .iter()
        .map(|session| session.username.clone())
        .collect()
}

#[test]
fn one_profile_is_selected_by_its_name_or_its_uuid() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    for (word, name) in [
        ("beta".to_owned(), "beta"),
        (uuid("alpha"), "alpha"),
        (uuid("beta").to_uppercase(), "beta"),
        (uuid("alpha").replace('-', ""), "alpha"),
    ] {
        let finished = world.account("select").arg(&word).finish();
        finished.code(0);
        assert_eq!(finished.stdout, format!("Selected: {}\n", uuid(name)));
        assert_eq!(finished.stderr, "");
        assert_eq!(runs(&world, 2), [name, name]);
    }
}

#[test]
fn several_are_a_pool_that_starts_take_turns_in_as_they_were_listed() {
    let world = World::of(["alpha", "beta", "gamma"]);
    world.has_login();
    let finished = world.account("select").args(["gamma", "alpha"]).finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        format!("Selected: {}, {}\n", uuid("gamma"), uuid("alpha"))
    );
    assert_eq!(
        runs(&world, 5),
        ["gamma", "alpha", "gamma", "alpha", "gamma"]
    );
    world.assert_nothing_left();
}

#[test]
fn a_new_selection_takes_the_place_of_the_old_one() {
    let world = World::of(["alpha", "beta", "gamma"]);
    world.has_login();
    let select = |words: &[&str]| {
        world.account("select").args(words).finish().code(0);
    };
    select(&["alpha", "beta"]);
    select(&["gamma"]);
    assert_eq!(runs(&world, 2), ["gamma", "gamma"]);
    select(&["beta", "alpha"]);
    let mut both = runs(&world, 2);
    both.sort();
    assert_eq!(both, ["alpha", "beta"]);
}

#[test]
fn a_name_that_is_unknown_is_refused_with_a_list_of_those_there_are() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world.account("select").arg("beta").finish().code(0);
    let file = fs::read(world.auth_file()).ok();
    let stranger = uuid("gamma");
    for words in [&["Beta"][..], &["alpha", "gamma"], &[&stranger]] {
        world
            .account("select")
            .args(words)
            .finish()
            .code(78)
            .says(&format!(
                "error: there is no profile {} in this account: it has alpha ({}), beta ({})",
                words[words.len() - 1],
                uuid("alpha"),
                uuid("beta")
            ))
            .says("hint: names are compared as they are written");
    }
    assert_eq!(fs::read(world.auth_file()).ok(), file);
    assert_eq!(runs(&world, 1), ["beta"]);
}

#[test]
fn names_from_elsewhere_cannot_steer_a_terminal() {
    let world = World::of(["al\u{1b}[31mpha", "beta"]);
    world.has_login();
    let finished = world.account("select").arg("gamma\u{1b}[2J").finish();
    finished.code(78).never_says("\u{1b}");
}

#[test]
fn uuids_are_taken_at_their_word_while_the_service_cannot_be_asked() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world
        .emulator
        .fault(Fault::on(PROFILES).status(503).retry_after(MUCH_LATER));
    world
        .account("select")
        .args([uuid("beta"), uuid("alpha")])
        .finish()
        .code(0)
        .says(
            "warning: cannot compare with the account's profiles: \
             the account service is in trouble (503): Service Unavailable",
        );
    assert_eq!(runs(&world, 2), ["beta", "alpha"]);
}

#[test]
fn a_name_means_nothing_while_the_service_cannot_be_asked() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    let file = fs::read(world.auth_file()).ok();
    world
        .emulator
        .fault(Fault::on(PROFILES).status(503).retry_after(MUCH_LATER));
    world
        .account("select")
        .args(["beta", &uuid("alpha")])
        .finish()
        .code(69)
        .says("error: the account service is in trouble (503): Service Unavailable");
    assert_eq!(fs::read(world.auth_file()).ok(), file);
}

#[test]
fn trouble_that_passes_is_waited_out() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    let asked = world.emulator.count("GET", PROFILES);
    for fault in [
        Fault::on(PROFILES).status(503),
        Fault::on(PROFILES).drop_before(),
        Fault::on(PROFILES).garbage(),
    ] {
        world.emulator.fault(fault);
    }
    world.account("select").arg("beta").finish().code(0);
    assert_eq!(world.emulator.count("GET", PROFILES), asked + 4);
}

#[test]
fn an_access_token_near_its_end_is_renewed_and_stored_first() {
    let world = World::with(Options {
        access_ttl: Duration::from_secs(200),
        ..quick()
    });
    world.has_login();
    let before = world.asked().len();
    world.account("select").arg("default").finish().code(0);
    assert_eq!(
        world.asked()[before..],
        ["POST /oauth2/token", "GET /my-account/get-profiles"]
    );
    // Had the new refresh token not been stored, this would be a reuse of the old one.
    world.account("select").arg("default").finish().code(0);
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn an_access_token_that_was_revoked_is_renewed_once() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world.emulator.revoke_access("owner");
    world.account("select").arg("beta").finish().code(0);
    assert_eq!(runs(&world, 1), ["beta"]);
}

#[test]
fn a_login_that_has_ended_says_so_with_77() {
    let world = World::with(Options {
        access_ttl: Duration::from_secs(200),
        ..quick()
    });
    world.has_login();
    world.emulator.revoke("default");
    world
        .account("select")
        .arg("default")
        .finish()
        .code(77)
        .says("error: the login has ended (invalid_grant)")
        .says("hint: log in again: hytale-entrypoint login");
    assert_eq!(world.emulator.count("POST", "/oauth2/token"), 1);
}

#[test]
fn without_a_login_there_is_nothing_to_select_for() {
    let world = World::of(["alpha"]);
    world
        .account("select")
        .arg("alpha")
        .finish()
        .code(78)
        .says(&format!(
            "error: nobody has logged in: there is no {}",
            world.auth_file().display()
        ))
        .says("hint: log in with hytale-entrypoint login, or give --auth-file");
    assert!(!world.state_dir().exists());
    assert_eq!(world.asked(), Vec::<String>::new());
}

#[test]
fn a_file_that_no_key_opens_is_left_as_it_is() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    let file = fs::read(world.auth_file()).ok();
    let before = world.asked().len();
    let other = world.write("other", "another-key");
    // A UUID needs no service, but it needs the file.
    for word in ["beta", &uuid("beta")] {
        let finished = world
            .account("select")
            .arg("--auth-key-file")
            .arg(&other)
            .arg(word)
            .finish();
        finished.code(78);
        assert!(
            finished
                .stderr
                .contains("error: no key opens the credential file "),
            "{finished}"
        );
    }
    assert_eq!(fs::read(world.auth_file()).ok(), file);
    assert_eq!(world.asked().len(), before);
}

#[test]
fn no_profile_or_several_files_are_a_usage_error() {
    let world = World::of(["alpha"]);
    world.account("select").finish().code(64);
    world
        .account("select")
        .args(["alpha", "--auth-file", "a.enc", "--auth-file", "b.enc"])
        .finish()
        .code(64)
        .says("error: this command takes one --auth-file at a time")
        .says("hint: run it once for each");
}
