//! What the wrapper still knows while its server runs: the one token that frees the slot, and no other secret, wherever
//! it came from and in whatever form it passed. Whoever gets at a process that lives for months gets no more than that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hytale_emulator::{Behaviour, Options, Secret};
use nix::sys::signal::Signal::SIGTERM;
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::credentials::Fields;
use crate::support::door;
use crate::support::world::Start;
use crate::support::{DEADLINE, World, not_tried, processes, until};

/// Secrets of our own choosing: long, and like nothing else in a process.
const BEARER: &str = "bearer-Kq7ZtW2mXv9RbN4cLd8HsGf3JpYw6TzA1eUo5iQy";
const AUTH_KEY: &str = "authkey-Vn3XrC8sMq6KdTw9ZbHj2PfLy5GaEu7RoQi4Wt1";

/// Says `up`, and keeps what it was given where the test finds it.
const SERVER: &str =
    r#"printf %s "$2" >session; printf %s "$4" >identity; echo up; exec sleep 300"#;

/// How much of a secret is as bad as the whole.
const PIECE: usize = 20;

/// All that a process can write to, by the name of the region.
fn memory(pid: Pid) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it lives");
    let mem = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    let regions = maps.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let writable = words.next()?.contains('w');
        let name = words.nth(3).unwrap_or("anonymous");
        let number = |text| u64::from_str_radix(text, 16).expect("it is an address");
        let (from, to) = (number(from), number(to));
        let mut bytes = vec![0; usize::try_from(to - from).expect("it fits")];
        let read = writable && mem.read_exact_at(&mut bytes, from).is_ok();
        read.then(|| (name.to_owned(), bytes))
    });
    regions.collect()
}

/// Where pieces of a secret are, and how many places. A JWT's last part is what nobody can make up, and an opaque
/// token's is random as well.
fn found(memory: &[(String, Vec<u8>)], secret: &str) -> BTreeMap<String, usize> {
    let essence = &secret.as_bytes()[secret.len() - 2 * PIECE..];
    let mut forms = vec![essence[..PIECE].to_vec(), essence[PIECE..].to_vec()];
    // In base64 its bytes may begin at any of three places in a group.
    for shift in 0..3 {
        let encoded = STANDARD_NO_PAD.encode(&essence[shift..shift + PIECE + 1]);
        forms.push(encoded.as_bytes()[..PIECE].to_vec());
    }
    let mut places = BTreeMap::new();
    for (name, bytes) in memory {
        let most = forms
            .iter()
            .map(|form| memchr::memmem::find_iter(bytes, form).count());
        let most = most.max().unwrap_or_default();
        if most > 0 {
            *places.entry(name.clone()).or_default() += most;
        }
    }
    places
}

/// Waits until nothing is left of these secrets, and of the session token one copy, which it has to have.
#[track_caller]
fn knows_only_the_session_token(
    world: &World,
    start: Start,
    secrets: impl Fn() -> Vec<(&'static str, String)>,
) {
    let run = start.sh(SERVER).arg("sh").spawn();
    run.line("up");
    assert_eq!(
        processes::name(run.pid()).as_deref(),
        Some(processes::ENTRYPOINT)
    );
    let read = |name| fs::read_to_string(world.path(name)).expect("the server wrote it");
    let (session, identity) = (read("session"), read("identity"));
    assert!(session.starts_with("eyJ") && identity.starts_with("eyJ"));
    let mut secrets = secrets();
    secrets.push(("identity token", identity));
    let left = || {
        let memory = memory(run.pid());
        let mut left: Vec<_> = secrets
            .iter()
            .map(|(name, secret)| (*name, found(&memory, secret)))
            .filter(|(_, places)| !places.is_empty())
            .collect();
        let ours = found(&memory, &session);
        // At the least it is there: else we would have looked in vain for all of them.
        if ours.values().sum::<usize>() != 1 {
            left.push(("session token", ours));
        }
        left
    };
    // Connections are still being closed when the server is up already.
    let deadline = std::time::Instant::now() + DEADLINE / 6;
    while !left().is_empty() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    let left = left();
    assert!(left.is_empty(), "{left:#?}");
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
    world.assert_nothing_left();
}

/// Whether the memory of a process that is not dumpable can be read here.
fn may_look() -> bool {
    const SYS_PTRACE: u64 = 1 << 19;
    let may = processes::signals(Pid::this(), "CapEff") & SYS_PTRACE != 0;
    if !may {
        not_tried("what is left in memory: only root, with CAP_SYS_PTRACE, can look there");
    }
    may
}

#[test]
fn nothing_is_left_of_what_a_broker_was_told_and_what_it_told() {
    if !may_look() {
        return;
    }
    let world = World::with(Options {
        broker_token: Some(Secret::from(BEARER)),
        ..Options::default()
    });
    let bearer = world.write("bearer", BEARER);
    let secrets = || vec![("bearer", BEARER.to_owned())];
    let plain = world
        .run_with_broker()
        .arg("--broker-token-file")
        .arg(&bearer);
    knows_only_the_session_token(&world, plain, secrets);
    let variable = "HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN";
    let plain = world.run_with_broker().env(variable, BEARER);
    knows_only_the_session_token(&world, plain, secrets);
    let tls = world
        .run()
        .env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            door::before(world.emulator.url()),
        )
        .env("SSL_CERT_FILE", door::CERTIFICATE)
        .env(variable, BEARER);
    knows_only_the_session_token(&world, tls, secrets);
}

