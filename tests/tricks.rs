//! What else may lie where the wrapper's files are, or where it reads: links, FIFOs, devices. Nothing is written through
//! a link, nothing is waited for, nothing is read without end; and all that it makes is its own, whatever the umask.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal::SIGTERM;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::conditions::each;
use crate::support::credentials::KEY;
use crate::support::servers::UP;
use crate::support::world::{Start, stand_in_jar};
use crate::support::{Finished, World, not_tried};

/// What may have the name of a file and is none.
#[derive(Clone, Copy, Debug)]
enum Trick {
    Fifo,
    LinkToAFifo,
    LinkToAFile,
    LinkToNowhere,
    LinkToZeroes,
    LinkToItself,
    Folder,
}

const TRICKS: [Trick; 7] = [
    Trick::Fifo,
    Trick::LinkToAFifo,
    Trick::LinkToAFile,
    Trick::LinkToNowhere,
    Trick::LinkToZeroes,
    Trick::LinkToItself,
    Trick::Folder,
];

const UNTOUCHED: &str = "somebody else's";

impl Trick {
    /// Plays it at a path in the world's folder.
    fn play(self, world: &World, path: &Path) {
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("there is room");
        let victim = world.write("victim", UNTOUCHED);
        let fifo = world.path("a-fifo");
        let at = |target: &Path| symlink(target, path).expect("there is room");
        match self {
            Self::Fifo => mkfifo(path, Mode::S_IRWXU).expect("there is room"),
            Self::LinkToAFifo => {
                mkfifo(&fifo, Mode::S_IRWXU).expect("there is room");
                at(&fifo);
            }
            Self::LinkToAFile => at(&victim),
            Self::LinkToNowhere => at(&world.path("made")),
            Self::LinkToZeroes => at(Path::new("/dev/zero")),
            Self::LinkToItself => at(path),
            Self::Folder => fs::create_dir(path).expect("there is room"),
        }
    }
}

/// Nobody has written to what the links lead to.
#[track_caller]
fn nothing_was_written_elsewhere(world: &World) {
    let victim = fs::read_to_string(world.path("victim")).expect("it is there");
    assert_eq!(victim, UNTOUCHED);
    assert!(!world.path("made").exists(), "a file was made elsewhere");
}

/// A way to start it whose files are played with, and how it may end: not how the trick ends.
fn each_trick(name: &str, run: impl Fn(&World) -> Finished + Sync) {
    each(TRICKS, 7, |&trick| {
        let world = World::new();
        trick.play(&world, &world.path(name));
        let finished = run(&world);
        nothing_was_written_elsewhere(&world);
        assert_eq!(world.emulator.live(), 0, "{finished}");
        finished.never_says("eyJ").never_says(UNTOUCHED);
    });
}

/// A start with a limit on memory: what is read without end ends there.
fn limited(start: Start) -> Start {
    start.sh("exit 3").after("ulimit -d 20480")
}

#[test]
fn tricks_in_the_state_folder_keep_no_server_from_its_session() {
    for name in [
        "state/leases/.new-x",
        "state/leases/x.json",
        "state/released",
        "state/released.lock",
    ] {
        each_trick(name, |world| {
            let finished = limited(world.run_with_broker()).finish();
            finished.code(3).says("session released");
            finished
        });
    }
}

#[test]
fn a_folder_for_leases_that_is_somewhere_else_is_not_used() {
    each_trick("state/leases", |world| {
        let leases = world.path("state/leases");
        let finished = limited(world.run_with_broker()).finish();
        finished.code(3).says("session released");
        if !leases.is_dir() || leases.is_symlink() {
            assert!(
                finished
                    .stderr
                    .contains("warning: cannot use the state folder"),
                "{finished}"
            );
        }
        finished
    });
    let world = World::new();
    fs::create_dir_all(world.path("elsewhere")).expect("there is room");
    fs::create_dir_all(world.state_dir()).expect("there is room");
    symlink(world.path("elsewhere"), world.path("state/leases")).expect("there is room");
    let run = world.run_with_broker().sh(UP).spawn();
    run.line("up");
    assert_eq!(
        fs::read_dir(world.path("elsewhere"))
            .expect("it is there")
            .count(),
        0
    );
    run.signal(SIGTERM);
    let says = format!(
        "warning: cannot use the state folder {}: leases in it is a link, and is not followed; \
         a session is not freed when this process is killed",
        world.state_dir().display()
    );
    run.wait().code(143).says(&says);
}

#[test]
fn tricks_around_a_login_end_in_an_error_or_in_nothing() {
    for name in [
        "auth.enc.lock",
        "auth.enc",
        "auth.key",
        "state/turn",
        "key-file",
    ] {
        each_trick(name, |world| {
            let fields = world.login().expired();
            if name != "auth.enc" {
                world.store(&fields);
            }
            let start = world.run_with_store_alone();
            let start = match name {
                // No `run_with_store`, which would write it.
                "key-file" => start.arg("--auth-key-file").arg(world.path(name)),
                _ => start.env("HYTALE_AUTH_KEY", KEY),
            };
            // Two profiles, so that there is a turn to be taken.
            let profile = &world.emulator.accounts()[0].profiles[0].uuid;
            let finished =
                limited(start.args(["--profile", &format!("{profile},{profile}")])).finish();
            match name {
                ".new-x" | "auth.key" | "state/turn" => finished.code(3),
                "auth.enc.lock" => finished.code(66),
                _ => {
                    let code = finished.status.code();
                    assert!(matches!(code, Some(66 | 78)), "{finished}");
                    &finished
                }
            };
            // A refresh token is not spent on what cannot be kept.
            let refreshed = world.emulator.count("POST", "/oauth2/token");
            assert_eq!(refreshed, usize::from(finished.status.code() == Some(3)));
            finished
        });
    }
}

