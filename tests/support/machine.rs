//! What only a machine can be: its hardware id, a folder that cannot be written, a disk that is full. Root gets
//! a machine that is so, in a mount namespace of its own; others hear what was not tried.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

use super::not_tried;
use super::world::Start;

/// Where a machine id may stand, as everybody reads it.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Whether mounts can be made that nobody else sees.
pub fn has_namespaces() -> bool {
    let unshare = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    geteuid().is_root() && unshare.is_ok_and(|status| status.success())
}

/// This machine's hardware id, if it comes from a machine id: 32 hexadecimal digits, then written with dashes.
pub fn hardware_id() -> Option<String> {
    MACHINE_IDS.iter().find_map(|path| {
        let id = fs::read_to_string(path).ok()?.trim().to_lowercase();
        let right = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        right.then(|| [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"))
    })
}

/// The shell commands that give a machine this file as each of its ids, where it has one to be covered.
pub fn with_machine_id(file: &Path) -> String {
    let file = file.display();
    let ids = MACHINE_IDS.iter().copied();
    ids.chain(["/sys/class/dmi/id/product_uuid"])
        .filter(|id| Path::new(id).exists())
        .map(|id| format!("mount --bind '{file}' {id}\n"))
        .collect()
}

/// The ways to make a PID namespace: as root, and as anybody where the kernel lets everybody be root of something.
const PID_NAMESPACES: [&[&str]; 2] = [
    &["--pid", "--fork", "--kill-child", "--mount-proc"],
    &[
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ],
];

impl Start {
    /// As PID 1 of a namespace of its own, if this machine lets us make one. What the test has started is unshare(1)
    /// then, whose only child is the entrypoint, and which ends with its code.
    pub fn in_pid_namespace(self) -> Option<Self> {
        let works = |way: &&[&str]| {
            let tried = Command::new("unshare").args(*way).arg("true").output();
            tried.is_ok_and(|output| output.status.success())
        };
        let Some(way) = PID_NAMESPACES.into_iter().find(works) else {
            not_tried("PID 1, which needs unshare(1) and the right to make a PID namespace");
            return None;
        };
        Some(self.under("unshare", way))
    }

    /// In a mount namespace of its own, prepared by shell commands. It is the same process all along, so it
    /// hears the signals. Nothing is found by its name alone when `path` is empty.
    #[must_use]
    pub fn in_namespace(self, prepare: &str, path: &str) -> Self {
        self.around(&format!(
            "{prepare}\nPATH='{path}'; export PATH; exec \"$@\""
        ))
    }

    /// The same for a script that looks around there afterwards: `"$@"` is the entrypoint.
    #[must_use]
    pub fn around(mut self, script: &str) -> Self {
        let inner = self.command();
        let mut outer = Command::new("unshare");
        outer
            .args(["-m", "sh", "-e", "-c", script, "sh"])
            .arg(inner.get_program())
            .args(inner.get_args())
            .env_clear()
            .stdin(Stdio::null());
        for (name, value) in inner.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        if let Some(folder) = inner.get_current_dir() {
            outer.current_dir(folder);
        }
        *inner = outer;
        self
    }
}