#[test]
fn nothing_is_left_of_a_login_and_its_key() {
    if !may_look() {
        return;
    }
    let world = World::new();
    let key = world.write("key-file", AUTH_KEY);
    let ways: [&dyn Fn(Start) -> Start; 2] =
        [&|start| start.arg("--auth-key-file").arg(&key), &|start| {
            start.env("HYTALE_AUTH_KEY", AUTH_KEY)
        }];
    for way in ways {
        for fields in [world.login(), world.login().expired()] {
            world.write("auth.enc", fields.seal(AUTH_KEY));
            let start = way(world.run_with_store_alone());
            // A renewed login is on disk before it is used.
            knows_only_the_session_token(&world, start, || {
                let renewed = Fields::open(&world.file(), AUTH_KEY).expect("it is the key");
                let tokens = [&fields, &renewed].into_iter().flat_map(|fields| {
                    let (access, refresh) = (fields.access(), fields.refresh());
                    [("access token", access), ("refresh token", refresh)]
                });
                let all = tokens.chain([("key", AUTH_KEY)]);
                all.map(|(name, secret)| (name, secret.to_owned()))
                    .collect()
            });
        }
    }
}

#[test]
fn nothing_is_left_of_tokens_in_variables_but_the_one_that_frees_the_slot() {
    if !may_look() {
        return;
    }
    let world = World::new();
    knows_only_the_session_token(&world, world.run().tokens(&world.mint()), Vec::new);
    let how = ["--pass-tokens", "env"];
    let start = world.run().tokens(&world.mint()).args(how);
    // Such a server has them in its environment, and is asked to write them down from there.
    let run = start
        .sh(r#"printf %s "$HYTALE_SERVER_IDENTITY_TOKEN" >identity; echo up; exec sleep 300"#)
        .spawn();
    run.line("up");
    let identity = fs::read_to_string(world.path("identity")).expect("the server wrote it");
    assert!(found(&memory(run.pid()), &identity).is_empty());
    // Nor do they stand where every process of the same user could have read them, had it been dumpable.
    assert!(!processes::environment(run.pid()).contains("eyJ"));
    run.signal(SIGTERM);
    run.wait().code(143);
}

/// As its lease has it, if that is not being replaced at this moment.
fn newest_token(world: &World) -> Option<String> {
    let leases = world.leases();
    let lease = leases
        .iter()
        .find(|lease| lease.extension().is_some_and(|e| e == "json"))?;
    let lease: Value = serde_json::from_slice(&fs::read(lease).ok()?).ok()?;
    Some(lease["session_token"].as_str()?.to_owned())
}

#[test]
fn a_token_that_was_renewed_takes_the_place_of_the_old_one() {
    if !may_look() {
        return;
    }
    let world = World::short_lived(Behaviour::default());
    let run = world.run_short_lived().sh(SERVER).arg("sh").spawn();
    run.line("up");
    let old = fs::read_to_string(world.path("session")).expect("the server wrote it");
    world.until_renewed(1);
    until("only the newest is left", || {
        // Another one may come at any time, and takes this one's place in the same way.
        let newest = newest_token(&world);
        let memory = memory(run.pid());
        let count = |token: &str| found(&memory, token).values().sum::<usize>();
        count(&old) == 0 && newest.is_some_and(|newest| count(&newest) == 1)
    });
    run.signal(SIGTERM);
    run.wait().code(143).says("session released");
}
