//! The status file: how the server is, for everybody who may read it, at any time, and never a token.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hytale_emulator::{Behaviour, Fault};
use jiff::Timestamp;
use nix::sys::signal::Signal::SIGTERM;
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::support::machine::has_namespaces;
use crate::support::phases::{STEP_BY_STEP, status_in, until_phase};
use crate::support::servers::UP;
use crate::support::{Gate, Start, World, not_tried, processes, until};

const MINT: &str = "/v1/game-session";

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn each_phase_has_its_shape() {
    let world = World::new();
    let gate = Gate::new(&world);
    let before = Timestamp::now();
    let run = world.run_with_broker().sh(STEP_BY_STEP).spawn();
    run.line("booting");
    let server = processes::children(run.pid())[0];
    let record = world.session(1);
    let session = |status: &Value| {
        let told: Timestamp = status["session"]["expires_at"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let real: Timestamp = record.expires_at.parse().unwrap();
        assert_eq!(told.as_second(), real.as_second());
        json!({"source": "broker", "profile": record.profile, "expires_at": status["session"]["expires_at"]})
    };
    let expected = |status: &Value, server: Option<i32>| {
        json!({
            "version": 1,
            "phase": status["phase"],
            "pid": run.pid().as_raw(),
            "server_pid": server,
            "ready_at": status["ready_at"],
            "session": session(status),
        })
    };
    let starting = world.until_phase("starting");
    assert_eq!(starting, expected(&starting, Some(server.as_raw())));
    assert_eq!(starting["ready_at"], Value::Null);
    gate.open();
    let ready = world.until_phase("ready");
    assert_eq!(ready, expected(&ready, Some(server.as_raw())));
    let at: Timestamp = ready["ready_at"].as_str().unwrap().parse().unwrap();
    assert!(before <= at && at <= Timestamp::now(), "{at}");
    gate.open();
    let stopping = world.until_phase("stopping");
    assert_eq!(stopping, expected(&stopping, Some(server.as_raw())));
    assert_eq!(stopping["ready_at"], ready["ready_at"]);
    let pid = run.pid().as_raw();
    gate.open();
    run.wait().code(3);
    assert_eq!(
        world.until_phase("stopped"),
        json!({
            "version": 1, "phase": "stopped", "pid": pid, "server_pid": null,
            "ready_at": ready["ready_at"], "session": null
        })
    );
}

#[test]
fn while_a_session_is_opened_there_is_neither_server_nor_session() {
    let world = World::new();
    world.emulator.fault(Fault::on(MINT).hang());
    let run = world
        .run_with_broker()
        .args(["--release-after", "0"])
        .sh("exit 3")
        .spawn();
    let none = |phase| {
        json!({
            "version": 1, "phase": phase, "pid": run.pid().as_raw(), "server_pid": null,
            "ready_at": null, "session": null
        })
    };
    assert_eq!(world.until_phase("obtaining"), none("obtaining"));
    let stopped = none("stopped");
    run.signal(SIGTERM);
    run.wait().code(143);
    assert_eq!(world.until_phase("stopped"), stopped);
}

#[test]
fn a_server_without_tokens_has_no_session() {
    let world = World::new();
    let run = world.run().sh_without_tokens(UP).spawn();
    run.line("up");
    assert_eq!(world.until_phase("starting")["session"], Value::Null);
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_server_that_has_ended_is_not_ready_while_its_slot_is_still_freed() {
    let world = World::new();
    world
        .emulator
        .fault(Fault::on("/game-session").method("DELETE").hang());
    let run = world
        .run_with_broker()
        .sh("echo Hytale Server Booted!; exit 3")
        .spawn();
    world.until_asked("DELETE", "/game-session", 1);
    let status = world.until_phase("stopping");
    assert_eq!(status["server_pid"], Value::Null);
    run.wait().code(3);
}

#[test]
fn it_is_for_its_owner_alone_and_so_is_a_folder_that_is_made_for_it() {
    let world = World::new();
    let folder = world.path("run");
    let file = folder.join("status.json");
    let start = world.run_with_broker().arg("--status-file").arg(&file);
    start.sh("exit 3").finish().code(3);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing but it");
    assert!(!world.path("status.json").exists());
    // A folder that somebody else made is left as it is.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let start = world
        .run_with_broker()
        .env("HYTALE_ENTRYPOINT_STATUS_FILE", &file);
    start.sh("exit 3").finish().code(3);
    assert_eq!(mode(&folder), 0o755);
}

#[test]
fn nobody_ever_reads_half_of_it() {
    let world = World::new();
    let path = world.path("status.json");
    let done = AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                reads += usize::from(status_in(&path).is_some());
            }
            reads
        });
        for _ in 0..10 {
            let server = "echo Hytale Server Booted!; exit 3";
            world.run_with_broker().sh(server).finish().code(3);
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 100, "{reads} reads");
}

