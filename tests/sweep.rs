//! The sweep: what killed wrappers left is freed at the next start, beside everything else, and what living
//! ones hold is not touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hytale_emulator::{Account, Ended, Fault, Mint, Options, Slots};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};

use crate::support::leases::token_in;
use crate::support::servers::UP;
use crate::support::until;
use crate::support::{Gate, Running, World};

const MINT: &str = "/v1/game-session";
const RELEASE: &str = "/game-session";

fn one_slot() -> World {
    World::with(Options {
        accounts: vec![Account::named("a").with_slots(Slots::Limit(1))],
        ..Options::default()
    })
}

#[test]
fn the_session_of_a_killed_wrapper_is_freed_at_the_next_start() {
    let world = World::new();
    let left = world.leave_a_session();
    assert_eq!(world.emulator.live(), 1);
    let run = world.run_with_broker().sh(UP).spawn();
    run.line("freed a session that a killed process had left, source broker");
    run.line("up");
    assert_eq!(world.session(left.id).ended, Ended::Released);
    assert_eq!(world.emulator.live(), 1);
    run.signal(SIGTERM);
    run.wait().code(143).never_says("warning");
    world.assert_nothing_left();
}

#[test]
fn the_sweep_runs_beside_the_mint_and_never_delays_the_server() {
    let world = World::new();
    let left = world.leave_a_session();
    // Less than what one attempt may take.
    let late = Duration::from_secs(2);
    world
        .emulator
        .fault(Fault::on(RELEASE).method("DELETE").latency(late));
    let run = world
        .run_with_broker()
        .args(["--log-level", "debug"])
        .sh(UP)
        .spawn();
    world.until_freed(left.id);
    run.line("freed a session");
    run.signal(SIGTERM);
    let finished = run.wait();
    let place = |text| finished.stderr.find(text).expect("it was said");
    assert!(
        place("server started as process") < place("freed a session"),
        "{finished}"
    );
    world.assert_nothing_left();
}

#[test]
fn a_living_wrappers_session_is_never_touched() {
    let world = World::new();
    let living = world.run_with_broker().sh(UP).spawn();
    living.line("up");
    let left = world.leave_a_session();
    let other = world.run_with_broker().sh(UP).spawn();
    world.until_freed(left.id);
    other.line("up");
    other.signal(SIGTERM);
    other.wait().code(143);
    assert_eq!(world.session(1).ended, Ended::Live);
    assert_eq!(world.leases().len(), 1);
    living.signal(SIGTERM);
    living.wait().code(143).says("session released");
    world.assert_nothing_left();
}

#[test]
fn a_wrapper_that_is_still_minting_keeps_its_place() {
    let world = World::new();
    let late = Duration::from_secs(1);
    world.emulator.fault(Fault::on(MINT).latency(late));
    let minting = world.run_with_broker().sh(UP).spawn();
    world.until_asked("POST", MINT, 1);
    for _ in 0..3 {
        world.run_with_broker().sh("exit 0").finish().code(0);
    }
    minting.line("up");
    assert_eq!(world.tokens_on_disk().len(), 1);
    minting.signal(SIGTERM);
    minting.wait().code(143).never_says("warning");
    world.assert_nothing_left();
}

#[test]
fn wrappers_that_start_at_once_free_each_leftover_once() {
    const LEFT: usize = 8;
    let world = World::new();
    let left = world.leave_sessions(LEFT);
    let runs: Vec<Running> = (0..16)
        .map(|_| world.run_with_broker().sh(UP).spawn())
        .collect();
    for session in left {
        world.until_freed(session.id);
    }
    for run in runs {
        run.line("up");
        run.signal(SIGTERM);
        run.wait().code(143).never_says("warning");
    }
    world.assert_nothing_left();
    assert_eq!(world.answers("DELETE", RELEASE), vec![Some(204); LEFT + 16]);
}

