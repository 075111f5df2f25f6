//! `isochron serve` as its operators run it: configured, started, stopped, killed, started again,
//! whole or with its components in processes of their own.

#[path = "serve/components.rs"]
mod components;
#[path = "serve/configured.rs"]
mod configured;
#[expect(dead_code, reason = "other tests use the rest")]
mod program;
#[path = "serve/recovery.rs"]
mod recovery;
#[path = "program/repair.rs"]
mod repair;
#[path = "serve/send.rs"]
mod send;
#[path = "serve/sources.rs"]
mod sources;

use isochron::config::EXAMPLE;
use isochron::net::ReservedPort;
use isochron::store::StoreReader;
use isochron_events::Message;
use program::Program;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A place with a configuration, and a port that is nobody else's.
struct Place {
    folder: TempDir,
    port: ReservedPort,
}

impl Place {
    /// The example, with small segments and another port, and what else is said.
    fn new(more: &str) -> Self {
        let place =
            Self { folder: tempfile::tempdir().unwrap(), port: ReservedPort::new().unwrap() };
        let text = EXAMPLE
            .replace("term_bytes = 67_108_864", "term_bytes = 1_048_576")
            .replace("port = 40_001", &format!("port = {}", place.port.get()))
            .replace("port = 41_001", &format!("port = {}", place.port.get()))
            .replace(":42001", ":0")
            .replace(":42002", ":0")
            .replace(":42003", ":0");
        assert!(text.contains("1_048_576\n") && !text.contains("40_001") && !text.contains(":42"));
        fs::write(place.config(), text + more).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("isochron.toml")
    }

    fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    /// `isochron serve` with more arguments; it is not ready yet.
    fn begin(&self, arguments: &str) -> Program {
        let config = self.config();
        let always = ["serve", "--config", config.to_str().unwrap()];
        Program::start(always.into_iter().chain(arguments.split_whitespace()))
    }

    /// `isochron serve` with more arguments, ready.
    fn serve(&self, arguments: &str) -> Program {
        let mut program = self.begin(arguments);
        program.line_with(" ready");
        program
    }

    /// Every message of the log.
    fn log(&self) -> Vec<Message> {
        let mut reader = StoreReader::attach(&self.store(), None).unwrap();
        let mut messages = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            messages.push(Message::decode(frame.message).unwrap());
        }
        messages
    }
}

/// Ends it as an operator does; what it said.
fn stop(program: Program) -> String {
    program.signal("TERM");
    let ended = program.end();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.errors);
    assert!(ended.errors.contains("INFO ended"), "{}", ended.errors);
    ended.errors
}
