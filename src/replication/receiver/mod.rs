//! The receiving end of a stream: what arrives is put together, what is missing is asked for.
//!
//! ```text
//!  SETUP, DATA, PAD,   ┌──────────── Receiver ───────────┐
//!  heartbeats ────────▶│ whose is it? ──▶ insert ────────┼─▶ Rebuild: a standby's store, or memory
//!                      │ loss: holes, timers ◀── gaps ◀──┼──
//!  group + 1:          │ status: held, window ◀──────────┼──
//!  status messages,    │ liveness: is the sender heard?  │
//!  requests (NAK) ◀────┤                                 ├─▶ standing: waiting, live, behind, ..
//!                      └─────────────────────────────────┘
//! ```
//!
//! It follows one session, the one of the epoch that it was told, from the exact position that is
//! held. Where the stream is ahead by little it takes the stream and asks for what is between;
//! where it is ahead by much it says so, takes itself out of the sender's flow control, and waits
//! until somebody has brought what is between over TCP. Nothing is ever passed over: what is held
//! grows by what stands next to it alone.
//!
//! Source: the Aeron transport protocol; `aeron_publication_image.c`,
//! `aeron_data_packet_dispatcher.c`. What this receiver does otherwise, a stock sender allows.

mod counts;
mod joining;
mod liveness;
mod loss;
mod memory;
mod rebuild;
mod status;
mod store;
#[cfg(test)]
mod tests;

pub use counts::{ReceiverCounters, ReceiverCounts};
pub use loss::{Gap, NakTiming};
pub use memory::{Delivered, MemoryRebuild, Policy};
pub use rebuild::{Geometry, Rebuild, SetupRefused, Verdict};

use std::net::SocketAddrV4;

use super::channel::Channel;
use super::frame::{Kind, Nak, StatusMessage};
use crate::limits::FRAME_ALIGNMENT_BYTES;
use crate::store::frame::Frame;
use crate::types::{Nanos, Position};
use joining::{Place, Stage};
use liveness::Liveness;
use loss::LossDetector;
use status::{Status, StatusSchedule, Window};

/// What a sender repairs in some hundredths of a second, beside what it sends.
const JOIN_BYTES_MAX_DEFAULT: u64 = 1024 * 1024;

/// Ten of a quiet sender's heartbeats.
const SILENT_NS_DEFAULT: u64 = 1_000_000_000;

/// How a stream is received.
#[derive(Clone, Debug)]
pub struct ReceiverOptions {
    /// The exchange's number.
    pub stream: i32,
    /// Unique among all receivers of the stream.
    pub receiver_id: i64,
    /// The group that this receiver's status messages count for, if any.
    pub group_tag: Option<i64>,
    /// The most that the sender may have on the way; at most half a term is used.
    pub window_bytes: u64,
    /// The stream may be ahead by so much and is joined, the rest asked for; at most the window is
    /// used.
    pub join_bytes_max: u64,
    /// When what is missing is asked for.
    pub nak: NakTiming,
    /// A sender that is not heard for so long is silent.
    pub silent_ns: u64,
    /// Of the random part of the timing.
    pub seed: u64,
}

impl ReceiverOptions {
    /// What a channel says; all else as for a few standbys in one network.
    #[must_use]
    pub fn new(channel: &Channel, stream: i32, receiver_id: i64) -> Self {
        let is_group = channel.is_multicast();
        Self {
            stream,
            receiver_id,
            group_tag: channel.group_tag,
            window_bytes: channel.receiver_window_bytes as u64,
            join_bytes_max: JOIN_BYTES_MAX_DEFAULT,
            nak: if is_group { NakTiming::SMALL_GROUP } else { NakTiming::UNICAST },
            silent_ns: SILENT_NS_DEFAULT,
            seed: receiver_id.cast_unsigned(),
        }
    }
}

