//! `check`: whatever would fail at `run` is found without starting anything, opening a session or making a file,
//! and the exit code is the one that `run` would end with.

use std::fs;
use std::time::Duration;

use hytale_emulator::Fault;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::checks::{EMPTY_ARCHIVE, HEALTH, KEYS};
use crate::support::machine::has_namespaces;
use crate::support::{Start, World, not_tried};

const NO_FILE: &str = "No such file or directory (os error 2)";
const JWKS: &str = "/.well-known/jwks.json";

/// A Java server in a world that lacks nothing.
fn complete(world: &World) -> Start {
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    world.write("Assets.zip", EMPTY_ARCHIVE);
    let java = world.jdk(
        "#!/bin/sh\necho started\n",
        Some("JAVA_VERSION=\"25.0.1\"\n"),
    );
    world.check_with_broker().arg("--java").arg(java)
}

#[test]
fn where_all_is_well_a_line_says_so_of_each_thing_and_the_exit_code_is_0() {
    let world = World::new();
    let finished = complete(&world)
        .args(["--", "--assets", "Assets.zip"])
        .finish();
    finished.code(0);
    let (java, state) = (world.path("jdk/bin/java"), world.state_dir());
    let url = world.emulator.url();
    let table = format!(
        "ok       options  every option and variable can be used\n\
         ok       command  {}\n\
         ok       java     Java 25.0.1\n\
         ok       jar      HytaleServer.jar\n\
         ok       assets   Assets.zip\n\
         ok       state    {} can be written\n\
         ok       broker   {url}/ answers; --mint shows what it hands out\n\
         ok       service  {url}/ answers\n\
         ok       clock    this machine's clock and the session service's agree\n\
         Nothing would fail.\n",
        java.display(),
        state.display(),
    );
    assert_eq!(finished.stdout, table);
    assert_eq!(finished.stderr, "");
    world.asked_only(&[HEALTH, KEYS]);
    assert!(!state.exists(), "it made the state folder");
    assert_eq!(world.emulator.sessions().len(), 0);
}

#[test]
fn json_says_what_the_table_says() {
    for (start, ok, code) in [
        (complete as fn(&World) -> Start, true, 0),
        (|world| world.check_with_broker(), false, 66),
        (|world| world.check().args(["--jar", "no.jar"]), false, 66),
        (|world| world.check().args(["--source", "disk"]), false, 64),
    ] {
        let world = World::new();
        let table = start(&world).finish();
        let json = start(&world).arg("--json").finish();
        table.code(code);
        json.code(code);
        let whole = json.json();
        assert_eq!(whole["version"], 1);
        assert_eq!(whole["ok"], ok);
        assert_eq!(whole["exit_code"], code);
        let last = match code {
            0 => "Nothing would fail.\n".to_owned(),
            code => format!("A start would fail with exit code {code}.\n"),
        };
        assert_eq!(json.table_of_json() + &last, table.stdout);
    }
}

#[test]
fn everything_is_looked_at_also_after_something_has_failed() {
    let world = World::new();
    let busy = || Fault::on("/healthz").status(503).always();
    world.emulator.fault(busy());
    let start = world.check_with_broker().args(["--token-timeout", "500ms"]);
    let server = ["--", "./no-such", "--assets", "no.zip"];
    start
        .args(server)
        .finish()
        .code(127)
        .shows("FAILED", "command", "command not found: ./no-such")
        .shows(
            "FAILED",
            "assets",
            &format!("cannot read the assets no.zip: {NO_FILE}"),
        )
        .shows_of("ok", "state")
        .shows(
            "FAILED",
            "broker",
            "the broker is in trouble (503): Service Unavailable",
        )
        .shows_of("ok", "service")
        .shows_of("ok", "clock");
}

#[test]
fn a_server_that_authenticates_nobody_has_nobody_asked() {
    let world = World::new();
    for mint in [&[][..], &["--mint"]] {
        let start = world.check_with_broker().args(mint);
        start
            .sh_without_tokens("echo started")
            .finish()
            .code(0)
            .shows(
                "ok",
                "tokens",
                "this server authenticates nobody, so it gets none",
            )
            .shows_nothing_of("broker")
            .shows_nothing_of("session");
    }
    world.asked_only(&[]);
}

#[test]
fn a_wrong_option_is_told_in_the_words_of_run() {
    let world = World::new();
    let url = "http://sessions.example.com";
    let expected = "an https URL (http for a loopback host only) without user, query or fragment";
    let start = world.check_with_broker().args(["--sessions-url", url]);
    start.sh("exit 0").finish().code(64).shows(
        "FAILED",
        "options",
        &format!("invalid value '{url}' for option --sessions-url: expected {expected}"),
    );
    let start = world.check_with_broker().args(["--", "./start.sh"]);
    let finished = start.arg("--session-token=s3cret").finish();
    finished
        .code(64)
        .shows_of("FAILED", "options")
        .never_says("s3cret");
    world.check().arg("--colour").finish().code(64);
    world.asked_only(&[]);
}