#[test]
fn an_unwritable_place_is_one_warning_and_nothing_else() {
    let world = World::new();
    let file = world.write("file", "");
    for place in [file.join("status.json"), world.path("no/such/status.json")] {
        let start = world.run_with_broker().arg("--status-file").arg(&place);
        let finished = start.sh("echo Hytale Server Booted!; exit 3").finish();
        finished.code(3);
        let said = format!(
            "warning: cannot write the status file {}: ",
            place.display()
        );
        assert_eq!(finished.stderr.matches(&said).count(), 1, "{finished}");
        assert_eq!(finished.stderr.matches("warning").count(), 1, "{finished}");
    }
    world.assert_nothing_left();
}

#[test]
fn the_expiry_follows_the_trail() {
    let world = World::short_lived(Behaviour::default());
    let run = world.run_short_lived().sh(UP).spawn();
    run.line("up");
    let expiry = || {
        let status = status_in(&world.path("status.json")).expect("there is one");
        let text = status["session"]["expires_at"]
            .as_str()
            .expect("it has one")
            .to_owned();
        text.parse::<Timestamp>().expect("it is a time")
    };
    let first = expiry();
    world.until_renewed(1);
    until("the expiry is a later one", || expiry() > first);
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn two_wrappers_with_a_file_each_know_nothing_of_each_other() {
    let world = World::new();
    let [first, second] = ["first", "second"].map(|name| world.path(name).join("status.json"));
    let start = |file: &Path| {
        let server = "trap 'exit 3' TERM; echo Hytale Server Booted!; idle";
        let start = world.run_with_broker().arg("--status-file").arg(file);
        start.sh(server).spawn()
    };
    let (one, other) = (start(&first), start(&second));
    until_phase(&first, "ready");
    until_phase(&second, "ready");
    one.signal(SIGTERM);
    one.wait().code(3);
    until_phase(&first, "stopped");
    until_phase(&second, "ready");
    other.signal(SIGTERM);
    other.wait().code(3);
    until_phase(&second, "stopped");
}

/// A start that names no place for the file.
fn nowhere(world: &World) -> Start {
    world
        .run()
        .env("HYTALE_ENTRYPOINT_STATUS_FILE", "")
        .sh_without_tokens("exit 3")
}

#[test]
fn systemd_gives_it_a_place() {
    let world = World::new();
    let (own, other) = (world.path("own"), world.path("other"));
    fs::create_dir(&own).unwrap();
    let both = format!("{}:{}", own.display(), other.display());
    nowhere(&world)
        .env("RUNTIME_DIRECTORY", both)
        .env("XDG_RUNTIME_DIR", world.path(""))
        .finish()
        .code(3)
        .never_says("warning");
    until_phase(&own.join("status.json"), "stopped");
}

#[test]
fn root_has_it_below_run() {
    if !has_namespaces() {
        return not_tried("the default place of root, which needs root and unshare(1)");
    }
    let world = World::new();
    let start = nowhere(&world).env("XDG_RUNTIME_DIR", world.path(""));
    let script = "mount -t tmpfs tmpfs /run
        \"$@\" || code=$?
        stat -c %a /run/hytale-entrypoint; cat /run/hytale-entrypoint/status.json; exit $code";
    let finished = start.around(script).finish();
    finished.code(3);
    let (mode, status) = finished.stdout.split_once('\n').unwrap();
    assert_eq!(mode, "700");
    let status: Value = serde_json::from_str(status).unwrap();
    assert_eq!(status["phase"], "stopped");
}

/// The same as a user that nobody else is, with a binary that this user can execute; the user's number.
fn as_somebody(world: &World, start: Start, number: u32) -> Option<(Start, u32)> {
    let uid = 0x4000_0000 + process::id() * 8 + number;
    if !geteuid().is_root() {
        not_tried("the default places of other users, which takes root");
        return None;
    }
    world.set_mode("", 0o777);
    let id = uid.to_string();
    let options = ["--reuid", &id, "--regid", &id, "--clear-groups"];
    let tried = process::Command::new("setpriv")
        .args(options)
        .arg("true")
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        not_tried("the default places of other users, which takes setpriv(1)");
        return None;
    }
    let mut start = start;
    let binary = PathBuf::from(start.command().get_program());
    if !world.path("entrypoint").exists() {
        world.copy_program(&binary, "entrypoint");
    }
    // The first argument is the binary, which may lie where this user cannot go.
    let swap = "shift; exec ./entrypoint \"$@\"";
    let options = options.map(str::to_owned).into_iter();
    let shell = ["sh", "-c", swap, "sh"].map(str::to_owned);
    Some((start.under("setpriv", options.chain(shell)), uid))
}

