//! No secret is ever said: every command, at the most talkative level, as text and as JSON, meets everything that the
//! services can do wrong at every request it makes; and a process that crashes or is looked at tells no more.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hytale_emulator::{Account, Fault, FaultSite, Options, Secret};
use nix::sys::signal::Signal::{SIGABRT, SIGINT, SIGKILL, SIGTERM};
use serde_json::Value;

use crate::support::conditions::each;
use crate::support::credentials::{Fields, KEY};
use crate::support::leases::in_the_place_of;
use crate::support::raw::{Raw, bytes, http};
use crate::support::servers::UP_AND_STOP;
use crate::support::tracer;
use crate::support::world::Start;
use crate::support::{Finished, Running, World, not_tried, processes, quick, say};

const BEARER: &str = "bearer-Kq7ZtW2mXv9RbN4cLd8HsGf3JpYw6TzA1eUo5iQy";

/// What a careless service puts into its answers: the first letters of every JWT, and of every opaque token.
const ECHO: &str = "we got eyJhbGciOiJFZERTQSJ9.e30.c2ln and ory_at_0123456789abcdef0123456789abcdef0123456789abcdef";

/// What it can do wrong.
#[derive(Clone, Copy)]
struct Wrong {
    name: &'static str,
    at: fn(FaultSite) -> Fault,
}

impl fmt::Debug for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn wrong(name: &'static str, at: fn(FaultSite) -> Fault) -> Wrong {
    Wrong { name, at }
}

/// The emulator's list of faults, but for `hang`, of which nothing comes; those with a body have one that says too much.
static WRONGS: [Wrong; 16] = [
    wrong("latency", |site| site.latency(Duration::from_millis(50))),
    wrong("drop before", FaultSite::drop_before),
    wrong("drop after", FaultSite::drop_after),
    wrong("400", |site| site.status(400).with_body(&json(ECHO))),
    wrong("401", |site| site.status(401).with_body(ECHO)),
    wrong("403", |site| site.status(403).with_body(&json(ECHO))),
    wrong("404", |site| site.status(404).with_body(ECHO)),
    wrong("429", |site| {
        site.status(429).retry_after("1").with_body(ECHO)
    }),
    wrong("500", |site| site.status(500).with_body(ECHO)),
    wrong("garbage", |site| site.garbage().with_body(ECHO)),
    wrong("garbage after", FaultSite::garbage_after),
    wrong("endless", FaultSite::endless),
    wrong("slow", |site| site.slow(Duration::from_micros(100))),
    wrong("redirect", |site| {
        site.redirect("http://127.0.0.1:1/?t=eyJhbGciOiJFZERTQSJ9.e30.c2ln")
    }),
    wrong("huge headers", FaultSite::huge_headers),
    wrong("body", |site| {
        site.body(r#"{"session_token":"eyJ","access_token":"eyJ","error":"eyJ"}"#)
    }),
];

fn json(text: &str) -> String {
    serde_json::json!({ "error": text }).to_string()
}

/// What is started, and the requests that it makes.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    requests: &'static [&'static str],
    start: fn(&World) -> Start,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const BROKER: &str = "HYTALE_SESSION_TOKEN_BROKER_URL";
const KEYS: &str = "/.well-known/jwks.json";
const NEW: &str = "/game-session/new";
const RELEASE: &str = "/game-session";
const TOKEN: &str = "/oauth2/token";
const PROFILES: &str = "/my-account/get-profiles";

static WAYS: [Way; 12] = [
    Way {
        name: "run with a broker",
        requests: &["/v1/game-session", NEW, RELEASE],
        start: |world| {
            world
                .run_with_broker()
                .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", BEARER)
        },
    },
    Way {
        name: "run with tokens",
        requests: &[RELEASE],
        start: |world| world.run().tokens(&world.mint()),
    },
    Way {
        name: "run with a login",
        requests: &[TOKEN, PROFILES, NEW, RELEASE],
        start: World::run_with_file,
    },
    Way {
        name: "check with a broker",
        requests: &["/healthz", KEYS, "/v1/game-session", RELEASE],
        start: |world| {
            world
                .account("check")
                .arg("--mint")
                .env(BROKER, world.emulator.broker_url())
                .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", BEARER)
        },
    },
    Way {
        name: "check with a login",
        requests: &[KEYS, TOKEN, PROFILES, NEW, RELEASE],
        start: |world| world.account("check").arg("--mint"),
    },
    Way {
        name: "login",
        requests: &["/oauth2/device/auth", TOKEN, PROFILES],
        start: |world| world.account("login"),
    },
    Way {
        name: "import",
        requests: &[],
        start: |world| world.account("import").arg(world.path("server.enc")),
    },
    Way {
        name: "status",
        requests: &[TOKEN, PROFILES],
        start: |world| world.account("status"),
    },
    Way {
        name: "select",
        requests: &[TOKEN, PROFILES],
        start: |world| world.account("select").arg("alpha"),
    },
    Way {
        name: "logout",
        requests: &[],
        start: |world| world.account("logout"),
    },
    Way {
        name: "health",
        requests: &[],
        start: |world| world.account("health"),
    },
    Way {
        name: "release",
        requests: &[RELEASE],
        start: |world| world.account("release"),
    },
];

/// Everything that there is to be kept secret in a world, and the first letters of what there will be.
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn of(world: &World) -> Self {
        let mut all: BTreeSet<String> = ["eyJ", "ory_", BEARER, KEY].map(str::to_owned).into();
        for folder in [world.state_dir(), world.path("")] {
            let Ok(file) = fs::read(folder.join("auth.enc")) else {
                continue;
            };
            if let Some(fields) = Fields::open(&file, KEY) {
                all.insert(fields.access().to_owned());
                all.insert(fields.refresh().to_owned());
            }
        }
        Self(all)
    }

    #[track_caller]
    fn are_not_in(&self, where_: &str, text: &str) {
        for secret in &self.0 {
            assert!(
                !text.contains(secret.as_str()),
                "a secret in {where_}:\n{text}"
            );
        }
    }
}

