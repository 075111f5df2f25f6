//! The names of the feed's sessions: `YYMMDD`, product, partition, renumbering.
//!
//! ```text
//!  2 6 1 1 2 2  3  0 0  A
//!  trading date │  │    └ A, and B where a day had to be numbered anew
//!               │  └ partition of the symbols
//!               └ 1, 2 or 3: L1, L2 or L3
//! ```
//!
//! All of it comes from the log, so that every node, and every restart, gives the same name; an
//! epoch never appears in it.

use isochron_feeds::mold::Session;

/// The product character of L3.
pub const PRODUCT_L3: u8 = b'3';

/// The name of a day's first numbering for a product and a partition. `trading_date` is yyyymmdd;
/// what does not fit its field is cut to the last digits.
#[must_use]
pub fn session_name(trading_date: u32, product: u8, partition: u16) -> Session {
    let mut name = [0; 10];
    digits(&mut name[..6], trading_date);
    name[6] = product;
    digits(&mut name[7..9], u32::from(partition));
    name[9] = b'A';
    Session(name)
}

/// Writes the last digits of `value`, as many as fit.
fn digits(field: &mut [u8], mut value: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_after_day_product_and_partition() {
        assert_eq!(session_name(20_261_122, PRODUCT_L3, 0).0, *b"261122300A");
        assert_eq!(session_name(20_050_103, b'1', 42).0, *b"050103142A");
        assert!(Session::new(&session_name(0, PRODUCT_L3, 7).to_string()).is_some());
    }
}
