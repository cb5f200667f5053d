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
