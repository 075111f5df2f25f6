//! Isochron: a stock exchange whose market data reaches every subscriber at the same instant.
//!
//! The folders are the components; `docs/architecture.md` has the picture and the layers.

pub mod accounts;
pub mod agent;
pub mod bench;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod core;
pub mod demo;
pub mod feed_log;
pub mod limits;
pub mod market_data;
pub mod matching;
pub mod memory;
pub mod metrics;
pub mod net;
pub mod node;
pub mod order_stream;
pub mod orders;
pub mod recovery_service;
pub mod replication;
pub mod ring;
pub mod scheduler;
pub mod snapshot;
pub mod standby;
pub mod state_machine;
pub mod store;
pub mod types;
