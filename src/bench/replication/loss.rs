//! A socket that loses some of what comes, and says when each hole that it made was filled.

use super::super::report::histogram;
use crate::net::{Datagram, Media, UdpMedia};
use crate::replication::frame::DataDatagram;
use crate::store::Terms;
use crate::types::{Nanos, Position, SplitMix64};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;

/// Loses so many datagrams of data in a hundred, whether they come first or again.
pub(super) struct LossyMedia {
    inner: UdpMedia,
    percent: u64,
    terms: Terms,
    random: SplitMix64,
    now: Nanos,
    /// Where lost data begins: where it ends, and when it was lost first.
    lost: BTreeMap<Position, (Position, Nanos)>,
    pub(super) datagrams_lost: u64,
    pub(super) repairs: Histogram<u64>,
}

impl LossyMedia {
    pub(super) fn new(inner: UdpMedia, percent: u64, terms: Terms) -> Self {
        Self {
            inner,
            percent,
            terms,
            random: SplitMix64(20_261_122),
            now: Nanos(0),
            lost: BTreeMap::new(),
            datagrams_lost: 0,
            repairs: histogram(),
        }
    }

    /// The time of what comes next.
    pub(super) fn set_now(&mut self, now: Nanos) {
        self.now = now;
    }

    /// Everything before `contiguous` is there: what was lost of it is repaired. A hole behind
    /// another one counts until both are filled, because nothing behind a hole can be used.
    pub(super) fn on_contiguous(&mut self, contiguous: Position, now: Nanos) {
        while let Some(first) = self.lost.first_entry() {
            let (end, since) = *first.get();
            if end > contiguous {
                break;
            }
            first.remove();
            self.repairs.saturating_record(now.get().saturating_sub(since.get()).max(1));
        }
    }

    pub(super) fn dropped(&self) -> io::Result<u64> {
        self.inner.dropped()
    }

    pub(super) fn calls(&self) -> (u64, u64) {
        self.inner.calls()
    }
}

impl Media for LossyMedia {
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> io::Result<usize> {
        self.inner.send(datagrams)
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8], SocketAddrV4)) -> io::Result<usize> {
        if self.percent == 0 {
            return self.inner.receive(each);
        }
        let Self { inner, percent, terms, random, now, lost, datagrams_lost, .. } = self;
        inner.receive(&mut |bytes, from| {
            let data = DataDatagram::parse(bytes, *terms).ok().filter(|data| !data.is_heartbeat());
            match data {
                Some(data) if random.below(100) < *percent => {
                    lost.entry(data.position()).or_insert((data.end(), *now));
                    *datagrams_lost += 1;
                }
                _ => each(bytes, from),
            }
        })
    }

    fn send_to(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<bool> {
        self.inner.send_to(datagram, to)
    }
}
