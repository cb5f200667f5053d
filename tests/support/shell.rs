//! A person at a shell with job control, on a terminal: the entrypoint is one of the shell's jobs.

use std::cell::Cell;
use std::ffi::OsStr;
use std::process::Command;

use nix::unistd::Pid;

use super::terminal::Closed;
use super::world::Start;
use super::{Terminal, World, not_tried, processes};

/// The shells that are tried, and their settings: nothing of this machine's, and no line editor, which would set up
/// the terminal for itself.
const SHELLS: [&[&str]; 2] = [
    &["bash", "--norc", "--noprofile", "--noediting", "-i"],
    &["sh", "-i"],
];

const PROMPT: &str = "<what now?> ";

pub struct Shell {
    pub terminal: Terminal,
    pub name: &'static str,
    prompts: Cell<usize>,
}

impl Shell {
    /// Each shell that this machine has, at its first prompt. Typing `./it` starts the entrypoint.
    #[track_caller]
    pub fn each(world: &World, start: impl Fn() -> Start) -> Vec<Self> {
        let mut shells = Vec::new();
        for words in SHELLS {
            let (name, arguments) = (words[0], &words[1..]);
            let tried = Command::new(name).args(["-c", "exit"]).status();
            if tried.is_ok_and(|status| status.success()) {
                shells.push(Self::new(world, start(), name, arguments));
            } else {
                not_tried(&format!("a terminal with {name}(1)"));
            }
        }
        shells
    }

    fn new(world: &World, mut start: Start, name: &'static str, arguments: &[&str]) -> Self {
        let command = start.command();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let quoted: Vec<_> = words.map(quoted).collect();
        world.program("it", format!("#!/bin/sh\nexec {}\n", quoted.join(" ")));
        let mut shell = Command::new(name);
        shell.args(arguments);
        super::leases::in_the_place_of(command, &mut shell);
        *command = shell;
        let shell = Self {
            terminal: Terminal::start(start.env("PS1", PROMPT).env("PS2", "")),
            name,
            prompts: Cell::new(0),
        };
        shell.prompt();
        shell
    }

    /// Types a line, whatever it starts.
    pub fn types(&self, line: &str) {
        self.terminal.press(&format!("{line}\n"));
    }

    /// Waits for the next prompt: the shell has the terminal again.
    #[track_caller]
    pub fn prompt(&self) {
        self.prompts.set(self.prompts.get() + 1);
        self.terminal.shows_times(PROMPT, self.prompts.get());
        assert_eq!(
            self.terminal.foreground(),
            Some(self.terminal.pid()),
            "{}:\n{}",
            self.name,
            self.terminal.text()
        );
    }

    /// Waits until a job has the foreground, and the shell has no more to do for that: it waits.
    #[track_caller]
    pub fn gives_the_terminal_away(&self) {
        let shell = self.terminal.pid();
        super::until("a job has the foreground", || {
            self.terminal.foreground() != Some(shell)
                && processes::stat(shell).is_some_and(|stat| stat.state == 'S')
        });
    }

    /// Has the shell do something that does not last.
    #[track_caller]
    pub fn does(&self, line: &str) {
        self.types(line);
        self.prompt();
    }

    /// The code of what ended last.
    #[track_caller]
    pub fn code(&self, code: i32) {
        self.does("echo \"code=$?.\"");
        self.terminal.shows(&format!("code={code}."));
    }

    /// Waits until a job's entrypoint and server are stopped, or neither is.
    #[track_caller]
    pub fn until_stopped(&self, (entrypoint, server): (Pid, Pid), stopped: bool) {
        let is_stopped = |pid| processes::stat(pid).is_some_and(|stat| stat.state == 'T');
        let what = if stopped { "stopped" } else { "running" };
        super::until(&format!("both are {what}"), || {
            [entrypoint, server].map(is_stopped) == [stopped; 2]
        });
    }

    /// Leaves the shell, when all jobs are done.
    #[track_caller]
    pub fn leave(self) -> Closed {
        self.types("exit 0");
        let closed = self.terminal.wait();
        closed.code(0);
        closed
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_str().expect("tests write UTF-8");
    format!("'{}'", word.replace('\'', r"'\''"))
}
