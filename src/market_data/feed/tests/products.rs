//! L1, L2 and the conflated products of small scenarios, line by line.

use super::*;

/// Two bids, three offers, and one sweep through the best two of them.
fn sweep() -> (Log, usize) {
    let (mut log, skipped) = open_market();
    for (id, side, price, quantity) in [
        (1, Side::BUY, 99, 10),
        (2, Side::SELL, 100, 20),
        (3, Side::SELL, 100, 30),
        (4, Side::SELL, 101, 40),
        (5, Side::BUY, 98, 50),
    ] {
        log.order(id, side, price, quantity);
    }
    let mut sweep = vec![NewOrderEvent::default().into(), accepted(6, Side::BUY, 100, 60)];
    sweep.extend(filled(1, Side::BUY, 20, (2, 0), (6, 40)));
    sweep.extend(filled(2, Side::BUY, 30, (3, 0), (6, 10)));
    log.event(sweep);
    (log, skipped - 1)
}

#[test]
fn l1_shows_the_best_prices_and_the_day() {
    let (mut log, skipped) = sweep();
    log.event(vec![CancelOrderEvent::default().into(), canceled(5)]);
    // Behind the best price, then at it, and the same size again.
    log.order(7, Side::BUY, 99, 5);
    log.order(8, Side::BUY, 100, 5);
    log.event(vec![ReplaceOrderEvent::default().into(), replaced(8, 100, 5, true)]);
    check_product(
        Product::L1,
        &log,
        skipped,
        "[1.4 best 10@99 of 1 | -]
         [1.5 best 10@99 of 1 | 20@100 of 1]
         [1.6 best 10@99 of 1 | 50@100 of 2]
         [1.7 trade 1 20@100 buy
         1.8 trade 2 30@100 buy
         1.9 best 10@100 of 1 | 40@101 of 1
         1.10 day 100 100 100 100 2 of 50 for 5000]
         [1.11 best 15@100 of 2 | 40@101 of 1]",
    );
}

#[test]
fn l2_shows_what_levels_are_after_the_event() {
    let (mut log, skipped) = sweep();
    log.now += SECOND_NS;
    // Its place in the queue is all that it loses, which no level shows.
    log.event(vec![ReplaceOrderEvent::default().into(), replaced(4, 101, 40, true)]);
    log.event(vec![ReplaceOrderEvent::default().into(), replaced(4, 102, 45, true)]);
    log.event(vec![CancelOrderEvent::default().into(), canceled(5)]);
    check_product(
        Product::L2,
        &log,
        skipped + 1,
        "[1.5 level buy 10@99 of 1]
         [1.6 level sell 20@100 of 1]
         [1.7 level sell 50@100 of 2]
         [1.8 level sell 40@101 of 1]
         [1.9 level buy 50@98 of 1]
         [1.10 trade 1 20@100 buy
         1.11 trade 2 30@100 buy
         1.12 level buy 10@100 of 1
         1.13 level sell 0@100 of 0]
         [1.14 level sell 0@101 of 0
         1.15 level sell 45@102 of 1
         1.16 checksum 4 4]
         [1.17 level buy 0@98 of 0]",
    );
}

/// What falls out of the depth is told to be gone before what takes its place; what comes back is
/// told again.
#[test]
fn a_limited_depth_has_levels_leave_and_come_back() {
    let (mut log, skipped) = open_market();
    for (id, price) in (1..).zip([95, 94, 93, 92, 91]) {
        log.order(id, Side::BUY, price, 10);
    }
    log.order(6, Side::BUY, 90, 60);
    log.order(7, Side::BUY, 96, 70);
    log.event(vec![CancelOrderEvent::default().into(), canceled(6)]);
    // Moved from the worst level that is shown to where none is.
    log.event(vec![ReplaceOrderEvent::default().into(), replaced(4, 80, 11, true)]);
    log.event(vec![CancelOrderEvent::default().into(), canceled(7)]);
    check_product(
        Product::L2Depth5,
        &log,
        skipped + 5,
        "[1.10 level buy 0@91 of 0
         1.11 level buy 70@96 of 1]
         [1.12 level buy 0@92 of 0
         1.13 level buy 10@91 of 1]
         [1.14 level buy 0@96 of 0
         1.15 level buy 11@80 of 1]",
    );
}

