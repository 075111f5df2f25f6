//! The default mix as a source: how many commands a second it can produce, its reading of the
//! committed events included, the state machine that answers excluded. Also the state machine.
//!
//! Commands go in blocks of 1,000: the mix sees the events of a block after its last command, as
//! it would behind a ring. The first 300,000 commands fill the books and are not counted.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use isochron::demo::flow::{Flow, Mix, Next};
use isochron::state_machine::{Capacity, StateMachine};
use isochron_events::Message;

const BLOCK: usize = 1_000;
const BLOCKS_UNCOUNTED: usize = 300;
const BLOCKS: usize = 2_000;

/// Executes commands, and all that follows from them, into one list of events.
fn execute(machine: &mut StateMachine, commands: &[Message], events: &mut Vec<Message>) {
    let mut sequence = 0;
    for command in commands {
        let mut command = *command;
        loop {
            sequence += 1;
            command.header_mut().sequence = sequence;
            events.push(command);
            machine.execute(&command, events);
            let Some(pending) = machine.pending() else { break };
            command = pending.into();
        }
    }
}

fn main() {
    let mut mix = Mix::new(1, 20_260_105, ((BLOCKS_UNCOUNTED + BLOCKS) * BLOCK) as u64);
    let capacity = Capacity { orders: 1 << 18, holdings: 1 << 16, client_ids: 1 << 21 };
    let mut machine = StateMachine::with_capacity(capacity);
    let (mut commands, mut events) = (mix.setup(), Vec::new());
    let setup = commands.len();
    execute(&mut machine, &commands, &mut events);
    let (mut flow_time, mut machine_time) = (Duration::ZERO, Duration::ZERO);
    for block in 0..BLOCKS_UNCOUNTED + BLOCKS {
        commands.clear();
        let start = Instant::now();
        events.iter().for_each(|event| mix.on_event(event));
        while commands.len() < BLOCK
            && let Next::Command { command, .. } = mix.next()
        {
            commands.push(command);
        }
        let middle = Instant::now();
        events.clear();
        execute(&mut machine, &commands, &mut events);
        if block >= BLOCKS_UNCOUNTED {
            flow_time += middle - start;
            machine_time += middle.elapsed();
        }
    }
    let per_second = |time: Duration| (BLOCKS * BLOCK) as f64 / time.as_secs_f64();
    println!("setup: {setup} commands");
    println!("mix: {:.0} commands/s", per_second(flow_time));
    println!("state machine: {:.0} commands/s", per_second(machine_time));
    for (label, number) in mix.notes() {
        println!("{label}: {number}");
    }
}
