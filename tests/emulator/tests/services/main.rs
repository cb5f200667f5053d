//! The services' promises, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod broker;
mod client;
mod control;
mod faults;
mod log;
mod oauth;
mod program;
mod sessions;
