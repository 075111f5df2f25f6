//! `isochron subscribe`: follows the feed like any customer, with nothing but the public crates.
//!
//! ```text
//!  line A ═▶ ┌──────────┐ ─▶ content: books, checksums ─▶ show: lines, a ladder, a report
//!  line B ═▶ │ follower │
//!  servers ⇄ └──────────┘ ◀─ offline: a recording instead of all of them
//! ```
//!
//! It puts messages in order, repairs what is missing, rebuilds the books, verifies the checksums,
//! and says at the end what it saw. The decisions are the crates' and `follower.rs`'s; here and in
//! `connections.rs` are the sockets and the clock, in `show.rs` the terminal.

mod args;
pub mod capture;
mod connections;
mod content;
mod faults;
mod follower;
mod ladder;
mod market;
mod network;
mod offline;
mod progress;
mod report;
mod servers;
mod show;
#[cfg(test)]
mod tests;

pub use args::Args;

use crate::agent::{Clock, IdleStrategy, Idler, SystemClock};
use crate::metrics::AttachError;
use crate::net::{Endpoint, OpenError};
use capture::CaptureError;
use content::Line;
use follower::{Follower, Verdict};
use isochron_recovery::soup::FieldError;
use network::Network;
use offline::{Lines, Played, play};
use progress::Progress;
use servers::{Servers, ServersError};
use show::{Show, print};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SECOND_NS: u64 = 1_000_000_000;

/// Why it could not run.
#[derive(Debug)]
enum CannotRun {
    Network(OpenError),
    Receive(Endpoint, io::Error),
    Servers(ServersError),
    Login(FieldError),
    Requests(io::Error),
    Counters(AttachError),
    Signals(io::Error),
    Terminal(io::Error),
    Record(PathBuf, io::Error),
    Recording(PathBuf, CaptureError),
    /// Nothing of the session was heard.
    Nothing(Endpoint, u64),
    /// Nothing of the session is in a recording.
    NothingRecorded(PathBuf, Played),
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::Receive(endpoint, error) => write!(f, "{endpoint}: receive: {error}"),
            Self::Servers(error) => write!(f, "{error}"),
            Self::Login(error) => write!(f, "no login: {error}"),
            Self::Requests(error) => write!(f, "no socket for requests: {error}"),
            Self::Counters(error) => write!(f, "{error}"),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Terminal(error) => write!(f, "the terminal: {error}"),
            Self::Record(path, error) => write!(f, "cannot record in {}: {error}", path.display()),
            Self::Recording(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Nothing(endpoint, seconds) => {
                write!(f, "{endpoint}: nothing of the session was heard in {seconds} s")
            }
            Self::NothingRecorded(path, Played { packets, .. }) => {
                write!(f, "{}: nothing of the session in {packets} packets", path.display())
            }
        }
    }
}

/// Why nothing more is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The session ended, or a signal came.
    Session,
    /// Nothing came for as long as was to be waited.
    Silence,
    /// Somebody at the terminal has seen enough.
    Choice,
}

/// Runs the command: 0 if nothing was missed, 1 if something was lost or a book is not the
/// exchange's, 2 if it could not run, 3 if it joined too late for the first message.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    let done = match args.from.clone() {
        Some(path) => replay(&args, path),
        None => subscribe(&args),
    };
    match done {
        Ok(verdict) => ExitCode::from(verdict as u8),
        Err(error) => {
            eprintln!("isochron subscribe: {error}");
            ExitCode::from(2)
        }
    }
}

