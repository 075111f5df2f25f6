//! A log executed again: it gives the same state, and each way in which it may differ is named.

use super::*;
use crate::types::Sequence;

/// Executes a log again from its beginning.
fn replay(log: &[Message]) -> Result<Replay, Divergence> {
    let mut replay = Replay::new(StateMachine::new());
    for event in log {
        replay.on_event(event)?;
    }
    Ok(replay)
}

/// What is found in a log that was changed.
fn found(mut log: Vec<Message>, change: impl FnOnce(&mut Vec<Message>)) -> Divergence {
    change(&mut log);
    replay(&log).err().expect("the change is noticed")
}

/// The log of `desk` and one more command, as its writer would stamp it.
fn with(desk: &Desk, command: impl Into<Message>) -> (Vec<Message>, Sequence) {
    let sequence = desk.sequence + 1;
    let mut command = command.into();
    let header = command.header_mut();
    (header.sequence, header.timestamp) = (sequence, sequence * 1_000);
    header.flags = flags::END_OF_TRANSACTION | flags::END_OF_EVENT;
    let origin = command_origin_mut(&mut command).expect("a command");
    *origin = CommandOrigin { source: 1, source_sequence: sequence };
    let mut log = desk.log.clone();
    log.push(command);
    (log, Sequence(sequence))
}

#[test]
fn a_log_gives_its_state_again() {
    let mut desk = interrupted();
    desk.step(EpochStarted::default());
    while let Some(due) = desk.machine.pending() {
        desk.step(due);
    }
    let replay = replay(&desk.log).unwrap();
    assert_eq!(replay.machine().state_hash(), desk.machine.state_hash());
    assert_eq!((replay.events(), replay.commands()), (desk.log.len() as u64, desk.sequence));
    assert_eq!(
        (replay.sequence(), replay.time()),
        (Sequence(desk.sequence), desk.sequence * 1_000)
    );
    assert_eq!(replay.into_machine().state_hash(), desk.machine.state_hash());
}

#[test]
fn numbers_follow_one_another_and_time_does_not_run_backwards() {
    let log = populated().log;
    let begins_with_the_second = found(log.clone(), |log| drop(log.drain(..2)));
    let due = Sequence(1);
    assert_eq!(begins_with_the_second, Divergence::Sequence { expected: due, found: Sequence(2) });
    assert_eq!(begins_with_the_second.to_string(), "command 2 where 1 was due");
    let begins_with_an_outcome = found(log[1..].to_vec(), |_| ());
    assert_eq!(begins_with_an_outcome, Divergence::Sequence { expected: due, found: due });

    let earlier = found(log.clone(), |log| log[2].header_mut().timestamp = 999);
    assert_eq!(earlier, Divergence::Time { sequence: Sequence(2) });
    assert_eq!(earlier.to_string(), "command 2: time runs backwards");
    let mut same_time = log;
    same_time[2..4].iter_mut().for_each(|event| event.header_mut().timestamp = 1_000);
    assert!(replay(&same_time).is_ok());
}

#[test]
fn what_is_pending_comes_next_and_nothing_else_is_a_continuation() {
    let desk = interrupted();
    let due = desk.machine.pending().unwrap();
    let (log, sequence) = with(&desk, Tick::default());
    let another = replay(&log).err();
    assert_eq!(another, Some(Divergence::Continuation { sequence }));
    let text = another.unwrap().to_string();
    assert_eq!(text, format!("command {sequence}: not the continuation that was due"));
    let mut other_cause = due;
    other_cause.header.cause += 1;
    for wrong in [
        Continuation { cursor: due.cursor + 1, ..due },
        Continuation { kind: ContinuationKind(due.kind.0 + 1), ..due },
        other_cause,
    ] {
        let (log, sequence) = with(&desk, wrong);
        assert_eq!(replay(&log).err(), Some(Divergence::Continuation { sequence }), "{wrong:?}");
    }
    let (log, sequence) = with(&populated(), due);
    assert_eq!(replay(&log).err(), Some(Divergence::Continuation { sequence }));
}

#[test]
fn a_source_sends_nothing_twice() {
    let (mut log, sequence) = with(&populated(), Tick::default());
    assert!(replay(&log).is_ok());
    let origin = command_origin_mut(log.last_mut().unwrap()).unwrap();
    origin.source_sequence -= 1;
    let repeat = replay(&log).err();
    assert_eq!(repeat, Some(Divergence::Repeat { sequence }));
    assert_eq!(repeat.unwrap().to_string(), format!("command {sequence}: taken before"));
}

#[test]
fn outcomes_are_those_of_the_log_no_more_and_no_fewer() {
    let log = populated().log;
    let (computed, sequence) = (Box::new(log[1]), Sequence(1));
    let mut logged = computed.clone();
    logged.header_mut().session += 1;
    let other = found(log.clone(), |log| log[1] = *logged);
    let text = format!("command 1: computed {computed}, logged {logged}");
    assert_eq!(other.to_string(), text);
    let both = Some(computed.clone());
    assert_eq!(other, Divergence::Outcome { sequence, computed: both, logged });

    let ends = |log: &mut Vec<Message>| log[0].header_mut().flags |= flags::END_OF_TRANSACTION;
    let fewer = found(log.clone(), ends);
    let text = format!("command 1: computed {computed}, logged nothing more");
    assert_eq!(fewer.to_string(), text);
    assert_eq!(fewer, Divergence::Missing { sequence, computed: computed.clone() });

    // A tick has no outcomes; in this log it has one.
    let (mut log, sequence) = with(&populated(), Tick::default());
    log.last_mut().unwrap().header_mut().flags = 0;
    log.push(*computed);
    let more = replay(&log).err().unwrap();
    let text = format!("command {sequence}: computed nothing more, logged {computed}");
    assert_eq!(more.to_string(), text);
    assert_eq!(more, Divergence::Outcome { sequence, computed: None, logged: computed });
}
