//! `isochron subscribe`: follows the feed like any customer, with nothing but the public crates.
//!
//! It joins the group, puts messages in order, rebuilds the books, verifies the checksums, and
//! says at the end what it saw. The decisions are in `subscribe/follower.rs`; here are the
//! socket, the clock and the terminal.

mod capture;
mod follower;
mod ladder;

use crate::agent::{Clock, IdleStrategy, Idler, SystemClock};
use crate::metrics::{AttachError, Counter, CounterWriter, Counters};
use crate::net::{BufferBytes, Endpoint, OpenError, RECEIVE_BUFFER_BYTES, Receiver};
use clap::Args as ClapArgs;
use follower::{Follower, Line, Setting, Verdict};
use isochron_feeds::mold::Session;
use std::fmt;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SECOND_NS: u64 = 1_000_000_000;

/// Options of `isochron subscribe`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Multicast group of the feed.
    #[arg(long)]
    group: Ipv4Addr,
    /// UDP port of the feed.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Session to follow, as 261122300A; the first one heard where none is given.
    #[arg(long, default_value = "", value_parser = session)]
    session: Session,
    /// Address of the interface to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    interface: Ipv4Addr,
    /// Prints one line of JSON at the end, and nothing else but errors and --messages.
    #[arg(long)]
    json: bool,
    /// Prints every message.
    #[arg(long)]
    messages: bool,
    /// Prints no line each second and no list of books at the end.
    #[arg(long)]
    quiet: bool,
    /// Reports progress in this counters file.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
    /// Throws away the Nth datagram with messages, to see the loss found.
    #[arg(long, value_name = "N")]
    drop_datagram: Option<u64>,
    /// Seconds of silence after which it gives up; 0 never does.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    idle_timeout: u64,
}

fn session(name: &str) -> Result<Session, String> {
    Session::new(name).ok_or_else(|| "at most ten letters and digits".to_owned())
}

/// Why it could not run.
enum CannotRun {
    Network(OpenError),
    Receive(Endpoint, io::Error),
    Counters(AttachError),
    Signals(io::Error),
    /// Nothing of the session was heard.
    Nothing {
        endpoint: Endpoint,
        seconds: u64,
    },
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::Receive(endpoint, error) => write!(f, "{endpoint}: receive: {error}"),
            Self::Counters(error) => write!(f, "{error}"),
            Self::Signals(error) => write!(f, "cannot watch for signals: {error}"),
            Self::Nothing { endpoint, seconds } => {
                write!(f, "{endpoint}: nothing of the session was heard in {seconds} s")
            }
        }
    }
}

/// Runs the command: 0 if nothing was missed, 1 if something was lost or a book is not the
/// exchange's, 2 if it could not run, 3 if it joined too late for the first message.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    match subscribe(&args) {
        Ok(verdict) => ExitCode::from(verdict as u8),
        Err(error) => {
            eprintln!("isochron subscribe: {error}");
            ExitCode::from(2)
        }
    }
}

fn subscribe(args: &Args) -> Result<Verdict, CannotRun> {
    let endpoint = Endpoint { group: args.group, port: args.port, interface: args.interface };
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(CannotRun::Signals)?;
    }
    let mut progress = args.counters.as_deref().map(Progress::open).transpose()?;
    let mut receiver =
        Receiver::open(endpoint, RECEIVE_BUFFER_BYTES).map_err(CannotRun::Network)?;
    let buffer = receiver.buffer();
    show_start(args, endpoint, buffer);
    if let Some(progress) = &mut progress {
        progress.listening(buffer);
    }

    let clock = SystemClock::new();
    let mut follower = Follower::new(Setting {
        session: Some(args.session).filter(|session| !session.is_blank()),
        drop_datagram: args.drop_datagram,
        messages: args.messages,
        json: args.json,
    });
    let mut idler = Idler::new(IdleStrategy::BACK_OFF);
    let start_ns = clock.now().0;
    let (mut heard_ns, mut second_ns) = (start_ns, start_ns + SECOND_NS);
    while !follower.has_ended() && !interrupted.load(Ordering::Relaxed) {
        let now_ns = clock.now().0;
        let received = receiver
            .recv_batch(|datagram| follower.on_datagram(datagram, now_ns))
            .map_err(|error| CannotRun::Receive(endpoint, error))?;
        follower.on_time(now_ns);
        print(follower.take_lines());
        if let Some(progress) = &mut progress {
            progress.update(&follower);
        }
        if received > 0 {
            heard_ns = now_ns;
        } else if args.idle_timeout > 0 && now_ns - heard_ns >= args.idle_timeout * SECOND_NS {
            break;
        }
        if now_ns >= second_ns {
            second_ns += SECOND_NS;
            if !args.json && !args.quiet {
                print([Line::Out(follower.status(now_ns))]);
            }
        }
        idler.idle(received);
    }
    follower.finish();
    print(follower.take_lines());
    if let Some(progress) = &mut progress {
        progress.update(&follower);
    }
    if follower.session().is_none() && !interrupted.load(Ordering::Relaxed) {
        let seconds = (clock.now().0 - start_ns) / SECOND_NS;
        return Err(CannotRun::Nothing { endpoint, seconds });
    }
    let dropped = receiver.dropped().unwrap_or(0);
    show_end(args, &follower, buffer, dropped);
    Ok(follower.verdict())
}

