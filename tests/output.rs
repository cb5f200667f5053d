//! The server's standard output passes through unchanged, whatever ours is; nobody who reads it, or does not, does
//! any harm to the server, and nothing that it wrote before its end is lost.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM, SIGUSR1};
use nix::unistd::Pid;

use crate::support::conditions::{each, long};
use crate::support::outlet::{Kind, Outlet, assert_same, ends, is_nonblocking, read_up_to};
use crate::support::{DEADLINE, Gate, Start, Terminal, World, processes, until};

const MEGA: usize = 1 << 20;

/// What a pipe holds.
const PIPE: usize = 64 * 1024;

const KINDS: [Kind; 3] = [Kind::Pipe, Kind::Socket, Kind::Terminal];

/// A server whose output is watched on a standard output of this kind.
fn watched(world: &World, kind: Kind, script: &str) -> Start {
    let run = match kind {
        Kind::Pipe | Kind::Socket => world.run(),
        Kind::Terminal => world.run().arg("--until-ready"),
    };
    run.sh_without_tokens(script)
}

/// How far a process has read the file that is its standard input.
fn has_read(process: Pid) -> usize {
    let info = fs::read_to_string(format!("/proc/{process}/fdinfo/0")).expect("it lives");
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    let position = position.expect("it is a file").trim();
    position.parse().expect("it is a number")
}

/// Waits until a process that copies its standard input gets no further; how far it got.
#[track_caller]
fn until_held_up(process: Pid) -> usize {
    let (mut position, mut times) = (0, 0);
    until("it is held up", || {
        let now = has_read(process);
        let sleeps = processes::stat(process).is_some_and(|stat| stat.state == 'S');
        times = if now == position && now > 0 && sleeps {
            times + 1
        } else {
            0
        };
        position = now;
        // A tenth of a second: what moves at all has moved by then.
        times == 50
    });
    position
}

/// What a descriptor leads to.
fn link(process: Pid, fd: u32) -> PathBuf {
    let descriptors = processes::descriptors(process);
    let found = descriptors.into_iter().find(|(number, _)| *number == fd);
    found.expect("it is open").1
}

#[test]
fn every_byte_arrives_whoever_reads() {
    let length = match long() {
        true => 1024 * MEGA,
        false => 20 * MEGA,
    };
    each(KINDS, 3, |&kind| {
        let world = World::new();
        // A terminal is for people.
        let length = if kind == Kind::Terminal { MEGA } else { length };
        let noise = world.noise(length.min(20 * MEGA));
        let times = length / noise.len();
        let script = format!(
            "n=0; while [ $n -lt {times} ]; do cat data; n=$((n + 1)); done; echo; echo Hytale Server Booted!; exit 3"
        );
        let (mut ours, theirs) = ends(kind);
        let run = Outlet::start(&world, watched(&world, kind, &script), theirs);
        let mut arrived = vec![0; noise.len()];
        for _ in 0..times {
            ours.read_exact(&mut arrived).expect("there is more");
            assert_same(&arrived, &noise);
        }
        let rest = read_up_to(usize::MAX >> 1, ours);
        run.code(if kind == Kind::Terminal { 0 } else { 3 });
        assert_eq!(rest.join().unwrap(), b"\nHytale Server Booted!\n");
    });
}

#[test]
fn every_byte_arrives_in_a_file_where_it_belongs() {
    let before = b"what was there before\n";
    for (appends, start) in [(false, &b""[..]), (true, before)] {
        let world = World::new();
        let noise = world.noise(4 * MEGA);
        let path = world.write("out", before);
        let file = OpenOptions::new()
            .write(true)
            .append(appends)
            .truncate(!appends)
            .open(&path);
        let script = "cat data; exit 3";
        Outlet::start(&world, watched(&world, Kind::Pipe, script), file.unwrap()).code(3);
        let arrived = fs::read(path).unwrap();
        assert_eq!(&arrived[..start.len()], start);
        assert_same(&arrived[start.len()..], &noise);
    }
}

