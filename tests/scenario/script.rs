//! Reads a scenario's lines into commands.
//!
//! ```text
//! account NAME [of MEMBER] [cash 100.00] [SYMBOL 50]   (given) member, user and session too
//! instrument SYMBOL [tick=0.01 lot=1 ...]              what is not said stays as it was
//! buy|sell ACCOUNT CLIENT-ID QUANTITY SYMBOL @ PRICE [ioc|fok|...]
//! cancel ACCOUNT #ID|CLIENT-ID [as CLIENT-ID]          `-` names no order
//! replace ACCOUNT #ID|CLIENT-ID CLIENT-ID TOTAL @ PRICE
//! masscancel ACCOUNT CLIENT-ID [SYMBOL]                all orders, or those in one instrument
//! deposit|withdraw ACCOUNT AMOUNT CURRENCY|SYMBOL
//! phase SYMBOL|all PHASE      state ACCOUNT STATE      day DATE      endday DATE
//! kill SCOPE NAME on|off      limits account|user NAME SYMBOL|all [live=N volume=N position=N]
//! selftrade ACCOUNT POLICY [group=N]      open SESSION [member=M user=U cod=1]      close SESSION
//! member NAME    user NAME member=M    newaccount NAME member=M user=U
//! tick    epoch    continue
//! again                the last command once more, under the same number of its source
//! times N COMMAND      silently, with `%` counted from 1
//! book SYMBOL          wallet ACCOUNT CURRENCY|SYMBOL      house CURRENCY
//! show fills|sessions
//! ```
//!
//! A name stands for the id that it was given: accounts from 101, users 201, sessions 301, members
//! 11, instruments 1; a number stands for itself. `session=`, `user=`, `source=`, `number=` and
//! `side=`, `type=`, `tif=`, `broker=` override what a command would say.

use std::collections::BTreeMap;

use super::words::{money, number, padded};
use crate::exchange::Asset;
use crate::exchange::words::*;

/// One thing to do.
pub(crate) enum Line {
    Command(Command),
    Book(u32),
    Wallet(u32, Asset),
    House(Money3),
}

/// What one line of the file asks for.
pub(crate) struct Read {
    pub(crate) lines: Vec<Line>,
    /// Outcomes are not shown, and must not be refusals.
    pub(crate) silent: bool,
}

/// The names of a scenario and what its lines leave out.
#[derive(Default)]
pub(crate) struct World {
    members: BTreeMap<String, u32>,
    users: BTreeMap<String, u32>,
    accounts: BTreeMap<String, u32>,
    sessions: BTreeMap<String, u32>,
    instruments: BTreeMap<String, Definition>,
    /// The last number of each source.
    numbers: BTreeMap<u32, u64>,
    last: Option<Command>,
    /// The instrument that the last command defines.
    defining: String,
    pub(crate) show_fills: bool,
    pub(crate) show_sessions: bool,
}

/// The words of a line that have no `=`, and those that have.
struct Words<'a> {
    plain: Vec<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

type Reading<T> = Result<T, String>;

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Words<'a> {
        let (options, plain): (Vec<&str>, Vec<&str>) =
            line.split_whitespace().partition(|word| word.contains('=') && !word.starts_with('='));
        let options = options.into_iter().filter_map(|word| word.split_once('=')).collect();
        Words { plain, options }
    }

    fn at(&self, place: usize) -> Reading<&'a str> {
        self.plain.get(place).copied().ok_or(format!("too short: {}", self.plain.join(" ")))
    }

    /// The number of an option, else this one.
    fn option<T: std::str::FromStr>(&self, name: &str, else_this: T) -> Reading<T> {
        self.options.get(name).map_or(Ok(else_this), |text| number(text))
    }

    fn amount(&self, name: &str, else_this: i64) -> Reading<i64> {
        self.options.get(name).map_or(Ok(else_this), |text| money(text))
    }
}

impl World {
    /// Reads one line; the names it defines are known from now on.
    pub(crate) fn read(&mut self, line: &str) -> Reading<Read> {
        if let Some(rest) = line.strip_prefix("times ") {
            let (count, rest) = rest.split_once(' ').ok_or("times N COMMAND")?;
            let mut lines = Vec::new();
            for counted in 1..=number::<u32>(count)? {
                lines.extend(self.read(&rest.replace('%', &counted.to_string()))?.lines);
            }
            return Ok(Read { lines, silent: true });
        }
        let words = Words::new(line);
        let lines = match words.at(0)? {
            "show" => {
                match words.at(1)? {
                    "fills" => self.show_fills = true,
                    _ => self.show_sessions = true,
                }
                Vec::new()
            }
            "book" => vec![Line::Book(self.instrument(words.at(1)?)?)],
            "wallet" => {
                vec![Line::Wallet(named(&self.accounts, words.at(1)?)?, self.asset(words.at(2)?)?)]
            }
            "house" => vec![Line::House(padded(words.at(1)?)?)],
            "again" => vec![Line::Command(self.last.clone().ok_or("nothing to say again")?)],
            "account" => self.whole_account(&words)?,
            _ => {
                let (session, ask) = self.ask(&words)?;
                vec![self.command(&words, session, ask)?]
            }
        };
        Ok(Read { lines, silent: false })
    }

