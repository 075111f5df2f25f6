//! What the system did to a thread: took its core away, had it wait for a page.
//!
//! One system call, so it is for whoever has found a gap in its time and asks for the cause, not
//! for each cycle. Source: getrusage(2), `RUSAGE_THREAD`.
#![expect(unsafe_code, reason = "the standard library has no getrusage")]

/// What the calling thread has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadUsage {
    /// Time on a core, in nanoseconds, its own and the system's for it.
    pub core_ns: u64,
    /// The system's part of that. A system may only sample the parts, at each of its ticks.
    pub system_ns: u64,
    /// Page faults that no disk was needed for.
    pub minor_faults: u64,
    /// Page faults that waited for a disk.
    pub major_faults: u64,
    /// Times it waited for something and gave its core away.
    pub voluntary_switches: u64,
    /// Times its core was taken away.
    pub involuntary_switches: u64,
}

impl ThreadUsage {
    /// The calling thread's; all 0 where the system does not tell.
    #[must_use]
    pub fn now() -> Self {
        // SAFETY: all fields of the C structure may be zero.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the structure lives over the call, which writes nothing else.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
            return Self::default();
        }
        let ns = |time: libc::timeval| {
            time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_usec.cast_unsigned() * 1_000
        };
        Self {
            core_ns: ns(usage.ru_utime) + ns(usage.ru_stime),
            system_ns: ns(usage.ru_stime),
            minor_faults: usage.ru_minflt.cast_unsigned(),
            major_faults: usage.ru_majflt.cast_unsigned(),
            voluntary_switches: usage.ru_nvcsw.cast_unsigned(),
            involuntary_switches: usage.ru_nivcsw.cast_unsigned(),
        }
    }

    /// What was used since `before`, which the same thread took.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            core_ns: self.core_ns.saturating_sub(before.core_ns),
            system_ns: self.system_ns.saturating_sub(before.system_ns),
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            voluntary_switches: self.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(before.involuntary_switches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_touched_for_the_first_time_and_a_sleep_are_seen() {
        let before = ThreadUsage::now();
        // Fresh from the system: what an allocator gives may have been touched before.
        let mut pages = memmap2::MmapMut::map_anon(1 << 20).unwrap();
        pages.fill(1);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let used = ThreadUsage::now().since(before);
        assert!(used.minor_faults > 0 && used.voluntary_switches > 0, "{used:?}");
        assert_eq!(before.since(ThreadUsage::now()), ThreadUsage::default());
    }
}
