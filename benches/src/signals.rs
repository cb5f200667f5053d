//! From kill() to the server's handler.

use std::io;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::arena::Arena;
use crate::contender::Contender;
use crate::process::{end, now, pid};
use crate::stamps::Stamps;
use crate::table::{AtMost, Table};
use crate::turns::{self, seconds};

/// After this long everybody sleeps again.
const REST: Duration = Duration::from_millis(3);

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let mut contenders = arena.contenders();
    contenders.push(Contender::nobody(arena));
    let mut running = Vec::new();
    for (n, contender) in contenders.iter().enumerate() {
        let mut stamps = Stamps::new(arena.path(&format!("signals-{n}")))?;
        let mut command = contender.start(arena, &["signals".as_ref(), stamps.path()]);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        stamps.next()?;
        running.push((child, stamps));
    }
    let [turns] = turns::take(contenders.len(), arena.rounds(400), |n| {
        let (child, stamps) = &mut running[n];
        sleep(REST);
        let begin = now()?;
        kill(pid(child)?, Signal::SIGTERM)?;
        Ok([seconds(stamps.next()?.saturating_sub(begin))])
    })?;
    for (child, _) in running {
        end(child)?;
    }
    for (n, contender) in contenders.iter().enumerate().skip(1) {
        let target = (contender.name == "tini").then_some(AtMost(2.0));
        table.ratio(
            "SIGTERM to the server's handler",
            &turns,
            (n, contender.name),
            target,
        );
    }
    Ok(())
}
