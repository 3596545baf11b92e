//! Runs in progress as a scrape tells them.
//!
//! In: runs as of now. Out: a [`Scrape`] for `greenwich_report::telemetry`: energy and power by device, CO2e by
//! method, the grid's intensity. Devices that another holds are left out, so that the sum of series is the sum.

use super::told::RunNow;
use greenwich_core::entry::RunEntry;
use greenwich_core::{Provenance, Signal};
use greenwich_report::telemetry::{IntensitySample, Kind, Scrape};

/// What runs in progress tell.
pub fn scrape(runs: &[RunNow]) -> Scrape {
    let entries: Vec<RunEntry> = runs.iter().map(|run| run.entry.clone()).collect();
    let mut scrape = Scrape::of_runs(&entries);
    for sample in &mut scrape.devices {
        let run = runs.iter().find(|run| run.entry.run == sample.run && run.host == sample.host);
        let device = run.and_then(|run| run.devices.iter().find(|device| device.drawn.device == sample.device));
        sample.power = device.and_then(|device| device.power);
    }
    for grid in runs.iter().filter_map(|run| run.grid.as_ref()) {
        let sample = IntensitySample {
            zone: grid.zone.clone(),
            signal: Signal::Lifecycle,
            kind: match grid.provenance {
                Provenance::Replayed { .. } => Kind::Actual,
                Provenance::Given => Kind::Given,
                _ => Kind::Typical,
            },
            g_per_kwh: grid.g_per_kwh,
        };
        if !scrape.intensities.contains(&sample) {
            scrape.intensities.push(sample);
        }
    }
    scrape
}
