//! The sequencer over a real store: restarts, repeats, continuations, refusals.
