//! Opens a recorded day's file, plain or compressed, to be read as it is played.

use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Bytes read from the file at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// The content of a file; what begins as gzip does is decompressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    if input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        let input = MultiGzDecoder::new(input);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, input)));
    }
    Ok(Box::new(input))
}
