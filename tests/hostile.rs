//! A broker and a session service that mean harm: whatever they answer costs an attempt, some memory, and no more.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use crate::support::conditions::each;
use crate::support::raw::{Answer, Raw, bytes, endless, http};
use crate::support::world::Start;
use crate::support::{World, say};

const BEARER: &str = "bearer-of-somebody-that-no-one-else-may-see";

/// KiB of heap that are enough for every answer: twenty times the longest that is read.
pub const HEAP: u32 = 20 * 1024;

/// A token that looks like one from far enough, with what may stand in it unchecked.
fn token(head: &str, tail: &str) -> String {
    let payload = json!({ "exp": Timestamp::now().as_second() + 3600 });
    token_with(head, &payload.to_string(), tail)
}

fn token_with(head: &str, payload: &str, tail: &str) -> String {
    format!("{head}.{}.{tail}", URL_SAFE_NO_PAD.encode(payload))
}

fn pair(session: &str, identity: &str) -> String {
    json!({ "session_token": session, "identity_token": identity }).to_string()
}

fn good_pair() -> String {
    pair(&token("e30", "c2ln"), &token("e30", "aWQ"))
}

/// What somebody answers, and what is then said of it; nothing where it depends on how fast this machine is.
pub struct Case {
    pub name: &'static str,
    pub answer: Answer,
    says: &'static str,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn case(name: &'static str, answer: Answer, says: &'static str) -> Case {
    Case { name, answer, says }
}

/// A byte now and then, for ever.
fn slowly(first: &'static str, byte: &'static [u8]) -> Answer {
    Arc::new(move |stream| {
        stream.write_all(first.as_bytes())?;
        loop {
            stream.write_all(byte)?;
            // Being slow is all that it does.
            sleep(Duration::from_millis(50));
        }
    })
}

const TOO_LONG: &str = "is longer than 1 MiB";
const NO_ANSWER: &str = "no answer from";
const UNREADABLE: &str = "cannot reach";
const NO_PAIR: &str = "holds no token pair";