fn subscribe(args: &Args) -> Result<Verdict, CannotRun> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(CannotRun::Signals)?;
    }
    let servers = Servers::of(&args.repair).map_err(CannotRun::Servers)?;
    let mut follower = Follower::new(args.setting(), &servers).map_err(CannotRun::Login)?;
    let mut progress = open_progress(args)?;
    let mut network = Network::open(args, servers)?;
    network.say_start(args.json);
    if let Some(progress) = &mut progress {
        progress.listening(network.buffer());
    }

    let clock = SystemClock::new();
    let start_ns = clock.now().0;
    let mut show = Show::open(args, start_ns).map_err(CannotRun::Terminal)?;
    let mut idler = Idler::new(IdleStrategy::BACK_OFF);
    let (mut heard_ns, mut delivered) = (start_ns, 0);
    let ending = loop {
        let now_ns = clock.now().0;
        let heard = network.receive(&mut follower, now_ns)?;
        let repaired = network.repair(&mut follower, now_ns);
        follower.on_time(now_ns);
        show.lines(follower.take_lines());
        if let Some(progress) = &mut progress {
            progress.update(&follower);
        }
        if !show.look(&mut follower, now_ns).map_err(CannotRun::Terminal)? {
            break Ending::Choice;
        }
        if follower.has_ended() || interrupted.load(Ordering::Relaxed) {
            break Ending::Session;
        }
        // A replay may go on when the lines are silent; its heartbeats are no news.
        let before = std::mem::replace(&mut delivered, follower.statistics().delivered);
        if heard > 0 || delivered > before {
            heard_ns = now_ns;
        } else if args.idle_timeout > 0 && now_ns - heard_ns >= args.idle_timeout * SECOND_NS {
            break Ending::Silence;
        }
        idler.idle(heard + repaired);
    };
    follower.finish(clock.now().0, ending == Ending::Choice);
    network.repair(&mut follower, clock.now().0);
    show.lines(follower.take_lines());
    show.close();
    network.end_recording()?;
    if let Some(progress) = &mut progress {
        progress.update(&follower);
    }
    let now_ns = clock.now().0;
    if ending == Ending::Silence && follower.session().is_none() {
        let seconds = (now_ns - start_ns) / SECOND_NS;
        return Err(CannotRun::Nothing(network.line_a(), seconds));
    }
    let mut report = follower.report(now_ns);
    network.add_to(&mut report);
    say_end(args, &follower, &report);
    network.say_end(args.json);
    Ok(follower.verdict())
}

/// Follows a recording.
fn replay(args: &Args, path: PathBuf) -> Result<Verdict, CannotRun> {
    let file = File::open(&path)
        .map_err(|error| CaptureError::Read { offset: 0, error })
        .map_err(|error| CannotRun::Recording(path.clone(), error))?;
    let mut follower =
        Follower::new(args.setting(), &Servers::default()).map_err(CannotRun::Login)?;
    let mut progress = open_progress(args)?;
    let group = |endpoint: Endpoint| SocketAddrV4::new(endpoint.group, endpoint.port);
    let (a, b) = (args.line_a().map(group), args.line_b().map(group));
    let lines = Lines { a, b, given: a.is_some() };
    let mut show = None;
    let look = |follower: &mut Follower, now_ns| {
        let show: &mut Show = show.get_or_insert_with(|| Show::of_lines(args, now_ns));
        show.lines(follower.take_lines());
        // Lines alone meet no errors.
        let _ = show.look(follower, now_ns);
    };
    let session = args.setting().session;
    let played = play(BufReader::new(file), lines, session, &mut follower, look);
    let played = played.map_err(|error| CannotRun::Recording(path.clone(), error))?;
    let Played { time_ns, packets, cut_short, .. } = played;
    follower.finish(time_ns, false);
    print(follower.take_lines());
    if let Some(progress) = &mut progress {
        progress.update(&follower);
    }
    if cut_short > 0 {
        let text = format!("{cut_short} of {packets} packets were captured in part only");
        print([Line::Error(text)]);
    }
    if follower.session().is_none() {
        return Err(CannotRun::NothingRecorded(path, played));
    }
    say_end(args, &follower, &follower.report(time_ns));
    Ok(follower.verdict())
}

fn open_progress(args: &Args) -> Result<Option<Progress>, CannotRun> {
    args.counters.as_deref().map(Progress::open).transpose().map_err(CannotRun::Counters)
}

/// The last words: a line of JSON, or the books and a line.
fn say_end(args: &Args, follower: &Follower, report: &serde_json::Value) {
    if args.json {
        print([Line::Out(report.to_string())]);
        return;
    }
    if !args.quiet && args.level.is_none() {
        print(follower.content.book_lines().map(Line::Out));
    }
    print([Line::Out(follower.summary())]);
}
