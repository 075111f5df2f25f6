//! `isochron promote`: asks this machine's node to become the primary, and says what became of it.
//!
//! ```text
//!   StatusRequest ─▶ the node: the epoch it knows      nobody answers: it does not run here
//!   Promote(epoch) ─▶ the node asks the others ─▶ underway ... promoted, or who is in the way
//! ```
//!
//! The wish names the epoch that the node knew when it was asked, so that one that is repeated, or
//! arrives late, changes nothing twice.

use super::output::{End, UNREADABLE, end};
use crate::agent::{Clock, SystemClock};
use crate::cluster::{ControlChannel, Envelope};
use crate::limits::CONTROL_DATAGRAM_BYTES_MAX;
use crate::node::{ReplicationOptions, replication_options};
use crate::types::Epoch;
use clap::Args as ClapArgs;
use isochron_cluster::{
    Message, Promote, PromoteAnswer, PromoteResult, Status, StatusRequest, YesNo,
};
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Time between two askings: a datagram may be lost.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Askings until a node that is silent does not run.
const ASKINGS_MAX: usize = 30;

/// Askings until a promotion that is under way is left to itself.
const UNDERWAY_ASKINGS_MAX: usize = 300;

/// The exit code where the node refused.
const REFUSED: u8 = 1;

/// Options of `isochron promote`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The node's configuration: where it listens, and who the others are.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Without a majority, and whoever is ahead: says what may be lost, and loses it.
    #[arg(long)]
    force: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command: 0 if the node is the primary, 1 if it refused, 2 if it could not be asked.
pub(super) fn run(args: &Args) -> ExitCode {
    end("promote", &args.config.display(), promote(args))
}

