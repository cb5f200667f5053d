//! Sessions: which are open, who holds them, and what each token that was ever issued stands for.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::account::Profile;
use crate::behaviour::ExpiredSessions;
use crate::clock::rfc3339;
use crate::token::TokenPair;

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    all: Vec<Session>,
    by_token: HashMap<String, Issued>,
    /// Those that nobody has released, so that the count of slots need not go through the whole history.
    unreleased: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Session {
    account: String,
    pub(crate) profile: Profile,
    created: Timestamp,
    expires: Timestamp,
    newest_token: String,
    refreshes: u32,
    released: bool,
}

#[derive(Debug)]
struct Issued {
    session: usize,
    /// How often the session had been refreshed when the token was issued.
    refreshes: u32,
}

/// What a token of ours is good for. The number is that of the session in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Newest(usize),
    Superseded(usize),
    /// Released, expired, or never a session's.
    Dead,
}

/// A session as tests and the control API see it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionRecord {
    /// Counted from 1.
    pub id: usize,
    /// Whose slot it takes.
    pub account: String,
    /// The profile's UUID.
    pub profile: String,
    /// The profile's name.
    pub username: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; moves with each refresh.
    pub expires_at: String,
    /// The fingerprint of its newest session token.
    pub newest_token: String,
    /// How often it was refreshed.
    pub refreshes: u32,
    /// How it ended.
    pub ended: Ended,
}

/// What has become of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Not yet.
    Live,
    /// Its holder freed it.
    Released,
    /// Its time ran out.
    Expired,
}

impl Sessions {
    pub(crate) fn open(
        &mut self,
        account: &str,
        profile: &Profile,
        pair: &TokenPair,
        now: Timestamp,
        expires: Timestamp,
    ) {
        let session = self.all.len();
        let token = pair.session_token.fingerprint();
        self.unreleased.push(session);
        self.by_token.insert(
            token.clone(),
            Issued {
                session,
                refreshes: 0,
            },
        );
        self.all.push(Session {
            account: account.to_owned(),
            profile: profile.clone(),
            created: now,
            expires,
            newest_token: token,
            refreshes: 0,
            released: false,
        });
    }

    pub(crate) fn get(&self, session: usize) -> &Session {
        &self.all[session]
    }

    pub(crate) fn standing(&self, token: &str, now: Timestamp) -> Option<Standing> {
        let issued = self.by_token.get(token)?;
        let session = &self.all[issued.session];
        Some(match session.ended(now) {
            Ended::Released | Ended::Expired => Standing::Dead,
            Ended::Live if issued.refreshes < session.refreshes => {
                Standing::Superseded(issued.session)
            }
            Ended::Live => Standing::Newest(issued.session),
        })
    }

    pub(crate) fn renew(&mut self, session: usize, pair: &TokenPair, expires: Timestamp) {
        let token = pair.session_token.fingerprint();
        let renewed = &mut self.all[session];
        renewed.refreshes += 1;
        renewed.expires = expires;
        renewed.newest_token.clone_from(&token);
        self.by_token.insert(
            token,
            Issued {
                session,
                refreshes: renewed.refreshes,
            },
        );
    }

    pub(crate) fn release(&mut self, session: usize) {
        self.all[session].released = true;
        self.unreleased.retain(|&other| other != session);
    }

    /// How many slots are taken.
    pub(crate) fn live(&self, account: &str, expired: ExpiredSessions, now: Timestamp) -> usize {
        let held = |session: &Session| match expired {
            ExpiredSessions::HoldTheirSlot => true,
            ExpiredSessions::FreeTheirSlot => session.expires > now,
        };
        let sessions = self.unreleased.iter().map(|&session| &self.all[session]);
        sessions
            .filter(|session| session.account == account && held(session))
            .count()
    }

    pub(crate) fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.unreleased
            .iter()
            .map(|&session| self.all[session].expires)
            .filter(|&expires| expires > now)
            .min()
    }

    pub(crate) fn records(&self, now: Timestamp) -> Vec<SessionRecord> {
        let record = |(at, session): (usize, &Session)| SessionRecord {
            id: at + 1,
            account: session.account.clone(),
            profile: session.profile.uuid.clone(),
            username: session.profile.username.clone(),
            created_at: rfc3339(session.created),
            expires_at: rfc3339(session.expires),
            newest_token: session.newest_token.clone(),
            refreshes: session.refreshes,
            ended: session.ended(now),
        };
        self.all.iter().enumerate().map(record).collect()
    }
}

impl Session {
    fn ended(&self, now: Timestamp) -> Ended {
        if self.released {
            Ended::Released
        } else if self.expires <= now {
            Ended::Expired
        } else {
            Ended::Live
        }
    }
}
