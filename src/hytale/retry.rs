//! Trying again: exponential backoff with full jitter, so that two hundred servers that an outage stopped
//! together do not come back together.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::info;

use crate::stop::Stop;

/// With less time than this an attempt would only hide why the one before failed, and might lose the answer to what it
/// has asked for.
const SHORTEST: Duration = Duration::from_millis(100);

/// What a failed attempt says of the next one.
pub trait Transient {
    /// Whether the same request may well succeed in a while.
    fn is_transient(&self) -> bool;
    /// How long the other side asks us to wait.
    fn retry_after(&self) -> Option<Duration>;
}

/// How long to go on, and how eagerly.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Nothing starts or goes on after this.
    pub deadline: Instant,
    /// The wait after the first failure lies between nothing and this, doubled after each further one.
    pub first_wait: Duration,
    pub longest_wait: Duration,
}

impl Policy {
    /// The time that is left, for one attempt at most `attempt` of it.
    pub fn left(&self, attempt: Duration) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .min(attempt)
    }

    /// Runs `attempt` until it succeeds, fails for good, or time or patience ends.
    ///
    /// # Errors
    /// With the last attempt's failure.
    pub async fn run<T, E: Transient + Display>(
        &self,
        stop: &Stop,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut wait_up_to = self.first_wait;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // Jitter on top of a Retry-After too: it is the one moment that all clients are told.
            let wait = error.retry_after().unwrap_or_default() + jitter(wait_up_to);
            let next = Instant::now() + wait;
            let too_late = next + SHORTEST >= self.deadline;
            if !error.is_transient() || stop.is_requested() || too_late {
                return Err(error);
            }
            info!("{error}; trying again in {:.1}s", wait.as_secs_f64());
            tokio::select! {
                () = sleep_until(next) => {}
                () = stop.requested() => return Err(error),
            }
            wait_up_to = (wait_up_to * 2).min(self.longest_wait);
        }
    }
}

fn jitter(up_to: Duration) -> Duration {
    up_to.mul_f64(fastrand::f64())
}
