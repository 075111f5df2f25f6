//! The primary's side of the stream: sends the log's bytes as they are published, and again to who
//! missed some.
//!
//! ```text
//!               ╭─ on_control ─▶ receivers (flow control) ─▶ limit
//!  media ═══════╯      ╰───────▶ retransmits, bounded        │
//!    ▲                                │                      ▼
//!    ╰═══ SETUP, heartbeats ◀═ timers │  DATA ◀═ position ..min(limit, published) ═ log
//!    ╰════════════════════════════════┴──◀═ again, from the epoch's base on ═══════ log
//! ```
//!
//! Bytes go from the mapped store to the system as they lie there. What a receiver lacks of this
//! epoch is sent again as far back as the store reaches; what is older it gets otherwise. Nothing
//! that comes from a network makes the sender wait, grow or send more than its bounds; whatever is
//! dropped is counted.
//!
//! Within Aeron's wire it does more than the stock sender: heartbeats come a millisecond after a
//! burst and then at twice the distance each, so that a lost tail is found at once; a repeated
//! request is answered after half a millisecond instead of ten; the history is the store.

mod bucket;
mod counts;
mod flow_control;
mod log;
mod options;
mod pack;
mod retransmit;

#[cfg(test)]
mod tests;

pub use counts::{SenderCounters, SenderCounts};
pub use flow_control::ReceiverView;
pub use log::{LogBytes, StoreLog};
pub use options::SenderOptions;

use std::io;
use std::net::SocketAddrV4;

use crate::net::{BATCH_DATAGRAMS_MAX, Datagram, Media};
use crate::store::ReadError;
use crate::types::{Nanos, Position};

use super::frame::{
    ErrorFrame, Kind, Malformed, Nak, RoundTrip, Setup, StatusMessage, heartbeat, place, word,
};
use flow_control::Receivers;
use pack::Packed;
use retransmit::Retransmits;

/// Between two SETUPs, and two heartbeats of a quiet stream (Aeron's).
const SETUP_INTERVAL_NS: u64 = 100_000_000;
const HEARTBEAT_INTERVAL_NS_MAX: u64 = 100_000_000;

/// From the end of a burst to the heartbeat that shows who lost its tail.
const HEARTBEAT_INTERVAL_NS_MIN: u64 = 1_000_000;

/// Duty cycles that send before one looks at what came: Aeron's send to status poll ratio.
const SENDS_PER_POLL: u32 = 6;

/// Answers to RTTM that wait for the socket.
const REPLIES_MAX: usize = 16;

/// Sends one epoch of a log. Calling order: [`duty`](Self::duty) again and again, which is
/// [`on_control`](Self::on_control) for all that waits and then [`send`](Self::send); wake at
/// [`next_deadline`](Self::next_deadline).
#[derive(Debug)]
pub struct Sender {
    options: SenderOptions,
    /// What is sent next.
    position: Position,
    receivers: Receivers,
    retransmits: Retransmits,
    /// Somebody was there once: who comes later asks for SETUP.
    was_connected: bool,
    setup_asked: bool,
    setup_after: Nanos,
    heartbeat_at: Nanos,
    heartbeat_interval_ns: u64,
    replies: Vec<RoundTrip>,
    sends_since_poll: u32,
    is_closing: bool,
    is_drained: bool,
    counts: SenderCounts,
    media_error: Option<io::Error>,
}

impl Sender {
    /// A sender at its epoch's base.
    #[must_use]
    pub fn new(options: SenderOptions, now: Nanos) -> Self {
        let base = options.base;
        Self {
            position: base,
            receivers: Receivers::new(options.flow_control, base),
            retransmits: Retransmits::new(&options),
            was_connected: false,
            setup_asked: false,
            setup_after: now,
            heartbeat_at: now,
            heartbeat_interval_ns: HEARTBEAT_INTERVAL_NS_MIN,
            replies: Vec::with_capacity(REPLIES_MAX),
            sends_since_poll: 0,
            is_closing: false,
            is_drained: false,
            counts: SenderCounts::default(),
            media_error: None,
            options,
        }
    }

    /// What is sent next.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Up to where the receivers let it send.
    #[must_use]
    pub fn limit(&self) -> Position {
        self.receivers.limit()
    }

