//! Where the receiver stands to the stream: how it joins, falls behind, joins again, and ends.
//!
//! ```text
//!             heard near,           all is here, the sender has ended
//!  Waiting ── and SETUP ──▶ Live ─────────────────────────────────────▶ Ended
//!     │                     │  ▲ ◀───────────────────────────────────────┘
//!     │ heard far ahead     │  │ near again, or past the hole    it goes on
//!     └─────────▶ Behind ◀──┘──┘
//! ```
//!
//! Nothing that is said of the stream counts for longer than the stream bears it out: anybody can
//! say how far it is, and that it ended.
//!
//! SETUP is asked for only where the stream could be joined: the question makes some senders wait
//! for the one who asked.

use std::net::SocketAddrV4;

use super::super::frame::{Setup, says_end};
use super::Receiver;
use super::rebuild::{Rebuild, SetupRefused};
use crate::types::{Nanos, Position};

/// Time from one question for SETUP to the next.
const ELICIT_NS: u64 = 200_000_000;

/// The stream is beyond the window, and after so long still far ahead: more was lost than is
/// repaired beside the stream.
const BEYOND_NS: u64 = 10_000_000;

/// What came from beyond the window is forgotten when nothing did again for so long.
const BEYOND_FORGOTTEN_NS: u64 = 50_000_000;

/// A hole that stays for so long, however often it is asked for, is not repaired by the stream.
const STUCK_NS: u64 = 2_000_000_000;

/// How the receiver stands to the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// No session was told.
    #[default]
    Idle,
    /// Hears nothing, or waits for SETUP.
    Waiting,
    /// Takes what comes and asks for what is missing.
    Live,
    /// The stream is too far ahead, or a hole does not close. It goes on when the stream is near
    /// and everything before `until` is here.
    Behind { until: Position },
    /// The sender has ended the stream there, and all of it is here.
    Ended(Position),
    /// Takes nothing more.
    Left,
}

/// When something came from beyond the window: the first time, and the last.
#[derive(Clone, Copy, Debug)]
struct Beyond {
    first: Nanos,
    last: Nanos,
}

/// What is known of the followed stream.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) stage: Stage,
    /// Its SETUP was taken: positions mean what they say.
    pub(super) is_set_up: bool,
    pub(super) refused: Option<SetupRefused>,
    /// What the sender said last that it has sent, as far as it could be taken.
    pub(super) heard: Position,
    /// Where the sender was last.
    pub(super) stream_at: Position,
    /// Where the stream ended, if that is what its sender said last.
    ended_at: Option<Position>,
    beyond: Option<Beyond>,
    /// Where the rebuilt part ends, and since when.
    progress: (Position, Nanos),
    judged: Nanos,
    elicit_due: bool,
    elicited: Option<Nanos>,
}

impl Place {
    /// Nothing is known yet of a stream that is followed from now on.
    pub(super) fn waiting() -> Self {
        Self { stage: Stage::Waiting, ..Self::default() }
    }

    /// The stream was heard beyond the window.
    pub(super) fn on_beyond(&mut self, at: Position, now: Nanos) {
        self.stream_at = self.stream_at.max(at);
        let first = self.beyond.map_or(now, |beyond| beyond.first);
        self.beyond = Some(Beyond { first, last: now });
    }

    /// Intact frames came that were not here. Where they are awaited ones, the stream is not as far
    /// ahead as somebody said; it has not ended before them.
    #[inline]
    pub(super) fn on_new(&mut self, at: Position, are_awaited: bool) {
        let is_away = self.beyond.is_some() || matches!(self.stage, Stage::Behind { .. });
        if are_awaited && is_away {
            self.stream_at = at;
        }
        if self.ended_at.is_some_and(|end| at >= end) {
            self.ended_at = None;
        }
    }

