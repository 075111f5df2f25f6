//! What a consumer of the market data feed links.

pub mod checksum;
pub mod limits;
pub mod mold;
pub mod publisher;
pub mod subscriber;
