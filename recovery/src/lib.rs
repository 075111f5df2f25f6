//! The sequenced log that replay and re-request read.
//!
//! The servers that repair a feed (SoupBinTCP replay, MoldUDP64 re-request) see the feed's log
//! through one small trait, so that they know nothing of the exchange and can be tested, and
//! linked by others, over any store.

/// Every message of one session, by number.
///
/// The numbers have no holes: `first` to `next` are all there. A log that recycles its oldest
/// messages raises `first`; nothing ever changes a message that has a number.
///
/// ```
/// use isochron_recovery::SequencedLog;
///
/// struct InMemory(Vec<Vec<u8>>);
///
/// impl SequencedLog for InMemory {
///     fn first(&self) -> u64 {
///         1
///     }
///     fn next(&self) -> u64 {
///         1 + self.0.len() as u64
///     }
///     fn get(&mut self, sequence: u64) -> Option<&[u8]> {
///         let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
///         self.0.get(index).map(Vec::as_slice)
///     }
///     fn has_ended(&self) -> bool {
///         false
///     }
/// }
///
/// let mut log = InMemory(vec![b"first".to_vec(), b"second".to_vec()]);
/// assert_eq!((log.first(), log.next()), (1, 3));
/// assert_eq!(log.get(2), Some(&b"second"[..]));
/// assert_eq!(log.get(3), None);
/// ```
pub trait SequencedLog {
    /// The number of the oldest message still kept; equal to `next` where there is none.
    fn first(&self) -> u64;

    /// The number that the next message will have, from 1. Messages before it may be repeated to
    /// anyone: they were sent to everyone.
    fn next(&self) -> u64;

    /// The bytes of message `sequence`; `None` outside `first..next`. It may move a window over
    /// a mapped file, so it needs the log for itself.
    fn get(&mut self, sequence: u64) -> Option<&[u8]>;

    /// Whether the session is over: no message `next` will ever be.
    fn has_ended(&self) -> bool;
}
