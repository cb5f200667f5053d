//! A good access token from one credential file: the stored one while it lasts, else a new one for the refresh
//! token, which that may use up. Therefore one process at a time, and on disk before it is used.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::FileError;
use crate::credentials::Credentials;
use crate::credentials::store::{Locked, Store};
use crate::hytale::accounts::{self, AccountError, Profile};
use crate::hytale::http::Http;
use crate::hytale::oauth;
use crate::hytale::retry::Policy;
use crate::secret::Secret;
use crate::stop::Stop;

/// An access token is used while more than this is left of it.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long the account service may take for one answer.
const ATTEMPT: Duration = Duration::from_secs(30);

/// The way to an access token.
pub struct Access<'a> {
    store: &'a Store,
    oauth_url: &'a Url,
    policy: &'a Policy,
    stop: &'a Stop,
    credentials: Credentials,
}

impl<'a> Access<'a> {
    pub fn read(
        store: &'a Store,
        oauth_url: &'a Url,
        policy: &'a Policy,
        stop: &'a Stop,
    ) -> Result<Self, FileError> {
        let credentials = store.read()?;
        Ok(Self {
            store,
            oauth_url,
            policy,
            stop,
            credentials,
        })
    }

    /// Writes the file anew when it was opened with another key than the one that is used for writing, so that
    /// the old key can go.
    pub async fn change_key(&self) {
        if !self.store.wants_another_key(&self.credentials) {
            return;
        }
        let changed = async {
            let locked = self.store.lock(self.policy.deadline).await?;
            locked.write(&locked.read()?)
        };
        match changed.await {
            Ok(key) => info!(
                "{} is encrypted with {key} now",
                self.store.path().display()
            ),
            Err(error) => warn!("cannot change the key: {error}"),
        }
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The stored token, or a new one when that has not long to live.
    pub async fn token(&mut self) -> Result<Secret, FileError> {
        match usable(&self.credentials, None) {
            Some(token) => Ok(token),
            None => self.renew(None).await,
        }
    }

    /// Another token than this one, which the service has refused.
    pub async fn instead_of(&mut self, refused: &Secret) -> Result<Secret, FileError> {
        self.renew(Some(refused)).await
    }

    /// The account's profiles.
    pub async fn profiles(&mut self, http: &Http) -> Result<Vec<Profile>, FileError> {
        let list = async |token: &Secret| {
            let attempt = async || accounts::profiles(http, token, self.policy.left(ATTEMPT)).await;
            self.policy.run(self.stop, attempt).await
        };
        let token = self.token().await?;
        match list(&token).await {
            // It looked good, and was revoked: once, another one is tried.
            Err(AccountError::Refused { .. }) if !self.stop.is_requested() => {
                let token = self.instead_of(&token).await?;
                Ok(list(&token).await?)
            }
            listed => Ok(listed?),
        }
    }

    /// Notes the account's only profile, which saves the next start a request.
    pub async fn remember(&mut self, profile: Uuid) {
        let noted = async {
            let locked = self.store.lock(self.policy.deadline).await?;
            let mut credentials = locked.read()?;
            credentials.select(&[profile]);
            locked.write(&credentials)
        };
        if let Err(error) = noted.await {
            warn!("cannot note the profile {profile}: {error}");
        }
    }

    async fn renew(&mut self, refused: Option<&Secret>) -> Result<Secret, FileError> {
        let locked = tokio::select! {
            locked = self.store.lock(self.policy.deadline) => locked?,
            () = self.stop.requested() => return Err(FileError::Stopped),
        };
        // Whoever held the lock before us may have done it for us.
        self.credentials = locked.read()?;
        if let Some(token) = usable(&self.credentials, refused) {
            return Ok(token);
        }
        self.refresh(&locked).await
    }

    async fn refresh(&mut self, locked: &Locked<'_>) -> Result<Secret, FileError> {
        let Some(refresh) = self.credentials.refresh_token() else {
            return Err(FileError::NoLogin(self.store.path().display().to_string()));
        };
        let http = Http::to(self.oauth_url)?;
        // What cannot be written now cannot be written afterwards, and then the refresh token would be spent.
        // And nothing is left to be done between the answer and the disk.
        let pen = locked.pen()?;
        let _uncut = self.stop.uncut();
        debug!("refreshing the access token");
        let attempt =
            async || oauth::refresh(&http, &refresh, self.policy.left(Duration::MAX)).await;
        let tokens = self.policy.run(self.stop, attempt).await?;
        self.credentials
            .renew(&tokens.access, tokens.refresh.as_ref(), tokens.expires_at);
        pen.write(&self.credentials)?;
        Ok(tokens.access)
    }
}

/// The stored access token, if a start would use it: it lasts, and is not the one that was refused.
pub fn usable(credentials: &Credentials, refused: Option<&Secret>) -> Option<Secret> {
    let token = credentials.access_token()?;
    let lasts = credentials.expires_at()? > Timestamp::now() + MARGIN;
    (lasts && Some(&token) != refused).then_some(token)
}
