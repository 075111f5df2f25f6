//! The public market data messages (generated).
