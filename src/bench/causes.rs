//! Where the tail comes from: each late command and the gap that it met.
//!
//! A command, or a transaction, is late from [`LATE_NS`] on. It is put down to the longest gap of a
//! thread that overlaps its way; one that met none, but follows a late one without a punctual one
//! between, stood in the queue that the same gap left.

use super::report::us;
use super::watch::{Cause, Sight};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the aim calls late: 20 microseconds.
pub(super) const LATE_NS: u64 = 20_000;

/// The way of one command: from when to when.
pub(super) type Way = (u64, u64);

/// A cause on a thread, by the thread's place among the sights; or none that was seen.
type Culprit = Option<(usize, Cause)>;

/// How many late commands each culprit has.
fn attribute(ways: &[Way], sights: &[Sight]) -> BTreeMap<Culprit, u64> {
    let mut found: BTreeMap<Culprit, u64> = BTreeMap::new();
    // Both rise, so that gaps before a row are before all later ones.
    let mut passed = vec![0; sights.len()];
    let mut before: Culprit = None;
    for &(from, to) in ways {
        if to.saturating_sub(from) < LATE_NS {
            before = None;
            continue;
        }
        let mut longest = 0;
        for (place, (sight, passed)) in sights.iter().zip(&mut passed).enumerate() {
            while sight.gaps.get(*passed).is_some_and(|gap| gap.to <= from) {
                *passed += 1;
            }
            for gap in sight.gaps[*passed..].iter().take_while(|gap| gap.from < to) {
                let overlap = gap.to.min(to) - gap.from.max(from);
                if overlap > longest {
                    longest = overlap;
                    before = Some((place, gap.cause));
                }
            }
        }
        *found.entry(before).or_default() += 1;
    }
    found
}

/// The shares of the culprits, lines for people and an object for programs.
pub(super) fn report(ways: &[Way], sights: &[Sight]) -> (Vec<String>, Value) {
    let found = attribute(ways, sights);
    let late: u64 = found.values().sum();
    let share = |part: u64| part as f64 * 100.0 / (late.max(1)) as f64;
    let of_all = late as f64 * 100.0 / ways.len().max(1) as f64;
    let mut lines = vec![format!(
        "  {late} of {} ({of_all:.2} %) took {} us or more:",
        ways.len(),
        LATE_NS / 1_000
    )];
    let mut json = Vec::new();
    let mut sorted: Vec<_> = found.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (culprit, count) in sorted {
        let (thread, text) = match culprit {
            Some((place, cause)) => (sights[place].name.as_str(), cause.text()),
            None => ("none", "no gap was seen: work of the commands themselves"),
        };
        lines.push(format!("    {:.1} % {thread}: {text}", share(count)));
        json.push(json!({ "thread": thread, "cause": text, "commands": count }));
    }
    (lines, json!({ "late": late, "late_ns": LATE_NS, "causes": json }))
}

/// What was seen of a thread, in one line and for programs.
pub(super) fn sight(sight: &Sight) -> (String, Value) {
    let usage = &sight.usage;
    let percent = (usage.core_ns as f64 * 100.0 / sight.elapsed_ns.max(1) as f64).min(100.0);
    let seconds = sight.elapsed_ns.max(1) as f64 / 1e9;
    let mut line = format!(
        "  {}: had its core {percent:.1} % of the time; its core was taken {} times, {} page \
         faults ({} from disk)",
        sight.name,
        usage.involuntary_switches,
        usage.minor_faults + usage.major_faults,
        usage.major_faults
    );
    let mut causes = Vec::new();
    for cause in Cause::ALL {
        let gaps: Vec<u64> = (sight.gaps.iter().filter(|gap| gap.cause == cause))
            .map(|gap| gap.to - gap.from)
            .collect();
        let (count, total_ns) = (gaps.len(), gaps.iter().sum::<u64>());
        let longest_ns = gaps.iter().copied().max().unwrap_or(0);
        if count > 0 {
            line += &format!(
                "\n    {}: {:.0} times a second, {:.3} % of the time, longest {} us",
                cause.text(),
                count as f64 / seconds,
                total_ns as f64 * 100.0 / sight.elapsed_ns.max(1) as f64,
                us(longest_ns)
            );
        }
        let json = json!({ "cause": cause.text(), "gaps": count, "total_ns": total_ns,
                           "longest_ns": longest_ns });
        causes.push(json);
    }
    let json = json!({
        "thread": sight.name, "elapsed_ns": sight.elapsed_ns, "core_percent": percent,
        "involuntary_switches": usage.involuntary_switches,
        "voluntary_switches": usage.voluntary_switches,
        "minor_faults": usage.minor_faults, "major_faults": usage.major_faults,
        "gaps": causes, "gaps_not_kept": sight.missed,
    });
    (line, json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::watch::Gap;
    use crate::metrics::ThreadUsage;

    #[test]
    fn a_late_command_is_put_down_to_the_longest_gap_it_met_and_so_is_its_queue() {
        let gap = |from, to, cause| Gap { from, to, cause };
        let of = |name: &str, gaps| Sight {
            name: name.to_owned(),
            gaps,
            missed: 0,
            elapsed_ns: 1,
            usage: ThreadUsage::default(),
        };
        let sights = [
            of("source", vec![gap(90_000, 101_000, Cause::Fault)]),
            of("core", vec![gap(1, 9, Cause::Stopped), gap(100_000, 150_000, Cause::Switched)]),
        ];
        let ways = [
            (10_000, 15_000),
            (95_000, 151_000),
            // In the queue behind it.
            (151_000, 175_000),
            (160_000, 165_000),
            // On its own.
            (200_000, 260_000),
        ];
        let found = attribute(&ways, &sights);
        let expected = [(Some((1, Cause::Switched)), 2), (None, 1)];
        assert_eq!(found, expected.into());
        let (lines, json) = report(&ways, &sights);
        assert!(lines[1].contains("66.7 % core: another thread"), "{lines:?}");
        assert_eq!(json["late"], 3);
    }
}