fn promote(args: &Args) -> Result<u8, End> {
    let config = super::config::read(&args.config)?;
    let options = replication_options(&config).map_err(End::unreadable)?;
    let Some(options) = options else {
        return Err(End::unreadable("it has no [[replication.nodes]]: this node is alone"));
    };
    let mut asking = Asking::open(&options).map_err(End::unreadable)?;
    let (epoch, before) = asking.status().map_err(|error| asking.unreachable(&error))?;
    let answer = asking.promote(epoch, args.force).map_err(|error| asking.unreachable(&error))?;
    let node = options.membership.own();
    let said = Said { node, nodes: &options, epoch, before, answer, force: args.force };
    if args.json {
        println!("{}", said.json());
    } else {
        said.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(if said.is_primary() { 0 } else { REFUSED })
}

/// An operator's end of a node's control channel.
struct Asking {
    channel: ControlChannel,
    socket: UdpSocket,
    node: u32,
    address: SocketAddrV4,
    round: u64,
}

impl Asking {
    fn open(options: &ReplicationOptions) -> io::Result<Self> {
        let run = SystemClock::new().now().get();
        let membership = &options.membership;
        let node = membership.own();
        let own = membership.address_of(node).expect("a membership has its own node");
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_read_timeout(Some(ASK_AGAIN))?;
        let channel = ControlChannel::operator(membership, options.key.clone(), run);
        Ok(Self { channel, socket, node, address: own.control, round: run })
    }

    /// Asks until an answer is taken.
    fn ask<T>(
        &mut self,
        question: Message,
        askings_max: usize,
        mut take: impl FnMut(&Envelope, Message) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut buffer = [0; CONTROL_DATAGRAM_BYTES_MAX];
        for _ in 0..askings_max {
            let datagram = self.channel.seal(self.node, Epoch(0), question);
            self.socket.send_to(datagram, self.address)?;
            // What comes in time, one after the other; strangers' words are passed over.
            loop {
                let (bytes, from) = match self.socket.recv_from(&mut buffer) {
                    Ok((bytes, SocketAddr::V4(from))) => (bytes, from),
                    Ok(_) => continue,
                    // A port that nobody has is told to us by the next call.
                    Err(error) if is_silence(&error) => break,
                    Err(error) => return Err(error),
                };
                let opened = self.channel.open(&buffer[..bytes], from);
                let taken = opened.ok().and_then(|(from, message)| take(&from, message));
                if taken.is_some() {
                    return Ok(taken);
                }
            }
        }
        Ok(None)
    }

    /// The epoch that the node knows, and what it has.
    fn status(&mut self) -> io::Result<(Epoch, Status)> {
        let round = self.round;
        let request = StatusRequest { round, ..StatusRequest::default() };
        let status = self.ask(request.into(), ASKINGS_MAX, |from, message| match message {
            Message::Status(status) if status.round == round => Some((from.known_epoch, status)),
            _ => None,
        });
        status?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// What became of the wish: the last answer, also where that is that it goes on.
    fn promote(&mut self, epoch: Epoch, force: bool) -> io::Result<PromoteAnswer> {
        let round = self.round;
        let force = if force { YesNo::YES } else { YesNo::NO };
        let wish = Promote { round, epoch: epoch.get(), force, ..Promote::default() };
        let mut last = None;
        let answer = self.ask(wish.into(), UNDERWAY_ASKINGS_MAX, |_, message| match message {
            Message::PromoteAnswer(answer) if answer.round == round => {
                last = Some(answer);
                (answer.result != PromoteResult::UNDERWAY).then_some(answer)
            }
            _ => None,
        });
        answer?.or(last).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    fn unreachable(&self, error: &io::Error) -> End {
        let (node, address) = (self.node, self.address);
        let said = match error.kind() {
            io::ErrorKind::TimedOut => format!(
                "node {node} does not answer at {address}: it does not run, or has another key"
            ),
            _ => format!("asking node {node} at {address}: {error}"),
        };
        End::Failed(UNREADABLE, said)
    }
}

fn listed(nodes: &[u32]) -> String {
    nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether nothing came, or nobody is there yet.
fn is_silence(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused)
}

/// What is said of an answer.
struct Said<'a> {
    node: u32,
    nodes: &'a ReplicationOptions,
    /// What the node knew when it was asked, and had.
    epoch: Epoch,
    before: Status,
    answer: PromoteAnswer,
    force: bool,
}

impl Said<'_> {
    fn is_primary(&self) -> bool {
        let result = self.answer.result;
        result == PromoteResult::PROMOTED || result == PromoteResult::ALREADY_PRIMARY
    }

    /// Confirmed orders that the new primary does not have: of a promotion that was forced.
    fn lost_bytes(&self) -> u64 {
        match self.answer.result {
            PromoteResult::PROMOTED if self.force => {
                self.answer.committed.saturating_sub(self.answer.end)
            }
            _ => 0,
        }
    }

    /// The nodes that answered, the asked one among them.
    fn heard(&self) -> Vec<u32> {
        let nodes = self.nodes.membership.nodes().iter().enumerate();
        let heard = nodes.filter(|(place, _)| self.answer.heard & 1 << place != 0);
        heard.map(|(_, node)| node.node).collect()
    }

    /// The nodes that did not.
    fn unheard(&self) -> Vec<u32> {
        let (nodes, heard) = (self.nodes.membership.nodes().iter(), self.heard());
        nodes.map(|node| node.node).filter(|node| !heard.contains(node)).collect()
    }

    /// The node that is in the way, or furthest ahead.
    fn other(&self) -> String {
        let PromoteAnswer { other, other_end, other_last_epoch, .. } = &self.answer;
        format!("node {other}: its log ends at {other_end}, in epoch {other_last_epoch}")
    }

    fn lines(&self) -> Vec<String> {
        let (node, answer) = (self.node, &self.answer);
        let own = format!("{} in epoch {}", self.before.end, self.before.last_epoch);
        let first = match answer.result {
            PromoteResult::PROMOTED => {
                format!("node {node} is the primary of epoch {}", answer.epoch)
            }
            PromoteResult::ALREADY_PRIMARY => format!("node {node} is the primary already"),
            PromoteResult::UNDERWAY => format!("node {node} is still asking the others"),
            PromoteResult::EPOCH_DIFFERS => format!(
                "node {node} has learnt of another epoch than {} meanwhile: ask again",
                self.epoch
            ),
            PromoteResult::AHEAD => format!(
                "refused: in the way is {}; node {node}: {own}; promote node {}, or stop it first \
                 where it leads",
                self.other(),
                answer.other
            ),
            PromoteResult::NO_MAJORITY => format!(
                "refused: too few nodes answer that may vote: {} of {} must, node {node} included; \
                 heard: {}; --force goes without them, and may lose what was confirmed",
                answer.needed,
                self.nodes.membership.nodes().len(),
                listed(&self.heard()),
            ),
            PromoteResult::OUTVOTED => format!(
                "refused: node {} has promised epoch {} to another node",
                answer.other, answer.epoch
            ),
            PromoteResult::LOSSY => format!(
                "refused: node {node} may have lost what it acknowledged, and has not caught up"
            ),
            PromoteResult::DIVERGED => {
                format!(
                    "refused: node {node} executed the log to another outcome, or another state; \
                     it may lead when most nodes have its state"
                )
            }
            PromoteResult::DISK => {
                format!("refused: node {node} could not make its promise durable")
            }
            PromoteResult::NOT_NOW => {
                format!("refused: node {node} is asking for votes already: ask again")
            }
            PromoteResult::EMPTY => format!(
                "refused: node {node} has no store yet, and waits for another node to fill its \
                 directory; where none has ever run, begin with `isochron serve` at one"
            ),
            other => format!("node {node} answers {other:?}, which this version does not know"),
        };
        let mut lines = vec![first];
        if self.force && answer.result == PromoteResult::PROMOTED {
            lines.extend(self.forced());
        }
        lines
    }

    /// What the node that was made primary by force goes without.
    fn forced(&self) -> Vec<String> {
        let PromoteAnswer { end, committed, .. } = &self.answer;
        let mut lines = vec![match self.lost_bytes() {
            0 => format!("forced: nothing above {end} is known to be confirmed"),
            bytes => format!(
                "forced: {bytes} bytes of confirmed orders are LOST, from {end} to {committed}"
            ),
        }];
        if !self.unheard().is_empty() {
            let (unheard, node, epoch) = (listed(&self.unheard()), self.node, self.answer.epoch);
            lines.push(format!(
                "forced: not heard: {unheard}; what they alone have is cut, confirmed or not; \
                 whatever epochs they have begun, {epoch} is node {node}'s alone"
            ));
        }
        if self.answer.other != 0 {
            lines.push(format!("forced: what is beyond {end} is cut at {}", self.other()));
        }
        lines
    }

    fn json(&self) -> serde_json::Value {
        let answer = &self.answer;
        json!({
            "node": self.node,
            "result": answer.result.to_string(),
            "primary": self.is_primary(),
            "epoch": answer.epoch,
            "end": answer.end,
            "committed": answer.committed,
            "lost_bytes": self.lost_bytes(),
            "other": (answer.other != 0).then(|| json!({
                "node": answer.other,
                "end": answer.other_end,
                "last_epoch": answer.other_last_epoch,
            })),
            "needed": answer.needed,
            "heard": self.heard(),
        })
    }
}
