//! Sums of a run by device and method.
//!
//! In: ticks or samples. Out: microjoules, their upper bound and the time covered. Whole numbers, so that the
//! order of adding does not matter; a sum that would overflow stays at its largest value.

use crate::words::METHODS;
use greenwich_core::reading::{Method, Tick};

/// What one device drew, known in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Energy in microjoules; the least that it can be.
    pub energy_uj: u64,
    /// The most that it can be, in microjoules.
    pub most_uj: u64,
    /// Time covered, in microseconds.
    pub covered_us: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, other: Self) {
        self.energy_uj = self.energy_uj.saturating_add(other.energy_uj);
        self.most_uj = self.most_uj.saturating_add(other.most_uj);
        self.covered_us = self.covered_us.saturating_add(other.covered_us);
    }
}

/// The sums of all devices of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    devices: Vec<[Sum; 4]>,
    last_us: u64,
    ticks: u64,
}

impl Tally {
    /// Sums of so many devices, all zero.
    #[must_use]
    pub fn new(devices: usize) -> Self {
        Self { devices: vec![[Sum::default(); 4]; devices], last_us: 0, ticks: 0 }
    }

    /// Adds a tick. It does not allocate.
    pub fn add_tick(&mut self, tick: Tick<'_>) {
        self.ticks += 1;
        for span in tick.spans {
            let sum = Sum {
                energy_uj: span.energy_uj,
                most_uj: span.most_uj,
                covered_us: (tick.at_ns / 1000).saturating_sub(span.since_ns / 1000),
            };
            self.add(span.device, span.method, sum);
        }
        self.last_us = self.last_us.max(tick.at_ns / 1000);
    }

    pub(crate) fn add(&mut self, device: u16, method: Method, sum: Sum) {
        // A span of a device that the header does not list cannot be told in an entry; the archive refuses it.
        if let Some(sums) = self.devices.get_mut(usize::from(device)) {
            sums[index(method)].add(sum);
        }
    }

    pub(crate) fn reach(&mut self, until_us: u64) {
        self.last_us = self.last_us.max(until_us);
    }

    /// The sum of one device and method.
    pub fn of(&self, device: u16, method: Method) -> Sum {
        self.devices.get(usize::from(device)).map(|sums| sums[index(method)]).unwrap_or_default()
    }

    /// Every sum that is not empty, by device and method.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Method, Sum)> + '_ {
        (0..self.devices.len() as u16)
            .flat_map(move |device| METHODS.map(|method| (device, method, self.of(device, method))))
            .filter(|(_, _, sum)| *sum != Sum::default())
    }

    /// The last tick, in microseconds since the run's start.
    pub fn last_us(&self) -> u64 {
        self.last_us
    }

    /// Ticks added.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }
}

fn index(method: Method) -> usize {
    METHODS.iter().position(|one| *one == method).unwrap_or(METHODS.len() - 1)
}
