//! The operator of a demo: has a standby promoted, by the command that operators use.

use super::super::Outcome;
use super::node::Place;
use crate::agent::{Clock, SystemClock};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a promotion may take with all its repetitions.
const PATIENCE_NS: u64 = 60_000_000_000;

/// How long after a refusal the node is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How another node took the primary's place; times in nanoseconds UTC.
#[derive(Clone, Debug)]
pub(super) struct Takeover {
    /// The node that was killed.
    pub(super) killed: u32,
    /// The node that was promoted.
    pub(super) promoted: u32,
    /// Its epoch.
    pub(super) epoch: u64,
    /// When `isochron promote` was started.
    pub(super) asked_at: u64,
    /// When it had said that the node is the primary.
    pub(super) answered_at: u64,
}

/// A node that was promoted.
pub(super) struct Promoted {
    pub(super) node: u32,
    pub(super) epoch: u64,
}

/// Has one of these nodes promoted: the first, or who is ahead of it.
pub(super) fn promote(standbys: &[Place], clock: &SystemClock) -> Outcome<Promoted> {
    let deadline_ns = clock.now().0 + PATIENCE_NS;
    let mut asked = &standbys[0];
    loop {
        let answer = ask(asked)?;
        if answer["primary"] == true {
            return Ok(Promoted { node: asked.node, epoch: answer["epoch"].as_u64().unwrap_or(0) });
        }
        if clock.now().0 > deadline_ns {
            return Err(format!("node {} was not promoted: {answer}", asked.node));
        }
        // Who is ahead has all that the other has.
        let ahead = answer["other"]["node"].as_u64().filter(|_| answer["result"] == "ahead");
        match standbys.iter().find(|place| Some(u64::from(place.node)) == ahead) {
            Some(place) => asked = place,
            None => std::thread::sleep(ASK_AGAIN),
        }
    }
}

/// Runs `isochron promote`; what it said.
fn ask(place: &Place) -> Outcome<Value> {
    let failed = |error: &dyn std::fmt::Display| format!("promoting node {}: {error}", place.node);
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut command = Command::new(program);
    command.args(["promote", "--json", "--config"]).arg(place.config()).stdin(Stdio::null());
    let ended = command.output().map_err(|error| failed(&error))?;
    serde_json::from_slice(&ended.stdout)
        .map_err(|_| failed(&String::from_utf8_lossy(&ended.stderr).trim()))
}
