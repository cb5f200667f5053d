//! Many wrappers at once, on one state folder: all start where they can, none leaks, and nobody is pestered.

use hytale_emulator::{Account, Fault, Options, Slots};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::World;
use crate::support::conditions::long;
use crate::support::crowd::Member;
use crate::support::say;
use crate::support::servers::UP;

const MINT: &str = "/v1/game-session";
const UPSTREAM: &str = "/game-session/new";

fn with_slots(slots: Slots) -> World {
    World::with(Options {
        accounts: vec![Account::named("a").with_slots(slots)],
        ..Options::default()
    })
}

/// Stops all at once, and waits for their ends.
#[track_caller]
fn stop(members: Vec<Member>) {
    members.iter().for_each(|member| member.signal(SIGTERM));
    for member in members {
        let ended = member.wait();
        assert_eq!(ended.status.code(), Some(143), "{}", ended.log);
        assert!(!ended.log.contains("warning"), "{}", ended.log);
    }
}

/// How many requests for a session came in each second, as a picture.
fn histogram(world: &World) -> String {
    let mut seconds = Vec::<usize>::new();
    for request in world.emulator.requests() {
        let second = usize::try_from(request.at_ms / 1000).expect("it is soon");
        if request.path == MINT {
            seconds.resize(seconds.len().max(second + 1), 0);
            seconds[second] += 1;
        }
    }
    let most = seconds.iter().copied().max().unwrap_or(1).max(1);
    let line = |(second, &count): (usize, &usize)| {
        let bar = "#".repeat((count * 50).div_ceil(most));
        format!("  second {second:2}: {count:4} {bar}\n")
    };
    seconds.iter().enumerate().map(line).collect()
}

#[test]
fn all_start_and_none_leaks_when_one_answer_in_three_is_a_fault() {
    let count = if long() { 200 } else { 40 };
    let world = with_slots(Slots::Unlimited);
    // A ninth each, of those that the others leave: a third in all.
    for (fault, chance) in [
        (Fault::on(MINT).status(503), 1.0 / 9.0),
        (Fault::on(MINT).drop_before(), 1.0 / 8.0),
        (Fault::on(UPSTREAM).status(502), 1.0 / 7.0),
    ] {
        world.emulator.fault(fault.chance(chance, 4));
    }
    let start = || world.run_with_broker().sh(UP);
    let mut members = Member::start_many(&world, count, start);
    for member in &mut members {
        assert!(member.is_up(), "it did not start");
    }
    assert_eq!(
        (world.emulator.live(), world.leases().len()),
        (count, count)
    );
    let asked = world.emulator.count("POST", MINT);
    world.emulator.clear_faults();
    stop(members);
    world.assert_nothing_left();
    say(&format!(
        "herd of {count}, one answer in three a fault: {asked} requests for {count} sessions\n{}",
        histogram(&world)
    ));
    // One and a half for each is what chance makes of it.
    assert!(asked <= count * 2, "{asked} requests");
    assert!(asked > count, "no fault has struck");
}

#[test]
fn an_account_of_so_many_slots_takes_so_many_and_the_others_end_with_75_until_there_is_room() {
    let (slots, count) = if long() { (100, 150) } else { (20, 30) };
    let world = with_slots(Slots::Limit(slots));
    let start = || world.run_with_broker().sh(UP);
    let (mut running, mut refused) = (Vec::new(), 0);
    for mut member in Member::start_many(&world, count, start) {
        if member.is_up() {
            running.push(member);
            continue;
        }
        let ended = member.wait();
        assert_eq!(ended.status.code(), Some(75), "{}", ended.log);
        assert!(
            ended.log.contains(
                "error: no session tokens: broker: no session slot is free: create session status 403: "
            ),
            "{}",
            ended.log
        );
        refused += 1;
    }
    assert_eq!((running.len(), refused), (slots, count - slots));
    assert_eq!(
        (world.emulator.live(), world.leases().len()),
        (slots, slots)
    );
    // Each was asked for once more, since there could have been leftovers, and not more often.
    assert_eq!(world.emulator.count("POST", MINT), slots + 2 * refused);

    stop(running.split_off(slots - refused));
    let mut restarted = Member::start_many(&world, refused, start);
    for member in &mut restarted {
        assert!(member.is_up(), "there is room, and it did not start");
    }
    assert_eq!(world.emulator.live(), slots);
    stop(running);
    stop(restarted);
    world.assert_nothing_left();
    say(&format!(
        "{count} on {slots} slots: {slots} run, {refused} end with 75, and run when there is room"
    ));
}
