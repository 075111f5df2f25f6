//! The schema's enumerations, sets and composites.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

mod ack_policy;
mod control_header;
mod counted;
mod node_flags;
mod promote_result;
mod vote_reason;
mod yes_no;

pub use ack_policy::*;
pub use control_header::*;
pub use counted::*;
pub use node_flags::*;
pub use promote_result::*;
pub use vote_reason::*;
pub use yes_no::*;
