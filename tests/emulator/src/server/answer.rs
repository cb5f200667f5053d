//! Answers, well-behaved and otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::time::{Sleep, sleep};

/// What a client gets.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Response<Payload>),
    /// The connection is closed.
    Drop,
    /// The connection stays open, and nothing comes.
    Hang,
}

impl Reply {
    pub(crate) fn map(self, change: impl FnOnce(Response<Payload>) -> Response<Payload>) -> Self {
        match self {
            Self::Answer(answer) => Self::Answer(change(answer)),
            other => other,
        }
    }
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Payload> {
    typed(status, "application/json", value.to_string())
}

pub(crate) fn text(status: StatusCode, text: &str) -> Response<Payload> {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

pub(crate) fn empty(status: StatusCode) -> Response<Payload> {
    let mut answer = Response::new(Payload::Whole(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

pub(crate) fn not_found() -> Response<Payload> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(crate) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response<Payload> {
    let mut answer = empty(status);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *answer.body_mut() = Payload::Whole(body.into());
    answer
}

/// The answer with one more header; a value that no header can hold is left out.
pub(crate) fn with_header(
    mut answer: Response<Payload>,
    name: HeaderName,
    value: &str,
) -> Response<Payload> {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().append(name, value);
    }
    answer
}

/// A body.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    /// One byte at a time.
    Trickle {
        rest: Bytes,
        pace: Duration,
        next: Pin<Box<Sleep>>,
    },
    /// What comes next of a JSON string that nobody closes.
    Endless(&'static [u8]),
}

impl Payload {
    /// The same bytes, slowly. What is no whole body already stays as it is.
    pub(crate) fn trickle(self, pace: Duration) -> Self {
        match self {
            Self::Whole(rest) => Self::Trickle {
                rest,
                pace,
                next: Box::pin(sleep(pace)),
            },
            other => other,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Trickle { rest, pace, next } => {
                if !rest.is_empty() {
                    ready!(next.as_mut().poll(cx));
                    next.set(sleep(*pace));
                }
                rest.split_to(rest.len().min(1))
            }
            Self::Endless(next) => Bytes::from_static(std::mem::replace(next, &[b'A'; 16 * 1024])),
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(rest) | Self::Trickle { rest, .. } if rest.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) | Self::Trickle { rest, .. } => {
                SizeHint::with_exact(rest.len() as u64)
            }
            Self::Endless(_) => SizeHint::default(),
        }
    }
}
