//! Whom the entrypoint believes: roots that are compiled in, and what `SSL_CERT_FILE` and `SSL_CERT_DIR` add.
//! A door with TLS stands before the emulator, with a certificate that only the fixtures vouch for.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::World;

const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/tls/localhost.pem"
);
const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/tls/localhost.key"
);

/// Opens the door; the URL to knock at.
fn door_before(url: &str) -> String {
    let chain = vec![CertificateDer::from_pem_file(CERTIFICATE).expect("it is a fixture")];
    let key = PrivateKeyDer::from_pem_file(KEY).expect("it is a fixture");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let port = listener.local_addr().expect("it is bound").port();
    let inside = url.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        for outside in listener.incoming().flatten() {
            let connection =
                ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
            // A client that does not believe us hangs up; that is its right.
            let _ = pass(StreamOwned::new(connection, outside), &inside);
        }
    });
    format!("https://localhost:{port}")
}

/// Passes one request in and its answer out, then closes: enough for a client that makes one at a time.
fn pass(mut outside: StreamOwned<ServerConnection, TcpStream>, inside: &str) -> io::Result<()> {
    let mut inside = TcpStream::connect(inside)?;
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut some = [0; 4096];
        match outside.read(&mut some)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&some[..n]),
        }
    }
    let text = String::from_utf8_lossy(&request);
    let text = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    inside.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    inside.read_to_end(&mut answer)?;
    outside.write_all(&answer)?;
    outside.conn.send_close_notify();
    outside.flush()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length is a number"));
    body.len() >= length
}

#[test]
fn a_certificate_that_no_root_vouches_for_is_refused() {
    let world = World::new();
    let finished = world
        .run()
        .env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            door_before(world.emulator.url()),
        )
        .args(["--token-timeout", "1s"])
        .sh("exit 0")
        .finish();
    finished.code(69);
    assert!(
        finished.stderr.contains("invalid peer certificate"),
        "{finished}"
    );
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn ssl_cert_file_and_ssl_cert_dir_add_roots() {
    let world = World::new();
    let folder = Path::new(CERTIFICATE).parent().unwrap();
    for (name, value) in [
        ("SSL_CERT_FILE", Path::new(CERTIFICATE)),
        ("SSL_CERT_DIR", folder),
    ] {
        let door = door_before(world.emulator.url());
        world
            .run()
            .env("HYTALE_SESSION_TOKEN_BROKER_URL", &door)
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", &door)
            .env(name, value)
            .sh("exit 3")
            .finish()
            .code(3)
            .says("session released");
        world.assert_nothing_left();
    }
}

#[test]
fn a_file_of_roots_that_cannot_be_read_is_a_warning() {
    let world = World::new();
    let missing = world.path("no-such.pem");
    let finished = world
        .run()
        .env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            door_before(world.emulator.url()),
        )
        .env("SSL_CERT_FILE", &missing)
        .args(["--token-timeout", "1s"])
        .sh("exit 0")
        .finish();
    finished.code(69);
    let warning = format!(
        "warning: cannot read certificates from {}",
        missing.display()
    );
    assert!(finished.stderr.contains(&warning), "{finished}");
}
