//! From a login request to an answer: password, quotas, session, sequence.

use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;

use super::{Closed, Connection, Opening, Phase, Rejection, Service};
use crate::access::{Access, Admission, Check, Purpose};
use crate::limits::SNAPSHOT_WAIT_NS;
use crate::soup::{LoginAccepted, LoginRequest, Packet};

impl<S: Service> Connection<S> {
    /// Whether the password is right, and the quotas let the user in.
    pub(super) fn decide(&mut self, login: &LoginRequest, access: &mut Access, now_ns: u64) {
        let admitted = match access.check(login, self.source, now_ns) {
            Check::Pending => return,
            Check::Refused(refusal) => Err(refusal),
            Check::Good => access.admit(login, now_ns),
        };
        match admitted {
            Ok(user) => {
                self.user = Some(user);
                self.phase = Phase::Opening(*login, now_ns);
            }
            Err(refusal) => self.close(Closed::Rejected(Rejection::Refused(refusal)), now_ns),
        }
    }

    /// Whether there is what the login asks for. While there is not yet, nothing is said: a
    /// heartbeat must not come before the answer, and clients in use take a debug packet for one.
    pub(super) fn open(
        &mut self,
        login: &LoginRequest,
        since_ns: u64,
        service: &mut S,
        access: &Access,
        now_ns: u64,
    ) {
        let Some(user) = &self.user else { return };
        match service.open(login, user, access, now_ns) {
            Opening::Open { session, sequence, stream } => {
                self.send(&Packet::LoginAccepted(LoginAccepted { session, sequence }), now_ns);
                self.session = Some(session);
                self.next_sequence = sequence;
                self.heard_ns = now_ns;
                self.phase = Phase::Streaming(stream);
            }
            Opening::Rejected(rejection) => self.close(Closed::Rejected(rejection), now_ns),
            Opening::NotYet(rejection) => {
                if now_ns.saturating_sub(since_ns) >= SNAPSHOT_WAIT_NS {
                    self.close(Closed::Rejected(rejection), now_ns);
                }
            }
        }
    }
}

/// The session that a login asks for, if its user may have it.
pub(super) fn session_wanted(
    login: &LoginRequest,
    user: &Admission,
    purpose: Purpose,
    current: &[Session],
) -> Result<Session, Rejection> {
    let session = login.session().map_err(Rejection::Field)?;
    if session.is_blank() {
        let preferred = user.entitlement().preferred(purpose, current);
        return preferred.ok_or(Rejection::NoCurrentSession);
    }
    let channel = Channel::of_session(session).ok_or(Rejection::NoSession { session })?;
    let may = user.entitlement().may(purpose, channel);
    if may { Ok(session) } else { Err(Rejection::NotEntitled { session }) }
}
