//! Many cancels by one command: mass cancels, kill switches, closed sessions, the end of a day.
//!
//! Work goes in steps. Canceled orders are gone from the lists that the next step looks at, so a
//! step goes on where the one before stopped with three numbers: account, order passed, instrument.

use super::administration::refuse;
use super::emit::Emit;
use super::ledger::Reply;
use super::pending::Work;
use super::{Outcomes, StateMachine};
use crate::limits::{CANCELS_PER_STEP_MAX, VISITS_PER_STEP_MAX};
use crate::matching::{BookIndex, OrderSlot};
use crate::orders::OrderRecord;
use crate::types::{AccountId, Refusal, SessionId, Side, UserId};
use isochron_events::{
    BooleanFlag, CancelReason, DayEnding, KillSwitch, MassCancelDone, MassCancelEvent,
    MassCancelRejected, Phase, RejectReason as Reason, Scope, SessionClosed,
};

/// Which orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// An account's, but not those in closed instruments.
    Account(u32),
    /// An account's in the instrument of this slot.
    AccountIn(u32, u32),
    /// All of an account's.
    KilledAccount(u32),
    /// Those that a user entered.
    User(u32),
    /// Those that were entered through a session.
    Session(u32),
    /// Those of a member's accounts.
    Member(u32),
    /// Those in one instrument.
    Instrument(u32),
    /// All there are.
    All,
}

/// What follows the last cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    End,
    /// The answer to a mass cancel.
    Answer { session: u32, account: u32, user: u32, client_id: [u8; 20] },
    /// The day is settled.
    Settle,
}

/// Where the work stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct ManyCancels {
    pub(super) which: Which,
    pub(super) reason: CancelReason,
    pub(super) then: Then,
    /// Canceled so far.
    pub(super) canceled: u64,
    /// The id of the account, or of the instrument, that is looked at; 0 before the first of many.
    pub(super) at: u32,
    /// The slot of the account's order that was looked at last, and stays.
    pub(super) passed: Option<u32>,
}

/// What a look for the next order came to.
enum Found {
    Order(OrderSlot),
    Nothing,
    /// Too much was looked at for one step.
    TooFar,
}

impl ManyCancels {
    fn new(which: Which, reason: CancelReason, then: Then) -> Self {
        let at = match which {
            Which::Account(id)
            | Which::AccountIn(id, _)
            | Which::KilledAccount(id)
            | Which::Instrument(id) => id,
            _ => 0,
        };
        Self { which, reason, then, canceled: 0, at, passed: None }
    }

    /// Whether only the account, or instrument, looked at first is looked at.
    fn is_of_one(&self) -> bool {
        !matches!(self.which, Which::User(_) | Which::Session(_) | Which::Member(_) | Which::All)
    }
}

impl StateMachine {
    /// One step of many cancels.
    pub(super) fn cancel_many<O: Outcomes>(
        &mut self,
        mut work: ManyCancels,
        steps: u64,
        emit: &mut Emit<'_, O>,
    ) {
        let (mut cancels, mut visits) = (0, VISITS_PER_STEP_MAX);
        loop {
            match self.next_to_cancel(&mut work, &mut visits) {
                Found::Order(slot) if cancels < CANCELS_PER_STEP_MAX => {
                    let record = self.take_out(slot);
                    let reply = Reply::unsolicited(&record);
                    self.ledger.cancel_rest(record, work.reason, reply, emit);
                    cancels += 1;
                    work.canceled += 1;
                }
                Found::Order(_) | Found::TooFar => {
                    return self.pend(Work::Cancels(work), steps, emit);
                }
                Found::Nothing => break,
            }
        }
        match work.then {
            Then::End => {}
            Then::Settle => self.pend(Work::Settlement, steps, emit),
            Then::Answer { session, account, user, client_id } => {
                let (header, outbound) = emit.private(&mut self.ledger.accounts, session);
                let canceled_orders = work.canceled;
                let client_order_id = client_id;
                emit.emit(MassCancelDone {
                    header,
                    outbound,
                    canceled_orders,
                    account,
                    user,
                    client_order_id,
                });
            }
        }
    }

    fn next_to_cancel(&self, work: &mut ManyCancels, visits: &mut usize) -> Found {
        let of_instruments = matches!(work.which, Which::Instrument(_) | Which::All);
        loop {
            let found = if of_instruments {
                self.first_in_instrument(work.at)
            } else {
                match self.next_of_account(work, visits) {
                    Found::Order(slot) => Some(slot),
                    Found::Nothing => None,
                    Found::TooFar => return Found::TooFar,
                }
            };
            if let Some(slot) = found {
                return Found::Order(slot);
            }
            if work.is_of_one() {
                return Found::Nothing;
            }
            let next = if of_instruments {
                self.ledger.instruments.table.next_id(work.at + 1)
            } else {
                self.ledger.accounts.accounts.next_id(work.at + 1)
            };
            let Some(next) = next else { return Found::Nothing };
            if *visits == 0 {
                return Found::TooFar;
            }
            *visits -= 1;
            (work.at, work.passed) = (next, None);
        }
    }

    fn first_in_instrument(&self, id: u32) -> Option<OrderSlot> {
        let book = BookIndex(self.ledger.instruments.table.slot(id)?);
        Side::BOTH.into_iter().find_map(|side| self.books.first(book, side))
    }

