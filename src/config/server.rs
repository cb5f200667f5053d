//! What to start, how it gets its tokens, and how it is stopped.

use std::time::Duration;

use super::command::ServerCommand;
use super::read::{Environment, Reader, Setting, UsageError};
use super::values::{self, DURATION, Kind};
use crate::cli::RunArgs;

#[derive(Debug)]
pub struct Server {
    pub command: ServerCommand,
    pub pass_tokens: PassTokens,
    /// Who it runs as; `None` for whoever we are.
    pub user: Option<UserName>,
    pub signal_scope: SignalScope,
    /// From the first stop signal to SIGKILL; `None` never kills.
    pub stop_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassTokens {
    Auto,
    Argfile,
    Args,
    Env,
}

/// A user, and perhaps a group, by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName {
    pub user: String,
    pub group: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalScope {
    Group,
    Child,
}

const PASS_TOKENS: Kind<PassTokens> = Kind {
    parse: |text| {
        let ways = [
            ("auto", PassTokens::Auto),
            ("argfile", PassTokens::Argfile),
            ("args", PassTokens::Args),
            ("env", PassTokens::Env),
        ];
        values::choice(text, &ways)
    },
    expected: "auto, argfile, args or env",
};

const USER: Kind<UserName> = Kind {
    parse: user_name,
    expected: "USER or USER:GROUP, each a name or a number",
};

fn user_name(text: &str) -> Option<UserName> {
    let is_name =
        |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ':');
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    (is_name(user) && group.is_none_or(is_name)).then(|| UserName {
        user: user.to_owned(),
        group: group.map(str::to_owned),
    })
}

const SIGNAL_SCOPE: Kind<SignalScope> = Kind {
    parse: |text| {
        values::choice(
            text,
            &[("group", SignalScope::Group), ("child", SignalScope::Child)],
        )
    },
    expected: "group or child",
};

/// # Errors
/// For the first flag or variable that cannot be used.
pub fn read<E: Environment>(args: &RunArgs, reader: &Reader<'_, E>) -> Result<Server, UsageError> {
    let java = Setting {
        flag: "--java",
        typed: args.java.as_ref(),
        variable: "HYTALE_ENTRYPOINT_JAVA",
    };
    let jar = Setting {
        flag: "--jar",
        typed: args.jar.as_ref(),
        variable: "HYTALE_ENTRYPOINT_JAR",
    };
    let pass_tokens = Setting {
        flag: "--pass-tokens",
        typed: args.pass_tokens.as_ref(),
        variable: "HYTALE_ENTRYPOINT_PASS_TOKENS",
    };
    let user = Setting {
        flag: "--user",
        typed: args.user.as_ref(),
        variable: "HYTALE_ENTRYPOINT_USER",
    };
    let signal_scope = Setting {
        flag: "--signal-scope",
        typed: args.signal_scope.as_ref(),
        variable: "HYTALE_ENTRYPOINT_SIGNAL_SCOPE",
    };
    let stop_timeout = Setting {
        flag: "--stop-timeout",
        typed: args.stop_timeout.as_ref(),
        variable: "HYTALE_ENTRYPOINT_STOP_TIMEOUT",
    };
    let java = reader.path(&java)?.unwrap_or_else(|| "java".into());
    let jar = reader
        .path(&jar)?
        .unwrap_or_else(|| "HytaleServer.jar".into());
    let command = ServerCommand::new(args.command.clone(), java.into(), jar.into())?;
    let pass_tokens = reader
        .parse(&pass_tokens, &PASS_TOKENS)?
        .unwrap_or(PassTokens::Auto);
    if pass_tokens == PassTokens::Argfile && command.jar().is_none() {
        return Err(UsageError::Conflict(
            "--pass-tokens argfile works for a java -jar command only: use auto, args or env",
        ));
    }
    Ok(Server {
        command,
        pass_tokens,
        user: reader.parse(&user, &USER)?,
        signal_scope: reader
            .parse(&signal_scope, &SIGNAL_SCOPE)?
            .unwrap_or(SignalScope::Group),
        stop_timeout: reader.parse(&stop_timeout, &DURATION)?,
    })
}