#[test]
fn a_state_folder_that_moved_or_was_copied_is_as_good_as_before() {
    let world = World::new();
    let moved = |from: &Path, to: &Path| fs::rename(from, to).expect("it can be renamed");
    let copied = |from: &Path, to: &Path| {
        fs::create_dir_all(to.join("leases")).expect("there is room");
        for lease in world.leases() {
            let name = lease.file_name().expect("it has a name");
            fs::copy(&lease, to.join("leases").join(name)).expect("there is room");
        }
        fs::remove_dir_all(from).expect("it can be removed");
    };
    type Way<'a> = (&'a dyn Fn(&Path, &Path), &'a str);
    let ways: [Way<'_>; 2] = [(&moved, "moved"), (&copied, "copied")];
    for (way, name) in ways {
        let left = world.leave_a_session();
        let elsewhere = world.path(name);
        way(&world.state_dir(), &elsewhere);
        let run = world
            .run_with_broker()
            .env("HYTALE_ENTRYPOINT_STATE_DIR", &elsewhere)
            .sh(UP)
            .spawn();
        world.until_freed(left.id);
        run.line("up");
        run.signal(SIGTERM);
        run.wait().code(143);
        let leases = fs::read_dir(elsewhere.join("leases")).expect("it is there");
        assert_eq!(leases.count(), 0);
        world.assert_nothing_left();
    }
}

#[test]
fn while_the_service_is_down_leases_stay_and_the_next_start_frees_them() {
    let world = World::new();
    let gate = Gate::new(&world);
    world.leave_sessions(2);
    let down = Fault::on(RELEASE).method("DELETE").status(503).always();
    world.emulator.fault(down);
    let run = world.run_with_broker().sh(Gate::SERVER).spawn();
    run.line("cannot free a session that a killed process has left");
    gate.open();
    run.wait()
        .code(0)
        .says(
            "warning: cannot free a session that a killed process has left: the session service answered 503 \
             to the release; its lease stays",
        )
        .says(
            "warning: cannot release the session: the session service answered 503 to the release; its lease \
             stays for the next start",
        );
    assert_eq!((world.emulator.live(), world.leases().len()), (3, 3));
    world.emulator.clear_faults();
    let run = world.run_with_broker().sh(UP).spawn();
    (1..=3).for_each(|id| world.until_freed(id));
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn a_session_that_cannot_be_freed_does_not_hold_up_the_others() {
    let world = World::new();
    let mut others = world.leave_sessions(9);
    let gone = world.leases().remove(0);
    others.retain(|session| token_in(&gone).as_ref() != Some(&session.newest_token));
    let text = fs::read_to_string(&gone).expect("it can be read");
    // Nobody listens on port 1, as when a test's own service is long gone.
    let text = text.replace(world.emulator.url(), "http://127.0.0.1:1");
    fs::write(&gone, text).expect("it can be written");
    let run = world.run_with_broker().sh(UP).spawn();
    run.line("cannot free a session that a killed process has left: cannot reach 127.0.0.1:1");
    for other in others {
        world.until_freed(other.id);
    }
    run.signal(SIGTERM);
    run.wait().code(143);
    assert_eq!(world.leases(), [gone]);
}

#[test]
fn where_our_own_leftover_takes_the_last_slot_the_sweep_makes_room() {
    let world = one_slot();
    world.leave_a_session();
    // The release answers last, and the wrapper waits for it all the same.
    let late = Duration::from_secs(1);
    world
        .emulator
        .fault(Fault::on(RELEASE).method("DELETE").latency(late));
    let run = world.run_with_broker().sh(UP).spawn();
    run.line("up");
    run.signal(SIGTERM);
    run.wait().code(143).says(
        "broker: no session slot is free: create session status 403: {\"error\":\"session limit reached\"}; \
         trying again once our leftovers are freed",
    );
    // Of the life before, and of this one.
    assert_eq!(
        world.answers("POST", MINT),
        [Some(200), Some(400), Some(200)]
    );
    world.assert_nothing_left();
}

#[test]
fn where_others_take_the_last_slot_the_end_is_75_after_two_tries() {
    let world = one_slot();
    let _taken = world.emulator.mint(&Mint::default());
    world
        .run_with_broker()
        .sh("echo started")
        .finish()
        .code(75)
        .never_says("started");
    assert_eq!(world.answers("POST", MINT), [Some(400), Some(400)]);
    assert_eq!(world.leases(), Vec::<std::path::PathBuf>::new());

    // A living wrapper's session is not ours to free either.
    let world = one_slot();
    let living = world.run_with_broker().sh(UP).spawn();
    living.line("up");
    world.run_with_broker().sh("exit 0").finish().code(75);
    assert_eq!(world.session(1).ended, Ended::Live);
    living.signal(SIGTERM);
    living.wait().code(143);
    world.assert_nothing_left();
}

#[test]
fn a_restart_with_the_same_tokens_keeps_their_session() {
    let world = World::new();
    let pair = world.emulator.mint(&Mint::default());
    let run = || world.run_with_broker().tokens(&pair);
    let killed = run().sh(UP).spawn();
    killed.line("up");
    // Its end shows later that the sweep has gone by.
    let other = world.leave_a_session();
    killed.signal(SIGKILL);
    killed.wait().killed_by(SIGKILL);

    let again = run().sh(UP).spawn();
    again.line("up");
    world.until_freed(other.id);
    until("one lease of the one session", || world.leases().len() == 1);
    assert_eq!(world.session(1).ended, Ended::Live);
    again.signal(SIGTERM);
    again.wait().code(143).says("session released");
    world.assert_nothing_left();
    // One for each session, and no more.
    assert_eq!(world.answers("DELETE", RELEASE), [Some(204); 2]);
}