#[test]
fn a_sweep_beyond_the_depth_is_one_event() {
    let (mut log, skipped) = open_market();
    for (id, price) in (1..=12).zip(100..) {
        log.order(id, Side::SELL, price, 1);
    }
    let mut sweep = vec![NewOrderEvent::default().into(), accepted(20, Side::BUY, 120, 6)];
    for (id, left) in (1..=6).zip([5, 4, 3, 2, 1, 0]) {
        sweep.extend(filled(id, Side::BUY, 1, (id, 0), (20, left)));
    }
    log.event(sweep);
    let gone = (100..=105).map(|price| format!("level sell 0@{price} of 0"));
    let shown = |from, to| (from..=to).map(|price| format!("level sell 1@{price} of 1"));
    for (product, expected) in [
        (Product::L2, gone.clone().collect::<Vec<_>>()),
        // Of five, all are gone, and the next six are five.
        (Product::L2Depth5, gone.clone().take(5).chain(shown(106, 110)).collect()),
        (Product::L2Depth10, gone.chain(shown(110, 111)).collect()),
    ] {
        let (_, feed) = run_product(product, &log.events);
        let last = feed.last().unwrap().event_id();
        let event = feed.iter().skip(skipped).filter(|message| message.event_id() == last);
        let levels = event.filter(|message| matches!(message, Message::LevelChanged(_)));
        let levels: Vec<_> =
            levels.map(|m| show(m).split_once(' ').unwrap().1.replace(']', "")).collect();
        assert_eq!(levels, expected, "{product}");
    }
}

#[test]
fn a_day_ends_with_its_statistics_and_the_next_begins_without() {
    let (mut log, skipped) = sweep();
    log.now += SECOND_NS;
    let ended = DayEnded { trading_date: 20_261_122, ..Default::default() };
    log.event(vec![DayEnding::default().into(), canceled(1), canceled(4), ended.into()]);
    log.day(20_261_123);
    check_product(
        Product::L1,
        &log,
        skipped + 7,
        "[1.11 best 10@100 of 1 | -
         1.12 day 100 100 100 100 2 of 50 for 5000
         0.0 endOfDay 20261122]
         [0.0 endOfMessages 20261122]
         [0.0 startOfMessages 20261123
         1.1 define Some(100)
         1.2 status open
         1.3 best 10@100 of 1 | -
         1.4 day - - - - 0 of 0 for 0
         0.0 startOfDay 20261123]",
    );
    check_product(
        Product::L2Depth10,
        &log,
        skipped + 1 + 9,
        "[1.14 level buy 0@99 of 0
         1.15 level sell 0@101 of 0
         1.16 checksum 2 2
         0.0 endOfDay 20261122]
         [0.0 endOfMessages 20261122]
         [0.0 startOfMessages 20261123
         1.1 define Some(100)
         1.2 status open
         1.3 level buy 10@100 of 1
         1.4 level buy 50@98 of 1
         0.0 startOfDay 20261123
         1.5 checksum 2 2]",
    );
    // What a session begins with stands alone.
    let (_, feed) = run_product(Product::L2, &log.events);
    let clears = |message: &&Message| message.flags().contains(EventFlags::CLEAR_BOOK);
    let cleared: Vec<_> = feed.iter().filter(clears).map(show).collect();
    assert_eq!(cleared, ["1.1 define Some(100)"]);
}

/// Intervals are cut in logged time. The state is that of the last event before the first message
/// at or beyond the boundary, whatever that message is.
#[test]
fn conflated_states_come_with_logged_time() {
    let (mut log, skipped) = sweep();
    log.now = START + SECOND_NS - 1;
    log.tick();
    log.now = START + SECOND_NS;
    log.tick();
    log.tick();
    // Nothing changed in the second after.
    log.now = START + 2 * SECOND_NS;
    log.tick();
    // Changes that are taken back are no change.
    log.order(7, Side::BUY, 100, 7);
    log.event(vec![CancelOrderEvent::default().into(), canceled(7)]);
    log.now = START + 3 * SECOND_NS + 5;
    log.tick();
    // An order's own message is beyond the boundary, its effect is of the next interval.
    log.order(8, Side::BUY, 100, 8);
    log.now = START + 4 * SECOND_NS;
    log.order(9, Side::BUY, 100, 9);
    log.now = START + 5 * SECOND_NS;
    log.tick();
    check_product(
        Product::L1Conflated,
        &log,
        skipped,
        "[1.4 best 10@100 of 1 | 40@101 of 1
         1.5 day 100 100 100 100 2 of 50 for 5000]
         [1.6 best 18@100 of 2 | 40@101 of 1]
         [1.7 best 27@100 of 3 | 40@101 of 1]",
    );
    let (_, feed) = run_product(Product::L1Conflated, &log.events);
    let times = feed[skipped..].iter().map(Message::transaction_time);
    let times: Vec<_> = times.map(|time| (time - START) / SECOND_NS).collect();
    assert_eq!(times, [0, 0, 3, 4], "that of the event that was last");
    check_product(
        Product::L2Conflated,
        &log,
        skipped + 1,
        "[1.5 level buy 10@100 of 1
         1.6 level buy 10@99 of 1
         1.7 level buy 50@98 of 1
         1.8 level sell 40@101 of 1]
         [1.9 level buy 18@100 of 2
         1.10 checksum 5 4]
         [1.11 level buy 27@100 of 3
         1.12 checksum 6 4]",
    );
}

