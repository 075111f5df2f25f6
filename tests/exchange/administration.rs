//! Random administration: mostly sensible, so that the exchange lives on, and every mistake.

use super::{CURRENCIES, Commands, MEMBERS, member_of};
use crate::exchange::words::*;

impl Commands {
    pub(super) fn administration(&mut self) -> Ask {
        match self.random.below(100) {
            0..2 => Ask::DefineMember { member: self.random.one_of(&[0, 1, 2, 3, 70_000]) },
            2..5 => self.define_user(),
            5..9 => self.open_account(),
            9..20 => self.set_state(),
            20..34 => self.set_limits(),
            34..39 => self.self_trade(),
            39..58 => self.transfer(),
            58..68 => self.kill(),
            68..74 => self.phase(),
            74..84 => self.define(),
            84..92 => self.open_session(),
            92 => Ask::CloseSession {
                session: self.random.below(10) as u32,
                reason: self.random.one_of(&[0, 1, 2, 3, 4]),
            },
            93..97 => self.start_day(),
            97 => Ask::EndDay { date: self.date - u32::from(self.random.chance(300)) },
            98 if self.random.chance(500) => Ask::Continue { cursor: 1 },
            98 => Ask::StartEpoch { epoch: 2 },
            _ => Ask::Tick,
        }
    }

    fn define_user(&mut self) -> Ask {
        let user = self.random.one_of(&[0, 1, 2, 3, 4, 5, 6, 8, 2_000_000]);
        let member = if self.random.chance(700) { member_of(user) } else { 1 };
        let member = if self.random.chance(100) { 55 } else { member };
        Ask::DefineUser { user, member }
    }

    fn open_account(&mut self) -> Ask {
        let account = match self.random.below(4) {
            0 => self.random.one_of(&[0, 2_000_000]),
            1 => self.random.id(self.accounts),
            _ => (self.accounts + 1).min(14),
        };
        let member = if self.random.chance(200) { 55 } else { member_of(account) };
        let user = if self.random.chance(300) { self.random.below(9) as u32 } else { member };
        Ask::OpenAccount { account, member, user }
    }

    /// Mostly verified again, so that the exchange does not die out.
    fn set_state(&mut self) -> Ask {
        let account = self.account();
        let state = match self.random.below(80) {
            0 => ACCOUNT_CLOSED,
            1..4 => self.random.one_of(&[0, APPLIED_FOR, 2, 6]),
            4..8 => SUSPENDED,
            _ => VERIFIED,
        };
        Ask::SetState { account, state }
    }

    fn set_limits(&mut self) -> Ask {
        let scope = match self.random.below(20) {
            0 => self.random.one_of(&[0, 3, 4, 5, 6]),
            1..9 => OF_USER,
            _ => OF_ACCOUNT,
        };
        let instrument = match self.random.below(20) {
            0 => 77,
            1..8 => 0,
            _ => self.random.id(self.instruments.len() as u32),
        };
        let tight = self.random.chance(400);
        let limits = Limits {
            tradable: match self.random.below(30) {
                0 => 2,
                1..4 => 0,
                _ => 1,
            },
            live_orders: if tight { self.random.below(12) as u32 } else { 0 },
            daily_volume: if tight { self.random.below(400) } else { 0 },
            position: if tight { self.random.below(2_000) } else { 0 },
        };
        let subject = if self.random.chance(40) { 99 } else { self.random.id(6) };
        Ask::SetLimits { scope, subject, instrument, limits }
    }

    pub(super) fn self_trade(&mut self) -> Ask {
        let account = self.account();
        let policy = self.random.one_of(&[0, 1, 1, 1, 2, 2, 3, 3, 3, 4]);
        Ask::SetSelfTrade { account, policy, group: self.random.one_of(&[0, 0, 0, 1, 2]) }
    }

    pub(super) fn transfer(&mut self) -> Ask {
        let account = self.account();
        let instrument = match self.random.below(20) {
            0 => 77,
            1..9 => self.random.id(self.instruments.len() as u32),
            _ => 0,
        };
        let currency = match self.random.below(20) {
            0 => *b"ZZZ",
            _ if instrument != 0 && self.random.chance(500) => [0; 3],
            _ => *self.random.one_of(CURRENCIES),
        };
        let (of_cash, of_shares) = self.kind.scale();
        let scale = if instrument == 0 { of_cash } else { of_shares };
        let amount = match self.random.below(40) {
            0..2 => 0,
            2 => self.random.one_of(&[i64::MAX, i64::MIN, 1_000_000_000_000_000_000]),
            3..6 => -(self.random.below(60_000_000).cast_signed()) * scale,
            6..16 => -(self.random.below(300).cast_signed()) * scale,
            _ if instrument == 0 => self.random.between(1, 20_000_000).cast_signed() * scale,
            _ => self.random.between(1, 800).cast_signed() * scale,
        };
        Ask::Transfer { account, instrument, currency, amount }
    }

