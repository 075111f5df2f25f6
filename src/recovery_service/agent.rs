//! The loop with the sockets: connections for replay and snapshots, datagrams for re-requests.
//!
//! ```text
//!  events ─▶ accept ─▶ re-requests ─▶ follow the logs ─▶ passwords ─▶ one round of turns ─▶ time
//!                                                                      each: read, answer, write
//! ```
//!
//! Every step is bounded, and nothing waits: a socket that takes no more is left until the system
//! says that it does. A turn writes at most a slice of a replay, so that others are served between
//! two slices; the order of a round is drawn anew each time.

