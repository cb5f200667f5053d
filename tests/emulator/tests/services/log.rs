//! The request log, and many clients at once.

use std::sync::Barrier;
use std::thread;

use hytale_emulator::{Account, Caller, Emulator, Ended, Options, Slots};
use serde_json::json;

use crate::client::ask;

#[test]
fn requests_are_logged_in_order_with_everything_but_the_tokens() {
    let emulator = Emulator::start(Options::default()).unwrap();
    let login = emulator.authorize("default");
    let (access, refresh) = (login.access.expose_secret(), login.refresh.expose_secret());
    ask(emulator.url(), "GET", "/my-account/get-profiles")
        .bearer(access)
        .send();
    let form = format!("client_id=hytale-server&grant_type=refresh_token&refresh_token={refresh}");
    ask(emulator.url(), "POST", "/oauth2/token")
        .form(&form)
        .send();
    let minted = ask(emulator.url(), "POST", "/v1/game-session")
        .json(&json!({}))
        .send()
        .json();
    let session = minted["session_token"].as_str().unwrap();
    ask(emulator.url(), "DELETE", "/game-session")
        .bearer(session)
        .send();

    let log = emulator.requests();
    let seen = log.iter().map(|request| {
        (
            request.method.as_str(),
            request.path.as_str(),
            request.outcome.status(),
        )
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            ("GET", "/my-account/get-profiles", Some(200)),
            ("POST", "/oauth2/token", Some(200)),
            ("POST", "/v1/game-session", Some(200)),
            ("DELETE", "/game-session", Some(204)),
        ]
    );
    assert_eq!(log[0].bearer, Some(login.access.fingerprint()));
    assert_eq!(
        log[1].body,
        form.replace(refresh, &login.refresh.fingerprint())
    );
    assert_eq!(log[2].body, "{}");
    assert_eq!(
        log[3].bearer,
        Some(emulator.sessions()[0].newest_token.clone())
    );
    assert_eq!(emulator.broker_requests()[0].caller, Caller::Broker);
    assert_eq!(
        log.iter().map(|request| request.seq).collect::<Vec<_>>(),
        [1, 2, 3, 5]
    );

    let everything = format!("{emulator:?} {log:?} {:?} {login:?}", emulator.sessions());
    let public = ask(emulator.url(), "GET", "/_emulator/requests")
        .send()
        .body;
    for token in [
        access,
        refresh,
        session,
        minted["identity_token"].as_str().unwrap(),
    ] {
        assert!(!everything.contains(token) && !public.contains(token));
    }
}

#[test]
fn two_hundred_clients_at_once_are_all_served() {
    const CLIENTS: usize = 200;
    let accounts = vec![Account::named("default").with_slots(Slots::Limit(CLIENTS))];
    let emulator = Emulator::start(Options {
        accounts,
        ..Options::default()
    })
    .unwrap();
    let everyone = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                everyone.wait();
                let answer = ask(emulator.url(), "POST", "/v1/game-session")
                    .json(&json!({}))
                    .send();
                assert_eq!(answer.status, 200, "{}", answer.body);
                let tokens = answer.json();
                everyone.wait();
                let token = tokens["session_token"].as_str().unwrap();
                assert_eq!(
                    ask(emulator.url(), "DELETE", "/game-session")
                        .bearer(token)
                        .send()
                        .status,
                    204
                );
            });
        }
    });
    assert_eq!((emulator.live(), emulator.sessions().len()), (0, CLIENTS));
    assert!(
        emulator
            .sessions()
            .iter()
            .all(|session| session.ended == Ended::Released)
    );
}
