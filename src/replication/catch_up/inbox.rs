//! Bytes as they come, until a message is whole: the socket reads straight into its place.
//!
//! ```text
//!   space ─▶ [ header, 8 ] ─▶ space ─▶ [ the rest of it ] ─▶ a message
//!                                      of BYTES: what stands before the content
//! ```
//!
//! Never more is asked for than belongs to the message at hand, so that the content of a BYTES,
//! which follows, goes to a place of its own and is not copied.

use super::protocol::{BYTES_HEADER_BYTES, HEADER_BYTES, Header, Kind, WireFault};

/// One message on its way in.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// How many of them came.
    came: usize,
    header: Option<Header>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], came: 0, header: None }
    }

    /// Where the next bytes go; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.came..]
    }

    /// So many were put there; the header of the message that is whole now, if one is. It is read
    /// by [`Self::message`] until more comes.
    pub(super) fn on_received(&mut self, bytes: usize) -> Result<Option<Header>, WireFault> {
        self.came += bytes;
        assert!(self.came <= self.bytes.len(), "no more than there was space for");
        if self.came < self.bytes.len() {
            return Ok(None);
        }
        let header = match self.header {
            Some(header) => header,
            None => {
                let first = self.bytes.first_chunk::<HEADER_BYTES>().expect("as many came");
                let header = Header::parse(first)?;
                // The length is one that its kind can have.
                let whole = match header.kind {
                    Kind::Bytes => BYTES_HEADER_BYTES,
                    _ => header.length,
                };
                self.header = Some(header);
                self.bytes.resize(whole, 0);
                if self.came < whole {
                    return Ok(None);
                }
                header
            }
        };
        Ok(Some(header))
    }

    /// The bytes of the message that is whole.
    pub(super) fn message(&self) -> &[u8] {
        &self.bytes
    }

    /// The message was read: the next one can come.
    pub(super) fn next(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        (self.came, self.header) = (0, None);
    }
}