/// All names below a folder, and what is in the files that anybody may be shown.
fn files(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        text.push_str(&format!("{}\n", entry.path().display()));
        if entry.path().is_dir() {
            text.push_str(&files(&entry.path()));
        }
        if ["status.json", "released"]
            .iter()
            .any(|name| entry.path().ends_with(name))
        {
            text.push_str(&String::from_utf8_lossy(
                &fs::read(entry.path()).expect("it is ours"),
            ));
        }
    }
    text
}

/// A world with a login that has expired, and the server's own credentials.
fn lived_in() -> World {
    let world = World::with(Options {
        accounts: vec![Account::named("owner").with_profiles(["alpha"])],
        broker_token: Some(Secret::from(BEARER)),
        ..quick()
    });
    fs::create_dir_all(world.state_dir()).expect("there is room");
    let fields = world.login_of("owner").expired().without("ProfileUuid");
    let file = fields.seal(KEY);
    fs::write(world.auth_file(), &file).expect("there is room");
    world.write("server.enc", &file);
    world
}

/// And with a session that a killed wrapper has left.
fn left_over(world: World) -> World {
    let start = world.run().tokens(&world.mint());
    let run = start.sh("echo up; exec sleep 300").spawn();
    run.line("up");
    run.signal(SIGKILL);
    run.wait().killed_by(SIGKILL);
    world
}

/// Starts it, plays the person where one is needed, and waits for the end.
fn lives(world: &World, way: &Way, format: &str) -> Finished {
    let mut start = (way.start)(world).args(["--log-level", "debug", "--log-format", format]);
    if way.name.contains(" with ") {
        start = start
            .args(["--broker-timeout", "1s", "--token-timeout", "1500ms"])
            .sh(UP_AND_STOP);
    }
    let run = start.env("RUST_BACKTRACE", "1").spawn();
    if way.name == "login" {
        agree_or_give_up(world, &run);
    }
    run.wait()
}

/// Where no code comes, the login ends by itself or on Ctrl-C.
fn agree_or_give_up(world: &World, run: &Running) {
    let over = Duration::from_secs(2);
    let begun = world
        .emulator
        .wait_for(|view| !view.user_codes().is_empty(), over);
    let agreed = begun && world.emulator.approve(&world.emulator.user_codes()[0]);
    let answered = |view: &hytale_emulator::View<'_>| view.count("GET", PROFILES) > 0;
    if !agreed || !world.emulator.wait_for(answered, over) {
        run.signal(SIGINT);
    }
}

