//! The wait for a person: URL and code, polls at the pace that the service sets, a countdown.

use std::time::Duration;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tokio::time::{Instant, sleep_until};

use crate::commands::CommandError;
use crate::commands::screen::Screen;
use crate::hytale::http::Http;
use crate::hytale::oauth::{self, Device, OAuthError, Poll, Tokens};
use crate::hytale::retry::{Policy, Transient};
use crate::stop::Stop;

/// How long the beginning is tried.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// What the interval grows by when we are told to slow down (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// Begins a login and waits until the person has finished it.
pub async fn tokens(http: &Http, screen: &Screen, stop: &Stop) -> Result<Tokens, CommandError> {
    let policy = Policy {
        deadline: Instant::now() + BEGIN_TIMEOUT,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(5),
    };
    let device = policy.run(stop, async || oauth::begin(http).await).await?;
    show(&device, screen);
    wait(http, &device, screen).await
}

fn show(device: &Device, screen: &Screen) {
    let short = &device.verification_uri;
    let whole = device.verification_uri_complete.as_ref().unwrap_or(short);
    if screen.is_terminal()
        && let Ok(code) = QrCode::new(whole)
    {
        // Light on dark, as terminals are, would be the wrong way round for a scanner.
        let mut picture = code.render::<Dense1x2>();
        picture
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark);
        screen.say(picture.build());
    }
    screen.say_foreign("Open this address:  ", whole);
    screen.say_foreign("or go to:           ", short);
    screen.say_foreign("and enter the code: ", &device.user_code);
    let life = Duration::from_secs(device.expires_in);
    screen.say(format_args!("The code is good for {}.", minutes(life)));
}

async fn wait(http: &Http, device: &Device, screen: &Screen) -> Result<Tokens, CommandError> {
    let expires = Instant::now() + Duration::from_secs(device.expires_in.min(24 * 3600));
    let mut interval = Duration::from_secs(device.interval.clamp(1, 3600));
    let mut asked_to_wait = Duration::ZERO;
    let mut in_trouble = false;
    loop {
        pause(interval.max(asked_to_wait), expires, screen).await;
        asked_to_wait = Duration::ZERO;
        if Instant::now() >= expires {
            return Err(CommandError::CodeExpired);
        }
        match oauth::poll(http, device).await {
            // Without a refresh token this would be a login for an hour.
            Ok(Poll::Done(tokens)) if tokens.refresh.is_none() => {
                return Err(OAuthError::Garbage.into());
            }
            Ok(Poll::Done(tokens)) => return Ok(tokens),
            Ok(Poll::Pending) => in_trouble = false,
            Ok(Poll::SlowDown) => interval += SLOWER,
            Ok(Poll::Denied) => return Err(CommandError::Denied),
            Ok(Poll::Expired) => return Err(CommandError::CodeExpired),
            // The person may finish all the same, so we go on for as long as the code is good.
            Err(error) if error.is_transient() => {
                asked_to_wait = error.retry_after().unwrap_or_default();
                if !in_trouble {
                    screen.say_foreign("", &format!("{error}; still waiting"));
                }
                in_trouble = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits one interval; on a terminal it shows every second how long the code is still good.
async fn pause(interval: Duration, expires: Instant, screen: &Screen) {
    let end = (Instant::now() + interval).min(expires);
    while Instant::now() < end {
        let left = expires.saturating_duration_since(Instant::now());
        screen.change(format_args!("Waiting for you: {} left ", minutes(left)));
        let tick = match screen.is_terminal() {
            true => Instant::now() + Duration::from_secs(1),
            false => end,
        };
        sleep_until(tick.min(end)).await;
    }
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02} minutes", seconds / 60, seconds % 60)
}
