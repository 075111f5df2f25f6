//! Random commands for a small exchange, skewed so that everything happens that can happen.
//!
//! Most commands make sense; a few in a hundred have one field that does not. What the exchange
//! answered is listened to, so that cancels and replaces find orders and limits find what to limit.

#[path = "administration.rs"]
mod administration;
#[path = "days.rs"]
mod days;
#[path = "random.rs"]
mod random;

use std::collections::VecDeque;

use crate::exchange::words::*;
pub(crate) use random::Random;

/// Members, each with two users and two sessions: those of its own id, and three above.
const MEMBERS: u32 = 3;
const CURRENCIES: &[&[u8; 3]; 2] = &[b"USD", b"EUR"];

/// What kind of exchange a seed plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything, a little at a time.
    Mixed,
    /// Small orders pile up on one side until large ones sweep them away.
    Deep,
    /// The same as mixed in prices, quantities and balances near the largest.
    Large,
    /// Many accounts with many orders that rest, until all at once go.
    Busy,
}

impl Kind {
    /// What cash and shares are multiplied with.
    fn scale(self) -> (i64, i64) {
        match self {
            Kind::Mixed => (1, 1),
            Kind::Deep | Kind::Busy => (100, 100),
            Kind::Large => (1_000_000_000, 1_000),
        }
    }
}

/// A live order as the outcomes told.
struct Known {
    id: u64,
    account: u32,
    instrument: u32,
    client: Client,
    price: i64,
    total: u64,
    executed: u64,
}

/// The source of commands.
pub(crate) struct Commands {
    pub(crate) random: Random,
    kind: Kind,
    accounts: u32,
    instruments: Vec<Definition>,
    live: Vec<Known>,
    finished: VecDeque<(u32, Client)>,
    /// The last number of each source.
    numbers: [u64; 4],
    names: u64,
    date: u32,
    opening: VecDeque<Ask>,
    /// What comes next, with little between.
    script: VecDeque<Ask>,
}

impl Commands {
    pub(crate) fn new(seed: u64, kind: Kind) -> Commands {
        let mut random = Random(seed);
        let (accounts, instruments) = match kind {
            Kind::Mixed | Kind::Large => {
                (random.between(6, 12) as u32, random.between(2, 5) as u32)
            }
            Kind::Deep => (6, 1),
            Kind::Busy => (30, 4),
        };
        let mut commands = Commands {
            random,
            kind,
            accounts,
            instruments: Vec::new(),
            live: Vec::new(),
            finished: VecDeque::new(),
            numbers: [0; 4],
            names: 0,
            date: 20_260_101,
            opening: VecDeque::new(),
            script: VecDeque::new(),
        };
        commands.open(instruments);
        commands
    }

    /// The commands that every exchange begins with.
    fn open(&mut self, instruments: u32) {
        let mut opening = VecDeque::new();
        let (of_cash, of_shares) = self.kind.scale();
        opening.extend((1..=MEMBERS).map(|member| Ask::DefineMember { member }));
        for user in 1..=2 * MEMBERS {
            let member = member_of(user);
            opening.push_back(Ask::DefineUser { user, member });
            opening.push_back(Ask::OpenSession {
                session: user,
                member,
                user,
                cancel_on_disconnect: 0,
            });
        }
        for instrument in 1..=instruments {
            let definition = self.fresh(instrument);
            self.instruments.push(definition.clone());
            opening.push_back(Ask::Define(Box::new(definition)));
        }
        opening.push_back(Ask::SetPhase { instrument: 0, phase: OPEN });
        for account in 1..=self.accounts {
            let member = member_of(account);
            opening.push_back(Ask::OpenAccount { account, member, user: member });
            opening.push_back(Ask::SetState { account, state: VERIFIED });
            for currency in CURRENCIES {
                let amount = self.random.between(1, 60).cast_signed() * 1_000_000 * of_cash;
                let currency = **currency;
                opening.push_back(Ask::Transfer { account, instrument: 0, currency, amount });
            }
            for instrument in 1..=instruments {
                let amount = self.random.between(1, 4_000).cast_signed() * of_shares;
                let currency = [0; 3];
                opening.push_back(Ask::Transfer { account, instrument, currency, amount });
            }
            let policy = self.random.one_of(&[ALLOW, CANCEL_NEWEST, CANCEL_OLDEST]);
            let group = self.random.one_of(&[0, 0, 1, 2]);
            opening.push_back(match self.kind {
                Kind::Mixed | Kind::Large => Ask::SetSelfTrade { account, policy, group },
                Kind::Deep | Kind::Busy => Ask::SetSelfTrade { account, policy, group: 0 },
            });
            if self.kind != Kind::Mixed {
                let limits = Limits { tradable: 1, live_orders: 0, daily_volume: 0, position: 0 };
                for (scope, subject) in [(OF_ACCOUNT, account), (OF_USER, account)] {
                    opening.push_back(Ask::SetLimits { scope, subject, instrument: 0, limits });
                }
            }
        }
        self.opening = opening;
    }