#[test]
fn no_command_says_a_secret_whatever_goes_wrong() {
    let mut cases = Vec::new();
    for way in &WAYS {
        cases.push((way, None));
        let at = |request| WRONGS.iter().map(move |wrong| Some((request, *wrong)));
        cases.extend(way.requests.iter().flat_map(at).map(|case| (way, case)));
    }
    let formats = ["text", "json"].into_iter().cycle();
    let cases: Vec<_> = cases.into_iter().zip(formats).collect();
    let count = cases.len();
    each(cases, 24, |&((way, case), format)| {
        let world = match way.name {
            "status" | "release" => left_over(lived_in()),
            _ => lived_in(),
        };
        let mut secrets = Secrets::of(&world);
        if let Some((request, wrong)) = case {
            // Twice, for what is tried again tells of it at the first time.
            world
                .emulator
                .fault((wrong.at)(Fault::on(request)).times(2));
        }
        let finished = lives(&world, way, format);
        assert!(
            finished.status.code().is_some_and(|code| code != 101),
            "{finished}"
        );
        secrets.0.extend(Secrets::of(&world).0);
        secrets.are_not_in("the files", &files(&world.path("")));
        secrets.are_not_in("stdout", &finished.stdout);
        // On the screen, and there alone.
        secrets.0.extend(world.emulator.user_codes());
        secrets.are_not_in("stderr", &finished.stderr);
        if format == "json" {
            let objects = finished.stderr.lines().map(serde_json::from_str::<Value>);
            assert!(
                objects.into_iter().all(|object| object.is_ok()),
                "{finished}"
            );
        }
    });
    say(&format!("redaction: {count} lives"));
}

/// Where memory ends, a process ends in an abort, and a kernel that writes cores would write one of it.
#[test]
fn a_wrapper_that_crashes_leaves_no_core_and_says_no_secret() {
    const CORES: &str = "ulimit -c unlimited";
    let world = World::new();
    let mut control = Command::new("sh");
    control.args(["-c", &format!("{CORES} && kill -ABRT $$")]);
    let control = control.current_dir(world.path("")).status();
    if !control.is_ok_and(|status| status.core_dumped()) {
        return not_tried("cores: none is written here, whoever crashes");
    }
    // An answer that is not too long, but for this process.
    let body = format!("[\"{}\"]", "eyJ".repeat(300_000));
    let broker = Raw::answering(bytes(http(200, "", body)));
    let start = world
        .run()
        .env("HYTALE_SESSION_TOKEN_BROKER_URL", broker.url())
        .env("HYTALE_SESSION_TOKEN_BROKER_BEARER_TOKEN", BEARER)
        .env("RUST_BACKTRACE", "1");
    let start = start.sh("echo started");
    let finished = start.after(&format!("{CORES}; ulimit -d 1200")).finish();
    finished.killed_by(SIGABRT).never_says("started");
    finished.never_says("eyJ").never_says(BEARER);
    assert!(!finished.status.core_dumped(), "{finished}");
}

/// A shell as the same user as the entrypoint, with the entrypoint's process id as its first argument.
const LOOKS: &str = r#"
    for file in environ mem maps fd/0 auxv; do
        if head -c 1 /proc/$1/$file >/dev/null 2>&1; then echo "can read $file"; fi
    done
    head -c 1 /proc/$$/environ >/dev/null && echo looked"#;

#[test]
fn nobody_of_the_same_user_gets_at_a_wrapper() {
    const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let tried = Command::new("setpriv").args(NOBODY).arg("true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return not_tried("processes of the same user, which need root and setpriv");
    }
    let world = World::new();
    world.set_mode("", 0o777);
    let entrypoint = world.path("entrypoint");
    world.copy_program(
        Path::new(env!("CARGO_BIN_EXE_hytale-entrypoint")),
        "entrypoint",
    );
    let mut start = world.run_with_broker().sh("echo up $PPID; exec sleep 300");
    let arguments: Vec<_> = start.command().get_args().map(ToOwned::to_owned).collect();
    let mut command = Command::new("setpriv");
    in_the_place_of(start.command(), &mut command);
    command.args(NOBODY).arg(&entrypoint).args(arguments);
    let run = Running::start(command);
    let line = run.line("up ");
    assert_eq!(line[3..], run.pid().to_string());
    let as_nobody = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(NOBODY).arg(program).args(arguments);
        command.output().expect("it was just tried")
    };
    let pid = run.pid().to_string();
    let looked = as_nobody("sh", &["-c", LOOKS, "sh", &pid]);
    assert_eq!(String::from_utf8_lossy(&looked.stdout), "looked\n");
    // Else it would be a matter of permissions alone.
    let server = processes::children(run.pid())[0].to_string();
    let looked = as_nobody("sh", &["-c", LOOKS, "sh", &server]);
    assert!(String::from_utf8_lossy(&looked.stdout).contains("can read environ"));
    if tracer::is_there() {
        let attached = as_nobody("strace", &["-p", &pid]);
        assert!(!attached.status.success());
        let said = String::from_utf8_lossy(&attached.stderr).into_owned();
        assert!(said.contains("Operation not permitted"), "{said}");
    }
    run.signal(SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}
