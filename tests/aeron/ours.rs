//! Our own sender and receiver at one end of a stream, with their real sockets.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use isochron::net::{Datagram, Media};
use isochron::replication::channel::Channel;
use isochron::replication::receiver::{MemoryRebuild, Rebuild, Receiver, ReceiverOptions};
use isochron::replication::sender::{Sender, SenderOptions, StoreLog};
use isochron::store::frame::Frame;
use isochron::store::{
    Identity, Options, ReaderOptions, RealDisk, StoreReader, StoreWriter, Terms, Until, session_id,
};
use isochron::types::{Epoch, Nanos, Position};

use crate::Outcome;
use crate::driver::Loss;
use crate::log::{Log, as_event, framed, message};
use crate::stage::{Pace, Seat, Stage};
use crate::stream::{Stream, TERM_BYTES};

/// An idle end sleeps for so long.
const IDLE: Duration = Duration::from_micros(50);

/// The name of a stream's exchange: one for each, so that the sessions differ.
fn exchange(stream: &SocketAddrV4) -> String {
    format!("X{}", stream.port())
}

/// The session that our publisher of a stream will have.
pub fn session(stream: &SocketAddrV4) -> i32 {
    session_id(&exchange(stream), Epoch(1))
}

/// The time since some moment, which is all that the cores want to know.
struct Watch(Instant);

impl Watch {
    fn now(&self) -> Nanos {
        Nanos(1 + self.0.elapsed().as_nanos() as u64)
    }
}

/// Writes a store and sends it, until the director has enough; what the store says then.
pub fn publish(stream: &Stream, stage: &Stage) -> Outcome<(Log, String)> {
    let directory = tempfile::tempdir()?;
    let identity = Identity {
        exchange: exchange(&stream.endpoint),
        exchange_number: stream.id,
        node: 1,
        schema_id: 1,
        schema_version: 0,
    };
    let term_bytes = TERM_BYTES as usize;
    let options = Options { term_bytes, ..Options::new(directory.path(), identity) };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0))?;
    assert_eq!((writer.epoch(), writer.position()), (Epoch(1), Position(0)));
    let (connected, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sent = send(stream, directory.path(), &connected, &over);
            sent.map_err(|failure| failure.to_string())
        });
        let written = stage
            .wait("a follower is connected", || {
                connected.load(Ordering::Acquire) || sending.is_finished()
            })
            .and_then(|()| write(stream, &mut writer, stage));
        let log = written.and_then(|()| read(stream, directory.path()));
        stage.ended.store(true, Ordering::Release);
        let stays = || !stage.curtain.load(Ordering::Acquire) && !stream.ends;
        while log.is_ok() && stays() && !sending.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        over.store(true, Ordering::Release);
        let counts = sending.join().map_err(|_| "our sender panicked")??;
        Ok((log?, counts))
    })
}

fn write(stream: &Stream, writer: &mut StoreWriter, stage: &Stage) -> Outcome {
    let mut payload = Vec::new();
    let mut pace = Pace::new(stream.bytes_per_second);
    for number in 0.. {
        if stage.enough.load(Ordering::Acquire) {
            break;
        }
        message(number, &mut payload);
        if !stream.is_text {
            as_event(number, &mut payload);
        }
        let mut transaction = writer.begin(framed(payload.len()) as usize)?;
        transaction.append(payload.len(), |bytes| bytes.copy_from_slice(&payload));
        let end = transaction.finish();
        stage.published.store(end.get(), Ordering::Release);
        pace.spend(framed(payload.len()));
    }
    Ok(())
}

/// What the store holds, read as anybody reads it.
fn read(stream: &Stream, directory: &std::path::Path) -> Outcome<Log> {
    let options = ReaderOptions { until: Until::Published, ..ReaderOptions::default() };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), directory, &options)?;
    let mut log = Log::new(0, TERM_BYTES);
    while let Some(frame) = reader.next()? {
        let reserved = i64::from(frame.epoch.get()) << 32 | i64::from(frame.crc);
        log.push(frame.position.get(), (stream.session, stream.id, reserved), frame.message);
    }
    Ok(log)
}

