//! The blocks of README.md and entrypoint.md do what they say. One that stands in no list below fails, so that new ones are
//! noticed.
//!
//! Executed as it stands, with a stand-in for the server and the emulator's services: everything that starts the entrypoint. With
//! programs in their place that only note how they were called: `docker`, `cargo`, `sudo`; containers_image.rs and systemd.rs do those
//! for real. Looked at: what is no script.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::help::commands;
use crate::support::conditions::each;
use crate::support::leases::in_the_place_of;
use crate::support::markdown::{Block, blocks, text};
use crate::support::{Start, World, stand_in_jar};

const DOCUMENTS: [&str; 2] = ["README.md", "entrypoint.md"];

type Try = fn(&Block);

/// What is tried, by its first line, and how.
#[rustfmt::skip]
const BLOCKS: &[(&str, Try)] = &[
    ("cargo sandbox            # the whole story on real processes, with the services emulated on loopback", the_tour_is_in_ci),
    ("cargo install --locked --git https://github.com/hytale-entrypoint/hytale-entrypoint hytale-entrypoint", an_installation),
    ("flowchart LR", the_picture_is_whole),
    ("hytale-entrypoint login        # open the address it shows, enter the code, done", a_login_and_a_run),
    ("docker build -t hytale-server .", the_containers),
    ("# docker build --target binary -t hytale-entrypoint .", an_image_of_ones_own),
    ("cargo build --release", the_unit),
    ("cd hytale/Server", runs_in_a_folder),
    ("hytale-entrypoint run [OPTIONS] [--] [COMMAND [ARG]...]   start a server and look after it", every_command),
];

#[test]
fn the_blocks_of_the_documents_do_what_they_say() {
    let all: Vec<Block> = DOCUMENTS.into_iter().flat_map(blocks).collect();
    for (first_line, _) in BLOCKS {
        let is_there = all.iter().any(|block| block.first_line() == *first_line);
        assert!(is_there, "no block begins with {first_line:?} any more");
    }
    each(all, 2, |block| {
        let mut known = BLOCKS.iter();
        let Some((_, try_it)) = known.find(|(first, _)| *first == block.first_line()) else {
            panic!("nobody tries {block:?}: put it into the list");
        };
        if block.language == "sh" {
            let parsed = Command::new("sh").args(["-n", "-c", &block.text]).status();
            assert!(parsed.is_ok_and(|status| status.success()), "{block:?}");
        }
        try_it(block);
    });
}

/// A folder with the server's files as README wants them, and the entrypoint in `PATH`.
fn place(world: &World) {
    for folder in ["bin", "hytale/Server"] {
        fs::create_dir_all(world.path(folder)).expect("there is room");
    }
    let entrypoint = env!("CARGO_BIN_EXE_hytale-entrypoint");
    symlink(entrypoint, world.path("bin/hytale-entrypoint")).expect("there is room");
    symlink(stand_in_jar(), world.path("hytale/Server/HytaleServer.jar")).expect("there is room");
    world.write("hytale/Assets.zip", "");
}

/// The block as a script. A server that it starts boots, and ends by itself.
fn script(world: &World, script: &str) -> Start {
    place(world);
    let mut start = world.account("");
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]);
    in_the_place_of(start.command(), &mut shell);
    *start.command() = shell;
    let path = std::env::var("PATH").expect("there is a PATH");
    let path = format!("{}:{path}", world.path("bin").display());
    start
        .env("PATH", path)
        .env("HYTALE_STAND_IN_EXIT", "0")
        .env("CALLS", world.path("calls"))
}

/// Programs that note how they were called, and what they were called with.
fn noted(world: &World, block: &Block, programs: &[&str]) -> Vec<Vec<String>> {
    let start = script(world, &block.text);
    for program in programs {
        // A word a line, and an empty line at the end.
        let note = "#!/bin/sh\nprintf '%s\\n' \"${0##*/}\" \"$@\" '' >>\"$CALLS\"\n";
        world.program(&format!("bin/{program}"), note);
    }
    start.finish().code(0);
    let calls = fs::read_to_string(world.path("calls")).expect("they were called");
    calls
        .split_terminator("\n\n")
        .map(|call| call.lines().map(str::to_owned).collect())
        .collect()
}

fn the_tour_is_in_ci(block: &Block) {
    let world = World::new();
    let calls = noted(&world, block, &["cargo"]);
    let ci = text(".ci/run");
    for call in &calls {
        assert!(ci.contains(&call.join(" ")), "{call:?} is not in .ci/run");
    }
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(text(".cargo/config.toml").contains("\nsandbox = "));
}

/// From where Cargo.toml says that we live.
fn an_installation(block: &Block) {
    let world = World::new();
    let calls = noted(&world, block, &["cargo"]);
    let package = text("Cargo.toml");
    let [.., repository, name] = &calls[0][..] else {
        panic!("{calls:?}");
    };
    assert!(package.contains(&format!("repository = \"{repository}\"")));
    assert!(package.contains(&format!("name = \"{name}\"")));
}

fn the_picture_is_whole(block: &Block) {
    assert_eq!(block.language, "mermaid");
    for line in block.text.lines().skip(1) {
        assert!(line.contains(" --> "), "{line}");
        let count = |c| line.matches(c).count();
        assert_eq!(count('['), count(']'), "{line}");
        assert_eq!(count('"') % 2, 0, "{line}");
    }
}

fn a_login_and_a_run(block: &Block) {
    let world = World::of(["alpha"]);
    let run = script(&world, &block.text).spawn();
    assert!(world.emulator.approve_as(&world.user_code(), "owner"));
    run.line("Hytale Server Booted!");
    run.wait().code(0).says("session released");
    assert!(world.auth_file().exists());
    world.assert_nothing_left();
}

