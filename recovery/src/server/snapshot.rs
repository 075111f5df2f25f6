//! Snapshots in the manner of GLIMPSE: the state as a stream of messages, then the connection ends.
//!
//! The messages of a snapshot are the sequenced data of its connection, numbered from 1; its last
//! one says where the channel goes on. The login's requested sequence is the lowest acceptable
//! one: the snapshot covers all messages before it, so a consumer that buffers from number `n`
//! asks for `n`, and 1 takes any. Where none is so new, the login waits.
//! Spec: Nasdaq GLIMPSE 5.0, BIST GLIMPSE 2.7; the lowest acceptable sequence is IEX's idea.

use std::borrow::Cow;
use std::sync::Arc;

use isochron_feeds::mold::Session;

use super::login::session_wanted;
use super::{Closed, Fill, Opening, Rejection, Service, Slice};
use crate::access::{Access, Admission, Entitlement, Purpose};
use crate::soup::LoginRequest;

/// What a client wants a snapshot of.
#[derive(Clone, Debug)]
pub struct SnapshotRequest {
    /// The channel's session.
    pub session: Session,
    /// All messages before this one must be in it: 1 takes any.
    pub next_at_least: u64,
    /// What the user may see. That product and partition are among it was checked; which symbols
    /// the snapshot may show was not.
    pub entitlement: Arc<Entitlement>,
}

/// What a source says to a request. It is asked again each turn while it says `NotYet`, so asking
/// twice must not cost twice.
#[derive(Debug)]
pub enum SnapshotAnswer<C> {
    /// Here it is.
    Ready(C),
    /// None is so new yet. After 10 s of this the login is rejected.
    NotYet,
    /// There is no such session.
    Unknown,
    /// None, for that reason.
    Refused(Cow<'static, str>),
}

/// Makes snapshots, or has them made.
pub trait SnapshotSource {
    /// One client's way through a snapshot.
    type Cursor: SnapshotCursor;

    /// A snapshot as wanted.
    fn snapshot(&mut self, request: &SnapshotRequest) -> SnapshotAnswer<Self::Cursor>;

    /// The session of each channel that is current now: what a login that names none may get.
    fn current_sessions(&self) -> &[Session];
}

/// The messages of a snapshot, in order.
pub trait SnapshotCursor {
    /// The next one; `None` after the last. It is cheap: a connection takes up to 2,000 in a turn.
    fn next_message(&mut self) -> Option<&[u8]>;
}

/// Snapshots of a source.
#[derive(Clone, Debug, Default)]
pub struct Snapshots<S>(pub S);

/// Where one snapshot stands.
#[derive(Clone, Debug)]
pub struct SnapshotStream<C>(C);

impl<S: SnapshotSource> Snapshots<S> {
    fn wanted(
        &self,
        login: &LoginRequest,
        user: &Admission,
        access: &Access,
        now_ns: u64,
    ) -> Result<SnapshotRequest, Rejection> {
        let session = session_wanted(login, user, Purpose::Snapshot, self.0.current_sessions())?;
        let lowest = login.sequence().map_err(Rejection::Field)?.unwrap_or(1);
        access.afford(user, 1, now_ns).map_err(Rejection::Refused)?;
        let entitlement = user.entitlement().clone();
        Ok(SnapshotRequest { session, next_at_least: lowest.max(1), entitlement })
    }
}

impl<S: SnapshotSource> Service for Snapshots<S> {
    type Stream = SnapshotStream<S::Cursor>;

    fn open(
        &mut self,
        login: &LoginRequest,
        user: &Admission,
        access: &Access,
        now_ns: u64,
    ) -> Opening<SnapshotStream<S::Cursor>> {
        let request = match self.wanted(login, user, access, now_ns) {
            Ok(request) => request,
            Err(rejection) => return Opening::Rejected(rejection),
        };
        let SnapshotRequest { session, next_at_least, .. } = request;
        match self.0.snapshot(&request) {
            SnapshotAnswer::Ready(cursor) => {
                Opening::Open { session, sequence: 1, stream: SnapshotStream(cursor) }
            }
            SnapshotAnswer::NotYet => Opening::NotYet(Rejection::SnapshotNotYet { next_at_least }),
            SnapshotAnswer::Unknown => Opening::Rejected(Rejection::NoSession { session }),
            SnapshotAnswer::Refused(reason) => {
                Opening::Rejected(Rejection::SnapshotRefused(reason))
            }
        }
    }

    fn fill(
        &mut self,
        stream: &mut SnapshotStream<S::Cursor>,
        user: &Admission,
        access: &mut Access,
        slice: &mut Slice<'_>,
        now_ns: u64,
    ) -> Fill {
        let mut messages = 0;
        let mut complete = false;
        while !complete && slice.has_room() {
            match stream.0.next_message() {
                Some(message) => {
                    slice.push(message);
                    messages += 1;
                }
                None => complete = true,
            }
        }
        // Half a snapshot is of no use: what was begun is finished, and takes what is left.
        let _ = access.charge(user, messages, now_ns);
        match complete {
            true => Fill::Over(Closed::SnapshotComplete),
            false if slice.is_full() => Fill::Waiting,
            false => Fill::More,
        }
    }
}
