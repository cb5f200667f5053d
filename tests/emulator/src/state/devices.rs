//! Device logins (RFC 8628) that are under way.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{after, between};
use crate::options::Options;
use crate::secret::{Secret, fingerprint, opaque, random};

/// RFC 8628, section 3.5.
const SLOW_DOWN: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Devices(Vec<Device>);

#[derive(Debug)]
struct Device {
    device_code: String,
    user_code: String,
    expires: Timestamp,
    interval: Duration,
    polled: Option<Timestamp>,
    decision: Decision,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Open,
    Approved(String),
    Denied,
    Redeemed,
}

/// What a person says to a user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Approve(&'a str),
    Deny,
}

/// Why a poll brings no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotYet {
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    InvalidGrant,
}

/// What the client is told at the beginning.
#[derive(Debug)]
pub(crate) struct DeviceCodes {
    pub(crate) device_code: Secret,
    pub(crate) user_code: String,
}

impl Devices {
    pub(crate) fn begin(&mut self, options: &Options, now: Timestamp) -> DeviceCodes {
        let codes = DeviceCodes {
            device_code: opaque("ory_dc"),
            user_code: user_code(),
        };
        self.0.push(Device {
            device_code: codes.device_code.fingerprint(),
            user_code: codes.user_code.clone(),
            expires: after(now, options.device_ttl),
            interval: options.device_interval,
            polled: None,
            decision: Decision::Open,
        });
        codes
    }

    /// The account that was logged in; the code is used up with that.
    pub(crate) fn poll(&mut self, device_code: &str, now: Timestamp) -> Result<String, NotYet> {
        let code = fingerprint(device_code);
        let device = self
            .0
            .iter_mut()
            .find(|device| device.device_code == code)
            .ok_or(NotYet::InvalidGrant)?;
        let last = device.polled.replace(now);
        if device.expires <= now {
            return Err(NotYet::ExpiredToken);
        }
        if last.is_some_and(|last| between(last, now) < device.interval) {
            device.interval += SLOW_DOWN;
            return Err(NotYet::SlowDown);
        }
        match &device.decision {
            Decision::Open => Err(NotYet::AuthorizationPending),
            Decision::Denied => Err(NotYet::AccessDenied),
            Decision::Redeemed => Err(NotYet::InvalidGrant),
            Decision::Approved(account) => {
                let account = account.clone();
                device.decision = Decision::Redeemed;
                Ok(account)
            }
        }
    }

    /// Whether there was such a code to decide about.
    pub(crate) fn decide(&mut self, user_code: &str, verdict: Verdict<'_>, now: Timestamp) -> bool {
        let open = |device: &&mut Device| {
            device.open(now) && device.user_code.eq_ignore_ascii_case(user_code.trim())
        };
        let Some(device) = self.0.iter_mut().find(open) else {
            return false;
        };
        device.decision = match verdict {
            Verdict::Approve(account) => Decision::Approved(account.to_owned()),
            Verdict::Deny => Decision::Denied,
        };
        true
    }

    pub(crate) fn undecided(&self, now: Timestamp) -> Vec<String> {
        self.0
            .iter()
            .filter(|device| device.open(now))
            .map(|device| device.user_code.clone())
            .collect()
    }
}

impl Device {
    fn open(&self, now: Timestamp) -> bool {
        self.decision == Decision::Open && self.expires > now
    }
}

/// `ABCD-1234`, without the letters that look like digits.
fn user_code() -> String {
    const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let bytes = random::<8>();
    let letters = bytes[..4]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    let digits = bytes[4..].iter().map(|byte| char::from(b'0' + byte % 10));
    letters.chain(['-']).chain(digits).collect()
}
