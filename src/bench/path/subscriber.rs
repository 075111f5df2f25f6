//! A subscriber in a process of its own, which notes when it has each event.
//!
//! The exchange's process starts the same program with `--receive`, waits for its word that it
//! listens, and reads the times from a file when it has ended. Both processes add one monotonic
//! clock to UTC, each anchored on its own: their times differ by some tens of nanoseconds.

use crate::agent::{
    Agent, Clock, IdleStrategy, Placement, StopFlag, SystemClock, cores_available, start, take,
};
use crate::bench::causes;
use crate::bench::report::Report;
use crate::bench::watch::Watched;
use crate::memory::table;
use crate::net::{Endpoint, RECEIVE_BUFFER_BYTES, Receiver};
use crate::types::Nanos;
use clap::Args as ClapArgs;
use isochron_feeds::subscriber::{Event, Options, Source, State, Subscriber};
use isochron_messages::Message;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Where the benchmark's feed goes; the port is a free one.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 2);
pub(super) const INTERFACE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// After so long without a datagram the receiver gives up.
const SILENCE_NS_MAX: u64 = 20_000_000_000;

/// How the other process is told what to do.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ReceiveArgs {
    /// Notes the times of a feed in this file, as the other process of a run.
    #[arg(long, hide = true, requires_all = ["receive_port", "receive_events"])]
    receive: Option<PathBuf>,
    /// The feed's port.
    #[arg(long, hide = true)]
    receive_port: Option<u16>,
    /// Events to make room for.
    #[arg(long, hide = true)]
    receive_events: Option<usize>,
    /// The core to stay on.
    #[arg(long, hide = true)]
    receive_core: Option<usize>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Notes when the last message of each event came.
struct ReceiveAgent {
    receiver: Receiver,
    subscriber: Subscriber,
    clock: SystemClock,
    /// By event id.
    times: Vec<u64>,
    undecodable: u64,
    heard: u64,
    stop: StopFlag,
    error: Option<String>,
}

impl Agent for ReceiveAgent {
    fn name(&self) -> &str {
        "subscriber"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let Self { receiver, subscriber, clock, times, undecodable, .. } = self;
        let received = receiver.recv_batch(|datagram| {
            let now = clock.now().0;
            let mut on_event = |event: Event<'_>| {
                if let Event::Message { bytes, .. } = event {
                    match Message::decode(bytes) {
                        Ok(message) => {
                            let at = usize::try_from(message.event_id()).ok();
                            if let Some(time) = at.and_then(|at| times.get_mut(at)) {
                                *time = now;
                            }
                        }
                        Err(_) => *undecodable += 1,
                    }
                }
            };
            // What is refused is counted by the subscriber.
            let _ = subscriber.on_datagram(Source::LineA, datagram, now, &mut on_event);
        });
        match received {
            Ok(0) => {
                let silent = self.heard > 0 && now.0 > self.heard + SILENCE_NS_MAX;
                if silent || self.subscriber.state(now.0) == State::Ended {
                    self.stop.stop();
                }
                0
            }
            Ok(received) => {
                self.heard = now.0;
                received
            }
            Err(error) => {
                self.error = Some(error.to_string());
                self.stop.stop();
                0
            }
        }
    }
}

/// The other process, if this is it.
pub(super) fn receive(args: &ReceiveArgs) -> Option<Result<Report, String>> {
    let path = args.receive.as_ref()?;
    let (port, events) = (args.receive_port?, args.receive_events?);
    Some(receive_to(path, port, events, args.receive_core))
}

