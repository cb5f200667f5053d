//! `login`: the device authorization grant (RFC 8628) as a person would like it, on a terminal and without.

mod device;
mod profile;

pub use profile::by_name;

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::screen::Screen;
use super::{CommandError, only_store};
use crate::config::Account;
use crate::credentials::Credentials;
use crate::credentials::store::Store;
use crate::hytale::http::Http;
use crate::hytale::oauth::Tokens;
use crate::stop::Stop;

/// How long the credential file's lock is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// When the login was not finished, or could not be stored.
pub async fn login(account: &Account, stop: &Stop) -> Result<(), CommandError> {
    let store = only_store(account)?;
    let screen = Screen::new();
    // A login that cannot be kept is not begun.
    prepare(&store).await?;
    let http = Http::to(&account.credentials.oauth_url)?;
    let tokens = device::tokens(&http, &screen, stop).await?;
    let key = keep(&store, &tokens).await?;
    screen.say(format_args!(
        "Logged in. The credentials are in {}, encrypted with {key}.",
        store.path().display()
    ));
    let next = profile::choose(account, &store, &tokens.access, &screen).await?;
    screen.say(format_args!("Next: {next}"));
    Ok(())
}

async fn prepare(store: &Store) -> Result<(), CommandError> {
    let locked = store.lock(Instant::now() + LOCK_TIMEOUT).await?;
    if store.exists() {
        // What cannot be read would be lost for good when it is overwritten.
        locked.read()?;
    }
    locked.pen()?;
    Ok(())
}

/// Stores the new tokens, and says which key they are encrypted with.
async fn keep(store: &Store, tokens: &Tokens) -> Result<String, CommandError> {
    let locked = store.lock(Instant::now() + LOCK_TIMEOUT).await?;
    let mut credentials = match store.exists() {
        true => locked.read()?,
        false => Credentials::default(),
    };
    credentials.renew(&tokens.access, tokens.refresh.as_ref(), tokens.expires_at);
    let key = locked.write(&credentials)?;
    if key.is_of_this_container() {
        warn!(
            hint = "give a key that outlives the container, with --auth-key-file or HYTALE_AUTH_KEY_FILE",
            "these credentials are encrypted with {key} of this container: another one will not open them"
        );
    }
    Ok(key.to_string())
}
