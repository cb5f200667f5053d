//! One request to one service: noted, struck by the faults of its path, worked on, answered.

use std::pin::Pin;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::sleep;

use super::answer::{self, Payload, Reply};
use super::call::Call;
use crate::fault::{Fault, Kind};
use crate::service;
use crate::state::Shared;
use crate::state::requests::{Caller, Outcome};

const WEB_PAGE: &str = "<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>";

/// Boxed, because the broker's work asks for another request.
pub(crate) type Attended = Pin<Box<dyn Future<Output = Reply> + Send>>;

pub(crate) fn attend(shared: Arc<Shared>, call: Call, caller: Caller) -> Attended {
    Box::pin(async move {
        let (place, faults) = shared.change(|state| {
            let faults = state.faults.strike(call.method.as_str(), &call.path);
            (state.requests.arrive(&call, caller, &faults), faults)
        });
        let reply = struck(&shared, &call, &faults).await;
        let outcome = match &reply {
            Reply::Answer(answer) => Outcome::Answered(answer.status().as_u16()),
            Reply::Drop => Outcome::Dropped,
            Reply::Hang => Outcome::Pending,
        };
        shared.change(|state| state.requests.settle(place, outcome));
        reply
    })
}

async fn struck(shared: &Arc<Shared>, call: &Call, faults: &[Fault]) -> Reply {
    let Some((fault, rest)) = faults.split_first() else {
        return service::work(shared, call).await;
    };
    let reply = match fault.kind() {
        Kind::Latency(wait) => {
            sleep(*wait).await;
            Box::pin(struck(shared, call, rest)).await
        }
        Kind::DropBefore => Reply::Drop,
        Kind::DropAfter => {
            service::work(shared, call).await;
            Reply::Drop
        }
        Kind::Hang => Reply::Hang,
        Kind::Status(code) => Reply::Answer(status(*code, fault.body())),
        Kind::Redirect(location) => Reply::Answer(answer::with_header(
            status(302, fault.body()),
            LOCATION,
            location,
        )),
        Kind::Body => Reply::Answer(literal(fault.body())),
        Kind::Garbage => Reply::Answer(garbage(fault.body())),
        Kind::GarbageAfter => service::work(shared, call)
            .await
            .map(|_| garbage(fault.body())),
        Kind::Endless => Reply::Answer(endless()),
        Kind::Slow(pace) => service::work(shared, call)
            .await
            .map(|answer| answer.map(|body| body.trickle(*pace))),
        Kind::HugeHeaders => service::work(shared, call).await.map(huge_headers),
    };
    match fault.retry_after_value() {
        Some(value) => reply.map(|answer| answer::with_header(answer, RETRY_AFTER, value)),
        None => reply,
    }
}

fn literal(body: Option<&str>) -> Response<Payload> {
    answer::typed(
        StatusCode::OK,
        "application/json",
        body.unwrap_or_default().to_owned(),
    )
}

fn status(code: u16, body: Option<&str>) -> Response<Payload> {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer::text(
        status,
        body.unwrap_or(status.canonical_reason().unwrap_or_default()),
    )
}

fn garbage(body: Option<&str>) -> Response<Payload> {
    answer::typed(
        StatusCode::OK,
        "text/html",
        body.unwrap_or(WEB_PAGE).to_owned(),
    )
}

fn endless() -> Response<Payload> {
    literal(None).map(|_| Payload::Endless(b"{\"session_token\":\""))
}

/// 96 headers of 12 KiB: more than a megabyte, in fewer headers than most parsers have room for.
fn huge_headers(mut answer: Response<Payload>) -> Response<Payload> {
    let value = HeaderValue::from_str(&"A".repeat(12 * 1024)).expect("letters make a header value");
    for _ in 0..96 {
        answer
            .headers_mut()
            .append(HeaderName::from_static("x-huge"), value.clone());
    }
    answer
}
