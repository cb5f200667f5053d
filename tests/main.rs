//! What the entrypoint promises, asked of the real binary from outside: one file a promise. The services
//! are the emulator's, on loopback; servers are real processes, and where it matters a real JVM.

mod broker;
mod credential_failures;
mod credential_file;
mod credential_keys;
mod credential_pool;
mod credential_safety;
mod credential_use;
mod early_stop;
mod env_source;
mod exit_codes;
mod import;
mod launch;
mod leases;
mod login;
mod login_kept;
mod login_on_a_terminal;
mod logout;
mod logs;
mod proxy;
mod reaping;
mod select;
mod server_arguments;
mod server_process;
mod server_tokens;
mod session;
mod settings;
mod signals;
mod sources;
mod status;
mod status_leases;
mod stop_timeout;
mod support;
mod tls;
mod tokens;
mod usage;
