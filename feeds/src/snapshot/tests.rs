//! Snapshots written, read again, and spoiled.