/// Our sender's duty cycle, until it is over and the followers know it.
fn send(
    stream: &Stream,
    directory: &std::path::Path,
    connected: &AtomicBool,
    over: &AtomicBool,
) -> Outcome<String> {
    let channel: Channel = stream.our_publication().parse()?;
    let terms = Terms::new(TERM_BYTES as usize).ok_or("the term's length")?;
    let options = SenderOptions::new(&channel, stream.session, stream.id, terms, Position(0));
    let disk: Arc<dyn isochron::store::Disk> = Arc::new(RealDisk);
    let (mut log, mut media) = (StoreLog::attach_on(&disk, directory)?, channel.open_sender()?);
    let watch = Watch(Instant::now());
    let mut sender = Sender::new(options, watch.now());
    // Whoever waits for the end must hear of it, also on a busy machine; others know it already.
    let lingers = Duration::from_millis(if stream.ends { 3_000 } else { 300 });
    let (mut closed, mut drained) = (false, None::<Instant>);
    while drained.is_none_or(|since| since.elapsed() < lingers) {
        if sender.duty(&mut log, &mut media, watch.now())? == 0 {
            std::thread::sleep(IDLE);
        }
        if sender.is_connected() {
            connected.store(true, Ordering::Release);
        }
        if !closed && over.load(Ordering::Acquire) {
            sender.close();
            closed = true;
        }
        if closed && drained.is_none() && sender.is_drained() {
            drained = Some(Instant::now());
        }
    }
    Ok(counted(&format!("{:?}", sender.counts())))
}

/// Follows to the end, or until told to leave.
pub fn follow(
    stream: &Stream,
    loss: Option<Loss>,
    stage: &Stage,
    seat: &Seat,
) -> Outcome<(Log, String)> {
    let channel: Channel = stream.subscription().parse()?;
    let mut media = channel.open_receiver()?;
    let watch = Watch(Instant::now());
    let options = ReceiverOptions::new(&channel, stream.id, i64::from(stream.endpoint.port()));
    let (mut receiver, mut rebuild) = (Receiver::new(options), MemoryRebuild::stock());
    receiver.follow(stream.session, Position(0), watch.now());
    seat.ready.store(true, Ordering::Release);
    let mut drops = Drops::new(loss);
    let (mut log, mut joined) = (Log::new(0, TERM_BYTES), false);
    let mut leaving = false;
    while !receiver.has_left() {
        let now = watch.now();
        let received = media.receive(&mut |bytes, from| {
            if !drops.drops(bytes) {
                receiver.on_datagram(&mut rebuild, bytes, from, now);
            }
        })?;
        receiver.advance(&rebuild, now);
        if !joined && rebuild.geometry().is_some() {
            joined = true;
            log = Log::new(rebuild.held().get(), TERM_BYTES);
            seat.join(rebuild.held().get());
        }
        while let Some(delivered) = rebuild.deliver() {
            let frame = Frame::new_unchecked(&delivered.frame[..]);
            let reserved = i64::from(frame.epoch().get()) << 32 | i64::from(frame.crc());
            let header = (frame.session(), frame.stream(), reserved);
            log.push(delivered.position.get(), header, frame.message());
        }
        seat.followed.store(rebuild.held().get(), Ordering::Release);
        while let Some(feedback) = receiver.poll_feedback(&rebuild, now) {
            media.send(&[Datagram { head: feedback.as_ref(), body: &[] }])?;
        }
        let at_end = stage.end().is_some_and(|end| rebuild.held().get() >= end);
        if !leaving && (at_end || seat.leave.load(Ordering::Acquire)) {
            leaving = true;
            receiver.leave(now);
        }
        if received == 0 {
            stage.check("all of it came").map_err(|late| {
                let (at, counts) = (rebuild.held(), receiver.counts());
                format!("{late}: at {at} of {:?}; {counts:?}", stage.published)
            })?;
            std::thread::sleep(IDLE);
        }
    }
    let counts = counted(&format!("{:?}", receiver.counts()));
    Ok((log, format!("{counts}, dropped on purpose {}", drops.dropped)))
}

/// The counts of a structure, as Debug shows them, that are not zero.
fn counted(shown: &str) -> String {
    let inside = shown.split_once('{').map_or(shown, |(_, rest)| rest).trim_end_matches('}');
    let counts = inside.split(", ").map(str::trim).filter(|count| !count.ends_with(": 0"));
    counts.map(|count| count.replace(':', "")).collect::<Vec<_>>().join(", ")
}

/// Drops what Aeron's loss interceptor would: a draw of `erand48` for each DATA or PAD datagram.
struct Drops {
    loss: Option<Loss>,
    state: u64,
    dropped: u64,
}

impl Drops {
    fn new(loss: Option<Loss>) -> Self {
        let seed = loss.map_or(0, |loss| loss.seed);
        let state = seed >> 32 & 0xffff | seed & 0xffff_0000 | (seed & 0xffff) << 32;
        Self { loss, state, dropped: 0 }
    }

    fn drops(&mut self, datagram: &[u8]) -> bool {
        let Some(Loss { rate, .. }) = self.loss else { return false };
        if !matches!(datagram.get(6..8), Some([0 | 1, 0])) {
            return false;
        }
        self.state = self.state.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        let is_dropped = self.state as f64 / (1_u64 << 48) as f64 <= rate;
        self.dropped += u64::from(is_dropped);
        is_dropped
    }
}
