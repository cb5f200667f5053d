//! A request, read to its end and taken apart as far as the services need it.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{self, Payload};
use crate::form;

const BODY_LIMIT: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) bearer: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Call {
    pub(crate) async fn receive(request: Request<Incoming>) -> Result<Self, Response<Payload>> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body
            .map_err(|_| answer::text(StatusCode::PAYLOAD_TOO_LARGE, "request body too large"))?
            .to_bytes();
        let header =
            |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            bearer: header(AUTHORIZATION).and_then(bearer_of).map(str::to_owned),
            content_type: header(CONTENT_TYPE)
                .unwrap_or_default()
                .to_ascii_lowercase(),
            body: String::from_utf8_lossy(&body).into_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            method: head.method,
        })
    }

    /// The broker's own call to the session service.
    pub(crate) fn new_session(access_token: &str, profile: &str) -> Self {
        Self {
            method: Method::POST,
            path: "/game-session/new".to_owned(),
            query: String::new(),
            bearer: Some(access_token.to_owned()),
            content_type: "application/json".to_owned(),
            body: serde_json::json!({ "uuid": profile }).to_string(),
        }
    }

    pub(crate) fn is_for_broker(&self) -> bool {
        matches!(self.path.as_str(), "/healthz" | "/v1/game-session")
    }

    pub(crate) fn is_form(&self) -> bool {
        self.content_type
            .starts_with("application/x-www-form-urlencoded")
    }

    /// The body as the request log may keep it.
    pub(crate) fn loggable_body(&self) -> String {
        match self.path.as_str() {
            "/oauth2/token" => form::redact(&self.body),
            _ => self.body.clone(),
        }
    }
}

fn bearer_of(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
        .filter(|token| !token.is_empty())
}
