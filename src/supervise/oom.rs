//! Whether the kernel killed for want of memory: a SIGKILL that nobody sent. The memory cgroup counts such kills.

use std::fs;
use std::path::{Path, PathBuf};

/// How often the OOM killer has struck in our cgroup; `None` where nobody counts.
pub fn kills() -> Option<u64> {
    files().iter().find_map(|file| kills_in(file))
}

fn kills_in(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line?.trim().parse().ok()
}

/// Where the count may stand, for both kinds of cgroups(7). In a container our own group is the root of what is
/// mounted, whatever its name is outside.
fn files() -> Vec<PathBuf> {
    let ours = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut files = Vec::new();
    for line in ours.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (mount, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.events"),
            controllers if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.oom_control")
            }
            _ => continue,
        };
        let group = Path::new(mount).join(path.trim_start_matches('/'));
        files.extend([group.join(file), Path::new(mount).join(file)]);
    }
    files
}
