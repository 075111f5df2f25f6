//! Subscribers in processes of their own: the same program's `subscribe`, told what the public is
//! told, and a file to report its progress in.

use super::PASSWORD_VARIABLE;
use super::repair::Addresses;
use super::setup::{PASSWORD, USER};
use crate::metrics::{Counter, Counters};
use crate::net::Endpoint;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Seconds after which a subscriber gives up that the demo cannot end any more. The feed sends a
/// heartbeat each second, and the first of several waits for the others to listen.
const IDLE_SECONDS_MAX: u64 = 30;

/// A subscriber that runs.
pub(super) struct Subscriber {
    child: Child,
    counters: Counters,
}

/// What a subscriber ended with.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Its process.
    pub(super) pid: u32,
    /// Its exit code; `None` where a signal, or we, ended it.
    pub(super) exit_code: Option<i32>,
    /// Its last line, as JSON.
    pub(super) report: Option<Value>,
    /// What it said about errors.
    pub(super) errors: String,
}

/// What the public is told.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Lines A and B of the channel.
    pub(super) lines: [Endpoint; 2],
    /// Its session.
    pub(super) session: String,
    /// Who repairs, asked in turn; nobody may.
    pub(super) repair: Vec<Addresses>,
}

impl Place {
    /// The arguments with which anybody subscribes.
    #[must_use]
    pub(super) fn arguments(&self) -> Vec<String> {
        let [a, b] = self.lines;
        let mut pairs = vec![
            ("--group", a.group.to_string()),
            ("--port", a.port.to_string()),
            ("--session", self.session.clone()),
            ("--interface", a.interface.to_string()),
            ("--group-b", b.group.to_string()),
            ("--port-b", b.port.to_string()),
        ];
        for Addresses { rerequests, replay, snapshots } in &self.repair {
            pairs.push(("--rerequest", rerequests.clone()));
            pairs.push(("--replay", replay.clone()));
            pairs.push(("--snapshot", snapshots.clone()));
        }
        if !self.repair.is_empty() {
            pairs.push(("--user", USER.to_owned()));
        }
        let pairs = pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        std::iter::once("subscribe".to_owned()).chain(pairs).collect()
    }

    /// The command line with which anybody subscribes. The password is everybody's, and stands
    /// where passwords stand: in the environment.
    #[must_use]
    pub(super) fn pasteable(&self) -> String {
        let line = pasteable(&self.arguments());
        match self.repair.is_empty() {
            false => format!("{PASSWORD_VARIABLE}={PASSWORD} {line}"),
            true => line,
        }
    }
}

/// A command line to be pasted: this program as it was called, with these arguments.
#[must_use]
pub(super) fn pasteable(arguments: &[String]) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "isochron".to_owned());
    let words = std::iter::once(program.as_str()).chain(arguments.iter().map(String::as_str));
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

impl Subscriber {
    /// Starts one. `drop_datagram` is the datagram it is to throw away.
    pub(super) fn start(
        place: &Place,
        counters: &Path,
        drop_datagram: Option<u64>,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot start a subscriber: {error}");
        let file = Counters::create(counters).map_err(|error| failed(&error))?;
        let program: PathBuf = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command
            .args(place.arguments())
            .env(PASSWORD_VARIABLE, PASSWORD)
            .arg("--json")
            .arg("--counters")
            .arg(counters);
        command.arg("--idle-timeout").arg(IDLE_SECONDS_MAX.to_string());
        // What a terminal sends to the demo is the demo's to answer: its subscribers end with the
        // session, or when they have heard nothing for a while.
        command.process_group(0);
        if let Some(datagram) = drop_datagram {
            command.arg("--drop-datagram").arg(datagram.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| failed(&error))?;
        Ok(Self { child, counters: file })
    }

    /// Its progress.
    #[must_use]
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether it listens; an error if it has ended.
    pub(super) fn is_listening(&mut self) -> Result<bool, String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            let mut errors = String::new();
            if let Some(stderr) = &mut self.child.stderr {
                let _ = stderr.read_to_string(&mut errors);
            }
            return Err(format!("a subscriber ended at once, {status}: {}", errors.trim()));
        }
        Ok(self.counters.get(Counter::RECEIVE_BUFFER_BYTES) > 0)
    }

    /// Whether its process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// What it ended with; ends it if it still runs.
    pub(super) fn end(mut self) -> Ended {
        if !self.has_ended() {
            let _ = self.child.kill();
        }
        let pid = self.child.id();
        let report = self.child.stdout.take().and_then(|stdout| {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.filter_map(|line| serde_json::from_str(&line).ok()).last()
        });
        let mut errors = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.read_to_string(&mut errors);
        }
        let exit_code = self.child.wait().ok().and_then(|status| status.code());
        Ended { pid, exit_code, report, errors }
    }
}

/// The progress of each.
pub(super) fn watched(subscribers: &[Subscriber]) -> Vec<Counters> {
    subscribers.iter().map(|one| one.counters.clone()).collect()
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
