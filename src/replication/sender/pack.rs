//! Cuts a log's bytes into datagrams, where they lie: whole frames, as many as fit.
//!
//! ```text
//!  log    | 160 | 160 | .. | 160 | 160 | .. | 96 | PAD . . . . . . . . . |  end of the term
//!         ╰───── 8 x 160 ────────╯╰──────────────────╯
//!           datagram of 1,280          .. and the PAD's header
//! ```

use std::ops::Range;

use crate::limits::FRAME_HEADER_BYTES;
use crate::net::{BATCH_DATAGRAMS_MAX, Datagram};
use crate::store::FrameFault;
use crate::store::frame::{Frame, aligned};
use crate::types::Position;

use super::SenderOptions;

/// Datagrams of one call of the system, lent from the log.
pub(super) struct Packed<'a> {
    datagrams: [Datagram<'a>; BATCH_DATAGRAMS_MAX],
    /// Where each ends in the log, from the first byte packed.
    ends: [u64; BATCH_DATAGRAMS_MAX],
    count: usize,
}

impl<'a> Packed<'a> {
    pub(super) fn new() -> Self {
        let datagrams = [Datagram::default(); BATCH_DATAGRAMS_MAX];
        Self { datagrams, ends: [0; BATCH_DATAGRAMS_MAX], count: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn datagrams(&self) -> &[Datagram<'a>] {
        &self.datagrams[..self.count]
    }

    /// Of the first `count` datagrams: their bytes of the log, where padding counts whole, and
    /// those on the wire.
    pub(super) fn sent(&self, count: usize) -> (u64, u64) {
        let wire = self.datagrams[..count].iter().map(|datagram| datagram.body.len() as u64);
        (count.checked_sub(1).map_or(0, |last| self.ends[last]), wire.sum())
    }

    /// Packs the frames of `bytes` that lie within `window` bytes, of padding its header.
    ///
    /// # Errors
    /// There is something that is no frame.
    pub(super) fn fill(
        &mut self,
        bytes: &'a [u8],
        window: u64,
        mtu_bytes: usize,
    ) -> Result<(), FrameFault> {
        self.fill_some(bytes, window, mtu_bytes, BATCH_DATAGRAMS_MAX)
    }

    fn fill_some(
        &mut self,
        bytes: &'a [u8],
        window: u64,
        mtu_bytes: usize,
        datagrams_max: usize,
    ) -> Result<(), FrameFault> {
        let window = usize::try_from(window).unwrap_or(usize::MAX);
        let mut start = 0_usize;
        while self.count < datagrams_max {
            let bound = start.saturating_add(mtu_bytes).min(window);
            let (mut end, mut wire_end) = (start, start);
            while end < bytes.len() {
                let (wire_bytes, log_bytes) = measure(&bytes[end..])?;
                // Only padding is longer in the log than on the wire, and nothing follows it.
                if end + wire_bytes > bound || end != wire_end {
                    break;
                }
                wire_end = end + wire_bytes;
                end += log_bytes;
            }
            if end == start {
                break;
            }
            self.datagrams[self.count] = Datagram::whole(&bytes[start..wire_end]);
            self.ends[self.count] = end as u64;
            self.count += 1;
            start = end;
        }
        Ok(())
    }

    /// Packs the frames of a range that somebody asked for, `bytes` from its start on, into at
    /// most so many datagrams. False: no frame of this session begins there, or none fits.
    pub(super) fn fill_again(
        &mut self,
        bytes: &'a [u8],
        range: &Range<Position>,
        options: &SenderOptions,
        datagrams_max: usize,
    ) -> bool {
        let window = range.end.get() - range.start.get();
        // A stranger may name the middle of a frame, and a message may look like a header there:
        // unlike the log's own readers, this one knows of no frame that ended where it begins.
        let is_frame = Frame::new_at(bytes, range.start, options.terms)
            .is_ok_and(|frame| frame.session() == options.session && frame.check_content().is_ok());
        // What was packed before a fault is sound.
        let _ = is_frame && self.fill_some(bytes, window, options.mtu_bytes, datagrams_max).is_ok();
        self.count > 0
    }
}

/// Bytes of the first frame: on the wire, and in the log.
#[inline]
fn measure(bytes: &[u8]) -> Result<(usize, usize), FrameFault> {
    let left_bytes = bytes.len();
    if left_bytes < FRAME_HEADER_BYTES {
        return Err(FrameFault::Short { need_bytes: FRAME_HEADER_BYTES, left_bytes });
    }
    let frame = Frame::new_unchecked(bytes);
    let length = frame.length() as usize;
    if length < FRAME_HEADER_BYTES {
        return Err(FrameFault::Length(frame.length()));
    }
    let need_bytes = aligned(length);
    if need_bytes > left_bytes {
        return Err(FrameFault::Short { need_bytes, left_bytes });
    }
    Ok((if frame.is_pad() { FRAME_HEADER_BYTES } else { need_bytes }, need_bytes))
}
