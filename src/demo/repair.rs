//! The repair service of a demo, in a process of its own: who missed something asks there.

use super::part::{Part, line};
use crate::agent::Clock;
use crate::node::Interrupt;
use serde_json::Value;
use std::path::{Path, PathBuf};

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
pub(super) struct RepairService(Part);

impl RepairService {
    /// Starts `serve --only recovery` on a configuration, whose log is written in JSON.
    pub(super) fn start(config: &Path, log: PathBuf) -> Result<Self, String> {
        let config = config.as_os_str();
        let arguments = ["serve", "--only", "recovery", "--config"].map(AsRef::as_ref);
        let arguments = arguments.into_iter().chain([config]);
        Part::start("the repair service".to_owned(), arguments, log).map(Self)
    }

    /// Waits until it says where it answers.
    pub(super) fn addresses(
        &mut self,
        clock: &impl Clock,
        interrupt: &Interrupt,
    ) -> Result<Addresses, String> {
        self.0.wait(clock, interrupt, addresses)
    }

    /// Ends it; what went wrong with it, if something did.
    pub(super) fn end(mut self, clock: &impl Clock) -> Option<String> {
        self.0.end(clock)
    }
}

/// The addresses in a log, when it is `ready`.
fn addresses(log: &[Value]) -> Option<Addresses> {
    line(log, "ready")?;
    let said = line(log, "recovery")?;
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    Some(Addresses {
        rerequests: text("rerequests")?,
        replay: text("replay")?,
        snapshots: text("snapshots")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_those_of_a_service_that_is_ready() {
        let starts = json!({"level": "INFO", "message": "starts"});
        let recovery = json!({
            "message": "recovery", "replay": "1.2.3.4:1", "snapshots": "1.2.3.4:2",
            "rerequests": "1.2.3.4:3", "users": 1,
        });
        let ready = json!({"message": "ready"});
        assert_eq!(addresses(&[starts.clone(), recovery.clone()]), None);
        assert_eq!(addresses(&[starts, ready.clone()]), None);
        let found = addresses(&[recovery, ready]).unwrap();
        assert_eq!(found.rerequests, "1.2.3.4:3");
        assert_eq!((found.replay.as_str(), found.snapshots.as_str()), ("1.2.3.4:1", "1.2.3.4:2"));
    }
}
