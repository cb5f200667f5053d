//! `logout`: the credential file goes, and nothing else does.

use std::fs;

use crate::support::World;

#[test]
fn the_file_is_removed_and_nothing_else() {
    let world = World::of(["alpha"]);
    world.has_login();
    // A run, and somebody who has written, leave all sorts of files there.
    world.run_with_file().sh("exit 0").finish().code(0);
    world.account("select").arg("alpha").finish().code(0);
    world.write("state/auth.key", "a key that may be of use again");
    let files = || {
        let entries = fs::read_dir(world.state_dir()).expect("it is there");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let mut before = files();
    let asked = world.asked().len();
    let finished = world.account("logout").finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        format!(
            "Removed {}. At Hytale the login ends by itself, 30 days after its last use.\n",
            world.auth_file().display()
        )
    );
    assert_eq!(finished.stderr, "");
    before.retain(|name| name != "auth.enc");
    assert_eq!(files(), before);
    assert_eq!(world.asked().len(), asked);
}

#[test]
fn afterwards_nobody_is_logged_in() {
    let world = World::of(["alpha"]);
    world.has_login();
    world.account("logout").finish().code(0);
    world
        .run_with_file()
        .sh("echo started")
        .finish()
        .code(78)
        .never_says("started");
    let finished = world.account("status").finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        "No credentials: log in with hytale-entrypoint login\nNo leases\n"
    );
    world.has_login();
    world.run_with_file().sh("exit 5").finish().code(5);
}

#[test]
fn a_second_logout_finds_nothing_to_do_and_is_content() {
    let world = World::of(["alpha"]);
    world.has_login();
    world.account("logout").finish().code(0);
    let finished = world.account("logout").finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        format!("There is no {}.\n", world.auth_file().display())
    );
    assert_eq!(finished.stderr, "");
}

#[test]
fn it_needs_no_key_and_makes_no_folder() {
    let world = World::of(["alpha"]);
    world.has_login();
    world
        .account("logout")
        .args(["--auth-key-file", "not-there"])
        .finish()
        .code(0);
    assert!(!world.auth_file().exists());

    let untouched = World::new();
    untouched.account("logout").finish().code(0);
    assert!(!untouched.state_dir().exists());
}

#[test]
fn several_files_are_removed_together() {
    let world = World::of(["alpha"]);
    world.has_login();
    let second = world.path("second.enc");
    fs::copy(world.auth_file(), &second).expect("there is room");
    let absent = world.path("absent.enc");
    let finished = world
        .account("logout")
        .arg("--auth-file")
        .arg(&absent)
        .arg("--auth-file")
        .arg(world.auth_file())
        .arg("--auth-file")
        .arg(&second)
        .finish();
    finished.code(0);
    let said: Vec<_> = finished.stdout.lines().collect();
    let removed = |path: &std::path::Path| {
        format!(
            "Removed {}. At Hytale the login ends by itself, 30 days after its last use.",
            path.display()
        )
    };
    assert_eq!(
        said,
        [
            format!("There is no {}.", absent.display()),
            removed(&world.auth_file()),
            removed(&second),
        ]
    );
    assert!(!world.auth_file().exists() && !second.exists());
}
