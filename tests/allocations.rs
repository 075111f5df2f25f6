//! From ring to append nothing is allocated, counted over 100,000 commands of every kind that a
//! trading day brings.
//!
//! The allocator of this test counts what the core's duty cycle asks for, on its thread, after the
//! administration that defines who trades what: definitions make tables larger, trading does not.
//! The core is given the room that the test states; beyond it memory is asked for, which the last
//! test sees.
#![expect(unsafe_code, reason = "an allocator is unsafe to implement")]

use isochron::agent::Agent;
use isochron::core::{CoreAgent, CoreCounters, Options, Sequencer};
use isochron::demo::flow::{Flow, Mix, Next};
use isochron::metrics::{Counter, Counters};
use isochron::ring::{Producer, pair};
use isochron::state_machine::{Capacity, command_origin_mut};
use isochron::store::{Identity, Options as StoreOptions, SegmentHelper, StoreReader};
use isochron::types::Nanos;
use isochron_events::*;
use isochron_feeds::mold::Session;
use isochron_feeds::publisher::Publisher;
use isochron_feeds::subscriber::{Event, Options as SubscriberOptions, Source, Subscriber};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

thread_local! {
    /// Whether this thread's requests are counted, and how many there were.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counted;

fn count() {
    if COUNTING.get() {
        REQUESTS.set(REQUESTS.get() + 1);
    }
}

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's word.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's word.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's word.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// How often `work` asked for memory or gave some back.
fn requests_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = REQUESTS.get();
    COUNTING.set(true);
    let result = work();
    COUNTING.set(false);
    (result, REQUESTS.get() - before)
}

const COMMANDS: u64 = 100_000;
const DATE: u32 = 20_260_105;

/// Room for the flow's 10,000 accounts with 2 holdings and 64 remembered ids each.
const CAPACITY: Capacity = Capacity { orders: 1 << 17, holdings: 1 << 17, client_ids: 1 << 18 };

/// Every so many commands of the flow one from outside it comes between.
const BETWEEN: u64 = 40;

/// A core, its ring, and what reads its log.
struct Bench {
    core: CoreAgent,
    ring: Producer,
    helper: SegmentHelper,
    reader: StoreReader,
    counters: Counters,
    flow: Mix,
    sent: u64,
    time: u64,
    /// Requests for memory within the core's duty cycles.
    requests: u64,
    /// What the log holds, by the message's name.
    seen: BTreeMap<&'static str, u64>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(capacity: Capacity) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity {
            exchange: "TEST".to_owned(),
            exchange_number: 1,
            node: 1,
            schema_id: SCHEMA_ID,
            schema_version: SCHEMA_VERSION,
        };
        // Small terms, so that the log crosses from one to the next some twenty times.
        let store = StoreOptions::new(directory.path(), identity);
        let store = StoreOptions { term_bytes: 2 * 1024 * 1024, ..store };
        let (mut sequencer, _) = Sequencer::open(&Options { store, capacity }, Nanos(1)).unwrap();
        let helper = sequencer.writer_mut().take_helper().unwrap();
        let (ring, consumer) = pair(1 << 16);
        let counters = Counters::in_memory();
        let core = CoreAgent::new(sequencer, vec![consumer], CoreCounters::new(&counters));
        let reader = StoreReader::attach(directory.path(), None).unwrap();
        let flow = Mix::new(7, DATE, COMMANDS);
        let (seen, _directory) = (BTreeMap::new(), directory);
        let (sent, time, requests) = (0, 1, 0);
        Self { core, ring, helper, reader, counters, flow, sent, time, requests, seen, _directory }
    }

    /// Sends a command as its source's next, and lets the core work until nothing is left.
    fn submit(&mut self, command: Message) {
        self.sent += 1;
        self.submit_as(self.sent, command);
    }

    fn submit_as(&mut self, source_sequence: u64, mut command: Message) {
        if let Some(origin) = command_origin_mut(&mut command) {
            *origin = CommandOrigin { source: 1, source_sequence };
        }
        let mut bytes = [0; 1024];
        let length = command.encode(&mut bytes).unwrap();
        self.submit_bytes(&bytes[..length]);
    }

    fn submit_bytes(&mut self, bytes: &[u8]) {
        self.ring.try_write(bytes).unwrap();
        while self.work() > 0 {}
        // What the core left for want of a segment it takes when the helper has brought it.
        while self.ring.used_bytes() > 0 {
            self.work();
        }
    }

    /// One duty cycle of the core, counted, then the others'.
    fn work(&mut self) -> usize {
        self.time += 1_000;
        let (core, now) = (&mut self.core, Nanos(self.time));
        let (taken, requests) = requests_of(|| core.do_work(now));
        self.requests += requests;
        while self.helper.do_work(now) > 0 {}
        let (flow, seen) = (&mut self.flow, &mut self.seen);
        let read = self.reader.poll(usize::MAX, |frame| {
            let event = Message::decode(frame.message).unwrap();
            *seen.entry(event.name()).or_default() += 1;
            flow.on_event(&event);
        });
        read.unwrap();
        taken
    }

    fn setup(&mut self) {
        self.flow.setup().into_iter().for_each(|command| self.submit(command));
        (self.requests, self.seen) = (0, BTreeMap::new());
    }

    fn next(&mut self) -> Message {
        match self.flow.next() {
            Next::Command { command, .. } => command,
            Next::Wait | Next::Done => panic!("the flow goes on"),
        }
    }
}

