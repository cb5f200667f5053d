//! What else can lie where leases are: damaged ones, strangers, and things that are no files. They are reported
//! and kept, nothing is sent anywhere because of them, and nothing waits for them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hytale_emulator::{Ended, Fault};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::kill;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::support::servers::{UP, UP_AND_TELL};
use crate::support::tracer::{self, traced};
use crate::support::until;
use crate::support::{Finished, Running, World};

const MINT: &str = "/v1/game-session";

fn put(world: &World, name: &str, content: &[u8]) -> PathBuf {
    fs::create_dir_all(world.lease_dir()).expect("there is room");
    let path = world.lease_dir().join(name);
    fs::write(&path, content).expect("there is room");
    path
}

fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    aside.into()
}

/// A run whose server lives until the sweep has gone by, which is when `done` holds.
#[track_caller]
fn run_until(world: &World, what: &str, done: impl FnMut() -> bool) -> Finished {
    let run = world.run_with_broker().sh(UP).spawn();
    run.line("up");
    until(what, done);
    run.signal(SIGTERM);
    run.wait()
}

const SET_ASIDE: &str = "a lease cannot be read and is set aside";

/// What a lease looks like.
fn whole(world: &World) -> Vec<u8> {
    world.leave_a_session();
    let text = fs::read(world.leases().remove(0)).expect("it can be read");
    world.finish(&["release"]).code(0);
    text
}

#[track_caller]
fn is_set_aside_once(world: &World, name: &str, content: &[u8]) {
    let path = put(world, name, content);
    let aside = aside(&path);
    run_until(world, "it is set aside", || aside.exists())
        .code(143)
        .says(&format!("warning: {SET_ASIDE}: {}", aside.display()))
        .says(
            "hint: if there is a session behind it, that ends by itself within an hour; then remove the file",
        );
    // The sweep has gone by when it has freed what was left beside.
    let left = world.leave_a_session();
    let freed = || world.session(left.id).ended == Ended::Released;
    run_until(world, "the sweep", freed)
        .code(143)
        .never_says(SET_ASIDE);
    assert_eq!(world.leases(), std::slice::from_ref(&aside), "{name}");
    assert_eq!(fs::read(&aside).expect("it can be read"), content, "{name}");
    fs::remove_file(aside).expect("it can be removed");
}

#[test]
fn a_damaged_lease_is_set_aside_and_told_of_once_and_never_deleted() {
    let world = World::new();
    let whole = whole(&world);
    let later = String::from_utf8_lossy(&whole).replace(r#""version":1"#, r#""version":2"#);
    let contents: [(&str, &[u8]); 5] = [
        ("empty.json", b""),
        ("half.json", &whole[..whole.len() / 2]),
        ("other.json", b"[1, 2, 3]"),
        ("binary.json", &[0, 159, 146, 150, 0]),
        ("later.json", later.as_bytes()),
    ];
    for (name, content) in contents {
        is_set_aside_once(&world, name, content);
    }
}

#[test]
fn a_lease_that_a_power_cut_left_half_written_is_set_aside_once_as_well() {
    let world = World::new();
    let whole = whole(&world);
    is_set_aside_once(&world, ".new-half", &whole[..whole.len() / 2]);
}

#[test]
fn a_lease_that_was_written_and_not_yet_given_its_name_is_freed_like_any_other() {
    let world = World::new();
    let left = world.leave_a_session();
    let lease = world.leases().remove(0);
    fs::rename(lease, world.lease_dir().join(".new-whole")).expect("it can be renamed");
    let freed = || world.session(left.id).ended == Ended::Released;
    run_until(&world, "it is freed", freed).code(143);
    world.assert_nothing_left();
}

#[test]
fn a_lease_of_a_stranger_is_set_aside_and_nothing_is_sent_to_anybody() {
    // Whatever leaves this machine without TLS passes here.
    let proxy = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    proxy.set_nonblocking(true).expect("it can be asked");
    let at = format!("http://{}", proxy.local_addr().expect("it has an address"));
    for url in [
        "http://example",
        "http://example.com:80/",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://user:secret@sessions.hytale.com",
        "https://sessions.hytale.com/?to=elsewhere",
        "no URL at all",
    ] {
        let world = World::new();
        world.leave_a_session();
        let lease = world.leases().remove(0);
        let text = fs::read_to_string(&lease).expect("it can be read");
        let text = text.replace(world.emulator.url(), url);
        fs::write(&lease, &text).expect("it can be written");
        let run = world
            .run_with_broker()
            .env("HTTP_PROXY", &at)
            .env("http_proxy", &at)
            .env("HTTPS_PROXY", &at)
            .sh(UP)
            .spawn();
        run.line("up");
        run.line(SET_ASIDE);
        run.signal(SIGTERM);
        run.wait().code(143);
        let kept = fs::read_to_string(aside(&lease)).expect("it is there still");
        assert_eq!(kept, text, "{url}");
        // Its own release, and no other.
        assert_eq!(world.answers("DELETE", "/game-session"), [Some(204)]);
        assert!(proxy.accept().is_err(), "somebody was asked about {url}");
    }
}

#[test]
fn an_unfinished_lease_of_a_killed_process_vanishes_without_a_word() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).hang());
    let run = world.run_with_broker().sh("echo started").spawn();
    world.until_asked("POST", MINT, 1);
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL).never_says("started");
    let [unfinished] = &world.leases()[..] else {
        panic!("one unfinished lease: {:?}", world.leases());
    };
    assert_eq!(fs::read(unfinished).expect("it is there"), b"");
    run_until(&world, "it vanishes", || !unfinished.exists())
        .code(143)
        .never_says("warning");
    world.assert_nothing_left();
}

