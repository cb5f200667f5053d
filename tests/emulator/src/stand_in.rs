//! The stand-in for the Hytale server, `HytaleServer.java`, made into a jar by the machine's own JDK.
//!
//! Nothing binary is kept in the repository, and nobody has to own the real server to run the tests.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("../HytaleServer.java");

/// `--release` makes every JDK write classes for the oldest; concatenation without `invokedynamic` saves each JVM 40 ms.
const JAVAC: [&str; 3] = ["--release", "17", "-XDstringConcat=inline"];
const OLDEST_JDK: u32 = 17;

#[derive(Debug)]
pub enum StandInError {
    /// No JDK that will do; what was found instead.
    Jdk(String),
    /// A tool of the JDK failed, and said this.
    Tool(&'static str, String),
    Disk(PathBuf, io::Error),
}

impl fmt::Display for StandInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jdk(found) => write!(
                f,
                "a JDK {OLDEST_JDK} or later is needed: {found}; install one, e.g. `apt install default-jdk-headless`"
            ),
            Self::Tool(tool, said) => write!(
                f,
                "{tool} could not build the stand-in server: {}",
                said.trim()
            ),
            Self::Disk(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StandInError {}

/// The jar of the stand-in, in `dir`; it is built only when this source has not been built there before.
///
/// Many processes may ask at once: one builds, the others wait for it. The JDK's version is no part of the name, for asking for
/// it takes longer than starting the server.
pub fn jar(dir: &Path) -> Result<PathBuf, StandInError> {
    let mut hasher = DefaultHasher::new();
    (SOURCE, JAVAC).hash(&mut hasher);
    let name = format!("HytaleServer-{:016x}", hasher.finish());
    let jar = dir.join(format!("{name}.jar"));
    if jar.exists() {
        return Ok(jar);
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| StandInError::Disk(path, error)
    };
    fs::create_dir_all(dir).map_err(at(dir))?;
    let lock = dir.join("HytaleServer.lock");
    let _held = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(at(&lock))?;
    if !jar.exists() {
        let work = dir.join(name);
        let _ = fs::remove_dir_all(&work); // of a build that was killed
        fs::create_dir(&work).map_err(at(&work))?;
        let built = build(&work)?;
        fs::rename(&built, &jar).map_err(at(&jar))?;
        let _ = fs::remove_dir_all(&work);
    }
    Ok(jar)
}

/// The `java` to run it with: `$JAVA_HOME`'s, else the first on `PATH`.
pub fn java() -> Result<PathBuf, StandInError> {
    tool("java")
}

fn build(work: &Path) -> Result<PathBuf, StandInError> {
    check_version()?;
    let source = work.join("HytaleServer.java");
    let classes = work.join("classes");
    let jar = work.join("HytaleServer.jar");
    fs::write(&source, SOURCE).map_err(|error| StandInError::Disk(source.clone(), error))?;
    let compile: [&OsStr; 3] = ["-d".as_ref(), classes.as_ref(), source.as_ref()];
    run("javac", JAVAC.iter().map(OsStr::new).chain(compile))?;
    let pack: [&OsStr; 9] = [
        "--create".as_ref(),
        "--file".as_ref(),
        jar.as_ref(),
        "--main-class".as_ref(),
        "HytaleServer".as_ref(),
        "--no-compress".as_ref(), // saves each JVM 30 ms
        "-C".as_ref(),
        classes.as_ref(),
        ".".as_ref(),
    ];
    run("jar", pack)?;
    Ok(jar)
}

fn check_version() -> Result<(), StandInError> {
    let said = run("javac", ["-version"])?;
    let said = said
        .lines()
        .find(|line| line.starts_with("javac "))
        .unwrap_or("a javac without a version");
    let major = said
        .trim_start_matches("javac ")
        .split(|c: char| !c.is_ascii_digit())
        .next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= OLDEST_JDK => Ok(()),
        _ => Err(StandInError::Jdk(format!("this is {said}"))),
    }
}

/// Runs one of the JDK's tools, and returns what it printed; old ones tell their version on standard error.
fn run<A: AsRef<OsStr>>(
    name: &'static str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String, StandInError> {
    let path = tool(name)?;
    let output = Command::new(&path)
        .args(arguments)
        .output()
        .map_err(|error| StandInError::Disk(path, error))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(StandInError::Tool(name, said))
    }
}

fn tool(name: &str) -> Result<PathBuf, StandInError> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    home.into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            StandInError::Jdk(format!("there is no `{name}` in $JAVA_HOME/bin or on PATH"))
        })
}
