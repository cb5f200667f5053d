//! `login` before a person: a code for the phone, a countdown, a question about the profile, and Ctrl-C.

use nix::sys::signal::Signal::{self, SIGINT, SIGTERM};
use qrcode::{Color, QrCode};

use crate::support::terminal::Closed;
use crate::support::{Terminal, World};

const WAITING: &str = "Waiting for you: ";
const QUESTION: &str = "Which one (number, name or UUID)? ";
const RUN: &str = "Next: hytale-entrypoint run -- --assets ../Assets.zip";
const SELECT: &str =
    "Next: hytale-entrypoint select NAME, with the name of one of the account's profiles";

/// A login that shows its countdown.
#[track_caller]
fn waiting(world: &World) -> Terminal {
    let login = Terminal::start(world.account("login"));
    login.shows(WAITING);
    login
}

/// A login that the person has agreed to, and that asks for the profile.
#[track_caller]
fn asking(world: &World) -> Terminal {
    let login = waiting(world);
    assert!(world.emulator.approve(&world.user_code()));
    login.shows(QUESTION);
    login
}

/// What a scanner sees of the picture: whether it is dark, row by row. A block is what a terminal draws light.
fn modules(picture: &[&str]) -> Vec<Vec<bool>> {
    picture
        .iter()
        .flat_map(|line| {
            let row = |light: [char; 2]| line.chars().map(|c| !light.contains(&c)).collect();
            [row(['█', '▀']), row(['█', '▄'])]
        })
        .collect()
}

#[test]
fn the_whole_address_is_shown_as_a_code_to_scan() {
    let world = World::of(["alpha"]);
    let login = waiting(&world);
    let code = world.user_code();
    assert!(world.emulator.approve(&code));
    let closed = login.wait();
    closed.code(0).ends_with(&["Profile: alpha", RUN]);

    let lines: Vec<_> = closed.text.split("\r\n").collect();
    let height = lines.iter().position(|line| line.starts_with("Open this"));
    let seen = modules(&lines[..height.expect("the address follows")]);
    let address = format!("{}/device?user_code={code}", world.emulator.url());
    assert!(closed.text.contains(&format!("{address}\r\n")));
    let meant = QrCode::new(&address).expect("an address fits");
    // Scanners want four light modules around it.
    let (width, margin) = (meant.width(), 4);
    for y in 0..width + 2 * margin {
        for x in 0..width + 2 * margin {
            let inside = |n| (margin..margin + width).contains(&n);
            let dark = inside(x) && inside(y) && meant[(x - margin, y - margin)] == Color::Dark;
            assert_eq!(seen[y][x], dark, "at {x}, {y} of\n{}", closed.text);
        }
    }
}

#[test]
fn it_counts_down_on_one_line_and_takes_that_away_at_the_end() {
    let world = World::of(["alpha"]);
    let login = waiting(&world);
    login.shows_different(WAITING, " left", 3);
    assert!(world.emulator.approve(&world.user_code()));
    let closed = login.wait();
    closed.code(0).left_the_terminal_as_it_was();
    let (_, after) = closed.text.rsplit_once(WAITING).expect("it was shown");
    let (countdown, said) = after.split_once("\r\x1b[K").expect("it is taken away");
    assert!(!countdown.contains('\n'), "{countdown:?}");
    assert!(said.starts_with("Logged in. "), "{said:?}");
}

#[test]
fn a_profile_can_be_chosen_by_its_number_its_name_and_its_uuid() {
    let world = World::of(["alpha", "beta"]);
    let beta = world.emulator.accounts()[0].profiles[1].uuid.clone();
    for answer in ["2", "beta", &beta, &beta.to_uppercase(), "  beta "] {
        let login = asking(&world);
        login.press(&format!("{answer}\r"));
        login
            .wait()
            .code(0)
            .ends_with(&["Profile: beta", RUN])
            .left_the_terminal_as_it_was();
        world.run_with_file().sh("exit 0").finish().code(0);
        let sessions = world.emulator.sessions();
        assert_eq!(sessions[sessions.len() - 1].username, "beta", "{answer}");
        world.account("select").arg("alpha").finish().code(0);
    }
}

#[test]
fn an_answer_that_is_none_of_them_is_asked_for_again() {
    let world = World::of(["alpha", "beta"]);
    let login = asking(&world);
    let answers = ["3", "0", "-1", "gamma", "", "Alpha"];
    for (n, answer) in answers.iter().enumerate() {
        login.press(&format!("{answer}\r"));
        login.shows_times("That is none of them.\r\n", n + 1);
        login.shows_times(QUESTION, n + 2);
    }
    login.press("1\r");
    login.wait().code(0).ends_with(&["Profile: alpha", RUN]);
}

#[test]
fn an_end_of_input_leaves_none_selected_and_the_login_valid() {
    let world = World::of(["alpha", "beta"]);
    let login = asking(&world);
    login.press("\x04");
    login
        .wait()
        .code(0)
        .ends_with(&[SELECT])
        .left_the_terminal_as_it_was();
    world.run_with_file().sh("exit 0").finish().code(78);
    world.account("select").arg("beta").finish().code(0);
    world.run_with_file().sh("exit 5").finish().code(5);
}

#[test]
fn without_an_input_to_answer_with_nobody_is_asked() {
    let world = World::of(["alpha", "beta"]);
    let login = Terminal::start_without_input(world.account("login"));
    login.shows(WAITING);
    assert!(world.emulator.approve(&world.user_code()));
    let closed = login.wait();
    closed.code(0).ends_with(&[SELECT]);
    assert!(!closed.text.contains(QUESTION), "{}", closed.text);
}

#[track_caller]
fn was_ended_by(closed: &Closed, signal: Signal) {
    closed
        .code(128 + signal as i32)
        .left_the_terminal_as_it_was();
    // The kernel shows the key whenever it gets to it, our words among it.
    let text = closed.text.replace("^C", "");
    let error = format!("hytale-entrypoint: error: interrupted by {signal}\r\n");
    let (before, _) = text.split_once(&error).expect("it says so");
    // Not behind the countdown or the question, where it would be overlooked.
    assert!(
        before.ends_with('\n') || before.ends_with("\r\x1b[K"),
        "{:?}",
        closed.text
    );
}

#[test]
fn ctrl_c_ends_the_wait_with_130_and_nothing_stored() {
    let world = World::of(["alpha"]);
    let login = waiting(&world);
    login.press("\x03");
    was_ended_by(&login.wait(), SIGINT);
    assert!(!world.auth_file().exists());
}

#[test]
fn ctrl_c_at_the_question_leaves_the_login_valid() {
    let world = World::of(["alpha", "beta"]);
    let login = asking(&world);
    login.press("\x03");
    was_ended_by(&login.wait(), SIGINT);
    world.account("select").arg("beta").finish().code(0);
    world.run_with_file().sh("exit 5").finish().code(5);
}

#[test]
fn sigterm_ends_it_with_143_on_a_terminal_too() {
    let world = World::of(["alpha"]);
    let login = waiting(&world);
    login.signal(SIGTERM);
    was_ended_by(&login.wait(), SIGTERM);
    assert!(!world.auth_file().exists());
}
