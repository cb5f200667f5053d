//! One small HTTP client for one server: bounded in time and size, following no redirect, believing no
//! certificate that the roots do not vouch for.

use std::error::Error as _;
use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    AGE, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, Url, redirect};
use thiserror::Error;
use zeroize::Zeroizing;

use super::tls;
use crate::secret::Secret;

/// The longest answer that is read, in bytes.
const LIMIT: usize = 1024 * 1024;

/// The longest wait that a server can ask for. Nobody here waits so long, and a point in time plus any number of seconds
/// may be none.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum HttpError {
    #[error("no answer from {host} within {}s", .within.as_secs_f64())]
    Timeout { host: String, within: Duration },
    #[error("cannot reach {host}: {reason}")]
    Connection { host: String, reason: String },
    #[error("the answer of {host} is longer than 1 MiB")]
    TooLong { host: String },
    #[error("cannot set up HTTP: {0}")]
    Setup(String),
}

/// A client for one server, which is named by the URL that all paths are added to.
pub struct Http {
    client: Client,
    base: Url,
}

/// What came back, whatever it means.
pub struct Answer {
    pub status: u16,
    /// How long the server asks us to wait.
    pub retry_after: Option<Duration>,
    /// The server's time when it answered, where it tells.
    pub date: Option<SystemTime>,
    /// It may hold tokens, so it is wiped.
    pub body: Zeroizing<Vec<u8>>,
}

/// A request to a [`Http`]'s server.
pub struct Request<'a> {
    pub method: Method,
    /// Starts with a slash.
    pub path: &'a str,
    pub bearer: Option<&'a Secret>,
    pub body: Body,
    /// For everything from the connection to the last byte of the answer.
    pub within: Duration,
}

/// A request's body. It may hold secrets, so our copy is wiped.
pub enum Body {
    None,
    Json(Zeroizing<String>),
    Form(Zeroizing<String>),
}

impl Body {
    /// `application/x-www-form-urlencoded`, as OAuth wants it.
    pub fn form(fields: &[(&str, &str)]) -> Self {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(fields);
        Self::Form(Zeroizing::new(text.finish()))
    }
}

impl Http {
    /// # Errors
    /// When the client cannot be built; then nothing else would work either.
    pub fn to(base: &Url) -> Result<Self, HttpError> {
        let mut builder = Client::builder()
            .user_agent(concat!("hytale-entrypoint/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .tls_backend_preconfigured(tls::config(base)?);
        // No proxy can reach our own loopback, whatever the variables say.
        if crate::config::values::is_loopback(base) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            client: builder.build().map_err(|e| HttpError::Setup(chain(&e)))?,
            base: base.clone(),
        })
    }

    /// The server's name, for people.
    pub fn host(&self) -> String {
        match (self.base.host_str(), self.base.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        }
    }

    /// Sends one request, once.
    ///
    /// # Errors
    /// When no whole answer came in time. What was asked for may have been done all the same.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        let within = request.within;
        match tokio::time::timeout(within, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout {
                host: self.host(),
                within,
            }),
        }
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        let url = format!(
            "{}{}",
            self.base.as_str().trim_end_matches('/'),
            request.path
        );
        let mut builder = self.client.request(request.method, url);
        if let Some(bearer) = request.bearer {
            builder = builder.header(AUTHORIZATION, authorization(bearer)?);
        }
        builder = match request.body {
            Body::None => builder,
            Body::Json(text) => builder
                .header(CONTENT_TYPE, "application/json")
                .body(text.to_string()),
            Body::Form(text) => builder
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(text.to_string()),
        };
        let response = builder.send().await.map_err(|e| self.connection(&e))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let date = date(response.headers());
        let body = self.body(response).await?;
        Ok(Answer {
            status,
            retry_after,
            date,
            body,
        })
    }

    async fn body(&self, mut response: Response) -> Result<Zeroizing<Vec<u8>>, HttpError> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|e| self.connection(&e))? {
            if body.len() + chunk.len() > LIMIT {
                return Err(HttpError::TooLong { host: self.host() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn connection(&self, error: &reqwest::Error) -> HttpError {
        HttpError::Connection {
            host: self.host(),
            reason: chain(error),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.base)
    }
}

fn authorization(bearer: &Secret) -> Result<HeaderValue, HttpError> {
    let text = Zeroizing::new(format!("Bearer {}", bearer.expose_secret()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| HttpError::Setup("a bearer token cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(text).ok()?;
        at.duration_since(SystemTime::now()).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

/// `Date` (RFC 9110, section 6.6.1), and the time that the answer has spent in caches since (RFC 9111, section 5.1).
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = httpdate::parse_http_date(text(DATE)?).ok()?;
    let age = text(AGE).and_then(|age| age.trim().parse().ok());
    date.checked_add(Duration::from_secs(age.unwrap_or(0)))
}

/// The innermost causes of a failure: reqwest's own words for the outer ones say less, and name the URL.
fn chain(error: &reqwest::Error) -> String {
    // The first cause is hyper's "client error (Connect)", which the words before it say already.
    let mut cause = error
        .source()
        .and_then(|outer| outer.source().or(Some(outer)));
    let mut words = Vec::new();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.dedup();
    match words.is_empty() {
        true => "the request cannot be sent".to_owned(),
        false => words.join(": "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_out_of_a_cache_is_older_than_the_answer() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| {
                    let name = reqwest::header::HeaderName::from_static(name);
                    (name, HeaderValue::from_static(value))
                })
                .collect()
        };
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let now = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
        for (given, date) in [
            (&[now][..], at(1_800_000_000)),
            (&[now, ("age", "90")], at(1_800_000_090)),
            (&[now, ("age", "old")], at(1_800_000_000)),
            (&[now, ("age", "18446744073709551615")], None),
            (&[("date", "today")], None),
            (&[], None),
        ] {
            assert_eq!(super::date(&headers(given)), date, "{given:?}");
        }
    }
}
