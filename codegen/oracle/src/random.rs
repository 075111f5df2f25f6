//! Seeded values for fields: the ends of each range as often as what lies between.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// Whether byte arrays are printable text, padded with zeros.
    text_only: bool,
}

/// What a field can hold.
pub trait Value {
    /// One value.
    fn from_random(random: &mut Random) -> Self;
}

impl Random {
    /// The same seed gives the same values.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, text_only: false }
    }

    /// Byte arrays hold text that every decoder gives back unchanged.
    #[must_use]
    pub const fn text_only(seed: u64) -> Self {
        Self { state: seed, text_only: true }
    }

    /// The next 64 bits.
    #[must_use]
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    #[must_use]
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// A value of any field's type.
    #[must_use]
    pub fn value<T: Value>(&mut self) -> T {
        T::from_random(self)
    }

    /// One of `known` in every second case.
    #[must_use]
    pub fn pick<T: Copy>(&mut self, known: &[T]) -> Option<T> {
        let index = self.below(2 * known.len().max(1) as u64) as usize;
        known.get(index).copied()
    }

    /// No value in one case of four; never the value that stands for none on the wire.
    #[must_use]
    pub fn option<T: Value + PartialEq>(&mut self, null: T) -> Option<T> {
        if self.below(4) == 0 { None } else { Some(self.value()).filter(|value| *value != null) }
    }
}

/// As many of its bytes as a narrower number has.
fn low_bytes<const LENGTH: usize>(bits: u64) -> [u8; LENGTH] {
    *bits.to_le_bytes().first_chunk().expect("no number is wider")
}

macro_rules! integers {
    ($($kind:ident)*) => {$(
        impl Value for $kind {
            fn from_random(random: &mut Random) -> Self {
                match random.below(16) {
                    0 => 0,
                    1 => 1,
                    2 => Self::MAX,
                    3 => Self::MIN,
                    4 => Self::try_from(random.below(100)).expect("it fits every width"),
                    _ => Self::from_le_bytes(low_bytes(random.bits())),
                }
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64);

impl<const LENGTH: usize> Value for [u8; LENGTH] {
    fn from_random(random: &mut Random) -> Self {
        let mut bytes = [0; LENGTH];
        let text = random.text_only || random.below(2) == 0;
        let used = random.below(LENGTH as u64 + 1) as usize;
        for byte in &mut bytes[..if text { used } else { LENGTH }] {
            // From `!` to `~`: no blanks, which some decoders strip.
            *byte = if text { b'!' + random.below(94) as u8 } else { random.bits() as u8 };
        }
        bytes
    }
}
