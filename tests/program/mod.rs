//! The real program in processes of its own: every wait is bounded, and nothing is left behind.
//!
//! What a process prints goes into files, so that no pipe can fill up and hold it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Looks before a wait fails: two minutes, for a machine that does much else.
const LOOKS_MAX: usize = 6_000;

/// A process of `isochron`; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    name: String,
    folder: TempDir,
}

/// What a process ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    /// What it printed about errors.
    pub(crate) errors: String,
    /// Files that it left in its folder of temporary files.
    pub(crate) left: Vec<PathBuf>,
}

impl Program {
    /// Starts `isochron` with these arguments, and a folder of its own for temporary files.
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
        command.args(arguments);
        Program::start_command(command)
    }

    /// Starts a command in the same way.
    pub(crate) fn start_command(mut command: Command) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("temporary");
        fs::create_dir(&temporary).unwrap();
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        command.env("TMPDIR", &temporary).stdin(Stdio::null());
        command.stdout(file("out")).stderr(file("errors"));
        let name = format!("{command:?}");
        let child = command.spawn().unwrap();
        Program { child, name, folder }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub(crate) fn out(&self) -> String {
        self.read("out")
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.path().join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has printed a whole line that contains `part`, on either output; returns the
    /// line.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        let name = self.name.clone();
        let line = seen(|| {
            let ended = self.child.try_wait().unwrap();
            let printed = [self.out(), self.read("errors")];
            let whole = printed.iter().filter_map(|text| text.rsplit_once('\n'));
            let mut lines = whole.flat_map(|(lines, _)| lines.lines());
            let line = lines.find(|line| line.contains(part)).map(str::to_owned);
            assert!(line.is_some() || ended.is_none(), "{name}: {}", printed.concat());
            line
        });
        line.unwrap_or_else(|| {
            let printed = [self.out(), self.read("errors")].concat();
            panic!("waited in vain: {name} prints {part:?}, not only:\n{printed}")
        })
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, signal: &str) {
        send_signal(self.pid(), signal);
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let status = wait(&format!("{} ends", self.name), || self.child.try_wait().unwrap());
        let left = fs::read_dir(self.folder.path().join("temporary")).unwrap();
        let left = left.map(|entry| entry.unwrap().path()).collect();
        let (out, errors) = (self.read("out"), self.read("errors"));
        assert!(!errors.contains("panicked"), "{}: {errors}", self.name);
        Ended { code: status.code(), out, errors, left }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `isochron` to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Program::start(arguments).end()
}

/// Looks until there is something to see.
pub(crate) fn wait<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    seen(look).unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// What was seen at last, if anything.
fn seen<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..LOOKS_MAX {
        let seen = look();
        if seen.is_some() {
            return seen;
        }
        std::thread::sleep(LOOK);
    }
    None
}

/// Sends a signal to one process that a test started.
pub(crate) fn send_signal(pid: u32, signal: &str) {
    let kill = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    assert!(kill.unwrap().success(), "kill -{signal} {pid}");
}

/// Every file below a directory, with its content.
pub(crate) fn content(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}
