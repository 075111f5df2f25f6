//! Every limit of the exchange, each with the reason for its value.
//!
//! The asserts at the end relate them, so that no sum of the largest values overflows. That the
//! largest step fits a transaction is asserted where its messages are known, in `core`.

/// Bytes of one datagram of the replication stream, and so of one frame of the store: an
/// Ethernet frame of 1,500 with room for IP, UDP and a tunnel, a multiple of 32 (Aeron's MTU).
pub const MTU_BYTES: usize = 1408;

/// Bytes of a frame's header (Aeron DATA).
pub const FRAME_HEADER_BYTES: usize = 32;

/// Frames begin at multiples of this (Aeron).
pub const FRAME_ALIGNMENT_BYTES: usize = 32;

/// Bytes of one message in the store: a frame is never fragmented.
pub const MESSAGE_BYTES_MAX: usize = MTU_BYTES - FRAME_HEADER_BYTES;

/// The smallest term, and so the smallest segment file (Aeron).
pub const TERM_BYTES_MIN: usize = 64 * 1024;

/// The largest term (Aeron).
pub const TERM_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The term where nothing is configured.
pub const TERM_BYTES_DEFAULT: usize = 64 * 1024 * 1024;

/// Bytes of one transaction: a quarter of the smallest term, so that every log can hold it and
/// the padding before it never wastes more than that.
pub const TRANSACTION_BYTES_MAX: usize = TERM_BYTES_MIN / 4;

/// Bytes that a receiver of the replication takes beyond its position where nothing is said: some
/// milliseconds of the highest rate, so that no round trip of a local network holds the sender up.
pub const RECEIVER_WINDOW_BYTES_DEFAULT: usize = 2 * 1024 * 1024;

/// Receivers that a replication sender keeps apart: standbys are few, and a stranger who invents
/// receivers fills no more than this.
pub const RECEIVERS_MAX: usize = 64;

/// Ranges that a replication sender sends again at the same time (Aeron).
pub const RETRANSMITS_MAX: usize = 16;

/// Bytes that one request for retransmission may name; a receiver asks for more by more requests.
pub const NAK_BYTES_MAX: u64 = 64 * 1024;

/// Bytes that may be published and not yet committed where nothing is configured: what a standby
/// or a disk is behind by is bounded, and is short to cut.
pub const UNCOMMITTED_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

/// Segments that are prepared beyond the one being written where nothing is configured: one takes
/// tens of milliseconds to prepare and most of a second to fill at the highest rates.
pub const SEGMENTS_AHEAD_DEFAULT: usize = 1;

/// The most segments that are prepared ahead: for terms so small that one is filled sooner than a
/// disk makes the next durable.
pub const SEGMENTS_AHEAD_MAX: usize = 8;

/// Time between two syncs where commits do not wait for them and nothing is configured: what a
/// loss of power takes, and what a start judges without a mark, stays short.
pub const SYNC_INTERVAL_NS_DEFAULT: u64 = 50_000_000;

/// The longest time between two syncs that can be configured: a start must read what has no mark.
pub const SYNC_INTERVAL_MS_MAX: u64 = 10_000;

/// Mappings of a process that can be named when their bytes are lost: each reader has two, the
/// writer and its helpers a few more.
pub const MAPPINGS_NAMED_MAX: usize = 512;

/// Bytes beyond the first hole within which a standby takes frames, at most half a term: what is
/// in flight at 10 Gbit/s in 10 ms, and then a hole is filled by the writer's repair.
pub const REPLICA_WINDOW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Runs of frames that a standby keeps account of beyond the first hole: more only a line makes
/// that loses every second datagram, and strangers.
pub const REPLICA_RUNS_MAX: usize = 1024;

/// Epochs whose beginnings a store remembers beside its log: they fit one slot of its marks, and
/// older ones are found in the log.
pub const EPOCHS_MAX: usize = 128;

/// Bytes of an exchange's name: it has a fixed place in each store.
pub const EXCHANGE_NAME_BYTES_MAX: usize = 64;

/// Fills (and self-trade cancels) of one step; a sweep through more makers goes on by
/// continuation. A constant, because a log must be executed alike whatever its term.
pub const FILLS_PER_STEP_MAX: usize = 32;

/// Orders that one step of a mass cancel, a kill switch, a closed session or an expiry cancels.
pub const CANCELS_PER_STEP_MAX: usize = 64;

/// Balances that one step of a settlement settles.
pub const BALANCES_PER_STEP_MAX: usize = 64;

