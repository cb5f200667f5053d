//! From the start of the wrapper to the first instruction of the server.

use std::io;
use std::process::{Command, Stdio};

use hytale_emulator::{Account, Emulator, Options, Slots};

use crate::arena::{Arena, found};
use crate::contender::Contender;
use crate::process::now;
use crate::stamps::Stamps;
use crate::table::{AtMost, Table};
use crate::turns::{self, seconds};

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    without_tokens(arena, table)?;
    with_broker(arena, table)
}

fn without_tokens(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let mut contenders = arena.contenders();
    contenders.push(Contender::nobody(arena));
    let mut stamps = Stamps::new(arena.path("starts"))?;
    let [turns] = turns::take(contenders.len(), arena.rounds(400), |n| {
        start(
            contenders[n].start(arena, &["stamp".as_ref(), stamps.path()]),
            &mut stamps,
        )
    })?;
    for (n, contender) in contenders.iter().enumerate().skip(1) {
        let target = (contender.name == "tini").then_some(AtMost(1.5));
        table.ratio(
            "start to server, no tokens",
            &turns,
            (n, contender.name),
            target,
        );
    }
    Ok(())
}

fn with_broker(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let tools = [("/usr/bin/curl", "curl"), ("/usr/bin/jq", "jq")];
    if !tools
        .iter()
        .all(|(program, package)| found(program.as_ref(), package))
    {
        return Ok(());
    }
    let emulator = Emulator::start(Options {
        // The shell way frees none.
        accounts: vec![Account::named("default").with_slots(Slots::Unlimited)],
        ..Options::default()
    })?;
    let mut stamps = Stamps::new(arena.path("broker-starts"))?;
    let entrypoint = Contender::with_broker(arena);
    let [turns] = turns::take(2, arena.rounds(100), |n| {
        let server = ["stamp".as_ref(), stamps.path()];
        let mut command = match n {
            0 => entrypoint.start(arena, &server),
            _ => {
                let mut shell = arena.command("/bin/sh".as_ref());
                shell.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/shell.sh"));
                shell.arg(&arena.server).args(server);
                shell
            }
        };
        command
            .env("HYTALE_ENTRYPOINT_SESSIONS_URL", emulator.url())
            .env("HYTALE_SESSION_TOKEN_BROKER_URL", emulator.broker_url());
        start(command, &mut stamps)
    })?;
    let other = (1, "sh, curl, jq");
    table.ratio(
        "start to server, with a broker",
        &turns,
        other,
        Some(AtMost(0.1)),
    );
    Ok(())
}

/// A start by posix_spawn(3), which the standard library takes: what our own process is like costs nothing.
fn start(mut command: Command, stamps: &mut Stamps) -> io::Result<[f64; 1]> {
    // Somebody reads what the server writes, as in a container.
    command.stdout(Stdio::piped());
    let begin = now()?;
    let mut child = command.spawn()?;
    let started = stamps.next()?;
    child.wait()?;
    Ok([seconds(started.saturating_sub(begin))])
}
