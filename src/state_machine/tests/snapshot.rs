//! State saved and restored: the same hash, the same bytes, the same later; other bytes refused.

use super::*;

fn saved(machine: &StateMachine) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hash = machine.save(&mut bytes).expect("memory takes it");
    assert_eq!(hash, machine.state_hash(), "what is saved is what is hashed");
    bytes
}

fn restore(bytes: &[u8], state_hash: u128) -> Result<StateMachine, RestoreError> {
    StateMachine::restore(&mut &bytes[..], Capacity::default(), state_hash)
}

/// Takes all pending steps, then ends the day and begins the next: expiry, settlement, new numbers.
fn play_on(desk: &mut Desk) {
    let finish = |desk: &mut Desk| {
        while let Some(step) = desk.machine.pending() {
            desk.step(step);
        }
    };
    finish(desk);
    desk.step(order(2, isochron_events::Side::BUY, 30, 100_000, 2));
    desk.step(order(2, isochron_events::Side::BUY, 30, 100_000, 70));
    finish(desk);
    desk.step(PhaseChange { phase: Phase::CLOSED, ..Default::default() });
    desk.step(DayEnding { trading_date: 20_261_122, ..Default::default() });
    finish(desk);
    desk.step(DayStarted { trading_date: 20_261_123, rules_version: 1, ..Default::default() });
}

const DESKS: [fn() -> Desk; 4] = [populated, interrupted, canceling, settling];

#[test]
fn a_restored_state_is_the_same_and_goes_on_the_same() {
    for (index, desk) in DESKS.into_iter().enumerate() {
        let mut first = desk();
        let mut limited = first.machine.clone();
        limited.ledger.wallet.set_limits(0, own_limits(false, 7, 8));
        limited.ledger.user_volumes.get_mut(0).limit = Some(0);
        for machine in [&first.machine, &limited, &StateMachine::new()] {
            let again = restore(&saved(machine), machine.state_hash()).expect("its own bytes");
            assert_eq!(again.state_hash(), machine.state_hash(), "desk {index}");
            assert_eq!(saved(&again), saved(machine), "desk {index}");
            assert_eq!(again.check_conservation(), Ok(()), "desk {index}");
        }
        let machine = restore(&saved(&first.machine), first.machine.state_hash()).unwrap();
        let mut second = Desk { machine, ..first.clone() };
        play_on(&mut first);
        play_on(&mut second);
        assert_eq!(second.log, first.log, "desk {index}");
        assert_eq!(second.machine.state_hash(), first.machine.state_hash(), "desk {index}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let (mut of_no_state, mut of_another) = (0, 0);
    for desk in DESKS {
        let machine = desk().machine;
        let (bytes, hash) = (saved(&machine), machine.state_hash());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match restore(&flipped, hash) {
                Err(RestoreError::Hash { .. }) => of_another += 1,
                Err(_) => of_no_state += 1,
                Ok(_) => panic!("bit {bit}"),
            }
        }
    }
    assert!(of_no_state > 0 && of_another > 0);
}

#[test]
fn bytes_that_end_early_or_late_are_refused() {
    let machine = interrupted().machine;
    let (bytes, hash) = (saved(&machine), machine.state_hash());
    for length in 0..bytes.len() {
        let refused = restore(&bytes[..length], hash).map(|_| ()).expect_err("it is not whole");
        assert!(matches!(refused, RestoreError::Read(_)), "{length} bytes: {refused}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(restore(&longer, hash), Err(RestoreError::Longer)));
    // A stranger's lengths are believed only as far as bytes follow.
    for junk in [[0; 200], [255; 200]] {
        assert!(restore(&junk, hash).is_err());
    }
}
