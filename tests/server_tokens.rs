//! How tokens reach the server, and who else can see them there.

use std::fs;

use hytale_emulator::TokenPair;
use nix::sys::signal::Signal::SIGTERM;
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Running, Start, World, processes, stand_in_jar};

/// A start whose tokens stand in no environment, so that only what the server is given can show them.
fn with_tokens(world: &World, pair: &TokenPair) -> Start {
    let session = world.write("session", pair.session_token.expose_secret());
    let identity = world.write("identity", pair.identity_token.expose_secret());
    world
        .run()
        .env("HYTALE_STAND_IN_REPORT", world.path("report"))
        .arg("--session-token-file")
        .arg(session)
        .arg("--identity-token-file")
        .arg(identity)
}

fn booted(start: Start) -> (Running, Pid) {
    let run = start.stand_in().spawn();
    run.line("Hytale Server Booted!");
    let server = processes::children(run.pid())[0];
    (run, server)
}

#[track_caller]
fn arrived(report: &Value, pair: &TokenPair, from: &str) {
    for (name, token) in [
        ("session_token", &pair.session_token),
        ("identity_token", &pair.identity_token),
    ] {
        assert_eq!(report[name]["from"], from, "{name}");
        let digest = report[name]["sha256"].as_str().expect("a digest");
        assert!(digest.starts_with(&token.fingerprint()), "{name}: {digest}");
    }
}

#[test]
fn tokens_are_arguments_that_nobody_can_see_by_default() {
    let world = World::new();
    for how in [
        &[][..],
        &["--pass-tokens", "auto"],
        &["--pass-tokens", "argfile"],
    ] {
        let pair = world.mint();
        let (run, _) = booted(with_tokens(&world, &pair).args(how));
        arrived(&world.take_json("report"), &pair, "argument");
        for process in processes::tree(run.pid()) {
            for shown in [
                processes::command_line(process),
                processes::environment(process),
            ] {
                assert!(!shown.contains("eyJ"), "{shown}");
            }
        }
        run.signal(SIGTERM);
        run.wait().code(143);
    }
    world.assert_nothing_left();
}

#[test]
fn tokens_as_plain_arguments_stand_in_ps_for_everybody() {
    let world = World::new();
    let pair = world.mint();
    let (run, server) = booted(with_tokens(&world, &pair).args(["--pass-tokens", "args"]));
    arrived(&world.take_json("report"), &pair, "argument");
    let shown = processes::command_line(server);
    let at_the_end = format!(
        " --session-token {} --identity-token {} ",
        pair.session_token.expose_secret(),
        pair.identity_token.expose_secret()
    );
    assert!(shown.ends_with(&at_the_end), "{shown}");
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn tokens_in_the_environment_stand_in_no_command_line() {
    let world = World::new();
    let pair = world.mint();
    let (run, server) = booted(with_tokens(&world, &pair).args(["--pass-tokens", "env"]));
    arrived(&world.take_json("report"), &pair, "environment");
    assert!(!processes::command_line(server).contains("eyJ"));
    let environment = processes::environment(server);
    for variable in [
        "HYTALE_SERVER_SESSION_TOKEN=eyJ",
        "HYTALE_SERVER_IDENTITY_TOKEN=eyJ",
    ] {
        assert!(environment.contains(variable), "{variable}");
    }
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_launcher_that_executes_itself_again_gets_its_tokens_in_the_environment() {
    let world = World::new();
    let pair = world.mint();
    let folder = world.path("jvm");
    fs::create_dir(&folder).unwrap();
    let java = fs::canonicalize(hytale_emulator::stand_in::java().unwrap()).unwrap();
    let jvm = java.with_file_name("../lib/server/libjvm.so");
    std::os::unix::fs::symlink(jvm, folder.join("libjvm.so")).unwrap();
    let (run, _) = booted(with_tokens(&world, &pair).env("LD_LIBRARY_PATH", &folder));
    arrived(&world.take_json("report"), &pair, "environment");
    for process in processes::tree(run.pid()) {
        assert!(!processes::command_line(process).contains("eyJ"));
    }
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_command_that_is_no_java_gets_its_tokens_as_last_arguments() {
    let world = World::new();
    let pair = world.mint();
    let finished = with_tokens(&world, &pair)
        .sh(r#"printf '%s %s %s ' "$1" "$2" "$4"; printf %s "$3" >seen; exit 3"#)
        .args(["sh", "--world=x"])
        .finish();
    finished.code(3);
    assert_eq!(
        finished.stdout,
        "--world=x --session-token --identity-token "
    );
    let seen = fs::read_to_string(world.path("seen")).unwrap();
    assert_eq!(seen, pair.session_token.expose_secret());
}

#[test]
fn a_server_that_authenticates_nobody_gets_no_token_and_costs_no_request() {
    let world = World::new();
    let pair = world.mint();
    for (arguments, code) in [
        (&["--singleplayer"][..], 5),
        (&["--auth-mode", "insecure"], 5),
        (&["--singleplayer", "--auth-mode=offline"], 5),
        (&["--auth-mode=insecure"], 5),
    ] {
        let start = with_tokens(&world, &pair)
            .env(
                "HYTALE_SESSION_TOKEN_BROKER_URL",
                world.emulator.broker_url(),
            )
            .env("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "5")
            .stand_in();
        start.arg("--").args(arguments).finish().code(code);
        let report = world.take_json("report");
        assert_eq!(report["session_token"]["from"], "none", "{arguments:?}");
        assert_eq!(report["argv"], serde_json::json!(arguments));
    }
    assert!(world.emulator.requests().is_empty());
    assert_eq!(world.emulator.live(), 1);
    assert!(!world.state_dir().exists());
}

#[test]
fn what_stands_before_the_jar_stays_with_the_launcher() {
    let world = World::new();
    let pair = world.mint();
    let run = with_tokens(&world, &pair)
        .args(["--", "java", "-Dx=a b", "-cp", "x", "-jar"])
        .arg(stand_in_jar())
        .arg("--world=x")
        .spawn();
    run.line("Hytale Server Booted!");
    let shown = processes::command_line(processes::children(run.pid())[0]);
    assert!(
        shown.starts_with("java -Dx=a b -cp x @/proc/self/fd/"),
        "{shown}"
    );
    let argv = &world.take_json("report")["argv"];
    assert_eq!(
        (&argv[0], &argv[1]),
        (&"--world=x".into(), &"--session-token".into())
    );
    run.signal(SIGTERM);
    run.wait().code(143);
}