/// What comes between, in turn: by the account, session and instrument of an order of the flow.
fn between(turn: u64, order: NewOrderEvent) -> Vec<Message> {
    let NewOrderEvent { header, account, user, instrument, .. } = order;
    let authority = Authority { by: user, ..Authority::default() };
    let kill = |on, scope, subject| {
        KillSwitch { authority, scope, on, subject, ..KillSwitch::default() }.into()
    };
    let killed = |scope, subject| {
        vec![kill(BooleanFlag::YES, scope, subject), kill(BooleanFlag::NO, scope, subject)]
    };
    let cancel = |instrument| MassCancelEvent {
        header,
        account,
        user,
        instrument,
        scope: Scope::ACCOUNT,
        ..MassCancelEvent::default()
    };
    let state = |state| SetAccountState { authority, account, state, ..<_>::default() }.into();
    let limits = |scope, subject, instrument| {
        let tradable = BooleanFlag::YES;
        let most = (10_000, 1_000_000_000_000, 1_000_000_000);
        let (live_orders_maximum, daily_volume_maximum, position_maximum) = most;
        let limits = SetLimits { authority, scope, tradable, subject, ..SetLimits::default() };
        let limits = SetLimits { instrument, live_orders_maximum, ..limits };
        SetLimits { daily_volume_maximum, position_maximum, ..limits }
    };
    match turn % 14 {
        0 => vec![cancel(0).into()],
        1 => vec![cancel(instrument).into()],
        2 => vec![sweep(order).into()],
        3 => killed(Scope::ACCOUNT, account),
        4 => killed(Scope::USER, user),
        5 => killed(Scope::INSTRUMENT, instrument),
        6 => killed(Scope::MEMBER, order.broker),
        7 => vec![state(AccountState::SUSPENDED), state(AccountState::VERIFIED)],
        8 => vec![limits(Scope::ACCOUNT, account, 0).into()],
        9 => vec![transfer(authority, account, 1_000), transfer(authority, account, -1_000)],
        10 => vec![Tick::default().into()],
        11 => {
            let policy = SelfTradePolicy::CANCEL_OLDEST;
            vec![SetSelfTrade { authority, account, policy, ..<_>::default() }.into()]
        }
        12 => disconnect(header.session, order),
        _ => vec![transfer(authority, account, i64::MIN)],
    }
}

/// An order through more makers than one step fills.
fn sweep(order: NewOrderEvent) -> NewOrderEvent {
    let through = if order.side == Side::BUY { 50_000 } else { -50_000 };
    let mut client_order_id = order.client_order_id;
    client_order_id[0] = b'z';
    NewOrderEvent {
        client_order_id,
        price: order.price + through,
        quantity: 100_000,
        time_in_force: TimeInForce::IMMEDIATE_OR_CANCEL,
        ..order
    }
}

fn transfer(authority: Authority, account: u32, amount: i64) -> Message {
    let currency = *b"USD";
    Transfer { authority, account, currency, amount, ..Transfer::default() }.into()
}

/// A session that goes and comes again.
fn disconnect(session: u32, order: NewOrderEvent) -> Vec<Message> {
    let (closed_session, opened_session) = (session, session);
    let closed = SessionClosed { closed_session, ..SessionClosed::default() };
    let member = order.broker;
    // The setup opens each session with its member's first user.
    let opened = SessionOpened { opened_session, member, user: member, ..<_>::default() };
    vec![closed.into(), opened.into()]
}

/// The day ends, all orders expire, every balance is settled, and the next day begins.
fn night(trading_date: u32) -> [Message; 5] {
    let phase = |phase| {
        let authority = Authority { by: 1, ..Authority::default() };
        PhaseChange { authority, phase, ..PhaseChange::default() }.into()
    };
    let next = DayStarted { trading_date: trading_date + 1, rules_version: 1, ..<_>::default() };
    let ending = DayEnding { trading_date, ..DayEnding::default() };
    [phase(Phase::CLOSED), ending.into(), next.into(), phase(Phase::PRE_OPEN), phase(Phase::OPEN)]
}