/// How a receiver stands to the stream that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No session was told.
    Idle,
    /// The stream, or its SETUP, was not heard yet.
    Waiting,
    /// The stream is taken as it comes.
    Live,
    /// The stream is too far ahead: what is between `from` and `to` must come over TCP. It is
    /// joined by itself as soon as it is near.
    CatchUpFrom {
        /// Everything before it is here.
        from: Position,
        /// Where the stream was heard last.
        to: Position,
    },
    /// The stream ended at this position, and all of it is here.
    Ended(Position),
    /// The stream cannot be put together here.
    Refused(SetupRefused),
    /// This receiver has left, or is leaving.
    Left,
}

/// A datagram for the sender: to the control group, or on a unicast channel to
/// [`Receiver::source`].
#[derive(Clone, Copy, Debug)]
pub struct Feedback {
    bytes: [u8; StatusMessage::BYTES_MAX],
    length: usize,
}

impl AsRef<[u8]> for Feedback {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Feedback {
    fn status(message: &StatusMessage) -> Self {
        let mut bytes = [0; StatusMessage::BYTES_MAX];
        let length = message.emit(&mut bytes);
        Self { bytes, length }
    }

    fn nak(nak: &Nak) -> Self {
        let mut bytes = [0; StatusMessage::BYTES_MAX];
        bytes[..Nak::BYTES].copy_from_slice(&nak.emit());
        Self { bytes, length: Nak::BYTES }
    }
}

/// Receives one stream. Calling order: `follow` once and for each new epoch; in each cycle
/// `on_datagram` for all that arrived, `advance`, then `poll_feedback` until `None`; wake at
/// `next_deadline`. The place where the stream is put together is passed each time, and is always
/// the same.
#[derive(Debug)]
pub struct Receiver {
    options: ReceiverOptions,
    session: i32,
    /// The epoch's first position.
    base: Position,
    place: Place,
    /// Where answers go.
    source: Option<SocketAddrV4>,
    loss: LossDetector,
    status: StatusSchedule,
    liveness: Liveness,
    counts: ReceiverCounts,
}

impl Receiver {
    /// A receiver that was told no session yet.
    #[must_use]
    pub fn new(options: ReceiverOptions) -> Self {
        Self {
            session: 0,
            base: Position(0),
            place: Place::default(),
            source: None,
            loss: LossDetector::new(options.nak, options.seed),
            status: StatusSchedule::new(),
            liveness: Liveness::new(options.silent_ns),
            counts: ReceiverCounts::default(),
            options,
        }
    }

    /// Follows a session from now on, the one of an epoch that began at `base`; frames of others
    /// are dropped. Does nothing where it follows it already.
    pub fn follow(&mut self, session: i32, base: Position, now: Nanos) {
        let is_followed = self.place.stage != Stage::Idle && self.place.stage != Stage::Left;
        if is_followed && (session, base) == (self.session, self.base) {
            return;
        }
        (self.session, self.base) = (session, base);
        self.place = Place::waiting();
        self.source = None;
        self.loss.clear();
        self.status.end();
        self.liveness.begin(now);
    }

    /// Leaves the stream: tells the sender some times that it need not wait for this receiver.
    pub fn leave(&mut self, now: Nanos) {
        self.place.stage = Stage::Left;
        self.loss.clear();
        self.status.leave(now);
        self.liveness.end();
    }

    /// Whether a receiver that leaves has nothing more to say.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.place.stage == Stage::Left && self.status.is_quiet()
    }

    /// Takes a datagram that arrived. Whatever its bytes are, it does not panic.
    pub fn on_datagram<R: Rebuild>(
        &mut self,
        rebuild: &mut R,
        datagram: &[u8],
        from: SocketAddrV4,
        now: Nanos,
    ) {
        self.counts.datagrams += 1;
        match Kind::of(datagram) {
            Ok(Kind::Data | Kind::Pad) => self.on_data(rebuild, datagram, from, now),
            Ok(Kind::Setup) => self.on_setup(rebuild, datagram, from, now),
            Ok(_) => self.counts.ignored += 1,
            Err(_) => self.counts.invalid += 1,
        }
    }