#[test]
fn a_lock_that_is_a_link_is_named_in_the_error() {
    let world = World::new();
    world.store(&world.login().expired());
    symlink(world.path("made"), world.path("auth.enc.lock")).expect("there is room");
    let finished = world.run_with_store().sh("exit 3").finish();
    let path = world.real_path();
    finished.code(66).says(&format!(
        "error: no session tokens: file: cannot write the credential file {path}: cannot open {path}.lock: \
         it is a link, and is not followed"
    ));
}

#[test]
fn tricks_in_the_place_of_a_bearer_cost_no_request() {
    each_trick("bearer", |world| {
        let start = world.run_with_broker().arg("--broker-token-file");
        let finished = limited(start.arg(world.path("bearer"))).finish();
        // A link to a file is how secrets are mounted.
        let is_file = fs::metadata(world.path("bearer")).is_ok_and(|bearer| bearer.is_file());
        finished.code(if is_file { 78 } else { 66 });
        assert!(world.emulator.requests().is_empty());
        finished
    });
}

#[test]
fn tricks_where_the_status_file_is_cost_the_status_alone() {
    each_trick("status.json", |world| {
        let health = world
            .entrypoint()
            .arg("health")
            .after("ulimit -d 20480")
            .finish();
        health.code(1);
        assert!(health.stdout.contains("not ready: "), "{health}");
        let finished = limited(world.run_with_broker()).finish();
        finished.code(3);
        finished
    });
}

#[test]
fn tricks_in_the_servers_folder_hold_nobody_up() {
    each_trick("config.json", |world| {
        let finished = limited(world.run_with_broker()).finish();
        finished.code(3);
        finished
    });
    each_trick("HytaleServer.jar", |world| {
        // It would be the real one, were it there.
        assert!(stand_in_jar().exists());
        let finished = world.run_with_broker().finish();
        match fs::metadata(world.path("HytaleServer.jar")).is_ok_and(|jar| jar.is_file()) {
            // A jar may well be a link; that this one is none is for the JVM to find out.
            true => finished.code(1),
            false => finished.code(66),
        };
        finished
    });
}

fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => found.extend(everything_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn whatever_the_umask_all_that_we_make_is_ours_and_of_use_to_us() {
    for umask in ["0000", "0777", "0277"] {
        let world = World::new();
        let login = world.login().expired();
        fs::create_dir(world.path("made")).expect("there is room");
        world.set_mode("made", 0o777);
        let state = world.path("made/state");
        fs::create_dir(&state).expect("there is room");
        world.set_mode("made/state", 0o700);
        let auth = state.join("auth.enc");
        fs::write(&auth, login.seal(KEY)).expect("there is room");
        let start = || {
            world
                .run_for_store()
                .env("HYTALE_AUTH_KEY", KEY)
                .env("HYTALE_ENTRYPOINT_STATE_DIR", &state)
                .env(
                    "HYTALE_ENTRYPOINT_STATUS_FILE",
                    world.path("made/run/status.json"),
                )
        };
        let run = start().sh("umask >umask-of-the-server; echo up; exec sleep 300");
        let run = run.after(&format!("umask {umask}")).spawn();
        run.line("up");
        let made = [
            everything_below(&state),
            everything_below(&world.path("made/run")),
        ]
        .concat();
        assert!(made.len() >= 6, "{made:?}");
        for path in made.iter().filter(|path| **path != auth) {
            let meta = fs::symlink_metadata(path).expect("it is there");
            let expected = if meta.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(
                meta.permissions().mode() & 0o7777,
                expected,
                "umask {umask}: {path:?}"
            );
        }
        run.signal(SIGTERM);
        run.wait().code(143);
        // The server has the umask that it would have had without us, and cannot always be read because of it.
        let seen = world.path("umask-of-the-server");
        world.set_mode("umask-of-the-server", 0o600);
        assert_eq!(fs::read_to_string(seen).expect("it is there").trim(), umask);
        // And what was written with it can be read again.
        start()
            .sh("exit 3")
            .after(&format!("umask {umask}"))
            .finish()
            .code(3);
        assert_eq!(world.emulator.count("POST", "/oauth2/token"), 1);
    }
}

/// A lease that is replaced keeps its owner, but a link in its place makes nobody the owner of a token.
#[test]
fn a_file_that_takes_the_place_of_a_link_is_not_given_to_its_targets_owner() {
    if !nix::unistd::geteuid().is_root() {
        return not_tried("files of other owners: only root can make them");
    }
    let world = World::new();
    let victim = world.write("victim", UNTOUCHED);
    std::os::unix::fs::chown(&victim, Some(12345), Some(12345)).expect("root may");
    fs::create_dir_all(world.state_dir()).expect("there is room");
    let released = world.state_dir().join("released");
    symlink(&victim, &released).expect("there is room");
    world.run_with_broker().sh("exit 3").finish().code(3);
    let made = fs::symlink_metadata(&released).expect("it is there");
    assert!(made.is_file());
    assert_eq!(made.uid(), 0);
    nothing_was_written_elsewhere(&world);
}