#[test]
fn a_file_that_others_write_to_as_well_keeps_everything() {
    let world = World::new();
    let noise = world.noise(MEGA);
    let mut file = File::create(world.path("out")).unwrap();
    file.write_all(b"before\n").unwrap();
    let shared = file.try_clone().unwrap();
    Outlet::start(
        &world,
        watched(&world, Kind::Pipe, "cat data; exit 3"),
        shared,
    )
    .code(3);
    // The offset is one for all who share the file.
    file.write_all(b"after\n").unwrap();
    let arrived = fs::read(world.path("out")).unwrap();
    assert_same(&arrived, &[b"before\n", &noise[..], b"after\n"].concat());
}

#[test]
fn another_writer_to_the_same_pipe_takes_nothing_away() {
    let world = World::new();
    let count = 8 * MEGA;
    let many = |byte| format!("head -c {count} /dev/zero | tr '\\0' {byte}");
    // Both want the pipe all the time, and its reader is slow.
    let start = watched(&world, Kind::Pipe, &format!("{}; exit 3", many('s')));
    let start = start.after(&format!("({}) &", many('o')));
    let (mut ours, theirs) = ends(Kind::Pipe);
    let run = Outlet::start(&world, start, theirs);
    let mut found = [0; 256];
    let mut buffer = [0; 1000];
    while let Ok(length @ 1..) = ours.read(&mut buffer) {
        buffer[..length]
            .iter()
            .for_each(|&byte| found[usize::from(byte)] += 1);
    }
    run.code(3);
    let expected = [count, count, 2 * count];
    let found = [
        found[usize::from(b's')],
        found[usize::from(b'o')],
        found.iter().sum(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn output_that_nobody_wants_ends_nothing() {
    let world = World::new();
    world.noise(MEGA);
    let script = "cat data || exit 4; cat data || exit 4; exit 3";
    let start = || world.run().sh_without_tokens(script);
    Outlet::start(&world, start(), Stdio::null()).code(3);
    let closed = start().after("exec >&-");
    let log = Outlet::start(&world, closed, Stdio::null()).code(3);
    assert!(!log.contains("warning"), "{log}");
}

#[test]
fn a_reader_who_goes_away_in_the_middle_is_none_of_the_servers_business() {
    each(KINDS, 3, |&kind| {
        let world = World::new();
        world.noise(4 * MEGA);
        // The server is the one who would get a SIGPIPE, or be told that its terminal is gone.
        let script =
            "cat data || exit 4; echo written >&2; cat data || exit 4; echo ended >&2; exit 5";
        let start = match kind {
            Kind::Terminal => watched(&world, kind, script).after("trap '' HUP"),
            _ => watched(&world, kind, script),
        };
        let (mut ours, theirs) = ends(kind);
        let run = Outlet::start(&world, start, theirs);
        ours.read_exact(&mut vec![0; MEGA]).unwrap();
        drop(ours);
        let log = run.code(5);
        assert!(
            log.contains("written\n") && log.contains("ended\n"),
            "{log}"
        );
        let told =
            "nobody reads our standard output any more: what the server writes there is dropped\n";
        assert_eq!(log.matches(told).count(), 1, "{log}");
        assert!(!log.contains("warning"), "{log}");
    });
}

#[test]
fn a_full_disk_costs_output_and_one_warning() {
    let world = World::new();
    world.noise(MEGA);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let script = "cat data || exit 4; cat data || exit 4; exit 3";
    let log = Outlet::start(&world, watched(&world, Kind::Pipe, script), full).code(3);
    let said = "hytale-entrypoint: warning: cannot write the server's output: ENOSPC: No space left on device; what \
                cannot be written is lost\n";
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert_eq!(log.matches("warning").count(), 1, "{log}");
}

#[test]
fn a_reader_who_does_not_read_slows_the_server_and_holds_up_nothing_else() {
    each(KINDS, 3, |&kind| {
        let world = World::new();
        let noise = world.noise(4 * MEGA);
        let script = "(trap '' USR1; echo copier=$(exec sh -c 'echo $PPID') >&2; exec cat <data) &
            trap '( sh -c \"exit 7\" & ); echo got it >&2' USR1
            while ! wait $!; do :; done
            echo server=$$ >&2; exit 3";
        let (mut ours, theirs) = ends(kind);
        let run = Outlet::start(&world, watched(&world, kind, script), theirs);
        let copier = run.process("copier");
        let read = until_held_up(copier);
        assert!(
            read < MEGA,
            "{kind:?}: {read} bytes with nobody to read them"
        );
        let server = processes::stat(copier).unwrap().parent;
        run.signal(SIGUSR1);
        run.says("got it");
        until("the orphan is reaped", || {
            processes::children(run.pid()) == [server]
        });
        assert_eq!(until_held_up(copier), read, "{kind:?}");
        let mut arrived = vec![0; noise.len()];
        ours.read_exact(&mut arrived).unwrap();
        assert_same(&arrived, &noise);
        run.code(3);
    });
}

#[test]
fn our_standard_output_stays_in_the_mode_in_which_others_have_it() {
    for kind in KINDS {
        let world = World::new();
        let gate = Gate::new(&world);
        let (mut ours, theirs) = ends(kind);
        let shared = theirs.try_clone().unwrap();
        let run = Outlet::start(&world, watched(&world, kind, Gate::SERVER), theirs);
        ours.read_exact(&mut [0; 3]).unwrap();
        assert!(!is_nonblocking(&shared), "{kind:?}");
        gate.open();
        run.code(if kind == Kind::Terminal { 1 } else { 0 });
        assert!(!is_nonblocking(&shared), "{kind:?}");
    }
}

#[test]
fn one_who_waits_costs_no_processor_time() {
    let cases = [
        ("a reader who does not read", "cat data & waits", false),
        ("a reader who has gone", "cat data; waits", true),
        ("a server that says nothing", "waits", false),
        (
            "a server that has closed its output",
            "exec >&-; waits",
            false,
        ),
        (
            "a server that has closed it, and no reader",
            "exec >&-; waits",
            true,
        ),
    ];
    let cases: Vec<_> = KINDS
        .into_iter()
        .flat_map(|kind| cases.map(|case| (kind, case)))
        .collect();
    each(cases, 15, |&(kind, (name, script, reader_goes))| {
        let world = World::new();
        world.noise(MEGA);
        let script =
            format!("waits() {{ echo begins >&2; nap; echo ends >&2; exit 3; }}; {script}");
        let start = watched(&world, kind, &script).after("trap '' HUP");
        let (ours, theirs) = ends(kind);
        let run = Outlet::start(&world, start, theirs);
        let ours = (!reader_goes).then_some(ours);
        run.says("begins");
        let before = run.ticks();
        run.says("ends");
        // A second, of which a loop that spins takes what it can get.
        let used = run.ticks() - before;
        assert!(used < 10, "{name}, {kind:?}: {used} ticks");
        drop(ours);
        run.code(3);
    });
}

#[test]
fn what_the_server_wrote_before_it_ended_arrives_after_that_and_holds_no_slot() {
    for kind in [Kind::Pipe, Kind::Socket] {
        let world = World::new();
        // More than one pipe holds: some is in ours, and some in the server's.
        let noise = world.noise(100_000);
        let (ours, theirs) = ends(kind);
        let start = world.run_with_broker().sh("cat data; exit 3");
        let run = Outlet::start(&world, start, theirs);
        run.says("the server ended with code 3");
        let freed = world.emulator.wait_for(|view| view.live() == 0, DEADLINE);
        assert!(freed, "the slot is not freed");
        assert!(processes::lives(run.pid()) || kind == Kind::Socket);
        let arrived = read_up_to(usize::MAX >> 1, ours);
        run.code(3);
        assert_same(&arrived.join().unwrap(), &noise);
        world.assert_nothing_left();
    }
}

#[test]
fn a_stop_signal_ends_the_wait_for_a_reader_who_never_reads() {
    let world = World::new();
    world.noise(100_000);
    let (ours, theirs) = ends(Kind::Pipe);
    let start = world.run_with_broker().sh("cat data; exit 3");
    let run = Outlet::start(&world, start, theirs);
    run.says("session released");
    run.signal(SIGTERM);
    run.code(3);
    drop(ours);
    world.assert_nothing_left();
}

#[test]
fn nobody_waits_for_what_the_server_has_left_behind() {
    let world = World::new();
    for left in ["exec sleep 1000", "while echo more; do :; done"] {
        let script =
            format!("setsid sh -c 'echo left=$$ >&2; {left}' & read x <gate; echo last; exit 3");
        let gate = Gate::new(&world);
        let (ours, theirs) = ends(Kind::Pipe);
        let run = Outlet::start(&world, watched(&world, Kind::Pipe, &script), theirs);
        let arrived = read_up_to(usize::MAX >> 1, ours);
        let left = run.process("left");
        gate.open();
        run.code(3);
        let arrived = String::from_utf8(arrived.join().unwrap()).unwrap();
        assert!(arrived.contains("last\n"), "{} bytes", arrived.len());
        // One that goes on writing gets a SIGPIPE for it.
        let _ = nix::sys::signal::kill(left, SIGKILL);
        fs::remove_file(world.path("gate")).unwrap();
    }
}

#[test]
fn a_wrapper_that_is_killed_has_passed_on_all_that_it_took() {
    for reads_first in [0, MEGA] {
        let world = World::new();
        let noise = world.noise(4 * MEGA);
        let (mut ours, theirs) = ends(Kind::Pipe);
        let script = "echo copier=$$ >&2; trap '' TERM; exec dd if=data bs=4096 2>/dev/null";
        let run = Outlet::start(&world, watched(&world, Kind::Pipe, script), theirs);
        let copier = run.process("copier");
        let mut arrived = vec![0; reads_first];
        ours.read_exact(&mut arrived).unwrap();
        let written = until_held_up(copier) - 4096;
        run.signal(SIGKILL);
        let (status, _) = run.wait();
        assert_eq!(status.signal(), Some(SIGKILL as i32));
        ours.read_to_end(&mut arrived).unwrap();
        assert_same(&arrived, &noise[..arrived.len()]);
        // The rest fits into the server's own pipe.
        let rest = written - arrived.len();
        assert!(rest <= PIPE, "{rest} bytes are nowhere");
    }
}

#[test]
fn unwatched_output_and_all_errors_are_our_own_descriptors() {
    let world = World::new();
    let server = "echo server=$$ >&2; read x <gate; exit 0";
    for (option, own) in [("off", true), ("auto", false)] {
        let gate = Gate::new(&world);
        let (ours, theirs) = ends(Kind::Pipe);
        let start = world.run().args(["--watch-output", option]);
        let run = Outlet::start(&world, start.sh_without_tokens(server), theirs);
        let server = run.process("server");
        // Both ends of a pipe have one name.
        let name = fs::read_link(format!("/proc/self/fd/{}", ours.as_raw_fd())).unwrap();
        let servers = link(server, 1);
        assert_eq!(servers == name, own, "{}", servers.display());
        assert!(servers.to_string_lossy().starts_with("pipe:"));
        assert!(link(server, 2).to_string_lossy().ends_with(".log"));
        gate.open();
        run.code(0);
        fs::remove_file(world.path("gate")).unwrap();
    }
}

#[test]
fn a_terminal_is_the_servers_own() {
    let world = World::new();
    let script = "echo $(readlink /proc/$$/fd/1)=$(readlink /proc/$$/fd/2)=; [ -t 1 ] && exit 3";
    let terminal = Terminal::start(world.run().sh_without_tokens(script));
    let closed = terminal.wait();
    closed.code(3);
    let line = closed.text.lines().find(|line| line.contains("/pts/"));
    let names: Vec<_> = line.expect("it is a terminal").split('=').collect();
    assert_eq!(names[0], names[1]);
}
