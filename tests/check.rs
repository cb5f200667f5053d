//! `check`: whatever would fail at `run` is found without starting anything, opening a session or making a file,
//! and the exit code is the one that `run` would end with.

use std::fs;
use std::time::Duration;

use hytale_emulator::Fault;
use nix::sys::signal::Signal::SIGTERM;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::support::checks::{EMPTY_ARCHIVE, HEALTH, KEYS};
use crate::support::machine::has_namespaces;
use crate::support::processes::lives;
use crate::support::{Start, World, not_tried, until};

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
fn what_cannot_be_started_has_the_exit_code_that_run_has() {
    let world = World::new();
    world.write("plain", "exit 0\n");
    world.write("broken.jar", &EMPTY_ARCHIVE[..20]);
    world.write("whole.jar", EMPTY_ARCHIVE);
    fs::create_dir(world.path("folder")).unwrap();
    world.jdk("#!/bin/sh\n", Some("JAVA_VERSION=\"25\"\n"));
    for (command, code, name, message) in [
        (
            "./no-such",
            127,
            "command",
            "command not found: ./no-such".to_owned(),
        ),
        (
            "./plain",
            126,
            "command",
            "cannot execute ./plain: Permission denied (os error 13)".to_owned(),
        ),
        (
            "jdk/bin/java -jar no.jar",
            66,
            "jar",
            format!("cannot read the jar no.jar: {NO_FILE}"),
        ),
        (
            "jdk/bin/java -jar folder",
            66,
            "jar",
            "cannot read the jar folder: it is not a regular file".to_owned(),
        ),
        (
            "jdk/bin/java -jar whole.jar --assets=no.zip",
            66,
            "assets",
            format!("cannot read the assets no.zip: {NO_FILE}"),
        ),
    ] {
        let words: Vec<_> = command.split(' ').collect();
        let checked = world.check_with_broker().arg("--").args(&words).finish();
        checked.code(code).shows("FAILED", name, &message);
        if name != "assets" {
            let run = world.run_with_broker().arg("--").args(&words).finish();
            run.code(code).says(&format!("error: {message}"));
        }
    }
    // Here Java would be the first to notice.
    let start = world.check_with_broker();
    start
        .args(["--", "jdk/bin/java", "-jar", "broken.jar"])
        .finish()
        .code(66)
        .shows(
            "FAILED",
            "jar",
            "the jar broken.jar is no zip archive, or not all of one",
        );
}

#[test]
fn assets_may_be_a_folder_and_a_file_that_was_cut_short_is_a_warning() {
    let world = World::new();
    fs::create_dir(world.path("assets")).unwrap();
    world.write("Assets.zip", &EMPTY_ARCHIVE[..20]);
    let start = || world.check_with_broker().args(["--", "sh", "--assets"]);
    start()
        .args(["assets", "--assets=Assets.zip"])
        .finish()
        .code(0)
        .shows("ok", "assets", "assets")
        .shows(
            "warning",
            "assets",
            "Assets.zip is no zip archive, or not all of one",
        );
    mkfifo(&world.path("fifo"), Mode::S_IRWXU).unwrap();
    start().arg("fifo").finish().code(66).shows(
        "FAILED",
        "assets",
        "cannot read the assets fifo: it is not a regular file",
    );
}

