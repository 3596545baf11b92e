//! What each run drew in each hour (UTC), from the roll-ups.
//!
//! In: the minutes of closed parts. Out: joules by run and hour, each device's each moment once, for the grid's
//! intensity of that hour.

use crate::archive::{HOUR_US, failed, share};
use crate::error::Result;
use crate::ledger::{Ledger, Part};
use crate::merge;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One run in one hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// The run.
    pub run: String,
    /// The hour's start, UTC.
    pub start: Timestamp,
    /// IT energy in joules; of unknown spans the least that it can be.
    pub it_energy_j: f64,
}

impl Ledger {
    /// Sums closed parts by run and hour: of one run, or of all.
    ///
    /// Whole-hour sums come from the minutes. Where two meters read one device at one time, those devices are
    /// summed from the samples instead, so that each moment counts once.
    ///
    /// # Errors
    /// [`crate::StoreError::Io`], [`crate::StoreError::Kind`] when a part cannot be read.
    pub fn hours(&self, run: Option<&str>) -> Result<Vec<Hour>> {
        let mut by_run: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for part in self.parts(run)? {
            by_run.entry(part.header.run.clone()).or_default().push(part);
        }
        let mut hours = Vec::new();
        for (run, parts) in by_run {
            let cells = of_run(&merge::distinct(parts))?;
            hours.extend(cells.into_iter().map(|(start_us, energy_uj)| Hour {
                run: run.clone(),
                start: Timestamp::from_microsecond(start_us).unwrap_or(Timestamp::UNIX_EPOCH),
                it_energy_j: energy_uj as f64 / 1e6,
            }));
        }
        Ok(hours)
    }
}

fn of_run(parts: &[Part]) -> Result<BTreeMap<i64, u64>> {
    let mut cells = Cells::default();
    let groups = merge::groups(parts);
    let twice: Vec<(usize, u16)> =
        groups.values().filter(|group| group.overlaps).flat_map(|group| group.of.iter().copied()).collect();
    for (at, part) in parts.iter().enumerate() {
        let bad = failed("archive", part.minutes_key.clone());
        if twice.iter().any(|(of, _)| *of == at) {
            let inside = |device: u16| part.header.devices[usize::from(device)].inside_another;
            part.minutes
                .for_each(|device, _, minute, sum| {
                    if !inside(device) && !twice.contains(&(at, device)) {
                        cells.add(minute.div_euclid(HOUR_US) * HOUR_US, sum.energy_uj);
                    }
                })
                .map_err(bad)?;
        } else {
            part.minutes.hours(|hour, energy_uj| cells.add(hour, energy_uj)).map_err(bad)?;
        }
    }
    for group in groups.values().filter(|group| group.overlaps) {
        let inside = |(at, device): &(usize, u16)| parts[*at].header.devices[usize::from(*device)].inside_another;
        if group.of.iter().any(inside) {
            continue;
        }
        let mut found = Vec::new();
        for (at, device) in &group.of {
            merge::intervals(&parts[*at], *device, &mut found)?;
        }
        for piece in merge::once(found) {
            share(piece.wall_us, piece.sum(), HOUR_US, |hour, sum| cells.add(hour, sum.energy_uj));
        }
    }
    Ok(cells.finish())
}

/// Sums by hour; rows come hour after hour, so the last one is kept at hand.
#[derive(Debug, Default)]
struct Cells {
    cells: BTreeMap<i64, u64>,
    at: i64,
    energy_uj: u64,
}

impl Cells {
    fn add(&mut self, hour: i64, energy_uj: u64) {
        if hour != self.at {
            self.put();
            self.at = hour;
        }
        self.energy_uj += energy_uj;
    }

    fn put(&mut self) {
        if self.energy_uj > 0 {
            *self.cells.entry(self.at).or_default() += std::mem::take(&mut self.energy_uj);
        }
    }

    fn finish(mut self) -> BTreeMap<i64, u64> {
        self.put();
        self.cells
    }
}
