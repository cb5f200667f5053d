//! What has to be there before the curtain: the wrapper's binary, the server's jar, a folder for this run.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hytale_emulator::stand_in;

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) wrapper: PathBuf,
    pub(crate) java: PathBuf,
    pub(crate) jar: PathBuf,
    folder: PathBuf,
}

impl Setup {
    pub(crate) fn make() -> io::Result<Self> {
        let sandbox = std::env::current_exe()?;
        let (Some(profile), Some(target)) = (sandbox.parent(), sandbox.ancestors().nth(2)) else {
            return Err(io::Error::other("start it with `cargo sandbox`"));
        };
        let java = stand_in::java().map_err(io::Error::other)?;
        let jar = stand_in::jar(target).map_err(io::Error::other)?;
        build_wrapper(target, profile)?;
        let folder = std::env::temp_dir().join(format!("hytale-sandbox-{}", std::process::id()));
        // The report in it holds tokens.
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self {
            wrapper: profile.join("hytale-entrypoint"),
            java,
            jar,
            folder,
        })
    }

    /// The wrapper's state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Where the wrapper says how it is.
    pub(crate) fn status(&self) -> PathBuf {
        self.folder.join("status.json")
    }

    /// Where the stand-in says what reached it.
    pub(crate) fn report(&self) -> PathBuf {
        self.folder.join("report.json")
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// With the profile and into the folder that the sandbox itself was built with.
fn build_wrapper(target: &Path, profile: &Path) -> io::Result<()> {
    let profile = match profile.file_name() {
        Some(name) if name != "debug" => name,
        _ => "dev".as_ref(),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--bin",
            "hytale-entrypoint",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .arg("--profile")
        .arg(profile)
        .status()?;
    match built.success() {
        true => Ok(()),
        false => Err(io::Error::other("the wrapper does not build")),
    }
}
