//! The keys of a credential file: every one that may open it is tried, and the one that comes first is the one that it
//! is under afterwards.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use hytale_emulator::Options;

use crate::support::credentials::{Fields, KEY, REFRESH, fixture};
use crate::support::machine::{hardware_id, has_namespaces, with_machine_id};
use crate::support::not_tried;
use crate::support::world::Start;
use crate::support::{DEADLINE, World};

/// Which of these opens `auth.enc`.
fn opened_by<'a>(world: &World, passphrases: &[&'a str]) -> Vec<&'a str> {
    let file = world.file();
    let opens = |passphrase: &&str| Fields::open(&file, passphrase).is_some();
    passphrases.iter().copied().filter(opens).collect()
}

#[test]
fn a_key_file_and_a_systemd_credential_are_trimmed() {
    let world = World::new();
    let key = world.write("key-file", "\t two words \n\n");
    world.write("hytale.auth-key", " two words\r\n");
    let folder = world.path("");
    let starts: [&dyn Fn(Start) -> Start; 3] = [
        &|start| start.arg("--auth-key-file").arg(&key),
        &|start| start.env("HYTALE_AUTH_KEY_FILE", &key),
        &|start| start.env("CREDENTIALS_DIRECTORY", &folder),
    ];
    for give in starts {
        world.write("auth.enc", world.login().expired().seal("two words"));
        give(world.run_with_store_alone())
            .sh("exit 0")
            .finish()
            .code(0)
            .never_says("two words");
        assert_eq!(opened_by(&world, &["two words"]), ["two words"]);
    }
}

#[test]
fn the_variable_is_taken_as_it_is() {
    let world = World::new();
    let with = |key: &str| {
        let start = world.run_with_store_alone().env("HYTALE_AUTH_KEY", key);
        start.sh("exit 0").finish()
    };
    world.write("auth.enc", world.login().expired().seal(" key\n"));
    with("key").code(78);
    with(" key").code(78);
    with(" key\n").code(0);
    assert_eq!(opened_by(&world, &["key", " key\n"]), [" key\n"]);
}

#[test]
fn a_key_beside_the_file_has_the_files_name_and_is_trimmed() {
    for (file, key) in [("auth.enc", "auth.key"), ("main.enc", "main.key")] {
        let world = World::new();
        let path = world.write(file, world.login().seal("beside"));
        world.write(key, "  beside\n");
        world
            .run_with_store_alone()
            .arg("--auth-file")
            .arg(&path)
            .sh("exit 0")
            .finish()
            .code(0);
    }
}

#[test]
fn another_key_that_opens_the_file_is_replaced_by_the_one_that_comes_first() {
    let keys = ["the file's", "the variable's", "beside"];
    // Under which it is, with which others, and under which it is then.
    let cases: [(&str, bool, bool, &str); 5] = [
        ("beside", true, false, "the file's"),
        ("beside", true, true, "the file's"),
        ("beside", false, true, "the variable's"),
        ("the variable's", true, true, "the file's"),
        ("the variable's", false, true, "the variable's"),
    ];
    for (before, with_file, with_variable, after) in cases {
        let world = World::new();
        let fields = world.login();
        world.write("auth.enc", fields.seal(before));
        let file = world.file();
        world.write("auth.key", "beside");
        let key = world.write("key-file", "the file's\n");
        let mut start = world.run_with_store_alone();
        if with_file {
            start = start.arg("--auth-key-file").arg(&key);
        }
        if with_variable {
            start = start.env("HYTALE_AUTH_KEY", "the variable's");
        }
        let finished = start.sh("exit 0").finish();
        finished.code(0);
        assert_eq!(opened_by(&world, &keys), [after]);
        assert_eq!(Fields::open(&world.file(), after), Some(fields));
        let name = match after {
            "the file's" => format!("the key file {}", key.display()),
            _ => "HYTALE_AUTH_KEY".to_owned(),
        };
        if before == after {
            assert_eq!(world.file(), file);
            finished.never_says("is encrypted with");
        } else {
            finished.says(&format!(
                "{} is encrypted with {name} now",
                world.real_path()
            ));
        }
        // It was this one file and nothing else that was asked to change.
        assert_eq!(world.count(REFRESH), 0);
        assert_eq!(
            fs::read(world.path("auth.key")).expect("it is there"),
            b"beside"
        );
    }
}

/// A machine with a hardware id: the id, and what makes a start happen there.
type Machine = (String, Box<dyn Fn(Start) -> Start>);

fn machine_with_an_id(world: &World) -> Option<Machine> {
    if let Some(id) = hardware_id() {
        return Some((id, Box::new(|start| start)));
    }
    if !has_namespaces() || !Path::new("/etc/machine-id").exists() {
        not_tried("the hardware id as a key: this machine has none, and lets nobody give it one");
        return None;
    }
    let id = world.write("machine-id", "0123456789abcdef0123456789abcdef\n");
    let mount = with_machine_id(&id);
    let path = std::env::var("PATH").expect("there is a PATH");
    Some((
        "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        Box::new(move |start| start.in_namespace(&mount, &path)),
    ))
}

