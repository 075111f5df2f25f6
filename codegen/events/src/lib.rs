//! The messages inside the exchange (generated).