    /// Whether there are receivers, as many as the flow control asks for.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.receivers.is_connected()
    }

    /// The receivers that are there, as they said last.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverView> + '_ {
        self.receivers.views()
    }

    /// What was sent, and what was dropped.
    #[must_use]
    pub fn counts(&self) -> &SenderCounts {
        &self.counts
    }

    /// Why the system last refused to send or receive, once.
    #[must_use]
    pub fn take_media_error(&mut self) -> Option<io::Error> {
        self.media_error.take()
    }

    /// Ends the stream where the log ends: heartbeats say so from then on.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// Whether a stream that was closed has been sent whole, or has no receivers left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// When something is due although nothing is published and nothing comes.
    #[must_use]
    pub fn next_deadline(&self) -> Nanos {
        let setup = self.wants_setup().then_some(self.setup_after);
        let heartbeat = self.was_connected.then_some(self.heartbeat_at);
        [setup, heartbeat, self.retransmits.next_deadline()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.setup_after)
    }

    /// One turn: sends, and takes what came where nothing was sent or it is time to. How many
    /// datagrams went or came.
    ///
    /// # Errors
    /// The log cannot be read, or ends before what was sent. What the media refuses is counted.
    pub fn duty<L: LogBytes + ?Sized, M: Media + ?Sized>(
        &mut self,
        log: &mut L,
        media: &mut M,
        now: Nanos,
    ) -> Result<usize, ReadError> {
        let mut work = self.send(log, media, now)?;
        self.sends_since_poll += 1;
        if work == 0 || self.sends_since_poll >= SENDS_PER_POLL {
            self.sends_since_poll = 0;
            let received = media.receive(&mut |bytes, from| self.on_control(bytes, from, now));
            work += self.judge(received);
        }
        Ok(work)
    }

    /// A datagram came from a receiver, or from a stranger.
    pub fn on_control(&mut self, bytes: &[u8], from: SocketAddrV4, now: Nanos) {
        if !self.options.allows(*from.ip()) {
            self.counts.foreign += 1;
            return;
        }
        if let Err(_malformed) = self.take(bytes, from, now) {
            self.counts.malformed += 1;
        }
    }

    fn take(&mut self, bytes: &[u8], from: SocketAddrV4, now: Nanos) -> Result<(), Malformed> {
        match Kind::of(bytes)? {
            Kind::StatusMessage => {
                let status = StatusMessage::parse(bytes)?;
                if self.is_ours(status.session, status.stream) {
                    self.on_status(&status, from, now)?;
                }
            }
            Kind::Nak => {
                let nak = Nak::parse(bytes)?;
                if self.is_ours(nak.session, nak.stream) {
                    self.on_nak(&nak, from, now)?;
                }
            }
            Kind::RoundTrip => {
                let asked = RoundTrip::parse(bytes)?;
                if self.is_ours(asked.session, asked.stream) && asked.asks_reply {
                    match self.replies.len() < REPLIES_MAX {
                        true => self.replies.push(asked.reply()),
                        false => self.counts.replies_dropped += 1,
                    }
                }
            }
            Kind::Error => {
                let error = ErrorFrame::parse(bytes)?;
                if self.is_ours(error.session, error.stream) {
                    self.receivers.remove(error.receiver_id);
                    self.counts.errors += 1;
                }
            }
            // A sender hears no data, and what is not the log's is nobody's.
            Kind::Data | Kind::Pad | Kind::Setup | Kind::Other(_) => self.counts.unexpected += 1,
        }
        Ok(())
    }

    fn is_ours(&mut self, session: i32, stream: i32) -> bool {
        let is_ours = (session, stream) == (self.options.session, self.options.stream);
        if !is_ours {
            self.counts.other_stream += 1;
        }
        is_ours
    }

    fn on_status(
        &mut self,
        status: &StatusMessage,
        from: SocketAddrV4,
        now: Nanos,
    ) -> Result<(), Malformed> {
        self.counts.status_messages += 1;
        if status.asks_setup {
            self.setup_asked |= !status.leaves;
            self.receivers.on_setup_asked(status, now);
            return Ok(());
        }
        let terms = self.options.terms;
        let value = i64::from(status.window_bytes);
        let place =
            status.position(terms).ok_or(Malformed::Field { name: "place or window", value })?;
        // As far as the driver 1.54 believes a receiver to be: half a term behind, one and a half
        // ahead of a sender that was begun again.
        let half = terms.bytes() as u64 / 2;
        let (low, high) =
            (self.position.get().saturating_sub(half), self.position.get() + 3 * half);
        if !(low..=high).contains(&place.get()) {
            self.counts.status_rejected += 1;
            return Ok(());
        }
        let window_end = Position(place.get() + status.window_bytes.unsigned_abs() as u64);
        match self.receivers.on_status(status, place, window_end, from, now) {
            true => self.was_connected |= !status.leaves,
            false => self.counts.receivers_turned_away += 1,
        }
        Ok(())
    }

    fn on_nak(&mut self, nak: &Nak, from: SocketAddrV4, now: Nanos) -> Result<(), Malformed> {
        self.counts.naks += 1;
        let value = i64::from(nak.term_offset);
        let range =
            nak.range(self.options.terms).ok_or(Malformed::Field { name: "range", value })?;
        let sent = self.options.base..self.position;
        self.retransmits.on_nak(range, &sent, from, now, &mut self.counts);
        Ok(())
    }

    /// Sends what is due: SETUP, new data, what was asked for again, a heartbeat. How many
    /// datagrams went.
    ///
    /// # Errors
    /// As [`duty`](Self::duty).
    pub fn send<L: LogBytes + ?Sized, M: Media + ?Sized>(
        &mut self,
        log: &mut L,
        media: &mut M,
        now: Nanos,
    ) -> Result<usize, ReadError> {
        let mut sent = self.send_setup(media, now);
        let data = match self.send_data(log, media) {
            Err(ReadError::NotKept { kept_from, .. }) => self.skip_forgotten(kept_from),
            data => data?,
        };
        sent += data;
        if data > 0 {
            self.heartbeat_interval_ns = HEARTBEAT_INTERVAL_NS_MIN;
            self.heartbeat_at = Nanos(now.get() + HEARTBEAT_INTERVAL_NS_MIN);
        } else {
            self.counts.receivers_lost += self.receivers.on_idle(now);
            self.skip_unheard(log)?;
            self.is_drained = self.is_closing
                && (self.position >= log.published()? || !self.receivers.is_connected());
            sent += self.send_heartbeat(media, now);
        }
        sent += self.send_again(log, media, now)?;
        sent += self.send_replies(media);
        Ok(sent)
    }

    fn wants_setup(&self) -> bool {
        !self.was_connected || self.setup_asked
    }

    fn send_setup<M: Media + ?Sized>(&mut self, media: &mut M, now: Nanos) -> usize {
        if !self.wants_setup() || now < self.setup_after {
            return 0;
        }
        let options = &self.options;
        let (active_term_id, term_offset) = place(options.terms, self.position);
        let setup = Setup {
            session: options.session,
            stream: options.stream,
            initial_term_id: 0,
            active_term_id,
            term_offset,
            terms: options.terms,
            mtu_bytes: word(options.mtu_bytes),
            ttl: i32::from(options.ttl),
            is_group: options.is_group,
        };
        let sent = self.offer(media, &[Datagram::whole(&setup.emit())]);
        if sent > 0 {
            self.setup_after = Nanos(now.get() + SETUP_INTERVAL_NS);
            self.setup_asked &= self.receivers.is_empty();
            self.counts.setups += 1;
        }
        sent
    }

    fn send_data<L: LogBytes + ?Sized, M: Media + ?Sized>(
        &mut self,
        log: &mut L,
        media: &mut M,
    ) -> Result<usize, ReadError> {
        let limit = self.receivers.limit();
        let bytes = log.bytes_at(self.position)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let window = limit.get().saturating_sub(self.position.get());
        let mut packed = Packed::new();
        packed
            .fill(bytes, window, self.options.mtu_bytes)
            .map_err(|fault| ReadError::Invalid { position: self.position, fault })?;
        if packed.is_empty() {
            self.counts.flow_control_limited += u64::from(self.was_connected);
            return Ok(0);
        }
        let result = media.send(packed.datagrams());
        let offered = packed.datagrams().len();
        let sent = result.as_ref().map_or(0, |sent| *sent);
        let (advance, wire_bytes) = packed.sent(sent);
        self.position = Position(self.position.get() + advance);
        self.counts.data_bytes += wire_bytes;
        self.counts.datagrams += sent as u64;
        self.counts.send_waits += u64::from(result.is_ok() && sent < offered);
        self.judge(result);
        Ok(sent)
    }

    /// Without receivers the sender waits for one at the place where the last one left; it does not
    /// keep a backlog that would swamp whoever comes.
    fn skip_unheard<L: LogBytes + ?Sized>(&mut self, log: &mut L) -> Result<(), ReadError> {
        if !self.receivers.is_empty() {
            return Ok(());
        }
        let published = log.published()?;
        let backlog = published.get().saturating_sub(self.position.get());
        if backlog > self.options.terms.bytes() as u64 / 2 {
            self.counts.skipped_bytes += backlog;
            self.position = published;
        }
        Ok(())
    }

    /// The log waits for no receiver: what it has forgotten is not sent, and who is behind by that
    /// much catches up over TCP.
    fn skip_forgotten(&mut self, kept_from: Position) -> usize {
        self.counts.skipped_bytes += kept_from.get().saturating_sub(self.position.get());
        self.position = self.position.max(kept_from);
        0
    }

    fn send_heartbeat<M: Media + ?Sized>(&mut self, media: &mut M, now: Nanos) -> usize {
        if !self.was_connected || now < self.heartbeat_at {
            return 0;
        }
        let options = &self.options;
        let is_end = self.is_closing && self.is_drained;
        let bytes =
            heartbeat(options.session, options.stream, options.terms, self.position, is_end);
        let sent = self.offer(media, &[Datagram::whole(&bytes)]);
        if sent > 0 {
            self.counts.heartbeats += 1;
            let interval = self.heartbeat_interval_ns;
            self.heartbeat_at = Nanos(now.get() + interval);
            self.heartbeat_interval_ns = (2 * interval).min(HEARTBEAT_INTERVAL_NS_MAX);
        }
        sent
    }

    /// Sends again what was asked for, as far as the bounds allow now.
    fn send_again<L: LogBytes + ?Sized, M: Media + ?Sized>(
        &mut self,
        log: &mut L,
        media: &mut M,
        now: Nanos,
    ) -> Result<usize, ReadError> {
        let mut left = BATCH_DATAGRAMS_MAX;
        while left > 0 {
            let Some(range) = self.retransmits.next(now) else { break };
            let mut packed = Packed::new();
            match log.bytes_again(range.start) {
                Ok(bytes) if packed.fill_again(bytes, &range, &self.options, left) => {}
                Ok(_) | Err(ReadError::NotKept { .. }) => {
                    let is_answered = self.retransmits.finish(now);
                    self.counts.naks_unanswered += u64::from(!is_answered);
                    continue;
                }
                Err(error) => return Err(error),
            }
            let result = media.send(packed.datagrams());
            let offered = packed.datagrams().len();
            let sent = result.as_ref().map_or(0, |sent| *sent);
            let (advance, wire_bytes) = packed.sent(sent);
            self.counts.retransmitted_bytes += wire_bytes;
            self.counts.retransmitted_datagrams += sent as u64;
            self.retransmits.on_sent(advance, wire_bytes, now);
            left -= sent;
            let is_held = result.is_err() || sent < offered;
            self.judge(result);
            if is_held {
                break;
            }
        }
        Ok(BATCH_DATAGRAMS_MAX - left)
    }

    fn send_replies<M: Media + ?Sized>(&mut self, media: &mut M) -> usize {
        let mut sent = 0;
        while let Some(reply) = self.replies.pop() {
            if self.offer(media, &[Datagram::whole(&reply.emit())]) == 0 {
                self.replies.push(reply);
                break;
            }
            sent += 1;
        }
        self.counts.replies += sent as u64;
        sent
    }

    fn offer<M: Media + ?Sized>(&mut self, media: &mut M, datagrams: &[Datagram<'_>]) -> usize {
        let result = media.send(datagrams);
        self.judge(result)
    }

    /// How much went; a refusal is counted and kept, and met again at the next turn if it stays.
    fn judge(&mut self, result: io::Result<usize>) -> usize {
        result.unwrap_or_else(|error| {
            self.counts.media_errors += 1;
            self.media_error = Some(error);
            0
        })
    }
}
