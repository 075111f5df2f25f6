//! What a receiver counts.

use crate::metrics::{Counter, CounterWriter, Counters};

/// Writes the counts and, for each, the row that shows it.
macro_rules! counts {
    ($($(#[doc = $sentence:literal])* $name:ident: $counter:ident;)*) => {
        /// What a receiver received, dropped and asked for.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ReceiverCounts {
            $($(#[doc = $sentence])* pub $name: u64,)*
        }

        /// The rows of a receiver's counts.
        pub struct ReceiverCounters {
            $($name: CounterWriter,)*
        }

        impl ReceiverCounters {
            /// Takes the rows.
            ///
            /// # Panics
            /// If another receiver of this process has them.
            #[must_use]
            pub fn new(counters: &Counters) -> Self {
                Self { $($name: counters.writer(Counter::$counter),)* }
            }

            /// Shows what was counted.
            pub fn show(&mut self, counts: &ReceiverCounts) {
                $(self.$name.set(counts.$name);)*
            }
        }
    };
}

counts! {
    /// Datagrams that arrived.
    datagrams: REPLICA_DATAGRAMS;
    /// Datagrams of frames that were new.
    taken: REPLICA_TAKEN;
    /// And their bytes.
    taken_bytes: REPLICA_TAKEN_BYTES;
    /// Datagrams whose frames were all there, or no longer needed.
    repeated: REPLICA_REPEATED;
    /// Datagrams beyond the window, or for a segment that is not there.
    beyond: REPLICA_BEYOND;
    /// Datagrams of another stream, session or epoch.
    foreign: REPLICA_FOREIGN;
    /// Datagrams whose frames are not intact.
    damaged: REPLICA_DAMAGED;
    /// Datagrams that are no frames.
    invalid: REPLICA_INVALID;
    /// Datagrams of types that are of no use to a receiver.
    ignored: REPLICA_IGNORED;
    /// Datagrams of frames before SETUP came.
    early: REPLICA_EARLY;
    /// Heartbeats.
    heartbeats: REPLICA_HEARTBEATS;
    /// SETUPs.
    setups: REPLICA_SETUPS;
    /// SETUPs of streams that cannot be put together here.
    setups_refused: REPLICA_SETUPS_REFUSED;
    /// Questions for SETUP.
    setups_asked: REPLICA_SETUPS_ASKED;
    /// Status messages sent.
    status_messages: REPLICA_STATUS_MESSAGES;
    /// Requests for what is missing sent.
    naks: REPLICA_NAKS;
    /// Status messages and requests not sent, because the sender is silent.
    unsaid: REPLICA_UNSAID;
    /// Holes found.
    gaps: REPLICA_GAPS;
    /// And their bytes.
    gap_bytes: REPLICA_GAP_BYTES;
    /// Times the stream was too far ahead.
    catch_ups: REPLICA_CATCH_UPS;
}
