//! The `isochron` command.

fn main() {}
