//! The life of a container: PID 1, `docker stop`, `docker kill`, Ctrl-C, the kernel's OOM killer. The image is the one that the
//! Dockerfile makes; the server in it is the stand-in, on the image's own Java.

use hytale_emulator::Ended;

use crate::support::containers::{BOOTED, Yard};
use crate::support::credentials::KEY;
use crate::support::{World, quick, until};

#[test]
fn the_wrapper_is_pid_1_and_the_servers_jvm_its_only_child() {
    let Some(yard) = Yard::open() else { return };
    let server = yard.container_with_broker().spawn();
    server.line(BOOTED);
    assert_eq!(server.sh("cat /proc/1/comm"), "hytale-entrypoi");
    let child = server.sh("cat /proc/1/task/1/children");
    assert_eq!(server.sh(&format!("cat /proc/{child}/comm")), "java");
    assert_eq!(server.sh("id -u; id -g"), "1000\n1000");
    server.is_told("stop");
    server.wait().code(143).says("session released");
    yard.world.assert_nothing_left();
}

#[test]
fn docker_stop_leaves_time_for_a_slow_save() {
    let Some(yard) = Yard::open() else { return };
    let server = yard
        .container_with_broker()
        .env("HYTALE_STAND_IN_SAVE", "6000")
        .spawn();
    server.line(BOOTED);
    server.is_told("stop");
    let finished = server.wait();
    finished.code(143).says("session released");
    assert!(finished.stdout.contains("world saved"), "{finished}");
    assert!(
        finished.stdout.contains("Shutdown completed!"),
        "{finished}"
    );
    yard.world.assert_nothing_left();
}

#[test]
fn a_save_that_docker_does_not_wait_for_costs_no_slot() {
    let Some(yard) = Yard::open() else { return };
    let server = yard
        .container_with_broker()
        .env("HYTALE_STAND_IN_SAVE", "600000")
        .spawn();
    server.line(BOOTED);
    server.is_told("stop");
    let finished = server.wait();
    finished.code(137).says("session released");
    assert!(!finished.stdout.contains("world saved"), "{finished}");
    yard.world.assert_nothing_left();
}

#[test]
fn the_slot_of_a_killed_container_is_freed_when_it_starts_again() {
    let Some(yard) = Yard::open() else { return };
    let name = yard.container_with_broker().detach();
    until("it has booted", || {
        yard.asked(["logs", &name]).contains(BOOTED)
    });
    yard.asked(["kill", &name]);
    yard.until_inspected(&name, ".State.Status", "exited");
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "137");
    assert_eq!(yard.world.emulator.live(), 1, "nobody could free it");
    yard.asked(["start", &name]);
    yard.world.until_freed(1);
    yard.asked(["stop", &name]);
    assert_eq!(yard.inspect(&name, ".State.ExitCode"), "143");
    yard.world.assert_nothing_left();
}

#[test]
fn the_slot_of_a_killed_container_is_freed_by_another_one_with_the_same_volume() {
    let Some(yard) = Yard::open() else { return };
    let killed = yard.container_with_broker().spawn();
    killed.line(BOOTED);
    killed.is_told("kill");
    killed.wait().code(137);
    let next = yard.container_with_broker().spawn();
    next.line(BOOTED);
    yard.world.until_freed(1);
    assert_eq!(yard.world.session(2).ended, Ended::Live);
    next.is_told("stop");
    next.wait().code(143);
    yard.world.assert_nothing_left();
}

#[test]
fn ctrl_c_before_a_docker_run_stops_the_server_once() {
    let Some(yard) = Yard::open() else { return };
    let terminal = yard.container_with_broker().on_a_terminal();
    terminal.shows(BOOTED);
    terminal.press("/auth status\r");
    terminal.shows("Authenticated as default");
    terminal.press("\u{3}");
    let closed = terminal.wait();
    closed.code(130).left_the_terminal_as_it_was();
    assert_eq!(closed.text.matches("Shutdown triggered!!!").count(), 1);
    assert_eq!(closed.text.matches("Shutdown completed!").count(), 1);
    yard.world.assert_nothing_left();
}

#[test]
fn orphans_in_a_container_are_reaped() {
    let Some(yard) = Yard::open() else { return };
    let server = yard
        .container_with_broker()
        .sh("for n in 1 2 3 4 5 6 7 8 9; do ( ( exit $n ) & ); done; echo server=$$; exec sleep 300")
        .spawn();
    let pid = server.process("server").to_string();
    until("only the server is left", || {
        server.sh("cat /proc/1/task/1/children") == pid
    });
    server.is_told("stop");
    server.wait().code(143);
    yard.world.assert_nothing_left();
}

#[test]
fn the_slot_of_a_server_that_takes_more_memory_than_it_may_is_freed_at_once() {
    let Some(yard) = Yard::open() else { return };
    let heap = ["-Xms512m", "-Xmx512m", "-XX:+AlwaysPreTouch"];
    let server = yard
        .container_with_broker()
        .options(["--memory", "200m", "--memory-swap", "200m"])
        .server(["java"])
        .server(heap)
        .server(["-jar", "HytaleServer.jar"])
        .spawn();
    let name = server.name().to_owned();
    server
        .wait()
        .code(137)
        .says("warning: out of memory: the kernel killed the server")
        .says("session released");
    assert_eq!(yard.inspect(&name, ".State.OOMKilled"), "true");
    yard.world.assert_nothing_left();
}

#[test]
fn the_engine_knows_when_the_server_is_ready() {
    let Some(yard) = Yard::open() else { return };
    let server = yard
        .container_with_broker()
        .options(["--health-interval", "1s"])
        .sh(&format!(
            "echo booting; until [ -e /tmp/go ]; do sleep 0.1; done; echo '{BOOTED}'; exec sleep 300"
        ))
        .spawn();
    server.line("booting");
    assert_eq!(
        server.health(),
        ("not ready: the server is starting".to_owned(), 1)
    );
    assert_eq!(server.inspect(".State.Health.Status"), "starting");
    server.sh("touch /tmp/go");
    yard.until_inspected(server.name(), ".State.Health.Status", "healthy");
    assert_eq!(server.health(), ("ready".to_owned(), 0));
    server.is_told("stop");
    server.wait().code(143);
    yard.world.assert_nothing_left();
}

#[test]
fn a_login_in_one_container_serves_the_next_ones() {
    let Some(yard) = Yard::with(|| World::with(quick())) else {
        return;
    };
    let (world, url) = (&yard.world, yard.world.emulator.url());
    let key = world.write("auth-key", KEY);
    world.set_mode("auth-key", 0o444);
    let container = || {
        yard.container()
            .options([
                "--volume",
                &format!("{}:/run/secrets/auth-key:ro", key.display()),
            ])
            .env("HYTALE_AUTH_KEY_FILE", "/run/secrets/auth-key")
            .env("HYTALE_ENTRYPOINT_OAUTH_URL", url)
            .env("HYTALE_ENTRYPOINT_ACCOUNT_DATA_URL", url)
    };
    let login = container()
        .options(["--entrypoint", "hytale-entrypoint"])
        .server(["login"])
        .spawn();
    assert!(world.emulator.approve(&world.user_code()));
    login.wait().code(0);

    for _ in 0..2 {
        let server = container().spawn();
        server.until_ready();
        server.is_told("stop");
        server.wait().code(143).says("session released");
    }
    world.assert_nothing_left();
}
