//! OAuth tokens. Each login begins a family; its refresh tokens succeed one another, and one that is used after its
//! successor was issued betrays a copy, so the whole family is revoked.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::behaviour::RefreshTokens;
use crate::clock::after;
use crate::options::Options;
use crate::secret::{Secret, fingerprint, opaque};

#[derive(Debug, Default)]
pub(crate) struct Grants {
    families: Vec<Family>,
    access: HashMap<String, Issued>,
    refresh: HashMap<String, Issued>,
    incidents: usize,
}

#[derive(Debug)]
struct Family {
    account: String,
    /// The fingerprint of the refresh token that is good.
    newest: String,
    revoked: bool,
}

#[derive(Debug)]
struct Issued {
    family: usize,
    expires: Timestamp,
}

/// What a login yields.
#[derive(Clone, Debug)]
pub struct OAuthTokens {
    /// Opens sessions.
    pub access: Secret,
    /// Gets the next tokens.
    pub refresh: Secret,
    /// Seconds that the access token lives.
    pub expires_in: u64,
}

/// Why a bearer token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is none, or none that was ever issued.
    Unknown,
    /// Expired or revoked.
    Lapsed,
}

/// A refresh token is unknown, expired, used before or revoked: `invalid_grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidGrant;

impl Grants {
    /// A new login.
    pub(crate) fn begin(
        &mut self,
        account: &str,
        options: &Options,
        now: Timestamp,
    ) -> OAuthTokens {
        let refresh = opaque("ory_rt");
        let family = self.families.len();
        self.families.push(Family {
            account: account.to_owned(),
            newest: refresh.fingerprint(),
            revoked: false,
        });
        self.note_refresh(family, &refresh, options.refresh_ttl, now);
        self.answer(family, refresh, options, now)
    }

    /// The refresh grant.
    pub(crate) fn renew(
        &mut self,
        token: &str,
        mode: RefreshTokens,
        options: &Options,
        now: Timestamp,
    ) -> Result<OAuthTokens, InvalidGrant> {
        let token = Secret::from(token);
        let issued = self.refresh.get(&token.fingerprint()).ok_or(InvalidGrant)?;
        let (number, expires) = (issued.family, issued.expires);
        let family = &mut self.families[number];
        if family.revoked || expires <= now {
            return Err(InvalidGrant);
        }
        if family.newest != token.fingerprint() {
            family.revoked = true;
            self.incidents += 1;
            return Err(InvalidGrant);
        }
        let refresh = match mode {
            RefreshTokens::Rotate => opaque("ory_rt"),
            RefreshTokens::Repeat | RefreshTokens::Omit => token,
        };
        family.newest = refresh.fingerprint();
        self.note_refresh(number, &refresh, options.refresh_ttl, now);
        Ok(self.answer(number, refresh, options, now))
    }

    /// Whose access token it is.
    pub(crate) fn holder(&self, token: &str, now: Timestamp) -> Result<&str, Denied> {
        let issued = self
            .access
            .get(&fingerprint(token))
            .ok_or(Denied::Unknown)?;
        let family = &self.families[issued.family];
        if family.revoked || issued.expires <= now {
            return Err(Denied::Lapsed);
        }
        Ok(&family.account)
    }

    /// Ends all logins of an account.
    pub(crate) fn revoke(&mut self, account: &str) {
        let families = self
            .families
            .iter_mut()
            .filter(|family| family.account == account);
        families.for_each(|family| family.revoked = true);
    }

    /// Ends an account's access tokens; the refresh tokens stay good.
    pub(crate) fn revoke_access(&mut self, account: &str) {
        let families = &self.families;
        let issued = self
            .access
            .values_mut()
            .filter(|issued| families[issued.family].account == account);
        issued.for_each(|issued| issued.expires = Timestamp::MIN);
    }

    pub(crate) fn incidents(&self) -> usize {
        self.incidents
    }

    fn note_refresh(&mut self, family: usize, token: &Secret, ttl: Duration, now: Timestamp) {
        self.refresh.insert(
            token.fingerprint(),
            Issued {
                family,
                expires: after(now, ttl),
            },
        );
    }

    fn answer(
        &mut self,
        family: usize,
        refresh: Secret,
        options: &Options,
        now: Timestamp,
    ) -> OAuthTokens {
        let access = opaque("ory_at");
        let expires = after(now, options.access_ttl);
        self.access
            .insert(access.fingerprint(), Issued { family, expires });
        OAuthTokens {
            access,
            refresh,
            expires_in: options.access_ttl.as_secs(),
        }
    }
}
