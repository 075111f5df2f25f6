//! Who publishes, who follows, how, from when, and with what loss: every combination once.
//!
//! ```text
//!   from the start   follower ready, publisher begins ───────────────▶ end
//!   late             one follows ── a term ──▶ the late one joins ───▶ end
//!                      by unicast it has left then: one endpoint, one receiver
//! ```
//!
//! Each case has a port, so that its part of a capture is known by it. What a case prints as
//! `case ...` tells the reader of the capture which datagrams must have been dropped.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};

use crate::Outcome;
use crate::client::{Client, counters};
use crate::driver::{Driver, Loss, Settings};
use crate::java;
use crate::log::{Log, message};
use crate::ours;
use crate::stage::{Seat, Stage};
use crate::stream::{Stream, TERM_BYTES, WINDOW_BYTES};
use crate::theirs;
use crate::watch;

/// The first case's port.
const FIRST_PORT: u16 = 43_000;

/// Published before a follower that is not late may be done, and after a late one has joined.
const PUBLISHED_BYTES: u64 = 3 * TERM_BYTES;

/// One of the two that are judged, each by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Isochron's sender or receiver.
    Ours,
    /// The C driver.
    Aeron,
    /// The Java driver and its samples.
    Java,
    /// The C program of the documentation.
    Watch,
}

/// The samples print no counters.
const NOT_SAID: &str = "not said";

/// What was published.
#[derive(Clone, Debug)]
enum Sent {
    Log(Log),
    File(PathBuf),
}

/// A combination.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub publisher: Side,
    pub follower: Side,
    pub multicast: bool,
    pub late: bool,
    pub loss: Option<Loss>,
}

/// What a follower has followed, and its counters.
pub type Followed = (Log, String);

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Ours => "isochron",
            Self::Aeron => "aeron",
            Self::Java => "java",
            Self::Watch => "the documented program",
        }
    }
}

impl Case {
    /// All that the two make, a port apart each.
    pub fn all(publisher: Side, follower: Side) -> Vec<Self> {
        let mut cases = Vec::new();
        for multicast in [false, true] {
            for late in [false, true] {
                for rate in [0.0, 0.02] {
                    let seed = 0x1005_0000_0000 + cases.len() as u64;
                    let loss = (rate > 0.0).then_some(Loss { rate, seed });
                    cases.push(Self { publisher, follower, multicast, late, loss });
                }
            }
        }
        cases
    }

    /// All with us at one end.
    pub fn judged() -> Vec<Self> {
        let mut cases = Self::all(Side::Ours, Side::Aeron);
        cases.extend(Self::all(Side::Aeron, Side::Ours));
        if watch::program().is_ok() {
            let (publisher, follower, loss) = (Side::Ours, Side::Watch, None);
            cases.push(Self { publisher, follower, multicast: true, late: false, loss });
        }
        if java::Java::found().is_ok() {
            cases.extend(Self::with_java(Side::Ours));
        }
        cases
    }

    /// A few with the Java driver at one end.
    pub fn with_java(other: Side) -> Vec<Self> {
        let follows = |multicast, late, rate| (other, Side::Java, multicast, late, rate);
        let publishes = |multicast| (Side::Java, other, multicast, false, 0.02);
        let combinations = [
            follows(false, false, 0.0),
            follows(false, false, 0.02),
            follows(true, false, 0.02),
            follows(true, true, 0.02),
            publishes(false),
            publishes(true),
        ];
        let cases = combinations.into_iter().map(|(publisher, follower, multicast, late, rate)| {
            let loss = (rate > 0.0).then_some(Loss { rate, seed: 0x1005_0000_0101 });
            Self { publisher, follower, multicast, late, loss }
        });
        cases.collect()
    }

    fn name(&self) -> String {
        let Self { publisher, follower, multicast, late, loss } = self;
        let cast = if *multicast { "multicast" } else { "unicast" };
        let when = if *late { "late" } else { "start" };
        let percent = loss.map_or(0.0, |loss| loss.rate * 100.0);
        format!("{} to {} {cast} {when} {percent}%", publisher.word(), follower.word())
    }
}

/// Runs cases one after the other; how many were not right.
pub fn run(cases: &[Case]) -> Outcome<(usize, usize)> {
    let mut failed = 0;
    for (number, case) in cases.iter().enumerate() {
        let port = FIRST_PORT + number as u16;
        let endpoint = match case.multicast {
            true => Ipv4Addr::new(239, 78, 2, 1),
            false => Ipv4Addr::LOCALHOST,
        };
        let endpoint = SocketAddrV4::new(endpoint, port);
        let stream = Stream {
            endpoint,
            id: 1001,
            // Chosen by us; Aeron takes any.
            session: ours::session(&endpoint),
            is_text: case.follower == Side::Java,
            ends: case.follower == Side::Watch,
            bytes_per_second: 6_000_000,
        };
        let name = case.name();
        let judged = Seat::default();
        match run_one(case, &stream, &judged) {
            Ok(words) => println!("{name}: {words}"),
            Err(failure) => {
                failed += 1;
                println!("{name}: FAILED: {failure}");
            }
        }
        let (rate, seed) = case.loss.map_or((0.0, 0), |loss| (loss.rate, loss.seed));
        println!(
            "case port={port} session={} late={} rate={rate} seed={seed} generator={} joined={} \
             name={name}",
            stream.session,
            u8::from(case.late),
            if case.follower == Side::Java { "java" } else { "erand48" },
            judged.joined().unwrap_or(0),
        );
    }
    Ok((cases.len() - failed, failed))
}

