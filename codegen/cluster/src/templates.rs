//! The schema's messages.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

mod ack;
mod announce;
mod commit;
mod promote;
mod promote_answer;
mod state_hash;
mod status;
mod status_request;
mod vote;
mod vote_request;

pub use ack::*;
pub use announce::*;
pub use commit::*;
pub use promote::*;
pub use promote_answer::*;
pub use state_hash::*;
pub use status::*;
pub use status_request::*;
pub use vote::*;
pub use vote_request::*;