    fn kill(&mut self) -> Ask {
        let scope = self.random.one_of(&[0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6]);
        let subject = if self.random.chance(100) { 99 } else { self.random.id(6) };
        let on = match self.random.below(40) {
            0 => 2,
            1..4 => 1,
            _ => 0,
        };
        Ask::Kill { scope, subject, on }
    }

    fn phase(&mut self) -> Ask {
        let instrument = match self.random.below(10) {
            0 => 77,
            1..3 => 0,
            _ => self.random.id(self.instruments.len() as u32),
        };
        let phase = match self.random.below(20) {
            0 => self.random.one_of(&[0, 5]),
            1..4 => self.random.one_of(&[PRE_OPEN, HALTED, CLOSED]),
            _ => OPEN,
        };
        Ask::SetPhase { instrument, phase }
    }

    fn open_session(&mut self) -> Ask {
        let session = self.random.one_of(&[0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 2_000_000]);
        let member = match self.random.below(12) {
            0 => 55,
            1 => self.random.id(MEMBERS),
            _ => member_of(session),
        };
        let user = match self.random.below(12) {
            0 => self.random.below(9) as u32,
            _ => member,
        };
        let cancel_on_disconnect = self.random.one_of(&[0, 0, 0, 0, 1, 1, 1, 2]);
        Ask::OpenSession { session, member, user, cancel_on_disconnect }
    }

    pub(super) fn start_day(&mut self) -> Ask {
        let date = match self.random.below(8) {
            0 => self.date,
            1 => self.date - 1,
            2 => self.random.one_of(&[0, 20_260_230, 20_261_301, 20_260_700, 21_000_229, u32::MAX]),
            _ if self.date % 100 < 28 => self.date + 1,
            _ if self.date / 100 % 100 < 12 => self.date - self.date % 100 + 101,
            _ => (self.date / 10_000 + 1) * 10_000 + 101,
        };
        let rules = if self.random.chance(100) { 2 } else { 1 };
        Ask::StartDay { date, rules }
    }

    /// A known instrument with one field changed, or one beside the others with any currency.
    fn define(&mut self) -> Ask {
        let place = self.random.below(self.instruments.len() as u64) as usize;
        let mut new = self.instruments[place].clone();
        if self.random.chance(450) {
            new = {
                let beside = 40 + self.random.id(20);
                self.fresh(beside)
            };
            let letter = b'A' + self.random.below(24) as u8;
            new.settlement = [b'X', b'Y', letter];
            new.quote = new.settlement;
        }
        let (tick, lot) = (new.tick, new.lot);
        let random = &mut self.random;
        match random.below(22) {
            0 => new.instrument = random.one_of(&[0, 20_000]),
            1 => new.kind = random.one_of(&[0, 2, 3, 4, 5]),
            2 => new.symbol = random.one_of(&[[0; 8], *b"A B\0\0\0\0\0", *b"SB\0\0\0\0\0\0"]),
            3 => new.symbol = random.one_of(&[*b"SB\0\0\0\0\0\0", *b"SC\0\0\0\0\0\0"]),
            4 => new.settlement = random.one_of(&[*b"usd", *b"US1", *b"US\0", *b"EUR"]),
            5 => (new.settlement, new.quote) = (*CURRENCIES[0], *CURRENCIES[0]),
            6 => new.tick = random.one_of(&[0, -1, i64::MAX, tick * 5, 100]),
            7 => new.lot = random.one_of(&[0, u64::MAX, 1, 5]),
            8 => new.price_lowest = random.one_of(&[0, -5, tick * 200, tick * 90, tick * 91]),
            9 => new.price_highest = random.one_of(&[i64::MAX, tick * 110, tick * 109]),
            10 => new.quantity_least = random.one_of(&[0, u64::MAX, lot, lot * 2]),
            11 => new.quantity_most = random.one_of(&[u64::MAX, lot * 200, lot * 180]),
            12 => new.notional_most = random.one_of(&[0, -1, i64::MAX, new.notional_most]),
            13 => new.band = random.one_of(&[10_001, u32::MAX, 0, 500, 900, 10_000]),
            14 => new.reference_price = random.one_of(&[-1, i64::MAX, 0, tick * 100]),
            15 => new.maker_rate = random.one_of(&[100_001, i32::MIN, -1_500, 0, 2_500]),
            16 => new.taker_rate = random.one_of(&[-100_001, i32::MAX, -1_000, 0, 3_000]),
            _ => {}
        }
        Ask::Define(Box::new(new))
    }
}
