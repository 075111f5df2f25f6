//! Runs the scenarios of `tests/orders`: readable commands, each followed by what came of it.
//!
//! ```text
//! given ...        a command, or a short form of several, that must not be refused
//! scenario TITLE   begins anew, after the given lines at the head of the file
//! COMMAND          one command (`script.rs` knows them all)
//!     OUTCOME      what it brings, in order (`print.rs`)
//! ```
//!
//! Every command runs in the twin and in the engine; what they answer must be equal in every
//! field, also where the text shows less. `UPDATE=1` writes the files anew.

pub(crate) mod engine;
pub(crate) mod machine;
mod print;
mod script;
mod words;

use std::fmt::Write as _;

use crate::exchange::words::{News, WorkKind};
use machine::Machine;
use script::{Line, World};

/// Executes a file's text with new machines for each scenario and returns the text as it should
/// be, with the outcomes that came.
pub(crate) fn play(text: &str, mut new: impl FnMut() -> Vec<Box<dyn Machine>>) -> String {
    let mut head: Vec<&str> = Vec::new();
    let mut in_head = true;
    let mut stage = Stage::new(new());
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("    ") {
            continue;
        }
        let _ = writeln!(out, "{line}");
        stage.place = format!("line {}: {line}", number + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("scenario ") {
            in_head = false;
            stage = Stage::new(new());
            for given in &head {
                stage.place = format!("line {}, given: {given}", number + 1);
                stage.run(given);
            }
            continue;
        }
        if in_head {
            head.push(line);
        }
        out.push_str(&stage.run(line));
    }
    out
}

/// The machines of one scenario and what the script knows about them.
struct Stage {
    machines: Vec<Box<dyn Machine>>,
    world: World,
    sequence: u64,
    place: String,
}

impl Stage {
    fn new(machines: Vec<Box<dyn Machine>>) -> Stage {
        Stage { machines, world: World::default(), sequence: 0, place: String::new() }
    }

    /// Executes one line; returns its outcomes as text, which is empty for a given line.
    fn run(&mut self, line: &str) -> String {
        let (silent, line) = match line.strip_prefix("given ") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let read = self.world.read(line).unwrap_or_else(|e| panic!("{}: {e}", self.place));
        let mut text = String::new();
        for one in read.lines {
            text.push_str(&self.run_one(one));
        }
        if silent || read.silent {
            assert!(!text.contains("refused"), "{}: {text}", self.place);
            return String::new();
        }
        text
    }

    fn run_one(&mut self, line: Line) -> String {
        match line {
            Line::Book(instrument) => {
                let books = self.agreed(|m| (m.book(instrument, 1), m.book(instrument, 2)));
                print::book(&books.0, &books.1)
            }
            Line::Wallet(account, asset) => {
                let holds = self.agreed(|m| m.holds(account, asset));
                print::wallet(asset, holds)
            }
            Line::House(currency) => {
                let got = self.agreed(|m| m.house(currency));
                format!("    {}\n", words::show_money(got))
            }
            Line::Command(command) => {
                let (source, number) = (command.source, command.source_number);
                if self.agreed(|m| m.is_repeat(source, number)) {
                    return "    repeat\n".to_owned();
                }
                self.sequence += 1;
                let (root, now) = (self.sequence, self.sequence * 1_000);
                let mut outcomes = self.agreed(|m| m.execute(root, now, &command));
                if outcomes.iter().any(|o| matches!(o.news, News::Applied { .. })) {
                    self.world.applied(&command);
                }
                let mut text = String::new();
                loop {
                    for outcome in &outcomes {
                        let at = (outcome.sequence, outcome.time, outcome.cause);
                        let now = self.sequence * 1_000;
                        assert_eq!(at, (self.sequence, now, root), "{}: header", self.place);
                    }
                    text.push_str(&print::outcomes(&outcomes, &self.world));
                    let Some(step) = self.agreed(|m| m.pending()) else { break };
                    assert_eq!(step.cause, root, "{}: cause", self.place);
                    let kind = match step.kind {
                        WorkKind::Sweep => String::new(),
                        other => format!(" {}", print::lower(other)),
                    };
                    let _ = writeln!(text, "    continues{kind}, step {}", step.cursor);
                    self.sequence += 1;
                    let (sequence, now) = (self.sequence, self.sequence * 1_000);
                    outcomes = self.agreed(|m| m.go_on(sequence, now, step));
                }
                self.agreed(|m| m.check_conservation()).unwrap_or_else(|e| {
                    panic!("{}: not conserved: {e}", self.place);
                });
                text
            }
        }
    }

    /// Asks all machines the same; they must say the same.
    fn agreed<T: PartialEq + std::fmt::Debug>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Machine) -> T,
    ) -> T {
        let mut answers = self.machines.iter_mut().map(|m| (m.name(), ask(m.as_mut())));
        let (first_name, first) = answers.next().unwrap();
        for (name, other) in answers {
            assert_eq!(first, other, "{}: {first_name} (left), {name} (right)", self.place);
        }
        first
    }
}
