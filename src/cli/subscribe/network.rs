//! The sockets of a subscriber, and the recording of what they bring.

use super::CannotRun;
use super::args::Args;
use super::capture::Recorder;
use super::connections::Connections;
use super::content::Line;
use super::follower::Follower;
use super::servers::Servers;
use super::show::print;
use crate::net::{BufferBytes, Endpoint, RECEIVE_BUFFER_BYTES, Receiver};
use isochron_feeds::subscriber::Source;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddrV4;
use std::path::PathBuf;

/// A line's socket.
struct Listener {
    source: Source,
    endpoint: Endpoint,
    receiver: Receiver,
}

/// A file that datagrams are recorded in.
struct Recording {
    path: PathBuf,
    recorder: Recorder<BufWriter<File>>,
    /// The first error, which ends it: a recording with a hole is none.
    failed: Option<io::Error>,
}

impl Recording {
    fn open(path: &PathBuf) -> Result<Self, CannotRun> {
        let recorder = File::create(path).map(BufWriter::new).and_then(Recorder::new);
        let recorder = recorder.map_err(|error| CannotRun::Record(path.clone(), error))?;
        Ok(Self { path: path.clone(), recorder, failed: None })
    }

    fn record(&mut self, now_ns: u64, from: SocketAddrV4, to: SocketAddrV4, datagram: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.recorder.record(now_ns, from, to, datagram).err();
        }
    }

    fn check(&mut self) -> Result<(), CannotRun> {
        let failed = self.failed.take();
        failed.map_or(Ok(()), |error| Err(CannotRun::Record(self.path.clone(), error)))
    }
}

/// All that is listened to and asked.
pub(super) struct Network {
    listeners: Vec<Listener>,
    connections: Option<Connections>,
    recording: Option<Recording>,
}

impl Network {
    pub(super) fn open(args: &Args, servers: Servers) -> Result<Self, CannotRun> {
        let a = args.line_a().expect("the command line wants one where nothing is played");
        let mut listeners = Vec::new();
        for (source, endpoint) in [(Source::LineA, Some(a)), (Source::LineB, args.line_b())] {
            let Some(endpoint) = endpoint else { continue };
            let receiver =
                Receiver::open(endpoint, RECEIVE_BUFFER_BYTES).map_err(CannotRun::Network)?;
            listeners.push(Listener { source, endpoint, receiver });
        }
        let repairs = !servers.is_empty();
        let connections = repairs.then(|| Connections::open(servers)).transpose();
        Ok(Self {
            listeners,
            connections: connections.map_err(CannotRun::Requests)?,
            recording: args.record.as_ref().map(Recording::open).transpose()?,
        })
    }

    /// Where line A comes from.
    pub(super) fn line_a(&self) -> Endpoint {
        self.listeners[0].endpoint
    }

    /// What line A's socket was granted; line B's is granted the same.
    pub(super) fn buffer(&self) -> BufferBytes {
        self.listeners[0].receiver.buffer()
    }

    /// Takes what came on the lines; returns how many datagrams.
    pub(super) fn receive(
        &mut self,
        follower: &mut Follower,
        now_ns: u64,
    ) -> Result<usize, CannotRun> {
        let mut received = 0;
        for Listener { source, endpoint, receiver } in &mut self.listeners {
            let to = SocketAddrV4::new(endpoint.group, endpoint.port);
            let taken = receiver.recv_batch_from(|from, datagram| {
                if let Some(recording) = &mut self.recording {
                    recording.record(now_ns, from, to, datagram);
                }
                follower.on_datagram(*source, datagram, now_ns);
            });
            received += taken.map_err(|error| CannotRun::Receive(*endpoint, error))?;
        }
        self.recording.as_mut().map_or(Ok(()), Recording::check)?;
        Ok(received)
    }

    /// Asks for what is missing, and takes what is sent for it; returns how much there was to do.
    pub(super) fn repair(&mut self, follower: &mut Follower, now_ns: u64) -> usize {
        let Some(connections) = &mut self.connections else { return 0 };
        // The address of this machine as the servers see it is nobody's business.
        let to = SocketAddrV4::new(self.listeners[0].endpoint.interface, connections.local_port());
        connections.work(follower, now_ns, |from, datagram| {
            if let Some(recording) = &mut self.recording {
                recording.record(now_ns, from, to, datagram);
            }
        })
    }

    /// Ends the recording, if there is one.
    pub(super) fn end_recording(&mut self) -> Result<(), CannotRun> {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        recording.failed = recording.failed.take().or(recording.recorder.flush().err());
        recording.check()?;
        let packets = recording.recorder.packets();
        let text = format!("{packets} datagrams recorded in {}", recording.path.display());
        print([Line::Error(text)]);
        Ok(())
    }

    /// Says what is listened to: on stderr where stdout is for machines.
    pub(super) fn say_start(&self, json: bool) {
        for Listener { endpoint, receiver, .. } in &self.listeners {
            let start = format!("listening to {endpoint}, {}", receiver.buffer());
            print([if json { Line::Error(start) } else { Line::Out(start) }]);
        }
    }

    /// Datagrams that the system dropped because a buffer was full.
    fn dropped(&self) -> u64 {
        self.listeners.iter().map(|line| line.receiver.dropped().unwrap_or(0)).sum()
    }

    /// What only sockets know.
    pub(super) fn add_to(&self, report: &mut Value) {
        report["receive_buffer_bytes"] = self.buffer().granted.into();
        report["dropped_by_system"] = self.dropped().into();
    }

    /// Says what was lost in this machine.
    pub(super) fn say_end(&self, json: bool) {
        let dropped = self.dropped();
        if dropped > 0 && !json {
            let buffer = self.buffer();
            let text = format!("{dropped} datagrams were dropped because the {buffer} was full");
            print([Line::Out(text)]);
        }
    }
}
