//! Token buckets, and a bounded table of them by source address.
//!
//! A bucket is kept as the moment at which it is full again: eight bytes, no timer, and a bucket
//! that is full is the same as none. So a table may forget a source whose buckets are full
//! without anybody getting more than the limits say, and forgets nobody else.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Bound;

/// How many sources one newcomer looks at to find one that can be forgotten.
const LOOK_AT: usize = 16;

const SECOND_NS: u64 = 1_000_000_000;

/// So many in each period: a bucket holds that many, and fills at that pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In how long, in nanoseconds.
    pub period_ns: u64,
}

impl Rate {
    /// So many a second.
    #[must_use]
    pub const fn per_second(count: u64) -> Rate {
        Rate { count, period_ns: SECOND_NS }
    }

    /// So many a minute.
    #[must_use]
    pub const fn per_minute(count: u64) -> Rate {
        Rate { count, period_ns: 60 * SECOND_NS }
    }

    /// So many in 24 hours.
    #[must_use]
    pub const fn per_day(count: u64) -> Rate {
        Rate { count, period_ns: 86_400 * SECOND_NS }
    }

    /// How long the bucket takes to fill by so many, in nanoseconds; `None` where it never does.
    fn cost_ns(self, tokens: u64) -> Option<u64> {
        if tokens > self.count {
            return None;
        }
        // At most one period, which has 64 bits.
        let cost = u128::from(tokens) * u128::from(self.period_ns) / u128::from(self.count.max(1));
        Some(cost as u64)
    }
}

/// The state of one limit for one user or source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at_ns: u64,
}

impl Bucket {
    /// Takes so many tokens, or says in how many nanoseconds there will be enough; `u64::MAX`
    /// where the bucket can never hold so many.
    ///
    /// # Errors
    /// Nothing was taken.
    pub fn take(&mut self, rate: Rate, tokens: u64, now_ns: u64) -> Result<(), u64> {
        let wait_ns = self.wait_ns(rate, tokens, now_ns);
        if wait_ns > 0 {
            return Err(wait_ns);
        }
        let cost_ns = rate.cost_ns(tokens).expect("there is no wait for it");
        self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(cost_ns);
        Ok(())
    }

    /// In how many nanoseconds there will be so many tokens: 0 if there are, `u64::MAX` if never.
    #[must_use]
    pub fn wait_ns(&self, rate: Rate, tokens: u64, now_ns: u64) -> u64 {
        let Some(cost_ns) = rate.cost_ns(tokens) else { return u64::MAX };
        if tokens == 0 {
            return 0;
        }
        let debt_ns = self.full_at_ns.saturating_sub(now_ns);
        debt_ns.saturating_add(cost_ns).saturating_sub(rate.period_ns)
    }

    /// How many tokens there are.
    #[must_use]
    pub fn left(&self, rate: Rate, now_ns: u64) -> u64 {
        let debt_ns = self.full_at_ns.saturating_sub(now_ns).min(rate.period_ns);
        let left = u128::from(rate.period_ns - debt_ns) * u128::from(rate.count);
        (left / u128::from(rate.period_ns.max(1))) as u64
    }

    /// Whether nothing was taken that is not there again.
    #[must_use]
    pub fn is_full(&self, now_ns: u64) -> bool {
        self.full_at_ns <= now_ns
    }
}

/// Why a source gets nothing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It had as many as that rate allows.
    Rate {
        /// Which.
        rate: Rate,
        /// When there will be one again, in nanoseconds from now.
        retry_after_ns: u64,
    },
    /// So many other sources are in use that this one cannot be counted.
    TableFull,
}

/// The buckets of each source address, for `N` rates that must all agree.
///
/// IPv6 sources count by their network of 64 bits, because that is what one host is given. When
/// the table is full, a newcomer takes the place of one whose buckets are full again, looked for
/// among a few; where there is none, the newcomer is refused, and those that are known go on.
#[derive(Clone, Debug)]
pub struct Sources<const N: usize> {
    rates: [Rate; N],
    sources_max: usize,
    buckets: BTreeMap<IpAddr, [Bucket; N]>,
    /// Where the last look for one to forget ended.
    looked_at: Option<IpAddr>,
}

impl<const N: usize> Sources<N> {
    /// An empty table.
    #[must_use]
    pub fn new(rates: [Rate; N], sources_max: usize) -> Sources<N> {
        Sources { rates, sources_max, buckets: BTreeMap::new(), looked_at: None }
    }

    /// Takes a token of each rate, or none.
    ///
    /// # Errors
    /// Which rate has none, or that the table has no place.
    pub fn take(&mut self, source: IpAddr, now_ns: u64) -> Result<(), Excess> {
        let key = key(source);
        if !self.buckets.contains_key(&key) && self.buckets.len() >= self.sources_max {
            self.forget_one(now_ns).ok_or(Excess::TableFull)?;
        }
        let buckets = self.buckets.entry(key).or_insert([Bucket::default(); N]);
        for (bucket, rate) in buckets.iter().zip(self.rates) {
            let retry_after_ns = bucket.wait_ns(rate, 1, now_ns);
            if retry_after_ns > 0 {
                return Err(Excess::Rate { rate, retry_after_ns });
            }
        }
        for (bucket, rate) in buckets.iter_mut().zip(self.rates) {
            bucket.take(rate, 1, now_ns).expect("it has one");
        }
        Ok(())
    }

