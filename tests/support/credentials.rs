//! Credential files, written and read without a line of the entrypoint's own code: what it accepts is what
//! others write, and what it writes is what others can read.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hytale_emulator::OAuthTokens;
use jiff::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};

use super::DEADLINE;
use super::world::{Start, World};

/// The passphrase that the tests' files are under, unless a test is about keys.
pub const KEY: &str = "the key of the tests";

/// The passphrase that most of the fixtures are under.
pub const FIXTURE_KEY: &str = "passphrase of the fixtures";

/// The folder of files that other implementations made.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/auth");

/// What is asked of the services.
pub const REFRESH: &str = "POST /oauth2/token";
pub const PROFILES: &str = "GET /my-account/get-profiles";
pub const NEW: &str = "POST /game-session/new";
pub const RELEASE: &str = "DELETE /game-session";

pub const MINUTE: Duration = Duration::from_secs(60);

/// A credential file's fields, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Field)>);

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Text(String),
    /// Any other type: its number, and its bytes as they are.
    Other(u8, Vec<u8>),
}

impl Fields {
    /// What a login stores.
    pub fn of(tokens: &OAuthTokens) -> Self {
        Self::default()
            .with("AccessToken", tokens.access.expose_secret())
            .with("RefreshToken", tokens.refresh.expose_secret())
            .expiring_in(Duration::from_secs(tokens.expires_in))
    }

    /// With this text in a field, where it stands or at the end.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        let field = Field::Text(text.to_owned());
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = field,
            None => self.0.push((name.to_owned(), field)),
        }
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self
    }

    /// With an access token that says that it lives this long.
    #[must_use]
    pub fn expiring_in(self, life: Duration) -> Self {
        self.with("ExpiresAt", &(Timestamp::now() + life).to_string())
    }

    /// With an access token that says that it is past its time.
    #[must_use]
    pub fn expired(self) -> Self {
        self.with("ExpiresAt", &(Timestamp::now() - MINUTE).to_string())
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.iter().find(|(other, _)| other == name)? {
            (_, Field::Text(text)) => Some(text),
            (_, Field::Other(..)) => None,
        }
    }

    #[track_caller]
    pub fn access(&self) -> &str {
        self.text("AccessToken").expect("there is an access token")
    }

    #[track_caller]
    pub fn refresh(&self) -> &str {
        self.text("RefreshToken").expect("there is a refresh token")
    }

    /// A file that holds them.
    pub fn seal(&self, passphrase: &str) -> Vec<u8> {
        seal(&self.to_bson(), passphrase)
    }

    /// What a file holds, if this is the passphrase and the file is whole.
    pub fn open(file: &[u8], passphrase: &str) -> Option<Self> {
        Some(Self::from_bson(&open(file, passphrase)?))
    }

    pub fn to_bson(&self) -> Vec<u8> {
        let mut elements = Vec::new();
        for (name, field) in &self.0 {
            let (kind, value) = match field {
                Field::Text(text) => (0x02, bson_string(text)),
                Field::Other(kind, value) => (*kind, value.clone()),
            };
            elements.push(kind);
            elements.extend_from_slice(name.as_bytes());
            elements.push(0);
            elements.extend(value);
        }
        let length = i32::try_from(elements.len() + 5).expect("it is short");
        [&length.to_le_bytes(), elements.as_slice(), &[0]].concat()
    }

    /// A document that breaks its own rules ends the test: nobody may write one.
    #[track_caller]
    fn from_bson(bytes: &[u8]) -> Self {
        assert_eq!(length(bytes), bytes.len(), "the document's length");
        let mut rest = &bytes[4..];
        let mut fields = Vec::new();
        while rest.len() > 1 {
            let kind = rest[0];
            let end = 1 + c_string(&rest[1..]);
            let name = String::from_utf8(rest[1..end - 1].to_vec()).expect("a name is UTF-8");
            let (value, after) = rest[end..].split_at(value_length(kind, &rest[end..]));
            let field = match kind {
                0x02 => {
                    let (nul, text) = value[4..].split_last().expect("a string ends in a NUL");
                    assert_eq!(*nul, 0, "a string's end");
                    Field::Text(String::from_utf8(text.to_vec()).expect("a string is UTF-8"))
                }
                kind => Field::Other(kind, value.to_vec()),
            };
            fields.push((name, field));
            rest = after;
        }
        assert_eq!(rest, [0], "the document's end");
        Self(fields)
    }
}

/// A file that another implementation made.
pub fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(FIXTURES).join(name)).expect("there is such a fixture")
}

/// A file with this plaintext, whatever that is.
pub fn seal(plaintext: &[u8], passphrase: &str) -> Vec<u8> {
    let mut nonce = [0; 12];
    SystemRandom::new().fill(&mut nonce).expect("random bytes");
    let mut file = plaintext.to_vec();
    key(passphrase)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut file)
        .expect("it is short");
    [nonce.as_slice(), &file].concat()
}

