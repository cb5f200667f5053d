//! What the entrypoint promises, asked of the real binary from outside: one file a promise. The services
//! are the emulator's, on loopback; servers are real processes, and where it matters a real JVM.

mod broker;
mod proxy;
mod support;
mod tls;
mod tokens;
