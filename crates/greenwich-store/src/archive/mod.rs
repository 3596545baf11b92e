//! Closed parts of runs: Parquet files of samples and of minutes.
//!
//! In: a journal that nobody writes any more, or samples of another meter. Out: `samples/<run>/<part>.parquet` and
//! `minutes/<run>/<part>.parquet` in the store. The journal is removed only after both were read back and sum to
//! what it sums to; closing again after a crash at any moment ends in the same files.

mod about;
pub(crate) mod chunk;
mod close;
mod minutes;
mod sample;
mod samples;
pub(crate) mod table;

pub use about::About;
pub use close::{Closed, close};
pub use minutes::MINUTES;
pub use sample::Sample;
pub use samples::SAMPLES;

pub(crate) use close::{archive_rows, checksum, failed};
pub(crate) use minutes::{HOUR_US, MINUTE_US, MinutesReader, share};
pub(crate) use samples::SamplesReader;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