    /// Whether the stream has been beyond the window for long enough.
    fn is_beyond(&mut self, now: Nanos) -> bool {
        let since = |time: Nanos| now.0.saturating_sub(time.0);
        self.beyond = self.beyond.filter(|beyond| since(beyond.last) <= BEYOND_FORGOTTEN_NS);
        self.beyond.is_some_and(|beyond| since(beyond.first) >= BEYOND_NS)
    }

    /// Asks for SETUP, if it was not just asked for.
    fn elicit(&mut self, now: Nanos) {
        let asked = |then: Nanos| now.0.saturating_sub(then.0) < ELICIT_NS;
        self.elicit_due |= !self.elicited.is_some_and(asked);
    }

    /// Whether SETUP is to be asked for now.
    pub(super) fn poll_elicit(&mut self, now: Nanos) -> bool {
        let due = std::mem::take(&mut self.elicit_due) && self.stage == Stage::Waiting;
        if due {
            self.elicited = Some(now);
        }
        due
    }

    /// When a judgement may change by time alone.
    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        let beyond = self.beyond.filter(|_| self.stage == Stage::Live)?;
        let times = [beyond.first.0 + BEYOND_NS, beyond.last.0 + BEYOND_FORGOTTEN_NS + 1];
        times.into_iter().filter(|time| *time > self.judged.0).min().map(Nanos)
    }
}

impl Receiver {
    pub(super) fn on_setup<R: Rebuild>(
        &mut self,
        rebuild: &mut R,
        datagram: &[u8],
        from: SocketAddrV4,
        now: Nanos,
    ) {
        let Ok(setup) = Setup::parse(datagram) else {
            self.counts.invalid += 1;
            return;
        };
        if !self.is_followed(setup.session, setup.stream) {
            return;
        }
        self.counts.setups += 1;
        match self.set_up(rebuild, &setup) {
            Ok(at) => {
                self.hear(from, now);
                self.place.refused = None;
                self.hear_at(rebuild, at, now);
                if !self.place.is_set_up {
                    self.place.is_set_up = true;
                    self.source = Some(from);
                }
                match self.place.stage {
                    Stage::Waiting => self.join(rebuild, now),
                    // It was not told, or another receiver asked.
                    Stage::Live => self.status.remind(now),
                    _ => {}
                }
            }
            Err(refused) => {
                self.counts.setups_refused += 1;
                if !self.place.is_set_up {
                    self.place.refused = Some(refused);
                }
            }
        }
    }

    /// Checks that the stream can be put together here; where its sender is.
    fn set_up<R: Rebuild>(&self, rebuild: &mut R, setup: &Setup) -> Result<Position, SetupRefused> {
        if !self.place.is_set_up {
            rebuild.join(setup)?;
        }
        let Setup { active_term_id: term_id, term_offset, .. } = *setup;
        let at = rebuild.geometry().and_then(|geometry| geometry.position(term_id, term_offset));
        let at = at.ok_or(SetupRefused::Place { term_id, term_offset })?;
        if at < self.base {
            return Err(SetupRefused::BeforeBase { base: self.base, found: at });
        }
        Ok(at)
    }

    /// A heartbeat: the sender stands at a position, which is not known without a SETUP.
    pub(super) fn on_heartbeat<R: Rebuild>(
        &mut self,
        rebuild: &mut R,
        at: Option<Position>,
        flags: u8,
        from: SocketAddrV4,
        now: Nanos,
    ) {
        self.counts.heartbeats += 1;
        self.hear(from, now);
        let has_ended = says_end(flags);
        let Some(at) = at else {
            // A stream that has ended is not joined.
            if !has_ended {
                self.hear_unjoined(rebuild, None, now);
            }
            return;
        };
        self.place.ended_at = has_ended.then_some(at);
        if self.place.is_set_up {
            // It stands, perhaps because it may not go on.
            rebuild.make_room();
            self.hear_at(rebuild, at, now);
            self.status.on_heartbeat(at, now);
        } else if !has_ended {
            self.hear_unjoined(rebuild, Some(at), now);
        }
    }

