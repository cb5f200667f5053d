//! `examples/compose.yaml` as it is, but for the broker's image, the session service, and sizes and ports: a broker and three
//! servers on a private network, and a broker that goes away and comes back.

use std::net::SocketAddr;
use std::process::Command;

use hytale_emulator::{Options, Secret};

use crate::support::containers::{BOOTED, Yard, images};
use crate::support::door::{self, CERTIFICATE};
use crate::support::{World, not_tried, until};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/compose.yaml");
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/containers");
const SERVERS: [&str; 3] = ["one", "two", "three"];
const BROKERS_TOKEN: &str = "what-the-broker-wants-to-hear";

/// The tool that reads such files: a part of docker, or a program of its own in its older form.
fn tool() -> Option<Vec<&'static str>> {
    let tools = [vec!["docker", "compose"], vec!["docker-compose"]];
    tools.into_iter().find(|tool| {
        let version = Command::new(tool[0])
            .args(&tool[1..])
            .arg("version")
            .output();
        version.is_ok_and(|output| output.status.success())
    })
}

struct Project {
    yard: Yard,
    tool: Vec<&'static str>,
    variables: Vec<(String, String)>,
}

impl Project {
    fn open() -> Option<Self> {
        images()?;
        let Some(tool) = tool() else {
            not_tried("examples/compose.yaml: there is neither docker compose nor docker-compose");
            return None;
        };
        // Containers come in by the bridge; which address that has, not every engine tells.
        let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let yard = Yard::with(|| {
            World::with(Options {
                listen: anywhere,
                broker_token: Some(Secret::from(BROKERS_TOKEN)),
                ..Options::default()
            })
        })?;
        let world = &yard.world;
        let plain: SocketAddr = (world.emulator.url().trim_start_matches("http://").parse())
            .expect("the emulator tells its address");
        let tls = door::open(world.emulator.url(), anywhere);
        let token = world.write("broker-token", BROKERS_TOKEN);
        world.set_mode("broker-token", 0o444);
        let game = world.path("hytale").display().to_string();
        let mut variables = vec![
            ("HYTALE_IMAGE".to_owned(), yard.image.to_owned()),
            ("BROKER_IMAGE".to_owned(), yard.image.to_owned()),
            ("BROKER_TOKEN_FILE".to_owned(), token.display().to_string()),
            ("MEMORY".to_owned(), "400m".to_owned()),
            ("PLAIN_PORT".to_owned(), plain.port().to_string()),
            ("TLS_PORT".to_owned(), tls.port().to_string()),
            ("CERTIFICATE".to_owned(), CERTIFICATE.to_owned()),
            ("FORWARD".to_owned(), format!("{FIXTURES}/forward.pl")),
            ("LABEL".to_owned(), yard.label()),
        ];
        for server in ["ONE", "TWO", "THREE"] {
            variables.push((format!("GAME_{server}"), game.clone()));
            // Any free one.
            variables.push((format!("PORT_{server}"), "0".to_owned()));
        }
        Some(Self {
            yard,
            tool,
            variables,
        })
    }

    /// The tool with this project's files, to its end.
    #[track_caller]
    fn compose(&self, arguments: &[&str]) -> String {
        let mut compose = Command::new(self.tool[0]);
        compose
            .args(&self.tool[1..])
            .args(["--project-name", self.yard.name()])
            .args([
                "--file",
                EXAMPLE,
                "--file",
                &format!("{FIXTURES}/compose.yaml"),
            ])
            .args(arguments)
            .envs(self.variables.iter().cloned());
        let output = compose.output().expect("it is there");
        assert!(output.status.success(), "{compose:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[track_caller]
    fn id(&self, service: &str) -> String {
        self.compose(&["ps", "--quiet", "--all", service])
    }

    #[track_caller]
    fn until_booted(&self, container: &str, times: usize) {
        until("it has booted", || {
            self.yard.asked(["logs", container]).matches(BOOTED).count() == times
        });
    }
}

#[test]
fn three_servers_outlive_their_broker_and_start_when_it_is_back() {
    let Some(project) = Project::open() else {
        return;
    };
    let yard = &project.yard;
    project.compose(&["up", "--detach"]);
    let [one, two, three] = SERVERS.map(|server| project.id(server));
    for server in [&one, &two, &three] {
        yard.until_inspected(server, ".State.Health.Status", "healthy");
    }
    assert_eq!(yard.world.emulator.live(), 3);
    let life = |server: &str| yard.inspect(server, ".State.StartedAt");
    let before = [life(&one), life(&three)];

    project.compose(&["stop", "broker"]);
    project.compose(&["restart", "two"]);
    until("its start is repeated", || {
        yard.inspect(&two, ".RestartCount") != "0"
    });
    assert_eq!(
        yard.world.emulator.live(),
        2,
        "the slot of its first life is freed"
    );
    let logs = yard
        .docker(["logs", &two])
        .output()
        .expect("there is a docker");
    let said = String::from_utf8_lossy(&logs.stderr);
    assert!(
        said.contains("error: no session tokens: broker: "),
        "{said}"
    );

    project.compose(&["start", "broker"]);
    project.until_booted(&two, 2);
    assert_eq!(yard.world.emulator.live(), 3);
    assert_eq!(
        [life(&one), life(&three)],
        before,
        "the others are not disturbed"
    );

    project.compose(&["stop"]);
    for server in [&one, &two, &three] {
        assert_eq!(yard.inspect(server, ".State.ExitCode"), "143");
    }
    yard.world.assert_nothing_left();
}
