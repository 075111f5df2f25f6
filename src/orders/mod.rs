//! Orders and what they cost: instruments, order records, client order ids, risk, wallet and fees.
//!
//! ```text
//!   instrument ◀── order record ──▶ client order id
//!       ▲               │
//!   fees, risk          ▼
//!       └───── wallet: cash and holdings (settled, pending, reserved)
//! ```
//!
//! Pure records and arithmetic. The books are in `matching`; `state_machine` composes both. An
//! order record lies under the same slot number as its order in the books.

mod fees;
mod finished_ids;
mod instruments;
mod live_ids;
mod records;
mod risk;
mod volumes;
mod wallet;

pub use fees::{fee, reservation};
pub use finished_ids::FinishedIds;
pub use instruments::{Definition, Instrument, Instruments};
pub use live_ids::ClientTag;
pub use records::{OrderRecord, Orders};
pub use risk::{VolumeLimits, check_band, check_terms, check_total, check_volume};
pub use volumes::{UserVolume, UserVolumes};
pub use wallet::{Asset, Balance, Holding, Override, Wallet};
