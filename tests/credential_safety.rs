//! A refresh token that is spent while its successor is not on disk is a lost login. Many at once, stops, locks, folders
//! that cannot be written and kills: none of them makes one.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hytale_emulator::{Account, Fault, Options, Slots};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::unistd::geteuid;

use crate::support::credentials::{Fields, KEY, NEW, REFRESH, RELEASE};
use crate::support::machine::has_namespaces;
use crate::support::world::Start;
use crate::support::{DEADLINE, Finished, Running, World};
use crate::support::{not_tried, say};

#[test]
fn twenty_starts_at_once_on_one_expired_file_renew_it_once() {
    let world = World::new();
    world.store(&world.login().expired());
    let all: Vec<Running> = (0..20)
        .map(|_| {
            let start = world.run_with_store();
            start.sh("echo it is up; exec sleep 600").spawn()
        })
        .collect();
    for run in &all {
        run.line("it is up");
    }
    assert_eq!(world.emulator.live(), 20);
    for run in &all {
        run.signal(SIGTERM);
    }
    for run in all {
        run.wait().code(143);
    }
    assert_eq!(world.count(REFRESH), 1);
    assert_eq!(world.count(NEW), 20);
    assert_eq!(world.emulator.incidents(), 0);
    world.assert_nothing_left();
}

/// A stop while the login is being renewed, which takes this long: it is renewed, and no session is left.
#[track_caller]
fn stopped_while_renewing(takes: Duration) -> (World, Finished) {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    world
        .emulator
        .fault(Fault::on("/oauth2/token").latency(takes));
    let run = world.run_with_store().sh("echo it is up").spawn();
    world.wait_until_asked(REFRESH, 1);
    run.signal(SIGTERM);
    let finished = run.wait();
    finished
        .code(143)
        .says("error: stopped by SIGTERM before the server was started")
        .never_says("it is up");
    assert_ne!(world.stored().refresh(), before.refresh());
    world.assert_nothing_left();
    (world, finished)
}

#[test]
fn a_stop_while_the_login_is_being_renewed_does_not_cost_it() {
    let (world, _) = stopped_while_renewing(Duration::from_millis(1500));
    world.renews();
}

#[test]
fn a_stop_waits_for_the_renewal_as_long_as_it_takes() {
    let (world, _) = stopped_while_renewing(Duration::from_millis(6500));
    world.renews();
}

#[test]
fn after_a_stop_no_session_is_asked_for() {
    let (world, _) = stopped_while_renewing(Duration::from_millis(500));
    assert_eq!(world.asked(), [REFRESH]);
}

#[test]
fn a_session_that_nobody_asked_for_is_not_lamented() {
    let (_, finished) = stopped_while_renewing(Duration::from_millis(5500));
    finished.never_says("was not answered");
}

/// Holds the lock of `auth.enc`, as another process would that is renewing the login.
fn hold_lock(world: &World) -> File {
    let lock = File::create(world.path("auth.enc.lock")).expect("there is room");
    lock.lock().expect("nobody else holds it");
    lock
}

#[test]
fn a_good_access_token_waits_for_nobody() {
    let world = World::new();
    world.store(&world.login());
    let _held = hold_lock(&world);
    world.runs();
}

#[test]
fn who_waits_for_anothers_renewal_takes_what_that_brought() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    let held = hold_lock(&world);
    let run = world.run_with_store().sh("exit 3").spawn();
    if waits_for_the_lock(&run) {
        world.store(&world.login());
        drop(held);
        run.wait().code(3);
        assert_eq!(world.asked(), [NEW, RELEASE]);
    }
}