/// Accounts or orders that one step of cancels looks at: some hundred microseconds.
pub const VISITS_PER_STEP_MAX: usize = 4_096;

/// Resting orders that a fill-or-kill order counts before it gives up.
pub const FOK_ORDERS_MAX: usize = 1_000;

/// Content bytes of one chunk of a snapshot: what is read, checked and held at a time.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// Sections of one snapshot: the state, and one for each component that reads the log.
pub const SNAPSHOT_SECTIONS_MAX: u32 = 16;

/// The largest price: 100 million currency units.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// The largest quantity of one order.
pub const QUANTITY_MAX: u64 = 1_000_000_000;

/// The largest notional of one order, 10 trillion currency units in 1/10,000.
pub const NOTIONAL_MAX: i64 = 100_000_000_000_000_000;

/// The largest balance of cash, or of shares, in one account; with it no sum of one account's
/// amounts overflows, and wallets refuse what would pass it.
pub const BALANCE_MAX: i64 = 1_000_000_000_000_000_000;

/// The largest fee rate, either sign, in 1/1,000,000: 10 %.
pub const FEE_RATE_MAX: i32 = 100_000;

/// Fee rates are in this part of the notional.
pub const FEE_RATE_SCALE: i64 = 1_000_000;

/// Price bands are in this part of the reference price.
pub const BAND_SCALE: i64 = 10_000;

/// The largest account, user, member, session and source id: ids index tables.
pub const ACCOUNT_ID_MAX: u32 = 1 << 20;
/// The largest user id.
pub const USER_ID_MAX: u32 = 1 << 20;
/// The largest member id.
pub const MEMBER_ID_MAX: u32 = 1 << 16;
/// The largest session id.
pub const SESSION_ID_MAX: u32 = 1 << 20;
/// The largest source id.
pub const SOURCE_ID_MAX: u32 = 1 << 10;
/// The source of the scheduler's commands: the last one, so that gateways count from 1.
pub const SOURCE_SCHEDULER: u32 = SOURCE_ID_MAX;
/// The largest instrument id.
pub const INSTRUMENT_ID_MAX: u32 = 1 << 14;
/// Different currencies that instruments and wallets may use: a wallet is an array over them.
pub const CURRENCIES_MAX: usize = 16;

/// Finished orders whose client order ids an account still may not use again.
pub const FINISHED_CLIENT_IDS: usize = 64;

/// Live orders of one account where nothing is configured.
pub const LIVE_ORDERS_DEFAULT: u32 = 10_000;

/// Live orders of the whole exchange.
pub const ORDERS_MAX: usize = 16 * 1024 * 1024;

/// Shares that one user or account may trade of one symbol a day where nothing is configured.
pub const DAILY_VOLUME_DEFAULT: u64 = 1_000_000;

/// Commands that the core takes from one ring before it turns to the next.
pub const RING_COMMANDS_PER_CYCLE_MAX: usize = 64;

/// Steps of pending work in one duty cycle of the core: nothing else is taken before the last one,
/// but the agents that share its thread go on, some milliseconds later.
pub const CONTINUATIONS_PER_CYCLE_MAX: usize = 16;

/// Silence in the log after which the scheduler submits a Tick: what acts on logged time
/// (checksums, candles, conflation) then acts at most this late, and a silent day is 80 MB of log.
pub const TICK_SILENCE_NS: u64 = 100_000_000;

/// How far the clock may stand behind the last logged time before it counts as skewed: threads
/// that read it on two cores differ by less.
pub const CLOCK_SKEW_NS_MAX: u64 = 100_000_000;

/// Deaths of a core that its store remembers: so many sources could kill it in turn before the
/// first death of one of them is forgotten.
pub const DEATHS_MAX: usize = 16;

/// Two deaths while commands of one source were executed, so near each other, quarantine it.
pub const QUARANTINE_WITHIN_NS: u64 = 60_000_000_000;

/// Files that a process has open beside the connections that it serves: segments of the feed's
/// logs, two for each that is followed, listeners, what it logs to.
pub const OPEN_FILES_BESIDE_CONNECTIONS: u64 = 4_096;

/// Images of the feed's books that are kept for clients, for all channels and sets of symbols.
pub const IMAGES_MAX: usize = 256;

/// Bytes of images that are kept or still read: beyond it none is made until one is done with. An
/// image of a million orders has some 60 MB.
pub const IMAGE_BYTES_MAX: usize = 1 << 30;

