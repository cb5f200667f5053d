//! What would be started: the command, its Java, its jar, its user, the assets.

use std::fs;
use std::path::Path;

use super::report::Check;
use super::{archive, java};
use crate::config::command::Named;
use crate::config::server::Server;
use crate::exit::Code;
use crate::secret::open_regular;
use crate::server::user::User;
use crate::server::{LaunchError, open_jar, program};
use crate::sys::Identity;

/// What brings a whole archive.
const AGAIN: &str = "download it again, or check the path";

pub async fn look(config: &Server) -> Vec<Check> {
    let mut checks = Vec::new();
    let user = config.user.as_ref().map(User::find).transpose();
    match program::find(&config.command) {
        Ok(program) => {
            checks.push(Check::ok("command", program.display()));
            // A launcher that has to be asked is not asked by us where it should be somebody else.
            if let Ok(user) = &user
                && config.command.is_named_java()
            {
                checks.push(java::look(&program, user.as_ref()).await);
            }
        }
        Err(error) => checks.push(launch_error("command", &error)),
    }
    let named = config.command.named();
    checks.extend(config.command.jar().map(|path| jar(path, named)));
    match user {
        Ok(user) => checks.extend(user.as_ref().map(known)),
        Err(error) => checks.push(launch_error("user", &error.into())),
    }
    checks.extend(config.command.assets().into_iter().map(assets));
    checks
}

fn known(user: &User) -> Check {
    let Identity { uid, gid, .. } = &user.identity;
    Check::ok("user", format_args!("the server would run as {uid}:{gid}"))
}

fn jar(path: &Path, named: Named) -> Check {
    let unreadable = |error| {
        let jar = path.to_owned();
        launch_error("jar", &LaunchError::Jar { jar, named, error })
    };
    match open_jar(path, named).map(|file| archive::is_whole(&file)) {
        Err(error) => launch_error("jar", &error),
        Ok(Err(error)) => unreadable(error),
        Ok(Ok(true)) => Check::ok("jar", path.display()),
        // Java would end with 1; what is wrong is the file that was named.
        Ok(Ok(false)) => Check::failed(
            "jar",
            format_args!(
                "the jar {} is no zip archive, or not all of one",
                path.display()
            ),
            Some(AGAIN),
            Code::NoInput as u8,
        ),
    }
}

/// The server may take what we do not know of, so only what is missing is a failure.
fn assets(path: &Path) -> Check {
    let whole = || match path.is_dir() {
        true => fs::read_dir(path).map(|_| true),
        false => archive::is_whole(&open_regular(path)?),
    };
    match whole() {
        Ok(true) => Check::ok("assets", path.display()),
        Ok(false) => Check::warning(
            "assets",
            format_args!("{} is no zip archive, or not all of one", path.display()),
            AGAIN,
        ),
        Err(error) => Check::failed(
            "assets",
            format_args!("cannot read the assets {}: {error}", path.display()),
            Some("--assets is relative to the folder that the server is started in"),
            Code::NoInput as u8,
        ),
    }
}

fn launch_error(name: &'static str, error: &LaunchError) -> Check {
    Check::failed(name, error, Some(error.hint()), error.code() as u8)
}