fn open(file: &[u8], passphrase: &str) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = file.split_first_chunk::<12>()?;
    let mut text = ciphertext.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plaintext = key(passphrase).open_in_place(nonce, Aad::empty(), &mut text);
    Some(plaintext.ok()?.to_vec())
}

fn key(passphrase: &str) -> LessSafeKey {
    let mut key = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        NonZeroU32::new(100_000).expect("it is not zero"),
        b"HytaleAuthCredentialStore",
        passphrase.as_bytes(),
        &mut key,
    );
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes"))
}

fn bson_string(text: &str) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).expect("it is short");
    [&length.to_le_bytes(), text.as_bytes(), &[0]].concat()
}

/// The little-endian length that bytes begin with.
fn length(bytes: &[u8]) -> usize {
    let bytes = *bytes.first_chunk().expect("there is a length");
    usize::try_from(i32::from_le_bytes(bytes)).expect("it is not negative")
}

/// How many bytes, the NUL among them.
fn c_string(bytes: &[u8]) -> usize {
    1 + bytes.iter().position(|&b| b == 0).expect("there is a NUL")
}

/// How long the value is that bytes begin with.
fn value_length(kind: u8, bytes: &[u8]) -> usize {
    match kind {
        0x0a | 0x7f | 0xff => 0,
        0x08 => 1,
        0x10 => 4,
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x07 => 12,
        0x13 => 16,
        0x02 | 0x0d => 4 + length(bytes),
        0x05 => 5 + length(bytes),
        0x03 | 0x04 | 0x0f => length(bytes),
        0x0b => {
            let pattern = c_string(bytes);
            pattern + c_string(&bytes[pattern..])
        }
        kind => panic!("type {kind:#x} is in no file of the tests"),
    }
}

impl World {
    /// A login for an account, as it is stored, with the account's only profile chosen.
    pub fn login_of(&self, account: &str) -> Fields {
        let fields = Fields::of(&self.emulator.authorize(account));
        let accounts = self.emulator.accounts();
        let account = accounts.iter().find(|other| other.name == account);
        match account.map(|account| account.profiles.as_slice()) {
            Some([only]) => fields.with("ProfileUuid", &only.uuid),
            _ => fields,
        }
    }

    /// The same for the account that is there by default.
    pub fn login(&self) -> Fields {
        self.login_of("default")
    }

    /// Writes `auth.enc`, as somebody else would who has the tests' key.
    pub fn store(&self, fields: &Fields) -> PathBuf {
        self.write("auth.enc", fields.seal(KEY))
    }

    /// What `auth.enc` holds.
    #[track_caller]
    pub fn stored(&self) -> Fields {
        Fields::open(&self.file(), KEY).expect("the tests' key opens it")
    }

    /// `auth.enc`, byte for byte.
    #[track_caller]
    pub fn file(&self) -> Vec<u8> {
        fs::read(self.path("auth.enc")).expect("there is a credential file")
    }

    /// `hytale-entrypoint run` with `auth.enc` as its source, and no key to it but what this machine is.
    pub fn run_with_store_alone(&self) -> Start {
        self.run_for_store()
            .arg("--auth-file")
            .arg(self.path("auth.enc"))
    }

    /// The same without any credential file.
    pub fn run_for_store(&self) -> Start {
        self.run()
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", self.emulator.url())
            .env("HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL", self.emulator.url())
            .args(["--source", "file", "--log-level", "debug"])
    }

    /// The same with the tests' key.
    pub fn run_with_store(&self) -> Start {
        let key = self.path("key-file");
        // Others may be reading it.
        if !key.exists() {
            self.write("key-file", KEY);
        }
        self.run_with_store_alone().arg("--auth-key-file").arg(key)
    }

    /// What was asked of the services, in order: the method, and the path.
    pub fn asked(&self) -> Vec<String> {
        self.emulator
            .requests()
            .into_iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// How often this was asked.
    pub fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == what).count()
    }

    /// Waits until this was asked so many times.
    #[track_caller]
    pub fn wait_until_asked(&self, what: &str, count: usize) {
        let (method, path) = what.split_once(' ').expect("a method and a path");
        let came = self
            .emulator
            .wait_for(|view| view.count(method, path) >= count, DEADLINE);
        assert!(came, "no {count} times {what}");
    }

    /// A run with `auth.enc` whose server ends at once, and that leaves nothing behind.
    #[track_caller]
    pub fn runs(&self) {
        self.run_with_store().sh("exit 3").finish().code(3);
        self.assert_nothing_left();
    }

    /// The login on disk is the one that the services know: it can be renewed once more.
    #[track_caller]
    pub fn renews(&self) {
        let before = self.stored();
        self.store(&before.clone().expired());
        self.runs();
        assert_ne!(self.stored().access(), before.access());
        assert_eq!(self.emulator.incidents(), 0);
    }

    /// The path of `auth.enc` as the entrypoint names it.
    pub fn real_path(&self) -> String {
        let folder = self.path("").canonicalize().expect("it is there");
        folder.join("auth.enc").display().to_string()
    }
}