/// Nodes that catch up from one node at a time: all others of a cluster, and as many that are just
/// about to notice that their connection broke.
pub const CATCH_UP_CONNECTIONS_MAX: usize = 16;

/// Holes in a stream that a receiver watches and asks for at a time: more than a twentieth of a
/// stream of a gigabit lost makes while one is repaired.
pub const GAPS_WATCHED_MAX: usize = 32;

/// Requests that one duty cycle sends: a receiver that has much to ask still takes what arrives.
pub const NAKS_PER_CYCLE_MAX: usize = 8;

/// Payload bytes of one market data datagram (MoldUDP64 header included).
pub const DATAGRAM_BYTES_MAX: usize = 1400;

/// Nodes of one exchange: a majority of nine outlives four failures, and the primary writes to each
/// of them by itself.
pub const NODES_MAX: usize = 9;

/// Bytes of one datagram of the control channel: the longest message and its MAC, with room for
/// what a later version adds to its end.
pub const CONTROL_DATAGRAM_BYTES_MAX: usize = 256;

/// Time between two announcements of a primary: how long a node that comes waits to be told.
pub const ANNOUNCE_INTERVAL_NS: u64 = 100_000_000;

/// Time between two commits, and between two acknowledgements, when nothing advances: what the
/// loss of one costs where nothing follows.
pub const ACK_INTERVAL_NS: u64 = 20_000_000;

/// A node that was not heard for so long is silent: some twenty datagrams in a row were lost.
pub const NODE_SILENT_NS: u64 = 500_000_000;

/// A standby that is so many bytes behind is slow: half of what may be uncommitted.
pub const SLOW_BYTES: u64 = UNCOMMITTED_BYTES_DEFAULT / 2;

/// Ends of transactions that a primary remembers with their chains, to commit at one of them: all
/// of 16 MiB uncommitted in transactions of the smallest size. Beyond it they are thinned out.
pub const ENDS_KEPT_MAX: usize = 64 * 1024;

/// Time between two questions to a node that has not answered a candidate.
pub const ASK_INTERVAL_NS: u64 = 50_000_000;

/// How long a candidate waits for the last nodes when a majority has answered: one of them may
/// know a higher epoch, or be ahead.
pub const ASK_GRACE_NS: u64 = 200_000_000;

/// How far apart the epochs lie that may be forced where a node did not answer, and how far those
/// of two nodes: more than are ever voted for until all nodes know of each other again.
pub const FORCED_EPOCHS_APART: u32 = 1 << 20;
/// See [`FORCED_EPOCHS_APART`].
pub const FORCED_EPOCHS_OF_NODE: u32 = 1 << 16;

/// State hashes that a node keeps of itself and of each other one: so many checkpoints may one
/// node's execution be ahead of another's, and their states are compared all the same.
pub const STATE_HASHES_KEPT_MAX: usize = 64;

/// Time from one telling of a node's newest state hash to the next: the loss of one delays a
/// comparison by so much. However many checkpoints a second there are, this is all that is sent.
pub const STATE_HASH_INTERVAL_NS: u64 = 100_000_000;

const _: () = {
    // A request that ends at a multiple of its longest lies in one term.
    assert!((TERM_BYTES_MIN as u64).is_multiple_of(NAK_BYTES_MAX));
    assert!(NODES_MAX <= 32);
    assert!(NODES_MAX as u32 * FORCED_EPOCHS_OF_NODE <= FORCED_EPOCHS_APART);
    assert!(ACK_INTERVAL_NS * 4 < NODE_SILENT_NS && ANNOUNCE_INTERVAL_NS * 2 < NODE_SILENT_NS);
    assert!(MTU_BYTES.is_multiple_of(FRAME_ALIGNMENT_BYTES));
    assert!(TRANSACTION_BYTES_MAX * 4 <= TERM_BYTES_MIN);
    assert!(UNCOMMITTED_BYTES_DEFAULT >= TRANSACTION_BYTES_MAX as u64);
    assert!(NOTIONAL_MAX <= BALANCE_MAX);
    // settled + pending - reserved, each within the balance limit.
    assert!(BALANCE_MAX < i64::MAX / 4);
    // A fee on the largest notional.
    assert!(
        (NOTIONAL_MAX as i128 * FEE_RATE_MAX as i128 / FEE_RATE_SCALE as i128)
            < BALANCE_MAX as i128
    );
    assert!(PRICE_MAX < i64::MAX / BAND_SCALE);
};