    fn fresh(&mut self, instrument: u32) -> Definition {
        let tick = self.random.one_of(&[1, 50, 100, 500]);
        let lot = self.random.one_of(&[1, 1, 5]);
        let mut symbol = *b"S\0\0\0\0\0\0\0";
        symbol[1] = b'A' + (instrument % 26) as u8;
        let currency = *self.random.one_of(CURRENCIES);
        let (maker_rate, taker_rate) = match self.kind {
            Kind::Large => {
                (-(self.random.below(50_000) as i32), self.random.between(50_000, 100_000) as i32)
            }
            _ => {
                let mut rate = || self.random.between(0, 6_000) as i32 - 2_000;
                (rate(), rate())
            }
        };
        let (tick, lot) = match self.kind {
            Kind::Large => (1_000_000_000, 1_000),
            _ => (tick, lot),
        };
        let lots = if self.kind == Kind::Deep { 100_000 } else { 200 };
        Definition {
            instrument,
            kind: 1,
            symbol,
            settlement: currency,
            quote: currency,
            tick,
            lot,
            price_lowest: tick * 90,
            price_highest: tick * 110,
            quantity_least: lot,
            quantity_most: lot * lots,
            notional_most: tick * 110 * (lot * lots * 3 / 4).cast_signed(),
            reference_price: tick * 100,
            band: self.random.one_of(&[0, 0, 600, 900]),
            maker_rate,
            taker_rate,
        }
    }

    /// The next command.
    pub(crate) fn next(&mut self) -> Command {
        if let Some(ask) = self.opening.pop_front() {
            return self.stamped(0, ask);
        }
        if !self.script.is_empty() && self.random.chance(850) {
            let ask = self.script.pop_front().unwrap();
            return self.stamped(0, ask);
        }
        let choice = self.random.below(1_000);
        let (session, ask) = match self.kind {
            Kind::Deep => self.deep(choice),
            Kind::Busy => self.busy(choice),
            Kind::Mixed | Kind::Large => match choice {
                0..550 => self.new_order(),
                550..660 => self.cancel(),
                660..800 => self.replace(),
                800..805 => self.mass_cancel(),
                805..808 => {
                    self.turn_the_day();
                    return self.next();
                }
                _ => {
                    let session = self.random.one_of(&[0, 0, 1, 9]);
                    (session, self.administration())
                }
            },
        };
        self.stamped(session, ask)
    }

    /// Mostly the source's next number; at times a gap, and at times one that was taken.
    fn stamped(&mut self, session: u32, ask: Ask) -> Command {
        let source = self.random.below(4) as u32;
        let last = self.numbers[source as usize];
        let source_number = match self.random.below(200) {
            0..2 => last.saturating_sub(self.random.below(3)),
            2..4 => last + self.random.between(2, 9),
            _ => last + 1,
        };
        self.numbers[source as usize] = last.max(source_number);
        Command { source, source_number, session, ask }
    }

