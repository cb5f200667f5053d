//! Which Java a launcher starts: what the file `release` says that lies beside it, or else the launcher itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::time::{Instant, sleep};

use super::report::Check;
use crate::secret;
use crate::server::environment;
use crate::server::user::User;

const NAME: &str = "java";

/// What the server is made for, and what its jar was compiled for.
const WANTED: u32 = 25;
const LEAST: u32 = 21;

/// How long a launcher may take to say its version, and how often it is asked whether it has.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// How much of what it says is read.
const LIMIT: usize = 4096;

/// Never a failure: the jar that is there may be content with less than the official one.
pub async fn look(launcher: &Path, user: Option<&User>) -> Check {
    const HINT: &str = "install Java 25, or name its launcher with --java";
    let version = match beside(launcher) {
        Some(version) => Ok(version),
        None => asked(launcher, user).await,
    };
    match version {
        Ok(version) => match feature(&version) {
            Some(WANTED..) => Check::ok(NAME, format_args!("Java {version}")),
            Some(LEAST..) => Check::warning(
                NAME,
                format_args!("Java {version}: the server wants {WANTED}"),
                HINT,
            ),
            _ => Check::warning(
                NAME,
                format_args!(
                    "Java {version}: the server wants {WANTED}, and its jar takes {LEAST} at least"
                ),
                HINT,
            ),
        },
        Err(error) => Check::warning(
            NAME,
            format_args!("{} does not tell its version: {error}", launcher.display()),
            "try it with -version by hand: the server wants Java 25",
        ),
    }
}

/// `JAVA_VERSION="25.0.1"` in the file that comes with every JDK and every runtime made from one.
fn beside(launcher: &Path) -> Option<String> {
    let launcher = fs::canonicalize(launcher).ok()?;
    let home = launcher.parent().filter(|bin| bin.ends_with("bin"))?;
    let release = secret::read_to_limit(&home.parent()?.join("release")).ok()?;
    let release = String::from_utf8_lossy(&release);
    let mut lines = release.lines();
    let version = lines.find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    Some(version.trim().trim_matches('"').to_owned())
}

/// Runs `java -version`, which prints `openjdk version "25.0.1" 2025-10-21` on stderr. It may be anybody's script, so
/// it is who the server would be, and sees no more of our environment.
async fn asked(launcher: &Path, user: Option<&User>) -> io::Result<String> {
    let said = File::from(memfd_create("java-version", MFdFlags::MFD_CLOEXEC)?);
    let mut command = Command::new(launcher);
    command
        .arg("-version")
        .env_clear()
        .envs(environment::for_server(user))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?);
    if let Some(User { identity, .. }) = user {
        // The supplementary groups go with it, and none come.
        command
            .uid(identity.uid.as_raw())
            .gid(identity.gid.as_raw());
    }
    let status = Asked(command.spawn()?).ended().await?;
    let mut text = [0; LIMIT];
    let length = said.read_at(&mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let version = text
        .lines()
        .find_map(|line| line.split_once(" version \"")?.1.split('"').next());
    match version {
        Some(version) => Ok(version.to_owned()),
        None => Err(io::Error::other(format!("it ended with {status}"))),
    }
}

/// The number that people call a Java by: 25 for `25.0.1`, 8 for `1.8.0_412`.
fn feature(version: &str) -> Option<u32> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        number => Some(number),
    }
}

/// A launcher that is gone when nobody waits for it any more.
struct Asked(Child);

impl Asked {
    async fn ended(mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let error = format!("it has not ended within {}s", PATIENCE.as_secs());
                return Err(io::Error::other(error));
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Both fail when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_number_that_people_call_it_by() {
        for (version, number) in [
            ("25.0.1", Some(25)),
            ("25", Some(25)),
            ("26-ea", Some(26)),
            ("17.0.15+6", Some(17)),
            ("1.8.0_412", Some(8)),
            ("", None),
            ("new", None),
        ] {
            assert_eq!(feature(version), number, "{version}");
        }
    }
}