/// A boundary within an event waits for its end, and then for the next message.
#[test]
fn nothing_is_conflated_within_an_event() {
    let (mut log, skipped) = open_market();
    log.order(1, Side::SELL, 100, 10);
    log.order(2, Side::SELL, 100, 10);
    let mut first = vec![NewOrderEvent::default().into(), accepted(3, Side::BUY, 100, 30)];
    first.extend(filled(1, Side::BUY, 10, (1, 0), (3, 20)));
    log.transaction(first, false);
    let cause = std::mem::take(&mut log.cause);
    log.now += SECOND_NS;
    log.tick();
    log.cause = cause;
    let mut second = vec![LogMessage::from(Continuation::default())];
    second.extend(filled(2, Side::BUY, 10, (2, 0), (3, 10)));
    log.transaction(second, true);
    check_product(Product::L1Conflated, &log, skipped - 1, "");
    log.tick();
    check_product(
        Product::L1Conflated,
        &log,
        skipped - 1,
        "[1.4 best 10@100 of 1 | -
         1.5 day 100 100 100 100 2 of 20 for 2000]",
    );
}

/// A status is told at once, and what changed before it goes along; so does the end of a day.
#[test]
fn a_conflated_channel_is_whole_when_it_must_speak() {
    let (mut log, skipped) = sweep();
    log.phase(1, events::Phase::HALTED);
    log.event(vec![CancelOrderEvent::default().into(), canceled(5)]);
    let ended = DayEnded { trading_date: 20_261_122, ..Default::default() };
    log.event(vec![DayEnding::default().into(), canceled(1), ended.into()]);
    check_product(
        Product::L1Conflated,
        &log,
        skipped,
        "[1.4 status halted
         1.5 best 10@100 of 1 | 40@101 of 1
         1.6 day 100 100 100 100 2 of 50 for 5000]
         [1.7 day 100 100 100 100 2 of 50 for 5000
         0.0 endOfDay 20261122]",
    );
}

/// Each partition is a channel with a session of its own, from its first instrument on.
#[test]
fn partitions_are_channels() {
    let mut log = Log::new();
    log.define_on(0, 1, 10);
    log.day(20_261_122);
    log.define_on(142, 2, 20);
    log.define_on(42, 3, 30);
    let ended = DayEnded { trading_date: 20_261_122, ..Default::default() };
    log.event(vec![ended.into()]);
    log.define_on(7, 4, 40);
    let mut core = Feed::new(&Plan::new(&[Product::L1, Product::L3], SECOND_NS));
    let mut channels = BTreeMap::<String, Vec<String>>::new();
    for event in &log.events {
        core.on_event(event, &mut |output| match output {
            Output::Session { channel, session } => {
                let before = channels.insert(session.to_string(), Vec::new());
                assert_eq!((before, channel.session(20_261_122, b'A')), (None, session));
            }
            Output::Message { channel, bytes } => {
                let session = channel.session(20_261_122, b'A').to_string();
                let message = show(&Message::decode(bytes).unwrap());
                channels.get_mut(&session).unwrap().push(message);
            }
        });
    }
    let names: Vec<_> = channels.keys().map(String::as_str).collect();
    let expected =
        ["261122100A", "261122107A", "261122142A", "261122300A", "261122307A", "261122342A"];
    assert_eq!(names, expected);
    let of_42 = [
        "[0.0 startOfMessages 20261122",
        "2.1 define Some(20)",
        "2.2 status closed",
        "0.0 startOfDay 20261122",
        "2.3 checksum 0 0]",
        "[3.1 define Some(30)",
        "3.2 status closed",
        "3.3 checksum 0 0]",
        "[0.0 endOfDay 20261122]",
    ];
    assert_eq!(channels["261122342A"], of_42);
    // The day that it missed is not begun again.
    let of_7 = ["[0.0 startOfMessages 20261122", "4.1 define Some(40)", "4.2 status closed]"];
    assert_eq!(channels["261122107A"], of_7);
    let open = core.channel(Channel { partition: 42, product: Product::L3 }).unwrap();
    assert_eq!(open.next_sequence, 1 + of_42.len() as u64);
    assert_eq!(core.channels().count(), 6);

    // Another partition takes it with the next day; one that is left has no session then.
    log.define_on(0, 4, 40);
    log.day(20_261_123);
    let last = log.events.len() - 4;
    for event in &log.events[last..] {
        core.on_event(event, &mut |_| {});
    }
    let open: Vec<_> = core.channels().map(|open| open.session.to_string()).collect();
    assert_eq!(open, ["261123100A", "261123300A", "261123142A", "261123342A"]);
}
