//! The long-lived credentials of an account: the OAuth tokens that new sessions are minted with. They never
//! reach the server. Knows no network.

pub mod document;
mod format;
mod key;
pub mod store;

use jiff::Timestamp;
use uuid::Uuid;

use crate::secret::Secret;
use document::Document;

pub use key::Material;

/// What the server names them in its own file.
const ACCESS_TOKEN: &str = "AccessToken";
const REFRESH_TOKEN: &str = "RefreshToken";
const EXPIRES_AT: &str = "ExpiresAt";
const PROFILE: &str = "ProfileUuid";
/// Ours alone: several profiles, with commas between. The server's one is the first of them.
const SELECTED: &str = "EntrypointProfileUuids";

/// The content of a credential file.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    document: Document,
    opened_with: Option<Material>,
}

impl Credentials {
    /// Credentials that were read from a file.
    fn new(document: Document, opened_with: Material) -> Self {
        Self {
            document,
            opened_with: Some(opened_with),
        }
    }

    /// The key that opened the file they came from.
    pub fn opened_with(&self) -> Option<&Material> {
        self.opened_with.as_ref()
    }

    pub fn access_token(&self) -> Option<Secret> {
        self.secret(ACCESS_TOKEN)
    }

    pub fn refresh_token(&self) -> Option<Secret> {
        self.secret(REFRESH_TOKEN)
    }

    /// When the access token expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.document.get(EXPIRES_AT)?.parse().ok()
    }

    /// The profiles to mint for, in order: those selected, else the server's one.
    pub fn profiles(&self) -> Vec<Uuid> {
        let listed = |name| -> Vec<Uuid> {
            let list = self.document.get(name).unwrap_or_default();
            list.split(',')
                .filter_map(|uuid| uuid.parse().ok())
                .collect()
        };
        match listed(SELECTED) {
            selected if !selected.is_empty() => selected,
            _ => listed(PROFILE),
        }
    }

    /// Takes new tokens over. An answer without a refresh token leaves the old one in force.
    pub fn renew(&mut self, access: &Secret, refresh: Option<&Secret>, expires_at: Timestamp) {
        self.document.set(ACCESS_TOKEN, access.expose_secret());
        if let Some(refresh) = refresh {
            self.document.set(REFRESH_TOKEN, refresh.expose_secret());
        }
        self.document.set(EXPIRES_AT, &expires_at.to_string());
    }

    /// Selects profiles, or none; the server, should it read the file, takes the first.
    pub fn select(&mut self, profiles: &[Uuid]) {
        match profiles.first() {
            Some(first) => self.document.set(PROFILE, &first.to_string()),
            None => self.document.remove(PROFILE),
        }
        match profiles {
            [] | [_] => self.document.remove(SELECTED),
            several => {
                let list: Vec<_> = several.iter().map(Uuid::to_string).collect();
                self.document.set(SELECTED, &list.join(","));
            }
        }
    }

    fn document(&self) -> &Document {
        &self.document
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        let text = self.document.get(name)?;
        (!text.is_empty()).then(|| Secret::new(text.to_owned()))
    }
}
