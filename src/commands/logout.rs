//! `logout`: forget the credentials.

use std::time::Duration;

use tokio::time::Instant;

use super::CommandError;
use super::screen::Screen;
use crate::config::Account;

/// How long somebody who is renewing the login may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// When a file cannot be removed.
pub async fn logout(account: &Account) -> Result<(), CommandError> {
    let screen = Screen::new();
    for store in account.credentials.stores() {
        if !store.exists() {
            screen.say(format_args!("There is no {}.", store.path().display()));
            continue;
        }
        let locked = store.lock(Instant::now() + LOCK_TIMEOUT).await?;
        locked.forget()?;
        screen.say(format_args!(
            "Removed {}. At Hytale the login ends by itself, 30 days after its last use.",
            store.path().display()
        ));
    }
    Ok(())
}
