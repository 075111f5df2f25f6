//! The verdict on a run that lost its primary.

use super::super::pace::Pace;
use super::super::report::{Check, Report, check_dropped, check_subscriber, engine_books};
use super::super::source::SourceAgent;
use super::super::subscribers::Ended;
use super::super::{Outcome, text};
use super::audit::{Audit, audit, compare};
use super::cluster::EndedNode;
use super::operator::Takeover;
use super::report::{Failover, check_confirmed, check_states};
use super::service::{Marks, Phases, Service};
use crate::metrics::Collector;

/// A run whose processes have ended.
pub(super) struct Finished {
    pub(super) source: Box<SourceAgent>,
    pub(super) collector: Collector,
    pub(super) trading_ns: u64,
    pub(super) pace: Pace,
    pub(super) interrupted: bool,
    /// How the primary was lost; `None` where trading ended before.
    pub(super) takeover: Option<Takeover>,
    pub(super) marks: Marks,
    pub(super) phases: Phases,
    /// Commands before the flow's.
    pub(super) setup_commands: u64,
    /// What the node that was killed had committed, held against the new primary's log.
    pub(super) kept: Option<Outcome<u64>>,
    /// The nodes, the last primary first.
    pub(super) nodes: Vec<EndedNode>,
    pub(super) feed_datagrams: u64,
    pub(super) drop_datagram: Option<u64>,
}

impl Finished {
    /// Executes the log again, and judges everything.
    pub(super) fn report(mut self, session: &str, ended: Vec<Ended>) -> Outcome<Report> {
        let tally = std::mem::take(&mut self.source.tally);
        let (notes, commands) = (self.source.notes(), self.source.orders());
        let mut checks = vec![Check {
            name: "the source read the whole log".into(),
            fault: self.source.error().map(text),
        }];
        checks.extend(self.source.flow_error().map(|fault| Check {
            name: "the order file was played to its end".into(),
            fault: Some(fault),
        }));
        let service: Service = (*self.source).into_journal().ok_or("the journal is gone")?;
        let told = service.confirmed();
        let audit = audit(&self.nodes[0].place, &told, self.setup_commands)?;
        let machine = audit.replay.machine();
        let (books, state_hash) = (engine_books(machine), machine.state_hash());
        checks.extend(check_confirmed(&told, &audit));
        checks.extend(check_logs(&self.nodes, self.kept.take(), audit.end.0));
        checks.push(check_states(&self.nodes, audit.end.0, state_hash));
        checks.push(Check {
            name: "money and shares are conserved".into(),
            fault: machine.check_conservation().err(),
        });
        checks.push(check_feed(&audit));
        checks.extend(ended.iter().map(|one| check_follower(one, session, &audit, &books)));
        checks.extend(self.nodes.iter().map(|node| Check {
            name: format!("node {} ended in order", node.place.node),
            fault: node.fault.clone(),
        }));
        checks.extend(self.drop_datagram.map(|number| check_dropped(&ended, number)));
        if !self.interrupted || self.takeover.is_some() {
            let never = self.takeover.is_none().then(|| "trading ended before".to_owned());
            checks
                .push(Check { name: "the primary was killed in the middle".into(), fault: never });
        }
        let Self { marks, phases, takeover, nodes, .. } = self;
        let failover = takeover.map(|takeover| {
            let (nodes, latencies) = (nodes.len(), phases.end());
            Failover { nodes, takeover, marks, told, latencies }
        });
        Ok(Report {
            notes,
            commands,
            tally,
            latencies: self.collector.total(),
            latencies_missed: self.collector.missed(),
            trading_ns: self.trading_ns,
            open_loop: self.pace != Pace::Max,
            interrupted: self.interrupted,
            events: audit.replay.events(),
            log_bytes: audit.end.0,
            feed_messages: audit.feed_messages,
            l3_messages: audit.l3_messages,
            feed_datagrams: self.feed_datagrams,
            state_hash,
            checksums: books,
            subscribers: ended,
            failover,
            checks,
        })
    }
}

/// That all nodes have one log, and that nothing is missing in it that the one that was killed had
/// committed.
fn check_logs(nodes: &[EndedNode], kept: Option<Outcome<u64>>, end: u64) -> Vec<Check> {
    let (primary, others) = nodes.split_first().expect("the primary is there");
    let mut bytes = end;
    let fault = others.iter().find_map(|other| {
        let compared = compare(&other.place, &primary.place);
        let short = |own: &u64| {
            (*own != end).then(|| format!("node {} ends at {own}, not {end}", other.place.node))
        };
        bytes = bytes.min(compared.as_ref().copied().unwrap_or(0));
        compared.as_ref().map_or_else(|error| Some(error.clone()), short)
    });
    let equal = format!("the logs of {} nodes are equal: {bytes} bytes", nodes.len());
    let mut checks = vec![Check { name: equal, fault }];
    checks.extend(kept.map(|kept| Check {
        name: match &kept {
            Ok(bytes) => {
                format!("all that the killed node had committed is in them: {bytes} bytes")
            }
            Err(_) => "all that the killed node had committed is in them".to_owned(),
        },
        fault: kept.err(),
    }));
    checks
}

/// That the log makes a feed.
fn check_feed(audit: &Audit) -> Check {
    let anomalies = Some(audit.anomalies).filter(|anomalies| *anomalies > 0);
    Check {
        name: "the feed was made again of the log".to_owned(),
        fault: anomalies.map(|n| format!("{n} outcomes did not fit the feed's books")),
    }
}

/// What a subscriber must have ended with: all of it, by the numbers of the session that it began
/// with, and without a new beginning by a snapshot.
fn check_follower(
    ended: &Ended,
    session: &str,
    audit: &Audit,
    books: &[super::super::report::EngineBook],
) -> Check {
    let mut check = check_subscriber(ended, audit.l3_messages, books);
    check.name += ", its books equal, without a renumbering";
    if let Some(report) = ended.report.as_ref().filter(|_| check.fault.is_none()) {
        if report["session"] != session {
            check.fault = Some(format!("it ended in session {}", report["session"]));
        } else if report["snapshots"] != 0 {
            check.fault = Some(format!("it began anew, {} times", report["snapshots"]));
        }
    }
    check
}
