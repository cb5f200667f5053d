//! The request log: every request to a service, in the order of arrival, and never a token.

use std::time::Instant;

use serde::{Serialize, Serializer};

use crate::fault::Fault;
use crate::secret::fingerprint;
use crate::server::call::Call;

#[derive(Debug)]
pub(crate) struct Requests {
    started: Instant,
    all: Vec<RequestRecord>,
}

/// A request as tests and the control API see it.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Counted from 1, over all requests.
    pub seq: usize,
    /// Milliseconds since the emulator started.
    pub at_ms: u128,
    /// Who asked.
    pub caller: Caller,
    /// `POST` and its kind.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The bearer token's fingerprint.
    pub bearer: Option<String>,
    /// The body; the values of a token request are fingerprints.
    pub body: String,
    /// The faults that struck it, by name.
    pub faults: Vec<&'static str>,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// It came over the wire.
    Client,
    /// The emulated broker asked the session service on behalf of a client.
    Broker,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has arrived and is not answered yet; a hanging one stays so.
    Pending,
    /// This status.
    Answered(u16),
    /// The connection was closed without an answer.
    Dropped,
}

impl Requests {
    /// Notes a request, and gives back its place for [`settle`](Self::settle).
    pub(crate) fn arrive(&mut self, call: &Call, caller: Caller, faults: &[Fault]) -> usize {
        let place = self.all.len();
        self.all.push(RequestRecord {
            seq: place + 1,
            at_ms: self.started.elapsed().as_millis(),
            caller,
            method: call.method.to_string(),
            path: call.path.clone(),
            outcome: Outcome::Pending,
            bearer: call.bearer.as_deref().map(fingerprint),
            body: call.loggable_body(),
            faults: faults.iter().map(Fault::name).collect(),
        });
        place
    }

    pub(crate) fn settle(&mut self, place: usize, outcome: Outcome) {
        self.all[place].outcome = outcome;
    }

    pub(crate) fn all(&self) -> &[RequestRecord] {
        &self.all
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            all: Vec::new(),
        }
    }
}

impl Outcome {
    /// The status, when there was an answer.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::Pending | Self::Dropped => None,
        }
    }
}

/// The status itself, or a word.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pending => serializer.serialize_str("pending"),
            Self::Answered(status) => serializer.serialize_u16(*status),
            Self::Dropped => serializer.serialize_str("dropped"),
        }
    }
}
