//! Containers of the image under test, and all that belongs to them: it bears a label of its test's own, by which it is
//! removed when the test ends, failed or not. Nothing without that label is touched.
//!
//! They share the network of this machine, because the emulator is on its loopback interface.

use std::ffi::OsStr;
use std::ops::Deref;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use uuid::Uuid;

use super::running::{Finished, Running};
use super::world::{World, stand_in_jar};
use super::{Start, Terminal, not_tried, say, until};

/// Names the image with Java and the entrypoint, as `.ci/images` builds it.
const IMAGE: &str = "HYTALE_ENTRYPOINT_TEST_IMAGE";
/// Names the image that holds the binary alone.
const BINARY_IMAGE: &str = "HYTALE_ENTRYPOINT_TEST_BINARY_IMAGE";

/// Where the image keeps its state.
pub const STATE: &str = "/var/lib/hytale-entrypoint";

/// What a server says when it has booted.
pub const BOOTED: &str = "Hytale Server Booted!";

/// Whether there are images to be tested; if not, that is said.
pub fn images() -> Option<(&'static str, &'static str)> {
    static IMAGES: OnceLock<Option<(String, String)>> = OnceLock::new();
    let images = IMAGES.get_or_init(|| {
        let named = |variable| env::var(variable).ok().filter(|name| !name.is_empty());
        let images = named(IMAGE).zip(named(BINARY_IMAGE));
        if images.is_none() {
            not_tried(&format!(
                "containers, for {IMAGE} and {BINARY_IMAGE} name no images; \
                 build and test them with `env $(.ci/images) cargo test --test promises containers`"
            ));
        }
        images
    });
    images
        .as_ref()
        .map(|(image, binary)| (image.as_str(), binary.as_str()))
}

/// A world whose entrypoints live in containers.
pub struct Yard {
    pub world: World,
    pub image: &'static str,
    pub binary_image: &'static str,
    name: String,
    made: AtomicUsize,
}

/// A container that is about to be made.
pub struct Draft<'a> {
    yard: &'a Yard,
    name: String,
    image: &'static str,
    options: Vec<String>,
    server: Vec<String>,
}

/// A container that a `docker run` is attached to, which ends as it does.
pub struct Container<'a> {
    run: Running,
    name: String,
    yard: &'a Yard,
}

impl Yard {
    /// `None` without an image, which has been said then.
    pub fn open() -> Option<Self> {
        Self::with(World::new)
    }

    pub fn with(world: impl FnOnce() -> World) -> Option<Self> {
        let (image, binary_image) = images()?;
        let yard = Self {
            world: world(),
            image,
            binary_image,
            name: format!("hytale-entrypoint-test-{}", Uuid::new_v4().simple()),
            made: AtomicUsize::new(0),
        };
        yard.lay_out_the_game();
        Some(yard)
    }

    /// The folder that an operator would mount: `Server/` and `Assets.zip`, as a stand-in.
    fn lay_out_the_game(&self) {
        let server = self.world.path("hytale/Server");
        fs::create_dir_all(&server).expect("there is room");
        fs::copy(stand_in_jar(), server.join("HytaleServer.jar")).expect("there is room");
        self.world.write("hytale/Assets.zip", "");
        self.world.set_mode("hytale", 0o755);
    }

    /// What everything of this test is named after; the value of its label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What marks everything of this test.
    pub fn label(&self) -> String {
        format!("hytale-entrypoint.test={}", self.name)
    }

    /// The engine's command line, set up for a person's engine wherever it is.
    pub fn docker<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut docker = Command::new("docker");
        docker.args(arguments);
        docker
    }

    /// What it prints, without the line's end.
    #[track_caller]
    pub fn asked<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let mut docker = self.docker(arguments);
        let output = docker.output().expect("there is a docker");
        assert!(output.status.success(), "{docker:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A named volume of this test.
    #[track_caller]
    pub fn volume(&self, kind: &str) -> String {
        let name = format!("{}-{kind}", self.name);
        self.asked(["volume", "create", "--label", &self.label(), &name])
    }

    /// A container as the README makes one, but for the services: the game mounted, the state on a volume, and no source of tokens.
    #[track_caller]
    pub fn container(&self) -> Draft<'_> {
        self.bare_container().game().state(&self.volume("state"))
    }

    /// The same without the game and without a state volume.
    pub fn bare_container(&self) -> Draft<'_> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let url = self.world.emulator.url();
        Draft {
            yard: self,
            name: format!("{}-{made}", self.name),
            image: self.image,
            options: Vec::new(),
            server: Vec::new(),
        }
        .options(["--network", "host"])
        .env("HYTALE_ENTRYPOINT_SESSIONS_URL", url)
        .env("HYTALE_STAND_IN_SESSIONS_URL", url)
    }

    /// A container with the emulator's broker as its source.
    #[track_caller]
    pub fn container_with_broker(&self) -> Draft<'_> {
        self.container().broker()
    }

    /// A field of a container's record, such as `.State.Status`.
    #[track_caller]
    pub fn inspect(&self, container: &str, field: &str) -> String {
        self.asked([
            "inspect",
            "--format",
            &format!("{{{{{field}}}}}"),
            container,
        ])
    }

    /// Waits until a field of a container's record is this.
    #[track_caller]
    pub fn until_inspected(&self, container: &str, field: &str, value: &str) {
        until(&format!("{field} is {value}"), || {
            self.inspect(container, field) == value
        });
    }
}

