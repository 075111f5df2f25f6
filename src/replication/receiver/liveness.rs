//! Whether the stream's sender is heard: its data, its heartbeats or its SETUP.
//!
//! A sender that has nothing to send says so every 100 ms. One that is silent for much longer is
//! gone, or what it sends does not arrive; which of them, only the control channel can tell.

use crate::types::Nanos;

/// Status messages and requests go to a sender that was heard this recently (Aeron).
const ANSWERED_NS: u64 = 5_000_000_000;

/// Watches one sender. Calling order: `on_heard` as it comes, then `judge`; wake at
/// `next_deadline`.
#[derive(Debug)]
pub(super) struct Liveness {
    silent_ns: u64,
    /// When it was heard last, or when watching began; nobody is expected without.
    since: Option<Nanos>,
    heard: bool,
    is_silent: bool,
}

impl Liveness {
    pub(super) fn new(silent_ns: u64) -> Self {
        Self { silent_ns, since: None, heard: false, is_silent: false }
    }

    /// A sender is expected from now on.
    pub(super) fn begin(&mut self, now: Nanos) {
        (self.since, self.heard) = (Some(now), false);
    }

    /// None is expected any more.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    #[inline]
    pub(super) fn on_heard(&mut self, now: Nanos) {
        if let Some(since) = &mut self.since {
            (*since, self.heard) = (now.max(*since), true);
        }
    }

    /// Whether it hears answers, as far as is known.
    #[inline]
    pub(super) fn is_answered(&self, now: Nanos) -> bool {
        let recent = |since: Nanos| now.0.saturating_sub(since.0) < ANSWERED_NS;
        self.heard && self.since.is_some_and(recent)
    }

    /// How long an expected sender has been silent, if that is too long.
    #[must_use]
    pub(super) fn silent_ns(&self, now: Nanos) -> Option<u64> {
        let silent_ns = now.0.saturating_sub(self.since?.0);
        (silent_ns >= self.silent_ns).then_some(silent_ns)
    }

    /// Looks at the time.
    pub(super) fn judge(&mut self, now: Nanos) {
        self.is_silent = self.silent_ns(now).is_some();
    }

    /// When it will have been silent for too long.
    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        self.since
            .filter(|_| !self.is_silent)
            .map(|since| Nanos(since.0.saturating_add(self.silent_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_sender_is_silent_only_while_it_is_expected() {
        let mut liveness = Liveness::new(300 * MS);
        assert_eq!((liveness.silent_ns(Nanos(900 * MS)), liveness.next_deadline()), (None, None));
        liveness.begin(Nanos(1_000 * MS));
        assert!(!liveness.is_answered(Nanos(1_000 * MS)));
        assert_eq!(liveness.silent_ns(Nanos(1_299 * MS)), None);
        assert_eq!(liveness.next_deadline(), Some(Nanos(1_300 * MS)));
        assert_eq!(liveness.silent_ns(Nanos(1_300 * MS)), Some(300 * MS));
        liveness.judge(Nanos(1_300 * MS));
        assert_eq!(liveness.next_deadline(), None);
        liveness.on_heard(Nanos(1_400 * MS));
        liveness.judge(Nanos(1_400 * MS));
        assert_eq!(liveness.next_deadline(), Some(Nanos(1_700 * MS)));
        assert_eq!(liveness.silent_ns(Nanos(1_500 * MS)), None);
        assert!(liveness.is_answered(Nanos(6_399 * MS)));
        assert!(!liveness.is_answered(Nanos(6_400 * MS)));
        liveness.end();
        liveness.on_heard(Nanos(7_000 * MS));
        assert_eq!(liveness.silent_ns(Nanos(9_000 * MS)), None);
    }
}
