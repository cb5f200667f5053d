//! The page that a person opens to confirm a device login.

use hyper::{Response, StatusCode};

use crate::form;
use crate::server::answer::{self, Payload};
use crate::server::call::Call;
use crate::state::Shared;
use crate::state::devices::Verdict;

pub(super) fn ask(shared: &Shared, call: &Call) -> Response<Payload> {
    let fields = form::parse(&call.query).unwrap_or_default();
    let code = escape(
        fields
            .get("user_code")
            .map(String::as_str)
            .unwrap_or_default(),
    );
    let accounts = shared
        .options
        .accounts
        .iter()
        .map(|account| format!("<option>{}</option>", escape(&account.name)));
    let accounts = accounts.collect::<String>();
    page(&format!(
        "<form method=\"post\" action=\"/device\">\
         <p><label>Code <input name=\"user_code\" value=\"{code}\" required></label>\
         <p><label>Account <select name=\"account\">{accounts}</select></label>\
         <p><button name=\"verdict\" value=\"approve\">Approve</button> \
         <button name=\"verdict\" value=\"deny\">Deny</button></form>"
    ))
}

pub(super) fn decide(shared: &Shared, call: &Call) -> Response<Payload> {
    let fields = form::parse(&call.body).unwrap_or_default();
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let (verdict, done) = match (field("verdict"), shared.options.account(field("account"))) {
        ("approve", Some(account)) => (Verdict::Approve(&account.name), "<p>approved"),
        ("approve", None) => return page("<p>There is no such account."),
        _ => (Verdict::Deny, "<p>denied"),
    };
    page(if shared.decide(field("user_code"), verdict) {
        done
    } else {
        "<p>No login waits under this code."
    })
}

fn page(body: &str) -> Response<Payload> {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><title>Device login</title><h1>Device login</h1>{body}</html>\n"
    );
    answer::typed(StatusCode::OK, "text/html; charset=utf-8", html)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
