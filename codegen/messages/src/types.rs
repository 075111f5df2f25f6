//! The schema's enumerations, sets and composites.
//!
//! @generated from market-data.xml by isochron-codegen; not to be edited.

mod boolean_flag;
mod event_flags;
mod instrument_type;
mod phase;
mod side;
mod system_event_code;

pub use boolean_flag::*;
pub use event_flags::*;
pub use instrument_type::*;
pub use phase::*;
pub use side::*;
pub use system_event_code::*;
