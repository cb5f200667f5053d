//! `status`: what there is and whether it is in order, for people and for programs, and never a token.

use std::fs;
use std::time::Duration;

use hytale_emulator::{Fault, Options};
use nix::sys::signal::Signal::SIGTERM;
use serde_json::{Value, json};

use crate::support::credentials::{Fields, KEY};
use crate::support::{Finished, World, quick};

const PROFILES: &str = "/my-account/get-profiles";

#[test]
fn with_nothing_configured_it_says_so_and_is_content() {
    let world = World::new();
    let finished = world.entrypoint().arg("status").finish();
    finished.code(0);
    assert_eq!(
        finished.stdout,
        "No credentials: log in with hytale-entrypoint login\nNo leases\n"
    );
    assert_eq!(finished.stderr, "");
    let finished = world.entrypoint().arg("status").arg("--json").finish();
    finished.code(0);
    assert_eq!(
        finished.json(),
        json!({"version": 1, "credentials": [], "leases": []})
    );
    // To look is not to make.
    assert!(!world.state_dir().exists());
    assert_eq!(world.asked(), Vec::<String>::new());
}

#[test]
fn people_are_told_the_file_its_key_its_tokens_life_and_the_profiles_by_name() {
    let world = World::of(["alpha", "beta", "gamma"]);
    world.has_login();
    let [alpha, beta, gamma] = &world.emulator.accounts()[0].profiles[..] else {
        panic!("there are three");
    };
    let finished = world.status();
    finished.code(0);
    assert_eq!(finished.row("selected"), "none");
    world
        .account("select")
        .args(["gamma", "alpha"])
        .finish()
        .code(0);
    let finished = world.status();
    finished.code(0);
    let lines: Vec<_> = finished.stdout.lines().collect();
    let [title, key, login, access, selected, others, leases] = lines.as_slice() else {
        panic!("{finished}");
    };
    let path = world.auth_file();
    assert_eq!(*title, format!("Credentials {}", path.display()));
    let path = world.path("key");
    assert_eq!(
        *key,
        format!("  key           the key file {}", path.display())
    );
    assert_eq!(*login, "  logged in     yes");
    assert!(
        access.starts_with("  access token  expires in "),
        "{access}"
    );
    assert_eq!(
        *selected,
        format!(
            "  selected      gamma ({}), alpha ({})",
            gamma.uuid, alpha.uuid
        )
    );
    assert_eq!(*others, format!("  also there    beta ({})", beta.uuid));
    assert_eq!(*leases, "No leases");
}

#[test]
fn programs_are_told_the_same_as_json() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world.account("select").arg("beta").finish().code(0);
    let [alpha, beta] = &world.emulator.accounts()[0].profiles[..] else {
        panic!("there are two");
    };
    let finished = world.status_as_json();
    finished.code(0);
    let mut status = finished.json();
    let expires_at = status["credentials"][0]["access_token_expires_at"].take();
    let expires_at: jiff::Timestamp = expires_at
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no time in {finished}"));
    assert!(expires_at > jiff::Timestamp::now());
    assert_eq!(
        status,
        json!({
            "version": 1,
            "credentials": [{
                "path": world.auth_file(),
                "error": null,
                "key": format!("the key file {}", world.path("key").display()),
                "logged_in": true,
                "access_token_expires_at": null,
                "selected": [beta.uuid],
                "profiles": [
                    {"uuid": alpha.uuid, "username": "alpha"},
                    {"uuid": beta.uuid, "username": "beta"},
                ],
            }],
            "leases": [],
        })
    );
}

#[test]
fn without_an_answer_of_the_account_service_profiles_have_no_names() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world.account("select").arg("beta").finish().code(0);
    let beta = &world.emulator.accounts()[0].profiles[1];
    for fault in [
        Fault::on(PROFILES).status(503),
        Fault::on(PROFILES).drop_before(),
        Fault::on(PROFILES).status(403),
        Fault::on(PROFILES).garbage(),
    ] {
        world.emulator.fault(fault.clone());
        let finished = world.status();
        finished.code(0);
        assert_eq!(finished.row("selected"), beta.uuid);
        finished.never_says("alpha").never_says("also there");

        world.emulator.fault(fault);
        let finished = world.status_as_json();
        finished.code(0);
        let file = &finished.json()["credentials"][0];
        assert_eq!(file["profiles"], Value::Null);
        assert_eq!(file["selected"], json!([beta.uuid]));
    }
}

#[test]
fn an_access_token_that_has_expired_is_not_renewed_for_a_look() {
    let world = World::with(Options {
        access_ttl: Duration::ZERO,
        ..quick()
    });
    world.has_login();
    let before = world.asked().len();
    let finished = world.status();
    finished.code(0);
    assert_eq!(finished.row("logged in"), "yes");
    let access = finished.row("access token");
    assert!(
        access.starts_with("expired ") && access.ends_with(" ago, renewed at the next start"),
        "{access}"
    );
    let finished = world.status_as_json();
    finished.code(0);
    assert_eq!(finished.json()["credentials"][0]["profiles"], Value::Null);
    assert_eq!(world.asked().len(), before);
}

