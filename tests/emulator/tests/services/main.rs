//! The services' promises, over HTTP.

mod broker;
mod client;
mod control;
mod faults;
mod log;
mod oauth;
mod program;
mod sessions;
