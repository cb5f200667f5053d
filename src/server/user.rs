//! Who the server runs as: a name or number from `--user`, made numbers that the kernel knows.
//!
//! The files are read here, and not through the C library: a static binary cannot load its modules for other
//! places where users may be kept (LDAP, say). Whoever keeps them there gives numbers.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid, fchown};
use thiserror::Error;

use crate::config::server::UserName;
use crate::sys::Identity;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Why the server cannot run as this user.
#[derive(Debug, Error)]
pub enum UserError {
    #[error("there is no user {0} in {PASSWD}")]
    UnknownUser(String),
    #[error("there is no group {0} in {GROUP}")]
    UnknownGroup(String),
    #[error("only root can start the server as another user, and this is user {0}")]
    NotRoot(Uid),
}

/// The server's user, and what its environment says of it.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    pub identity: Identity,
    /// `None` for a number that nobody has given a name.
    pub name: Option<String>,
    pub home: PathBuf,
}

impl User {
    /// # Errors
    /// When a name is not known, or we may not become that user.
    pub fn find(wanted: &UserName) -> Result<Self, UserError> {
        // A file that is not there knows nobody: an image from scratch has none.
        let passwd = fs::read_to_string(PASSWD).unwrap_or_default();
        let group = fs::read_to_string(GROUP).unwrap_or_default();
        let user = look_up(wanted, &passwd, &group)?;
        match may_change_user() {
            true => Ok(user),
            false => Err(UserError::NotRoot(Uid::effective())),
        }
    }
}

impl User {
    /// Makes files of ours this user's.
    pub fn give<'f>(&self, files: impl Iterator<Item = BorrowedFd<'f>>) {
        let Identity { uid, gid, .. } = self.identity;
        for file in files {
            // Where that fails, it has the descriptor all the same.
            let _ = fchown(file, Some(uid), Some(gid));
        }
    }
}

/// The kernel asks for two capabilities, which root may lack (in a container) and others may have.
fn may_change_user() -> bool {
    const SETGID: u64 = 1 << 6;
    const SETUID: u64 = 1 << 7;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    match effective {
        Some(bits) => bits & SETGID != 0 && bits & SETUID != 0,
        // Without /proc we try, and the kernel has the last word.
        None => Uid::effective().is_root(),
    }
}

/// # Errors
/// When a name is in neither file.
pub fn look_up(wanted: &UserName, passwd: &str, group: &str) -> Result<User, UserError> {
    let number = number(&wanted.user);
    // name:password:uid:gid:comment:home:shell (passwd(5)). A name may look like a number, and goes first.
    let entries = || {
        passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
    };
    let entry = entries()
        .find(|fields| fields.first() == Some(&wanted.user.as_str()))
        .or_else(|| entries().find(|fields| number.is_some() && field(fields, 2) == number));
    let uid = entry
        .as_ref()
        .and_then(|fields| field(fields, 2))
        .or(number);
    let Some(uid) = uid else {
        return Err(UserError::UnknownUser(wanted.user.clone()));
    };
    let name = entry.as_ref().map(|fields| fields[0].to_owned());
    let (gid, groups) = match &wanted.group {
        Some(name) => {
            let gid = gid_of(name, group).ok_or_else(|| UserError::UnknownGroup(name.clone()))?;
            (gid, vec![gid])
        }
        None => {
            // A number without an entry gets the group of that number: to get root's would be a gift.
            let own = entry
                .as_ref()
                .and_then(|fields| field(fields, 3))
                .unwrap_or(uid);
            (own, groups_of(name.as_deref(), own, group))
        }
    };
    Ok(User {
        identity: Identity {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: groups.into_iter().map(Gid::from_raw).collect(),
        },
        name,
        home: entry
            .and_then(|fields| {
                fields
                    .get(5)
                    .filter(|home| !home.is_empty())
                    .map(PathBuf::from)
            })
            .unwrap_or_else(|| PathBuf::from("/")),
    })
}

fn gid_of(name: &str, group: &str) -> Option<u32> {
    // name:password:gid:members (group(5)).
    let by_name = group
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| field(&fields, 2));
    by_name.or_else(|| number(name))
}

/// The user's own group, and those that list it as a member.
fn groups_of(user: Option<&str>, own: u32, group: &str) -> Vec<u32> {
    let mut groups = vec![own];
    for fields in group
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
    {
        let is_member = fields
            .get(3)
            .is_some_and(|members| members.split(',').any(|member| Some(member) == user));
        if let (true, Some(gid)) = (is_member, field(&fields, 2)) {
            groups.push(gid);
        }
    }
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn field(fields: &[&str], at: usize) -> Option<u32> {
    number(fields.get(at)?)
}

/// The highest number means "leave it as it is" to the kernel, which would leave us root.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&id| id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nhytale:x:990:980::/srv/hytale:/bin/false\nbroken\n7up:x:77:7::/:\n";
    const GROUP: &str =
        "root:x:0:\nhytale:x:980:\naudio:x:29:hytale,root\nworlds:x:981:other,hytale\nbroken\n";

    fn identity(user: &str, group: Option<&str>) -> Option<(u32, u32, Vec<u32>)> {
        let wanted = UserName {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        };
        let found = look_up(&wanted, PASSWD, GROUP).ok()?.identity;
        let groups = found.groups.iter().map(|gid| gid.as_raw()).collect();
        Some((found.uid.as_raw(), found.gid.as_raw(), groups))
    }

    #[test]
    fn a_user_is_a_name_or_a_number_with_its_groups() {
        let hytale = Some((990, 980, vec![29, 980, 981]));
        assert_eq!(identity("hytale", None), hytale);
        assert_eq!(identity("990", None), hytale);
        assert_eq!(identity("7up", None), Some((77, 7, vec![7])));
        assert_eq!(identity("root", None), Some((0, 0, vec![0, 29])));
    }

    #[test]
    fn a_group_that_is_named_is_the_only_one() {
        assert_eq!(identity("hytale", Some("audio")), Some((990, 29, vec![29])));
        assert_eq!(identity("hytale", Some("5")), Some((990, 5, vec![5])));
        assert_eq!(identity("hytale", Some("nobody-knows")), None);
    }

    #[test]
    fn a_number_that_nobody_knows_is_its_own_group() {
        assert_eq!(identity("12345", None), Some((12345, 12345, vec![12345])));
        assert_eq!(identity("12345", Some("0")), Some((12345, 0, vec![0])));
        assert_eq!(identity("nobody-knows", None), None);
        assert_eq!(identity("-1", None), None);
        assert_eq!(identity("4294967295", None), None);
        assert_eq!(identity("hytale", Some("4294967295")), None);
    }
}
