//! Proxies: asked for what lies beyond this machine, as the usual variables say, and never for loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use crate::support::World;

/// A proxy that refuses its first request with 401 and tells its first line.
fn refusing_proxy() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("somebody asks");
        let mut line = String::new();
        BufReader::new(&client)
            .read_line(&mut line)
            .expect("it asks something");
        let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        client.write_all(answer.as_bytes()).expect("it listens");
        line.trim_end().to_owned()
    });
    (url, asked)
}

#[test]
fn a_broker_elsewhere_is_reached_through_the_proxy() {
    let world = World::new();
    let (proxy, asked) = refusing_proxy();
    world
        .run()
        .env("HTTP_PROXY", &proxy)
        .env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            "http://broker.test:8080/base/",
        )
        .sh("exit 0")
        .finish()
        .code(77);
    assert_eq!(
        asked.join().unwrap(),
        "POST http://broker.test:8080/base/v1/game-session HTTP/1.1"
    );
}

#[test]
fn a_service_with_tls_is_reached_through_a_tunnel() {
    let world = World::new();
    let (proxy, asked) = refusing_proxy();
    world
        .run()
        .env("HTTPS_PROXY", &proxy)
        .env("HYTALE_SESSION_TOKEN_BROKER_URL", "https://broker.test")
        .args(["--token-timeout", "500ms"])
        .sh("exit 0")
        .finish()
        .code(69);
    assert_eq!(asked.join().unwrap(), "CONNECT broker.test:443 HTTP/1.1");
}

#[test]
fn what_no_proxy_names_and_loopback_are_reached_directly() {
    let world = World::new();
    let nowhere = "http://127.0.0.1:9"; // the discard port: whoever asks it has lost
    world
        .run_with_broker()
        .env("HTTP_PROXY", nowhere)
        .env("HTTPS_PROXY", nowhere)
        .sh("exit 3")
        .finish()
        .code(3);
    world.assert_nothing_left();
    let finished = world
        .run()
        .env("HTTP_PROXY", nowhere)
        .env("NO_PROXY", "broker.test")
        .env("HYTALE_SESSION_TOKEN_BROKER_URL", "http://broker.test:8080")
        .args(["--token-timeout", "500ms"])
        .sh("exit 0")
        .finish();
    finished.code(69);
    assert!(
        finished.stderr.contains("broker.test:8080: dns error"),
        "{finished}"
    );
}
