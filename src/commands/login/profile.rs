//! Which profile to open sessions for: the account's only one, or the person's choice.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::LOCK_TIMEOUT;
use crate::commands::CommandError;
use crate::commands::screen::Screen;
use crate::config::Account;
use crate::credentials::store::Store;
use crate::hytale::accounts::{self, Profile};
use crate::hytale::http::Http;
use crate::log::printable;
use crate::secret::Secret;

/// How long the account service may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What to do next, once a profile is selected and while none is.
const RUN: &str = "hytale-entrypoint run -- --assets ../Assets.zip";
const SELECT: &str =
    "hytale-entrypoint select NAME, with the name of one of the account's profiles";

/// Selects a profile, where that can be done now. The result is the command to go on with.
pub async fn choose(
    account: &Account,
    store: &Store,
    access: &Secret,
    screen: &Screen,
) -> Result<&'static str, CommandError> {
    let http = Http::to(&account.credentials.account_data_url)?;
    let profiles = match accounts::profiles(&http, access, ATTEMPT).await {
        Ok(profiles) => profiles,
        Err(error) => {
            warn!("cannot list the account's profiles: {error}");
            return Ok(SELECT);
        }
    };
    let chosen = match profiles.as_slice() {
        [] => {
            screen.say("The account has no profile yet: make one in the game.");
            None
        }
        [only] => Some(only),
        _ => {
            list(&profiles, screen);
            let answer = ask(&profiles, screen).await;
            if let (None, Some(names)) = (answer, still_selected(store, &profiles)?) {
                screen.say_foreign("Profile: ", &names);
                return Ok(RUN);
            }
            answer
        }
    };
    let locked = store.lock(Instant::now() + LOCK_TIMEOUT).await?;
    let mut credentials = locked.read()?;
    credentials.select(chosen.map(|profile| profile.uuid).as_slice());
    locked.write(&credentials)?;
    match chosen {
        Some(profile) => {
            screen.say_foreign("Profile: ", &profile.username);
            Ok(RUN)
        }
        None => Ok(SELECT),
    }
}

/// The names of the profiles that were selected before, if they are all of this account.
fn still_selected(store: &Store, profiles: &[Profile]) -> Result<Option<String>, CommandError> {
    let selected = store.read()?.profiles();
    let name = |uuid: &Uuid| {
        let profile = profiles.iter().find(|profile| profile.uuid == *uuid)?;
        Some(profile.username.as_str())
    };
    let names: Option<Vec<&str>> = selected.iter().map(name).collect();
    Ok(names
        .filter(|names| !names.is_empty())
        .map(|names| names.join(", ")))
}

fn list(profiles: &[Profile], screen: &Screen) {
    screen.say("Profiles of this account:");
    for (n, profile) in profiles.iter().enumerate() {
        let name = printable(&profile.username);
        screen.say(format_args!("{:>4}  {name}  {}", n + 1, profile.uuid));
    }
}

/// Asks until the answer names a profile; not at all where nobody can answer.
async fn ask<'a>(profiles: &'a [Profile], screen: &Screen) -> Option<&'a Profile> {
    if !screen.is_terminal() || !io::stdin().is_terminal() {
        return None;
    }
    loop {
        screen.ask("Which one (number, name or UUID)? ");
        let line = tokio::task::spawn_blocking(read_line).await.ok()??;
        screen.answered();
        let word = line.trim();
        let by_number = word
            .parse::<usize>()
            .ok()
            .and_then(|n| profiles.get(n.checked_sub(1)?));
        if let Some(profile) = by_number.or_else(|| by_name(profiles, word)) {
            return Some(profile);
        }
        screen.say("That is none of them.");
    }
}

/// None at the end of the input.
fn read_line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(1..) => Some(line),
        Ok(0) | Err(_) => None,
    }
}

/// The profile of this name or UUID.
pub fn by_name<'a>(profiles: &'a [Profile], word: &str) -> Option<&'a Profile> {
    let uuid = Uuid::try_parse(word).ok();
    profiles
        .iter()
        .find(|profile| Some(profile.uuid) == uuid || profile.username == word)
}