    /// Stamps a command with its source and the source's next number.
    fn command(&mut self, words: &Words, session: u32, ask: Ask) -> Reading<Line> {
        let source = words.option("source", 1)?;
        let number = self.numbers.entry(source).or_default();
        *number = words.option("number", *number + 1)?;
        let session =
            words.options.get("session").map_or(Ok(session), |name| named(&self.sessions, name))?;
        let command = Command { source, source_number: *number, session, ask };
        self.last = Some(command.clone());
        Ok(Line::Command(command))
    }

    /// Member, user, session and account of one name, verified and with what it holds.
    fn whole_account(&mut self, words: &Words) -> Reading<Vec<Line>> {
        let name = words.at(1)?;
        let mut rest = words.plain[2..].to_vec();
        let member = if rest.first() == Some(&"of") { rest.drain(..2).nth(1) } else { None };
        let member = member.unwrap_or("house");
        let mut scripts = Vec::new();
        if !self.members.contains_key(member) {
            scripts.push(format!("member {member}"));
        }
        scripts.push(format!("user {name} member={member}"));
        scripts.push(format!("open {name} member={member} user={name}"));
        scripts.push(format!("newaccount {name} member={member} user={name}"));
        scripts.push(format!("state {name} verified"));
        for pair in rest.chunks(2) {
            match *pair {
                ["cash", amount] => scripts.push(format!("deposit {name} {amount} USD")),
                [symbol, shares] => scripts.push(format!("deposit {name} {shares} {symbol}")),
                _ => return Err("account NAME [of MEMBER] [cash AMOUNT] [SYMBOL SHARES]".into()),
            }
        }
        let mut lines = Vec::new();
        for script in scripts {
            lines.extend(self.read(&script)?.lines);
        }
        Ok(lines)
    }

    fn ask(&mut self, words: &Words) -> Reading<(u32, Ask)> {
        match words.at(0)? {
            "buy" => self.new_order(words, BUY),
            "sell" => self.new_order(words, SELL),
            "cancel" | "replace" | "masscancel" => self.change(words),
            "member" | "user" | "newaccount" | "open" | "close" | "instrument" => {
                Ok((0, self.definition(words)?))
            }
            _ => Ok((0, self.administration(words)?)),
        }
    }

    /// The session and the user of an account's own orders: those of its name.
    fn sender(&self, words: &Words) -> Reading<(u32, u32, u32)> {
        let name = words.at(1)?;
        let account = named(&self.accounts, name)?;
        let user = words.options.get("user").copied().unwrap_or(name);
        let session = words.options.get("session").copied().unwrap_or(name);
        Ok((named(&self.sessions, session)?, account, named(&self.users, user)?))
    }

    fn new_order(&self, words: &Words, side: u8) -> Reading<(u32, Ask)> {
        let (session, account, user) = self.sender(words)?;
        let (mut kind, mut lifetime) = (LIMIT_ORDER, DAY);
        for word in words.plain.get(7..).unwrap_or(&[]) {
            match *word {
                "ioc" => lifetime = IMMEDIATE,
                "fok" => lifetime = WHOLE,
                "gtc" => lifetime = 1,
                "market" => kind = 1,
                "stop" => kind = 3,
                "stop-limit" => kind = 4,
                other => return Err(format!("what is {other}")),
            }
        }
        let new = NewOrder {
            account,
            user,
            broker: words.option("broker", 0)?,
            instrument: self.instrument(words.at(4)?)?,
            side: words.option("side", side)?,
            kind: words.option("type", kind)?,
            lifetime: words.option("tif", lifetime)?,
            price: money(words.at(6)?)?,
            quantity: number(words.at(3)?)?,
            client: padded(words.at(2)?)?,
            entry_time: 7,
        };
        Ok((session, Ask::New(new)))
    }