    /// The sender has sent everything before a position.
    fn hear_at<R: Rebuild>(&mut self, rebuild: &R, at: Position, now: Nanos) {
        self.place.stream_at = at;
        let reach = rebuild.window_end();
        self.place.heard = at.min(reach);
        if at > reach {
            self.place.on_beyond(at, now);
        }
    }

    /// The stream goes by at a position and its SETUP is not known: asks for it where the stream
    /// could be joined.
    pub(super) fn hear_unjoined<R: Rebuild>(
        &mut self,
        rebuild: &R,
        at: Option<Position>,
        now: Nanos,
    ) {
        if let Some(at) = at {
            self.place.stream_at = at;
        }
        match self.place.stage {
            Stage::Waiting | Stage::Behind { .. } if !self.is_near(rebuild) => {
                self.fall_behind(Position(0), now);
            }
            Stage::Waiting | Stage::Behind { .. } => {
                self.place.stage = Stage::Waiting;
                self.place.elicit(now);
            }
            _ => {}
        }
    }

    /// Whether the stream could be joined: what is between can be asked for.
    fn is_near<R: Rebuild>(&self, rebuild: &R) -> bool {
        let contiguous = rebuild.contiguous();
        contiguous >= self.base && self.place.stream_at.0 <= contiguous.0 + self.join_bytes(rebuild)
    }

    /// The stream and its shape are known: takes it, or says that it is too far ahead.
    fn join<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) {
        if !self.is_near(rebuild) {
            self.fall_behind(Position(0), now);
            return;
        }
        self.place.stage = Stage::Live;
        self.place.beyond = None;
        self.place.progress = (rebuild.contiguous(), now);
        self.status.begin(now);
    }

    /// The stream had not ended: what was just heard says so.
    fn go_on<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) {
        self.liveness.begin(now);
        self.liveness.on_heard(now);
        self.place.stage = Stage::Waiting;
        if self.place.is_set_up {
            self.join(rebuild, now);
        }
    }

    fn fall_behind(&mut self, until: Position, now: Nanos) {
        if !matches!(self.place.stage, Stage::Behind { .. }) {
            self.counts.catch_ups += 1;
            self.loss.clear();
            self.status.leave(now);
        }
        self.place.stage = Stage::Behind { until };
    }

    /// Whether the stage is still the right one.
    pub(super) fn judge<R: Rebuild>(&mut self, rebuild: &R, now: Nanos) {
        self.place.judged = now;
        let contiguous = rebuild.contiguous();
        let ended_at = self.place.ended_at.filter(|at| contiguous >= *at);
        match (self.place.stage, ended_at) {
            (Stage::Idle | Stage::Left, _) | (Stage::Ended(_), Some(_)) => {}
            (Stage::Ended(_), None) => self.go_on(rebuild, now),
            (_, Some(at)) => {
                self.place.stage = Stage::Ended(at);
                self.loss.clear();
                self.status.leave(now);
                self.liveness.end();
            }
            (Stage::Live, None) => {
                if contiguous != self.place.progress.0 || self.loss.is_whole() {
                    self.place.progress = (contiguous, now);
                }
                let is_beyond = self.place.is_beyond(now);
                if is_beyond && !self.is_near(rebuild) {
                    self.fall_behind(Position(0), now);
                } else if now.0.saturating_sub(self.place.progress.1.0) >= STUCK_NS {
                    self.fall_behind(Position(contiguous.0 + 1), now);
                }
            }
            // The stream goes on meanwhile.
            (Stage::Behind { until }, None) if contiguous >= until && self.is_near(rebuild) => {
                if self.place.is_set_up {
                    self.join(rebuild, now);
                } else {
                    self.place.stage = Stage::Waiting;
                    self.place.elicit(now);
                }
            }
            (Stage::Waiting | Stage::Behind { .. }, None) => {}
        }
    }
}
