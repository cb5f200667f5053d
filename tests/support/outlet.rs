//! An entrypoint whose standard output is whatever a test wants it to be, and the test's end of that. What it and
//! its server have to say otherwise goes to a file.

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use super::until;
use super::world::{Start, World};

/// What a standard output can be that somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pipe,
    /// As systemd's journal gives one.
    Socket,
    /// One that changes no byte. The output is watched there with `--until-ready` alone.
    Terminal,
}

/// The two ends of one: ours, and the entrypoint's.
pub fn ends(kind: Kind) -> (File, OwnedFd) {
    let ours = |fd: OwnedFd| File::from(fd);
    match kind {
        Kind::Pipe => {
            let (reader, writer) = pipe().expect("there are descriptors");
            (ours(reader.into()), writer.into())
        }
        Kind::Socket => {
            let (reader, writer) = UnixStream::pair().expect("there are descriptors");
            (ours(reader.into()), writer.into())
        }
        Kind::Terminal => {
            // Not by openpty(3): our end would be inherited, and so never be closed.
            let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let master = posix_openpt(flags).expect("there is a pseudoterminal");
            unlockpt(&master).expect("it is ours");
            let name = ptsname_r(&master).expect("it has a name");
            let theirs = File::options()
                .read(true)
                .write(true)
                .custom_flags(OFlag::O_NOCTTY.bits())
                .open(name)
                .expect("it is ours");
            let mut settings = tcgetattr(&theirs).expect("it has settings");
            cfmakeraw(&mut settings);
            tcsetattr(&theirs, SetArg::TCSANOW, &settings).expect("they can be set");
            (ours(master.into()), theirs.into())
        }
    }
}

/// Reads so many bytes, or as many as there are.
pub fn read_up_to(count: usize, from: File) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pseudoterminal that nobody has open any more is an error to its reader.
        let _ = from
            .take(u64::try_from(count).expect("it is small"))
            .read_to_end(&mut bytes);
        bytes
    })
}

/// Whether a description is in non-blocking mode, for everybody who shares it.
pub fn is_nonblocking(fd: impl AsFd) -> bool {
    let flags = fcntl(fd, FcntlArg::F_GETFL).expect("it is open");
    OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK)
}

/// Bytes of every value in an order that nobody guesses, without a line's end at the end.
pub fn noise(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    *bytes.last_mut().expect("it is long") = 0xff;
    bytes
}

/// Two texts that may be megabytes long are the same; else, where they part.
#[track_caller]
pub fn assert_same(arrived: &[u8], written: &[u8]) {
    if arrived != written {
        let same = arrived.iter().zip(written).take_while(|(a, b)| a == b);
        panic!(
            "{} bytes of {} arrived, and the first {} are right",
            arrived.len(),
            written.len(),
            same.count()
        );
    }
}

pub struct Outlet {
    child: Child,
    log: PathBuf,
}

impl Outlet {
    pub fn start(world: &World, mut start: Start, stdout: impl Into<Stdio>) -> Self {
        let log = world.path(&format!("{}.log", uuid::Uuid::new_v4()));
        let command = start.command();
        command.stdout(stdout);
        command.stderr(File::create(&log).expect("there is room"));
        let child = command.spawn().expect("it can be started");
        Self { child, log }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it is there");
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("it is there")).into_owned()
    }

    /// Waits until this stands in its log, or its server has written it to standard error.
    #[track_caller]
    pub fn says(&self, text: &str) {
        until(text, || self.log().contains(text));
    }

    /// The process that has told its number in a line such as `server=123`.
    #[track_caller]
    pub fn process(&self, name: &str) -> Pid {
        let start = format!("{name}=");
        let find = || {
            let log = self.log();
            let (_, rest) = log.rsplit_once(&start)?;
            rest.split_once('\n')?.0.parse().ok()
        };
        until(&start, || find().is_some());
        Pid::from_raw(find().expect("it has told"))
    }

    /// How much processor time it has used, in ticks: a hundredth of a second each.
    pub fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it lives");
        let (_, fields) = stat.rsplit_once(')').expect("it has a name");
        let fields = fields.split_whitespace().skip(11).take(2);
        fields.map(|n| n.parse::<u64>().expect("a number")).sum()
    }

    /// Waits for its end; how it ended, and its log.
    #[track_caller]
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        (status.expect("it has ended"), self.log())
    }

    /// The same for one that ends by itself with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> String {
        let (status, log) = self.wait();
        assert_eq!(status.code(), Some(code), "{status}\n{log}");
        log
    }
}

/// A test that fails leaves nobody behind: the kernel tells the server.
impl Drop for Outlet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// What a server is to write, in the file `data` where it runs.
    pub fn noise(&self, length: usize) -> Vec<u8> {
        let noise = noise(length);
        let mut file = File::create(self.path("data")).expect("there is room");
        file.write_all(&noise).expect("there is room");
        noise
    }
}
