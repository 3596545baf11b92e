//! The columns of a trace: what each is called in the header, and what it may hold.
//!
//! In: a file, and which column. Out: a [`Measure`] for whoever reads one, and its values with gaps left as gaps. The
//! unit is in the name.

use crate::error::SignalError;
use crate::replay::{instant, second_after, stamped};
use crate::trace::Trace;
use greenwich_core::Signal;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// A measure that a trace may have beside `utc`, in a column of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Its name in the header, which ends in the unit.
    pub name: &'static str,
    /// The least value that can be meant.
    pub least: f64,
    /// The greatest value that can be meant.
    pub most: f64,
    /// What to write where a value lies outside.
    pub mend: &'static str,
}

impl Measure {
    /// Outside temperature in °C, dry bulb, 2 m above the ground.
    pub const TEMPERATURE: Self = Self {
        name: "temp_c",
        least: -90.0,
        most: 60.0,
        mend: "write degrees Celsius, and leave the cell empty if unknown",
    };
    /// Relative humidity in per cent.
    pub const HUMIDITY: Self = Self {
        name: "rh_pct",
        least: 0.0,
        most: 100.0,
        mend: "write per cent, 0 to 100, and leave it empty if unknown",
    };

    /// Price of energy on the day-ahead market, in US dollars per MWh; below 0 at times.
    pub const PRICE: Self = Self {
        name: "price_usd_per_mwh",
        least: -20_000.0,
        most: 20_000.0,
        mend: "write US dollars per MWh, and leave the cell empty if unknown",
    };

    /// The column of a signal.
    pub const fn of(signal: Signal) -> &'static Self {
        const fn grams(name: &'static str) -> Measure {
            // No grid is above it, marginal or not: a larger number has another unit.
            let most = 10_000.0;
            Measure { name, least: 0.0, most, mend: "write grams of CO2e per kWh, and leave the cell empty if unknown" }
        }
        const LIFECYCLE: Measure = grams("gco2e_per_kwh");
        const DIRECT: Measure = grams("gco2_direct_per_kwh");
        const MARGINAL: Measure = grams("gco2e_marginal_per_kwh");
        match signal {
            Signal::Lifecycle => &LIFECYCLE,
            Signal::Direct => &DIRECT,
            Signal::Marginal => &MARGINAL,
        }
    }
}

/// What a file holds of a column that is no intensity.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPast {
    /// The file's name.
    pub file: String,
    /// The start of the first row.
    pub start: Timestamp,
    /// The end of the last row.
    pub end: Timestamp,
    /// The length of an interval.
    pub step: SignedDuration,
    /// Start and value, in the column's unit, of each interval that has a value, ascending.
    pub known: Vec<(Timestamp, f64)>,
}

/// A column of one file, which need not be a trace of intensity; `None` where its header does not name it. Rows stamped
/// `before` or later are passed over unread, where it is given.
///
/// # Errors
/// What is wrong with the file.
pub fn read_column(
    file: &Path,
    measure: &Measure,
    before: Option<Timestamp>,
) -> Result<Option<ColumnPast>, SignalError> {
    let trace = Trace::read_column(file, measure, before.map(second_after))?;
    Ok(trace.map(|trace| ColumnPast {
        file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        start: instant(trace.start_s),
        end: instant(trace.end_s),
        step: SignedDuration::from_secs(trace.step_s),
        known: stamped(trace.known),
    }))
}
