//! What a login leaves behind: credentials that the next start uses, for the account and the profile that were
//! chosen last. One that could not be kept is not begun.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hytale_emulator::{Account, Fault, Options};

use crate::support::{World, quick};

const BEGIN: &str = "/oauth2/device/auth";
const PROFILES: &str = "/my-account/get-profiles";

const SELECT: &str =
    "Next: hytale-entrypoint select NAME, with the name of one of the account's profiles";

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o7777
}

#[test]
fn the_very_next_run_opens_its_session_with_what_was_stored() {
    let world = World::of(["alpha"]);
    world.log_in();
    assert_eq!(mode(&world.auth_file()), 0o600);
    assert_eq!(mode(&world.state_dir()), 0o700);
    let logged_in = world.asked().len();
    world.run_with_file().sh("exit 5").finish().code(5);
    assert_eq!(
        world.asked()[logged_in..],
        ["POST /game-session/new", "DELETE /game-session"]
    );
    assert_eq!(world.emulator.sessions()[0].username, "alpha");
    world.assert_nothing_left();
}

#[test]
fn several_profiles_are_listed_and_the_last_line_says_select() {
    let world = World::of(["alpha", "beta"]);
    let finished = world.log_in();
    let lines: Vec<_> = finished.stdout.lines().collect();
    let [.., title, first, second, last] = lines.as_slice() else {
        panic!("{finished}");
    };
    let [alpha, beta] = &world.emulator.accounts()[0].profiles[..] else {
        panic!("there are two");
    };
    assert_eq!(*title, "Profiles of this account:");
    assert_eq!(*first, format!("   1  alpha  {}", alpha.uuid));
    assert_eq!(*second, format!("   2  beta  {}", beta.uuid));
    assert_eq!(*last, SELECT);
    world.run_with_file().sh("exit 0").finish().code(78);
}

#[test]
fn a_login_counts_also_when_the_profiles_cannot_be_listed() {
    let world = World::of(["alpha"]);
    world.emulator.fault(Fault::on(PROFILES).status(503));
    let finished = world.log_in();
    finished.says(
        "warning: cannot list the account's profiles: \
         the account service is in trouble (503): Service Unavailable",
    );
    assert_eq!(finished.stdout.lines().last(), Some(SELECT));
    world.run_with_file().sh("exit 5").finish().code(5);
}

#[test]
fn an_account_without_a_profile_is_logged_in_all_the_same() {
    let world = World::of([]);
    let finished = world.log_in();
    assert!(
        finished
            .stdout
            .contains("The account has no profile yet: make one in the game.\n"),
        "{finished}"
    );
}

#[test]
fn a_file_that_no_key_opens_is_refused_before_any_request_and_left_as_it_is() {
    let world = World::of(["alpha"]);
    world.log_in();
    let file = fs::read(world.auth_file()).expect("it is there");
    let before = world.asked().len();
    let other = world.write("other", "another-key");
    let finished = world
        .account("login")
        .arg("--auth-key-file")
        .arg(&other)
        .finish();
    finished.code(78);
    let start = format!(
        "hytale-entrypoint: error: no key opens the credential file {}: tried the key file {}",
        world.auth_file().display(),
        other.display()
    );
    // On some machines their hardware id was tried as well.
    assert!(finished.stderr.starts_with(&start), "{finished}");
    assert_eq!(world.asked().len(), before);
    assert_eq!(fs::read(world.auth_file()).ok(), Some(file));
}

#[test]
fn a_place_that_cannot_be_written_ends_the_login_before_any_request() {
    let world = World::of(["alpha"]);
    // Not even root can write there, and tests may run as root.
    let file = world.write("file", "").join("auth.enc");
    let finished = world
        .account("login")
        .arg("--auth-file")
        .arg(&file)
        .finish();
    finished.code(66);
    let start = format!(
        "hytale-entrypoint: error: cannot write the credential file {}: ",
        file.display()
    );
    assert!(finished.stderr.starts_with(&start), "{finished}");
    assert_eq!(world.asked(), Vec::<String>::new());
}

#[test]
fn a_folder_where_the_file_should_be_ends_the_login_before_any_request() {
    let world = World::of(["alpha"]);
    let folder = world.path("");
    world
        .account("login")
        .arg("--auth-file")
        .arg(&folder)
        .finish()
        .code(66)
        .says(&format!(
            "error: cannot read the credential file {}: it is not a regular file",
            fs::canonicalize(&folder).expect("it is there").display()
        ));
    assert_eq!(world.asked(), Vec::<String>::new());
}

#[test]
fn a_key_file_that_is_no_good_ends_the_login_before_any_request() {
    let world = World::of(["alpha"]);
    // One that is begun all the same waits for nobody.
    let refusal = Fault::on(BEGIN).status(401);
    world.emulator.fault(refusal.always());
    let empty = world.write("empty", "\n");
    let absent = world.path("absent");
    for (key, why) in [
        (absent, "No such file or directory (os error 2)"),
        (empty, "it is empty"),
    ] {
        world
            .account("login")
            .arg("--auth-key-file")
            .arg(&key)
            .finish()
            .code(66)
            .says(&format!(
                "error: cannot use the key file {} as a key: {why}",
                key.display()
            ));
    }
    assert_eq!(world.asked(), Vec::<String>::new());
    assert!(!world.auth_file().exists());
}

#[test]
fn a_second_login_replaces_the_first() {
    let world = World::with(Options {
        accounts: vec![Account::named("first"), Account::named("second")],
        ..quick()
    });
    world.log_in_as("first");
    world.log_in_as("second");
    world.run_with_file().sh("exit 0").finish().code(0);
    assert_eq!(world.emulator.sessions()[0].account, "second");
}

#[test]
fn a_profile_of_the_account_that_was_logged_in_before_is_not_selected_any_more() {
    let world = World::with(Options {
        accounts: vec![
            Account::named("first"),
            Account::named("second").with_profiles(["alpha", "beta"]),
        ],
        ..quick()
    });
    world.log_in_as("first");
    world.log_in_as("second");
    let finished = world.run_with_file().sh("exit 0").finish();
    finished.code(78);
    assert!(
        finished
            .stderr
            .contains("several profiles and none selected: alpha ("),
        "{finished}"
    );
}

#[test]
fn a_login_renewed_keeps_the_profile_that_was_selected() {
    let world = World::of(["alpha", "beta"]);
    world.log_in();
    world.account("select").arg("beta").finish().code(0);
    world.log_in();
    world.run_with_file().sh("exit 0").finish().code(0);
    assert_eq!(world.emulator.sessions()[0].username, "beta");
}

#[test]
fn a_login_under_way_keeps_nobody_from_the_credentials_that_there_are() {
    let world = World::of(["alpha"]);
    world.log_in();
    let login = world.account("login").spawn();
    let code = world.user_code();
    world.run_with_file().sh("exit 5").finish().code(5);
    assert!(world.emulator.deny(&code));
    login.wait().code(77);
    world.run_with_file().sh("exit 5").finish().code(5);
}

#[test]
fn a_login_is_for_one_file_at_a_time() {
    let world = World::of(["alpha"]);
    world
        .account("login")
        .args(["--auth-file", "a.enc", "--auth-file", "b.enc"])
        .finish()
        .code(64)
        .says("error: this command takes one --auth-file at a time");
    assert_eq!(world.asked(), Vec::<String>::new());
}
