//! What is to be done at a time, in the loop that waits for everything.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The launcher has had its time to read the argument file.
    EmptyArgfile,
    /// `--ready-timeout` has passed.
    GiveUp,
    /// `--stop-timeout` has passed.
    Kill,
    /// The service manager wants to hear that we live,
    Watchdog,
    /// or that a stop takes longer.
    Extend,
}

/// As long as nothing stands in it, nobody is woken up for it.
#[derive(Debug, Default)]
pub struct Agenda(Vec<(Instant, Due)>);

impl Agenda {
    pub fn after(&mut self, wait: Duration, due: Due) {
        self.0.push((Instant::now() + wait, due));
    }

    pub fn strike(&mut self, due: Due) {
        self.0.retain(|(_, entry)| *entry != due);
    }

    /// Waits for the first entry and strikes it. Losing this future loses nothing.
    pub async fn next(&mut self) -> Due {
        let first = self.0.iter().enumerate().min_by_key(|(_, entry)| entry.0);
        match first.map(|(at, (time, _))| (at, *time)) {
            Some((at, time)) => {
                sleep_until(time).await;
                self.0.swap_remove(at).1
            }
            None => std::future::pending().await,
        }
    }
}