#[test]
fn others_have_it_in_their_runtime_folder_or_else_in_tmp() {
    let world = World::new();
    let Some((start, _)) = as_somebody(&world, nowhere(&world), 1) else {
        return;
    };
    let runtime = start.env("XDG_RUNTIME_DIR", world.path(""));
    runtime.finish().code(3).never_says("warning");
    let folder = world.path("hytale-entrypoint");
    assert_eq!(mode(&folder), 0o700);
    until_phase(&folder.join("status.json"), "stopped");
    for nowhere_else in ["", "relative"] {
        let start = nowhere(&world).env("XDG_RUNTIME_DIR", nowhere_else);
        let (start, uid) = as_somebody(&world, start, 1).unwrap();
        start.finish().code(3).never_says("warning");
        let folder = PathBuf::from(format!("/tmp/hytale-entrypoint-{uid}"));
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(fs::metadata(&folder).unwrap().uid(), uid);
        until_phase(&folder.join("status.json"), "stopped");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_folder_in_tmp_that_somebody_else_made_is_not_used() {
    let world = World::new();
    let Some((_, uid)) = as_somebody(&world, nowhere(&world), 2) else {
        return;
    };
    let folder = PathBuf::from(format!("/tmp/hytale-entrypoint-{uid}"));
    let refused = format!(
        "warning: cannot write the status file {}/status.json: its folder belongs to another user; \
         hytale-entrypoint health will fail",
        folder.display()
    );
    let target = world.path("target");
    fs::create_dir(&target).unwrap();
    chown(&target, Some(uid), Some(uid)).unwrap();
    let traps: [(&str, &dyn Fn()); 2] = [
        ("a folder", &|| {
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
            chown(&folder, Some(uid + 1), None).unwrap();
        }),
        // To a folder of the user's own, even.
        ("a link", &|| {
            symlink(&target, &folder).unwrap();
            lchown(&folder, Some(uid + 1), None).unwrap();
        }),
    ];
    for (name, set) in traps {
        set();
        let (start, _) = as_somebody(&world, nowhere(&world), 2).unwrap();
        let finished = start.finish();
        let left = fs::read_dir(&folder).unwrap().count();
        match name {
            "a link" => fs::remove_file(&folder).unwrap(),
            _ => fs::remove_dir(&folder).unwrap(),
        }
        finished.code(3).says(&refused);
        assert_eq!(left, 0, "{name}");
    }
}