/// What makes a start happen on a machine without a hardware id; it finds no other program there either.
fn machine_without_an_id(world: &World) -> Option<impl Fn(Start) -> Start> {
    if !has_namespaces() {
        not_tried("a machine without a hardware id: that takes root and mount namespaces");
        return None;
    }
    let mount = with_machine_id(&world.write("no-id", ""));
    Some(move |start: Start| start.in_namespace(&mount, "/nowhere"))
}

fn exit_0(start: Start) -> Start {
    start.args(["--", "/bin/sh", "-c", "exit 0"])
}

#[test]
fn the_hardware_id_opens_what_the_server_wrote_on_this_machine() {
    let world = World::new();
    let Some((id, there)) = machine_with_an_id(&world) else {
        return;
    };
    world.write("auth.enc", world.login().expired().seal(&id));
    there(exit_0(world.run_with_store_alone())).finish().code(0);
    assert_eq!(opened_by(&world, &[&id]), [&id]);
    // The hardware id comes before the key beside the file, and after the others.
    world.write("auth.enc", world.login().seal("beside"));
    world.write("auth.key", "beside");
    there(exit_0(world.run_with_store_alone())).finish().code(0);
    assert_eq!(opened_by(&world, &[&id, "beside"]), [&id]);
    there(exit_0(world.run_with_store())).finish().code(0);
    assert_eq!(opened_by(&world, &[&id, "beside", KEY]), [KEY]);
}

#[test]
fn the_hardware_id_of_a_machine_is_found_as_the_server_finds_it() {
    if !has_namespaces() || !Path::new("/etc/machine-id").exists() {
        return not_tried(
            "the hardware id of another machine: that takes root and mount namespaces",
        );
    }
    let world = World::new();
    let id = world.write("machine-id", "0123456789ABCDEF0123456789abcdef\n");
    let path = std::env::var("PATH").expect("there is a PATH");
    world.write("auth.enc", fixture("hardware.enc"));
    exit_0(world.run_with_store_alone())
        .in_namespace(&with_machine_id(&id), &path)
        .finish()
        .code(77)
        .says("error: no session tokens: file: the login has ended (invalid_grant)");
}

#[test]
fn without_a_hardware_id_the_key_beside_the_file_stays_in_use() {
    let world = World::new();
    let Some(there) = machine_without_an_id(&world) else {
        return;
    };
    let before = world.login().expired();
    world.write("auth.enc", before.seal("beside"));
    world.write("auth.key", "beside\n");
    there(exit_0(world.run_with_store_alone())).finish().code(0);
    let after = Fields::open(&world.file(), "beside").expect("it opens");
    assert_ne!(after.refresh(), before.refresh());
}

#[test]
fn without_any_key_the_message_says_so() {
    let world = World::new();
    let Some(there) = machine_without_an_id(&world) else {
        return;
    };
    world.store(&world.login());
    there(exit_0(world.run_with_store_alone()))
        .finish()
        .code(78)
        .says(&format!(
            "error: no session tokens: file: no key opens the credential file {}: tried none, there is none",
            world.real_path()
        ));
    assert!(!world.path("auth.key").exists());
}

#[test]
fn a_login_on_a_machine_without_any_key_makes_a_random_one() {
    let world = World::with(Options {
        device_interval: Duration::from_secs(1),
        ..Options::default()
    });
    let Some(there) = machine_without_an_id(&world) else {
        return;
    };
    let login = there(
        world
            .entrypoint()
            .arg("login")
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", world.emulator.url())
            .env("HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL", world.emulator.url())
            .arg("--auth-file")
            .arg(world.path("auth.enc")),
    );
    let login = login.spawn();
    let begun = world
        .emulator
        .wait_for(|view| !view.user_codes().is_empty(), DEADLINE);
    assert!(begun, "nobody logs in");
    assert!(world.emulator.approve(&world.emulator.user_codes()[0]));
    login.wait().code(0);
    let path = world.path("auth.key");
    let mode = fs::metadata(&path).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = fs::read_to_string(path).expect("it is there");
    assert!(key.len() >= 32, "a short key");
    let stored = Fields::open(&world.file(), &key).expect("it opens");
    assert!(stored.text("RefreshToken").is_some());
    there(exit_0(world.run_with_store_alone())).finish().code(0);
    assert_eq!(opened_by(&world, &[&key]), [&key]);
}

#[test]
fn a_key_beside_the_file_that_is_no_good_hinders_nobody_who_has_another() {
    let world = World::new();
    world.store(&world.login());
    world.write("auth.key", "");
    world.run_with_store().sh("exit 3").finish().code(3);
}
