//! What the entrypoint promises, asked of the real binary from outside: one file a promise. The services
//! are the emulator's, on loopback; servers are real processes, and where it matters a real JVM.

mod broker;
mod early_stop;
mod env_source;
mod exit_codes;
mod launch;
mod leases;
mod logs;
mod proxy;
mod reaping;
mod server_arguments;
mod server_process;
mod server_tokens;
mod session;
mod settings;
mod signals;
mod sources;
mod stop_timeout;
mod support;
mod tls;
mod tokens;
mod usage;
