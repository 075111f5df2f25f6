//! The follower over a real log.
