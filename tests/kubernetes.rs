//! The example for Kubernetes, as far as it goes without a cluster: `.ci/run` holds it against the published schemas, the image's own
//! tests try its health, and here is what only this file says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::support::{Running, World, stand_in_jar};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("it is there")
}

/// What follows a text on each of its lines.
fn after<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    let lines = text
        .lines()
        .map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(begin)).collect()
}

/// The items of `[a, b]`.
fn items(list: &str) -> Vec<&str> {
    let inner = list.trim().trim_start_matches('[').trim_end_matches(']');
    inner
        .split(',')
        .map(|item| item.trim().trim_matches('"'))
        .collect()
}

#[test]
fn the_pods_volumes_and_user_are_those_of_the_image() {
    let (pod, image) = (file("examples/kubernetes.yaml"), file("Dockerfile"));
    let volumes = after(&image, "VOLUME ");
    assert_eq!(volumes.len(), 1, "{image}");
    for volume in items(volumes[0]) {
        assert!(pod.contains(&format!("mountPath: {volume}}}")), "{volume}");
    }
    let user = [
        after(&pod, "runAsUser: ")[0],
        after(&pod, "runAsGroup: ")[0],
    ];
    assert_eq!(after(&image, "USER "), [user.join(":")]);
}

#[test]
fn the_containers_arguments_start_a_server() {
    let pod = file("examples/kubernetes.yaml");
    let world = World::new();
    world.copy_program(&stand_in_jar(), "HytaleServer.jar");
    let arguments = after(&pod, "args: ");
    assert_eq!(arguments.len(), 1, "{pod}");
    let run = world
        .run_with_broker()
        .arg("--")
        .args(items(arguments[0]))
        .spawn();
    run.line("Hytale Server Booted!");
    run.signal(Signal::SIGTERM);
    run.wait().code(143);
    world.assert_nothing_left();
}

/// The script of the first container, with the volume in the world's folder.
fn waiting(world: &World) -> Running {
    let pod = file("examples/kubernetes.yaml");
    let script = pod
        .lines()
        .find_map(|line| line.trim().strip_prefix("- trap "));
    let script = script.expect("it traps a signal").replace("/hytale/", "");
    let mut command = Command::new("sh");
    // The trap is set before anything is said.
    command
        .args([
            "-c",
            &format!(
                "trap {}",
                script.replacen("; until", "; echo waits; until", 1)
            ),
        ])
        .current_dir(world.path(""))
        .stdin(Stdio::null());
    let running = Running::start(command);
    running.line("waits");
    running
}

#[test]
fn the_pod_waits_for_the_games_files_until_somebody_says_that_they_are_complete() {
    let world = World::new();
    let waiting = waiting(&world);
    world.write("complete", "");
    waiting.wait().code(0);
}

#[test]
fn a_pod_that_waits_can_be_deleted() {
    let world = World::new();
    let waiting = waiting(&world);
    waiting.signal(Signal::SIGTERM);
    waiting.wait().code(143);
}
