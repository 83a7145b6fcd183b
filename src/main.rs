//! The `xoff` command line.

fn main() {}
