//! What a wrapper holds, and how often it wakes, while nothing happens: a minute after a start without tokens, and after
//! two refreshes of a session.

use std::io;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use hytale_emulator::{Emulator, Options};

use crate::arena::Arena;
use crate::contender::Contender;
use crate::process::{self, Reading, end};
use crate::stamps::Stamps;
use crate::table::{Table, Unit};
use crate::tell;

const MIB: f64 = 1024.0 * 1024.0;

/// Sessions are renewed two minutes before they expire: these after ten seconds.
const LIFE: Duration = Duration::from_secs(130);

/// From a refresh until all is quiet again, and then for how long we look: together less than from one refresh to the next.
const SETTLE: Duration = Duration::from_secs(1);
const BETWEEN_REFRESHES: Duration = Duration::from_secs(6);

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let minute = match arena.quick {
        true => Duration::from_secs(10),
        false => Duration::from_secs(60),
    };
    let contenders = arena.contenders();
    let mut wrappers = Vec::new();
    for (n, contender) in contenders.iter().enumerate() {
        let mut stamps = Stamps::new(arena.path(&format!("idle-{n}")))?;
        wrappers.push(start(arena, contender, &mut stamps, &[])?);
    }
    sleep(SETTLE);
    let idle: Vec<_> = watch(&wrappers, minute)?;
    for wrapper in wrappers {
        end(wrapper)?;
    }
    rows(table, "no tokens", &idle[0], &|of| {
        let others = contenders.iter().zip(&idle).skip(1);
        others
            .map(|(contender, idle)| (contender.name, of(idle)))
            .collect()
    });
    after_refreshes(arena, table)
}

fn after_refreshes(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let emulator = Emulator::start(Options {
        session_ttl: LIFE,
        ..Options::default()
    })?;
    let mut stamps = Stamps::new(arena.path("idle-broker"))?;
    let variables = [
        ("HYTALE_ENTRYPOINT_SESSIONS_URL", emulator.url()),
        ("HYTALE_SESSION_TOKEN_BROKER_URL", emulator.broker_url()),
    ];
    let wrapper = start(
        arena,
        &Contender::with_broker(arena),
        &mut stamps,
        &variables,
    )?;
    sleep(SETTLE);
    let first = process::read(wrapper.id())?;
    let two = |view: &hytale_emulator::View<'_>| {
        view.sessions()
            .first()
            .is_some_and(|session| session.refreshes >= 2)
    };
    if emulator.wait_for(two, 4 * LIFE) {
        sleep(SETTLE);
        let idle = watch(std::slice::from_ref(&wrapper), BETWEEN_REFRESHES)?;
        rows(table, "after 2 refreshes", &idle[0], &|_| Vec::new());
    } else {
        tell("left out: the session was not refreshed");
    }
    end(wrapper)?;
    table.value(
        "resident, right after a start with a broker",
        Unit::Bytes,
        first.resident as f64,
        &[],
        Some(4.0 * MIB),
    );
    if let Some(dirty) = first.private_dirty {
        table.value(
            "private dirty, right after a start with a broker",
            Unit::Bytes,
            dirty as f64,
            &[],
            Some(MIB),
        );
    }
    Ok(())
}

fn start(
    arena: &Arena,
    contender: &Contender,
    stamps: &mut Stamps,
    variables: &[(&str, &str)],
) -> io::Result<Child> {
    let mut command = contender.start(arena, &["idle".as_ref(), stamps.path()]);
    command.envs(variables.iter().copied());
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    stamps.next()?;
    Ok(child)
}

/// What a wrapper is like at the end of a while, and how often it woke meanwhile, by the minute.
struct Idle {
    last: Reading,
    wake_ups: f64,
}

fn watch(wrappers: &[Child], time: Duration) -> io::Result<Vec<Idle>> {
    let read = || {
        wrappers
            .iter()
            .map(|wrapper| process::read(wrapper.id()))
            .collect::<io::Result<Vec<_>>>()
    };
    let first = read()?;
    sleep(time);
    let idle = |(first, last): (&Reading, Reading)| Idle {
        last,
        wake_ups: (last.wake_ups - first.wake_ups) as f64 * 60.0 / time.as_secs_f64(),
    };
    Ok(first.iter().zip(read()?).map(idle).collect())
}

/// A property, of everybody else who was watched.
type Others<'a> = dyn Fn(&dyn Fn(&Idle) -> f64) -> Vec<(&'static str, f64)> + 'a;

fn rows(table: &mut Table, when: &str, ours: &Idle, others: &Others<'_>) {
    let mut row = |what: &str, unit, most, of: &dyn Fn(&Idle) -> f64| {
        table.value(
            &format!("{what}, {when}"),
            unit,
            of(ours),
            &others(of),
            Some(most),
        );
    };
    row("resident", Unit::Bytes, 4.0 * MIB, &|idle| {
        idle.last.resident as f64
    });
    match ours.last.private_dirty {
        Some(_) => row("private dirty", Unit::Bytes, MIB, &|idle| {
            idle.last.private_dirty.unwrap_or_default() as f64
        }),
        None => tell(
            "left out: only root may look at the private memory of a process that is not dumpable",
        ),
    }
    row("threads", Unit::Count, 1.0, &|idle| {
        idle.last.threads as f64
    });
    row("wake-ups a minute", Unit::Count, 0.0, &|idle| idle.wake_ups);
}
