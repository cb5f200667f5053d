//! A lease, from any bytes at all: what is read is written as the same lease again, and prints no token.

#![no_main]

use entrypoint::lease::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&record).expect("it is JSON");
    let again: Record = serde_json::from_slice(&written).expect("it is a lease");
    assert_eq!(record.session_token, again.session_token);
    assert_eq!(serde_json::to_vec(&again).expect("it is JSON"), written);
    let token = record.session_token.expose_secret();
    if token.len() > 100 {
        let mut without = record.clone();
        for text in [
            &mut without.source,
            &mut without.sessions_url,
            &mut without.fingerprint,
        ] {
            text.clear();
        }
        assert!(!format!("{without:?}").contains(token));
    }
});
