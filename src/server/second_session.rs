//! A server that has credentials of its own opens a session with them in place of the one that it is given,
//! and nobody frees that. Its `config.json` tells.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tracing::warn;

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

/// Looks in the folder that the server is started in.
pub fn warn() {
    // A file that is not there or not JSON is the server's own business.
    let config = fs::read("config.json")
        .ok()
        .and_then(|text| serde_json::from_slice::<ServerConfig>(&text).ok());
    let Some(store) = config.and_then(|config| config.auth_credential_store) else {
        return;
    };
    let path = store.path.as_deref().unwrap_or("auth.enc");
    if store.r#type == "Encrypted" && Path::new(path).exists() {
        warn!(
            hint =
                "import it with hytale-entrypoint import, then remove it and AuthCredentialStore",
            "config.json gives the server credentials of its own, {path}: it will open a second session that \
             nobody frees"
        );
    }
}
