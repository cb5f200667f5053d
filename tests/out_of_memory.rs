//! A server that the kernel killed for want of memory: the log says so, and the slot is freed.
//!
//! Needs a memory cgroup that can be made here, of either version; a container with a memory limit is another way
//! to the same (see `containers.rs`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{World, not_tried};

/// A memory cgroup of our own, with room for little more than a wrapper.
struct Group(PathBuf);

impl Group {
    fn make(name: &str) -> Option<Self> {
        let places = [
            ("/sys/fs/cgroup", "memory.max", "memory.swap.max"),
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
            ),
        ];
        for (mount, limit, with_swap) in places {
            let group = Self(Path::new(mount).join(name));
            if fs::create_dir(&group.0).is_err() {
                continue;
            }
            if fs::write(group.0.join(limit), "64M").is_ok() {
                // Where there is swap; the second counts both in version 1, and swap alone in version 2.
                let swap = if limit == "memory.max" { "0" } else { "64M" };
                let _ = fs::write(group.0.join(with_swap), swap);
                return Some(group);
            }
        }
        None
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Takes more memory than the group has.
const GLUTTON: &str = "dd if=/dev/zero of=/dev/null bs=300M count=1";

#[test]
fn a_server_that_was_out_of_memory_is_named_as_such_and_its_slot_freed() {
    let name = format!("hytale-entrypoint-test-{}", std::process::id());
    let Some(group) = Group::make(&name) else {
        return not_tried("a server out of memory: no memory cgroup can be made here");
    };
    let world = World::new();
    let enter = format!("echo $$ > {}/cgroup.procs", group.0.display());
    let finished = world
        .run_with_broker()
        .sh(&format!("exec {GLUTTON}"))
        .after(&enter)
        .finish();
    finished
        .code(137)
        .says("warning: out of memory: the kernel killed the server")
        .says("SIGKILL ended the server");
    world.assert_nothing_left();
}

#[test]
fn a_server_that_somebody_killed_is_not() {
    let world = World::new();
    let finished = world.run_with_broker().sh("kill -KILL $$").finish();
    finished.code(137).never_says("out of memory");
    world.assert_nothing_left();
}
