//! Replay: a session's messages from the one asked for, then live until the session ends.

use isochron_feeds::mold::Session;

use super::login::session_wanted;
use super::{Closed, Fill, Opening, Rejection, Service, Slice};
use crate::access::{Access, Admission, Purpose};
use crate::library::Library;
use crate::soup::LoginRequest;

/// Replays over a library.
#[derive(Clone, Debug, Default)]
pub struct Replay<L>(pub L);

/// Where one replay stands.
#[derive(Clone, Copy, Debug)]
pub struct ReplayStream {
    session: Session,
    next: u64,
    /// What has a lower number was there before the login, and counts against the quota.
    live_from: u64,
}

impl<L: Library> Replay<L> {
    fn wanted(
        &mut self,
        login: &LoginRequest,
        user: &Admission,
        access: &Access,
        now_ns: u64,
    ) -> Result<ReplayStream, Rejection> {
        let session = session_wanted(login, user, Purpose::Replay, self.0.current_sessions())?;
        let asked = login.sequence().map_err(Rejection::Field)?.ok_or(Rejection::NoSequence)?;
        let log = self.0.log(session).ok_or(Rejection::NoSession { session })?;
        let (first, live_from) = (log.first(), log.next());
        let next = if asked == 0 { live_from } else { asked };
        if next > live_from {
            return Err(Rejection::Ahead { asked, next: live_from });
        }
        if next < first {
            return Err(Rejection::NoLongerKept { asked, first });
        }
        access.afford(user, live_from - next, now_ns).map_err(Rejection::Refused)?;
        Ok(ReplayStream { session, next, live_from })
    }
}

impl<L: Library> Service for Replay<L> {
    type Stream = ReplayStream;

    fn open(
        &mut self,
        login: &LoginRequest,
        user: &Admission,
        access: &Access,
        now_ns: u64,
    ) -> Opening<ReplayStream> {
        match self.wanted(login, user, access, now_ns) {
            Ok(stream) => {
                let (session, sequence) = (stream.session, stream.next);
                Opening::Open { session, sequence, stream }
            }
            Err(rejection) => Opening::Rejected(rejection),
        }
    }

    fn fill(
        &mut self,
        stream: &mut ReplayStream,
        user: &Admission,
        access: &mut Access,
        slice: &mut Slice<'_>,
        now_ns: u64,
    ) -> Fill {
        let Some(log) = self.0.log(stream.session) else {
            return Fill::Over(Closed::Withdrawn { session: stream.session });
        };
        let repeated_before = stream.next.min(stream.live_from);
        // Never beyond: what has no number yet was not multicast either.
        while slice.has_room() && stream.next < log.next() {
            let sequence = stream.next;
            let Some(message) = log.get(sequence) else {
                return Fill::Over(Closed::FellBehind { sequence, first: log.first() });
            };
            slice.push(message);
            stream.next += 1;
        }
        let repeated = stream.next.min(stream.live_from) - repeated_before;
        if let Err(refusal) = access.charge(user, repeated, now_ns) {
            return Fill::Over(Closed::Quota(refusal));
        }
        if stream.next < log.next() {
            if slice.is_full() { Fill::Waiting } else { Fill::More }
        } else if log.has_ended() {
            Fill::Over(Closed::EndOfSession)
        } else {
            Fill::Waiting
        }
    }
}
