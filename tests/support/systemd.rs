//! A machine of its own whose PID 1 is a real systemd: a container, with the example unit, the entrypoint and the stand-in installed as the
//! example says. It shares this machine's network, for the emulator.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use super::running::Running;
use super::{DEADLINE, World, not_tried, stand_in_jar, until};

/// Names the image: systemd, D-Bus, a Java runtime. `.ci/systemd-image` makes one.
const IMAGE: &str = "HYTALE_ENTRYPOINT_TEST_SYSTEMD_IMAGE";

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hytale.service");

/// Mounts that systemd makes in a service's namespace, such as those of credentials, come back to it as they do on a machine; an engine makes all
/// of them private. It also writes to its cgroups, which in version 2 an engine forbids at first (that branch has never been tried).
const INIT: &str = "mount --make-rshared /
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || mount -o remount,rw /sys/fs/cgroup
    exec /lib/systemd/systemd";

pub struct Machine {
    name: String,
}

impl Machine {
    /// Boots one whose services find the world's emulator, and which has the user and the folders of the unit.
    pub fn boot(world: &World) -> Option<Self> {
        let Some(image) = env::var_os(IMAGE).filter(|image| !image.is_empty()) else {
            not_tried(&format!("a real systemd: {IMAGE} names no image"));
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let machine = Self {
            name: format!("hytale-test-{}-{count}", std::process::id()),
        };
        let mut create = Command::new("docker");
        create
            .args(["create", "--name", &machine.name, "--network=host"])
            .args(["--tmpfs=/run", "--tmpfs=/tmp", "--env=container=docker"])
            .args(rights())
            .arg(image);
        done(create.args(["sh", "-e", "-c", INIT]));
        install(world);
        let files = format!("{}/.", world.path("machine").display());
        docker(&["cp", &files, &format!("{}:/", machine.name)]);
        docker(&["start", &machine.name]);
        until("systemd has booted", || {
            let state = machine.try_sh("systemctl is-system-running --wait");
            // An engine may not let every unit of the image be.
            state.stdout.starts_with(b"running") || state.stdout.starts_with(b"degraded")
        });
        for command in commands().iter().take(2) {
            machine.sh(command);
        }
        machine.sh("mv /game/Server /srv/hytale/ && chown -R hytale: /srv/hytale");
        Some(machine)
    }

    /// What a shell prints there; it must succeed.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let output = self.try_sh(script);
        if !output.status.success() {
            let journal = self.try_sh("journalctl --unit hytale --output cat --lines 50");
            panic!("{script}: {output:?}\n{}", text(&journal));
        }
        text(&output)
    }

    /// The same for what may fail.
    pub fn try_sh(&self, script: &str) -> Output {
        self.command(script)
            .output()
            .expect("docker can be started")
    }

    /// The same for what takes its time, and says lines.
    pub fn start_sh(&self, script: &str) -> Running {
        Running::start(self.command(script))
    }

    fn command(&self, script: &str) -> Command {
        let mut exec = Command::new("docker");
        let limit = (2 * DEADLINE).as_secs().to_string();
        exec.args(["exec", &self.name, "timeout", &limit, "sh", "-c", script]);
        exec
    }

    /// Adds to the unit what an operator would add with `systemctl edit`.
    #[track_caller]
    pub fn edit(&self, service: &str) {
        let folder = "/etc/systemd/system/hytale.service.d";
        self.sh(&format!(
            "mkdir -p {folder}\nprintf '%s\\n' '[Service]' '{service}' >>{folder}/override.conf\nsystemctl daemon-reload"
        ));
    }

    /// The unit's lines, from its first on and as they come.
    pub fn journal(&self) -> Running {
        self.start_sh("exec journalctl --unit hytale --follow --lines all --output cat")
    }

    /// What `systemctl show` says of the unit.
    #[track_caller]
    pub fn property(&self, name: &str) -> String {
        self.sh(&format!("systemctl show hytale --property {name} --value"))
            .trim()
            .to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", &self.name])
            .output();
    }
}

/// The commands that the example gives at its head, for root.
pub fn commands() -> Vec<String> {
    let unit = fs::read_to_string(UNIT).expect("there is an example");
    let commands = unit
        .lines()
        .filter_map(|line| line.strip_prefix("#   sudo "));
    commands.map(str::to_owned).collect()
}

/// systemd wants to mount, to make devices, and to have its part of the cgroups. This is less than `--privileged`, which an engine that lacks a
/// capability itself cannot give.
fn rights() -> Vec<&'static str> {
    let mut rights = vec![
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        "--cap-add=ALL",
        "--cap-drop=SYS_RESOURCE",
    ];
    match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => rights.push("--cgroupns=private"),
        false => rights.push("--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro"),
    }
    rights
}

/// Puts together what is copied into the machine before it boots.
fn install(world: &World) {
    let root = world.path("machine");
    let put = |from: &Path, to: &str| {
        let to = root.join(to);
        let folder = to.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("there is room");
        fs::copy(from, to).expect("there is room");
    };
    put(
        env!("CARGO_BIN_EXE_hytale-entrypoint").as_ref(),
        "usr/local/bin/hytale-entrypoint",
    );
    put(UNIT.as_ref(), "etc/systemd/system/hytale.service");
    put(&stand_in_jar(), "game/Server/HytaleServer.jar");
    let url = world.emulator.url();
    let environment = format!(
        "[Manager]\nDefaultEnvironment=HYTALE_ENTRYPOINT_SESSIONS_URL={url} HYTALE_ENTRYPOINT_OAUTH_URL={url} \
         HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL={url} HYTALE_STAND_IN_SESSIONS_URL={url} \
         HYTALE_STAND_IN_SAVE_FILE=/srv/hytale/save\n"
    );
    put(
        &world.write("environment", environment),
        "etc/systemd/system.conf.d/environment.conf",
    );
}

#[track_caller]
fn docker(arguments: &[&str]) {
    done(Command::new("docker").args(arguments));
}

#[track_caller]
fn done(command: &mut Command) -> Output {
    let output = command.output().expect("docker can be started");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