    /// Listens to what came of a command.
    pub(crate) fn learn(&mut self, command: &Command, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match &outcome.news {
                News::Accepted { order, new, .. } => self.live.push(Known {
                    id: *order,
                    account: new.account,
                    instrument: new.instrument,
                    client: new.client,
                    price: new.price,
                    total: new.quantity,
                    executed: 0,
                }),
                News::Replaced(news) => {
                    if let Some(known) = self.live.iter_mut().find(|o| o.id == news.order) {
                        known.client = news.client;
                        (known.price, known.total) = (news.price, news.quantity);
                    }
                }
                News::Filled(news) => {
                    if let Some(known) = self.live.iter_mut().find(|o| o.id == news.order) {
                        known.executed = news.executed;
                    }
                    if news.leaves == 0 {
                        self.forget(news.order);
                    }
                }
                News::Canceled(news) => self.forget(news.order),
                News::Applied { .. } => match &command.ask {
                    Ask::Define(new) => {
                        let same = |d: &&mut Definition| d.instrument == new.instrument;
                        if let Some(known) = self.instruments.iter_mut().find(same) {
                            *known = (**new).clone();
                        }
                    }
                    Ask::StartDay { date, .. } => self.date = *date,
                    Ask::OpenAccount { account, .. } => {
                        self.accounts = self.accounts.max(*account);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn forget(&mut self, order: u64) {
        if let Some(place) = self.live.iter().position(|o| o.id == order) {
            let gone = self.live.swap_remove(place);
            self.finished.push_back((gone.account, gone.client));
            if self.finished.len() > 100 {
                self.finished.pop_front();
            }
        }
    }

    /// A client order id: nearly always a new one.
    fn client(&mut self, account: u32) -> Client {
        let used = match self.random.below(100) {
            0 => self.live.iter().rev().find(|o| o.account == account).map(|o| o.client),
            1 => self.finished.iter().find(|(of, _)| *of == account).map(|(_, client)| *client),
            2 if self.random.chance(300) => Some(self.random.one_of(&[
                [0; 20],
                *b"has a blank\0\0\0\0\0\0\0\0\0",
                *b"zero\0inside\0\0\0\0\0\0\0\0\0",
                *b"control\x7f\0\0\0\0\0\0\0\0\0\0\0\0",
            ])),
            _ => None,
        };
        self.names += 1;
        used.unwrap_or_else(|| {
            let mut client = [0; 20];
            let text = format!("c{}", self.names);
            client[..text.len()].copy_from_slice(text.as_bytes());
            client
        })
    }

    /// Session and user of an account's member; rarely others.
    fn sender(&mut self, account: u32) -> (u32, u32) {
        let of_member = |random: &mut Random| member_of(account) + MEMBERS * random.below(2) as u32;
        let mut session = of_member(&mut self.random);
        let mut user = of_member(&mut self.random);
        if self.random.chance(12) {
            session = self.random.below(9) as u32;
        }
        if self.random.chance(12) {
            user = self.random.below(9) as u32;
        }
        (session, user)
    }

    fn account(&mut self) -> u32 {
        if self.random.chance(5) { 99 } else { self.random.id(self.accounts) }
    }

    fn new_order(&mut self) -> (u32, Ask) {
        let account = self.account();
        let (session, user) = self.sender(account);
        let place = self.random.below(self.instruments.len() as u64) as usize;
        let definition = self.instruments[place].clone();
        let side = self.random.one_of(&[BUY, SELL]);
        let sweeps = self.random.chance(25);
        let price = self.price(&definition, side, sweeps);
        let quantity = self.quantity(&definition, sweeps);
        let mut new = NewOrder {
            account,
            user,
            broker: self.random.below(3) as u32,
            instrument: definition.instrument,
            side,
            kind: LIMIT_ORDER,
            lifetime: self.random.one_of(&[DAY, DAY, DAY, DAY, DAY, IMMEDIATE, WHOLE]),
            price,
            quantity,
            client: self.client(account),
            entry_time: self.names,
        };
        match self.random.below(400) {
            0 => new.instrument = self.random.one_of(&[0, 77, u32::MAX]),
            1 => new.side = self.random.one_of(&[0, 3, 255]),
            2 => new.kind = self.random.one_of(&[0, 1, 3, 4, 255]),
            3 => new.lifetime = self.random.one_of(&[1, 2, 5, 255]),
            _ => {}
        }
        (session, Ask::New(new))
    }

    /// A price on a narrow range of ticks; sweeps reach for all of it; rarely a wrong one.
    fn price(&mut self, definition: &Definition, side: u8, sweeps: bool) -> i64 {
        let tick = definition.tick;
        match self.random.below(400) {
            0..3 => return tick * 100 + self.random.below(tick as u64).cast_signed(),
            3..6 => return tick * self.random.one_of(&[0, -1, 1, 89]),
            6..9 => return tick * self.random.one_of(&[111, 1_000_000]),
            9 => return self.random.one_of(&[i64::MAX, i64::MIN, i64::MAX - i64::MAX % tick]),
            _ => {}
        }
        let away = self.random.below(6).cast_signed();
        let toward = if side == BUY { 1 } else { -1 };
        tick * (100 + if sweeps { toward * 5 } else { toward * (2 - away) })
    }

    fn quantity(&mut self, definition: &Definition, sweeps: bool) -> u64 {
        let lot = definition.lot;
        match self.random.below(400) {
            0 => return lot * 7 + self.random.below(lot),
            1 => return self.random.one_of(&[0, lot * 201]),
            2 => return self.random.one_of(&[u64::MAX, u64::MAX - u64::MAX % lot]),
            3..6 => return lot * self.random.between(170, 200),
            _ => {}
        }
        lot * if sweeps { self.random.between(60, 200) } else { self.random.between(1, 12) }
    }

    /// A live order to name, as its owner or rarely as another, by id or by client order id.
    fn named(&mut self) -> (u32, u64, Client, usize) {
        if self.live.is_empty() || self.random.chance(30) {
            let account = self.account();
            let order = self.random.one_of(&[0, 1, 2, u64::MAX]);
            let gone = self.finished.back().map_or([0; 20], |(_, client)| *client);
            return (account, order, gone, usize::MAX);
        }
        let place = self.random.below(self.live.len() as u64) as usize;
        let known = &self.live[place];
        let (mut account, mut order, client) = (known.account, known.id, known.client);
        if self.random.chance(15) {
            account = self.account();
        }
        if self.random.chance(500) {
            order = 0;
        }
        (account, order, client, place)
    }

    fn cancel(&mut self) -> (u32, Ask) {
        let (account, order, original, _) = self.named();
        let (session, user) = self.sender(account);
        let client = self.client(account);
        (session, Ask::Cancel { account, user, order, original, client })
    }

    fn replace(&mut self) -> (u32, Ask) {
        let (account, order, original, place) = self.named();
        let (session, user) = self.sender(account);
        let (instrument, price, total, executed) = match self.live.get(place) {
            Some(known) => (known.instrument, known.price, known.total, known.executed),
            None => (1, 100, 10, 0),
        };
        let definition = self.instruments.iter().find(|d| d.instrument == instrument);
        let definition = definition.unwrap_or(&self.instruments[0]).clone();
        let side = self.random.one_of(&[BUY, SELL]);
        let (price, quantity) = match self.random.below(10) {
            0..3 => (price, total - self.random.below(total.max(1))),
            3 => (price, executed.saturating_sub(self.random.below(3))),
            4 => (price, total),
            5 => (price, total + definition.lot * self.random.below(40)),
            6 => (price + definition.tick, executed),
            _ => (self.price(&definition, side, false), self.quantity(&definition, false)),
        };
        let client = self.client(account);
        let replace = ReplaceOrder { account, user, order, original, client, price, quantity };
        (session, Ask::Replace(replace))
    }

    /// Makers 1 to 4 pile up small sells (and some buys); takers 5 and 6 sweep.
    fn deep(&mut self, choice: u64) -> (u32, Ask) {
        let full = self.live.len() > 1_100;
        let sweeps = self.random.chance(if full { 100 } else { 3 });
        let account = if sweeps { 5 + self.random.below(2) as u32 } else { self.random.id(4) };
        match choice {
            0..40 => return self.cancel(),
            40..60 => return self.replace(),
            60..65 => return (0, self.transfer()),
            65..67 => return (0, self.start_day()),
            67..70 => return (0, self.self_trade()),
            _ => {}
        }
        let (session, user) = self.sender(account);
        let definition = self.instruments[0].clone();
        let (tick, lot) = (definition.tick, definition.lot);
        let side = if sweeps || self.random.chance(20) { BUY } else { SELL };
        let new = NewOrder {
            account,
            user,
            broker: 0,
            instrument: 1,
            side,
            kind: LIMIT_ORDER,
            lifetime: match sweeps {
                true => {
                    self.random.one_of(&[WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, IMMEDIATE, DAY])
                }
                false => DAY,
            },
            price: tick
                * match (side, sweeps) {
                    (BUY, false) => 97,
                    (BUY, true) => self.random.one_of(&[99, 105, 105, 105]),
                    _ => self.random.between(98, 104).cast_signed(),
                },
            quantity: lot
                * match (sweeps, full) {
                    (true, true) => self.random.between(900, 1_400),
                    (true, false) => self.random.between(20, 120),
                    (false, _) => 1,
                },
            client: self.client(account),
            entry_time: self.names,
        };
        (session, Ask::New(new))
    }
}

/// Users, sessions and accounts go round the members.
fn member_of(id: u32) -> u32 {
    id.wrapping_sub(1) % MEMBERS + 1
}
