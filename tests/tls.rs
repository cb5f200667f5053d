//! Whom the entrypoint believes: roots that are compiled in, and what `SSL_CERT_FILE` and `SSL_CERT_DIR` add.
//! A door with TLS stands before the emulator.

use std::path::Path;

use crate::support::World;
use crate::support::door::{self, CERTIFICATE};

#[test]
fn a_certificate_that_no_root_vouches_for_is_refused() {
    let world = World::new();
    let finished = world
        .run()
        .env(
            "HYTALE_SESSION_TOKEN_BROKER_URL",
            door::before(world.emulator.url()),
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
        let door = door::before(world.emulator.url());
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
            door::before(world.emulator.url()),
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