    /// The next order of the account that is looked at, past those that stay.
    fn next_of_account(&self, work: &mut ManyCancels, visits: &mut usize) -> Found {
        let Some(account) = self.ledger.accounts.accounts.slot(work.at) else {
            return Found::Nothing;
        };
        let member = self.ledger.accounts.accounts.at(account).member.0;
        if matches!(work.which, Which::Member(id) if id != member) {
            return Found::Nothing;
        }
        while let Some(slot) = self.ledger.orders.next_of(account, work.passed) {
            if self.is_meant(work.which, self.ledger.orders.get(slot)) {
                return Found::Order(OrderSlot(slot));
            }
            if *visits == 0 {
                return Found::TooFar;
            }
            *visits -= 1;
            work.passed = Some(slot);
        }
        Found::Nothing
    }

    fn is_meant(&self, which: Which, record: &OrderRecord) -> bool {
        match which {
            Which::Account(_) => {
                self.ledger.instruments.table.at(record.instrument).phase != Phase::CLOSED
            }
            Which::AccountIn(_, instrument) => record.instrument == instrument,
            Which::User(user) => record.user == user,
            Which::Session(session) => record.session == session,
            _ => true,
        }
    }
}

/// The commands that cancel many orders.
impl StateMachine {
    pub(super) fn mass_cancel<O: Outcomes>(
        &mut self,
        command: &MassCancelEvent,
        emit: &mut Emit<'_, O>,
    ) {
        let MassCancelEvent { account, user, client_order_id, .. } = *command;
        let session = emit.session();
        match self.judge_mass_cancel(command, session) {
            Ok(which) => {
                let then = Then::Answer { session, account, user, client_id: client_order_id };
                let work = ManyCancels::new(which, CancelReason::MASS_CANCEL, then);
                self.cancel_many(work, 0, emit);
            }
            Err(Refusal { reason, limit, value }) => {
                let (header, outbound) = emit.private(&mut self.ledger.accounts, session);
                emit.emit(MassCancelRejected {
                    header,
                    outbound,
                    limit,
                    value,
                    account,
                    user,
                    client_order_id,
                    reason,
                });
            }
        }
    }

    fn judge_mass_cancel(&self, command: &MassCancelEvent, session: u32) -> Result<Which, Refusal> {
        let (account, user) = (AccountId(command.account), UserId(command.user));
        self.ledger.accounts.may_act(account, SessionId(session), user)?;
        match command.scope {
            Scope::ACCOUNT => Ok(Which::Account(command.account)),
            Scope::INSTRUMENT => {
                let slot = self.ledger.known_instrument(command.instrument)?;
                let phase = self.ledger.instruments.table.at(slot).phase;
                if phase == Phase::CLOSED {
                    return Err(Refusal::new(Reason::PHASE, 0, phase.0));
                }
                Ok(Which::AccountIn(command.account, slot))
            }
            Scope(code) => Err(Refusal::new(Reason::CODE_INVALID, 0, code)),
        }
    }

    pub(super) fn turn_kill_switch<O: Outcomes>(
        &mut self,
        command: &KillSwitch,
        emit: &mut Emit<'_, O>,
    ) {
        let result = self.ledger.kill_switch(command);
        let cancels = result.is_ok() && command.on == BooleanFlag::YES;
        emit.answer(command.subject, result);
        if cancels {
            let which = match command.scope {
                Scope::ACCOUNT => Which::KilledAccount(command.subject),
                Scope::USER => Which::User(command.subject),
                Scope::SESSION => Which::Session(command.subject),
                Scope::MEMBER => Which::Member(command.subject),
                _ => Which::Instrument(command.subject),
            };
            let work = ManyCancels::new(which, CancelReason::KILL, Then::End);
            self.cancel_many(work, 0, emit);
        }
    }

    pub(super) fn close_session<O: Outcomes>(
        &mut self,
        command: &SessionClosed,
        emit: &mut Emit<'_, O>,
    ) {
        let result = self.ledger.close_session(command);
        let session = self.ledger.accounts.sessions.get(command.closed_session);
        let cancels = result.is_ok() && session.is_some_and(|session| session.cancel_on_disconnect);
        emit.answer(command.closed_session, result);
        if cancels {
            let which = Which::Session(command.closed_session);
            let work = ManyCancels::new(which, CancelReason::DISCONNECT, Then::End);
            self.cancel_many(work, 0, emit);
        }
    }

    pub(super) fn end_day<O: Outcomes>(&mut self, command: &DayEnding, emit: &mut Emit<'_, O>) {
        let result = self.judge_day_ending(command);
        let ends = result.is_ok();
        emit.answer(0, result);
        if ends {
            let work = ManyCancels::new(Which::All, CancelReason::EXPIRED, Then::Settle);
            self.cancel_many(work, 0, emit);
        }
    }

    fn judge_day_ending(&self, command: &DayEnding) -> Result<(), Refusal> {
        let day = &self.ledger.day;
        let running = if day.ended { 0 } else { day.date };
        if running == 0 || command.trading_date != running {
            return refuse(Reason::TRADING_DATE_NOT_CURRENT, running, command.trading_date);
        }
        for (id, instrument) in self.ledger.instruments.table.iter() {
            if instrument.phase != Phase::CLOSED {
                return refuse(Reason::INSTRUMENT_NOT_CLOSED, id, instrument.phase.0);
            }
        }
        Ok(())
    }
}
