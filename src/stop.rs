//! A stop that was asked for before the server lives: whoever waits between two attempts hears of it at
//! once, whoever has a request under way finishes that request.

use tokio::sync::watch;

/// Asked for once, and then for good.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    pub async fn requested(&self) {
        // Fails only when the sender is gone, and we hold it.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}
