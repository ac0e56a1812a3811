//! The program `elman`.
fn main() {}
