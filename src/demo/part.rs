//! A part of a demo in a process of its own: this program once more, whose log is read.

use super::text;
use crate::agent::Clock;
use crate::node::Interrupt;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long it may take to begin, and to end.
const PATIENCE_NS: u64 = 60_000_000_000;

/// The process; killed when it is dropped.
pub(super) struct Part {
    /// Who it is, in messages.
    name: String,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts this program with these arguments, its log, in JSON, in a file.
    pub(super) fn start(
        name: String,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: PathBuf,
    ) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start {name}: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let stderr = File::create(&log).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--end-with-parent");
        // What a terminal sends to the demo is the demo's to answer.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().map_err(failed)?;
        Ok(Self { name, child, log })
    }

    /// The lines of its log, whole ones.
    pub(super) fn lines(&self) -> Vec<Value> {
        lines(&fs::read_to_string(&self.log).unwrap_or_default())
    }

    /// Waits until its log has what is looked for, unless somebody wants the end meanwhile.
    pub(super) fn wait<T>(
        &mut self,
        clock: &impl Clock,
        interrupt: &Interrupt,
        mut find: impl FnMut(&[Value]) -> Option<T>,
    ) -> Result<T, String> {
        // Who wanted it before, waits for what belongs to an end in order.
        let wanted = interrupt.has_come();
        let deadline_ns = clock.now().0 + PATIENCE_NS;
        loop {
            if let Some(found) = find(&self.lines()) {
                return Ok(found);
            }
            if self.has_ended() || clock.now().0 > deadline_ns {
                return Err(format!("{} does not run: {}", self.name, self.last_words()));
            }
            if interrupt.has_come() && !wanted {
                return Err(format!("interrupted before {} ran", self.name));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether its process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        self.child.kill().map_err(text)?;
        self.child.wait().map(drop).map_err(text)
    }

    /// Ends it in order; what went wrong with it, if something did.
    pub(super) fn end(&mut self, clock: &impl Clock) -> Option<String> {
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
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().last().unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line of a log with this message.
pub(super) fn line<'a>(log: &'a [Value], message: &str) -> Option<&'a Value> {
    log.iter().find(|line| line["message"] == message)
}

/// The last of them.
pub(super) fn last_line<'a>(log: &'a [Value], message: &str) -> Option<&'a Value> {
    log.iter().rev().find(|line| line["message"] == message)
}

fn lines(log: &str) -> Vec<Value> {
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_when_it_is_whole() {
        let log = "{\"message\":\"a\",\"n\":1}\nno JSON\n{\"message\":\"a\",\"n\":2}\n";
        let read = lines(&format!("{log}{{\"message\":\"b\"}}"));
        assert_eq!(line(&read, "a").map(|line| line["n"].as_u64()), Some(Some(1)));
        assert_eq!(last_line(&read, "a").map(|line| line["n"].as_u64()), Some(Some(2)));
        assert_eq!(line(&read, "b"), None);
    }
}
