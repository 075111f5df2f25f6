//! What the machine did beside a run: interrupts, and time that the hypervisor took.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Linux counts processor time in these (`USER_HZ`, always 100 for programs).
const TICK_MS: u64 = 10;

/// Totals since the machine's start.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    /// Interrupts of all cores, by the system's name for them.
    interrupts: BTreeMap<String, u64>,
    /// Time that the hypervisor gave to others while a core of ours wanted it.
    steal_ms: u64,
}

impl Machine {
    /// As it is now; empty where the system does not tell.
    pub(super) fn now() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/proc/interrupts"), &read("/proc/stat"))
    }

    /// Source: Linux, Documentation/filesystems/proc.rst, 1.2 and 1.7.
    fn of(interrupts: &str, stat: &str) -> Self {
        let mut found = BTreeMap::new();
        let cores = interrupts.lines().next().map_or(0, |line| line.split_whitespace().count());
        for line in interrupts.lines().skip(1) {
            let mut words = line.split_whitespace();
            let Some(label) = words.next() else { continue };
            let counts = words.clone().take(cores).map_while(|word| word.parse::<u64>().ok());
            let (count, total) = counts.fold((0, 0), |(n, sum), count| (n + 1, sum + count));
            let text: Vec<_> = words.skip(count).collect();
            let name = if text.is_empty() { label.to_owned() } else { text.join(" ") };
            *found.entry(name).or_default() += total;
        }
        // cpu user nice system idle iowait irq softirq steal guest guest_nice
        let all = stat.lines().find_map(|line| line.strip_prefix("cpu "));
        let steal = all.and_then(|line| line.split_whitespace().nth(7)?.parse::<u64>().ok());
        Self { interrupts: found, steal_ms: steal.unwrap_or(0) * TICK_MS }
    }

    /// What happened since `before`: a line, and an object.
    pub(super) fn since(&self, before: &Self) -> (String, Value) {
        let steal_ms = self.steal_ms.saturating_sub(before.steal_ms);
        let mut grown: Vec<(&str, u64)> = (self.interrupts.iter())
            .map(|(name, count)| {
                let earlier = before.interrupts.get(name).copied().unwrap_or(0);
                (name.as_str(), count.saturating_sub(earlier))
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        grown.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let named: Vec<_> =
            grown.iter().take(4).map(|(name, count)| format!("{count} {name}")).collect();
        let line =
            format!("  the machine: {steal_ms} ms stolen by the hypervisor; {}", named.join(", "));
        (line, json!({ "steal_ms": steal_ms, "interrupts": BTreeMap::from_iter(grown) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_and_steal_are_read_from_the_systems_text() {
        let interrupts = "           CPU0       CPU1\n  1:   5   6   IO-APIC 1-edge  i8042\n\
                          LOC:   100   200   Local timer interrupts\nERR:   0\n";
        let stat = "cpu  1 2 3 4 5 6 7 89 0 0\ncpu0 1 2 3 4 5 6 7 80 0 0\nintr 5\n";
        let machine = Machine::of(interrupts, stat);
        assert_eq!(machine.steal_ms, 890);
        assert_eq!(machine.interrupts["Local timer interrupts"], 300);
        assert_eq!(machine.interrupts["IO-APIC 1-edge i8042"], 11);
        let (line, json) = machine.since(&Machine::default());
        assert!(line.contains("890 ms stolen") && line.contains("300 Local timer"), "{line}");
        assert_eq!(json["steal_ms"], 890);
        assert_eq!(Machine::of("", "").steal_ms, 0);
    }
}
