//! How outcomes leave: each gets its header, private ones the outbound number of their session.

use super::Outcomes;
use crate::accounts::Accounts;
use crate::types::{Refusal, flags};
use isochron_events::{
    AdministrationApplied, AdministrationRejected, EventHeader, Message, SbeMessage,
};

/// The outcomes of one command on their way out.
pub(super) struct Emit<'a, O: Outcomes> {
    header: EventHeader,
    template: u16,
    outcomes: &'a mut O,
}

impl<'a, O: Outcomes> Emit<'a, O> {
    pub(super) fn new(command: &Message, outcomes: &'a mut O) -> Self {
        let mut header = *command.header();
        let continuation = matches!(command, Message::Continuation(_));
        header.flags = if continuation { flags::CONTINUATION } else { 0 };
        if !continuation {
            header.cause = header.sequence;
        }
        Self { header, template: command.template_id(), outcomes }
    }

    /// The root command's number.
    pub(super) fn cause(&self) -> u64 {
        self.header.cause
    }

    /// The session that the command came from.
    pub(super) fn session(&self) -> u32 {
        self.header.session
    }

    /// A header for an outcome that belongs to a session.
    #[inline]
    pub(super) fn header(&self, session: u32) -> EventHeader {
        EventHeader { session, ..self.header }
    }

    /// Header and outbound number of a private outcome.
    #[inline]
    pub(super) fn private(&self, accounts: &mut Accounts, session: u32) -> (EventHeader, u64) {
        (self.header(session), accounts.next_outbound(session))
    }

    #[inline]
    pub(super) fn emit(&mut self, outcome: impl SbeMessage + Into<Message>) {
        self.outcomes.emit(outcome);
    }

    /// Answers an administrative command.
    pub(super) fn answer(&mut self, subject: u32, result: Result<(), Refusal>) {
        let (header, command) = (self.header, self.template);
        match result {
            Ok(()) => self.emit(AdministrationApplied { header, subject, command }),
            Err(Refusal { reason, limit, value }) => {
                self.emit(AdministrationRejected {
                    header,
                    limit,
                    value,
                    subject,
                    command,
                    reason,
                });
            }
        }
    }
}
