//! The command that starts the server: what was given, and what can be known of it by looking.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::read::UsageError;

/// Options of the Java launcher whose value is the next argument.
const JAVA_OPTIONS_WITH_VALUE: &[&str] = &[
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--add-reads",
    "--add-exports",
    "--add-opens",
    "--limit-modules",
    "--patch-module",
    "--enable-native-access",
    "--source",
];

/// A command line that starts a server. The first argument is the program; there always is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCommand {
    argv: Vec<OsString>,
    /// Where `-jar` stands, when a Java launcher is told to run a jar.
    jar_option: Option<usize>,
    named: Named,
}

/// Who names the program and the jar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    InTheCommand,
    /// `--java` and `--jar`, or their defaults.
    BySettings,
}

impl ServerCommand {
    /// The habit of official images: options alone are options of the usual program.
    ///
    /// # Errors
    /// When the command brings tokens of its own, which would stand in `ps` and never be freed.
    pub fn new(given: Vec<OsString>, java: OsString, jar: OsString) -> Result<Self, UsageError> {
        let options_alone = given
            .first()
            .is_none_or(|first| first.as_bytes().starts_with(b"-"));
        let command = if options_alone {
            Self {
                argv: [java, "-jar".into(), jar]
                    .into_iter()
                    .chain(given)
                    .collect(),
                jar_option: Some(1),
                named: Named::BySettings,
            }
        } else {
            Self {
                jar_option: jar_option(&given),
                argv: given,
                named: Named::InTheCommand,
            }
        };
        for token in ["--session-token", "--identity-token"] {
            if command.argv.iter().any(|arg| is_option(arg, token)) {
                return Err(UsageError::TokenInCommand(token));
            }
        }
        Ok(command)
    }

    pub fn program(&self) -> &OsStr {
        &self.argv[0]
    }

    /// Everything after the program.
    pub fn arguments(&self) -> &[OsString] {
        &self.argv[1..]
    }

    /// For `java … -jar X …`: the launcher's own options, and the arguments from `-jar` on.
    pub fn split_at_jar(&self) -> Option<(&[OsString], &[OsString])> {
        let at = self.jar_option?;
        Some((&self.argv[1..at], &self.argv[at..]))
    }

    /// The jar that `java -jar` names.
    pub fn jar(&self) -> Option<&Path> {
        self.jar_option.map(|at| Path::new(&self.argv[at + 1]))
    }

    pub fn named(&self) -> Named {
        self.named
    }

    /// Whether the program goes by the name of the Java launcher.
    pub fn is_named_java(&self) -> bool {
        is_named_java(self.program())
    }

    /// What the server itself is given, as far as that can be known.
    fn server_arguments(&self) -> &[OsString] {
        match self.jar_option {
            Some(at) => &self.argv[at + 2..],
            None => self.arguments(),
        }
    }

    /// The files and folders that `--assets` names.
    pub fn assets(&self) -> Vec<&Path> {
        let mut arguments = self.server_arguments().iter().map(OsString::as_os_str);
        let mut assets = Vec::new();
        while let Some(argument) = arguments.next() {
            let path = match argument.as_bytes() {
                b"--assets" => arguments.next(),
                other => other.strip_prefix(b"--assets=").map(OsStr::from_bytes),
            };
            assets.extend(path.map(Path::new));
        }
        assets
    }

    /// Whether the server will look at its tokens at all.
    pub fn wants_tokens(&self) -> bool {
        let mut arguments = self.server_arguments().iter().map(OsString::as_os_str);
        while let Some(argument) = arguments.next() {
            let mode = match argument.as_bytes() {
                b"--singleplayer" | b"--singleplayer=true" => return false,
                b"--auth-mode" => arguments.next().map(OsStr::as_bytes),
                other => other.strip_prefix(b"--auth-mode="),
            };
            if mode.is_some_and(|mode| {
                mode.eq_ignore_ascii_case(b"offline") || mode.eq_ignore_ascii_case(b"insecure")
            }) {
                return false;
            }
        }
        true
    }
}

