//! Who can log in: accounts, their profiles and how many sessions each may hold.

use crate::secret::uuid_of;

/// An account, under the name by which the broker knows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The broker's name for it.
    pub name: String,
    /// The account's own UUID, `owner` in the answer of get-profiles.
    pub owner: String,
    /// At least one, or nothing can be minted for the account.
    pub profiles: Vec<Profile>,
    /// How many sessions it may hold at once.
    pub slots: Slots,
    /// What the broker has of it.
    pub broker: BrokerLogin,
}

/// A game profile; sessions are minted for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Dashed, lower case.
    pub uuid: String,
    /// The player's name.
    pub username: String,
}

/// How many sessions an account may hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// This many; one more is refused with 403.
    Limit(usize),
    /// As with the `sessions.unlimited_servers` entitlement.
    Unlimited,
}

/// What the broker knows of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerLogin {
    /// It can mint for it.
    Ready,
    /// Its refresh token has been revoked.
    Revoked,
    /// Nobody has logged it in there.
    Missing,
}

impl Account {
    /// An account with one profile of the same name, 100 slots and a login at the broker.
    ///
    /// Its UUIDs follow from the name, so they are the same in every run.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            owner: uuid_of(&format!("account {name}")),
            profiles: vec![Profile::named(name)],
            slots: Slots::Limit(100),
            broker: BrokerLogin::Ready,
        }
    }

    /// The same account with these profiles.
    #[must_use]
    pub fn with_profiles<'a>(mut self, usernames: impl IntoIterator<Item = &'a str>) -> Self {
        self.profiles = usernames.into_iter().map(Profile::named).collect();
        self
    }

    /// The same account with this many slots.
    #[must_use]
    pub fn with_slots(mut self, slots: Slots) -> Self {
        self.slots = slots;
        self
    }

    /// The same account as the broker sees it.
    #[must_use]
    pub fn at_broker(mut self, login: BrokerLogin) -> Self {
        self.broker = login;
        self
    }

    /// Its profile with this UUID, in either case.
    pub fn profile(&self, uuid: &str) -> Option<&Profile> {
        self.profiles
            .iter()
            .find(|profile| profile.uuid.eq_ignore_ascii_case(uuid))
    }
}

impl Profile {
    /// A profile whose UUID follows from its name.
    pub fn named(username: &str) -> Self {
        Self {
            uuid: uuid_of(&format!("profile {username}")),
            username: username.to_owned(),
        }
    }
}
