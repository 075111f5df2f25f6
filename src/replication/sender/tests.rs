//! What a sender does, turn by turn, with a clock moved by hand.
