//! A door with TLS before the emulator, with a certificate that only the fixtures vouch for.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/tls/localhost.pem"
);
const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/tls/localhost.key"
);

/// Opens the door; the URL to knock at.
pub fn before(url: &str) -> String {
    let door = open(url, SocketAddr::from(([127, 0, 0, 1], 0)));
    format!("https://localhost:{}", door.port())
}

/// Opens the door on this address, and tells where it is when the port was 0.
pub fn open(url: &str, address: SocketAddr) -> SocketAddr {
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
    let listener = TcpListener::bind(address).expect("this machine has the address");
    let address = listener.local_addr().expect("it is bound");
    let inside = url.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        for outside in listener.incoming().flatten() {
            let connection =
                ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
            // A client that does not believe us hangs up; that is its right.
            let _ = pass(StreamOwned::new(connection, outside), &inside);
        }
    });
    address
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
