//! What nobody outside knows about the real services: one switch for each open question.
//!
//! The first choice of each is the default, and our best guess. A client is right when it gets along with all of them.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// All switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// What `DELETE /game-session` makes of a token whose session is over, or that a refresh has replaced.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub dead_token: DeadToken,
    /// Whether the token from before a refresh still works.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub old_token: OldToken,
    /// Whether a refresh token can be used twice.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub refresh_tokens: RefreshTokens,
    /// Whether an expired session still counts against the limit.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub expired_sessions: ExpiredSessions,
    /// What comes with the 403 of the session limit.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub limit_body: LimitBody,
    /// How a new session is announced.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub create_status: CreateStatus,
    /// Whether the broker knows when its tokens expire.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub broker_expiry: BrokerExpiry,
    /// Whether the broker's errors are JSON.
    #[arg(long, value_enum, default_value_t, value_name = "CHOICE")]
    pub broker_errors: BrokerErrors,
}

/// What `DELETE /game-session` answers to a dead token. A dead token at the refresh gets the same refusal, 401 for `works`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DeadToken {
    /// 401
    #[default]
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 204; a replaced token frees the session after all
    Works,
}

/// What a refresh does to the token it was asked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OldToken {
    /// it is dead from then on
    #[default]
    Ends,
    /// it works on until it expires
    StillWorks,
}

/// What the answer to a refresh grant holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshTokens {
    /// a new refresh token; using the old one again revokes the login
    #[default]
    Rotate,
    /// the same refresh token
    Repeat,
    /// no refresh token; the old one stays good
    Omit,
}

/// What an expired session does to its slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiredSessions {
    /// the slot is free again
    #[default]
    FreeTheirSlot,
    /// the slot stays taken
    HoldTheirSlot,
}

/// The body of the session limit's 403.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LimitBody {
    /// a JSON object
    #[default]
    Json,
    /// a line of text
    Text,
    /// nothing
    Empty,
}

/// The status of a new session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CreateStatus {
    /// 201
    #[default]
    Created,
    /// 200
    Ok,
}

/// The broker's `expires_at`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerExpiry {
    /// the true time
    #[default]
    Known,
    /// `0001-01-01T00:00:00Z`
    Unknown,
}

/// How the broker writes an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerErrors {
    /// JSON
    #[default]
    Json,
    /// nearly JSON, with Go's escape `\x1b`
    GoEscapes,
}
