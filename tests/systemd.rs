//! The example unit under a real systemd, changed by drop-ins alone, as an operator would.

use hytale_emulator::Options;

use super::support::credentials::{Fields, KEY};
use super::support::systemd::{Machine, commands};
use super::support::{DEADLINE, World, account, until};

const BROKER_TOKEN: &str = "let-me-in";

/// A machine whose unit asks a broker that wants a token, which is a credential of the unit.
fn with_broker() -> Option<(World, Machine)> {
    let world = World::with(Options {
        broker_token: Some(BROKER_TOKEN.into()),
        ..Options::default()
    });
    let machine = Machine::boot(&world)?;
    machine.sh(&format!(
        "umask 077; mkdir /etc/hytale; echo {BROKER_TOKEN} >/etc/hytale/broker-token"
    ));
    machine.edit(&format!(
        "Environment=HYTALE_SESSION_TOKEN_BROKER_URL={}",
        world.emulator.broker_url()
    ));
    machine.edit("LoadCredential=hytale.broker-token:/etc/hytale/broker-token");
    Some((world, machine))
}

/// Puts a shell script in the server's place; it says that it is `up`, and is ready when something is written to its gate.
fn with_gate(machine: &Machine) {
    machine.sh("cd /srv/hytale/Server
        mkfifo -m 0666 gate
        echo 'echo up; read x <gate; echo \"Hytale Server Booted!\"; exec sleep 300' >start.sh");
    machine.edit("ExecStart=\nExecStart=/usr/local/bin/hytale-entrypoint run -- sh start.sh");
}

#[test]
fn the_commands_at_the_head_of_the_unit_lead_to_a_server_with_a_session() {
    let world = World::with(account::quick());
    let Some(machine) = Machine::boot(&world) else {
        return;
    };
    let [_, _, login, enable] = &commands()[..] else {
        panic!("{:?}", commands());
    };
    let login = machine.start_sh(login);
    assert!(world.emulator.approve(&world.user_code()));
    login.wait().code(0);
    machine.sh(enable);
    assert_eq!(machine.property("ActiveState"), "active");
    assert_eq!(world.emulator.live(), 1);
    assert_eq!(machine.sh("hytale-entrypoint health").lines().count(), 1);
}

#[test]
fn a_login_is_encrypted_under_the_units_key_at_the_next_start() {
    let world = World::with(account::quick());
    let Some(machine) = Machine::boot(&world) else {
        return;
    };
    let login = machine.start_sh(&commands()[2]);
    assert!(world.emulator.approve(&world.user_code()));
    login.wait().code(0);
    machine.sh(&format!(
        "umask 077; mkdir /etc/hytale; echo {KEY} >/etc/hytale/auth-key"
    ));
    machine.edit("LoadCredential=hytale.auth-key:/etc/hytale/auth-key");
    machine.sh("systemctl start hytale");
    let kept = machine.try_sh("cat /var/lib/hytale-entrypoint/auth.enc");
    assert!(Fields::open(&kept.stdout, KEY).is_some(), "{kept:?}");
}

#[test]
fn the_unit_is_active_when_the_server_is_ready_and_says_what_it_waits_for() {
    let Some((_world, machine)) = with_broker() else {
        return;
    };
    with_gate(&machine);
    let journal = machine.journal();
    machine.sh("systemctl start --no-block hytale");
    journal.line("up");
    assert_eq!(machine.property("ActiveState"), "activating");
    let waiting = machine.property("StatusText");
    assert!(!waiting.is_empty());
    machine.sh("echo >/srv/hytale/Server/gate; systemctl start hytale");
    assert_eq!(machine.property("ActiveState"), "active");
    let ready = machine.property("StatusText");
    assert_ne!(ready, waiting);
    let status = machine.sh("systemctl status --no-pager hytale");
    assert!(status.contains(&format!("Status: \"{ready}\"")), "{status}");
}

#[test]
fn systemctl_stop_saves_the_world_and_frees_the_slot() {
    let Some((world, machine)) = with_broker() else {
        return;
    };
    machine.sh("systemctl start hytale");
    assert_eq!(world.emulator.live(), 1);
    machine.sh("systemctl stop hytale");
    assert!(
        machine
            .sh("cat /srv/hytale/save")
            .ends_with("world saved\n")
    );
    assert_eq!(world.emulator.live(), 0);
    assert_eq!(machine.property("ActiveState"), "inactive");
    assert_eq!(machine.property("Result"), "success");
    assert_eq!(machine.sh("ls /var/lib/hytale-entrypoint/leases"), "");
}

#[test]
fn a_save_that_takes_longer_than_the_units_timeout_is_not_cut_short() {
    let Some((_world, machine)) = with_broker() else {
        return;
    };
    machine.edit("TimeoutStopSec=2\nEnvironment=HYTALE_STAND_IN_SAVE=8000");
    machine.sh("systemctl start hytale");
    machine.sh("systemctl stop hytale");
    assert!(
        machine
            .sh("cat /srv/hytale/save")
            .ends_with("world saved\n")
    );
    assert_eq!(machine.property("Result"), "success");
}

#[test]
fn the_server_hears_of_no_credential_of_the_unit() {
    let Some((_world, machine)) = with_broker() else {
        return;
    };
    machine.edit("Environment=HYTALE_STAND_IN_REPORT=/srv/hytale/report");
    machine.sh("systemctl start hytale");
    let report = machine.sh("cat /srv/hytale/report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    let names: Vec<&str> = report["environment"]
        .as_array()
        .expect("it is a list")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert!(names.contains(&"HYTALE_STAND_IN_REPORT"), "{names:?}");
    for name in ["CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        assert!(!names.contains(&name), "{names:?}");
    }
}

#[test]
fn a_killed_entrypoint_is_restarted_and_its_slot_is_freed() {
    let Some((world, machine)) = with_broker() else {
        return;
    };
    machine.edit("RestartSec=0");
    machine.sh("systemctl start hytale");
    let journal = machine.journal();
    machine.sh("systemctl kill --kill-who=main --signal=KILL hytale");
    journal.lines("Hytale Server Booted!", 2);
    journal.line("freed a session that a killed process had left");
    assert_eq!(machine.property("NRestarts"), "1");
    assert_eq!((world.emulator.live(), world.releases()), (1, 1));
}

#[test]
fn what_a_restart_cannot_cure_is_not_restarted() {
    let Some((_world, machine)) = with_broker() else {
        return;
    };
    let start = |code: &str| {
        let started = machine.try_sh("systemctl start hytale");
        assert!(!started.status.success(), "{started:?}");
        assert_eq!(machine.property("ExecMainStatus"), code);
        machine.property("SubState")
    };
    machine.sh("echo wrong >/etc/hytale/broker-token");
    assert_eq!(start("77"), "failed");
    machine.edit("Environment=HYTALE_SESSION_TOKEN_BROKER_URL=");
    assert_eq!(start("78"), "failed");
    // Nobody listens there; that may change.
    machine.edit("Environment=HYTALE_SESSION_TOKEN_BROKER_URL=http://127.0.0.1:1 HYTALE_ENTRYPOINT_TOKEN_TIMEOUT=1");
    assert_eq!(start("69"), "auto-restart");
}

#[test]
fn the_watchdog_stops_an_entrypoint_that_hangs_with_a_save_and_restarts_it() {
    let Some((world, machine)) = with_broker() else {
        return;
    };
    machine.edit("RestartSec=0\nWatchdogSec=3");
    machine.sh("systemctl start hytale");
    let fed = || machine.property("WatchdogTimestampMonotonic");
    let first = fed();
    until("a sign of life after the first one", || fed() != first);
    let journal = machine.journal();
    machine.sh("systemctl kill --kill-who=main --signal=STOP hytale");
    journal.line("Watchdog timeout");
    journal.line("world saved");
    journal.lines("Hytale Server Booted!", 2);
    let freed = world.emulator.wait_for(|view| view.live() == 1, DEADLINE);
    assert!(freed, "{} slots in use", world.emulator.live());
    assert_eq!(machine.property("NRestarts"), "1");
}
