//! Tokens that no server could live with are refused before one is started, whoever they come from, and
//! not a character of them is ever shown.

use std::time::Duration;

use hytale_emulator::{Fault, ForgeOptions, Mint};

use crate::support::{Finished, World};

const MINT: &str = "/v1/game-session";

fn forged(world: &World, expires_in: Option<i64>) -> String {
    let options = ForgeOptions {
        expires_in,
        ..ForgeOptions::default()
    };
    let pair = world.emulator.forge(&options);
    pair.session_token.expose_secret().to_owned()
}

fn from_broker(world: &World, session: &str, identity: &str) -> Finished {
    let quote = |token: &str| serde_json::Value::from(token).to_string();
    let body = format!(
        r#"{{"session_token":{},"identity_token":{},"expires_at":"0001-01-01T00:00:00Z"}}"#,
        quote(session),
        quote(identity)
    );
    world.emulator.fault(Fault::on(MINT).body(&body));
    world
        .run_with_broker()
        .args(["--log-level", "debug"])
        .sh("echo started")
        .finish()
}

fn from_environment(world: &World, session: &str, identity: &str) -> Finished {
    world
        .run()
        .env("HYTALE_SERVER_SESSION_TOKEN", session)
        .env("HYTALE_SERVER_IDENTITY_TOKEN", identity)
        .args(["--log-level", "debug"])
        .sh("echo started")
        .finish()
}

#[test]
fn bad_tokens_are_refused_with_77_and_never_shown() {
    let world = World::new();
    // A pair of its own for every run: freed once, tokens are refused for that reason alone.
    let good = || forged(&world, Some(3600));
    let with = |text: &str| {
        let token = good();
        format!("{}{text}{}", &token[..40], &token[40..])
    };
    type Bad<'a> = &'a dyn Fn() -> String;
    let bad: [(Bad<'_>, &str); 7] = [
        (&|| forged(&world, Some(-60)), "token expired at"),
        (
            &|| forged(&world, Some(240)),
            "sooner than the 300s that --min-token-life asks for",
        ),
        (
            &|| forged(&world, None),
            "token names no time at which it expires",
        ),
        (
            &|| with("\u{1b}"),
            "token holds a character that no token has",
        ),
        (&|| with("\n"), "token holds a character that no token has"),
        (
            &|| good() + &"x".repeat(16 * 1024),
            "token is longer than 16 KiB",
        ),
        (&|| "not-a-jwt-at-all".to_owned(), "token is not a JWT"),
    ];
    for (token, reason) in bad {
        for start in [from_broker, from_environment] {
            for (session, identity) in [(token(), good()), (good(), token())] {
                let finished = start(&world, &session, &identity);
                finished.code(77).never_says("started");
                assert!(finished.stderr.contains(reason), "{reason}: {finished}");
                for token in [session, identity] {
                    let (start, end) = (&token[..12], &token[token.len() - 12..]);
                    finished.never_says(start).never_says(end);
                }
            }
        }
    }
    world.assert_nothing_left();
}

#[test]
fn a_session_whose_tokens_are_too_short_lived_is_freed_again() {
    let world = World::with(hytale_emulator::Options {
        session_ttl: Duration::from_secs(200),
        ..hytale_emulator::Options::default()
    });
    world
        .run_with_broker()
        .sh("echo started")
        .finish()
        .code(77)
        .never_says("started");
    assert_eq!(world.emulator.sessions().len(), 1);
    world.assert_nothing_left();
}

#[test]
fn the_least_life_can_be_set_and_switched_off() {
    let world = World::new();
    let mint = || {
        let pair = world.emulator.mint(&Mint {
            lifetime: Some(Duration::from_secs(200)),
            ..Mint::default()
        });
        world.run().tokens(&pair)
    };
    mint().sh("exit 3").finish().code(77);
    mint()
        .args(["--min-token-life", "3m"])
        .sh("exit 3")
        .finish()
        .code(3);
    mint()
        .args(["--min-token-life", "0"])
        .sh("exit 3")
        .finish()
        .code(3);
    world.assert_nothing_left();
}
