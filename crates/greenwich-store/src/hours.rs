//! What each run drew in each hour (UTC), from the roll-ups.
//!
//! In: the minutes of closed parts. Out: joules by run and hour, each device's each moment once, for the grid's
//! intensity of that hour.

use crate::archive::{HOUR_US, MINUTE_US, failed, share};
use crate::error::Result;
use crate::ledger::{Ledger, Part};
use crate::merge;
use crate::tally::Sum;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

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

/// What one device drew between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// From.
    pub start: Timestamp,
    /// For so long.
    pub seconds: f64,
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
        self.by_hour(run, |parts, at, cells| {
            let part = &parts[at];
            part.minutes
                .hours(|hour, energy_uj| cells.add(hour, energy_uj))
                .map_err(failed("archive", part.minutes_key.clone()))
        })
    }

    /// The same from every sample: slower, and the check of the roll-ups.
    ///
    /// # Errors
    /// As [`Ledger::hours`].
    pub fn hours_from_samples(&self, run: Option<&str>) -> Result<Vec<Hour>> {
        self.by_hour(run, |parts, at, cells| {
            let part = &parts[at];
            part.samples()?
                .energies(|start_us, covered_us, energy_uj| {
                    let hour = start_us.div_euclid(HOUR_US) * HOUR_US;
                    if start_us.saturating_add(covered_us as i64) <= hour + HOUR_US {
                        return cells.add(hour, energy_uj);
                    }
                    let sum = Sum { energy_uj, most_uj: energy_uj, covered_us };
                    share(start_us, sum, MINUTE_US, |minute, sum| {
                        cells.add(minute.div_euclid(HOUR_US) * HOUR_US, sum.energy_uj);
                    });
                })
                .map_err(failed("archive", part.samples_key.clone()))
        })
    }

    /// What a run drew, sample by sample, of every device that is in no other: for times that are finer than an hour.
    ///
    /// # Errors
    /// As [`Ledger::hours`].
    pub fn spans(&self, run: &str) -> Result<Vec<Drawn>> {
        let mut found = Vec::new();
        for part in merge::distinct(self.parts(Some(run))?) {
            let add = |start_us: i64, covered_us: u64, energy_uj: u64| {
                found.push(Drawn {
                    start: Timestamp::from_microsecond(start_us).unwrap_or(Timestamp::UNIX_EPOCH),
                    seconds: covered_us as f64 / 1e6,
                    it_energy_j: energy_uj as f64 / 1e6,
                });
            };
            part.samples()?.energies(add).map_err(failed("archive", part.samples_key.clone()))?;
        }
        Ok(found)
    }

    fn by_hour(
        &self,
        run: Option<&str>,
        whole: impl Fn(&[Part], usize, &mut Cells) -> Result<()> + Sync,
    ) -> Result<Vec<Hour>> {
        let mut by_run: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for part in self.parts(run)? {
            by_run.entry(part.header.run.clone()).or_default().push(part);
        }
        let runs: Vec<(String, Vec<Part>)> =
            by_run.into_iter().map(|(run, parts)| (run, merge::distinct(parts))).collect();
        // Runs are independent: each thread takes the next.
        let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(runs.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((_, parts)) = runs.get(at) else { break };
                        let cells = of_run(parts, &whole);
                        found.lock().unwrap_or_else(PoisonError::into_inner).insert(at, cells);
                    }
                });
            }
        });
        let mut hours = Vec::new();
        for (at, cells) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            hours.extend(cells?.into_iter().map(|(start_us, energy_uj)| Hour {
                run: runs[at].0.clone(),
                start: Timestamp::from_microsecond(start_us).unwrap_or(Timestamp::UNIX_EPOCH),
                it_energy_j: energy_uj as f64 / 1e6,
            }));
        }
        Ok(hours)
    }
}

fn of_run(parts: &[Part], whole: impl Fn(&[Part], usize, &mut Cells) -> Result<()>) -> Result<BTreeMap<i64, u64>> {
    let mut cells = Cells::default();
    let groups = merge::groups(parts);
    let twice: Vec<(usize, u16)> =
        groups.values().filter(|group| group.overlaps).flat_map(|group| group.of.iter().copied()).collect();
    for (at, part) in parts.iter().enumerate() {
        if twice.iter().any(|(of, _)| *of == at) {
            let inside = |device: u16| part.header.devices[usize::from(device)].inside_another;
            part.minutes
                .for_each(|device, _, minute, sum| {
                    if !inside(device) && !twice.contains(&(at, device)) {
                        cells.add(minute.div_euclid(HOUR_US) * HOUR_US, sum.energy_uj);
                    }
                })
                .map_err(failed("archive", part.minutes_key.clone()))?;
        } else {
            whole(parts, at, &mut cells)?;
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
    by_start: BTreeMap<i64, u64>,
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
            *self.by_start.entry(self.at).or_default() += std::mem::take(&mut self.energy_uj);
        }
    }

    fn finish(mut self) -> BTreeMap<i64, u64> {
        self.put();
        self.by_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::node::Node;
    use crate::header::{End, RunContext};
    use greenwich_core::reading::TickSink;

    #[test]
    fn hours_of_minutes_are_hours_of_samples_and_sum_to_the_run() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::at(folder.path());
        let started: Timestamp = "2026-03-01T12:34:56.789Z".parse().expect("a moment");
        let mut journal = ledger.journal(RunContext::default());
        journal.begin(&Node::header("run-1", started, 0)).expect("a folder that can be written");
        // A reading every 17 s, so that samples cross minutes and hours.
        let mut node = Node::new(1, 17_000_000_000, 0.01);
        for _ in 0..500 {
            journal.tick(node.tick(started)).expect("a disk with space");
        }
        let path = journal.finish(End { end: started, exit_status: Some(0) }).expect("a disk with space");
        let closed = ledger.close(path).expect("a whole journal");
        let hours = ledger.hours(None).expect("a ledger");
        assert_eq!(hours, ledger.hours_from_samples(Some("run-1")).expect("a ledger"));
        let starts: Vec<String> = hours.iter().map(|hour| hour.start.to_string()).collect();
        assert_eq!(starts, ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"]);
        let spans_j: f64 = ledger.spans("run-1").expect("a ledger").iter().map(|span| span.it_energy_j).sum();
        let total_j: f64 = hours.iter().map(|hour| hour.it_energy_j).sum();
        let truth_j = closed.tally.iter().map(|(_, _, sum)| sum.energy_uj).sum::<u64>() as f64 / 1e6;
        assert!((total_j - truth_j).abs() < 1e-5, "{total_j} J of {truth_j} J");
        assert!((spans_j - truth_j).abs() < 1e-5, "{spans_j} J of {truth_j} J");
    }
}
