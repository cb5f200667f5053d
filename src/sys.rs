//! The one home of unsafe: what neither the standard library nor nix wraps.
#![expect(unsafe_code, reason = "system calls that no safe wrapper covers")]

mod wipe;

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::{self, c_char, c_int};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Pid, Uid, getpid, getppid, pipe2, setgroups, setpgid, setresgid, setresuid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::exit::Ended;

pub use wipe::empty_variables;

/// The umask that we were started with, which is for the server.
static UMASK: AtomicU32 = AtomicU32::new(0);

/// Makes the files that we make our own, and no less: a umask may also take away what we need ourselves.
pub fn keep_files_private() {
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    UMASK.store(before.bits(), Ordering::Relaxed);
}

/// The highest signal number on Linux.
pub const LAST_SIGNAL: c_int = 64;

/// All signals. The C library's own idea of that leaves out some which it keeps for itself: for musl, one that others
/// know as `SIGRTMIN`.
pub fn all_signals() -> SigSet {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it is a place for as many bits, and any of them make a set. The kernel passes over those that nobody can
    // block.
    unsafe {
        set.as_mut_ptr().write_bytes(u8::MAX, 1);
        SigSet::from_sigset_t_unchecked(set.assume_init())
    }
}

/// Whether a signal was set to be ignored by whoever started us.
pub fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer asks and sets nothing; `action` is a place for the answer, and all zeroes is
    // a valid one.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Gives a signal back its default disposition. Fails, harmlessly, for the few that have no other.
pub fn set_default(signal: c_int) {
    // SAFETY: `SIG_DFL` runs no code of ours.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
    }
}

/// Sends a signal by its number, which may be a real-time one; a negative `pid` means a process group.
///
/// # Errors
/// As kill(2).
pub fn kill(pid: Pid, signal: c_int) -> nix::Result<()> {
    // SAFETY: kill takes two numbers.
    Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }).map(drop)
}

/// How many bytes wait in a pipe.
///
/// # Errors
/// As ioctl(2).
pub fn waiting_in(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one number, and `count` is a place for it.
    Errno::result(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Whether a signal that is blocked waits for us.
pub fn is_pending(signal: c_int) -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `pending` is a place for the answer, and all zeroes is a valid one.
    unsafe {
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), signal) == 1
    }
}

/// Sends what a socket takes at once, whatever mode it is in. Nobody gets a SIGPIPE for it.
///
/// # Errors
/// `EAGAIN` when that is nothing; else as send(2).
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> nix::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: it reads as many bytes as there are, from where they are.
    let sent = unsafe {
        libc::send(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
        )
    };
    Errno::result(sent).map(isize::cast_unsigned)
}

