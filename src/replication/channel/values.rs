//! Numbers as Aeron's URIs write them: sizes with k, m, g, times with ns, us, ms, s.

/// A number of bytes: plain, or with k, m or g for powers of 1,024.
pub(super) fn size(text: &str) -> Option<usize> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    number(digits)?.checked_mul(1 << shift).and_then(|bytes| usize::try_from(bytes).ok())
}

/// A time in nanoseconds, with its unit.
pub(super) fn duration_ns(text: &str) -> Option<u64> {
    // The longer units first: each ends with an s.
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let (digits, unit_ns) =
        units.iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?, ns)))?;
    number(digits)?.checked_mul(*unit_ns)
}

/// Digits and nothing else: no sign.
fn number(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_plain { digits.parse().ok() } else { None }
}