/// The flow, with what comes between; twice a night.
fn trade(bench: &mut Bench) {
    let (mut last, mut date) = (None, DATE);
    for n in 1..=COMMANDS {
        let command = bench.next();
        if let Message::NewOrderEvent(order) = command
            && order.client_order_id[0] == b'o'
        {
            last = Some(order);
        }
        bench.submit(command);
        if n % BETWEEN == 0
            && let Some(order) = last
        {
            between(n / BETWEEN, order).into_iter().for_each(|command| bench.submit(command));
        }
        if n == COMMANDS / 3 || n == 2 * COMMANDS / 3 {
            night(date).into_iter().for_each(|command| bench.submit(command));
            date += 1;
        }
        if n % 1_000 == 0 {
            // Repeated, and unreadable: neither is executed.
            bench.submit_as(bench.sent, command);
            bench.submit_bytes(&[0xff; 64]);
        }
    }
}

#[test]
fn nothing_is_allocated_between_ring_and_append() {
    let mut bench = Bench::new(CAPACITY);
    bench.setup();
    trade(&mut bench);
    assert_eq!(bench.requests, 0, "the core asked for memory; it took {:?}", bench.seen);
    // All of it was really there.
    for name in [
        "NewOrderEvent",
        "CancelOrderEvent",
        "ReplaceOrderEvent",
        "MassCancelEvent",
        "KillSwitch",
        "SetAccountState",
        "SetLimits",
        "SetSelfTrade",
        "Transfer",
        "Tick",
        "PhaseChange",
        "SessionClosed",
        "SessionOpened",
        "DayEnding",
        "DayStarted",
        "Continuation",
        "OrderAcceptedEvent",
        "OrderRejectedEvent",
        "OrderFilledEvent",
        "OrderCanceledEvent",
        "OrderReplacedEvent",
        "CancelRejectedEvent",
        "MassCancelDone",
        "AdministrationApplied",
        "AdministrationRejected",
        "BalanceChanged",
        "DayEnded",
    ] {
        assert!(bench.seen.contains_key(name), "no {name} among {:?}", bench.seen);
    }
    assert!(bench.counters.get(Counter::COMMANDS_EXECUTED) > COMMANDS);
    assert!(bench.counters.get(Counter::CORE_REPEATS) >= COMMANDS / 1_000);
    assert!(bench.counters.get(Counter::CORE_MALFORMED) >= COMMANDS / 1_000);
    // Segments were crossed.
    assert!(bench.core.sequencer().position().0 > 10 * 2 * 1024 * 1024);
    bench.core.sequencer().machine().check_conservation().unwrap();
}

/// A consumer of the feed on two lines: datagrams in order cost no memory, whichever line is first.
#[test]
fn nothing_is_allocated_between_datagram_and_message() {
    let session = Session::new("260105300A").unwrap();
    let mut lines = [(); 2].map(|()| Publisher::new(session, 1, 0));
    let mut subscriber = Subscriber::new(SubscriberOptions::default());
    let (mut delivered, mut requested) = (0_u64, 0);
    for turn in 0..10_000_u64 {
        let sources = [Source::LineA, Source::LineB].into_iter().zip(&mut lines);
        for (source, publisher) in sources {
            for _ in 0..turn % 7 {
                publisher.on_message(b"a message").unwrap();
            }
            while let Some(datagram) = publisher.poll_datagram(turn) {
                let on_event = &mut |event: Event<'_>| {
                    delivered += u64::from(matches!(event, Event::Message { .. }));
                };
                let (taken, requests) =
                    requests_of(|| subscriber.on_datagram(source, datagram.bytes, turn, on_event));
                taken.unwrap();
                requested += requests;
            }
        }
    }
    assert_eq!(requested, 0, "the subscriber asked for memory");
    assert_eq!(delivered, lines[0].next_sequence() - 1);
    assert!(delivered > 20_000 && subscriber.source(Source::LineB).late == delivered);
}

#[test]
fn what_is_beyond_the_stated_room_is_counted() {
    let (_, requests) = requests_of(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(requests, 2, "one for the box, one for its end");
    let mut bench = Bench::new(Capacity { orders: 64, ..CAPACITY });
    bench.setup();
    for _ in 0..2_000 {
        let command = bench.next();
        bench.submit(command);
    }
    assert!(bench.requests > 0, "64 orders have room, more do not");
}