/// `--name` or `--name=value`.
fn is_option(argument: &OsStr, name: &str) -> bool {
    argument
        .as_bytes()
        .strip_prefix(name.as_bytes())
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'=')
}

fn is_named_java(program: &OsStr) -> bool {
    Path::new(program)
        .file_name()
        .is_some_and(|name| name == "java")
}

/// Finds `-jar` among the launcher's options; after the main class it would be the program's own.
fn jar_option(argv: &[OsString]) -> Option<usize> {
    if !is_named_java(&argv[0]) {
        return None;
    }
    let mut at = 1;
    while let Some(argument) = argv.get(at).map(OsString::as_os_str) {
        let bytes = argument.as_bytes();
        if bytes == b"-jar" {
            return argv.get(at + 1).map(|_| at);
        }
        if !bytes.starts_with(b"-") && !bytes.starts_with(b"@") {
            return None;
        }
        let takes_value = JAVA_OPTIONS_WITH_VALUE
            .iter()
            .any(|option| argument == *option);
        at += if takes_value { 2 } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &str) -> ServerCommand {
        let given = words.split_whitespace().map(OsString::from).collect();
        ServerCommand::new(given, "java".into(), "HytaleServer.jar".into()).unwrap()
    }

    #[test]
    fn options_alone_are_options_of_the_server() {
        for (given, meant) in [
            (
                "--assets ../Assets.zip",
                "java -jar HytaleServer.jar --assets ../Assets.zip",
            ),
            ("", "java -jar HytaleServer.jar"),
        ] {
            let (given, meant) = (command(given), command(meant));
            assert_eq!(given.argv, meant.argv);
            assert_eq!(given.jar(), meant.jar());
            assert_eq!(given.named(), Named::BySettings);
            assert_eq!(meant.named(), Named::InTheCommand);
        }
    }

    #[test]
    fn a_jar_is_found_among_the_options_of_the_launcher_only() {
        for (words, jar) in [
            ("java -Xmx4G -jar a.jar --x", Some("a.jar")),
            ("/opt/jdk/bin/java -cp -jar -jar a.jar", Some("a.jar")),
            ("java @options -jar a.jar", Some("a.jar")),
            ("java -cp x Main -jar a.jar", None),
            ("java -jar", None),
            ("./start.sh -jar a.jar", None),
            ("javac -jar a.jar", None),
        ] {
            assert_eq!(command(words).jar(), jar.map(Path::new), "{words}");
        }
    }

    #[test]
    fn a_server_without_authentication_wants_no_tokens() {
        for (words, wants) in [
            ("--assets x", true),
            ("--auth-mode authenticated", true),
            ("--auth-mode offline --singleplayer", false),
            ("--singleplayer", false),
            ("--auth-mode insecure", false),
            ("--auth-mode=insecure", false),
            ("--auth-mode=OFFLINE", false),
            ("java -Dx=--singleplayer -jar a.jar", true),
            ("java -jar --singleplayer", true),
            ("./start.sh --singleplayer", false),
        ] {
            assert_eq!(command(words).wants_tokens(), wants, "{words}");
        }
    }

    #[test]
    fn the_assets_are_those_of_the_server() {
        for (words, assets) in [
            ("--assets ../Assets.zip", &["../Assets.zip"][..]),
            (
                "java --assets=x -jar a.jar --assets=y --assets z",
                &["y", "z"],
            ),
            ("./start.sh --assets a", &["a"]),
            ("java -jar a.jar --assets", &[]),
            ("java -jar --assets", &[]),
        ] {
            let found = command(words);
            let assets: Vec<_> = assets.iter().map(Path::new).collect();
            assert_eq!(found.assets(), assets, "{words}");
        }
    }

    #[test]
    fn a_command_that_brings_tokens_is_refused() {
        for words in ["java -jar a.jar --session-token x", "--identity-token=x"] {
            let given = words.split_whitespace().map(OsString::from).collect();
            let refused = ServerCommand::new(given, "java".into(), "a.jar".into());
            assert!(
                matches!(refused, Err(UsageError::TokenInCommand(_))),
                "{words}"
            );
        }
    }
}
