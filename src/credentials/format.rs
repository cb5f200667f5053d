//! `auth.enc`, the server's own format: a 12-byte nonce, then AES-256-GCM ciphertext with its 16-byte tag.
//! The key is PBKDF2-HMAC-SHA256 of a passphrase. No header, so a wrong key and a damaged file look alike.

use std::num::NonZeroU32;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::secret::Secret;

const SALT: &[u8] = b"HytaleAuthCredentialStore";
const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).expect("it is not zero");

/// A key made from a passphrase. Making one takes tens of milliseconds, on purpose.
pub struct Key(LessSafeKey);

impl Key {
    pub fn derive(passphrase: &Secret) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let passphrase = passphrase.expose_secret().as_bytes();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ITERATIONS,
            SALT,
            passphrase,
            &mut *key,
        );
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are such a key");
        Self(LessSafeKey::new(key))
    }

    /// The plaintext, if this is the key and nobody has touched the file.
    pub fn open(&self, file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = file.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::empty(), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// A file with this content. Each time under a new random nonce: two files never share one.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let mut text = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plaintext);
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(sealing, Aad::empty(), &mut text)?;
        Ok([nonce.as_slice(), &text].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::document::Document;

    const PASSPHRASE: &str = "passphrase of the fixtures";
    const PLAIN: &[u8] = include_bytes!("../../tests/fixtures/auth/plain.enc");
    const UNKNOWN: &[u8] = include_bytes!("../../tests/fixtures/auth/unknown.enc");
    const REFRESH_ONLY: &[u8] = include_bytes!("../../tests/fixtures/auth/refresh-only.enc");
    const HARDWARE: &[u8] = include_bytes!("../../tests/fixtures/auth/hardware.enc");
    const WRONG_KEY: &[u8] = include_bytes!("../../tests/fixtures/auth/wrong-key.enc");

    fn key(passphrase: &str) -> Key {
        Key::derive(&Secret::new(passphrase.to_owned()))
    }

    fn document(file: &[u8], key: &Key) -> Document {
        let text = key.open(file).expect("the key opens it");
        Document::parse(&text).expect("it holds a document")
    }

    #[test]
    fn a_file_that_pyca_encrypted_opens_and_one_under_another_passphrase_does_not() {
        let key = key(PASSPHRASE);
        for file in [PLAIN, UNKNOWN] {
            let document = document(file, &key);
            for (name, text) in [
                ("AccessToken", "access-token-of-a-fixture"),
                ("RefreshToken", "refresh-token-of-a-fixture"),
                ("ExpiresAt", "2026-01-17T10:20:30.123456789Z"),
                ("ProfileUuid", "6f1d2c3b-4a59-4687-9abc-def012345678"),
            ] {
                assert_eq!(document.get(name), Some(text));
            }
        }
        let alone = document(REFRESH_ONLY, &key);
        assert_eq!(
            alone.get("RefreshToken"),
            Some("refresh-token-of-a-fixture")
        );
        assert_eq!(alone.get("AccessToken"), None);
        assert!(key.open(WRONG_KEY).is_none());
        assert!(key.open(HARDWARE).is_none());
    }

    #[test]
    fn a_file_under_a_hardware_id_opens_with_its_dashed_form() {
        let key = key("01234567-89ab-cdef-0123-456789abcdef");
        let document = document(HARDWARE, &key);
        assert_eq!(
            document.get("RefreshToken"),
            Some("refresh-token-of-a-fixture")
        );
    }

    #[test]
    fn what_was_sealed_opens_and_no_two_files_share_a_nonce() {
        let key = key("a passphrase");
        let mut nonces = std::collections::HashSet::new();
        for length in (0..200).chain([4096, 65536]) {
            let text: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
                .take(length)
                .collect();
            let file = key.seal(&text).expect("there is randomness");
            assert_eq!(file.len(), NONCE_LEN + length + 16);
            assert_eq!(key.open(&file).as_deref(), Some(&text));
            assert!(nonces.insert(file[..NONCE_LEN].to_vec()));
        }
    }

    #[test]
    fn a_file_with_one_bit_flipped_or_one_byte_missing_does_not_open() {
        let key = key(PASSPHRASE);
        for bit in 0..PLAIN.len() * 8 {
            let mut file = PLAIN.to_vec();
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&file).is_none(), "bit {bit}");
        }
        for length in 0..PLAIN.len() {
            assert!(key.open(&PLAIN[..length]).is_none(), "{length} bytes");
            assert!(key.open(&PLAIN[length + 1..]).is_none(), "without {length}");
        }
    }
}
