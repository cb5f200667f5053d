//! The services that a Hytale server needs, on a loopback port: OAuth, account data, sessions and the session token broker.
//!
//! They answer as `protocol.md` tells it, sign real tokens, count session slots, and misbehave when they are told to.
//! [`Emulator`] is the way in for tests; `hytale-emulator`, the binary, puts the same thing behind a command line.
//!
//! ```
//! use hytale_emulator::{Emulator, Fault, Options};
//!
//! let emulator = Emulator::start(Options::default())?;
//! emulator.fault(Fault::on("/v1/game-session").status(503).times(2).retry_after("1"));
//! assert_eq!(emulator.live(), 0);
//! # std::io::Result::Ok(())
//! ```

mod account;
mod behaviour;
mod clock;
mod control;
mod emulator;
mod fault;
mod form;
mod mint;
mod options;
mod secret;
mod server;
mod service;
pub mod stand_in;
mod state;
mod token;
mod view;

pub use account::{Account, BrokerLogin, Profile, Slots};
pub use behaviour::{
    Behaviour, BrokerErrors, BrokerExpiry, CreateStatus, DeadToken, ExpiredSessions, LimitBody,
    OldToken, RefreshTokens,
};
pub use emulator::Emulator;
pub use fault::{Fault, FaultSite};
pub use mint::Mint;
pub use options::Options;
pub use secret::{Secret, fingerprint};
pub use state::grants::OAuthTokens;
pub use state::requests::{Caller, Outcome, RequestRecord};
pub use state::sessions::{Ended, SessionRecord};
pub use token::{ForgeOptions, Signer, TokenPair};
pub use view::View;
