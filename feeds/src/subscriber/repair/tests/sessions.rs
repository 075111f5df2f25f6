//! Whole sessions under random loss: both lines, a re-request server that often says nothing, a
//! replay whose connection breaks, snapshots that may be old.

use super::*;

/// A session of messages `1..next` as one consumer has it: lossy lines, a re-request server that
/// often says nothing, a replay whose connection breaks, snapshots that may be old.
struct World {
    seed: u64,
    next: u64,
    oldest_replayed: u64,
    rig: Subscriber,
    now_ns: u64,
    position: u64,
    delivered: u64,
    covered: u64,
}

impl World {
    fn chance(&mut self, per_cent: u64) -> bool {
        splitmix64(&mut self.seed) % 100 < per_cent
    }

    fn below(&mut self, bound: u64) -> u64 {
        splitmix64(&mut self.seed) % bound
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Subscriber, u64, &mut dyn FnMut(Event<'_>)) -> T,
    ) -> T {
        let Self { rig, now_ns, position, delivered, covered, .. } = self;
        call(rig, *now_ns, &mut |event| match event {
            Event::Joined { sequence, .. } => {
                assert!(sequence >= *position, "back to {sequence} from {position}");
                *covered += sequence - *position;
                *position = sequence;
            }
            Event::Message { sequence, bytes } => {
                assert_eq!(sequence, *position, "in order, once, without a hole");
                assert_eq!(bytes, message(sequence));
                (*position, *delivered) = (sequence + 1, *delivered + 1);
            }
            Event::Lost(gap) => panic!("lost {gap} where everything can be repaired"),
            Event::GapOpened(_) | Event::Ended { .. } => {}
        })
    }

    fn datagram(&mut self, source: Source, bytes: &[u8]) {
        let _ = self
            .call(|rig, now, sink| rig.on_datagram(source, bytes, now, &mut |event| sink(event)));
    }

    /// What there is now, `known` messages having been published.
    fn repair(&mut self, known: u64) {
        while let Some(asked) = self.rig.poll_request(self.now_ns) {
            assert!(asked.gap.messages() > 0 && asked.gap.next <= self.next);
            if self.chance(60) && asked.gap.first < known {
                let fit = (asked.gap.first + 5).min(asked.gap.next).min(known);
                self.datagram(Source::Retransmission, &data(asked.gap.first, fit));
            }
        }
        if let Some(from) = self.rig.replay_wanted(self.now_ns)
            && self.chance(30)
        {
            if from < self.oldest_replayed {
                self.call(|rig, now, sink| rig.on_replay_refused(now, &mut |event| sink(event)));
            } else {
                let length = self.below(60);
                for sequence in from..known.min(from + length) {
                    self.call(|rig, now, sink| {
                        let bytes = message(sequence);
                        rig.on_replayed(sequence, &bytes, now, &mut |event| sink(event)).unwrap();
                    });
                }
            }
        }
        if let Some(lowest) = self.rig.snapshot_wanted()
            && self.chance(20)
        {
            let next = (lowest.saturating_sub(5) + self.below(10)).clamp(1, known);
            // What ends before the last message delivered is refused, and another one comes.
            let _ = self.call(|rig, now, sink| {
                rig.on_snapshot_complete(next, now, &mut |event| sink(event))
            });
        }
    }

    /// Everything arrives, is repaired, or is covered; nothing more is held than may be.
    fn run(&mut self) {
        let mut sent = [1 + self.below(3) * self.below(30), 1];
        sent[1] = sent[0];
        while sent.iter().any(|sent| *sent < self.next) {
            let line = usize::from(self.chance(50));
            let first = sent[line];
            let end = self.next.min(first + 1 + self.below(9));
            sent[line] = end;
            let source = [Source::LineA, Source::LineB][line];
            if first < end && self.chance(70) {
                self.datagram(source, &data(first, end));
            }
            self.now_ns += self.below(60);
            self.repair(sent[0].max(sent[1]));
            assert!(self.rig.held() <= self.rig.options.held_messages_max);
        }
        for _ in 0..100_000 {
            if self.rig.state(self.now_ns) == State::Ended {
                return;
            }
            self.datagram(Source::LineA, &end_of_session(self.next));
            self.now_ns += 50;
            self.repair(self.next);
        }
        panic!("never in step: {:?} of {}", self.rig.next_sequence(), self.next);
    }
}

#[test]
fn random_sessions_are_whole_in_the_end() {
    let (mut by_udp, mut by_tcp, mut unheld, mut snapshots) = (0, 0, 0, 0);
    for case in 0..300 {
        let mut seed = 0x0e9a_1200 + case;
        let held_messages_max = 1 + (splitmix64(&mut seed) % 60) as usize;
        let repair = Repair { snapshot: true, ..REPAIR };
        let from_start = splitmix64(&mut seed).is_multiple_of(2);
        let join = if from_start { Join::From(1) } else { Join::Snapshot };
        let patience_ns = u64::MAX;
        let options =
            Options { join, held_messages_max, patience_ns, ..Options::repairing(repair) };
        let next = 100 + splitmix64(&mut seed) % 400;
        let oldest_replayed = if case % 3 == 0 { next / 2 } else { 1 };
        let rig = Subscriber::new(options);
        let mut session = World {
            seed,
            next,
            oldest_replayed,
            rig,
            now_ns: 0,
            position: 1,
            delivered: 0,
            covered: 0,
        };
        session.run();
        let statistics = session.rig.statistics();
        assert_eq!(session.position, next, "case {case}");
        assert_eq!(session.delivered + session.covered, next - 1, "case {case}");
        assert_eq!(
            (statistics.delivered, statistics.covered, statistics.lost),
            (session.delivered, session.covered, 0),
            "case {case}"
        );
        let new: u64 = Source::ALL.map(|source| session.rig.source(source).messages).iter().sum();
        assert!(new >= session.delivered, "case {case}");
        by_udp += session.rig.source(Source::Retransmission).messages;
        by_tcp += session.rig.source(Source::Replay).messages;
        unheld += statistics.unheld;
        snapshots += statistics.snapshots;
    }
    let least = by_udp.min(by_tcp).min(unheld).min(snapshots);
    assert!(least > 100, "{by_udp} {by_tcp} {unheld} {snapshots}");
}