#[test]
fn a_lock_that_nobody_gives_back_ends_with_69() {
    let world = World::new();
    let before = world.login().expired();
    world.store(&before);
    let _held = hold_lock(&world);
    let finished = world
        .run_with_store()
        .args(["--token-timeout", "500ms"])
        .sh("echo started")
        .finish();
    finished
        .code(69)
        .says("hint: it may be waiting for the login service; a restart tries again");
    let says = "another process holds the lock of the credential file";
    assert!(finished.stderr.contains(says), "{finished}");
    assert_eq!(world.asked(), Vec::<String>::new());
    assert_eq!(world.stored(), before);
}

#[test]
fn a_stop_ends_the_wait_for_the_lock() {
    let world = World::new();
    world.store(&world.login().expired());
    let _held = hold_lock(&world);
    let run = world.run_with_store().sh("echo started").spawn();
    if waits_for_the_lock(&run) {
        run.signal(SIGTERM);
        // No request is under way, so none is waited for, and none is lamented.
        run.wait().code(143).never_says("was not answered");
    }
}

/// Waits until an entrypoint has opened the lock's file, as far as that can be seen from here.
fn waits_for_the_lock(run: &Running) -> bool {
    if !geteuid().is_root() {
        not_tried("whether a start waits for a lock: only root can see which files it has opened");
        return false;
    }
    let deadline = Instant::now() + DEADLINE;
    let folder = format!("/proc/{}/fd", run.pid());
    let is_lock = |path: &Path| path.ends_with("auth.enc.lock");
    while Instant::now() < deadline {
        let opened = fs::read_dir(&folder).into_iter().flatten().flatten();
        if opened
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|path| is_lock(&path))
        {
            return true;
        }
        thread::yield_now();
    }
    panic!("it opens no lock");
}

const WRITE_HINT: &str = "hint: make room, and mount the folder that it is in writable: a folder, not the \
     file by itself";

/// Mounts the world's `vault` read-only.
fn read_only(world: &World) -> String {
    let vault = world.path("vault").display().to_string();
    format!("mount --bind '{vault}' '{vault}'; mount -o remount,bind,ro '{vault}'")
}

/// A start with the file in `vault`, which is written for it.
fn from_vault(world: &World, fields: &Fields) -> Start {
    fs::create_dir(world.path("vault")).expect("there is room");
    let path = world.write("vault/auth.enc", fields.seal(KEY));
    let start = world.run_for_store().env("HYTALE_AUTH_KEY", KEY);
    start.arg("--auth-file").arg(path)
}

fn path() -> String {
    std::env::var("PATH").expect("there is a PATH")
}

#[test]
fn a_folder_that_cannot_be_written_ends_with_66_before_the_login_service_is_asked() {
    let world = World::new();
    let fields = world.login().expired();
    let start = from_vault(&world, &fields).sh("echo started");
    let start = match (geteuid().is_root(), has_namespaces()) {
        (false, _) => start,
        (true, true) => start.in_namespace(&read_only(&world), &path()),
        (true, false) => {
            return not_tried("a folder that cannot be written: root without mount namespaces");
        }
    };
    let before = fs::read(world.path("vault/auth.enc")).expect("it is there");
    let mode = |mode| {
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(world.path("vault"), mode).expect("it is ours");
    };
    mode(0o500);
    let finished = start.finish();
    mode(0o700);
    finished.code(66).says(WRITE_HINT).never_says("started");
    let says = "cannot write the credential file";
    assert!(finished.stderr.contains(says), "{finished}");
    assert_eq!(world.asked(), Vec::<String>::new());
    let after = fs::read(world.path("vault/auth.enc")).expect("it is there");
    assert_eq!(after, before);
}

#[test]
fn a_good_access_token_serves_from_a_folder_that_cannot_be_written() {
    if !has_namespaces() {
        return not_tried("a read-only mount: that takes root and mount namespaces");
    }
    let world = World::new();
    // The profile cannot be noted either, and is asked for again the next time.
    let fields = world.login().without("ProfileUuid");
    let finished = from_vault(&world, &fields)
        .sh("exit 3")
        .in_namespace(&read_only(&world), &path())
        .finish();
    finished.code(3);
    assert!(
        finished.stderr.contains("cannot note the profile"),
        "{finished}"
    );
    world.assert_nothing_left();
}