    /// Sources that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn forget_one(&mut self, now_ns: u64) -> Option<()> {
        let after = self.looked_at.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.buckets.range((after, Bound::Unbounded));
        let mut looked_at = None;
        let found = rest.chain(self.buckets.iter()).take(LOOK_AT).find(|(source, buckets)| {
            looked_at = Some(**source);
            buckets.iter().all(|bucket| bucket.is_full(now_ns))
        });
        let found = found.map(|(source, _)| *source);
        self.looked_at = looked_at;
        self.buckets.remove(&found?).map(drop)
    }
}

/// What a source is counted by.
fn key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_at_its_pace() {
        let (rate, mut bucket) = (Rate::per_second(4), Bucket::default());
        for _ in 0..4 {
            assert_eq!(bucket.take(rate, 1, 0), Ok(()));
        }
        assert_eq!(bucket.take(rate, 1, 0), Err(250 * MS));
        assert_eq!(bucket.take(rate, 1, 249 * MS), Err(MS));
        assert_eq!(bucket.left(rate, 500 * MS), 2);
        assert_eq!(bucket.take(rate, 2, 500 * MS), Ok(()));
        assert_eq!(bucket.take(rate, 1, 500 * MS), Err(250 * MS));
        assert!(!bucket.is_full(1_499 * MS) && bucket.is_full(1_500 * MS));
        assert_eq!(bucket.take(rate, 5, u64::MAX), Err(u64::MAX), "more than it ever holds");
        assert_eq!(bucket.take(Rate::per_day(0), 1, 0), Err(u64::MAX));
        assert_eq!(Bucket::default().left(Rate::per_day(u64::MAX), 0), u64::MAX);
    }

    #[test]
    fn a_bucket_that_shrinks_or_a_clock_that_steps_back_leaves_none() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(Rate::per_minute(10), 10, 60_000 * MS), Ok(()));
        for (rate, now_ns) in [(Rate::per_second(1), 60_000 * MS), (Rate::per_minute(10), 0)] {
            assert_eq!(bucket.left(rate, now_ns), 0);
            assert_eq!(bucket.take(rate, 0, now_ns), Ok(()), "nothing can always be taken");
            assert!(bucket.take(rate, 1, now_ns).is_err());
        }
    }

    #[test]
    fn all_rates_agree_or_none_loses_a_token() {
        let rates = [Rate::per_second(2), Rate::per_minute(3)];
        let mut sources = Sources::new(rates, 10);
        let source = IpAddr::from([10, 0, 0, 1]);
        let refused = |rate, ms| Err(Excess::Rate { rate, retry_after_ns: ms * MS });
        assert_eq!(sources.take(source, 0), Ok(()));
        assert_eq!(sources.take(source, 0), Ok(()));
        assert_eq!(sources.take(source, 0), refused(rates[0], 500));
        assert_eq!(sources.take(source, 1_000 * MS), Ok(()), "the third of the minute");
        assert_eq!(sources.take(source, 1_000 * MS), refused(rates[1], 19_000));
        assert_eq!(sources.take(IpAddr::from([10, 0, 0, 2]), 0), Ok(()), "another's are its own");
    }

    #[test]
    fn a_full_table_forgets_only_those_whose_buckets_are_full() {
        let mut sources = Sources::new([Rate::per_second(1)], 40);
        let source = |host: u8| IpAddr::from([10, 0, 0, host]);
        for host in 0..40 {
            assert_eq!(sources.take(source(host), u64::from(39 - host) * 10 * MS), Ok(()));
        }
        // The last one is full again first, at 1,000 ms.
        assert_eq!(sources.take(source(99), 999 * MS), Err(Excess::TableFull));
        let spent = Excess::Rate { rate: Rate::per_second(1), retry_after_ns: MS };
        assert_eq!(sources.take(source(39), 999 * MS), Err(spent), "one that is known");
        // A look ends after a few, and the next one begins there: in three, all were seen.
        let taken = (0..3).filter(|_| sources.take(source(99), 1_000 * MS).is_ok()).count();
        assert_eq!((taken, sources.len()), (1, 40));
    }

    #[test]
    fn a_host_has_one_count_however_many_addresses_it_has() {
        let mut sources = Sources::new([Rate::per_second(1)], 10);
        let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(sources.take(parse("2001:db8:0:1::1"), 0), Ok(()));
        assert!(sources.take(parse("2001:db8:0:1:ffff::2"), 0).is_err());
        assert_eq!(sources.take(parse("2001:db8:0:2::1"), 0), Ok(()));
        assert_eq!(sources.take(parse("192.0.2.1"), 0), Ok(()));
        assert!(sources.take(parse("::ffff:192.0.2.1"), 0).is_err());
    }
}
