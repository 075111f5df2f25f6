//! The repair service of a demo, in a process of its own: who missed something asks there.

use crate::agent::Clock;
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long it may take to begin, and to end.
const PATIENCE_NS: u64 = 20_000_000_000;

/// Where it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// Single messages, by UDP.
    pub(super) rerequests: String,
    /// The session, by TCP.
    pub(super) replay: String,
    /// The books, by TCP.
    pub(super) snapshots: String,
}

/// The process.
pub(super) struct RepairService {
    child: Child,
    log: PathBuf,
}

impl RepairService {
    /// Starts `serve --only recovery` on a configuration, whose log is written in JSON.
    pub(super) fn start(config: &Path, log: PathBuf) -> Result<Self, String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("cannot start the repair service: {error}");
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let stderr = File::create(&log).map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command.args(["serve", "--only", "recovery", "--end-with-parent", "--config"]).arg(config);
        // What a terminal sends to the demo is the demo's to answer.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().map_err(|error| failed(&error))?;
        Ok(Self { child, log })
    }

    /// Waits until it says where it answers.
    pub(super) fn addresses(&mut self, clock: &impl Clock) -> Result<Addresses, String> {
        let deadline_ns = clock.now().0 + PATIENCE_NS;
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(addresses) = addresses(&log) {
                return Ok(addresses);
            }
            let ended = self.child.try_wait();
            if !matches!(ended, Ok(None)) || clock.now().0 > deadline_ns {
                return Err(format!("the repair service does not run: {}", last_line(&log)));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends it; what went wrong with it, if something did.
    pub(super) fn end(mut self, clock: &impl Clock) -> Option<String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(format!("it ended early, {status}: {}", self.last_words()));
        }
        // The standard library only knows how to kill.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        let deadline_ns = clock.now().0 + PATIENCE_NS;
        while asked.is_ok() && clock.now().0 < deadline_ns {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => return Some(format!("{status}: {}", self.last_words())),
                Ok(None) => std::thread::sleep(LOOK),
                Err(error) => return Some(error.to_string()),
            }
        }
        Some("it did not end when it was asked to".to_owned())
    }

    fn last_words(&self) -> String {
        last_line(&fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for RepairService {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The addresses in a log, when it is `ready`.
fn addresses(log: &str) -> Option<Addresses> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = None;
    for line in lines {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        match line["message"].as_str() {
            Some("recovery") => {
                found = Some(Addresses {
                    rerequests: text("rerequests")?,
                    replay: text("replay")?,
                    snapshots: text("snapshots")?,
                });
            }
            Some("ready") => return found,
            _ => {}
        }
    }
    None
}

fn last_line(log: &str) -> String {
    log.lines().last().unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_a_service_that_is_ready() {
        let starts = r#"{"level":"INFO","message":"starts"}"#;
        let recovery = r#"{"message":"recovery","replay":"1.2.3.4:1","snapshots":"1.2.3.4:2","rerequests":"1.2.3.4:3","users":1}"#;
        let ready = r#"{"message":"ready"}"#;
        assert_eq!(addresses(&[starts, recovery].join("\n")), None);
        assert_eq!(addresses(&[starts, ready].join("\n")), None);
        let found = addresses(&[starts, recovery, ready].join("\n")).unwrap();
        assert_eq!(found.rerequests, "1.2.3.4:3");
        assert_eq!((found.replay.as_str(), found.snapshots.as_str()), ("1.2.3.4:1", "1.2.3.4:2"));
        assert_eq!(addresses(&[recovery, &ready[..5]].join("\n")), None, "half a line");
    }
}
