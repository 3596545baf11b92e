//! Runs a command as if nothing stood between.
//!
//! In: a command. Out: its exit status.