#[test]
fn a_full_disk_ends_with_66_before_the_login_service_is_asked() {
    if !has_namespaces() {
        return not_tried("a full disk: that takes root and mount namespaces");
    }
    let world = World::new();
    let fields = world.login().expired();
    let start = from_vault(&world, &fields).sh("echo started");
    let (vault, after) = (world.path("vault"), world.path("after"));
    let before = fs::read(vault.join("auth.enc")).expect("it is there");
    let script = format!(
        "vault='{}'; cp \"$vault/auth.enc\" '{after}'
         mount -t tmpfs -o size=64k tmpfs \"$vault\"; mv '{after}' \"$vault/auth.enc\"
         head -c 1M /dev/zero > \"$vault/filler\" 2> /dev/null || :
         \"$@\" || code=$?; cp \"$vault/auth.enc\" '{after}'; exit $code",
        vault.display(),
        after = after.display()
    );
    start
        .around(&script)
        .finish()
        .code(66)
        .says(WRITE_HINT)
        .never_says("started");
    assert_eq!(world.asked(), Vec::<String>::new());
    assert_eq!(fs::read(after).expect("the script left it"), before);
}

/// Two starts at once on an expired file, again and again, and one of the two is killed at any moment. Its login
/// is lost only when its refresh request was answered and the answer is not on disk; then the other one sends the
/// same refresh token again. Whoever had used a new token would have written it first, so no session came of it.
#[test]
fn a_kill_at_any_moment_costs_a_login_only_between_the_answer_and_the_disk() {
    let rounds = match std::env::var_os("HYTALE_ENTRYPOINT_TEST_LONG") {
        Some(_) => 100,
        None => 30,
    };
    // Whoever is killed frees nothing.
    let world = World::with(Options {
        accounts: vec![Account::named("default").with_slots(Slots::Unlimited)],
        ..Options::default()
    });
    let start = || world.run_with_store().sh("exit 3").spawn();
    world.store(&world.login().expired());
    let begun = Instant::now();
    let (one, other) = (start(), start());
    one.wait().code(3);
    other.wait().code(3);
    let undisturbed = begun.elapsed();
    let mut lost = 0;
    for round in 0..rounds {
        world.store(&world.stored().expired());
        let (asked, incidents) = (world.emulator.requests().len(), world.emulator.incidents());
        let (killed, survivor) = (start(), start());
        // Not waiting for anything: the moment is meant to be any.
        thread::sleep(undisturbed.mul_f64(fastrand::f64()));
        killed.signal(SIGKILL);
        let (killed, survivor) = (killed.wait(), survivor.wait());
        let requests = world.emulator.requests().split_off(asked);
        let refreshes = requests.iter().filter(|r| r.path == "/oauth2/token");
        let mut sent: Vec<_> = refreshes.map(|request| &request.body).collect();
        let all = sent.len();
        sent.dedup();
        let used_again = sent.len() < all;
        let context = format!("round {round}: {requests:#?}\n{killed}{survivor}");
        // Whatever the moment was: it opens.
        let stored = world.stored();
        assert_eq!(
            world.emulator.incidents() - incidents,
            usize::from(used_again),
            "{context}"
        );
        if used_again {
            lost += 1;
            survivor.code(77);
            let opened = requests.iter().any(|r| r.path == "/game-session/new");
            assert!(!opened, "{context}");
            world.store(&world.login());
        } else {
            survivor.code(3);
            assert!(stored.text("RefreshToken").is_some(), "{context}");
        }
    }
    say(&format!(
        "{lost} of {rounds} kills hit between the answer and the disk"
    ));
    world.store(&world.stored().expired());
    world.run_with_store().sh("exit 3").finish().code(3);
    assert_eq!(world.emulator.incidents(), lost);
}
