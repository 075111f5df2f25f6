//! What a report of the mix must say about itself.

use serde_json::Value;

use crate::report::number;

/// Everything that the mix promises to be refused, once in so many commands.
pub(crate) const REFUSALS: [&str; 31] = [
    "accountClosed",
    "accountNotVerified",
    "accountSuspended",
    "blocked",
    "clientOrderIdInUse",
    "clientOrderIdMalformed",
    "dailyVolumeAccount",
    "dailyVolumeUser",
    "instrumentNotPermitted",
    "insufficientFunds",
    "insufficientShares",
    "notionalAboveMaximum",
    "orderTypeNotSupported",
    "phase",
    "positionMax",
    "priceAboveBand",
    "priceAboveMaximum",
    "priceBelowBand",
    "priceBelowMinimum",
    "priceOffTick",
    "quantityAboveMaximum",
    "quantityBelowMinimum",
    "sessionNotEntitled",
    "sessionNotOpen",
    "timeInForceNotSupported",
    "unknownAccount",
    "unknownInstrument",
    "unknownOrder",
    "unknownSide",
    "unknownUser",
    "userNotEntitled",
];

/// Everything of it.
pub(crate) fn assert_mix(report: &Value, commands: u64) {
    for reason in REFUSALS {
        assert!(number(&report["refusals"][reason]) > 0, "nothing was refused for {reason}");
    }
    for reason in ["user", "immediateOrCancel", "fillOrKill"] {
        assert!(number(&report["cancels"][reason]) > 0, "nothing was canceled: {reason}");
    }
    let input = |name: &str| number(&report["input"][name]);
    let kinds = ["passive", "aggressive", "cancels", "replaces", "ioc", "fok", "to_be_refused"];
    let sent = kinds.map(input).iter().sum::<u64>() + input("phase_changes");
    assert_eq!((number(&report["commands"]), input("commands")), (commands, commands));
    assert_eq!(sent, commands, "each command is of one kind");
    assert_eq!(input("phase_changes"), 2, "a halt and a reopening");
    assert_eq!(input("refused_as_meant"), input("to_be_refused"));
    assert_eq!((input("refused_unexpectedly"), input("accepted_unexpectedly")), (0, 0));
    // One in a hundred, two and one: twice as many or half would be another mix.
    for (kind, percent) in [("to_be_refused", 1), ("replaces", 2), ("ioc", 2), ("fok", 1)] {
        let expected = commands * percent / 100;
        assert!((expected / 2..expected * 2).contains(&input(kind)), "{kind}: {}", input(kind));
    }
    assert_eq!(report["checksums"].as_object().unwrap().len(), 100, "instruments");
    let accounts = number(&report["commands_by_kind"]["OpenAccount"]);
    assert!(accounts >= 10_000, "{accounts} accounts");

    let latency = |name: &str| number(&report["latency"][name]);
    assert_eq!(latency("count") + number(&report["latencies_missed"]), commands);
    let names = ["p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"];
    let percentiles = names.map(latency);
    assert!(percentiles[0] > 0 && percentiles.is_sorted(), "{percentiles:?}");
    let elapsed = u128::from(number(&report["trading_ns"]));
    let rate = u128::from(commands) * 1_000_000_000 / elapsed;
    assert_eq!(u128::from(number(&report["commands_per_second"])), rate);
}
