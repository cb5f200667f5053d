//! Exit codes: the server's own in every case, and what the wrapper's look like beside them.

use nix::sys::signal::Signal::{self, SIGTERM};

use crate::support::World;
use crate::support::conditions::each;

#[test]
fn all_256_exit_codes_are_passed_on() {
    let world = World::new();
    for some in (0..256).collect::<Vec<i32>>().chunks(16) {
        let runs: Vec<_> = some
            .iter()
            .map(|code| {
                (
                    code,
                    world
                        .run()
                        .sh_without_tokens(&format!("exit {code}"))
                        .spawn(),
                )
            })
            .collect();
        for (code, run) in runs {
            let finished = run.wait();
            finished.code(*code);
            let said = format!("hytale-entrypoint: the server ended with code {code}");
            let meant = format!("{said} (");
            let mut lines = finished.stderr.lines();
            assert!(
                lines.any(|line| line == said || line.starts_with(&meant)),
                "{finished}"
            );
        }
    }
}

/// Those that end a process which does nothing about them, but for two that belong to the C library.
pub fn fatal_signals() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| !matches!(signal, 17..=23 | 28 | 32 | 33))
}

#[test]
fn death_by_any_signal_is_128_and_its_number() {
    let world = World::new();
    each(fatal_signals(), 4, |&signal| {
        let death = format!("ulimit -c 0; kill -{signal} $$");
        let finished = world.run().sh_without_tokens(&death).finish();
        let name = Signal::try_from(signal).map_or(format!("signal {signal}"), |s| s.to_string());
        finished
            .code(128 + signal)
            .says(&format!("{name} ended the server"));
    });
}

#[test]
fn a_real_jvm_that_is_stopped_ends_with_143_or_with_0_where_that_is_a_success() {
    let world = World::new();
    for (code, settings) in [
        (143, &[][..]),
        (0, &["--success-exit", "143"]),
        (0, &["--success-exit", "2, 130,143"]),
        (143, &["--success-exit", "0,15"]),
    ] {
        let run = world.run_with_broker().args(settings).stand_in().spawn();
        run.line("Hytale Server Booted!");
        run.signal(SIGTERM);
        run.wait()
            .code(code)
            .says("the server ended with code 143")
            .says("session released");
    }
    world.assert_nothing_left();
}

#[test]
fn listed_codes_become_0_and_others_stay() {
    let world = World::new();
    for (code, becomes) in [(0, 0), (1, 1), (3, 0), (255, 0), (254, 254)] {
        let server = format!("exit {code}");
        let start = world.run().env("HYTALE_ENTRYPOINT_SUCCESS_EXIT", "3,255");
        start.sh_without_tokens(&server).finish().code(becomes);
    }
    let start = world.run().args(["--success-exit", "137"]);
    start.sh_without_tokens("kill -KILL $$").finish().code(0);
}

#[test]
fn an_error_of_the_wrapper_is_never_a_success() {
    let world = World::new();
    let all = (0..=255)
        .map(|code| code.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let start = || world.run().args(["--success-exit", &all]);
    start().sh("exit 3").finish().code(78);
    start().args(["--", "./no-such"]).finish().code(127);
    start().args(["--jar", "no.jar"]).finish().code(66);
    start().sh_without_tokens("exit 3").finish().code(0);
}
