//! `import`: a login that the server made becomes ours, whatever its key, and nothing of either side is lost.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::support::account::quick;
use crate::support::credentials::{Fields, KEY};
use crate::support::{DEADLINE, Finished, World};

const NOT_OURS: &str = "a key that is not ours";

/// The server's file in the server's folder, under this passphrase.
fn server_file(world: &World, fields: &Fields, passphrase: &str) -> PathBuf {
    fs::create_dir_all(world.path("server")).expect("there is room");
    world.write("server/auth.enc", fields.seal(passphrase))
}

fn login(world: &World) -> Fields {
    world.login_of(&world.emulator.accounts()[0].name)
}

#[track_caller]
fn warns_that_it_must_go(finished: &Finished, file: &Path) {
    finished
        .says(&format!(
            "warning: {} must go: whoever of two holders of one login renews it second logs both out",
            file.display()
        ))
        .says("hint: remove it, and take AuthCredentialStore out of the server's config.json");
}

#[test]
fn a_file_under_any_key_that_there_is_becomes_ours_under_our_own() {
    for (passphrase, variable, beside) in [
        (KEY, "", None),
        ("  with spaces  ", "  with spaces  ", None),
        (NOT_OURS, "", Some(format!("{NOT_OURS}\n"))),
        (NOT_OURS, "of no use", Some(NOT_OURS.to_owned())),
    ] {
        let world = World::of(["alpha"]);
        let fields = login(&world).with("FromTheServer", "stays");
        let file = server_file(&world, &fields, passphrase);
        if let Some(key) = beside {
            world.write("server/auth.key", key);
        }
        let before = fs::read(&file).ok();
        let finished = world
            .account("import")
            .arg(&file)
            .env("HYTALE_AUTH_KEY", variable)
            .args(["--log-level", "debug"])
            .finish();
        finished.code(0).never_says("ory_").never_says(passphrase);
        assert_eq!(
            finished.stdout,
            format!(
                "The credentials are in {}, encrypted with the key file {}.\n",
                world.auth_file().display(),
                world.path("key").display()
            )
        );
        warns_that_it_must_go(&finished, &file);
        assert_eq!(world.kept(), fields);
        assert_eq!(fs::read(&file).ok(), before, "the server's own file");
        let metadata = fs::metadata(world.auth_file()).expect("it is there");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
        world.run_with_file().sh("exit 5").finish().code(5);
    }
}

#[test]
fn nobody_is_asked_and_the_next_run_takes_it_from_there() {
    let world = World::with(quick());
    let file = server_file(&world, &login(&world).expired(), KEY);
    world.account("import").arg(&file).finish().code(0);
    assert_eq!(world.asked(), Vec::<String>::new());
    fs::remove_dir_all(world.path("server")).expect("it is there");
    world.run_with_file().sh("exit 5").finish().code(5);
    assert_eq!(world.emulator.incidents(), 0);
}

#[test]
fn where_there_are_credentials_already_it_is_refused() {
    let world = World::of(["alpha"]);
    let ours = world.has_login();
    let before = fs::read(world.auth_file()).ok();
    let file = server_file(&world, &login(&world), KEY);
    world
        .account("import")
        .arg(&file)
        .finish()
        .code(78)
        .says(&format!(
            "error: there are credentials in {} already",
            world.auth_file().display()
        ))
        .says("hint: log out first, or give another --auth-file")
        .never_says("must go");
    assert_eq!(fs::read(world.auth_file()).ok(), before);
    assert_eq!(world.kept(), ours);

    let other = world.path("other.enc");
    world
        .account("import")
        .arg(&file)
        .arg("--auth-file")
        .arg(&other)
        .finish()
        .code(0);
    assert!(other.exists());
}

#[test]
fn credentials_that_no_key_opens_are_credentials_too() {
    let world = World::of(["alpha"]);
    fs::create_dir_all(world.state_dir()).expect("there is room");
    fs::write(world.auth_file(), [7; 100]).expect("there is room");
    let file = server_file(&world, &login(&world), KEY);
    world.account("import").arg(&file).finish().code(78);
    assert_eq!(fs::read(world.auth_file()).ok(), Some(vec![7; 100]));
}

