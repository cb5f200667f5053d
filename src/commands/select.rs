//! `select`: which profiles sessions are opened for, in order.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::login::by_name;
use super::screen::Screen;
use super::{CommandError, only_store};
use crate::config::Account;
use crate::credentials::store::Store;
use crate::hytale::accounts::Profile;
use crate::hytale::http::Http;
use crate::hytale::retry::Policy;
use crate::log::printable;
use crate::source::file::FileError;
use crate::source::file::access::Access;
use crate::stop::Stop;

/// How long the services may take in all.
const TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// When a name is none of the account's, or the choice cannot be stored.
pub async fn select(account: &Account, words: &[String], stop: &Stop) -> Result<(), CommandError> {
    let store = only_store(account)?;
    if !store.exists() {
        return Err(CommandError::NoLogin(store.path().to_owned()));
    }
    let policy = Policy {
        deadline: Instant::now() + TIMEOUT,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(5),
    };
    let uuids: Option<Vec<Uuid>> = words
        .iter()
        .map(|word| Uuid::try_parse(word).ok())
        .collect();
    let chosen = match (profiles(account, &store, &policy, stop).await, uuids) {
        (Ok(profiles), _) => resolve(&profiles, words)?,
        // UUIDs can be taken at their word, and a server may be set up before its network is.
        (Err(error), Some(uuids)) => {
            warn!("cannot compare with the account's profiles: {error}");
            uuids
        }
        (Err(error), None) => return Err(error.into()),
    };
    let locked = store.lock(policy.deadline).await?;
    let mut credentials = locked.read()?;
    credentials.select(&chosen);
    locked.write(&credentials)?;
    let chosen: Vec<_> = chosen.iter().map(Uuid::to_string).collect();
    Screen::new().say(format_args!("Selected: {}", chosen.join(", ")));
    Ok(())
}

async fn profiles(
    account: &Account,
    store: &Store,
    policy: &Policy,
    stop: &Stop,
) -> Result<Vec<Profile>, FileError> {
    let mut access = Access::read(store, &account.credentials.oauth_url, policy, stop)?;
    let http = Http::to(&account.credentials.account_data_url)?;
    access.profiles(&http).await
}

fn resolve(profiles: &[Profile], words: &[String]) -> Result<Vec<Uuid>, CommandError> {
    let named = |profile: &Profile| format!("{} ({})", printable(&profile.username), profile.uuid);
    let there: Vec<_> = profiles.iter().map(named).collect();
    let unknown = |word: &String| CommandError::UnknownProfile {
        name: word.clone(),
        there: match there.is_empty() {
            true => "none".to_owned(),
            false => there.join(", "),
        },
    };
    words
        .iter()
        .map(|word| Ok(by_name(profiles, word).ok_or_else(|| unknown(word))?.uuid))
        .collect()
}
