//! Reaping: ten times a thousand orphans that end all at once.

use std::io::{self, Write};
use std::process::Stdio;

use crate::arena::Arena;
use crate::process::{cpu, end};
use crate::stamps::Stamps;
use crate::table::Table;
use crate::turns::{self, seconds};

const WAVES: &str = "10";
const SIZE: &str = "1000";

pub fn measure(arena: &Arena, table: &mut Table) -> io::Result<()> {
    let mut contenders = arena.contenders();
    // As PID 1 only, and so the server's orphans would be ours.
    contenders.retain(|contender| contender.adopts);
    let mut stamps = Stamps::new(arena.path("orphans"))?;
    let [cpus, walls] = turns::take(contenders.len(), arena.rounds(5), |n| {
        let server = [
            "orphans".as_ref(),
            stamps.path(),
            WAVES.as_ref(),
            SIZE.as_ref(),
        ];
        let mut command = contenders[n].start(arena, &server);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        stamps.next()?;
        let before = cpu(child.id())?;
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(b"!")?;
        }
        let wall = stamps.next()?;
        let used = cpu(child.id())?.saturating_sub(before);
        end(child)?;
        Ok([seconds(used), seconds(wall)])
    })?;
    for (n, contender) in contenders.iter().enumerate().skip(1) {
        table.ratio("10,000 orphans, CPU", &cpus, (n, contender.name), None);
        table.ratio(
            "10,000 orphans, until none is left",
            &walls,
            (n, contender.name),
            None,
        );
    }
    Ok(())
}
