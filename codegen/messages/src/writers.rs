//! The schema's messages, written in place.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

mod best_bid_offer;
mod book_checksum;
mod fairness_commit;
mod fairness_report;
mod fairness_reveal;
mod instrument_definition;
mod level_changed;
mod order_added;
mod order_deleted;
mod order_executed;
mod order_modified;
mod order_reduced;
mod snapshot_complete;
mod snapshot_start;
mod statistics;
mod system_event;
mod trade;
mod trading_status;

pub use best_bid_offer::*;
pub use book_checksum::*;
pub use fairness_commit::*;
pub use fairness_report::*;
pub use fairness_reveal::*;
pub use instrument_definition::*;
pub use level_changed::*;
pub use order_added::*;
pub use order_deleted::*;
pub use order_executed::*;
pub use order_modified::*;
pub use order_reduced::*;
pub use snapshot_complete::*;
pub use snapshot_start::*;
pub use statistics::*;
pub use system_event::*;
pub use trade::*;
pub use trading_status::*;