    fn change(&self, words: &Words) -> Reading<(u32, Ask)> {
        let (session, account, user) = self.sender(words)?;
        let (order, original) = match words.at(2)?.strip_prefix('#') {
            Some(id) => (number(id)?, [0; 20]),
            None => (0, padded(words.at(2)?)?),
        };
        let ask = match words.at(0)? {
            "cancel" => {
                let client = padded(words.plain.get(4).unwrap_or(&"-"))?;
                Ask::Cancel { account, user, order, original, client }
            }
            "replace" => Ask::Replace(ReplaceOrder {
                account,
                user,
                order,
                original,
                client: padded(words.at(3)?)?,
                price: money(words.at(6)?)?,
                quantity: number(words.at(4)?)?,
            }),
            _ => {
                let (instrument, scope) = match words.plain.get(3) {
                    Some(symbol) => (self.instrument(symbol)?, OF_INSTRUMENT),
                    None => (0, OF_ACCOUNT),
                };
                let scope = words.option("scope", scope)?;
                Ask::MassCancel { account, user, instrument, scope, client: original }
            }
        };
        Ok((session, ask))
    }

    /// Commands that give a name its id.
    fn definition(&mut self, words: &Words) -> Reading<Ask> {
        let name = words.at(1)?;
        let member = |world: &World| match words.options.get("member") {
            Some(member) => named(&world.members, member),
            None => Ok(11),
        };
        let user = |world: &World| match words.options.get("user") {
            Some(user) => named(&world.users, user),
            None => named(&world.users, name),
        };
        Ok(match words.at(0)? {
            "member" => Ask::DefineMember { member: known_or_new(&mut self.members, name, 11)? },
            "user" => {
                let member = member(self)?;
                Ask::DefineUser { user: known_or_new(&mut self.users, name, 201)?, member }
            }
            "newaccount" => {
                let (member, user) = (member(self)?, user(self)?);
                let account = known_or_new(&mut self.accounts, name, 101)?;
                Ask::OpenAccount { account, member, user }
            }
            "open" => {
                let (member, user) = (member(self)?, user(self)?);
                let session = known_or_new(&mut self.sessions, name, 301)?;
                let cancel_on_disconnect = words.option("cod", 0)?;
                Ask::OpenSession { session, member, user, cancel_on_disconnect }
            }
            "close" => Ask::CloseSession {
                session: named(&self.sessions, name)?,
                reason: words.option("reason", 1)?,
            },
            _ => Ask::Define(Box::new(self.define(words)?)),
        })
    }

    fn define(&mut self, words: &Words) -> Reading<Definition> {
        let name = words.at(1)?;
        let text = |option: &str, else_this: &str| {
            padded::<3>(words.options.get(option).unwrap_or(&else_this))
        };
        let fresh = Definition {
            instrument: words.option("id", self.instruments.len() as u32 + 1)?,
            kind: 1,
            symbol: padded(name)?,
            settlement: *b"USD",
            quote: *b"USD",
            tick: 100,
            lot: 1,
            price_lowest: 100,
            price_highest: 10_000_000_000,
            quantity_least: 1,
            quantity_most: 1_000_000,
            notional_most: 10_000_000_000_000,
            reference_price: 0,
            band: 0,
            maker_rate: 0,
            taker_rate: 0,
        };
        name.clone_into(&mut self.defining);
        let mut new = self.instruments.entry(name.to_owned()).or_insert(fresh).clone();
        if words.options.contains_key("currency") {
            (new.settlement, new.quote) = (text("currency", "USD")?, text("currency", "USD")?);
        }
        if words.options.contains_key("settlement") {
            new.settlement = text("settlement", "USD")?;
        }
        if words.options.contains_key("quote") {
            new.quote = text("quote", "USD")?;
        }
        if let Some(symbol) = words.options.get("symbol") {
            new.symbol = padded(symbol)?;
        }
        new.instrument = words.option("id", new.instrument)?;
        new.kind = words.option("type", new.kind)?;
        new.tick = words.amount("tick", new.tick)?;
        new.lot = words.option("lot", new.lot)?;
        new.price_lowest = words.amount("lowest", new.price_lowest)?;
        new.price_highest = words.amount("highest", new.price_highest)?;
        new.quantity_least = words.option("least", new.quantity_least)?;
        new.quantity_most = words.option("most", new.quantity_most)?;
        new.notional_most = words.amount("notional", new.notional_most)?;
        new.reference_price = words.amount("reference", new.reference_price)?;
        new.band = words.option("band", new.band)?;
        new.maker_rate = words.option("maker", new.maker_rate)?;
        new.taker_rate = words.option("taker", new.taker_rate)?;
        Ok(new)
    }

    /// Remembers what an instrument has become, so that the next line may leave it out.
    pub(crate) fn applied(&mut self, command: &Command) {
        if let Ask::Define(definition) = &command.ask {
            self.instruments.insert(self.defining.clone(), (**definition).clone());
        }
    }