pub fn cases() -> Vec<Case> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let twice = format!(r#"{{"session_token":"x",{}"#, &good_pair()[1..]);
    let mut not_text = good_pair().into_bytes();
    not_text[20] = 0xff;
    // gzip of a kilobyte of spaces before anything else: whoever decodes it begins with an expansion.
    let compressed = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x53, 0x50, 0x18, 5, 0xa3, 0, 0,
    ];
    vec![
        case(
            "a body without end",
            endless(format!("{ok}\r\n{{"), " ".repeat(4096)),
            TOO_LONG,
        ),
        case(
            "chunks without end",
            endless(
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n"),
                "1\r\n \r\n".repeat(500),
            ),
            "",
        ),
        case(
            "a chunk of all there is",
            endless(
                format!("{ok}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
                " ".repeat(4096),
            ),
            "",
        ),
        case(
            "more than a machine has",
            endless(
                format!("{ok}Content-Length: 99999999999999\r\n\r\n"),
                " ".repeat(4096),
            ),
            TOO_LONG,
        ),
        case(
            "a slow body",
            slowly("HTTP/1.1 200 OK\r\n\r\n{", b" "),
            NO_ANSWER,
        ),
        case(
            "slow headers",
            slowly("HTTP/1.1 200 OK\r\nX: ", b"x"),
            NO_ANSWER,
        ),
        case(
            "a header without end",
            endless(format!("{ok}X: "), "x".repeat(4096)),
            UNREADABLE,
        ),
        case(
            "headers without end",
            endless(ok, "X: y\r\n".repeat(500)),
            UNREADABLE,
        ),
        case(
            "thousands of headers",
            bytes(http(200, &many, good_pair())),
            UNREADABLE,
        ),
        case(
            "early hints without end",
            endless("", "HTTP/1.1 103 X\r\n\r\n".repeat(99)),
            "",
        ),
        case("no HTTP", endless("", "no HTTP at all\r\n"), UNREADABLE),
        case("nothing", bytes(""), UNREADABLE),
        case(
            "bytes that are no text",
            bytes(http(200, "", not_text)),
            NO_PAIR,
        ),
        case(
            "compressed",
            bytes(http(200, "Content-Encoding: gzip\r\n", compressed)),
            NO_PAIR,
        ),
        case(
            "two lengths",
            bytes(http(200, "Content-Length: 7\r\n", good_pair())),
            UNREADABLE,
        ),
        case("a length too short", bytes(shifted(-1)), NO_PAIR),
        case("a length too long", bytes(shifted(1)), UNREADABLE),
        case(
            "a depth of ten thousand",
            bytes(http(200, "", deep.clone())),
            NO_PAIR,
        ),
        case(
            "the same in an error",
            bytes(http(500, "", format!("{{\"error\":{deep}}}"))),
            "(500)",
        ),
        case("a key twice", bytes(http(200, "", twice)), NO_PAIR),
        case(
            "tokens that are numbers",
            bytes(http(200, "", r#"{"session_token":1}"#)),
            NO_PAIR,
        ),
        case("another status", bytes(http(299, "", good_pair())), "(299)"),
        case(
            "a redirect to no host at all",
            bytes(http(302, "Location: http://S%C7%BD/\r\n", "")),
            "(302)",
        ),
        case(
            "switching protocols",
            bytes("HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n"),
            "",
        ),
        case(
            "a wait of ages",
            bytes(http(503, "Retry-After: 99999999999999999999\r\n", "")),
            "(503)",
        ),
        case(
            "a wait past time",
            bytes(http(503, "Retry-After: 18446744073709551615\r\n", "")),
            "(503)",
        ),
    ]
}

/// A whole answer whose length is off by so much.
fn shifted(by: isize) -> String {
    let body = good_pair();
    let length = body.len().checked_add_signed(by).expect("it is not empty");
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// With so little patience that one or two attempts are all, and with so little memory that no answer can be kept.
fn impatient(start: Start) -> Start {
    start
        .args(["--broker-timeout", "1s", "--token-timeout", "1500ms"])
        .args(["--log-level", "debug"])
        .sh("echo started; exit 3")
        .after(&format!("ulimit -d {HEAP}"))
}

fn asking(world: &World, broker: &Raw) -> Start {
    world
        .run()
        .env("HYTALE_SESSION_TOKEN_BROKER_URL", broker.url())
        .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", BEARER)
}

#[test]
fn no_answer_of_a_broker_does_more_harm_than_none() {
    let cases = cases();
    let count = cases.len();
    each(cases, 8, |case| {
        let world = World::new();
        let broker = Raw::answering(Arc::clone(&case.answer));
        let finished = impatient(asking(&world, &broker)).finish();
        finished.code(69).never_says("started");
        finished.never_says(BEARER).never_says("eyJ");
        assert!(finished.stderr.contains(case.says), "{finished}");
        assert!(broker.requests().iter().all(|r| !r.contains("gzip")));
        world.assert_nothing_left();
    });
    say(&format!("hostile answers: {count}"));
}

/// The server's exit code is what counts, and the slot is for the next start to free.
#[test]
fn no_answer_to_a_release_does_more_harm_than_none() {
    each(cases(), 8, |case| {
        let world = World::new();
        let service = Raw::answering(Arc::clone(&case.answer));
        let start = world.run().tokens(&world.mint());
        let start = start.env("HYTALE_ENTRYPOINT_SESSIONS_URL", service.url());
        let finished = impatient(start).finish();
        finished.code(3).never_says("eyJ");
        assert!(!service.requests().is_empty(), "it was asked");
    });
}

#[test]
fn an_answer_that_breaks_off_anywhere_starts_no_server() {
    let whole = http(200, "", good_pair());
    let starts = |broker: &Raw| {
        let world = World::new();
        let start = asking(&world, broker).args(["--token-timeout", "500ms"]);
        start.sh("echo started; exit 3").finish()
    };
    each(0..whole.len(), 8, |&length| {
        let finished = starts(&Raw::answering(bytes(&whole[..length])));
        finished.code(69).never_says("started").never_says("eyJ");
    });
    let finished = impatient(asking(&World::new(), &Raw::answering(bytes(whole)))).finish();
    finished.code(3).never_says("eyJ");
}

#[test]
fn no_redirect_takes_a_bearer_elsewhere() {
    let elsewhere = Raw::answering(bytes(http(200, "", good_pair())));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/v1/game-session\r\n", elsewhere.url());
        let broker = Raw::answering(bytes(http(status, &location, "")));
        let finished = impatient(asking(&World::new(), &broker)).finish();
        finished.code(69).never_says("started");
        assert!(broker.requests()[0].contains(BEARER), "it was asked");
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[test]
fn tokens_reach_the_server_as_they_are_or_not_at_all() {
    let odd = |c: char| token(&format!("a{c}b"), &format!("{c}@#'\"\\{c}"));
    let from = |session: &str, identity: &str| {
        let broker = Raw::answering(bytes(http(200, "", pair(session, identity))));
        let world = World::new();
        let start = asking(&world, &broker)
            .env("HYTALE_STAND_IN_REPORT", world.path("report"))
            .env("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "5");
        let finished = start.stand_in().finish();
        (world, finished)
    };
    for c in ['"', '\'', '\\', '@', '#', '$', '`', '*', '~'] {
        let (session, identity) = (odd(c), token(&c.to_string(), &c.to_string()));
        let (world, finished) = from(&session, &identity);
        finished.code(5);
        let report = world.take_json("report");
        for (name, token) in [("session_token", session), ("identity_token", identity)] {
            let digest = report[name]["sha256"].as_str().expect("it got one");
            assert!(
                digest.starts_with(&hytale_emulator::fingerprint(&token)),
                "{c}"
            );
        }
    }
    for c in [' ', '\n', '\r', '\t', '\0', '\u{7f}', 'ä', '\u{2028}'] {
        for (session, identity) in [(odd(c), odd('@')), (odd('@'), odd(c))] {
            let (world, finished) = from(&session, &identity);
            let says = "holds a character that no token has";
            finished.code(77).never_says("@#'");
            assert!(finished.stderr.contains(says), "{c:?}: {finished}");
            assert!(!world.path("report").exists());
        }
    }
    for long in [16 * 1024, 500_000] {
        let (world, finished) = from(&token("e30", &"x".repeat(long)), &odd('@'));
        finished.code(77).never_says("xxxxxxxxxxxx");
        assert!(
            finished.stderr.contains("is longer than 16 KiB"),
            "{finished}"
        );
        world.assert_nothing_left();
    }
}

#[test]
fn dates_beyond_the_calendar_are_refused_and_those_at_its_end_are_dates() {
    for (exp, code) in [
        ("253402207200", 3),
        ("253402207201", 77),
        ("1e300", 77),
        ("-1e300", 77),
        ("-377705023201", 77),
        ("9223372036854775807", 77),
        ("null", 77),
        (r#""2030-01-01""#, 77),
    ] {
        let token = token_with("e30", &format!(r#"{{"exp":{exp}}}"#), "c2ln");
        let broker = Raw::answering(bytes(http(200, "", pair(&token, &token))));
        let finished = impatient(asking(&World::new(), &broker)).finish();
        assert_eq!(finished.status.code(), Some(code), "{exp}: {finished}");
    }
}
