//! A broker's answer, with any status and any body: it is judged, and no error that comes of it holds our bearer token or
//! a JWT. The first two bytes are the status.

#![no_main]

use entrypoint::hytale::http::Answer;
use entrypoint::secret::Secret;
use entrypoint::source::broker;
use libfuzzer_sys::fuzz_target;

const BEARER: &str = "bearer-of-the-fuzzer";

fuzz_target!(|input: (u8, u8, &[u8])| {
    // The statuses that mean something, and all others.
    let known = [200, 201, 400, 401, 403, 404, 429, 500];
    let status = match known.get(usize::from(input.0)) {
        Some(&status) => status,
        None => u16::from_le_bytes([input.0, input.1]),
    };
    let answer = Answer {
        status,
        retry_after: None,
        date: None,
        body: input.2.to_vec().into(),
    };
    let bearer = Secret::new(BEARER.to_owned());
    let Err(error) = broker::judge(&answer, Some(&bearer)) else {
        assert!(matches!(status, 200 | 201));
        return;
    };
    let said = format!("{error} {error:?}");
    assert!(!said.contains(BEARER), "{said}");
    assert!(!said.contains("eyJ"), "{said}");
    assert!(error.to_string().chars().count() < 400, "{said}");
    let _ = (error.code(), error.hint());
});