fn runs_in_a_folder(block: &Block) {
    let world = World::new();
    let broker = "http://127.0.0.1:8080";
    let has_broker = block.text.contains(broker);
    let here = block.text.replace(broker, world.emulator.broker_url());
    let finished = script(&world, &here).finish();
    finished.code(0);
    let runs = block.text.matches("hytale-entrypoint run ").count();
    let boots = finished.stdout.matches("Hytale Server Booted!").count();
    assert_eq!((boots, runs > 0), (runs, true), "{finished}");
    assert_eq!(world.releases(), usize::from(has_broker));
    world.assert_nothing_left();
}

fn the_containers(block: &Block) {
    let world = World::new();
    let calls = noted(&world, block, &["docker"]);
    assert_eq!(calls[0].join(" "), "docker build -t hytale-server .");
    let has = |call: &[String], words: [&str; 2]| call.windows(2).any(|pair| pair == words);
    let runs: Vec<_> = calls.iter().filter(|call| call[1] == "run").collect();
    assert_eq!(runs.len(), 2, "{calls:?}");
    let key = world.path("auth-key");
    let mode = fs::metadata(&key).expect("the key is made").permissions();
    assert_eq!(mode.mode() & 0o777, 0o444);
    let key = format!("{}:/run/secrets/auth-key:ro", key.display());
    let state = "/var/lib/hytale-entrypoint";
    for run in &runs {
        assert!(run.contains(&"hytale-server".to_owned()), "{run:?}");
        for words in [
            ["-v", &format!("hytale-state:{state}")],
            ["-v", &key],
            ["-e", "HYTALE_AUTH_KEY_FILE=/run/secrets/auth-key"],
        ] {
            assert!(has(run, words), "no {words:?} in {run:?}");
        }
    }
    let login = [
        "--entrypoint",
        "hytale-entrypoint",
        "hytale-server",
        "login",
    ];
    assert!(
        runs[0].ends_with(&login.map(str::to_owned)),
        "{:?}",
        runs[0]
    );
    let image = text("Dockerfile");
    assert!(image.contains(&format!("\nVOLUME [\"/hytale\", \"{state}\"]\n")));
    assert!(image.contains("\nEXPOSE 5520/udp\n"));
    assert!(has(runs[1], ["-p", "5520:5520/udp"]));
    assert!(has(runs[1], ["--name", "hytale"]));
    for call in &calls {
        match call[1].as_str() {
            "build" | "run" => {}
            "exec" => assert_eq!(call[2..], ["hytale", "hytale-entrypoint", "health"]),
            "stop" => assert_eq!(call.last().map(String::as_str), Some("hytale")),
            other => panic!("nobody knows what {other} does"),
        }
    }
}

fn an_image_of_ones_own(block: &Block) {
    let image = text("Dockerfile");
    let lines: Vec<_> = block.text.lines().collect();
    let [build, copy, entrypoint] = lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        build,
        "# docker build --target binary -t hytale-entrypoint ."
    );
    let (_, stage) = image.split_once(" AS binary\n").expect("it is a target");
    let (stage, _) = stage.split_once("\nFROM ").expect("it ends");
    let copied = copy.split(' ').collect::<Vec<_>>();
    let [
        "COPY",
        "--from=hytale-entrypoint",
        program,
        "/usr/local/bin/",
    ] = copied[..]
    else {
        panic!("{copied:?}");
    };
    assert!(stage.contains(&format!(" {program}\n")), "{stage}");
    assert!(image.contains(&format!("\n{entrypoint}\n")), "{entrypoint}");
}

fn the_unit(block: &Block) {
    let world = World::new();
    let calls = noted(&world, block, &["cargo", "sudo"]);
    assert_eq!(calls[0], ["cargo", "build", "--release"]);
    let unit = text("examples/hytale.service");
    let mut seen = BTreeSet::new();
    for call in &calls[1..] {
        assert_eq!(call[0], "sudo", "{call:?}");
        seen.insert(call[1].as_str());
        match call[1].as_str() {
            "install" if call[2] == "-d" => {
                let folder = call.last().expect("it has words");
                assert!(
                    unit.contains(&format!("\nWorkingDirectory={folder}")),
                    "{folder}"
                );
            }
            "install" => {
                assert_eq!(call[2], "target/release/hytale-entrypoint");
                let program = format!("\nExecStart={}hytale-entrypoint run", call[3]);
                assert!(unit.contains(&program), "{program}");
            }
            "cp" => assert!(!text(&call[2]).is_empty()),
            // The login must land where the unit looks for it.
            "systemd-run" => {
                for property in call.windows(2).filter(|pair| pair[0] == "-p") {
                    let line = format!("\n{}\n", property[1]);
                    assert!(unit.contains(&line), "{line}");
                }
                assert!(unit.contains("\nUser=hytale\n") && call.contains(&"--uid=hytale".into()));
                assert!(call.ends_with(&["hytale-entrypoint".into(), "login".into()]));
            }
            "useradd" | "systemctl" => assert_eq!(call.last().map(String::as_str), Some("hytale")),
            "hytale-entrypoint" => assert_eq!(call[2..], ["health"]),
            other => panic!("nobody knows what {other} does"),
        }
    }
    for program in ["install", "cp", "systemd-run", "systemctl"] {
        assert!(seen.contains(program), "{seen:?}");
    }
}

fn every_command(block: &Block) {
    let listed: BTreeSet<_> = block
        .text
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(str::to_owned)
        .collect();
    let known: BTreeSet<_> = commands(&World::new()).into_iter().collect();
    assert_eq!(listed, known);
}
