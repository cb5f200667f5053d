//! What the kernel tells of a process, and of the machine.

use std::fs;
use std::io;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// The clock that the server looks at as well.
pub fn now() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

pub fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id())
        .map(Pid::from_raw)
        .map_err(io::Error::other)
}

/// Ends a wrapper in its own way, and its server with it.
pub fn end(mut child: Child) -> io::Result<()> {
    drop(child.stdin.take());
    kill(pid(&child)?, Signal::SIGINT)?;
    child.wait()?;
    Ok(())
}

/// How long a process has been on a processor, to the nanosecond.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let first = text.split_whitespace().next().and_then(|n| n.parse().ok());
    first
        .map(Duration::from_nanos)
        .ok_or_else(|| io::Error::other("the kernel counts no CPU time"))
}

/// What stands in `/proc/PID/status` at this moment, and in `smaps_rollup` where we may look (root: the entrypoint is not
/// dumpable).
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// In bytes, as the next ones.
    pub resident: u64,
    pub private_dirty: Option<u64>,
    pub threads: u64,
    /// How often it was put on a processor after it had waited for something, so far.
    pub wake_ups: u64,
}

pub fn read(pid: u32) -> io::Result<Reading> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let known = |name| {
        number(&status, name).ok_or_else(|| io::Error::other(format!("no {name} in status")))
    };
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    Ok(Reading {
        resident: known("VmRSS:")? * 1024,
        private_dirty: maps
            .and_then(|maps| number(&maps, "Private_Dirty:"))
            .map(|n| n * 1024),
        threads: known("Threads:")?,
        wake_ups: known("voluntary_ctxt_switches:")?,
    })
}

/// The machine, in a line.
pub fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .and_then(|rest| rest.split_once(':'))
        .map_or("an unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or_default();
    format!(
        "{model}, {cores} cores, Linux {}; load {load} at the end",
        kernel.trim()
    )
}
