//! The demo: one exchange, an order source, subscribers in processes of their own.

pub mod flow;
pub mod tally;
