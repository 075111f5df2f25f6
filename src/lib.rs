//! Isochron: a stock exchange whose market data reaches every subscriber at the same instant.
//!
//! The folders are the components; `docs/architecture.md` has the picture and the layers.

pub mod agent;
pub mod limits;
pub mod market_data;
pub mod metrics;
pub mod net;
pub mod ring;
pub mod store;
pub mod types;
