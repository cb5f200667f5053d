//! The service fails, in every way that the emulator knows, at each request of a life: what that leaves is freed at
//! the next start. Lost is only a session whose answer was lost, and that is counted.

use std::time::Duration;

use hytale_emulator::{Behaviour, Fault, FaultSite, OldToken};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::conditions::each;
use crate::support::say;
use crate::support::servers::{UP, UP_AND_STOP};
use crate::support::short_lived::REFRESH;
use crate::support::{Kills, World};

const MINT: &str = "/v1/game-session";
const UPSTREAM: &str = "/game-session/new";
const RELEASE: &str = "/game-session";

/// A way to fail.
#[derive(Clone, Copy)]
struct Failure {
    name: &'static str,
    at: fn(FaultSite) -> Fault,
    /// Whether the service does as it was asked and the answer is lost.
    loses_the_answer: bool,
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn failure(name: &'static str, at: fn(FaultSite) -> Fault) -> Failure {
    let loses_the_answer = false;
    Failure {
        name,
        at,
        loses_the_answer,
    }
}

const fn lost(name: &'static str, at: fn(FaultSite) -> Fault) -> Failure {
    let loses_the_answer = true;
    Failure {
        name,
        at,
        loses_the_answer,
    }
}

/// All of them, but for `body`: a made-up answer to a release is as good as a true one.
static FAILURES: [Failure; 17] = [
    failure("latency", |site| site.latency(Duration::from_millis(300))),
    failure("drop before", FaultSite::drop_before),
    lost("drop after", FaultSite::drop_after),
    failure("400", |site| site.status(400)),
    failure("408", |site| site.status(408)),
    failure("429", |site| site.status(429)),
    failure("500", |site| site.status(500)),
    failure("502", |site| site.status(502)),
    failure("503", |site| site.status(503).retry_after("1")),
    failure("504", |site| site.status(504)),
    failure("garbage", FaultSite::garbage),
    lost("garbage after", FaultSite::garbage_after),
    failure("endless", FaultSite::endless),
    failure("slow", |site| site.slow(Duration::from_millis(1))),
    failure("redirect", |site| site.redirect("http://127.0.0.1:1/")),
    lost("huge headers", FaultSite::huge_headers),
    failure("hang", FaultSite::hang),
];

#[test]
fn a_mint_that_fails_in_any_way_leaves_nothing_but_the_session_whose_answer_was_lost() {
    let cases = FAILURES
        .iter()
        .flat_map(|f| [MINT, UPSTREAM].map(|at| (at, f)));
    let lost = each(cases, 16, |&(at, failure)| {
        let world = World::new();
        world.emulator.fault((failure.at)(Fault::on(at)));
        let life = world.run_with_broker().args(["--broker-timeout", "5s"]);
        let finished = life.sh(UP_AND_STOP).finish();
        // A refusal is not tried again; anything else is.
        assert!(
            matches!(finished.status.code(), Some(69 | 77 | 143)),
            "{finished}"
        );
        assert!(world.leases().is_empty(), "{:?}", world.leases());
        let lost = world.emulator.live();
        // The broker reads answers with headers of any size.
        let read = at == UPSTREAM && failure.name == "huge headers";
        let loses = failure.loses_the_answer && !read;
        assert_eq!(lost, usize::from(loses), "{finished}");
        world.run_with_broker().sh(UP_AND_STOP).finish().code(143);
        assert_eq!((world.emulator.live(), world.leases().len()), (lost, 0));
        lost
    });
    say(&format!(
        "outages at the mint: {}; {} sessions lost with their answer",
        lost.len(),
        lost.into_iter().sum::<usize>()
    ));
}

/// A DELETE that is answered with 200 is done, whatever the body says.
fn at_the_release() -> impl Iterator<Item = &'static Failure> {
    FAILURES.iter().filter(|failure| failure.name != "garbage")
}

#[test]
fn a_release_that_fails_in_any_way_is_made_up_for_at_the_next_start() {
    let cases = at_the_release().flat_map(|f| [(f, false), (f, true)]);
    each(cases, 16, |&(failure, for_good)| {
        let world = World::new();
        let mut fault = (failure.at)(Fault::on(RELEASE).method("DELETE"));
        if for_good {
            fault = fault.always();
        }
        world.emulator.fault(fault);
        // Whatever comes of the release, the exit code is the server's.
        let finished = world.run_with_broker().sh("exit 7").finish();
        finished.code(7);
        world.emulator.clear_faults();
        assert_eq!(
            finished.stderr.contains("its lease stays"),
            !world.leases().is_empty(),
            "{finished}"
        );
        Kills::of(&world).start_once_more(world.run_with_broker());
        world.assert_nothing_left();
    });
}

#[test]
fn a_sweep_that_fails_in_any_way_is_made_up_for_at_the_next_start() {
    each(at_the_release(), 16, |failure| {
        let world = World::new();
        let left = world.leave_a_session();
        let site = Fault::on(RELEASE).method("DELETE");
        world.emulator.fault((failure.at)(site));
        let run = world.run_with_broker().sh(UP).spawn();
        run.line("up");
        run.line("a session that a killed process ha");
        run.signal(SIGTERM);
        run.wait().code(143);
        world.emulator.clear_faults();
        Kills::of(&world).start_once_more(world.run_with_broker());
        world.until_freed(left.id);
        world.assert_nothing_left();
    });
}

#[test]
fn a_renewal_that_fails_in_any_way_harms_nobody() {
    let old_tokens = [OldToken::Ends, OldToken::StillWorks];
    let cases = FAILURES.iter().flat_map(|f| old_tokens.map(|old| (old, f)));
    let lost = each(cases, 34, |&(old_token, failure)| {
        let world = World::short_lived(Behaviour {
            old_token,
            ..Behaviour::default()
        });
        world.emulator.fault((failure.at)(Fault::on(REFRESH)));
        let run = world.run_short_lived().sh(UP).spawn();
        run.line("up");
        world.until_asked("POST", REFRESH, 1);
        run.signal(SIGTERM);
        let finished = run.wait();
        finished.code(143);
        let lost = failure.loses_the_answer && old_token == OldToken::Ends;
        assert_eq!(world.emulator.live(), usize::from(lost), "{finished}");
        assert!(world.leases().is_empty(), "{finished}");
        if lost {
            finished.never_says("session released");
        }
        usize::from(lost)
    });
    say(&format!(
        "outages at a renewal: {}; {} newer tokens lost with their answer",
        lost.len(),
        lost.into_iter().sum::<usize>()
    ));
}
