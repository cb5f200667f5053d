//! `/etc/passwd` and `/etc/group`, with anything in them: between NULs the user, the group, and the two files. Nobody
//! becomes the number that the kernel takes for "as before", or root by a broken line.

#![no_main]

use entrypoint::config::server::UserName;
use entrypoint::server::user::look_up;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(4, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (user, group, passwd, groups) = (next(), next(), next(), next());
    let wanted = UserName {
        user: user.to_owned(),
        group: (!group.is_empty()).then(|| group.to_owned()),
    };
    let Ok(found) = look_up(&wanted, passwd, groups) else {
        return;
    };
    let (uid, gid) = (found.identity.uid.as_raw(), found.identity.gid.as_raw());
    assert!(uid != u32::MAX && gid != u32::MAX);
    assert!(found.identity.groups.iter().any(|g| g.as_raw() == gid));
    assert!(found.identity.groups.iter().all(|g| g.as_raw() != u32::MAX));
    if uid == 0 {
        let says_root = |line: &str| {
            line.split(':')
                .nth(2)
                .is_some_and(|uid| uid.parse() == Ok(0u32))
        };
        assert!(user.parse() == Ok(0u32) || passwd.lines().any(says_root));
    }
});