#[test]
fn it_says_which_tokens_are_missing() {
    let world = World::of(["alpha"]);
    let fields = world.has_login();
    let with = |fields: &Fields| {
        fs::write(world.auth_file(), fields.seal(KEY)).expect("it is writable");
        let finished = world.status();
        finished.code(0);
        finished
    };
    let refresh_alone = fields.clone().without("AccessToken").without("ExpiresAt");
    let finished = with(&refresh_alone);
    assert_eq!(finished.row("logged in"), "yes");
    assert_eq!(
        finished.row("access token"),
        "none, renewed at the next start"
    );
    let finished = with(&fields.without("RefreshToken"));
    assert_eq!(finished.row("logged in"), "no refresh token: log in again");
    assert_eq!(
        world.status_as_json().json()["credentials"][0]["logged_in"],
        json!(false)
    );
}

#[test]
fn names_from_elsewhere_cannot_steer_a_terminal() {
    let world = World::of(["al\u{1b}[31mpha", "be\r\nta"]);
    world.has_login();
    let finished = world.status();
    finished.code(0);
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!finished.stdout.contains(steers), "{:?}", finished.stdout);
    assert!(finished.row("also there").starts_with("al\\u{1b}[31mpha ("));
}

#[test]
fn it_says_which_key_opened_the_file() {
    let world = World::of(["alpha"]);
    world.has_login();
    let opened_with = |status: Finished| {
        status.code(0).never_says(KEY);
        status.row("key").to_owned()
    };
    let another = world.write("another", "another-key");
    let variable = world
        .account("status")
        .env("HYTALE_AUTH_KEY_FILE", &another)
        .env("HYTALE_AUTH_KEY", KEY)
        .finish();
    assert_eq!(opened_with(variable), "HYTALE_AUTH_KEY");
    let beside = world.write("state/auth.key", format!("{KEY}\n"));
    let status = world
        .account("status")
        .env("HYTALE_AUTH_KEY_FILE", &another)
        .finish();
    assert_eq!(opened_with(status), beside.display().to_string());
}

#[test]
fn a_file_that_no_key_opens_ends_it_with_78_after_all_the_rest_was_shown() {
    let world = World::of(["alpha"]);
    world.has_login();
    let run = world.a_server();
    let (id, _) = world.only_lease();
    let locked = world.write("locked.enc", [7; 100]);
    let status = || {
        world
            .account("status")
            .arg("--auth-file")
            .arg(&locked)
            .arg("--auth-file")
            .arg(world.auth_file())
    };
    let error = format!(
        "no key opens the credential file {}: tried the key file {}",
        locked.display(),
        world.path("key").display()
    );

    let finished = status().finish();
    finished.code(78);
    let said = format!("hytale-entrypoint: error: {error}");
    assert!(finished.stderr.starts_with(&said), "{finished}");
    let start = format!("Credentials {}\n  error         {error}", locked.display());
    assert!(finished.stdout.starts_with(&start), "{finished}");
    assert_eq!(finished.row("logged in"), "yes");
    let in_use = format!("\n  {id}  in use");
    assert!(finished.stdout.contains(&in_use), "{finished}");

    let finished = status().arg("--json").finish();
    finished.code(78);
    let status = finished.json();
    let [first, second] = status["credentials"].as_array().expect("a list").as_slice() else {
        panic!("{finished}");
    };
    let said = first["error"].as_str().expect("it is text");
    assert!(said.starts_with(&error), "{said}");
    assert_eq!(first["logged_in"], false);
    assert_eq!(second["error"], Value::Null);
    assert_eq!(second["logged_in"], true);
    assert_eq!(status["leases"][0]["id"], json!(id));

    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_key_file_that_is_not_there_ends_it_with_66() {
    let world = World::of(["alpha"]);
    world.has_login();
    let finished = world
        .account("status")
        .args(["--auth-key-file", "not-there"])
        .finish();
    finished.code(66).says(
        "error: cannot use the key file not-there as a key: No such file or directory (os error 2)",
    );
    assert!(finished.stdout.ends_with("\nNo leases\n"), "{finished}");
}

#[test]
fn no_token_is_ever_shown_in_any_form() {
    let world = World::of(["alpha", "beta"]);
    world.has_login();
    world.account("select").arg("alpha").finish().code(0);
    let run = world.a_server();
    let (_, token) = world.only_lease();
    let session = hytale_emulator::fingerprint(&token);
    assert_eq!(world.emulator.sessions()[0].newest_token, session);
    for form in [&[][..], &["--json"]] {
        for format in ["text", "json"] {
            let finished = world
                .account("status")
                .args(form)
                .args(["--log-level", "debug", "--log-format", format])
                .finish();
            // OAuth tokens of the emulator, and JWTs, begin like these; fingerprints are of no use to a reader.
            finished
                .code(0)
                .never_says("ory_")
                .never_says("eyJ")
                .never_says(KEY)
                .never_says(&session);
            for part in token.split('.') {
                finished.never_says(part);
            }
        }
    }
    run.signal(SIGTERM);
    run.wait().code(143);
}

#[test]
fn a_reader_who_has_gone_is_no_reason_to_fail() {
    let world = World::of(["alpha"]);
    world.has_login();
    let (ours, theirs) = std::io::pipe().expect("there are descriptors");
    drop(ours);
    let mut status = world.account("status");
    let mut child = status
        .command()
        .stdout(theirs)
        .spawn()
        .expect("the entrypoint can be started");
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
}
