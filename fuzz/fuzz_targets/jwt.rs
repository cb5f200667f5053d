//! Tokens: any text at all, and the same text as the payload of one that is otherwise well-formed. What is refused is
//! refused without being quoted, and what is accepted can stand in a header and on a command line.

#![no_main]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrypoint::hytale::{TokenPair, jwt};
use entrypoint::secret::Secret;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        look_at(text.to_owned());
    }
    let payload = URL_SAFE_NO_PAD.encode(bytes);
    look_at(format!("e30.{payload}.c2ln"));
});

fn look_at(text: String) {
    let token = Secret::new(text);
    let pair = TokenPair {
        session: token.clone(),
        identity: token.clone(),
    };
    let now = Timestamp::from_second(1_800_000_000).expect("it is in the calendar");
    let text = token.expose_secret();
    match jwt::check(&pair, Duration::from_secs(300), now) {
        Ok(()) => {
            assert!(text.len() <= 16 * 1024 && jwt::is_visible_ascii(text));
            let expiry = jwt::expiry("session", &token).expect("it was checked");
            assert!(expiry > now + Duration::from_secs(300));
        }
        Err(error) => {
            let said = format!("{error} {error:?} {token:?}");
            // Given the time, a fuzzer makes up our own words as a token; those do not begin so.
            assert!(!text.starts_with("e30.") || !said.contains(text));
        }
    }
    let _ = jwt::profile(&token);
}
