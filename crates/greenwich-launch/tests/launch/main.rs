//! The launcher against the real system: pipes, signals and terminals, through `examples/launch.rs`.

mod signals;
mod stage;
mod status;
mod streams;
mod terminal;