fn show_start(args: &Args, endpoint: Endpoint, buffer: BufferBytes) {
    let start = format!("listening to {endpoint}, {buffer}");
    // On stderr where stdout is for machines.
    print([if args.json { Line::Error(start) } else { Line::Out(start) }]);
}

fn show_end(args: &Args, follower: &Follower, buffer: BufferBytes, dropped: u64) {
    if args.json {
        let mut report = follower.report();
        report["receive_buffer_bytes"] = buffer.granted.into();
        report["dropped_by_system"] = dropped.into();
        print([Line::Out(report.to_string())]);
        return;
    }
    if !args.quiet {
        print(follower.books().map(Line::Out));
    }
    print([Line::Out(follower.summary())]);
    if dropped > 0 {
        let text = format!("{dropped} datagrams were dropped because the {buffer} was full");
        print([Line::Out(text)]);
    }
}

/// Prints lines at once. A reader that has gone away is no reason to stop following.
fn print(lines: impl IntoIterator<Item = Line>) {
    let (mut out, mut error) = (io::stdout().lock(), io::stderr().lock());
    for line in lines {
        let _ = match line {
            Line::Out(text) => writeln!(out, "{text}"),
            Line::Error(text) => writeln!(error, "{text}"),
        };
    }
    let _ = out.flush();
}

/// What others may watch while it runs.
struct Progress {
    buffer: CounterWriter,
    next: CounterWriter,
    messages: CounterWriter,
    datagrams: CounterWriter,
    lost: CounterWriter,
    gaps: CounterWriter,
    ended: CounterWriter,
}

impl Progress {
    /// Goes on in a file that is there, else makes one.
    fn open(path: &Path) -> Result<Progress, CannotRun> {
        let counters =
            if path.exists() { Counters::attach_writable(path) } else { Counters::create(path) };
        let counters = counters.map_err(CannotRun::Counters)?;
        Ok(Progress {
            buffer: counters.writer(Counter::RECEIVE_BUFFER_BYTES),
            next: counters.writer(Counter::SUBSCRIBER_NEXT),
            messages: counters.writer(Counter::SUBSCRIBER_MESSAGES),
            datagrams: counters.writer(Counter::SUBSCRIBER_DATAGRAMS),
            lost: counters.writer(Counter::SUBSCRIBER_LOST),
            gaps: counters.writer(Counter::SUBSCRIBER_GAPS),
            ended: counters.writer(Counter::SUBSCRIBER_ENDED),
        })
    }

    /// From now on every datagram reaches the buffer.
    fn listening(&mut self, buffer: BufferBytes) {
        self.buffer.set(buffer.granted as u64);
    }

    fn update(&mut self, follower: &Follower) {
        let statistics = follower.statistics();
        self.next.set(follower.next_sequence());
        self.messages.set(statistics.delivered);
        self.datagrams.set(follower.datagrams());
        self.lost.set(statistics.lost);
        self.gaps.set(statistics.gaps);
        self.ended.set(u64::from(follower.has_ended()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.args)
    }

    #[test]
    fn the_line_that_a_demo_prints_is_understood() {
        let line = "subscribe --group 239.77.1.1 --port 40000 --session 261122300A \
                    --interface 127.0.0.1";
        let args = parse(line).unwrap();
        assert_eq!(args.session.to_string(), "261122300A");
        assert_eq!((args.group, args.port), (Ipv4Addr::new(239, 77, 1, 1), 40_000));
        assert!(parse("subscribe --group 239.77.1.1 --port 1").unwrap().session.is_blank());
        assert!(parse("subscribe --group 239.77.1.1 --port 1 --session a-b").is_err());
        assert!(parse("subscribe --group 239.77.1.1").is_err());
    }

    #[test]
    fn what_cannot_be_listened_to_is_named() {
        for (line, part) in [
            ("subscribe --group 10.1.1.1 --port 1", "10.1.1.1 is no multicast group"),
            (
                "subscribe --group 239.77.1.1 --port 40000 --interface 203.0.113.77",
                "no such interface 203.0.113.77",
            ),
        ] {
            let error = subscribe(&parse(line).unwrap()).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
