//! A wrapper whose output nobody takes: it looks after its server all the same, and in peace.

use std::fs::read_to_string;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::PIPE_BUF;
use nix::sys::signal::Signal::{self, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::{World, processes, until};

/// Answers into a file and says nothing: how often it was asked, and after a second of doing nothing.
const ANSWERING: &str = r#"
    exec >/dev/null 2>&1
    n=0
    trap 'n=$((n + 1)); echo $n >answer' USR1
    trap 'echo pipe >answer' PIPE
    trap 'sleep 1; echo later >answer' USR2
    trap 'exit 3' TERM
    echo 0 >answer; idle"#;

/// A pipe that nobody reads any more.
fn broken() -> PipeWriter {
    pipe().expect("there are descriptors").1
}

/// A pipe that is full, and that nobody empties while its reader is held.
fn full() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().expect("there are descriptors");
    let set = |flags| fcntl(&writer, FcntlArg::F_SETFL(flags)).expect("it is a pipe");
    set(OFlag::O_NONBLOCK);
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    set(OFlag::empty());
    (reader, writer)
}

/// A wrapper that says everything it could say, and is heard only by its server's answers.
struct Unheard<'a> {
    world: &'a World,
    child: Child,
}

impl<'a> Unheard<'a> {
    fn start(world: &'a World, stdout: Stdio, stderr: PipeWriter, server: &str) -> Self {
        let _ = std::fs::remove_file(world.path("answer"));
        let start = world.run().args(["--log-level", "debug"]);
        let mut start = start.sh_without_tokens(server);
        let child = start.command().stdout(stdout).stderr(stderr).spawn();
        Self {
            world,
            child: child.expect("it can be started"),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    #[track_caller]
    fn answers(&self, answer: &str) {
        let file = self.world.path("answer");
        until(&format!("the server answers {answer:?}"), || {
            read_to_string(&file).is_ok_and(|text| text.trim_end() == answer)
        });
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it is there");
    }

    #[track_caller]
    fn ends_with(&mut self, code: i32) {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        assert_eq!(status.expect("it has ended").code(), Some(code));
    }
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_neither_ends_the_wrapper_nor_keeps_it_busy() {
    let world = World::new();
    // Both ways: the server's own output has its reader, or has none either.
    for stdout in [Stdio::null(), broken().into()] {
        let mut run = Unheard::start(&world, stdout, broken(), ANSWERING);
        run.answers("0");
        for n in 1..=10 {
            run.signal(SIGUSR1);
            run.answers(&n.to_string());
        }
        run.signal(SIGPIPE);
        run.answers("pipe");
        let before = processes::cpu_ticks(run.pid());
        run.signal(SIGUSR2);
        run.answers("later");
        let took = processes::cpu_ticks(run.pid()) - before;
        // A second has a hundred of them, and one that runs in circles takes all that it is given.
        assert!(took <= 5, "{took} ticks in a quiet second");
        run.signal(SIGTERM);
        run.ends_with(3);
    }
}

#[test]
fn a_log_that_is_full_costs_the_server_nothing() {
    let world = World::new();
    let (reader, writer) = full();
    // Far more lines than there are seconds before this is given up.
    let server = "n=0; while [ $n -lt 300 ]; do ( : & ); n=$((n + 1)); done; exit 5";
    Unheard::start(&world, Stdio::null(), writer.try_clone().unwrap(), server).ends_with(5);
    let mut run = Unheard::start(&world, Stdio::null(), writer, ANSWERING);
    run.answers("0");
    for n in 1..=100 {
        run.signal(SIGUSR1);
        run.answers(&n.to_string());
    }
    run.signal(SIGTERM);
    run.ends_with(3);
    drop(reader);
}

#[test]
fn a_line_that_is_longer_than_the_room_for_it_is_cut() {
    let world = World::new();
    let (mut reader, writer) = full();
    // Room for one page. Whoever writes more than that at a time waits for somebody to read.
    reader.read_exact(&mut [0; PIPE_BUF]).unwrap();
    let mut start = world
        .run()
        .env("HYTALE_ENTRYPOINT_STOP_TIMEOUT", "soon".repeat(2000));
    let child = start.command().stdout(Stdio::null()).stderr(writer).spawn();
    let mut run = Unheard {
        world: &world,
        child: child.unwrap(),
    };
    run.ends_with(64);
    let mut text = String::new();
    drop(start);
    reader.read_to_string(&mut text).unwrap();
    let line = text.trim_start_matches('x');
    assert!(line.starts_with("hytale-entrypoint: error: "), "{line}");
    assert_eq!(line.len(), PIPE_BUF);
}
