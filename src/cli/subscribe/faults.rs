//! Losses that are asked for, so that one can see them found and repaired.

use isochron_feeds::mold::{Kind, Packet};
use isochron_feeds::subscriber::{Gap, Source};

/// What to throw away. Answers to requests are never thrown away.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    datagram: Option<u64>,
    line: Option<Source>,
    /// Datagrams with messages that came on each line.
    data_datagrams: [u64; 2],
    /// The messages that are to be lost: those of the datagram.
    lost: Option<Gap>,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Taken,
    /// The datagram that was asked for.
    ThrownAway,
    /// Of the line that was asked for, or the same messages on the other line.
    Swallowed,
}

impl Faults {
    pub(super) fn new(datagram: Option<u64>, line: Option<Source>) -> Self {
        Self { datagram, line, ..Self::default() }
    }

    /// The datagram that was asked for.
    pub(super) fn datagram(&self) -> Option<u64> {
        self.datagram
    }

    /// Datagrams with messages: both lines bring the same ones.
    pub(super) fn data_datagrams(&self) -> u64 {
        self.data_datagrams.into_iter().max().unwrap_or(0)
    }

    /// Counts a datagram of a line, and judges it. The Nth one is that of the line that comes
    /// there first; what it brings must not come on the other line either.
    pub(super) fn judge(&mut self, source: Source, datagram: &[u8]) -> Fate {
        let packet =
            Packet::new_checked(datagram).ok().filter(|packet| packet.kind() == Kind::Data);
        if let Some(packet) = &packet {
            let count = &mut self.data_datagrams[usize::from(source == Source::LineB)];
            *count += 1;
            if self.lost.is_none() && self.datagram == Some(*count) {
                let (first, next) = (packet.sequence(), packet.next_sequence());
                self.lost = Some(Gap { first, next });
                return Fate::ThrownAway;
            }
        }
        if self.line == Some(source) {
            return Fate::Swallowed;
        }
        match (packet, self.lost) {
            (Some(packet), Some(lost))
                if packet.sequence() < lost.next && lost.first < packet.next_sequence() =>
            {
                Fate::Swallowed
            }
            _ => Fate::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isochron_feeds::mold::Session;
    use isochron_feeds::publisher::Publisher;

    #[test]
    fn a_datagram_is_lost_on_both_lines_whichever_brings_it_first() {
        let mut publisher = Publisher::new(Session::new("S").unwrap(), 1, 0);
        let mut datagrams = Vec::new();
        for message in [b"1", b"2", b"3"] {
            publisher.on_message(message).unwrap();
            datagrams.push(publisher.poll_datagram(0).unwrap().bytes.to_vec());
        }
        publisher.on_end(0);
        let end = publisher.poll_datagram(0).unwrap().bytes.to_vec();
        let (a, b) = (Source::LineA, Source::LineB);
        let mut faults = Faults::new(Some(2), None);
        assert_eq!(faults.judge(a, &datagrams[0]), Fate::Taken);
        assert_eq!(faults.judge(b, &datagrams[0]), Fate::Taken);
        assert_eq!(faults.judge(b, &datagrams[1]), Fate::ThrownAway);
        assert_eq!(faults.judge(a, &datagrams[1]), Fate::Swallowed);
        assert_eq!(faults.judge(a, &datagrams[2]), Fate::Taken);
        assert_eq!(faults.judge(a, &end), Fate::Taken);
        assert_eq!(faults.data_datagrams(), 3, "an end has no messages");

        let mut faults = Faults::new(None, Some(a));
        assert_eq!(faults.judge(a, &datagrams[0]), Fate::Swallowed);
        assert_eq!(faults.judge(a, b"garbage"), Fate::Swallowed);
        assert_eq!(faults.judge(b, &datagrams[0]), Fate::Taken);
        assert_eq!(faults.judge(b, b"garbage"), Fate::Taken, "others judge it");
    }
}
