//! The folder for leases. Nothing about it is a failure: `run` goes on without.

use super::report::Check;
use crate::config::session::Session as Config;
use crate::lease::OPEN_TO_OTHERS;
use crate::session::{NoState, Sessions};

const NAME: &str = "state";

pub fn look(config: &Config) -> Check {
    let path = config.state_dir.clone().unwrap_or_default();
    let path = path.display();
    match Sessions::look(config) {
        Ok(Some(state)) if state.is_open_to_others() => Check::warning(
            NAME,
            format_args!("others can write to the state folder {path}"),
            OPEN_TO_OTHERS,
        ),
        Ok(Some(_)) => Check::ok(NAME, format_args!("{path} can be written")),
        Ok(None) => Check::ok(NAME, "no leases are kept, since no session is to be freed"),
        Err(error) => Check::warning(
            NAME,
            format_args!("{error}; {}", NoState::AND_SO),
            error.hint(),
        ),
    }
}
