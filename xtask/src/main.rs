//! In building.
fn main() {}