    fn on_data<R: Rebuild>(
        &mut self,
        rebuild: &mut R,
        datagram: &[u8],
        from: SocketAddrV4,
        now: Nanos,
    ) {
        let aligned = datagram.len().is_multiple_of(FRAME_ALIGNMENT_BYTES);
        if !aligned || datagram.is_empty() {
            self.counts.invalid += 1;
            return;
        }
        let first = Frame::new_unchecked(datagram);
        if !self.is_followed(first.session(), first.stream()) {
            return;
        }
        let (term_id, offset) = (first.term_id().cast_signed(), first.term_offset().cast_signed());
        let at = match rebuild.geometry().map(|geometry| geometry.position(term_id, offset)) {
            Some(None) => {
                self.counts.invalid += 1;
                return;
            }
            Some(at) => at,
            None => None,
        };
        let is_heartbeat = first.length() == 0;
        if is_heartbeat && (first.is_pad() || datagram.len() != super::frame::HEARTBEAT_BYTES) {
            self.counts.invalid += 1;
            return;
        }
        if is_heartbeat {
            self.on_heartbeat(rebuild, at, first.flags(), from, now);
        } else if let (Some(at), true) = (at, self.place.is_set_up) {
            self.insert(rebuild, at, datagram, from, now);
        } else {
            self.counts.early += 1;
            self.hear(from, now);
            self.hear_unjoined(rebuild, at, now);
        }
    }

    /// The path of nearly all that arrives.
    #[inline]
    fn insert<R: Rebuild>(
        &mut self,
        rebuild: &mut R,
        at: Position,
        frames: &[u8],
        from: SocketAddrV4,
        now: Nanos,
    ) {
        let awaited = rebuild.contiguous();
        let verdict = rebuild.insert(at, frames);
        match verdict {
            Verdict::New => {
                self.place.on_new(at, at <= awaited);
                self.counts.taken += 1;
                self.counts.taken_bytes += frames.len() as u64;
            }
            Verdict::Known | Verdict::Before => self.counts.repeated += 1,
            Verdict::Beyond | Verdict::NoRoom => {
                self.counts.beyond += 1;
                self.place.on_beyond(at, now);
            }
            Verdict::Foreign => self.counts.foreign += 1,
            Verdict::Damaged => self.counts.damaged += 1,
        }
        if !matches!(verdict, Verdict::Foreign | Verdict::Damaged) {
            self.hear(from, now);
        }
    }

    /// Whether frames of this session and stream are taken; counts those that are not.
    #[inline]
    fn is_followed(&mut self, session: i32, stream: i32) -> bool {
        let followed = match self.place.stage {
            Stage::Idle | Stage::Left => false,
            _ => session == self.session && stream == self.options.stream,
        };
        self.counts.foreign += u64::from(!followed);
        followed
    }

    /// The sender was heard.
    #[inline]
    fn hear(&mut self, from: SocketAddrV4, now: Nanos) {
        if self.source.is_none() || !self.liveness.is_answered(now) {
            self.source = Some(from);
        }
        self.liveness.on_heard(now);
    }

