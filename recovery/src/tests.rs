//! Client and server, one against the other.
