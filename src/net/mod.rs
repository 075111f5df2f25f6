//! Multicast over UDP: many datagrams per system call, and errors that name what was asked for.
//!
//! ```text
//!  Sender::send_batch ═ sendmmsg ═▶ group:port, one interface ═ recvmmsg ═▶ Receiver::recv_batch
//! ```
//!
//! Datagrams of one size that follow each other are handed over as one, which the system cuts
//! (UDP_SEGMENT), where it can. Sockets do not block. `batch.rs` speaks to the system,
//! `multicast.rs` opens the sockets, `stream.rs` pairs them for a stream whose receivers answer,
//! `probe.rs` asks before the start whether multicast works.

mod batch;
mod media;
mod multicast;
mod open_files;
mod probe;
mod stream;
#[cfg(test)]
mod tests;

pub use batch::{BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES, Datagram};
pub use media::Media;
pub use multicast::{BufferBytes, Endpoint, OpenError, RECEIVE_BUFFER_BYTES, Receiver, Sender};
pub use open_files::allow_open_files;
pub use probe::{ProbeError, ReservedPort, probe};
pub use stream::{StreamBuffers, UdpMedia};
