//! Memory that was touched before it is needed.

/// An empty vector with room for so many values, all of it written once: the system gives a page
/// when it is first touched, which takes microseconds, and while trading nobody has them.
#[must_use]
pub fn touched<T: Clone>(capacity: usize, value: T) -> Vec<T> {
    // Not `vec![value; capacity]`: where the value is all zeroes that touches nothing.
    let mut room = Vec::with_capacity(capacity);
    room.resize(capacity, value);
    room.clear();
    room
}
