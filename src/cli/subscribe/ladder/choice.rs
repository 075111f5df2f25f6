//! Which instrument is shown: the one asked for, or the first, until a key says another.

/// The choice among the instruments that are known at a time.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::subscribe) struct Choice {
    wanted: Option<String>,
    chosen: Option<u32>,
}

impl Choice {
    /// The instrument of this symbol, or the first one.
    pub(in crate::cli::subscribe) fn new(wanted: Option<String>) -> Self {
        Self { wanted, chosen: None }
    }

    /// The symbol that was asked for.
    pub(in crate::cli::subscribe) fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// The place of the chosen one among `known`, ids and symbols in the order of ids.
    pub(in crate::cli::subscribe) fn place(&mut self, known: &[(u32, String)]) -> Option<usize> {
        if let Some(chosen) = self.chosen
            && let Some(place) = known.iter().position(|(id, _)| *id == chosen)
        {
            return Some(place);
        }
        let place = match &self.wanted {
            Some(wanted) => known.iter().position(|(_, symbol)| symbol == wanted)?,
            None if known.is_empty() => return None,
            None => 0,
        };
        // The first one of several may not be the first any more when another is heard of.
        self.chosen = self.wanted.is_some().then_some(known[place].0);
        Some(place)
    }

    /// Goes `by` places on, around the end.
    pub(in crate::cli::subscribe) fn step(&mut self, known: &[(u32, String)], by: isize) {
        let Some(place) = self.place(known) else { return };
        let count = known.len().cast_signed();
        let next = (place.cast_signed() + by).rem_euclid(count).cast_unsigned();
        self.chosen = Some(known[next].0);
    }
}
