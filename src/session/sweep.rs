//! The sweep: freeing the sessions of processes that were killed before they could.

use std::path::Path;

use tracing::{info, warn};

use super::free;
use crate::config::values::HYTALE_URL;
use crate::hytale::sessions::{Released, Tries};
use crate::lease::{Leftover, StateDir, Taken};

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that are free now, or were already.
    pub freed: usize,
    /// Sessions that could not be freed now.
    pub left: usize,
    /// Leases that could not be read.
    pub set_aside: usize,
}

/// Frees what is left over, but for sessions that are about to be used again.
pub async fn sweep(state: StateDir, about_to_be_used: Vec<String>) -> Swept {
    let mut swept = Swept::default();
    let leftovers = match state.leftovers(&about_to_be_used) {
        Ok(leftovers) => leftovers,
        Err(error) => {
            warn!("cannot look for leases that were left over: {error}");
            return swept;
        }
    };
    for leftover in leftovers {
        one(leftover, &mut swept).await;
    }
    swept
}

async fn one(leftover: Leftover, swept: &mut Swept) {
    let lease = match leftover.take() {
        Ok(Taken::Lease(lease)) => lease,
        Ok(Taken::NotOurs) => return,
        Ok(Taken::SetAside(path)) => return set_aside(&path, swept),
        Err(error) => return warn!("cannot take over a lease that was left over: {error}"),
    };
    let Some(url) = (HYTALE_URL.parse)(&lease.record().sessions_url) else {
        match lease.set_aside() {
            Ok(path) => set_aside(&path, swept),
            Err(error) => warn!("cannot set a lease aside that names no session service: {error}"),
        }
        return;
    };
    let source = &lease.record().source;
    // Where the service has just failed, the others get their chance, and no more than that.
    let tries = match swept.left {
        0 => Tries::AFew,
        _ => Tries::One,
    };
    match free(&url, &lease.record().session_token, tries).await {
        Ok(Released::Freed) => {
            info!("freed a session that a killed process had left, source {source}")
        }
        Ok(Released::AlreadyGone) => {
            info!("a session that a killed process had left was already gone, source {source}");
        }
        Err(error) => {
            warn!("cannot free a session that a killed process has left: {error}; its lease stays");
            swept.left += 1;
            return;
        }
    }
    swept.freed += 1;
    if let Err(error) = lease.strike() {
        warn!("cannot strike the lease of a session that is free: {error}");
    }
}

fn set_aside(path: &Path, swept: &mut Swept) {
    warn!(
        hint = "if there is a session behind it, that ends by itself within an hour; then remove the file",
        "a lease cannot be read and is set aside: {}",
        path.display()
    );
    swept.set_aside += 1;
}
