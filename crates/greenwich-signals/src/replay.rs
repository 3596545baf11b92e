//! Replay: intensities from files of past or forecast values.
//!
//! In: a folder of `<zone>.csv[.gz]`, or one such file, with `utc` and a column a signal:
//! `gco2e_per_kwh` (lifecycle), `gco2_direct_per_kwh`, `gco2e_marginal_per_kwh`; other columns are
//! given when they are asked for. Out: series over windows. A gap inside the window is an error that names zone and hour
//! unless a [`Fill`] is allowed, and a filled series says so in its provenance. A file is read anew for
//! each series: callers who ask often keep the answer.

use crate::column::{ColumnPast, Measure, read_column};
use crate::error::SignalError;
use crate::signal::{GridSignal, steps_over};
use crate::trace::{Column, Trace, columns};
use greenwich_core::{IntensitySeries, Provenance, Signal, Window, ZoneId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// What to do about a gap inside the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// It is an error.
    Refuse,
    /// The last value before it goes on.
    Hold,
    /// It takes the mean of the values known inside the window.
    Mean,
}

impl Fill {
    /// The word of the flag.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hold => "hold",
            Self::Mean => "mean",
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Traces by zone, read when they are asked for.
#[derive(Debug, Clone)]
pub struct Replay {
    path: PathBuf,
    fill: Fill,
    files: BTreeMap<ZoneId, PathBuf>,
}

impl Replay {
    /// Looks through a folder, or takes one file. Hidden files and files of other kinds are passed over.
    ///
    /// # Errors
    /// [`SignalError::Read`], [`SignalError::NoTraces`], or [`SignalError::Twice`] for a zone with two files.
    pub fn open(path: &Path, fill: Fill) -> Result<Self, SignalError> {
        let shown = || path.display().to_string();
        let read = |error: std::io::Error| SignalError::Read { path: shown(), cause: error.kind() };
        let mut found = Vec::new();
        if fs::metadata(path).map_err(read)?.is_dir() {
            for entry in fs::read_dir(path).map_err(read)? {
                found.push(entry.map_err(read)?.path());
            }
            found.sort();
        } else {
            found.push(path.to_owned());
        }
        let mut files: BTreeMap<ZoneId, PathBuf> = BTreeMap::new();
        for file in found {
            let Some(zone) = zone_of(&file) else { continue };
            match files.entry(zone) {
                Entry::Vacant(free) => {
                    free.insert(file);
                }
                Entry::Occupied(taken) => {
                    return Err(SignalError::Twice {
                        zone: taken.key().clone(),
                        first: taken.get().display().to_string(),
                        second: file.display().to_string(),
                    });
                }
            }
        }
        if files.is_empty() {
            return Err(SignalError::NoTraces { path: shown() });
        }
        Ok(Self { path: path.to_owned(), fill, files })
    }
}

/// What a trace holds of one zone and signal, its gaps left as gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The zone, by the file's name.
    pub zone: ZoneId,
    /// Which question it answers.
    pub signal: Signal,
    /// The file's name.
    pub file: String,
    /// The start of the first row.
    pub start: Timestamp,
    /// The end of the last row.
    pub end: Timestamp,
    /// The length of an interval.
    pub step: SignedDuration,
    /// Start and gCO2e/kWh of each interval that has a value, ascending.
    pub known: Vec<(Timestamp, f64)>,
}

impl Replay {
    /// All that the trace of a zone holds; where `before` is given, rows stamped then or later are passed over unread,
    /// so that nothing in them can change the answer.
    ///
    /// # Errors
    /// [`SignalError::NoZone`], [`SignalError::NoColumn`], or what is wrong with the file.
    pub fn past(&self, zone: &ZoneId, signal: Signal, before: Option<Timestamp>) -> Result<Past, SignalError> {
        let file = self.file(zone)?;
        let trace = Trace::read(file, signal, before.map(second_after))?;
        Ok(Past {
            zone: zone.clone(),
            signal,
            file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            start: instant(trace.start_s),
            end: instant(trace.end_s),
            step: SignedDuration::from_secs(trace.step_s),
            known: stamped(trace.known),
        })
    }

    /// Another column of the trace of a zone, such as [`Measure::TEMPERATURE`], with its gaps left as gaps; `None` where
    /// the trace has no such column. Rows stamped `before` or later are passed over unread, where it is given.
    ///
    /// # Errors
    /// [`SignalError::NoZone`], or what is wrong with the file.
    pub fn column(
        &self,
        zone: &ZoneId,
        measure: &Measure,
        before: Option<Timestamp>,
    ) -> Result<Option<ColumnPast>, SignalError> {
        read_column(self.file(zone)?, measure, before)
    }

    /// The length of an interval, and those columns of a zone's trace that are wanted by name; where `before` is given,
    /// rows stamped then or later are passed over unread. What a column means is the caller's to know.
    ///
    /// # Errors
    /// [`SignalError::NoZone`], or what is wrong with the file.
    pub fn columns(
        &self,
        zone: &ZoneId,
        wanted: impl Fn(&str) -> bool,
        before: Option<Timestamp>,
    ) -> Result<(SignedDuration, Vec<Column>), SignalError> {
        let before_s = before.map(second_after);
        let (step_s, columns) = columns(self.file(zone)?, wanted, before_s)?;
        Ok((SignedDuration::from_secs(step_s), columns))
    }