impl Yard {
    /// What the containers of a test that fails have said.
    fn tell(&self, label: &str) {
        let containers = self.asked(["ps", "--all", "--filter", label, "--format", "{{.Names}}"]);
        for name in containers.lines() {
            let state = self.inspect(name, "json .State");
            say(&format!("{name}: {state}"));
            // Both streams go where the test's own words go.
            let _ = self.docker(["logs", "--tail", "20", name]).status();
        }
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let label = format!("label={}", self.label());
        if thread::panicking() {
            self.tell(&label);
        }
        for (list, remove) in [
            (
                ["ps", "--all", "--quiet"].as_slice(),
                ["rm", "--force", "--volumes"].as_slice(),
            ),
            (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
            (&["network", "ls", "--quiet"], &["network", "rm"]),
        ] {
            let listed = self.docker(list).args(["--filter", &label]).output();
            let listed = listed.map_or_else(|_| Vec::new(), |listed| listed.stdout);
            let listed = String::from_utf8_lossy(&listed).into_owned();
            if !listed.is_empty() {
                // A test that failed says why; what cannot be removed says nothing more.
                let _ = self.docker(remove).args(listed.split_whitespace()).output();
            }
        }
    }
}

impl<'a> Draft<'a> {
    /// Options of `docker run`.
    pub fn options<S: Into<String>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    pub fn env(self, name: &str, value: impl AsRef<str>) -> Self {
        self.options(["--env".to_owned(), format!("{name}={}", value.as_ref())])
    }

    /// With the game, which nobody changes.
    pub fn game(self) -> Self {
        let folder = self.yard.world.path("hytale");
        self.options(["--volume", &format!("{}:/hytale:ro", folder.display())])
    }

    /// With this volume for its state.
    pub fn state(self, volume: &str) -> Self {
        self.options(["--volume", &format!("{volume}:{STATE}")])
    }

    pub fn broker(self) -> Self {
        let url = self.yard.world.emulator.broker_url();
        self.env("HYTALE_SESSION_TOKEN_BROKER_URL", url)
    }

    /// What follows the image's name: a command, or arguments for the server.
    pub fn server<S: Into<String>>(mut self, server: impl IntoIterator<Item = S>) -> Self {
        self.server.extend(server.into_iter().map(Into::into));
        self
    }

    pub fn image(mut self, image: &'static str) -> Self {
        self.image = image;
        self
    }

    /// A server that is a shell script.
    pub fn sh(self, script: &str) -> Self {
        self.server(["sh", "-c", script])
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut run = self.yard.docker(["run"]);
        run.args(options)
            .args(["--name", &self.name, "--label", &self.yard.label()])
            .args(&self.options)
            .arg(self.image)
            .args(&self.server);
        run
    }

    /// Runs it in the foreground, without standard input.
    pub fn spawn(self) -> Container<'a> {
        let mut command = self.command(&[]);
        command.stdin(std::process::Stdio::null());
        Container {
            run: Running::start(command),
            name: self.name,
            yard: self.yard,
        }
    }

    /// Runs it in the foreground of a terminal, with a person before it.
    pub fn on_a_terminal(self) -> Terminal {
        let mut command = self.command(&["--interactive", "--tty"]);
        // A terminal starts what it is given with nothing but these variables.
        for (name, value) in env::vars_os() {
            command.env(name, value);
        }
        let mut start: Start = self.yard.world.run();
        *start.command() = command;
        Terminal::start(start)
    }

    /// Runs it in the background; its name.
    #[track_caller]
    pub fn detach(self) -> String {
        let mut command = self.command(&["--detach"]);
        let output = command.output().expect("there is a docker");
        assert!(output.status.success(), "{command:?}: {output:?}");
        self.name
    }
}

impl Deref for Container<'_> {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.run
    }
}

impl Container<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells the engine to do something with it, and waits until that is done.
    #[track_caller]
    pub fn is_told(&self, command: &str) {
        self.yard.asked([command, &self.name]);
    }

    /// Runs a command in it.
    pub fn exec<S: AsRef<OsStr>>(&self, command: impl IntoIterator<Item = S>) -> Output {
        let mut docker = self.yard.docker(["exec", &self.name]);
        docker.args(command).output().expect("there is a docker")
    }

    /// What `health` says, when it is asked as the README does: the line, and the exit code.
    #[track_caller]
    pub fn health(&self) -> (String, i32) {
        let output = self.exec(["hytale-entrypoint", "health"]);
        let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (line, output.status.code().expect("it exits"))
    }

    /// Waits until its server is ready.
    #[track_caller]
    pub fn until_ready(&self) {
        until("the server is ready", || {
            self.health() == ("ready".to_owned(), 0)
        });
    }

    /// What a shell in it prints.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        self.yard.asked(["exec", &self.name, "sh", "-c", script])
    }

    #[track_caller]
    pub fn inspect(&self, field: &str) -> String {
        self.yard.inspect(&self.name, field)
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Finished {
        self.run.wait()
    }
}
