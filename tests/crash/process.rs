//! This test program again, as a process of its own that plays a part.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::exchange::Files;

/// Tells a process what it is to be, and where.
const ROLE: &str = "ISOCHRON_CRASH_ROLE";
const FOLDER: &str = "ISOCHRON_CRASH_FOLDER";

/// What this process was asked to be; `None` in the one that asks others.
pub(crate) fn asked_for() -> Option<(String, Files)> {
    let role = std::env::var(ROLE).ok()?;
    Some((role, Files(std::env::var_os(FOLDER)?.into())))
}

/// Tells a command what it is to be, and where.
pub(crate) fn ask(command: &mut Command, role: &str, folder: &Path) {
    command.env(ROLE, role).env(FOLDER, folder);
}

/// A process of this test, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The file that it writes its errors to.
    errors: PathBuf,
}

impl Process {
    /// Starts the test of this name, to be what `role` says.
    pub(crate) fn start(test: &str, role: &str, files: &Files) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "--nocapture", test]).stdin(Stdio::null());
        ask(&mut command, role, &files.0);
        command.stdout(Stdio::piped());
        let errors = files.0.join(format!("errors-{role}"));
        let file = File::create(&errors).expect("a file for errors");
        let mut child = command.stderr(file).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines, errors }
    }

    /// The words of the line that begins with `word`, which it prints sooner or later.
    pub(crate) fn said(&mut self, word: &str) -> Vec<String> {
        let begins = |line: &String| line.split(' ').next() == Some(word);
        let line = self.lines.by_ref().map(|line| line.expect("a line")).find(begins);
        let ended = || panic!("it ended before it was {word}: {}", self.errors());
        let line = line.unwrap_or_else(ended);
        line.split(' ').map(str::to_owned).collect()
    }

    /// Whether it runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_none()
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, and waits for it.
    pub(crate) fn stop(mut self, files: &Files, who: &str) {
        fs::write(files.stop(who), "").expect("a file");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "the {who} ended with {status}: {}", self.errors());
        fs::remove_file(files.stop(who)).expect("it is there");
    }

    /// Waits for the end that it comes to by itself; what it said about errors.
    pub(crate) fn dies(mut self) -> String {
        let status = self.child.wait().expect("it ends");
        assert!(!status.success(), "it ended well");
        self.errors()
    }

    /// What it said about errors so far.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).expect("what it said")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
