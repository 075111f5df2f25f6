//! Every field of every record is part of the state hash.