fn run_one(case: &Case, stream: &Stream, judged: &Seat) -> Outcome<String> {
    let (stage, first) = (Stage::new(), Seat::default());
    std::thread::scope(|scope| {
        let outcome = direct(scope, case, stream, &stage, &first, judged);
        stage.curtain.store(true, Ordering::Release);
        outcome
    })
}

/// Starts the ends of a case in their order, and compares what was followed with what was sent.
fn direct<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    case: &'env Case,
    stream: &'env Stream,
    stage: &'env Stage,
    first: &'env Seat,
    judged: &'env Seat,
) -> Outcome<String> {
    let published = || stage.published.load(Ordering::Acquire);
    let follow = |seat: &'env Seat, side: Side, loss: Option<Loss>| {
        scope.spawn(move || follow(side, stream, loss, stage, seat).map_err(|e| e.to_string()))
    };
    let early = if case.late { first } else { judged };
    let early_loss = if case.late { None } else { case.loss };
    let early_side = if case.late { Side::Aeron } else { case.follower };
    let early_thread = follow(early, early_side, early_loss);
    stage.wait("the follower is ready", || {
        early.ready.load(Ordering::Acquire) || early_thread.is_finished()
    })?;
    if early_thread.is_finished() {
        return Err(join(early_thread).err().unwrap_or_else(|| "it left at once".into()));
    }
    let publisher = scope.spawn(move || {
        publish(case.publisher, stream, stage).map_err(|failure| failure.to_string())
    });
    let mut threads = vec![early_thread];
    if case.late {
        stage.wait("a term was published", || {
            published() > TERM_BYTES + TERM_BYTES / 8 || publisher.is_finished()
        })?;
        if !case.multicast {
            first.leave.store(true, Ordering::Release);
            stage.wait("the first one has left", || threads[0].is_finished())?;
        }
        threads.push(follow(judged, case.follower, case.loss));
    }
    stage.wait("it has joined and enough was published", || {
        let judged_is_gone = threads.last().is_some_and(|thread| thread.is_finished());
        let ended = judged_is_gone || publisher.is_finished() || stage.end().is_some();
        ended || judged.joined().is_some_and(|at| published() > at + PUBLISHED_BYTES)
    })?;
    stage.enough.store(true, Ordering::Release);
    let followed: Vec<Result<Followed, _>> = threads.into_iter().map(join).collect();
    stage.curtain.store(true, Ordering::Release);
    let (sent, sender_counters) = join(publisher)?;
    report(case, stream, &sent, &sender_counters, followed, judged)
}

fn join<T>(thread: ScopedJoinHandle<'_, Result<T, String>>) -> Outcome<T> {
    Ok(thread.join().map_err(|_| "a thread of the case panicked")??)
}

/// Compares all that was followed; the judged one's figures.
fn report(
    case: &Case,
    stream: &Stream,
    sent: &Sent,
    sender_counters: &str,
    followed: Vec<Outcome<Followed>>,
    judged: &Seat,
) -> Outcome<String> {
    let mut words = String::new();
    for (number, followed) in followed.into_iter().enumerate().rev() {
        let (mut log, counters) = followed?;
        let is_judged = words.is_empty();
        let left_before = case.late && !case.multicast && !is_judged;
        if left_before {
            continue;
        }
        match sent {
            Sent::Log(sent) => {
                if is_judged && case.follower == Side::Java {
                    log.place_by(sent);
                    judged.join(log.from);
                }
                sent.check(&log).map_err(|fault| format!("follower {number}: {fault}"))?;
            }
            Sent::File(file) => java::check_file(&log, stream, file)?,
        }
        if is_judged {
            let (frames, from, to) = (log.len(), log.from, log.end());
            if case.late && from <= TERM_BYTES {
                return Err(format!("it joined at {from}, which is not late").into());
            }
            words = format!("{frames} events from {from} to {to}, window {WINDOW_BYTES}, ");
            words += &format!("follower {counters}, publisher {sender_counters}");
        }
    }
    Ok(words)
}

fn publish(side: Side, stream: &Stream, stage: &Stage) -> Outcome<(Sent, String)> {
    match side {
        Side::Ours => {
            let (log, counters) = ours::publish(stream, stage)?;
            Ok((Sent::Log(log), counters))
        }
        Side::Aeron => {
            let driver = Driver::start(&Settings::calm())?;
            let log = theirs::publish(stream, &driver, stage)?;
            Ok((Sent::Log(log), counters(&Client::new(driver.directory())?)))
        }
        Side::Watch => Err("it publishes nothing".into()),
        Side::Java => {
            let file = std::env::temp_dir().join(format!("isochron-aeron-{}", std::process::id()));
            let (mut content, mut piece) = (Vec::new(), Vec::new());
            for number in 0.. {
                if content.len() as u64 > PUBLISHED_BYTES {
                    break;
                }
                message(number, &mut piece);
                content.extend_from_slice(&piece);
            }
            std::fs::write(&file, content)?;
            java::publish(stream, &file, stage)?;
            Ok((Sent::File(file), NOT_SAID.into()))
        }
    }
}

fn follow(
    side: Side,
    stream: &Stream,
    loss: Option<Loss>,
    stage: &Stage,
    seat: &Seat,
) -> Outcome<Followed> {
    match side {
        Side::Ours => ours::follow(stream, loss, stage, seat),
        Side::Aeron => theirs::follow(stream, &Settings { loss, ..Settings::calm() }, stage, seat),
        Side::Watch => Ok((watch::follow(stream, stage, seat)?, NOT_SAID.into())),
        Side::Java => Ok((java::follow(stream, loss, stage, seat)?, NOT_SAID.into())),
    }
}