/// Registers a signalfd with the runtime.
///
/// # Errors
/// When the kernel has no room for another watch.
pub fn async_signals(fd: SignalFd) -> io::Result<AsyncFd<SignalFd>> {
    // SAFETY: a `SignalFd` owns its descriptor, and nobody takes it out of the `AsyncFd` or replaces it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Registers any other descriptor with the runtime.
///
/// # Errors
/// When the kernel cannot watch it, as it cannot a file, or has no room for another watch.
pub fn async_fd(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` owns its descriptor, and nobody takes it out of the `AsyncFd` or replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// What has happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Ended(Ended),
    /// By which signal.
    Stopped(c_int),
}

/// Takes the next change of any child, real-time signals included.
///
/// # Errors
/// `ECHILD` when there are no children.
pub fn wait_any() -> nix::Result<Option<(Pid, Change)>> {
    let mut status = 0;
    let options = libc::WNOHANG | libc::WUNTRACED;
    // SAFETY: `status` is a place for the answer.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) })?;
    if pid == 0 {
        return Ok(None);
    }
    let change = if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else if libc::WIFEXITED(status) {
        // WEXITSTATUS is eight bits wide.
        Change::Ended(Ended::Exited(libc::WEXITSTATUS(status) as u8))
    } else {
        // Without WCONTINUED there is no fourth case.
        Change::Ended(Ended::Signaled(libc::WTERMSIG(status)))
    };
    Ok(Some((Pid::from_raw(pid), change)))
}

/// What a server's process is to be before it executes anything, and what it then executes.
#[derive(Debug)]
pub struct ChildSetup {
    pub image: Image,
    /// The one descriptor besides 0, 1 and 2 that it gets.
    pub keep: Option<RawFd>,
    /// The terminal whose foreground it takes.
    pub terminal: Option<RawFd>,
    /// What becomes its standard output; `None` for ours.
    pub stdout: Option<RawFd>,
    /// Who it becomes; `None` for who we are.
    pub user: Option<Identity>,
}

/// Who a process is to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uid: Uid,
    pub gid: Gid,
    pub groups: Vec<Gid>,
}

/// Why a process could not be started.
#[derive(Debug)]
pub enum SpawnError {
    /// It could not become the user that it was to be.
    User(io::Error),
    Execute(io::Error),
}

/// What is executed. The standard library would hand whatever the kernel does not take to a shell (execvp(3)),
/// and a program for another machine would end in the shell's complaints.
#[derive(Debug)]
pub struct Image {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Image {
    /// The first argument is the name that the program is to see as its own.
    ///
    /// # Errors
    /// When one of the texts holds a NUL, which none that came from the kernel does.
    pub fn new(
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> io::Result<Self> {
        let pair = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            CString::new(name.into_vec())
        };
        let arguments = arguments
            .into_iter()
            .map(|text| CString::new(text.into_vec()));
        Ok(Self {
            program: CString::new(program.as_os_str().as_bytes())?,
            arguments: arguments.collect::<Result<_, _>>()?,
            environment: environment
                .into_iter()
                .map(pair)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Starts a process clean: a group of its own, no descriptor of ours, default dispositions, an empty signal mask,
/// and a SIGTERM when we are gone.
///
/// # Errors
/// When there can be no process, or it cannot execute the program. Such a process is one of our orphans then.
pub fn spawn(setup: &ChildSetup) -> Result<Pid, SpawnError> {
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        let texts = texts.iter().map(|text| text.as_ptr());
        texts.chain([ptr::null()]).collect()
    };
    let arguments = pointers(&setup.image.arguments);
    let environment = pointers(&setup.image.environment);
    // A SIGHUP that was ignored when we came stays ignored: that is how nohup works. SIGTERM, SIGINT and
    // SIGQUIT never stay ignored: a JVM born so cannot be stopped.
    let kept_ignored = is_ignored(libc::SIGHUP).then_some(libc::SIGHUP);
    let parent = getpid();
    // The child's failure, if it has one; exec closes it without a word.
    let (failure, report) =
        pipe2(OFlag::O_CLOEXEC).map_err(|error| SpawnError::Execute(error.into()))?;
    // SAFETY: the child makes system calls on what was prepared above, and allocates nothing: whatever lock
    // another thread (a name that is being resolved) holds at this moment is no concern of it.
    match unsafe { libc::fork() } {
        -1 => Err(SpawnError::Execute(io::Error::last_os_error())),
        0 => {
            let became_user = match become_clean(setup, kept_ignored) {
                Ok(()) => become_user(setup.user.as_ref()).map_err(|error| (AS_USER, error)),
                Err(error) => Err((AS_EXEC, error)),
            };
            let ready = became_user.and_then(|()| {
                // Only now: a change of user would undo it.
                tie_to(parent).map_err(|error| (AS_EXEC, error))
            });
            let (step, error) = match ready {
                Ok(()) => {
                    // SAFETY: all three are NUL-terminated, and live until the process is another one.
                    unsafe {
                        libc::execve(
                            setup.image.program.as_ptr(),
                            arguments.as_ptr(),
                            environment.as_ptr(),
                        );
                    }
                    (AS_EXEC, Errno::last())
                }
                Err(failed) => failed,
            };
            let [a, b, c, d] = (error as i32).to_ne_bytes();
            let _ = nix::unistd::write(&report, &[step, a, b, c, d]);
            // SAFETY: it ends the process at once; nothing that belongs to the parent is flushed or freed.
            unsafe { libc::_exit(127) }
        }
        pid => {
            drop(report);
            let mut told = [0; 5];
            match File::from(failure).read_exact(&mut told) {
                Ok(()) => {
                    let [step, errno @ ..] = told;
                    let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
                    Err(match step {
                        AS_USER => SpawnError::User(error),
                        _ => SpawnError::Execute(error),
                    })
                }
                // It was closed by exec, or the process was killed on the way, which its status will tell.
                Err(_) => Ok(Pid::from_raw(pid)),
            }
        }
    }
}

/// The steps that a child can fail at, as it tells its parent.
const AS_USER: u8 = 1;
const AS_EXEC: u8 = 2;

/// The child's way from fork to exec: first what we leave behind,
fn become_clean(setup: &ChildSetup, kept_ignored: Option<c_int>) -> Result<(), Errno> {
    setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    umask(Mode::from_bits_truncate(UMASK.load(Ordering::Relaxed)));
    for signal in 1..=LAST_SIGNAL {
        if Some(signal) != kept_ignored {
            set_default(signal);
        }
    }
    close_on_exec_from(3)?;
    if let Some(fd) = setup.keep {
        keep_on_exec(fd)?;
    }
    if let Some(fd) = setup.terminal {
        take_foreground(fd)?;
    }
    if let Some(fd) = setup.stdout {
        become_stdout(fd)?;
    }
    Ok(())
}

/// then who we are,
fn become_user(user: Option<&Identity>) -> Result<(), Errno> {
    let Some(Identity { uid, gid, groups }) = user else {
        return Ok(());
    };
    // In this order: the last step takes away the right to do the others. All of root's capabilities go with it.
    setgroups(groups)?;
    setresgid(*gid, *gid, *gid)?;
    setresuid(*uid, *uid, *uid)
}

/// and last the tie to our parent, and the signals, since from then on one can end us.
fn tie_to(parent: Pid) -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // We may have been killed before the line above; then nobody will send that SIGTERM.
    if getppid() != parent {
        return Err(Errno::ESRCH);
    }
    SigSet::empty().thread_set_mask()
}

/// Marks all descriptors from `first` on, whoever opened them, to be closed by exec.
fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: it takes three numbers and closes nothing now.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            c_int::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match Errno::result(done) {
        Ok(_) => Ok(()),
        // Kernels before 5.11 and old container runtimes do not have it. A table of descriptors has an end.
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => {
            let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
            for fd in first..c_int::try_from(soft).unwrap_or(c_int::MAX) {
                // SAFETY: setting a flag on a number that is no descriptor fails with EBADF and does nothing.
                unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Makes our own process group the foreground one. SIGTTOU, which that would bring us, is still blocked.
fn take_foreground(terminal: RawFd) -> Result<(), Errno> {
    // SAFETY: it takes a number, and the group is our own.
    Errno::result(unsafe { libc::tcsetpgrp(terminal, libc::getpgrp()) })?;
    Ok(())
}

fn become_stdout(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: it takes numbers; what was standard output is still open in the parent.
    Errno::result(unsafe { libc::dup2(fd, libc::STDOUT_FILENO) })?;
    Ok(())
}

fn keep_on_exec(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: it takes numbers; clearing the flag of our own descriptor closes nothing.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
    Ok(())
}
