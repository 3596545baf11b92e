//! What a whole run drew, device by device.
//!
//! In: the spans of a run. Out: sums that say how much of each is counted, sampled, estimated or unknown, and which
//! part of the run's time is covered. What is inside another device is told apart and not added.

use crate::attribution::Usage;
use crate::counter::Miss;
use crate::integrate::Energy;
use greenwich_core::quantity::{Fraction, ItEnergy};
use greenwich_core::reading::{Device, MeterHeader, Method};
use std::time::Duration;
use thiserror::Error;

/// Something that went wrong and did not stop the meter.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Notice {
    /// A device cannot be read; what it draws meanwhile is a gap unless its counter comes back.
    #[error("`{device}` {cause}; its energy is a gap unless the counter comes back")]
    Device {
        /// The device.
        device: String,
        /// Why.
        cause: Miss,
    },
    /// A source has something to say.
    #[error("{words}")]
    Source {
        /// Its words.
        words: String,
    },
    /// The sink did not take a tick; the sums of this process are still right.
    #[error("readings are not being stored: {cause}")]
    Sink {
        /// What it said.
        cause: String,
    },
    /// The system gave no thread.
    #[error("no thread can be started: the run is metered by its first and last reading alone")]
    NoThread,
}

/// The sums of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Monotonic time from the first to the last reading.
    pub lasted: Duration,
    /// Each device in the header's order.
    pub devices: Vec<DeviceSum>,
    /// CPU time of the run and busy time of its host, if they were watched.
    pub cpu: Option<Usage>,
}

/// What one device drew.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSum {
    /// The device.
    pub device: Device,
    /// The least it can be.
    pub least: ItEnergy,
    /// What is reported; what is unknown is in it with its least.
    pub energy: ItEnergy,
    /// The most it can be.
    pub most: ItEnergy,
    /// How the larger part of the time is known.
    pub method: Method,
    /// Share of the run's time for which the energy is known at all; none for a run of no length.
    pub coverage: Option<Fraction>,
    /// Energy and time by method, in the order counted, sampled, estimated, unknown.
    pub by_method: [(Method, ItEnergy, Duration); 4],
}

impl Summary {
    /// Energy of all devices that are not inside another.
    pub fn energy(&self) -> ItEnergy {
        self.outer().map(|sum| sum.energy).sum()
    }
    /// The least and the most that it can be.
    pub fn bounds(&self) -> (ItEnergy, ItEnergy) {
        (self.outer().map(|sum| sum.least).sum(), self.outer().map(|sum| sum.most).sum())
    }
    fn outer(&self) -> impl Iterator<Item = &DeviceSum> {
        self.devices.iter().filter(|sum| !sum.device.inside_another)
    }
}

const METHODS: [Method; 4] = [Method::Counted, Method::Sampled, Method::Estimated, Method::Unknown];

/// Running sums; adding allocates nothing.
#[derive(Debug, Clone)]
pub(crate) struct Totals(Vec<Total>);

#[derive(Debug, Clone, Copy, Default)]
struct Total {
    least_uj: u64,
    most_uj: u64,
    parts: [(u64, u64); 4],
}

impl Totals {
    pub(crate) fn new(devices: usize) -> Self {
        Self(vec![Total::default(); devices])
    }

    pub(crate) fn add(&mut self, device: usize, ns: u64, energy: Energy) {
        let total = &mut self.0[device];
        total.least_uj += energy.least_uj;
        total.most_uj += energy.most_uj;
        let part = METHODS.iter().position(|method| *method == energy.method).expect("METHODS holds all four");
        total.parts[part].0 += energy.energy_uj;
        total.parts[part].1 += ns;
    }

    pub(crate) fn into_summary(self, header: &MeterHeader, at_ns: u64) -> Summary {
        let devices = header.devices.iter().zip(self.0).map(|(device, total)| total.into_sum(device, at_ns)).collect();
        Summary { lasted: Duration::from_nanos(at_ns), devices, cpu: None }
    }
}

impl Total {
    fn into_sum(self, device: &Device, at_ns: u64) -> DeviceSum {
        let joules = |uj: u64| ItEnergy::from_joules(uj as f64 / 1e6);
        let known_ns: u64 = self.parts[..3].iter().map(|(_, ns)| ns).sum();
        let (longest, _) = METHODS
            .iter()
            .zip(self.parts)
            .max_by_key(|(method, (_, ns))| (*ns, **method))
            .expect("METHODS is not empty");
        DeviceSum {
            device: device.clone(),
            least: joules(self.least_uj),
            energy: joules(self.parts.iter().map(|(uj, _)| uj).sum()),
            most: joules(self.most_uj),
            method: *longest,
            coverage: (at_ns > 0).then(|| Fraction::new((known_ns as f64 / at_ns as f64).min(1.0)).ok()).flatten(),
            by_method: std::array::from_fn(|i| {
                (METHODS[i], joules(self.parts[i].0), Duration::from_nanos(self.parts[i].1))
            }),
        }
    }
}
