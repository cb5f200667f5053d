//! What the kernel tells about processes: `/proc`, read while they live.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use nix::unistd::Pid;

use super::until;

/// A process as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// `Z` is a zombie.
    pub state: char,
    pub parent: Pid,
    pub group: Pid,
    pub session: Pid,
}

/// `None` when it is gone.
pub fn stat(pid: Pid) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut pid = || Some(Pid::from_raw(fields.next()?.parse().ok()?));
    Some(Stat {
        state,
        parent: pid()?,
        group: pid()?,
        session: pid()?,
    })
}

/// The entrypoint's [`name`].
pub const ENTRYPOINT: &str = "hytale-entrypoi";

/// The first 15 bytes of the name of what it executes.
pub fn name(pid: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// Whether it is there and no zombie.
pub fn lives(pid: Pid) -> bool {
    stat(pid).is_some_and(|stat| stat.state != 'Z')
}

/// The children of a process, zombies included.
pub fn children(parent: Pid) -> Vec<Pid> {
    fs::read_dir("/proc")
        .expect("there is a /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|&pid| stat(pid).is_some_and(|stat| stat.parent == parent))
        .collect()
}

/// A process and all below it.
pub fn tree(root: Pid) -> Vec<Pid> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(children(parent));
        next += 1;
    }
    tree
}

/// The entrypoint in the tree below a process, once it is there.
#[track_caller]
pub fn entrypoint_below(root: Pid) -> Pid {
    let mut found = None;
    until("there is an entrypoint", || {
        let mut tree = tree(root).into_iter();
        found = tree.find(|&pid| name(pid).is_some_and(|name| name == ENTRYPOINT));
        found.is_some()
    });
    found.expect("it was just found")
}

/// Its arguments, as `ps` shows them to everybody.
pub fn command_line(pid: Pid) -> String {
    words(pid, "cmdline")
}

/// Its environment, as every process of the same user can read it; nothing where we may not.
pub fn environment(pid: Pid) -> String {
    words(pid, "environ")
}

fn words(pid: Pid, file: &str) -> String {
    match fs::read(format!("/proc/{pid}/{file}")) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => String::new(),
        text => String::from_utf8_lossy(&text.expect("the process lives")).replace('\0', " "),
    }
}

/// How long it has been at work so far, in hundredths of a second.
pub fn cpu_ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let (_, fields) = stat.rsplit_once(')').expect("it has a name");
    let fields = fields.split_whitespace().skip(11).take(2);
    fields
        .map(|ticks| ticks.parse::<u64>().expect("it is a number"))
        .sum()
}

/// A set in `/proc/PID/status`: of signals, such as `SigIgn`, where bit 0 is signal 1, or of capabilities.
pub fn signals(pid: Pid, set: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(set)?.strip_prefix(':'))
        .expect("there is such a set");
    u64::from_str_radix(line.trim(), 16).expect("it is a number")
}

/// Its descriptors, and what they lead to.
pub fn descriptors(pid: Pid) -> Vec<(u32, PathBuf)> {
    let mut descriptors: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process lives")
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, fs::read_link(entry.path()).ok()?))
        })
        .collect();
    descriptors.sort();
    descriptors
}
