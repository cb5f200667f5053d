//! The reader of credential files, with any bytes at all: as a whole file, which nearly always fails to open, and as
//! the document of one that has opened.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run auth_enc   # in the root of the repository
//! ```

#![no_main]
#![expect(
    dead_code,
    reason = "the modules are the entrypoint's own, and it uses more of them"
)]

#[path = "../../src/credentials/document.rs"]
mod document;
#[path = "../../src/credentials/format.rs"]
mod format;
#[path = "../../src/secret.rs"]
mod secret;

use std::sync::LazyLock;

use document::Document;
use format::Key;
use libfuzzer_sys::fuzz_target;
use secret::Secret;

/// Made once: it takes longer than ten thousand documents.
static KEY: LazyLock<Key> =
    LazyLock::new(|| Key::derive(&Secret::new("passphrase of the fixtures".to_owned())));

fuzz_target!(|bytes: &[u8]| {
    match KEY.open(bytes) {
        Some(plaintext) => parse(&plaintext),
        None => parse(bytes),
    }
    let sealed = KEY.seal(bytes).expect("there is randomness");
    let opened = KEY.open(&sealed).expect("it was sealed with this key");
    assert_eq!(&opened[..], bytes);
});

fn parse(bytes: &[u8]) {
    let Ok(mut document) = Document::parse(bytes) else {
        return;
    };
    assert_eq!(&document.to_bytes()[..], bytes);
    let before = document.get("ProfileUuid").map(str::to_owned);
    document.set("RefreshToken", "another");
    assert_eq!(document.get("RefreshToken"), Some("another"));
    assert_eq!(document.get("ProfileUuid"), before.as_deref());
    assert_eq!(Document::parse(&document.to_bytes()), Ok(document.clone()));
    document.remove("RefreshToken");
    assert_eq!(document.get("RefreshToken"), None);
}
