//! A login service that means harm: it costs an attempt as a broker does, and never the login that there is.

use std::sync::Arc;

use nix::sys::signal::Signal::SIGINT;
use serde_json::json;

use crate::hostile::{HEAP, cases};
use crate::support::World;
use crate::support::conditions::each;
use crate::support::raw::{Raw, bytes, http};

#[test]
fn no_answer_to_a_renewal_costs_the_login() {
    each(cases(), 8, |case| {
        let world = World::new();
        let before = world.login().expired();
        world.store(&before);
        let service = Raw::answering(Arc::clone(&case.answer));
        let start = world
            .run_with_store()
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", service.url())
            .args(["--token-timeout", "1500ms"])
            .sh("echo started");
        let finished = start.after(&format!("ulimit -d {HEAP}")).finish();
        // What is no status of such a service is its refusal.
        let refusals = [
            "another status",
            "a redirect to no host at all",
            "switching protocols",
        ];
        let refused = refusals.contains(&case.name);
        finished.code(if refused { 77 } else { 69 });
        finished.never_says("started").never_says("eyJ");
        finished
            .never_says(before.refresh())
            .never_says(before.access());
        assert!(!service.requests().is_empty(), "it was asked");
        assert_eq!(world.stored(), before);
    });
}

#[test]
fn a_login_service_sets_no_time_that_is_none() {
    for number in [u64::MAX, 0] {
        let device = json!({
            "device_code": "a device code",
            "user_code": "ABCD-1234",
            "verification_uri": "https://example.com",
            "expires_in": if number == 0 { 1 } else { number },
            "interval": number,
        });
        let service = Raw::answering(bytes(http(200, "", device.to_string())));
        let world = World::new();
        let login = world
            .account("login")
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", service.url())
            .spawn();
        login.line("and enter the code: ABCD-1234");
        let code = match number {
            0 => 75,
            _ => {
                login.signal(SIGINT);
                130
            }
        };
        login.wait().code(code).never_says("a device code");
    }
}
