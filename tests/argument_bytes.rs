//! The argument file against a real JVM's reader: arguments of every byte that one may hold, made at random, arrive as
//! they would have without us.
//!
//! A JVM decodes arguments, and lossily where they are no text in its locale's encoding. In Latin-1 every byte is a
//! character, so there the arguments of `main` tell every byte.

use std::ffi::{OsStr, OsString};
use std::iter::repeat_with;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use fastrand::Rng;
use serde_json::Value;

use crate::support::{World, say, stand_in_jar};

/// What means something to a launcher, a shell or whoever quotes for one.
const SPECIAL: &[u8] = b"\\\"'#@ \t\n\r\x0c-=$*\x01\x7f\x80\xff";

/// All single bytes, all pairs of special ones, and whatever chance brings: mostly special bytes, so that they meet.
fn arguments(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (1..=255).map(|byte| vec![byte]).collect();
    for &first in SPECIAL {
        all.extend(SPECIAL.iter().map(|&second| vec![first, second]));
    }
    let special = |rng: &mut Rng| SPECIAL[rng.usize(..SPECIAL.len())];
    let any = |rng: &mut Rng| match rng.u8(..3) {
        0 => rng.u8(1..),
        _ => special(rng),
    };
    for _ in 0..500 {
        let length = rng.usize(..40);
        all.push(repeat_with(|| any(rng)).take(length).collect());
    }
    // The launcher reads in pieces, so that some of these are cut everywhere.
    for length in [4_095, 4_096, 4_097, 65_536, 100_000] {
        all.push(repeat_with(|| any(rng)).take(length).collect());
        all.push(repeat_with(|| special(rng)).take(length).collect());
    }
    rng.shuffle(&mut all);
    all
}

/// As characters, one a byte.
fn characters(argument: &[u8]) -> Value {
    argument
        .iter()
        .copied()
        .map(char::from)
        .collect::<String>()
        .into()
}

#[track_caller]
fn assert_same(how: &str, seed: u64, arrived: &[Value], given: &[Value]) {
    let differs = arrived
        .iter()
        .zip(given)
        .position(|(one, other)| one != other);
    if let Some(at) = differs {
        panic!(
            "{how}, seed {seed}, argument {at}: {} became {}",
            given[at], arrived[at]
        );
    }
    assert_eq!(arrived.len(), given.len(), "{how}, seed {seed}");
}

/// A locale in whose encoding every byte is a character, made here, as few machines have one.
fn latin_1(world: &World) -> bool {
    let made = Command::new("localedef")
        .args(["--no-archive", "--force", "-i", "POSIX", "-f", "ISO-8859-1"])
        .arg(world.path("latin-1"))
        .output();
    // Its exit code tells of warnings, too.
    let made = made.is_ok() && world.path("latin-1/LC_CTYPE").exists();
    if !made {
        say(
            "LEFT OUT: no Latin-1 locale can be made here (localedef, of the package locales), so the arguments of any \
             bytes are compared as this machine's JVM shows them",
        );
    }
    made
}

#[test]
fn arguments_of_any_bytes_arrive_as_they_would_without_us() {
    for seed in [1, fastrand::u64(..)] {
        let world = World::new();
        let locale = match latin_1(&world) {
            true => "latin-1",
            false => "C.UTF-8",
        };
        let environment = [
            ("LC_ALL", locale.into()),
            ("LOCPATH", world.path("")),
            ("HYTALE_STAND_IN_REPORT", world.path("report")),
            ("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "5".into()),
        ];
        let arguments = arguments(&mut Rng::with_seed(seed));
        let given: Vec<Value> = arguments
            .iter()
            .map(|argument| characters(argument))
            .collect();
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from_vec).collect();
        say(&format!(
            "arguments of any bytes: {} with seed {seed}",
            arguments.len()
        ));
        let java = hytale_emulator::stand_in::java().expect("there is a JDK");
        let ended = Command::new(&java)
            .env_clear()
            .envs(environment.clone())
            .arg("-jar")
            .arg(stand_in_jar())
            .args(&arguments)
            .output();
        assert_eq!(ended.expect("java can be started").status.code(), Some(5));
        let alone = world.take_json("report")["argv"].take();
        let alone = alone.as_array().expect("a list");
        if locale == "latin-1" {
            assert_same("java alone", seed, alone, &given);
        }
        for how in ["argfile", "args"] {
            let start = world.run().tokens(&world.mint()).stand_in();
            let start = environment
                .iter()
                .fold(start, |start, (name, value)| start.env(name, value));
            let start = start
                .args(["--pass-tokens", how, "--"])
                .args(["java", "-jar"]);
            start.arg(stand_in_jar()).args(&arguments).finish().code(5);
            let arrived = world.take_json("report")["argv"].take();
            let arrived = arrived.as_array().expect("a list");
            let (ours, tokens) = arrived.split_at(arrived.len() - 4);
            assert_same(how, seed, ours, alone);
            assert_eq!(tokens[0], "--session-token", "{how}");
        }
    }
}

/// An argument of the wrapper is the server's from the first word on that is no option, whatever its bytes.
#[test]
fn bytes_are_bytes_for_any_other_server_as_well() {
    let world = World::new();
    let all: Vec<u8> = (1..=255).collect();
    let start = world.run().tokens(&world.mint());
    let start = start.sh(r#"printf %s "$1" >argument"#).arg("sh");
    start.arg(OsStr::from_bytes(&all)).finish().code(0);
    assert_eq!(
        std::fs::read(world.path("argument")).expect("it was written"),
        all
    );
}
