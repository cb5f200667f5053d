//! The steps of the example for CI, run as a runner runs them: the stand-in is the server, and the emulator the services.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::{Finished, Running, World, not_tried, stand_in_jar};

/// A step with a script.
#[derive(Debug, Default)]
struct Step {
    name: String,
    folder: String,
    environment: BTreeMap<String, String>,
    script: String,
}

/// The steps of the workflow that have one. It is our own file, and `.ci/run` holds it against the schema, so its layout is known.
fn steps() -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/smoke-test.yml");
    let workflow = fs::read_to_string(path).expect("there is an example");
    let (_, steps) = workflow.split_once("    steps:\n").expect("it has steps");
    steps.split("\n      - name: ").skip(1).map(step).collect()
}

fn step(text: &str) -> Step {
    let mut lines = text.lines();
    let mut step = Step {
        name: lines.next().unwrap_or_default().to_owned(),
        ..Step::default()
    };
    let mut in_script = false;
    for line in lines {
        if let Some(deep) = line.strip_prefix("          ") {
            match deep.split_once(": ") {
                Some((name, value)) if !in_script => {
                    step.environment.insert(name.to_owned(), value.to_owned());
                }
                _ => step.script.push_str(&format!("{deep}\n")),
            }
        } else if let Some((name, value)) = line.trim().split_once(':') {
            in_script = name == "run";
            match (name, value.trim()) {
                ("working-directory", folder) => step.folder = folder.to_owned(),
                ("run", script) if script != "|" => step.script = script.to_owned(),
                _ => {}
            }
        }
    }
    step
}

/// A repository with a mod, and a runner that has checked it out and installed the entrypoint.
struct Job {
    world: World,
    /// What the repository's settings hold.
    settings: BTreeMap<&'static str, String>,
}

impl Job {
    /// `None` without curl, which a runner has.
    fn new() -> Option<Self> {
        if Command::new("curl").arg("--version").output().is_err() {
            not_tried("the example for CI: curl is not installed");
            return None;
        }
        let world = World::new();
        for folder in ["files/Server", "work/mods", "bin"] {
            fs::create_dir_all(world.path(folder)).expect("there is room");
        }
        let jar = world.path("files/Server/HytaleServer.jar");
        fs::copy(stand_in_jar(), jar).expect("there is room");
        world.write("files/Assets.zip", "");
        world.write("work/mods/ours.jar", "");
        let program = env!("CARGO_BIN_EXE_hytale-entrypoint");
        symlink(program, world.path("bin/hytale-entrypoint")).expect("there is room");
        let archive = world.path("files.tar.gz");
        let packed = Command::new("tar")
            .args(["--create", "--gzip", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(world.path("files"))
            .args(["Server", "Assets.zip"])
            .status();
        assert!(packed.is_ok_and(|status| status.success()), "tar");
        let settings = BTreeMap::from([
            (
                "secrets.SERVER_FILES_URL",
                format!("file://{}", archive.display()),
            ),
            ("vars.BROKER_URL", world.emulator.broker_url().to_owned()),
            ("secrets.BROKER_TOKEN", String::new()),
        ]);
        Some(Self { world, settings })
    }

    /// Runs a step as the runner does, with the shell that the workflow asks for.
    fn run(&self, step: &Step, more: &[(&str, &str)]) -> Finished {
        let world = &self.world;
        let path = env::var("PATH").expect("there is a PATH");
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(world.write("step.sh", &step.script))
            .current_dir(world.path("work").join(&step.folder))
            .env_clear()
            .env("PATH", format!("{}:{path}", world.path("bin").display()))
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", world.emulator.url())
            .env("HYTALE_ENTRYPOINT_STATE_DIR", world.state_dir())
            .env("HYTALE_STAND_IN_SESSIONS_URL", world.emulator.url())
            .envs(more.iter().copied())
            .stdin(Stdio::null());
        for (name, value) in &step.environment {
            let setting = value.trim_start_matches("${{ ").trim_end_matches(" }}");
            bash.env(name, &self.settings[setting]);
        }
        Running::start(bash).wait()
    }
}

/// The steps after the installation, which the test cannot do: it would install what is public, not what is tested.
fn steps_after_installation() -> [Step; 3] {
    let mut steps = steps();
    let install = steps.remove(0);
    assert!(install.script.starts_with("cargo install "), "{install:?}");
    steps.try_into().expect("three steps")
}

#[test]
fn each_step_of_the_example_for_ci_succeeds_when_the_server_boots() {
    let Some(job) = Job::new() else {
        return;
    };
    let [prepare, without_account, with_session] = steps_after_installation();
    job.run(&prepare, &[]).code(0);
    assert!(job.world.path("work/hytale/Server/mods/ours.jar").exists());
    for (step, sessions) in [(without_account, 0), (with_session, 1)] {
        let finished = job.run(&step, &[]);
        finished.code(0);
        assert!(
            finished.stdout.contains("Hytale Server Booted!"),
            "{}: {finished}",
            step.name
        );
        assert!(
            finished.stdout.contains("Shutdown completed!"),
            "{}: {finished}",
            step.name
        );
        assert_eq!(
            job.world.emulator.sessions().len(),
            sessions,
            "{}",
            step.name
        );
    }
    job.world.assert_nothing_left();
}

#[test]
fn a_step_of_the_example_for_ci_fails_with_the_servers_code_when_it_does_not_boot() {
    let Some(job) = Job::new() else {
        return;
    };
    let [prepare, steps @ ..] = steps_after_installation();
    job.run(&prepare, &[]).code(0);
    for step in steps {
        // A mod error.
        job.run(&step, &[("HYTALE_STAND_IN_EXIT_BEFORE_BOOT", "9")])
            .code(9);
    }
    job.world.assert_nothing_left();
}

#[test]
fn an_archive_that_cannot_be_had_fails_the_job() {
    let Some(mut job) = Job::new() else {
        return;
    };
    let none = format!("file://{}", job.world.path("none").display());
    job.settings.insert("secrets.SERVER_FILES_URL", none);
    let [prepare, ..] = steps_after_installation();
    let finished = job.run(&prepare, &[]);
    assert!(!finished.status.success(), "{finished}");
    assert!(!job.world.path("work/hytale/Server/mods").exists());
}
