//! Each fault does what its name says, as often as it was told to.

use std::io::Read;
use std::time::{Duration, Instant};

use hytale_emulator::{Emulator, Fault, Options, Outcome};
use serde_json::json;

use crate::client::{Answer, Ask, PATIENCE, ask, receive_head};

const PATH: &str = "/v1/game-session";

fn start() -> Emulator {
    Emulator::start(Options::default()).unwrap()
}

fn request(emulator: &Emulator) -> Ask<'_> {
    ask(emulator.url(), "POST", PATH).json(&json!({}))
}

fn struck(fault: Fault) -> (Emulator, Answer) {
    let emulator = start();
    emulator.fault(fault);
    let answer = request(&emulator).send();
    (emulator, answer)
}

#[test]
fn latency_delays_the_true_answer() {
    let begun = Instant::now();
    let (emulator, answer) = struck(Fault::on(PATH).latency(Duration::from_millis(30)));
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert_eq!((answer.status, emulator.live()), (200, 1));
    assert_eq!(emulator.requests()[0].faults, ["latency"]);
}

#[test]
fn a_drop_before_does_nothing_and_a_drop_after_does_the_work() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).drop_before());
    assert!(request(&emulator).try_send().is_err());
    assert_eq!(emulator.live(), 0);
    emulator.fault(Fault::on(PATH).drop_after());
    assert!(request(&emulator).try_send().is_err());
    assert_eq!(emulator.live(), 1);
    assert!(
        emulator
            .requests()
            .iter()
            .all(|request| request.outcome == Outcome::Dropped)
    );
}

#[test]
fn a_status_comes_with_its_body_and_its_retry_after_and_nothing_is_done() {
    let (emulator, answer) = struck(
        Fault::on(PATH)
            .status(429)
            .with_body("slower")
            .retry_after("1"),
    );
    assert_eq!(
        (answer.text(), answer.headers["retry-after"].as_str()),
        ((429, "slower"), "1")
    );
    assert_eq!(emulator.live(), 0);
    assert_eq!(
        struck(Fault::on(PATH).status(503)).1.text(),
        (503, "Service Unavailable")
    );
}

#[test]
fn garbage_is_no_json_and_is_made_before_or_after_the_work() {
    for (fault, live) in [
        (Fault::on(PATH).garbage(), 0),
        (Fault::on(PATH).garbage_after(), 1),
    ] {
        let (emulator, answer) = struck(fault);
        assert_eq!((answer.status, emulator.live()), (200, live));
        assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
    }
}

#[test]
fn a_literal_body_is_sent_as_it_is() {
    let (emulator, answer) = struck(Fault::on(PATH).body(r#"{"session_token":"a\r\nb"}"#));
    assert_eq!(answer.text(), (200, r#"{"session_token":"a\r\nb"}"#));
    assert_eq!(
        (answer.headers["content-type"].as_str(), emulator.live()),
        ("application/json", 0)
    );
}

#[test]
fn an_endless_body_goes_on_past_every_sensible_limit() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).endless());
    let mut stream = request(&emulator).start();
    assert_eq!(receive_head(&mut stream).unwrap().0, 200);
    let mut body = vec![0; 8 * 1024 * 1024];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(emulator.live(), 0);
}

#[test]
fn a_slow_answer_is_the_true_one_a_byte_at_a_time() {
    let begun = Instant::now();
    let emulator = start();
    emulator.fault(Fault::on("/healthz").slow(Duration::from_millis(3)));
    assert_eq!(
        ask(emulator.url(), "GET", "/healthz").send().text(),
        (200, r#"{"ok":true}"#)
    );
    assert!(begun.elapsed() >= 11 * Duration::from_millis(3));
}

#[test]
fn a_redirect_points_where_it_was_told_to() {
    let (emulator, answer) = struck(Fault::on(PATH).redirect("http://127.0.0.1:1/"));
    assert_eq!(
        (answer.status, answer.headers["location"].as_str()),
        (302, "http://127.0.0.1:1/")
    );
    assert_eq!(emulator.live(), 0);
}

#[test]
fn huge_headers_are_more_than_a_megabyte() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).huge_headers());
    let mut stream = request(&emulator).start();
    let mut bytes = vec![0; 1024 * 1024];
    stream.read_exact(&mut bytes).unwrap();
    assert!(!bytes.windows(4).any(|end| end == b"\r\n\r\n"));
}

#[test]
fn a_hanging_request_is_never_answered_and_holds_up_no_other() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).hang());
    let hanging = request(&emulator).start();
    assert!(emulator.wait_for(|view| view.count("POST", PATH) == 1, PATIENCE));
    assert_eq!(request(&emulator).send().status, 200);
    assert_eq!(emulator.requests()[0].outcome, Outcome::Pending);
    hanging.get_ref().set_nonblocking(true).unwrap();
    let nothing = hanging.get_ref().peek(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_client_that_hangs_up_does_not_stop_the_work() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).latency(Duration::from_millis(30)));
    let connection = request(&emulator).start();
    assert!(emulator.wait_for(|view| view.count("POST", PATH) == 1, PATIENCE));
    drop(connection);
    assert!(emulator.wait_for(|view| view.live() == 1, PATIENCE));
}

#[test]
fn faults_are_used_up_in_their_order_and_a_latency_goes_with_the_next() {
    let emulator = start();
    emulator.fault(Fault::on(PATH).latency(Duration::from_millis(1)).times(4));
    emulator.fault(Fault::on(PATH).status(503).times(2));
    emulator.fault(Fault::on(PATH).status(500));
    let statuses = [(); 5].map(|()| request(&emulator).send().status);
    assert_eq!(statuses, [503, 503, 500, 200, 200]);
    let faults = emulator
        .requests()
        .into_iter()
        .map(|request| request.faults)
        .collect::<Vec<_>>();
    let both = vec!["latency", "status"];
    assert_eq!(
        faults,
        [both.clone(), both.clone(), both, vec!["latency"], vec![]]
    );
}

#[test]
fn a_fault_strikes_only_its_path_and_method() {
    let emulator = start();
    emulator.fault(
        Fault::on("/game-session")
            .method("DELETE")
            .status(500)
            .always(),
    );
    assert_eq!(request(&emulator).send().status, 200);
    assert_eq!(
        ask(emulator.url(), "GET", "/game-session").send().status,
        405
    );
    assert_eq!(
        ask(emulator.url(), "DELETE", "/game-session").send().status,
        500
    );
    emulator.clear_faults();
    assert_eq!(
        ask(emulator.url(), "DELETE", "/game-session").send().status,
        401
    );
}

#[test]
fn a_chance_strikes_the_same_requests_for_the_same_seed() {
    let run = || {
        let emulator = start();
        emulator.fault(Fault::on("/healthz").status(500).chance(0.33, 7));
        (0..300)
            .map(|_| ask(emulator.url(), "GET", "/healthz").send().status)
            .collect::<Vec<_>>()
    };
    let first = run();
    let struck = first.iter().filter(|status| **status == 500).count();
    assert!((60..140).contains(&struck), "{struck} of 300");
    assert_eq!(first, run());
}