    fn administration(&self, words: &Words) -> Reading<Ask> {
        let account = |place| words.at(place).and_then(|name| named(&self.accounts, name));
        Ok(match words.at(0)? {
            "deposit" | "withdraw" => {
                let asset = self.asset(words.at(3)?)?;
                let sign = if words.at(0)? == "deposit" { 1 } else { -1 };
                let (instrument, currency, amount) = match asset {
                    Asset::Cash(currency) => (0, currency, money(words.at(2)?)?),
                    Asset::Shares(instrument) => (instrument, [0; 3], number(words.at(2)?)?),
                };
                Ask::Transfer { account: account(1)?, instrument, currency, amount: sign * amount }
            }
            "phase" => {
                let instrument = match words.at(1)? {
                    "all" => 0,
                    symbol => self.instrument(symbol)?,
                };
                let phases = ["pre-open", "open", "halted", "closed"];
                Ask::SetPhase { instrument, phase: code(&phases, words.at(2)?)? }
            }
            "state" => {
                let states = ["applied", "documents", "verified", "suspended", "closed"];
                Ask::SetState { account: account(1)?, state: code(&states, words.at(2)?)? }
            }
            "kill" => {
                let scope = code(&SCOPES, words.at(1)?)?;
                let on = match words.at(3)? {
                    "off" => 0,
                    "on" => 1,
                    other => number(other)?,
                };
                Ask::Kill { scope, subject: self.subject(scope, words.at(2)?)?, on }
            }
            "limits" => {
                let scope = code(&SCOPES, words.at(1)?)?;
                let instrument = match words.at(3)? {
                    "all" => 0,
                    symbol => self.instrument(symbol)?,
                };
                let limits = Limits {
                    tradable: words.option("tradable", 1)?,
                    live_orders: words.option("live", 10_000)?,
                    daily_volume: words.option("volume", 1_000_000)?,
                    position: words.option("position", 0)?,
                };
                let subject = self.subject(scope, words.at(2)?)?;
                Ask::SetLimits { scope, subject, instrument, limits }
            }
            "selftrade" => {
                let policies = ["allow", "cancel-newest", "cancel-oldest"];
                let policy = code(&policies, words.at(2)?)?;
                Ask::SetSelfTrade { account: account(1)?, policy, group: words.option("group", 0)? }
            }
            "day" => {
                Ask::StartDay { date: number(words.at(1)?)?, rules: words.option("rules", 1)? }
            }
            "endday" => Ask::EndDay { date: number(words.at(1)?)? },
            "tick" => Ask::Tick,
            "continue" => Ask::Continue { cursor: 1 },
            "epoch" => Ask::StartEpoch { epoch: 1 },
            other => return Err(format!("what is {other}")),
        })
    }

    fn subject(&self, scope: u8, name: &str) -> Reading<u32> {
        match scope {
            OF_ACCOUNT => named(&self.accounts, name),
            OF_USER => named(&self.users, name),
            OF_SESSION => named(&self.sessions, name),
            OF_MEMBER => named(&self.members, name),
            OF_INSTRUMENT => self.instrument(name),
            _ => number(name),
        }
    }

    fn instrument(&self, name: &str) -> Reading<u32> {
        match self.instruments.get(name) {
            Some(known) => Ok(known.instrument),
            None => number(name),
        }
    }

    fn asset(&self, name: &str) -> Reading<Asset> {
        match self.instrument(name) {
            Ok(instrument) => Ok(Asset::Shares(instrument)),
            Err(_) => Ok(Asset::Cash(padded(name)?)),
        }
    }

    /// The symbol of an instrument.
    pub(crate) fn symbol(&self, instrument: u32) -> &str {
        let known = self.instruments.iter().find(|(_, known)| known.instrument == instrument);
        known.map_or("?", |(name, _)| name)
    }

    /// The name of an account.
    pub(crate) fn account_name(&self, account: u32) -> &str {
        let known = self.accounts.iter().find(|(_, id)| **id == account);
        known.map_or("?", |(name, _)| name)
    }

    /// The name of a session.
    pub(crate) fn session_name(&self, session: u32) -> String {
        let known = self.sessions.iter().find(|(_, id)| **id == session);
        known.map_or(session.to_string(), |(name, _)| name.clone())
    }
}

const SCOPES: [&str; 5] = ["account", "user", "session", "member", "instrument"];

/// The place of a word in a list, from 1; a number stands for itself.
fn code(names: &[&str], word: &str) -> Reading<u8> {
    match names.iter().position(|name| *name == word) {
        Some(place) => Ok(place as u8 + 1),
        None => number(word),
    }
}

fn named(names: &BTreeMap<String, u32>, name: &str) -> Reading<u32> {
    names.get(name).map_or_else(|| number(name), |id| Ok(*id))
}

fn known_or_new(names: &mut BTreeMap<String, u32>, name: &str, first: u32) -> Reading<u32> {
    if let Ok(id) = number(name) {
        return Ok(id);
    }
    let next = first + names.len() as u32;
    Ok(*names.entry(name.to_owned()).or_insert(next))
}