#[test]
fn a_file_that_is_ours_by_its_place_gets_our_key_and_may_stay() {
    let world = World::of(["alpha"]);
    let fields = world.has_login().with("FromTheServer", "stays");
    fs::write(world.auth_file(), fields.seal(NOT_OURS)).expect("it is writable");
    let link = world.path("link.enc");
    std::os::unix::fs::symlink(world.auth_file(), &link).expect("there is room");
    for name in [world.auth_file(), link] {
        let finished = world
            .account("import")
            .arg(&name)
            .env("HYTALE_AUTH_KEY", NOT_OURS)
            .finish();
        finished.code(0);
        assert_eq!(finished.stderr, "");
        assert_eq!(world.kept(), fields);
    }
}

#[test]
fn in_place_it_undoes_nothing_that_happened_while_it_waited() {
    let world = World::of(["alpha"]);
    world.has_login();
    let path = world.state_dir().join("auth.enc.lock");
    let lock = File::create(&path).expect("there is room");
    lock.lock().expect("nobody else holds it");
    let watch = Inotify::init(InitFlags::IN_CLOEXEC).expect("there are descriptors");
    watch
        .add_watch(&path, AddWatchFlags::IN_OPEN)
        .expect("it is there");
    let import = world.account("import").arg(world.auth_file()).spawn();
    let mut opened = [PollFd::new(
        std::os::fd::AsFd::as_fd(&watch),
        PollFlags::POLLIN,
    )];
    let deadline = PollTimeout::try_from(DEADLINE).expect("it fits");
    assert_eq!(poll(&mut opened, deadline), Ok(1), "it takes no lock");

    // Whoever holds the lock renews the login, and the old refresh token is spent.
    let renewed = login(&world);
    fs::write(world.auth_file(), renewed.seal(KEY)).expect("it is writable");
    drop(lock);
    import.wait().code(0);
    assert_eq!(world.kept(), renewed);
}

#[test]
fn a_file_that_is_not_there_ends_it_with_66() {
    let world = World::of(["alpha"]);
    world
        .account("import")
        .arg("not-there.enc")
        .finish()
        .code(66)
        .says(
            "error: cannot read the credential file not-there.enc: \
             No such file or directory (os error 2)",
        );
    assert!(!world.auth_file().exists());
}

#[test]
fn what_cannot_be_understood_ends_it_with_78_and_stores_nothing() {
    let world = World::of(["alpha"]);
    let whole = login(&world).seal(KEY);
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    let locked = "no key opens the credential file";
    for (content, words) in [
        (Vec::new(), "is empty"),
        (whole[..whole.len() - 1].to_vec(), locked),
        (whole[..11].to_vec(), locked),
        (flipped, locked),
        (login(&world).seal(NOT_OURS), locked),
        (
            crate::support::credentials::seal(b"no BSON", KEY),
            "holds no credentials",
        ),
    ] {
        let file = world.write("server.enc", &content);
        let finished = world.account("import").arg(&file).finish();
        finished.code(78);
        assert!(finished.stderr.contains(words), "{words}: {finished}");
        assert!(!world.auth_file().exists());
        assert_eq!(fs::read(&file).ok(), Some(content));
    }
}

#[test]
fn a_file_without_a_refresh_token_is_no_login() {
    let world = World::of(["alpha"]);
    let fields = login(&world).without("RefreshToken");
    let file = server_file(&world, &fields, KEY);
    world
        .account("import")
        .arg(&file)
        .finish()
        .code(77)
        .says(&format!(
            "error: the credential file {} holds no login",
            file.display()
        ))
        .says("hint: log in again: hytale-entrypoint login");
    assert!(!world.auth_file().exists());
}

#[test]
fn without_a_file_it_is_a_usage_error() {
    let world = World::of(["alpha"]);
    world.account("import").finish().code(64);
    world
        .account("import")
        .arg(server_file(&world, &login(&world), KEY))
        .args(["--auth-file", "a.enc", "--auth-file", "b.enc"])
        .finish()
        .code(64);
}
