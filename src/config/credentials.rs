//! Where credentials are kept, what opens them, and the services that they are for.

use std::path::PathBuf;

use reqwest::Url;

use super::read::{Environment, Reader, SecretFrom, Setting, UsageError};
use super::session;
use super::values::{HYTALE_URL, PATHS};
use crate::cli::SharedArgs;
use crate::credentials::store::Store;
use crate::secret::Secret;

#[derive(Debug)]
pub struct Credentials {
    /// In the order they are tried; none where not even a default can be found.
    pub files: Vec<PathBuf>,
    pub named: Named,
    pub key_file: Option<PathBuf>,
    /// `HYTALE_AUTH_KEY`, as it is.
    pub key: Option<Secret>,
    pub oauth_url: Url,
    pub account_data_url: Url,
}

/// Who says where the credential files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A person: then they must be there.
    Explicitly,
    /// Nobody: then one that is not there means that nobody has logged in.
    ByDefault,
}

impl Credentials {
    pub fn stores(&self) -> impl Iterator<Item = Store> {
        self.files
            .iter()
            .map(|path| Store::new(path, self.key_file.clone(), self.key.clone()))
    }
}

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn read<E: Environment>(
    args: &SharedArgs,
    reader: &Reader<'_, E>,
) -> Result<Credentials, UsageError> {
    let files = match args.auth_file.as_slice() {
        [] => reader.parse_variable("HYTALE_ENTRYPOINT_AUTH_FILE", &PATHS)?,
        typed => {
            let path = |typed| {
                let setting = Setting {
                    flag: "--auth-file",
                    typed: Some(typed),
                    variable: "HYTALE_ENTRYPOINT_AUTH_FILE",
                };
                reader.path(&setting)
            };
            let paths: Result<Vec<_>, _> = typed.iter().map(path).collect();
            Some(paths?.into_iter().flatten().collect())
        }
    };
    let named = match files {
        Some(_) => Named::Explicitly,
        None => Named::ByDefault,
    };
    let files = match files {
        Some(files) => files,
        None => session::state_dir(args, reader)?
            .map(|folder| folder.join("auth.enc"))
            .into_iter()
            .collect(),
    };
    let key_file = Setting {
        flag: "--auth-key-file",
        typed: args.auth_key_file.as_ref(),
        variable: "HYTALE_AUTH_KEY_FILE",
    };
    let (key_file, key) = match reader.secret(&key_file, "hytale.auth-key", "HYTALE_AUTH_KEY")? {
        // A key file comes first, and the variable may still open what was written under it.
        Some(SecretFrom::File(path)) => (Some(path), reader.variable("HYTALE_AUTH_KEY")?),
        Some(SecretFrom::Variable(_)) | None => (None, reader.variable("HYTALE_AUTH_KEY")?),
    };
    let oauth_url = Setting {
        flag: "--oauth-url",
        typed: args.oauth_url.as_ref(),
        variable: "HYTALE_ENTRYPOINT_OAUTH_URL",
    };
    let account_data_url = Setting {
        flag: "--account-data-url",
        typed: args.account_data_url.as_ref(),
        variable: "HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL",
    };
    let official = |host| Url::parse(host).expect("it is a URL");
    Ok(Credentials {
        files,
        named,
        key_file,
        key: key.map(Secret::new),
        oauth_url: reader
            .parse(&oauth_url, &HYTALE_URL)?
            .unwrap_or_else(|| official("https://oauth.accounts.hytale.com")),
        account_data_url: reader
            .parse(&account_data_url, &HYTALE_URL)?
            .unwrap_or_else(|| official("https://account-data.hytale.com")),
    })
}
