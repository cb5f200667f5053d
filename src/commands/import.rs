//! `import`: take over a credential file that the server wrote.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::screen::Screen;
use super::{CommandError, only_store};
use crate::config::Account;
use crate::credentials::store::Store;
use crate::source::file::FileError;

/// How long somebody else who is writing may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// When the file cannot be opened, holds no login, or there are credentials already.
pub async fn import(account: &Account, file: &Path) -> Result<(), CommandError> {
    let ours = only_store(account)?;
    let theirs = Store::new(
        file,
        account.credentials.key_file.clone(),
        account.credentials.key.clone(),
    );
    let mut credentials = theirs.read()?;
    if credentials.refresh_token().is_none() {
        return Err(FileError::NoLogin(file.display().to_string()).into());
    }
    let same = fs::canonicalize(file).ok() == fs::canonicalize(ours.path()).ok();
    let locked = ours.lock(Instant::now() + LOCK_TIMEOUT).await?;
    if ours.exists() && !same {
        return Err(CommandError::Exists(ours.path().to_owned()));
    }
    if same {
        // Somebody may have renewed it while we waited for the lock.
        credentials = locked.read()?;
    }
    let key = locked.write(&credentials)?;
    Screen::new().say(format_args!(
        "The credentials are in {}, encrypted with {key}.",
        ours.path().display()
    ));
    if !same {
        warn!(
            hint = "remove it, and take AuthCredentialStore out of the server's config.json",
            "{} must go: whoever of two holders of one login renews it second logs both out",
            file.display()
        );
    }
    Ok(())
}
