//! The entrypoint's own modules as a library, since a program has none: what a target asks is what the binary does.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run lease -- -max_total_time=600   # or another name in fuzz/fuzz_targets
//! ```
//!
//! What a run adds to `fuzz/corpus` has its hash for a name, and git leaves it alone; what it finds lies in `fuzz/artifacts`
//! and becomes a test.

#[path = "../../src"]
mod entrypoint {
    pub mod atomic;
    pub mod cli;
    pub mod commands;
    pub mod config;
    pub mod credentials;
    pub mod error;
    pub mod exit;
    pub mod hytale;
    pub mod lease;
    pub mod log;
    pub mod mistake;
    pub mod ready;
    pub mod run;
    pub mod secret;
    pub mod server;
    pub mod session;
    pub mod source;
    pub mod stop;
    pub mod supervise;
    pub mod sys;
}

// The modules know each other as children of the root.
pub use entrypoint::{
    atomic, cli, commands, config, credentials, error, exit, hytale, lease, log, mistake, ready,
    run, secret, server, session, source, stop, supervise, sys,
};
