//! What a user may see.
//!
//! A sequenced stream cannot leave symbols out: its numbers have no holes. So symbols are sold in
//! two ways: by partition, each a channel of its own, or as a snapshot that shows some. A user
//! whose symbols are limited gets snapshots of what is theirs and no replay.

use std::collections::BTreeSet;

use isochron_feeds::channel::{Channel, Product};
use isochron_feeds::mold::Session;

/// The products from the one that says most.
const RICHEST_FIRST: [Product; 7] = [
    Product::L3,
    Product::L2,
    Product::L2Depth10,
    Product::L2Depth5,
    Product::L1,
    Product::L2Conflated,
    Product::L1Conflated,
];

/// All of a kind, or those that are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant<T: Ord> {
    /// All there are.
    All,
    /// These.
    Only(BTreeSet<T>),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A channel's messages by number.
    Replay,
    /// A channel's state.
    Snapshot,
}

/// What a user may see. Each product is granted by itself, and with it the depth that it shows:
/// a user of `l2` has no `l2-5` unless that is granted too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// The products.
    pub products: BTreeSet<Product>,
    /// The partitions, in all these products.
    pub partitions: Grant<u16>,
    /// The symbols, in snapshots. Where they are limited there is no replay.
    pub symbols: Grant<String>,
}

impl Entitlement {
    /// Everything.
    #[must_use]
    pub fn all() -> Entitlement {
        let products = Product::ALL.into();
        Entitlement { products, partitions: Grant::All, symbols: Grant::All }
    }

    /// Whether the channel may be replayed, or shown in a snapshot.
    #[must_use]
    pub fn may(&self, purpose: Purpose, channel: Channel) -> bool {
        let partition = match &self.partitions {
            Grant::All => true,
            Grant::Only(partitions) => partitions.contains(&channel.partition),
        };
        let whole = purpose == Purpose::Snapshot || self.symbols == Grant::All;
        partition && whole && self.products.contains(&channel.product)
    }

    /// Whether a snapshot shows the instrument of that symbol.
    #[must_use]
    pub fn may_see(&self, symbol: &str) -> bool {
        match &self.symbols {
            Grant::All => true,
            Grant::Only(symbols) => symbols.contains(symbol),
        }
    }

    /// What a login without a session gets of the current ones: the richest product, and of that
    /// the first partition, that the user may have.
    #[must_use]
    pub fn preferred(&self, purpose: Purpose, current: &[Session]) -> Option<Session> {
        let channels = current.iter().filter_map(|session| {
            let channel = Channel::of_session(*session)?;
            self.may(purpose, channel).then_some((channel, *session))
        });
        let rank = |channel: &Channel| {
            let richness = RICHEST_FIRST.iter().position(|product| *product == channel.product);
            (richness, channel.partition)
        };
        channels.min_by_key(|(channel, _)| rank(channel)).map(|(_, session)| session)
    }
}
