//! The session's end: however a server ends, its slot is freed, and where that fails the lease says so to
//! the next start.

use std::net::TcpListener;

use hytale_emulator::{Behaviour, DeadToken, Fault};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{World, processes};

const RELEASE: &str = "/game-session";

#[test]
fn a_session_is_freed_however_its_server_ends() {
    let world = World::new();
    world.program("broken", "#!/no/such/interpreter\n");
    for (code, command) in [
        (0, &["sh", "-c", "exit 0"][..]),
        (1, &["sh", "-c", "exit 1"]),
        (137, &["sh", "-c", "kill -KILL $$"]),
        (126, &["./broken"]),
    ] {
        let before = world.releases();
        let start = world.run_with_broker().arg("--").args(command);
        start.finish().code(code).says("session released");
        assert_eq!(world.releases(), before + 1, "{command:?}");
        world.assert_nothing_left();
    }
    assert_eq!(world.emulator.sessions().len(), 4);
}

#[test]
fn a_session_is_freed_only_when_its_server_has_gone() {
    let world = World::new();
    let slow = Fault::on(RELEASE).latency(std::time::Duration::from_millis(500));
    world.emulator.fault(slow);
    let run = world
        .run_with_broker()
        .sh("trap 'exit 4' TERM; echo server=$$; idle")
        .spawn();
    let server = run.process("server");
    run.signal(SIGTERM);
    let asked = |view: &hytale_emulator::View<'_>| view.count("DELETE", RELEASE) == 1;
    assert!(world.emulator.wait_for(asked, crate::support::DEADLINE));
    assert_eq!(processes::stat(server), None);
    run.wait().code(4);
}

#[test]
fn a_release_is_tried_again_when_its_answer_settles_nothing() {
    let world = World::new();
    for fault in [
        Fault::on(RELEASE).status(503),
        Fault::on(RELEASE).drop_before(),
        Fault::on(RELEASE).status(418),
    ] {
        world.emulator.fault(fault);
    }
    world
        .run_with_broker()
        .sh("exit 3")
        .finish()
        .code(3)
        .says("session released");
    assert_eq!(world.releases(), 4);
    world.assert_nothing_left();
}

#[test]
fn a_release_whose_answer_was_lost_finds_the_session_gone() {
    let world = World::new();
    world.emulator.fault(Fault::on(RELEASE).drop_after());
    let finished = world.run_with_broker().sh("exit 3").finish();
    finished
        .code(3)
        .says("session released: it was already gone");
    assert_eq!(world.releases(), 2);
    world.assert_nothing_left();
}

#[test]
fn no_redirect_is_followed_to_a_release() {
    let (world, elsewhere) = (World::new(), World::new());
    let there = format!("{}{RELEASE}", elsewhere.emulator.url());
    world.emulator.fault(Fault::on(RELEASE).redirect(&there));
    world
        .run_with_broker()
        .sh("exit 3")
        .finish()
        .code(3)
        .says("session released");
    assert!(elsewhere.emulator.requests().is_empty());
    world.assert_nothing_left();
}

#[test]
fn a_session_that_its_server_has_freed_itself_counts_as_released() {
    let world = World::new();
    for dead_token in [
        DeadToken::Unauthorized,
        DeadToken::Forbidden,
        DeadToken::NotFound,
    ] {
        world.emulator.set(Behaviour {
            dead_token,
            ..Behaviour::default()
        });
        let run = world
            .run_with_broker()
            .env("HYTALE_STAND_IN_FREE_SESSION", "1")
            .stand_in()
            .spawn();
        run.line("Hytale Server Booted!");
        run.signal(SIGTERM);
        let finished = run.wait();
        finished
            .code(143)
            .says("session released: it was already gone");
        assert!(finished.stdout.contains("Session freed"), "{finished}");
        world.assert_nothing_left();
    }
    assert_eq!(world.releases(), 6);
}

#[test]
fn an_unreachable_service_changes_no_exit_code_and_leaves_the_lease() {
    let world = World::new();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    world
        .run_with_broker()
        .env("HYTALE_ENTRYPOINT_SESSIONS_URL", format!("http://{closed}"))
        .sh("exit 9")
        .finish()
        .code(9)
        .says(&format!(
            "warning: cannot release the session: cannot reach {closed}: tcp connect error: Connection refused \
             (os error 111); its lease stays for the next start"
        ));
    assert_eq!((world.emulator.live(), world.leases().len()), (1, 1));
}

#[test]
fn a_service_that_is_down_for_long_is_not_waited_for() {
    let world = World::new();
    let down = Fault::on(RELEASE).status(503).retry_after("3600");
    world.emulator.fault(down.always());
    world.run_with_broker().sh("exit 9").finish().code(9).says(
        "warning: cannot release the session: the session service answered 503 to the release; its lease stays \
         for the next start",
    );
    assert_eq!((world.releases(), world.leases().len()), (1, 1));
}

#[test]
fn release_never_frees_nothing_and_writes_nothing() {
    let world = World::new();
    let start = world.run_with_broker().args(["--release", "never"]);
    start.sh("exit 3").finish().code(3);
    assert_eq!((world.emulator.live(), world.releases()), (1, 0));
    assert!(!world.state_dir().exists());
}
