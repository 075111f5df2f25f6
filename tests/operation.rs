//! The commands that look at a store and at a running exchange, as their users call them.

#[path = "operation/books.rs"]
mod books;
#[path = "operation/calendar.rs"]
mod calendar;
#[path = "operation/inspect.rs"]
mod inspect;
#[path = "operation/market.rs"]
mod market;
#[path = "operation/stat.rs"]
mod stat;
#[path = "operation/verify.rs"]
mod verify;

use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command said and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Ran {
    fn json(&self) -> Vec<Value> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(read).collect()
    }
}

fn isochron(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isochron"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs `isochron NAME PATH ARGS...`, the arguments in one text.
fn run(name: &str, path: &Path, args: &str) -> Ran {
    let mut command = isochron([name]);
    let output = command.arg(path).args(args.split_whitespace()).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    Ran { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

#[test]
fn help_has_examples() {
    for name in ["inspect", "verify", "stat"] {
        let output = isochron([name, "--help"]).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("it is text");
        assert!(text.contains(&format!("  isochron {name} ")), "{text}");
        assert!(text.contains("Exit code 0"), "{text}");
    }
}

#[test]
fn what_is_not_there_is_an_error_of_code_2() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("missing")] {
        for name in ["inspect", "verify", "stat"] {
            let ran = run(name, &path, "");
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{name}: {ran:?}");
            assert!(ran.error.starts_with(&format!("isochron {name}: ")), "{}", ran.error);
            let named = ran.error.matches(&path.display().to_string()).count();
            assert_eq!(named, 1, "{}", ran.error);
            assert_eq!(ran.error.lines().count(), 1, "{}", ran.error);
        }
    }
}
