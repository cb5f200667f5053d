//! A place to run the entrypoint in, and a running one that can be asked and told things.
//!
//! Nothing here sleeps: a child says that it is ready, and everything else is a condition with a deadline.

pub mod running;
pub mod world;

pub use running::{Finished, Running};
pub use world::World;

use std::time::Duration;

/// How long anything may take before the test fails. Far beyond what a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);
