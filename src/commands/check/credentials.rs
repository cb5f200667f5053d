//! Credential files as a source: what opens each, what is in it, and whether what a start will do can be done.
//! The refresh token stays untouched; an access token that is still good is shown to the account service.

use std::time::Duration;

use uuid::Uuid;

use super::report::Check;
use super::sources::{Found, Refused};
use crate::config::tokens::CredentialFiles;
use crate::credentials::store::Store;
use crate::credentials::{Credentials, Material};
use crate::hytale::accounts::{self, AccountError, Profile};
use crate::hytale::http::Http;
use crate::hytale::retry::Policy;
use crate::hytale::sessions::CreateError;
use crate::secret::Secret;
use crate::source::file::access::usable;
use crate::source::file::{FileError, chosen, list, only};
use crate::stop::Stop;

const NAME: &str = "file";

/// How long one answer of the account service may take.
const ATTEMPT: Duration = Duration::from_secs(5);

pub async fn look(config: &CredentialFiles, policy: &Policy) -> Vec<Found> {
    let mut all = Vec::new();
    for store in config.credentials.stores() {
        let mut besides = Vec::new();
        let found = match one(config, &store, policy, &mut besides).await {
            Ok(check) => Found::Settled(check),
            Err(error) => Found::Refused(Refused {
                name: NAME,
                message: error.to_string(),
                hint: error.hint(),
                code: error.code(),
            }),
        };
        all.push(found);
        all.extend(besides.into_iter().map(Found::Besides));
    }
    all
}

async fn one(
    config: &CredentialFiles,
    store: &Store,
    policy: &Policy,
    besides: &mut Vec<Check>,
) -> Result<Check, FileError> {
    let path = store.path().display();
    let credentials = store.read()?;
    let access = usable(&credentials, None);
    match (credentials.refresh_token(), &access) {
        (Some(_), _) => {}
        (None, None) => return Err(FileError::NoLogin(path.to_string())),
        (None, Some(_)) => besides.push(Check::warning(
            NAME,
            format_args!("{path} holds no refresh token: it serves for an hour at most"),
            "log in again: hytale-entrypoint login",
        )),
    }
    match store.would_write() {
        Err(error) if access.is_none() => return Err(error.into()),
        // A start would do, and a later one would not.
        Err(error) => besides.push(Check::warning(NAME, &error, error.hint())),
        Ok(()) => {}
    }
    let key = credentials.opened_with();
    if key.is_some_and(Material::is_of_this_container) {
        besides.push(Check::warning(
            NAME,
            format_args!("{path} is encrypted with the hardware id of this container: another will not open it"),
            "give a key that outlives the container, with --auth-key-file or HYTALE_AUTH_KEY_FILE",
        ));
    }
    if let Some(token) = &access {
        besides.extend(profiles(config, &credentials, token, policy).await?);
    }
    let key = key.map(ToString::to_string).unwrap_or_default();
    Ok(Check::ok(
        NAME,
        format_args!("{path} opens with {key} and holds a login; --mint tries it"),
    ))
}

/// Whether there is a profile to open a session for. Where it was named, `run` would not ask either.
async fn profiles(
    config: &CredentialFiles,
    credentials: &Credentials,
    token: &Secret,
    policy: &Policy,
) -> Result<Option<Check>, FileError> {
    let http = Http::to(&config.credentials.account_data_url)?;
    let attempt = async || accounts::profiles(&http, token, policy.left(ATTEMPT)).await;
    let listed = policy.run(&Stop::new(), attempt).await;
    let chosen = chosen(config, credentials);
    let unsure = |error: AccountError, hint| Ok(Some(Check::warning(NAME, error, hint)));
    match listed {
        Ok(profiles) if chosen.is_empty() => only(profiles).map(|_| None),
        Ok(profiles) => known(&chosen, &profiles),
        Err(error @ AccountError::Refused { .. }) => {
            unsure(error, "a start renews the access token; --mint tries it")
        }
        Err(error) if chosen.is_empty() => Err(error.into()),
        Err(error) => unsure(error, "check the network, and --account-data-url"),
    }
}

fn known(chosen: &[Uuid], profiles: &[Profile]) -> Result<Option<Check>, FileError> {
    let is_there = |uuid: &&Uuid| profiles.iter().any(|profile| profile.uuid == **uuid);
    let Some(&profile) = chosen.iter().find(|uuid| !is_there(uuid)) else {
        return Ok(None);
    };
    let reason = match profiles {
        [] => "it has none".to_owned(),
        _ => format!("it has {}", list(profiles)),
    };
    let error = FileError::from(CreateError::UnknownProfile { profile, reason });
    match chosen.iter().any(|uuid| is_there(&uuid)) {
        true => Ok(Some(Check::warning(NAME, &error, error.hint()))),
        false => Err(error),
    }
}
