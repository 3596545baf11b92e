//! A span as it is kept: microseconds, on one device, with how far the wall clock had moved.
//!
//! In: ticks. Out: samples.

use crate::tally::{Sum, Tally};
use greenwich_core::reading::{MeterHeader, Method, Tick};
use jiff::Timestamp;

/// What one device drew between two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// Index into the header's devices.
    pub device: u16,
    /// Start, in microseconds of monotonic time since the run's start.
    pub since_us: u64,
    /// End, the same.
    pub until_us: u64,
    /// How it is known.
    pub method: Method,
    /// Energy in microjoules; the least that it can be.
    pub energy_uj: u64,
    /// The most that it can be.
    pub most_uj: u64,
    /// How far the wall clock had moved against the monotonic one since the run's start, in microseconds.
    pub clock_step_us: i64,
}

/// Instants of a sample are within these, so that every sum of two fits 63 bits.
const LATEST_US: u64 = 1 << 60;
/// A single sample above this (2.5 MWh) is no energy but a broken counter; it is kept at this value. A `f64` holds
/// all its millijoules exactly.
const LARGEST_UJ: u64 = (1 << 53) * 1000;

impl Sample {
    /// Time covered, in microseconds.
    pub fn duration_us(&self) -> u64 {
        self.until_us - self.since_us
    }

    /// Its start by the wall clock.
    pub(crate) fn start_us(&self, started: Timestamp) -> i64 {
        started.as_microsecond() + self.since_us as i64 + self.clock_step_us
    }

    /// Its sum.
    pub fn sum(&self) -> Sum {
        Sum { energy_uj: self.energy_uj, most_uj: self.most_uj, covered_us: self.duration_us() }
    }
}

/// Sums samples of a run of so many devices.
pub(crate) fn add_to(tally: &mut Tally, sample: &Sample) {
    tally.add(sample.device, sample.method, sample.sum());
    tally.reach(sample.until_us);
}

/// Turns ticks into samples.
///
/// The wall clock of a sample is the run's monotonic clock plus an offset, which follows the clock that the meter
/// saw when the two are more than [`CLOCK_STEP_US`] apart: slewing and reading noise cost no bytes, a step is kept.
#[derive(Debug, Clone)]
pub(crate) struct Sampling {
    started_us: i64,
    clock_step_us: i64,
}

/// How far the wall clock of a sample may be from what the meter saw.
pub(crate) const CLOCK_STEP_US: i64 = 5_000;

impl Sampling {
    pub(crate) fn new(header: &MeterHeader) -> Self {
        Self { started_us: header.started.as_microsecond(), clock_step_us: 0 }
    }

    pub(crate) fn of<'a>(&mut self, tick: Tick<'a>) -> impl Iterator<Item = Sample> + use<'a> {
        let until_us = (tick.at_ns / 1000).min(LATEST_US);
        let offset = tick.wall.as_microsecond() - self.started_us - until_us as i64;
        if (offset - self.clock_step_us).abs() > CLOCK_STEP_US {
            self.clock_step_us = offset;
        }
        let clock_step_us = self.clock_step_us;
        tick.spans.iter().map(move |span| Sample {
            device: span.device,
            since_us: (span.since_ns / 1000).min(until_us),
            until_us,
            method: span.method,
            energy_uj: span.energy_uj.min(LARGEST_UJ),
            most_uj: span.most_uj.max(span.energy_uj).min(LARGEST_UJ),
            clock_step_us,
        })
    }
}
