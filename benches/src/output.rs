//! 1 GB of log lines on their way to a pipe and to a file: through the entrypoint, past it, and through cat.
//!
//! The CPU time is that of whoever stands in the middle, and not of the server's writing or our reading. The server waits
//! until it is told to begin, and stays when it is done, so that starts and ends do not count.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::arena::Arena;
use crate::contender::Contender;
use crate::process::{cpu, end, now};
use crate::stamps::Stamps;
use crate::table::Table;
use crate::turns::{self, seconds};

/// Who stands between the server and the reader.
enum Middle {
    Contender(Contender),
    Cat,
}

enum Sink {
    Pipe,
    File(PathBuf),
}

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let bytes = match arena.quick {
        true => 100_000_000,
        false => 1_000_000_000,
    };
    let middles = [
        Middle::Contender(Contender::entrypoint(arena)),
        Middle::Cat,
        Middle::Contender(Contender::unwatched(arena)),
    ];
    let mut stamps = Stamps::new(arena.path("output"))?;
    let sinks = [
        ("a pipe", Sink::Pipe),
        ("a file", Sink::File(arena.path("log"))),
    ];
    for (name, sink) in sinks {
        let [cpus, walls] = turns::take(middles.len(), arena.rounds(9), |n| {
            pass(arena, &middles[n], &sink, bytes, &mut stamps)
        })?;
        let mb = bytes / 1_000_000;
        for (one, how) in [(0, "watched"), (2, "unwatched")] {
            for (turns, what) in [(&cpus, "CPU"), (&walls, "until all is there")] {
                let what = format!("{mb} MB to {name}, {how}, {what}");
                table.ratio_of(one, &what, turns, (1, "cat"), None);
            }
        }
    }
    Ok(())
}

/// The CPU time of the middle, and how long it took.
fn pass(
    arena: &Arena,
    middle: &Middle,
    sink: &Sink,
    bytes: u64,
    stamps: &mut Stamps,
) -> io::Result<[f64; 2]> {
    let amount = bytes.to_string();
    let server = ["lines".as_ref(), stamps.path(), amount.as_ref()];
    let stdout = match sink {
        Sink::Pipe => Stdio::piped(),
        Sink::File(path) => File::create(path)?.into(),
    };
    let (mut first, mut last) = start(arena, middle, &server, stdout)?;
    stamps.next()?;
    let measured = last.as_ref().unwrap_or(&first).id();
    let cpu_before = cpu(measured)?;
    let begin = now()?;
    if let Some(stdin) = &mut first.stdin {
        stdin.write_all(b"!")?;
    }
    let stdout = last.as_mut().unwrap_or(&mut first).stdout.take();
    match (sink, stdout) {
        (Sink::File(path), _) => {
            while fs::metadata(path)?.len() < bytes {
                sleep(Duration::from_millis(1));
            }
        }
        (Sink::Pipe, Some(pipe)) => discard(pipe, bytes)?,
        (Sink::Pipe, None) => return Err(io::Error::other("there is no pipe")),
    }
    let wall = now()?.saturating_sub(begin);
    let used = cpu(measured)?.saturating_sub(cpu_before);
    match &mut last {
        // The end of its input ends the server, and that cat.
        Some(cat) => {
            drop(first.stdin.take());
            first.wait()?;
            cat.wait()?;
        }
        None => end(first)?,
    }
    if let Sink::File(path) = sink {
        fs::remove_file(path)?;
    }
    Ok([seconds(used), seconds(wall)])
}

/// The process with the server's standard input, and another one that has its output.
fn start(
    arena: &Arena,
    middle: &Middle,
    server: &[&std::ffi::OsStr],
    stdout: Stdio,
) -> io::Result<(Child, Option<Child>)> {
    let spawn = |mut command: Command, stdout| command.stdin(Stdio::piped()).stdout(stdout).spawn();
    match middle {
        Middle::Contender(contender) => Ok((spawn(contender.start(arena, server), stdout)?, None)),
        Middle::Cat => {
            let mut alone = spawn(
                Contender::nobody(arena).start(arena, server),
                Stdio::piped(),
            )?;
            let mut cat = arena.command("/bin/cat".as_ref());
            if let Some(output) = alone.stdout.take() {
                cat.stdin(output);
            }
            let cat = cat.stdout(stdout).spawn()?;
            Ok((alone, Some(cat)))
        }
    }
}

fn discard(mut pipe: impl Read, mut bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while bytes > 0 {
        match pipe.read(&mut buffer)? as u64 {
            0 => return Err(io::Error::other("the output has an early end")),
            count => bytes = bytes.saturating_sub(count),
        }
    }
    Ok(())
}
