//! Several profiles, or several credential files, are a pool: every start begins one further, and where one is refused
//! the next is tried.

use hytale_emulator::{Account, Fault, Mint, Options, Profile, Slots};

use crate::support::World;
use crate::support::credentials::{KEY, PROFILES};
use crate::support::world::Start;

fn accounts(accounts: impl IntoIterator<Item = Account>) -> World {
    World::with(Options {
        accounts: accounts.into_iter().collect(),
        ..Options::default()
    })
}

fn uuid(profile: &str) -> String {
    Profile::named(profile).uuid
}

/// The profiles that sessions were asked for, by name, in order.
fn minted(world: &World, names: &[&str]) -> Vec<String> {
    let mints = world.emulator.requests().into_iter();
    mints
        .filter(|request| request.path == "/game-session/new")
        .map(|request| {
            let named = |name: &&&str| request.body.contains(&uuid(name));
            let name = names.iter().find(named).unwrap_or(&"a stranger");
            (*name).to_owned()
        })
        .collect()
}

#[test]
fn the_profiles_of_a_pool_take_turns_from_start_to_start() {
    let names = ["north", "south", "east"];
    let world = accounts([Account::named("default").with_profiles(names)]);
    world.store(&world.login());
    let list = names.map(uuid).join(",");
    for _ in 0..4 {
        let start = world.run_with_store().args(["--profile", &list]);
        start.sh("exit 0").finish().code(0);
    }
    let turns = ["north", "south", "east", "north"];
    assert_eq!(minted(&world, &names), turns);
    world.assert_nothing_left();
}

#[test]
fn selected_profiles_are_a_pool_and_an_option_wins_over_them() {
    let names = ["north", "south"];
    let world = accounts([Account::named("default").with_profiles(names)]);
    let selected = names.map(uuid).join(",");
    let fields = world.login().with("ProfileUuid", &uuid("north"));
    world.store(&fields.with("EntrypointProfileUuids", &selected));
    world.runs();
    world.runs();
    let start = world.run_with_store().args(["--profile", &uuid("north")]);
    start.sh("exit 0").finish().code(0);
    assert_eq!(minted(&world, &names), ["north", "south", "north"]);
    assert_eq!(world.count(PROFILES), 0);
}

#[test]
fn a_profile_that_is_refused_makes_room_for_the_next_of_its_pool() {
    let names = ["north", "south"];
    let world = accounts([Account::named("default").with_profiles(names)]);
    world.store(&world.login());
    let start = |list: &[&str]| {
        let list: Vec<_> = list.iter().map(|name| uuid(name)).collect();
        let start = world.run_with_store();
        start.args(["--profile", &list.join(",")]).sh("exit 3")
    };
    // One that the account does not have, in each of the two turns.
    start(&["gone", "south"]).finish().code(3);
    start(&["north", "gone"]).finish().code(3);
    world
        .emulator
        .fault(Fault::on("/game-session/new").status(403));
    start(&["north", "south"]).finish().code(3);
    let asked = [
        "a stranger",
        "south",
        "a stranger",
        "north",
        "north",
        "south",
    ];
    assert_eq!(minted(&world, &names), asked);
    world.assert_nothing_left();
}

/// Two accounts, each with its file.
fn two_files(accounts: [Account; 2]) -> (World, impl Fn(&World) -> Start) {
    let names = accounts.each_ref().map(|account| account.name.clone());
    let world = self::accounts(accounts);
    for name in &names {
        world.write(&format!("{name}.enc"), world.login_of(name).seal(KEY));
    }
    let start = move |world: &World| {
        let files = names
            .each_ref()
            .map(|name| world.path(&format!("{name}.enc")));
        let list = files.map(|path| path.display().to_string()).join(",");
        world
            .run_for_store()
            .env("HYTALE_ENTRYPOINT_AUTH_FILE", list)
            .env("HYTALE_AUTH_KEY", KEY)
            .sh("exit 3")
    };
    (world, start)
}

#[test]
fn several_files_take_turns_from_start_to_start() {
    let (world, start) = two_files(["a", "b"].map(Account::named));
    for _ in 0..3 {
        start(&world).finish().code(3);
    }
    assert_eq!(minted(&world, &["a", "b"]), ["a", "b", "a"]);
    world.assert_nothing_left();
}

#[test]
fn an_account_without_a_free_slot_makes_room_for_the_next_file() {
    let full = Account::named("full").with_slots(Slots::Limit(1));
    let (world, start) = two_files([full, Account::named("free")]);
    let _taken = world.emulator.mint(&Mint {
        account: Some("full".to_owned()),
        ..Mint::default()
    });
    start(&world).finish().code(3);
    start(&world).finish().code(3);
    assert_eq!(minted(&world, &["full", "free"]), ["full", "free", "free"]);
    assert_eq!(world.emulator.live_of("free"), 0);
}

#[test]
fn a_file_that_cannot_be_read_makes_room_for_the_next() {
    let (world, start) = two_files(["a", "b"].map(Account::named));
    world.write("a.enc", "");
    start(&world).finish().code(3);
    start(&world).finish().code(3);
    assert_eq!(minted(&world, &["a", "b"]), ["b", "b"]);
}

#[test]
fn when_no_file_yields_tokens_the_failure_that_passes_is_the_one_that_counts() {
    let full = Account::named("full").with_slots(Slots::Limit(1));
    let (world, start) = two_files([Account::named("gone"), full]);
    world.emulator.revoke("gone");
    let _taken = world.emulator.mint(&Mint {
        account: Some("full".to_owned()),
        ..Mint::default()
    });
    let finished = start(&world).finish();
    finished
        .code(75)
        .says("error: no session tokens: file: no session slot is free: session limit reached");
    assert!(
        finished.stderr.contains("the login has ended"),
        "{finished}"
    );
}
