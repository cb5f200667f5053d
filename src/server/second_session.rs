//! A server that has credentials of its own opens a session with them in place of the one that it is given,
//! and nobody frees that. Its `config.json` tells.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use tracing::warn;

use crate::secret;

/// The longest configuration that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

pub const HINT: &str =
    "import it with hytale-entrypoint import, then remove it and AuthCredentialStore";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServerConfig {
    auth_credential_store: Option<CredentialStore>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialStore {
    r#type: String,
    path: Option<String>,
}

/// Looks in the folder that the server is started in; what it finds there, in words.
pub fn look() -> Option<String> {
    // A file that is not there or not JSON is the server's own business.
    let file = secret::open_regular(Path::new("config.json")).ok()?;
    let mut text = Vec::new();
    file.take(LIMIT).read_to_end(&mut text).ok()?;
    let config: ServerConfig = serde_json::from_slice(&text).ok()?;
    let store = config.auth_credential_store?;
    let path = store.path.as_deref().unwrap_or("auth.enc");
    (store.r#type == "Encrypted" && Path::new(path).exists()).then(|| {
        format!(
            "config.json gives the server credentials of its own, {path}: it will open a second session that \
             nobody frees"
        )
    })
}

pub fn warn() {
    if let Some(found) = look() {
        warn!(hint = HINT, "{found}");
    }
}
