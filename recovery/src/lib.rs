//! The sequenced log that replay and re-request read.