    /// Looks for what is missing and what is to be told, after what arrived was taken.
    pub fn advance<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) {
        self.liveness.judge(now);
        self.judge(rebuild, now);
        if let (Stage::Live, Some(Geometry { terms, .. })) = (self.place.stage, rebuild.geometry())
        {
            self.loss.scan(rebuild, terms, self.place.heard, now);
            let window = self.window(rebuild);
            self.status.on_window(window, self.full_window_bytes(rebuild), now);
        }
    }

    /// The next datagram for the sender, if one is due.
    #[must_use]
    pub fn poll_feedback<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) -> Option<Feedback> {
        while let Some(feedback) = self.next_feedback(rebuild, now) {
            // Nobody hears it; the timers go on.
            let is_over = matches!(self.place.stage, Stage::Left | Stage::Ended(_));
            if is_over || self.liveness.is_answered(now) {
                return Some(feedback);
            }
            self.counts.unsaid += 1;
        }
        None
    }

    fn next_feedback<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) -> Option<Feedback> {
        let ReceiverOptions { stream, receiver_id, group_tag, .. } = self.options;
        let elicit = StatusMessage::elicit(self.session, stream, receiver_id, group_tag);
        if self.place.poll_elicit(now) {
            self.counts.setups_asked += 1;
            return Some(Feedback::status(&elicit));
        }
        let geometry = rebuild.geometry()?;
        let window = self.window(rebuild);
        if let Some(status) = self.status.poll(window, now) {
            let (Status::Consumed(window) | Status::Goodbye(window)) = status;
            let (term_id, term_offset) = geometry.place(window.from);
            self.counts.status_messages += 1;
            return Some(Feedback::status(&StatusMessage {
                term_id,
                term_offset,
                window_bytes: (window.to.0 - window.from.0) as i32,
                asks_setup: false,
                leaves: matches!(status, Status::Goodbye(_)),
                ..elicit
            }));
        }
        let gap = self.loss.poll(now)?;
        let (term_id, term_offset) = geometry.place(gap.from);
        self.counts.naks += 1;
        let length = gap.bytes() as i32;
        Some(Feedback::nak(&Nak { session: self.session, stream, term_id, term_offset, length }))
    }

    /// When something is due without anything arriving.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let timers = [
            self.loss.next_deadline(),
            self.status.next_deadline(),
            self.liveness.next_deadline(),
            self.place.next_deadline(),
        ];
        timers.into_iter().flatten().min()
    }

    /// The window that is told where nothing narrows it.
    fn full_window_bytes<R: Rebuild>(&self, rebuild: &R) -> u64 {
        let half = rebuild.geometry().map_or(0, |geometry| geometry.terms.bytes() as u64 / 2);
        self.options.window_bytes.min(half)
    }

    fn window<R: Rebuild>(&self, rebuild: &R) -> Window {
        let from = rebuild.consumed();
        let full = Position(from.0 + self.full_window_bytes(rebuild));
        Window { from, to: full.min(rebuild.window_end()).max(from) }
    }

    /// How far the stream may be ahead where it is joined.
    #[must_use]
    pub fn join_bytes<R: Rebuild>(&self, rebuild: &R) -> u64 {
        self.options.join_bytes_max.min(self.full_window_bytes(rebuild))
    }

    /// How this receiver stands to the stream.
    #[must_use]
    pub fn standing<R: Rebuild>(&self, rebuild: &R) -> Standing {
        match self.place.stage {
            Stage::Idle => Standing::Idle,
            Stage::Waiting => match self.place.refused {
                Some(refused) => Standing::Refused(refused),
                None => Standing::Waiting,
            },
            Stage::Live => Standing::Live,
            Stage::Behind { .. } => {
                let from = rebuild.contiguous();
                Standing::CatchUpFrom { from, to: self.place.stream_at.max(from) }
            }
            Stage::Ended(at) => Standing::Ended(at),
            Stage::Left => Standing::Left,
        }
    }

    /// How long the sender has been silent, if it is for too long.
    #[must_use]
    pub fn source_silent_ns(&self, now: Nanos) -> Option<u64> {
        self.liveness.silent_ns(now)
    }

    /// Where the stream's sender sends from, once it was heard: where answers on a unicast channel
    /// go to.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddrV4> {
        self.source
    }

    /// The session that is followed; `None` without one.
    #[must_use]
    pub fn session(&self) -> Option<i32> {
        (self.place.stage != Stage::Idle).then_some(self.session)
    }

    /// What was received, dropped and asked for so far.
    #[must_use]
    pub fn counts(&self) -> ReceiverCounts {
        ReceiverCounts { gaps: self.loss.found, gap_bytes: self.loss.found_bytes, ..self.counts }
    }
}
