//! What has to be there before anything is measured: the release binary, the server, those it is compared with, a folder.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::contender::Contender;
use crate::tell;

/// Everything that is measured in, and with.
#[derive(Debug)]
pub struct Arena {
    /// The entrypoint's release binary.
    pub binary: PathBuf,
    /// `server.c`, compiled.
    pub server: PathBuf,
    /// Whether rough numbers will do.
    pub quick: bool,
    pub folder: TempDir,
}

const HERE: &str = env!("CARGO_MANIFEST_DIR");

impl Arena {
    pub fn set_up(binary: Option<&Path>, quick: bool) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = folder.path().join("server");
        run(Command::new("cc")
            .args(["-O2", "-static", "-o"])
            .arg(&server)
            .arg(format!("{HERE}/server.c")))?;
        let binary = match binary {
            Some(binary) => fs::canonicalize(binary)?,
            None => build()?,
        };
        Ok(Self {
            binary,
            server,
            quick,
            folder,
        })
    }

    /// So many, or a tenth where rough numbers will do.
    pub fn rounds(&self, many: usize) -> usize {
        match self.quick {
            true => many.div_ceil(10),
            false => many,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All who start a server and look after it, the entrypoint first.
    pub fn contenders(&self) -> Vec<Contender> {
        let mut all = vec![Contender::entrypoint(self)];
        all.extend(Contender::others().filter_map(|(package, contender)| {
            found(&contender.program, package).then_some(contender)
        }));
        all
    }

    /// A command that starts a program in this folder's environment, the same for everybody.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HYTALE_ENTRYPOINT_STATE_DIR", self.path("state"))
            .env("HYTALE_ENTRYPOINT_STATUS_FILE", self.path("status.json"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Whether a program is there, once its Debian package is installed where that can be.
pub fn found(program: &Path, package: &str) -> bool {
    if !program.exists() && geteuid().is_root() {
        tell(format_args!("installing the package {package}"));
        let install = ["install", "-y", "-qq", "--no-install-recommends", package];
        let apt = |arguments: &[&str]| {
            run(Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"))
        };
        let _ = apt(&install).or_else(|_| apt(&["update", "-qq"]).and_then(|()| apt(&install)));
    }
    if !program.exists() {
        let program = program.display();
        tell(format_args!(
            "left out: there is no {program} (Debian's package {package})"
        ));
    }
    program.exists()
}

/// The static release binary, as README.md says to build it, beside whatever else is built there.
fn build() -> io::Result<PathBuf> {
    tell("building the release binary: some minutes the first time");
    let exe = std::env::current_exe()?;
    let target = exe
        .ancestors()
        .nth(2)
        .ok_or_else(|| io::Error::other("start it with `cargo measure`"))?;
    let host = host()?;
    run(Command::new(tool("CARGO", "cargo"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--bin",
            "hytale-entrypoint",
        ])
        .args(["--target", &host])
        .arg("--manifest-path")
        .arg(format!("{HERE}/../Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .env(
            "RUSTFLAGS",
            "-C target-feature=+crt-static -C relocation-model=static",
        ))?;
    Ok(target.join(host).join("release/hytale-entrypoint"))
}

/// The name of this machine, as the compiler spells it.
fn host() -> io::Result<String> {
    let version = Command::new(tool("RUSTC", "rustc")).arg("-vV").output()?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| io::Error::other("rustc does not say what machine this is"))
}

fn tool(variable: &str, name: &str) -> impl AsRef<OsStr> {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}

fn run(command: &mut Command) -> io::Result<()> {
    match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("{command:?}: {status}"))),
        Err(error) => Err(io::Error::other(format!("{command:?}: {error}"))),
    }
}
