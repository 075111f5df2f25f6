//! Random commands that make many orders go at once: mass cancels, kill switches, sessions that
//! close, days that end.

use super::{Commands, MEMBERS, member_of};
use crate::exchange::words::*;

impl Commands {
    pub(super) fn mass_cancel(&mut self) -> (u32, Ask) {
        let account = self.account();
        let (session, user) = self.sender(account);
        let client = self.client(account);
        let scope = match self.random.below(40) {
            0 => self.random.one_of(&[0, OF_USER, OF_SESSION, OF_MEMBER, 6]),
            1..20 => OF_INSTRUMENT,
            _ => OF_ACCOUNT,
        };
        let instrument = match self.random.below(40) {
            0 => self.random.one_of(&[0, 77]),
            _ => self.random.id(self.instruments.len() as u32),
        };
        (session, Ask::MassCancel { account, user, instrument, scope, client })
    }

    /// Trading closes, the day ends, the next begins, trading opens; at times with a mistake.
    pub(super) fn turn_the_day(&mut self) {
        let date = self.date;
        self.script.push_back(Ask::SetPhase { instrument: 0, phase: CLOSED });
        if self.random.chance(100) {
            let instrument = self.random.id(self.instruments.len() as u32);
            let phase = self.random.one_of(&[PRE_OPEN, OPEN, HALTED]);
            self.script.push_back(Ask::SetPhase { instrument, phase });
        }
        if self.random.chance(100) {
            self.script.push_back(Ask::EndDay { date: date + 1 });
        }
        self.script.push_back(Ask::EndDay { date });
        if self.random.chance(150) {
            self.script.push_back(Ask::EndDay { date });
        }
        if self.random.chance(900) {
            let next = self.start_day();
            self.script.push_back(next);
        }
        self.script.push_back(Ask::SetPhase { instrument: 0, phase: OPEN });
    }

    /// A switch is turned on, and off again.
    fn switch(&mut self) {
        let scope = self.random.between(OF_ACCOUNT.into(), OF_INSTRUMENT.into()) as u8;
        let subject = self.random.id(match scope {
            OF_ACCOUNT | OF_INSTRUMENT => 4,
            OF_MEMBER => MEMBERS,
            _ => 2 * MEMBERS,
        });
        self.script.extend([1, 0].map(|on| Ask::Kill { scope, subject, on }));
    }

    /// A session closes, mostly with its orders, and is opened again.
    fn reconnect(&mut self) {
        let session = self.random.id(2 * MEMBERS);
        let (member, user) = (member_of(session), session);
        let cancel_on_disconnect = u8::from(self.random.chance(800));
        let open = Ask::OpenSession { session, member, user, cancel_on_disconnect };
        self.script.push_back(open.clone());
        self.script.push_back(Ask::CloseSession { session, reason: 2 });
        self.script.push_back(open);
    }

    /// Orders pile up on both sides of all books, most of them of a few accounts.
    pub(super) fn busy(&mut self, choice: u64) -> (u32, Ask) {
        match choice {
            0..180 => return self.new_order(),
            180..230 => return self.cancel(),
            230..330 => return self.replace(),
            330..340 => return (0, self.transfer()),
            340..343 => return self.mass_cancel(),
            343 => self.switch(),
            344 => self.reconnect(),
            345 => self.turn_the_day(),
            _ => {}
        }
        let most = if self.random.chance(500) { 4 } else { 30 };
        let account = self.random.id(most);
        let (session, user) = self.sender(account);
        let place = self.random.below(self.instruments.len() as u64) as usize;
        let definition = self.instruments[place].clone();
        let side = self.random.one_of(&[BUY, SELL]);
        let away = self.random.between(3, 5).cast_signed();
        let new = NewOrder {
            account,
            user,
            broker: 0,
            instrument: definition.instrument,
            side,
            kind: LIMIT_ORDER,
            lifetime: DAY,
            price: definition.tick * if side == BUY { 100 - away } else { 100 + away },
            quantity: definition.lot * self.random.between(1, 3),
            client: self.client(account),
            entry_time: self.names,
        };
        (session, Ask::New(new))
    }
}