    fn file(&self, zone: &ZoneId) -> Result<&PathBuf, SignalError> {
        self.files.get(zone).ok_or_else(|| SignalError::NoZone {
            zone: zone.clone(),
            path: self.path.display().to_string(),
            held: self.files.keys().cloned().collect(),
        })
    }
}

pub(crate) fn stamped(known: Vec<(i64, f64)>) -> Vec<(Timestamp, f64)> {
    known.into_iter().map(|(at, value)| (instant(at), value)).collect()
}

/// The second before which whatever began before the instant began: a row within its second did.
pub(crate) fn second_after(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

fn zone_of(file: &Path) -> Option<ZoneId> {
    let name = file.file_name()?.to_str()?;
    let zone = name.strip_suffix(".csv.gz").or_else(|| name.strip_suffix(".csv"))?;
    (!zone.is_empty() && !zone.starts_with('.')).then(|| ZoneId::new(zone))
}

impl GridSignal for Replay {
    fn zones(&self) -> Vec<ZoneId> {
        self.files.keys().cloned().collect()
    }

    fn series(&self, zone: &ZoneId, signal: Signal, window: Window) -> Result<IntensitySeries, SignalError> {
        let file = self.file(zone)?;
        let trace = Trace::read(file, signal, None)?;
        let (start_s, needed) = steps_over(window, trace.start_s, trace.step_s);
        let mut steps: Vec<Option<f64>> = vec![None; needed];
        let from = trace.known.partition_point(|(at, _)| *at < start_s);
        for &(at, value) in &trace.known[from..] {
            let index = ((at - start_s) / trace.step_s) as usize;
            let Some(step) = steps.get_mut(index) else { break };
            *step = Some(value);
        }
        let missing = steps.iter().filter(|step| step.is_none()).count();
        let mut name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if missing > 0 {
            let gap = Gap { zone, signal, window, file, trace: &trace, start_s, from };
            gap.fill(self.fill, &mut steps)?;
            name = format!("{name}, {missing} of {needed} steps filled by {}", self.fill);
        }
        let values: Vec<f64> = steps.into_iter().flatten().collect();
        let step = SignedDuration::from_secs(trace.step_s);
        Ok(IntensitySeries::new(
            zone.clone(),
            signal,
            Provenance::Replayed { file: name },
            instant(start_s),
            step,
            values,
        ))
    }
}

/// A window of a trace in which at least one step has no value.
struct Gap<'a> {
    zone: &'a ZoneId,
    signal: Signal,
    window: Window,
    file: &'a Path,
    trace: &'a Trace,
    start_s: i64,
    /// Index of the first known value inside.
    from: usize,
}

impl Gap<'_> {
    fn fill(&self, fill: Fill, steps: &mut [Option<f64>]) -> Result<(), SignalError> {
        let known: Vec<f64> = steps.iter().copied().flatten().collect();
        let nothing = |lacks| SignalError::NothingToFillFrom {
            zone: self.zone.clone(),
            signal: self.signal,
            at: self.first(steps),
            fill,
            lacks,
            window: self.window,
        };
        match fill {
            Fill::Refuse => return Err(self.refuse(steps)),
            Fill::Hold | Fill::Mean if known.is_empty() => return Err(nothing("no hour of the window has a value")),
            Fill::Hold => {
                let mut held = self.from.checked_sub(1).map(|before| self.trace.known[before].1);
                if held.is_none() && steps[0].is_none() {
                    return Err(nothing("no hour before it has a value"));
                }
                for step in steps {
                    held = step.or(held);
                    *step = held;
                }
            }
            Fill::Mean => {
                let mean = known.iter().sum::<f64>() / known.len() as f64;
                for step in steps {
                    *step = step.or(Some(mean));
                }
            }
        }
        Ok(())
    }

    fn first(&self, steps: &[Option<f64>]) -> Timestamp {
        let index = steps.iter().position(Option::is_none).expect("a step is missing");
        instant(self.start_s + index as i64 * self.trace.step_s)
    }

    fn refuse(&self, steps: &[Option<f64>]) -> SignalError {
        let at = self.first(steps);
        let (zone, signal, file) = (self.zone.clone(), self.signal, self.file.display().to_string());
        let inside = (self.trace.start_s..self.trace.end_s).contains(&at.as_second());
        if inside {
            let missing = steps.iter().filter(|step| step.is_none()).count();
            return SignalError::Gap { zone, signal, at, missing, needed: steps.len(), file };
        }
        let (found_from, found_to) = (instant(self.trace.start_s), instant(self.trace.end_s));
        SignalError::Outside { zone, signal, at, file, found_from, found_to, window_end: self.window.end() }
    }
}

pub(crate) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a step of a trace or window is an instant")
}

#[cfg(test)]
mod tests;
