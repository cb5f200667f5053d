//! What may be typed: every flag and word of `--help`. Nothing here is checked beyond its shape, and no
//! variable is read; `config.rs` turns both into one checked configuration.

#![expect(
    rustdoc::bare_urls,
    reason = "the comments are the words of --help, for a terminal"
)]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Start a Hytale server with session tokens, look after it as PID 1, and free its session slot.
///
/// Not affiliated with the makers of Hytale.
#[derive(Debug, Parser)]
#[command(name = "hytale-entrypoint", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a server and look after it
    #[command(override_usage = RUN_USAGE, after_help = RUN_EXAMPLES, after_long_help = format!("{RUN_EXAMPLES}\n\n{RUN_AFTER_HELP}"))]
    Run(Box<RunArgs>),

    /// Say what would fail at run, and start nothing
    #[command(override_usage = CHECK_USAGE, after_help = CHECK_AFTER_HELP)]
    Check(Box<CheckArgs>),

    /// Ask whether the server is ready: for HEALTHCHECK and probes
    #[command(after_help = "Exit codes: 0 when the server is ready, else 1.")]
    Health {
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    #[command(flatten)]
    Account(AccountCommand),
}

/// The commands about credentials and sessions.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Log in once; every start from then on gets its own session
    Login {
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    /// Take over the login in an auth.enc that the server wrote
    Import {
        /// The server's file; its auth.key is looked for beside it
        file: PathBuf,
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    /// Show the login, its profiles and the leases (sessions still to be freed), and never a token
    Status {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    /// Choose the profiles to open sessions for, in order
    Select {
        /// A name or a UUID
        #[arg(required = true)]
        profile: Vec<String>,
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    /// Free the session slots that killed servers left behind, now
    Release {
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },

    /// Forget the login: remove the credential file
    Logout {
        #[command(flatten)]
        shared: Box<SharedArgs>,
    },
}

const RUN_USAGE: &str = "hytale-entrypoint run [OPTIONS] [--] [COMMAND [ARG]...]";

const CHECK_USAGE: &str = "hytale-entrypoint check [OPTIONS] [--] [COMMAND [ARG]...]";

const RUN_EXAMPLES: &str = "\
Examples, in the server's folder:
  hytale-entrypoint run -- --assets ../Assets.zip
  hytale-entrypoint run -- java -Xmx4G -jar HytaleServer.jar --assets ../Assets.zip";

const RUN_AFTER_HELP: &str = "\
Durations are written 500ms, 10s, 5m; a bare number means seconds. A flag wins over its variable, and an
empty variable counts as unset. Under systemd, credentials named hytale.session-token,
hytale.identity-token, hytale.broker-token and hytale.auth-key serve where the matching file option is
not given.

Exit codes: the server's own, 128+n when signal n ended it, or
   64  a flag or variable is wrong           75  no session slot free
   66  a file is missing or unreadable       77  credentials or tokens refused or expired
   69  no source answered in time            78  nothing configured, or no key fits
   70  a bug in the wrapper            126, 127  the command cannot be executed, is not found
  124  --ready-timeout passed";

const CHECK_AFTER_HELP: &str = "\
Takes the options and variables of run, and its COMMAND. The exit code is 0 when nothing would fail, else the
one that run would end with: see hytale-entrypoint run --help.";

#[derive(Args, Debug, Default)]
pub struct CheckArgs {
    /// Open a session, look at its tokens as the server would, and free it
    #[arg(long)]
    pub mint: bool,

    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub run: RunArgs,
}

/// Every option is text here: `config.rs` can then name the flag or the variable in the same words.
#[derive(Args, Debug, Default)]
#[command(args_override_self = true)]
pub struct RunArgs {
    /// Where tokens may come from, tried in order: env, broker, file
    ///
    /// [env: HYTALE_ENTRYPOINT_SOURCE] [default: env,broker,file]
    #[arg(long, value_name = "LIST", help_heading = "Tokens")]
    pub source: Option<String>,

    /// File with the session token
    ///
    /// [env: HYTALE_SERVER_SESSION_TOKEN_FILE; the token itself: HYTALE_SERVER_SESSION_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Tokens")]
    pub session_token_file: Option<String>,

    /// File with the identity token
    ///
    /// [env: HYTALE_SERVER_IDENTITY_TOKEN_FILE; the token itself: HYTALE_SERVER_IDENTITY_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Tokens")]
    pub identity_token_file: Option<String>,

    /// Where a session token broker listens, such as http://broker:8080
    ///
    /// [env: HYTALE_SESSION_TOKEN_BROKER_URL; off when HYTALE_SESSION_TOKEN_BROKER_ENABLED is false]
    #[arg(long, value_name = "URL", help_heading = "Tokens")]
    pub broker_url: Option<String>,

    /// File with the broker's bearer token
    ///
    /// [env: HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN_SRC; the token itself: HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Tokens")]
    pub broker_token_file: Option<String>,

    /// Account that the broker should use
    ///
    /// [env: HYTALE_SESSION_TOKEN_BROKER_ACCOUNT] [default: any]
    #[arg(long, value_name = "NAME", help_heading = "Tokens")]
    pub broker_account: Option<String>,

    /// How long one attempt at the broker may take; below 30s a slot can leak
    ///
    /// [env: HYTALE_SESSION_TOKEN_BROKER_TIMEOUT_SECONDS] [default: 35s]
    #[arg(long, value_name = "DURATION", help_heading = "Tokens")]
    pub broker_timeout: Option<String>,

    /// Profiles to open a session for, in order
    ///
    /// [env: HYTALE_SESSION_TOKEN_BROKER_PROFILE_UUIDS] [default: as selected]
    #[arg(long, value_name = "UUID[,UUID...]", help_heading = "Tokens")]
    pub profile: Option<String>,

    /// How long all attempts together may take
    ///
    /// [env: HYTALE_ENTRYPOINT_TOKEN_TIMEOUT] [default: 60s]
    #[arg(long, value_name = "DURATION", help_heading = "Tokens")]
    pub token_timeout: Option<String>,

    /// Refuse tokens with less life than this; 0 takes any that has not expired
    ///
    /// [env: HYTALE_ENTRYPOINT_MIN_TOKEN_LIFE] [default: 5m]
    #[arg(long, value_name = "DURATION", help_heading = "Tokens")]
    pub min_token_life: Option<String>,

    /// What to do when no source yields tokens: fail, or start the server without
    ///
    /// [env: HYTALE_ENTRYPOINT_ON_NO_TOKEN; start when HYTALE_SESSION_TOKEN_BROKER_FAIL_ON_ERROR is false]
    /// [default: fail]
    #[arg(long, value_name = "fail|start", help_heading = "Tokens")]
    pub on_no_token: Option<String>,

    /// How the server gets its tokens; with argfile, no ps shows them
    ///
    /// [env: HYTALE_ENTRYPOINT_PASS_TOKENS] [default: auto]
    #[arg(long, value_name = "auto|argfile|args|env", help_heading = "Server")]
    pub pass_tokens: Option<String>,

    /// The Java launcher, when COMMAND names none
    ///
    /// [env: HYTALE_ENTRYPOINT_JAVA] [default: java]
    #[arg(long, value_name = "PATH", help_heading = "Server")]
    pub java: Option<String>,

    /// The server's jar, when COMMAND names none
    ///
    /// [env: HYTALE_ENTRYPOINT_JAR] [default: HytaleServer.jar]
    #[arg(long, value_name = "PATH", help_heading = "Server")]
    pub jar: Option<String>,

    /// Who the server runs as, by name or number; the credentials stay closed to it. Needs root
    ///
    /// [env: HYTALE_ENTRYPOINT_USER] [default: unchanged]
    #[arg(long, value_name = "USER[:GROUP]", help_heading = "Server")]
    pub user: Option<String>,

    /// Who gets a forwarded signal: group (the server's process group) or child (the server alone)
    ///
    /// [env: HYTALE_ENTRYPOINT_SIGNAL_SCOPE] [default: group]
    #[arg(long, value_name = "group|child", help_heading = "Server")]
    pub signal_scope: Option<String>,

    /// Kill the server when it has not ended this long after a stop signal
    ///
    /// [env: HYTALE_ENTRYPOINT_STOP_TIMEOUT] [default: never]
    #[arg(long, value_name = "DURATION", help_heading = "Server")]
    pub stop_timeout: Option<String>,

    /// Exit codes of the server that become 0, such as 143
    ///
    /// [env: HYTALE_ENTRYPOINT_SUCCESS_EXIT] [default: none]
    #[arg(long, value_name = "CODE[,CODE...]", help_heading = "Server")]
    pub success_exit: Option<String>,

    /// Whether to read along what the server writes to stdout: auto (unless that is a terminal) or off
    ///
    /// [env: HYTALE_ENTRYPOINT_WATCH_OUTPUT] [default: auto]
    #[arg(long, value_name = "auto|off", help_heading = "Readiness")]
    pub watch_output: Option<String>,

    /// What the server writes when it is ready
    ///
    /// [env: HYTALE_ENTRYPOINT_READY_LINE] [default: Hytale Server Booted!]
    #[arg(long, value_name = "TEXT", help_heading = "Readiness")]
    pub ready_line: Option<String>,

    /// Stop the server once it is ready, and end with 0: a smoke test
    ///
    /// [env: HYTALE_ENTRYPOINT_UNTIL_READY] [default: off]
    #[arg(long, help_heading = "Readiness")]
    pub until_ready: bool,

    /// How long --until-ready waits for that; then the exit code is 124
    ///
    /// [env: HYTALE_ENTRYPOINT_READY_TIMEOUT] [default: 5m]
    #[arg(long, value_name = "DURATION", help_heading = "Readiness")]
    pub ready_timeout: Option<String>,

    /// Whether to free the session slot when the server is gone: always or never
    ///
    /// [env: HYTALE_ENTRYPOINT_RELEASE] [default: always]
    #[arg(long, value_name = "always|never", help_heading = "Session")]
    pub release: Option<String>,

    /// Free the slot this long after a stop signal at the latest, even while the server is still saving
    ///
    /// [env: HYTALE_ENTRYPOINT_RELEASE_AFTER] [default: 5s]
    #[arg(long, value_name = "DURATION", help_heading = "Session")]
    pub release_after: Option<String>,

    /// Whether to renew our copy of the session token: trail (after the server has renewed its own) or off
    ///
    /// [env: HYTALE_ENTRYPOINT_SESSION_REFRESH] [default: trail]
    #[arg(long, value_name = "trail|off", help_heading = "Session")]
    pub session_refresh: Option<String>,

    #[command(flatten)]
    pub shared: SharedArgs,

    /// What to start, with its arguments. Without one, or when it starts with a dash: java -jar HytaleServer.jar
    /// and what is given here
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = false,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}

/// What means the same in every command.
#[derive(Args, Debug, Default)]
pub struct SharedArgs {
    /// File with the credentials; several make a pool
    ///
    /// [env: HYTALE_ENTRYPOINT_AUTH_FILE, with commas between several] [default: auth.enc in the state folder]
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub auth_file: Vec<String>,

    /// File with the key to the credentials
    ///
    /// [env: HYTALE_AUTH_KEY_FILE; the key itself: HYTALE_AUTH_KEY] [default: the machine's hardware id, else auth.key
    /// beside the credentials]
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub auth_key_file: Option<String>,

    /// The login service
    ///
    /// [env: HYTALE_ENTRYPOINT_OAUTH_URL] [default: https://oauth.accounts.hytale.com]
    #[arg(long, value_name = "URL", help_heading = "Credentials")]
    pub oauth_url: Option<String>,

    /// The account service
    ///
    /// [env: HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL] [default: https://account-data.hytale.com]
    #[arg(long, value_name = "URL", help_heading = "Credentials")]
    pub account_data_url: Option<String>,

    /// Folder for leases and credentials
    ///
    /// [env: HYTALE_ENTRYPOINT_STATE_DIR] [default: $STATE_DIRECTORY, else /var/lib/hytale-entrypoint for root, else
    /// $XDG_STATE_HOME/hytale-entrypoint, else ~/.local/state/hytale-entrypoint]
    #[arg(long, value_name = "DIR", help_heading = "Session")]
    pub state_dir: Option<String>,

    /// The session service
    ///
    /// [env: HYTALE_ENTRYPOINT_SESSIONS_URL] [default: https://sessions.hytale.com]
    #[arg(long, value_name = "URL", help_heading = "Session")]
    pub sessions_url: Option<String>,

    /// File that says how the server is, for hytale-entrypoint health
    ///
    /// [env: HYTALE_ENTRYPOINT_STATUS_FILE] [default: status.json in $RUNTIME_DIRECTORY, else in hytale-entrypoint in
    /// /run for root, else in $XDG_RUNTIME_DIR, else in /tmp/hytale-entrypoint-UID]
    #[arg(long, value_name = "FILE", help_heading = "Readiness")]
    pub status_file: Option<String>,

    /// How the log is written, on stderr
    ///
    /// [env: HYTALE_ENTRYPOINT_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "text|json", help_heading = "Log")]
    pub log_format: Option<String>,

    /// What is grave enough for the log
    ///
    /// [env: HYTALE_ENTRYPOINT_LOG_LEVEL] [default: info]
    #[arg(long, value_name = "error|warn|info|debug", help_heading = "Log")]
    pub log_level: Option<String>,
}

impl Command {
    pub fn shared(&self) -> &SharedArgs {
        match self {
            Self::Run(run) => &run.shared,
            Self::Check(check) => &check.run.shared,
            Self::Health { shared } => shared,
            Self::Account(command) => command.shared(),
        }
    }
}

impl AccountCommand {
    pub fn shared(&self) -> &SharedArgs {
        match self {
            Self::Login { shared }
            | Self::Import { shared, .. }
            | Self::Status { shared, .. }
            | Self::Select { shared, .. }
            | Self::Release { shared }
            | Self::Logout { shared } => shared,
        }
    }
}
