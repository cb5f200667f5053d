//! A stop that was asked for before the server lives. Whoever waits between two attempts hears of it at once;
//! whoever has a request under way may finish it; and what must not be cut in two is not.

use tokio::sync::watch;
use tokio::time::Instant;

/// Asked for once, and then for good.
#[derive(Debug)]
pub struct Stop {
    requested: watch::Sender<Option<Instant>>,
    /// How many are at work that a stop may not cut.
    uncut: watch::Sender<usize>,
}

/// Work that a stop waits for, while this lives.
#[derive(Debug)]
pub struct Uncut<'a>(&'a Stop);

impl Stop {
    pub fn new() -> Self {
        Self {
            requested: watch::Sender::new(None),
            uncut: watch::Sender::new(0),
        }
    }

    pub fn request(&self) {
        self.requested.send_modify(|since| {
            since.get_or_insert_with(Instant::now);
        });
    }

    pub fn is_requested(&self) -> bool {
        self.since().is_some()
    }

    /// When it was asked for.
    pub fn since(&self) -> Option<Instant> {
        *self.requested.borrow()
    }

    pub async fn requested(&self) {
        // Fails only when the sender is gone, and we hold it.
        let _ = self.requested.subscribe().wait_for(Option::is_some).await;
    }

    /// Begins work that a stop may not cut.
    pub fn uncut(&self) -> Uncut<'_> {
        self.uncut.send_modify(|count| *count += 1);
        Uncut(self)
    }

    /// Waits until nobody is at such work.
    pub async fn all_finished(&self) {
        let _ = self.uncut.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Uncut<'_> {
    fn drop(&mut self) {
        self.0.uncut.send_modify(|count| *count -= 1);
    }
}