#[test]
fn the_version_of_java_is_told_and_never_a_failure() {
    let world = World::new();
    let whole = complete(&world);
    whole.finish().code(0).shows("ok", "java", "Java 25.0.1");
    let not_wanted = "#!/bin/sh\necho asked >&2; exit 9\n";
    let says = |version: &str| {
        format!(
            "#!/bin/sh\n[ \"$*\" = -version ] || exit 9\necho 'openjdk version \"{version}\" 2026-09-15' >&2\n"
        )
    };
    let old = "Java 17.0.15: the server wants 25, and its jar takes 21 at least";
    for (launcher, release, outcome, message) in [
        (
            not_wanted,
            Some("A=b\nJAVA_VERSION=\"26\"\n"),
            "ok",
            "Java 26",
        ),
        (
            not_wanted,
            Some("JAVA_VERSION=\"21.0.2\"\n"),
            "warning",
            "Java 21.0.2: the server wants 25",
        ),
        (
            not_wanted,
            Some("JAVA_VERSION=\"17.0.15\"\n"),
            "warning",
            old,
        ),
        (&says("25.0.1"), None, "ok", "Java 25.0.1"),
        (
            &says("17.0.15"),
            Some("IMPLEMENTOR=\"x\"\n"),
            "warning",
            old,
        ),
        (
            &says("1.8.0_412"),
            None,
            "warning",
            "Java 1.8.0_412: the server wants 25, and its jar takes 21 at least",
        ),
    ] {
        let java = world.jdk(launcher, release);
        let start = world.check_with_broker().arg("--java").arg(java);
        start.finish().code(0).shows(outcome, "java", message);
    }
    let java = world.jdk(not_wanted, None);
    let start = world.check_with_broker().arg("--java").arg(&java);
    let java = java.display();
    let message = format!("{java} does not tell its version: it ended with exit status: 9");
    start.finish().code(0).shows("warning", "java", &message);
}

#[test]
fn a_launcher_that_is_asked_for_its_version_sees_no_secret_and_a_script_is_not_asked() {
    let world = World::new();
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    let java = world.jdk("#!/bin/sh\nenv >seen\n", None);
    let start = world.check_with_broker().tokens(&world.mint());
    start.arg("--java").arg(java).finish().tells_no_token();
    let seen = fs::read_to_string(world.path("seen")).unwrap();
    assert!(seen.contains("PATH="), "{seen}");
    for secret in ["TOKEN", "eyJ", "HYTALE_ENTRYPOINT"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    world.program("start.sh", "#!/bin/sh\necho started >asked\n");
    let start = world.check_with_broker().args(["--", "./start.sh"]);
    start.finish().code(0).shows_nothing_of("java");
    assert!(!world.path("asked").exists());
}

#[test]
fn a_stop_ends_a_check_and_what_it_waits_for() {
    let world = World::new();
    let java = world.jdk("#!/bin/sh\necho $$ >pid\nexec sleep 300\n", None);
    let check = world.check_with_broker().arg("--java").arg(java).spawn();
    let asked = || fs::read_to_string(world.path("pid")).unwrap_or_default();
    until("the launcher is asked", || asked().ends_with('\n'));
    check.signal(SIGTERM);
    check.wait().code(143).never_says("ok ");
    let launcher = nix::unistd::Pid::from_raw(asked().trim().parse().unwrap());
    until("the launcher is gone", || !lives(launcher));
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

#[test]
fn the_servers_user_is_looked_up_and_a_launcher_is_asked_as_that_user() {
    let world = World::new();
    let start = world.check_with_broker().args(["--user", "nobody-knows"]);
    start.sh("exit 0").finish().code(64).shows(
        "FAILED",
        "user",
        "there is no user nobody-knows in /etc/passwd",
    );
    if !geteuid().is_root() {
        return not_tried("check --user as root");
    }
    world.write("HytaleServer.jar", EMPTY_ARCHIVE);
    for folder in ["", "jdk", "jdk/bin"] {
        let _ = fs::create_dir(world.path(folder));
        world.set_mode(folder, 0o755);
    }
    let says = "#!/bin/sh\necho \"as version \\\"$(id -u).$(id -g).$(id -G)\\\"\" >&2\n";
    let java = world.jdk(says, None);
    let start = world.check_with_broker().arg("--java").arg(java);
    start
        .args(["--user", "12345:54321"])
        .finish()
        .code(0)
        .shows("ok", "user", "the server would run as 12345:54321")
        .shows("ok", "java", "Java 12345.54321.54321");
}
