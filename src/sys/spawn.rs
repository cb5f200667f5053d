//! From fork to exec: what a server's process is to be before it executes anything.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::{self, c_char, c_int};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Pid, Uid, getpid, getppid, pipe2, setgroups, setpgid, setresgid, setresuid,
};

use super::{LAST_SIGNAL, UMASK, is_ignored, set_default};

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
