//! `release`: free every session that was left over, now. Those of living processes are left alone.

use super::CommandError;
use super::screen::Screen;
use crate::config::Account;
use crate::lease::StateDir;
use crate::session::sweep::sweep;

/// # Errors
/// When a session could not be freed.
pub async fn release(account: &Account) -> Result<(), CommandError> {
    let path = account.state_dir.as_ref().ok_or(CommandError::NoFile)?;
    let state = StateDir::open(path).map_err(CommandError::State)?;
    let swept = sweep(state, Vec::new()).await;
    Screen::new().say(format_args!(
        "Freed: {}, left: {}, set aside: {}.",
        swept.freed, swept.left, swept.set_aside
    ));
    match swept.left {
        0 => Ok(()),
        left => Err(CommandError::Left(left)),
    }
}
