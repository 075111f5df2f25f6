//! The schema's enumerations, sets and composites.
//!
//! @generated from events.xml by isochron-codegen; not to be edited.

mod account_state;
mod authority;
mod boolean_flag;
mod cancel_reason;
mod command_origin;
mod continuation_kind;
mod event_header;
mod execution_type;
mod instrument_type;
mod liquidity;
mod order_status;
mod order_type;
mod phase;
mod reject_reason;
mod scope;
mod self_trade_policy;
mod session_close_reason;
mod side;
mod time_in_force;

pub use account_state::*;
pub use authority::*;
pub use boolean_flag::*;
pub use cancel_reason::*;
pub use command_origin::*;
pub use continuation_kind::*;
pub use event_header::*;
pub use execution_type::*;
pub use instrument_type::*;
pub use liquidity::*;
pub use order_status::*;
pub use order_type::*;
pub use phase::*;
pub use reject_reason::*;
pub use scope::*;
pub use self_trade_policy::*;
pub use session_close_reason::*;
pub use side::*;
pub use time_in_force::*;
