//! Grid signals: the intensity of a zone over time, from files, typical years and yearly means.
//!
//! In: a zone, which of the three signals, and a window. Out: an
//! [`IntensitySeries`](greenwich_core::IntensitySeries) that covers the window and says how it came
//! about, or a [`SignalError`] that names file, line or hour and the mend.
//!
//! **Invariant:** no clock and no judgement of what a figure means. A gap is filled only when the
//! caller asks for it, and the series then says so. Values come from files or by value; the catalog
//! of facts is not known here.

pub mod column;
pub mod flat;
pub mod replay;
pub mod signal;
pub mod typical;

mod error;
mod trace;

pub use column::{ColumnPast, Measure, read_column};
pub use error::{Kind, SignalError};
pub use replay::{Fill, Past, Replay};
pub use signal::GridSignal;
pub use trace::Column;
pub use typical::Typical;
