//! What anybody can say of a stream: it counts until the stream does not bear it out.

use super::*;

/// On a quiet stream nothing else tells that somebody lied about it.
#[test]
fn what_was_never_sent_is_not_asked_for_when_the_sender_says_where_it_is() {
    let mut bench = Bench::live(log(24 * 1024));
    bench.data(0..3);
    let at = Position(bench.end(2));
    bench.heartbeat(bench.datagrams[9].1);
    assert_eq!(bench.says(), []);
    bench.waits(20 * US);
    assert_eq!(bench.says(), [Said::Asks { from: at.0, to: bench.end(9) }]);
    for _ in 0..30 {
        bench.waits(100 * MS);
        bench.heartbeat(at);
        let said = bench.says();
        assert!(said.iter().all(|said| matches!(said, Said::Status { .. })), "{said:?}");
    }
    assert_eq!((bench.standing(), bench.receiver.counts().catch_ups), (Standing::Live, 0));
}

/// A stranger's word must not end the stream for good.
#[test]
fn an_end_is_taken_back_by_who_goes_on() {
    let mut bench = Bench::live(log(16 * 1024));
    bench.data(0..3);
    bench.arrives(&bench.log.heartbeat(bench.datagrams[1].1, true));
    let end = Position(bench.end(1));
    assert_eq!((bench.says().len(), bench.standing()), (1, Standing::Ended(end)));
    // What was sent before the end, again.
    bench.data([2]);
    assert_eq!((bench.says(), bench.standing()), (vec![], Standing::Ended(end)));
    bench.data([4]);
    let at = bench.end(2);
    assert_eq!(bench.says(), [Said::Status { at, window: HALF_TERM }]);
    assert_eq!(bench.standing(), Standing::Live);
    bench.waits(20 * US);
    assert_eq!(bench.says(), [Said::Asks { from: at, to: bench.end(3) }]);
    bench.data([3]);
    // And by a heartbeat, where there is nothing to send.
    let end = bench.datagrams[4].1;
    bench.arrives(&bench.log.heartbeat(end, true));
    assert_eq!((bench.says().len(), bench.standing()), (1, Standing::Ended(end)));
    bench.heartbeat(end);
    assert_eq!(bench.says(), [Said::Status { at: end.0, window: HALF_TERM }]);
    assert_eq!(bench.standing(), Standing::Live);
    bench.waits(300 * MS);
    assert_eq!(bench.receiver.source_silent_ns(bench.now), Some(300 * MS), "it is expected again");
}