#[test]
fn what_is_no_file_is_neither_waited_for_nor_removed() {
    let world = World::new();
    fs::create_dir_all(world.lease_dir()).expect("there is room");
    let at = |name: &str| world.lease_dir().join(name);
    for prefix in ["", ".new-"] {
        let fifo = at(&format!("{prefix}fifo.json"));
        mkfifo(&fifo, Mode::S_IRWXU).expect("there is room");
        fs::create_dir(at(&format!("{prefix}folder.json"))).expect("there is room");
        for (name, target) in [
            ("to-a-fifo", fifo.as_path()),
            ("to-nowhere", Path::new("/no/such/place")),
            ("to-zeroes", Path::new("/dev/zero")),
            ("to-a-folder", Path::new("/")),
            ("to-itself", &at(&format!("{prefix}to-itself.json"))),
        ] {
            symlink(target, at(&format!("{prefix}{name}.json"))).expect("there is room");
        }
    }
    let before = world.leases().len();
    let left = world.leave_a_session();
    run_until(&world, "the sweep has gone by", || {
        world.emulator.live() == 1 && world.session(left.id).ended == Ended::Released
    })
    .code(143);
    let said = world.finish(&["release"]).code(0).stdout.clone();
    assert_eq!(said, "Freed: 0, left: 0, set aside: 0.\n");
    assert_eq!(world.leases().len(), before);
    assert_eq!(world.emulator.live(), 0);
}

#[test]
fn a_lease_that_is_just_being_made_is_nobodys_leftover() {
    if !tracer::is_there() {
        return;
    }
    let world = World::new();
    // Between the making of the file and its lock, where a process is for a moment only.
    let late = "flock:delay_enter=3000000:when=1";
    let slow = world.run_with_broker().sh(UP_AND_TELL);
    let slow = Running::start(traced(slow, late, "flock", &world.path("trace")));
    until("the file is made", || !world.leases().is_empty());
    world.run_with_broker().sh("exit 0").finish().code(0);
    let line = slow.line("up ");
    assert_eq!(world.tokens_on_disk().len(), 1, "its lease is on disk");
    let pid = line[3..].parse().expect("it is a number");
    kill(Pid::from_raw(pid), SIGTERM).expect("it is there");
    slow.wait().code(143).never_says("warning");
    world.assert_nothing_left();
}
