//! Which agents share threads, and which cores they are pinned to.
//!
//! Three kinds of agents: those on the way of an order, which are worth a spinning core each where
//! the machine has them; those that may wait for a disk, which have a thread each whatever is
//! configured, so that nobody waits with them; and the others, which share a thread.

use crate::agent::{Agent, Group, IdleStrategy};
use crate::config::{Dedicated, Idle, Placement, Threads};

/// Agents on the way of an order.
const HOT: [&str; 5] = ["core", "feed", "source", "primary", "standby"];

/// The threads of some agents, on a machine with so many cores. The core's comes last: it takes
/// commands when all others run.
#[must_use]
pub fn groups(agents: Vec<Box<dyn Agent>>, threads: &Threads, cores: usize) -> Vec<Group> {
    let hot = agents.iter().filter(|agent| HOT.contains(&agent.name()));
    let spins = threads.placement == Placement::Auto
        && IdleStrategy::for_cores(cores, hot.count()) == IdleStrategy::Spin;
    let mut groups: Vec<Group> = Vec::new();
    for agent in agents {
        let own = placed(threads, agent.name());
        let is_hot = HOT.contains(&agent.name());
        let shared = match threads.placement {
            _ if own.is_some() || agent.waits() => None,
            Placement::Dedicated => None,
            Placement::Shared => Some("agents"),
            Placement::Auto if is_hot && spins => None,
            Placement::Auto if is_hot => Some("agents"),
            Placement::Auto => Some("background"),
        };
        let name = shared.unwrap_or(agent.name()).to_owned();
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.agents.push(agent),
            None => {
                let asked = own.map_or(Idle::Auto, |own| own.idle);
                let asked = if asked == Idle::Auto { threads.idle } else { asked };
                let idle = idle_strategy(asked, spins && is_hot);
                let core = own.and_then(|own| own.core);
                groups.push(Group { name, agents: vec![agent], core, idle });
            }
        }
    }
    groups.sort_by_key(|group| group.agents.iter().any(|agent| agent.name() == "core"));
    groups
}

fn placed<'a>(threads: &'a Threads, agent: &str) -> Option<&'a Dedicated> {
    threads.dedicated.iter().find(|dedicated| dedicated.agent == agent)
}

fn idle_strategy(asked: Idle, spins: bool) -> IdleStrategy {
    match asked {
        Idle::Spin => IdleStrategy::Spin,
        Idle::Yield => IdleStrategy::Yield,
        Idle::BackOff => IdleStrategy::BACK_OFF,
        Idle::Auto if spins => IdleStrategy::Spin,
        Idle::Auto => IdleStrategy::BACK_OFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Nanos;

    struct Named(&'static str);

    impl Agent for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn do_work(&mut self, _now: Nanos) -> usize {
            0
        }

        fn waits(&self) -> bool {
            self.0 == "segments" || self.0 == "sync"
        }
    }

    /// Each thread: its agents, its core, what it does without work.
    fn placed_as(names: &[&'static str], threads: &Threads, cores: usize) -> Vec<String> {
        let agents = names.iter().map(|name| Box::new(Named(name)) as Box<dyn Agent>).collect();
        let show = |group: &Group| {
            let names: Vec<_> = group.agents.iter().map(|agent| agent.name()).collect();
            let core = group.core.map_or("-".to_owned(), |core| core.to_string());
            format!("{} {core} {}", names.join("+"), group.idle)
        };
        groups(agents, threads, cores).iter().map(show).collect()
    }

    const ALL: [&str; 6] = ["core", "segments", "sync", "feed", "scheduler", "other"];

    #[test]
    fn auto_keeps_the_disk_and_the_background_off_the_way_of_an_order() {
        let threads = Threads::default();
        let slow = "back off to 100 us";
        for cores in [1, 2] {
            assert_eq!(
                placed_as(&ALL, &threads, cores),
                [
                    format!("segments - {slow}"),
                    format!("sync - {slow}"),
                    format!("scheduler+other - {slow}"),
                    format!("core+feed - {slow}"),
                ]
            );
        }
        assert_eq!(
            placed_as(&ALL, &threads, 4),
            [
                format!("segments - {slow}"),
                format!("sync - {slow}"),
                "feed - spin".to_owned(),
                format!("scheduler+other - {slow}"),
                "core - spin".to_owned(),
            ]
        );
    }

    #[test]
    fn shared_is_one_thread_and_dedicated_one_each() {
        let shared = Threads { placement: Placement::Shared, ..Threads::default() };
        assert_eq!(
            placed_as(&ALL, &shared, 8),
            [
                "segments - back off to 100 us",
                "sync - back off to 100 us",
                "core+feed+scheduler+other - back off to 100 us",
            ]
        );
        let dedicated =
            Threads { placement: Placement::Dedicated, idle: Idle::Yield, ..Threads::default() };
        let placed = placed_as(&ALL, &dedicated, 2);
        assert_eq!(placed.len(), 6);
        assert!(placed.iter().all(|thread| thread.ends_with(" - yield")), "{placed:?}");
        assert_eq!(placed[5], "core - yield");
    }

    #[test]
    fn a_named_agent_has_its_thread_core_and_strategy() {
        let core = Dedicated { agent: "core", core: Some(3), idle: Idle::Spin };
        let absent = Dedicated { agent: "scheduler", core: Some(1), idle: Idle::Auto };
        let threads = Threads { dedicated: vec![core, absent], ..Threads::default() };
        assert_eq!(
            placed_as(&["core", "segments", "feed"], &threads, 2),
            ["segments - back off to 100 us", "feed - back off to 100 us", "core 3 spin"]
        );
    }
}