#[test]
fn credentials_of_the_servers_own_are_a_warning() {
    let world = World::new();
    let store = r#"{"AuthCredentialStore": {"Type": "Encrypted", "Path": "own.enc"}}"#;
    world.write("config.json", store);
    let check = || world.check_with_broker().sh("exit 0").finish();
    check().code(0).shows_nothing_of("config");
    world.write("own.enc", "x");
    check().code(0).shows(
        "warning",
        "config",
        "config.json gives the server credentials of its own, own.enc: it will open a second session that \
         nobody frees",
    );
    // Nobody waits for what a FIFO may bring one day.
    fs::remove_file(world.path("config.json")).unwrap();
    mkfifo(&world.path("config.json"), Mode::S_IRWXU).unwrap();
    check().code(0).shows_nothing_of("config");
    world.run_with_broker().sh("exit 3").finish().code(3);
}

#[test]
fn the_state_folder_is_never_a_failure() {
    let world = World::new();
    let check = |start: Start| start.sh("exit 0").finish();
    let state = world.state_dir();
    fs::create_dir(&state).unwrap();
    world.set_mode("state", 0o777);
    let shown = state.display();
    check(world.check_with_broker()).code(0).shows(
        "warning",
        "state",
        &format!("others can write to the state folder {shown}"),
    );
    assert!(!state.join("leases").exists());
    world.write("file", "");
    let in_a_file = world.path("file/state");
    let and_so = "a session is not freed when this process is killed";
    let start = world.check_with_broker().arg("--state-dir").arg(&in_a_file);
    check(start).code(0).shows(
        "warning",
        "state",
        &format!(
            "cannot use the state folder {}: Not a directory (os error 20); {and_so}",
            in_a_file.display()
        ),
    );
    check(world.check_with_broker().args(["--release", "never"]))
        .code(0)
        .shows(
            "ok",
            "state",
            "no leases are kept, since no session is to be freed",
        );
    if !has_namespaces() {
        return not_tried("a state folder that cannot be written");
    }
    let read_only = format!("mount --bind '{shown}' '{shown}'\nmount -o remount,bind,ro '{shown}'");
    let start = world.check_with_broker().sh("exit 0");
    let path = std::env::var("PATH").unwrap();
    start
        .in_namespace(&read_only, &path)
        .finish()
        .code(0)
        .shows(
            "warning",
            "state",
            &format!(
                "cannot use the state folder {shown}: Read-only file system (os error 30); {and_so}"
            ),
        );
}

#[test]
fn a_clock_that_differs_is_a_warning_and_by_more_than_five_minutes_a_failure() {
    let world = World::new();
    let check = || world.check_with_broker().sh("exit 0").finish();
    check().code(0).shows_of("ok", "clock");
    world.emulator.advance(Duration::from_secs(200));
    check().code(0).shows_of("warning", "clock");
    world.emulator.advance(Duration::from_secs(200));
    let finished = check();
    finished.code(77).shows_of("FAILED", "clock");
    assert!(
        finished.stdout.contains("s behind the session service's"),
        "{finished}"
    );
}

#[test]
fn a_session_service_that_does_not_answer_as_it_should_ends_with_69() {
    let world = World::new();
    let check = || {
        let start = world.check_with_broker().args(["--token-timeout", "500ms"]);
        start.sh("exit 0").finish()
    };
    for (fault, message) in [
        (
            Fault::on(JWKS).status(503),
            "the session service is in trouble (503): Service Unavailable",
        ),
        (
            Fault::on(JWKS).status(404),
            "this is not how the session service answers (404): Not Found",
        ),
        (
            Fault::on(JWKS).garbage(),
            "the session service's answer holds no keys",
        ),
        (
            Fault::on(JWKS).body(r#"{"keys":[]}"#),
            "the session service's answer holds no keys",
        ),
    ] {
        world.emulator.fault(fault.always());
        check()
            .code(69)
            .shows("FAILED", "service", message)
            .shows_nothing_of("clock");
        world.emulator.clear_faults();
    }
    // One that recovers is one that run would wait for.
    world.emulator.fault(Fault::on(JWKS).status(503));
    let start = world.check_with_broker().sh("exit 0");
    start.finish().code(0).shows_of("ok", "service");
}

#[test]
fn where_a_server_may_start_without_tokens_their_want_is_a_warning() {
    let world = World::new();
    world.emulator.fault(Fault::on(JWKS).status(503).always());
    world
        .emulator
        .fault(Fault::on("/healthz").status(503).always());
    let options = ["--on-no-token", "start", "--token-timeout", "500ms"];
    for (start, name) in [
        (world.check_with_broker(), "broker"),
        (world.check(), "tokens"),
    ] {
        start
            .args(options)
            .sh("exit 0")
            .finish()
            .code(0)
            .shows_of("warning", name)
            .shows_of("warning", "service");
    }
}