fn receive_to(
    path: &Path,
    port: u16,
    events: usize,
    core: Option<usize>,
) -> Result<Report, String> {
    let endpoint = Endpoint { group: GROUP, port, interface: INTERFACE };
    let receiver = Receiver::open(endpoint, RECEIVE_BUFFER_BYTES).map_err(text)?;
    let (clock, stop) = (SystemClock::new(), StopFlag::new());
    let mut times = table(events);
    times.resize(events, 0);
    let agent = ReceiveAgent {
        receiver,
        subscriber: Subscriber::new(Options::default()),
        clock,
        times,
        undecodable: 0,
        heard: clock.now().0,
        stop: stop.clone(),
        error: None,
    };
    println!("listening");
    let placement = match core {
        Some(core) => Placement { cores: vec![core], ..Placement::dedicated(IdleStrategy::Spin) },
        None => Placement::dedicated(IdleStrategy::BACK_OFF),
    };
    let watched = Watched::new(agent, clock, 0, |_| 0);
    let running = start(vec![Box::new(watched)], &placement, &clock, &stop).map_err(text)?;
    let mut agents =
        running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let watched: Box<Watched<ReceiveAgent>> = take(&mut agents).ok_or("the subscriber is gone")?;
    let (agent, _, sight) = watched.finish();
    if let Some(error) = agent.error {
        return Err(error);
    }
    let bytes: Vec<u8> = agent.times.iter().flat_map(|time| time.to_le_bytes()).collect();
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let statistics = agent.subscriber.statistics();
    let (note, thread) = causes::sight(&sight);
    let json = json!({
        "messages": statistics.delivered, "lost": statistics.lost,
        "undecodable": agent.undecodable, "dropped": agent.receiver.dropped().unwrap_or(0),
        "ended": agent.subscriber.state(clock.now().0) == State::Ended,
        "thread": thread, "note": note,
    });
    Ok(Report { notes: Vec::new(), line: json.to_string(), json, fault: None })
}

/// The other process, from this side.
pub(super) struct Receiving {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    path: PathBuf,
}

/// What it saw.
pub(super) struct Received {
    /// By event id; 0 where nothing came.
    pub(super) times: Vec<u64>,
    /// What it says of itself.
    pub(super) report: Value,
}

impl Received {
    /// Why its times say nothing, if something is wrong.
    pub(super) fn fault(&self) -> Option<String> {
        let number = |name: &str| self.report[name].as_u64().unwrap_or(0);
        let (lost, undecodable) = (number("lost"), number("undecodable"));
        let ended = self.report["ended"].as_bool() == Some(true);
        let wrong = lost > 0 || undecodable > 0 || !ended;
        wrong.then(|| {
            format!(
                "the subscriber lost {lost} messages and could not read {undecodable}; it \
                     heard the session's end: {ended}"
            )
        })
    }
}

impl Receiving {
    /// Starts it, and waits until it listens.
    pub(super) fn start(
        directory: &Path,
        port: u16,
        events: usize,
        core: Option<usize>,
    ) -> Result<Self, String> {
        let path = directory.join("received");
        let program = std::env::current_exe().map_err(text)?;
        let mut command = Command::new(program);
        command.args(["bench", "path", "--receive"]).arg(&path);
        command.args(["--receive-port", &port.to_string()]);
        command.args(["--receive-events", &events.to_string()]);
        if let Some(core) = core {
            command.args(["--receive-core", &core.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a subscriber: {error}"))?;
        let stdout = child.stdout.take().ok_or("the subscriber has no output")?;
        let mut receiving = Self { child, lines: BufReader::new(stdout).lines(), path };
        receiving.line()?;
        Ok(receiving)
    }

    fn line(&mut self) -> Result<String, String> {
        self.lines.next().ok_or("the subscriber ended at once")?.map_err(text)
    }

    /// Waits for its end.
    pub(super) fn finish(mut self) -> Result<Received, String> {
        let report = serde_json::from_str(&self.line()?).map_err(text)?;
        let bytes = std::fs::read(&self.path).map_err(text)?;
        let (words, _) = bytes.as_chunks::<8>();
        let times = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Ok(Received { times, report })
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where source, core and feed run, and the core of the subscriber: each on its own where there
/// are four; else those three take turns on one, and the subscriber has the other.
pub(super) fn placement() -> (Placement, Option<usize>) {
    match cores_available() {
        0 | 1 => (Placement::shared(IdleStrategy::BACK_OFF), None),
        2 | 3 => (Placement { cores: vec![0], ..Placement::shared(IdleStrategy::Spin) }, Some(1)),
        _ => {
            let cores = vec![0, 1, 2];
            (Placement { cores, ..Placement::dedicated(IdleStrategy::Spin) }, Some(3))
        }
    }
}

/// Between two looks at whether a run is over: what looks takes a core from what is measured.
pub(super) const LOOK: Duration = Duration::from_millis(100);
