//! Whether a session and a user may act for an account: the first of the risk checks.

use super::records::{Account, Accounts, Session, User};
use crate::types::{AccountId, Refusal, SessionId, UserId};
use isochron_events::{AccountState, RejectReason, Scope};

impl Accounts {
    /// The account's slot, if session and user may act for it: enough for a cancel.
    pub fn may_act(
        &self,
        account: AccountId,
        session: SessionId,
        user: UserId,
    ) -> Result<u32, Refusal> {
        let slot = self.known_account(account)?;
        self.entitled(self.accounts.at(slot), session, user)?;
        Ok(slot)
    }

    /// The account's slot, if it may take on new risk through this session and user.
    pub fn may_trade(
        &self,
        account: AccountId,
        session: SessionId,
        user: UserId,
    ) -> Result<u32, Refusal> {
        let slot = self.known_account(account)?;
        let record = self.accounts.at(slot);
        verified(record)?;
        let (of_session, of_user) = self.entitled(record, session, user)?;
        let blocked = |scope: Scope, id: u32| {
            Err(Refusal::new(RejectReason::BLOCKED, i64::from(scope.0), id))
        };
        if record.blocked {
            return blocked(Scope::ACCOUNT, account.0);
        }
        if of_user.blocked {
            return blocked(Scope::USER, user.0);
        }
        if of_session.blocked {
            return blocked(Scope::SESSION, session.0);
        }
        if self.members.get(record.member.0).is_some_and(|member| member.blocked) {
            return blocked(Scope::MEMBER, record.member.0);
        }
        Ok(slot)
    }

    fn known_account(&self, account: AccountId) -> Result<u32, Refusal> {
        self.accounts
            .slot(account.0)
            .ok_or_else(|| Refusal::new(RejectReason::UNKNOWN_ACCOUNT, 0, account.0))
    }

    /// The session and the user, if both are of the account's member.
    fn entitled(
        &self,
        account: &Account,
        session: SessionId,
        user: UserId,
    ) -> Result<(&Session, &User), Refusal> {
        let member = account.member.0;
        let found = self.sessions.get(session.0).filter(|found| found.open);
        let Some(of_session) = found else {
            return Err(Refusal::new(RejectReason::SESSION_NOT_OPEN, 0, session.0));
        };
        if of_session.member.0 != member {
            let reason = RejectReason::SESSION_NOT_ENTITLED;
            return Err(Refusal::new(reason, member, of_session.member.0));
        }
        let Some(of_user) = self.users.get(user.0) else {
            return Err(Refusal::new(RejectReason::UNKNOWN_USER, 0, user.0));
        };
        if of_user.member.0 != member {
            let reason = RejectReason::USER_NOT_ENTITLED;
            return Err(Refusal::new(reason, member, of_user.member.0));
        }
        Ok((of_session, of_user))
    }
}

fn verified(account: &Account) -> Result<(), Refusal> {
    let reason = match account.state {
        AccountState::VERIFIED => return Ok(()),
        AccountState::SUSPENDED => RejectReason::ACCOUNT_SUSPENDED,
        AccountState::CLOSED => RejectReason::ACCOUNT_CLOSED,
        _ => RejectReason::ACCOUNT_NOT_VERIFIED,
    };
    Err(Refusal::new(reason, 0, account.state.0))
}
