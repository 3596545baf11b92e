//! The files of several nodes, and of several meters on one node, made one.
//!
//! In: closed parts of one run, from any number of ledgers. Out: what was drawn, each device's each moment counted
//! once: the key is (boot id, device, interval of the boot clock). Eight copies are one. The order in which parts
//! are given does not matter, and giving one twice changes nothing.
//!
//! Where two meters read the same device at overlapping times, the better known span counts (counted before
//! sampled before estimated before unknown), and of the other the share of time that it has alone.

use crate::archive::{SamplesReader, failed};
use crate::entry::{DeviceEnergy, Entry, PartOf};
use crate::error::{Result, StoreError};
use crate::ledger::{Ledger, Part};
use crate::store::StoredFile;
use crate::tally::Sum;
use crate::words::METHODS;
use greenwich_core::reading::Method;
use std::collections::{BTreeMap, BTreeSet};

/// What the launcher said of a run's nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// How many there are (`SLURM_NNODES`).
    pub count: Option<u32>,
    /// Their names (`SLURM_JOB_NODELIST`, expanded).
    pub names: Vec<String>,
}

/// A merged run.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The new entry; it corrects those of the parts. Not written yet: [`Ledger::record`] does.
    pub entry: Entry,
    /// Energy that had been counted more than once, in joules.
    pub duplicate_j: f64,
    /// Parts that were read.
    pub parts: usize,
}

/// An interval of one device by the boot clock, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval {
    pub(crate) method: Method,
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    pub(crate) energy_uj: u64,
    pub(crate) most_uj: u64,
    /// The wall clock at its start; not part of the key.
    pub(crate) wall_us: i64,
}

/// Counts each moment once; the pieces that are left, by method and start.
pub(crate) fn once(mut intervals: Vec<Interval>) -> Vec<Interval> {
    // Better known first, then earlier, then longer: an order of the content alone.
    intervals.sort_by_key(|one| {
        (one.method, one.start_us, std::cmp::Reverse(one.end_us), one.energy_uj, one.most_uj, one.wall_us)
    });
    intervals.dedup_by_key(|one| (one.method, one.start_us, one.end_us, one.energy_uj, one.most_uj));
    let mut covered = Covered::default();
    let mut pieces = Vec::with_capacity(intervals.len());
    for one in intervals {
        covered.add(one.start_us, one.end_us, |start_us, end_us| pieces.push(one.cut(start_us, end_us)));
    }
    pieces
}

impl Interval {
    /// Its share between two instants within it; the shares of all pieces sum to the whole.
    fn cut(self, start_us: u64, end_us: u64) -> Self {
        let length = u128::from(self.end_us - self.start_us);
        let until = |whole: u64, at: u64| {
            (u128::from(whole) * u128::from(at - self.start_us)).checked_div(length).map(|share| share as u64)
        };
        // An instant has no parts.
        let part = |whole: u64| match (until(whole, start_us), until(whole, end_us)) {
            (Some(before), Some(after)) => after - before,
            _ => whole,
        };
        Self {
            start_us,
            end_us,
            energy_uj: part(self.energy_uj),
            most_uj: part(self.most_uj),
            wall_us: self.wall_us + (start_us - self.start_us) as i64,
            ..self
        }
    }

    pub(crate) fn sum(&self) -> Sum {
        Sum { energy_uj: self.energy_uj, most_uj: self.most_uj, covered_us: self.end_us - self.start_us }
    }
}

/// Intervals that are counted already: by start, apart from one another.
#[derive(Debug, Default)]
struct Covered {
    by_start: BTreeMap<u64, u64>,
}

impl Covered {
    fn add(&mut self, start_us: u64, end_us: u64, mut alone: impl FnMut(u64, u64)) {
        if start_us == end_us {
            // An instant takes no time; it counts unless it lies within what is counted.
            let before = self.by_start.range(..=start_us).next_back();
            if before.is_none_or(|(_, end)| *end <= start_us) {
                alone(start_us, end_us);
            }
            return;
        }
        let first =
            self.by_start.range(..=start_us).next_back().filter(|(_, end)| **end >= start_us).map(|(start, _)| *start);
        let touched: Vec<(u64, u64)> =
            self.by_start.range(first.unwrap_or(start_us)..=end_us).map(|(start, end)| (*start, *end)).collect();
        let mut at = start_us;
        for (start, end) in &touched {
            if *start > at {
                alone(at, (*start).min(end_us));
            }
            at = at.max(*end);
        }
        if at < end_us {
            alone(at, end_us);
        }
        for (start, _) in &touched {
            self.by_start.remove(start);
        }
        let from = touched.first().map_or(start_us, |(start, _)| (*start).min(start_us));
        let until = touched.last().map_or(end_us, |(_, end)| (*end).max(end_us));
        self.by_start.insert(from, until);
    }
}

/// One device of one boot, and the parts that read it: (index of the part, index of the device in it).
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) of: Vec<(usize, u16)>,
    /// Whether two of the parts may have read it at one time.
    pub(crate) overlaps: bool,
}

/// Groups parts by host, boot id and device.
pub(crate) fn groups(parts: &[Part]) -> BTreeMap<(String, String, String), Group> {
    let mut groups: BTreeMap<(String, String, String), Group> = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        for (device, index) in part.header.devices.iter().zip(0..) {
            let key = (part.header.host.clone(), part.header.boot_id.clone(), device.id.clone());
            groups.entry(key).or_default().of.push((at, index));
        }
    }
    for group in groups.values_mut() {
        let mut windows: Vec<(u64, u64)> = group.of.iter().map(|(at, _)| window(&parts[*at])).collect();
        windows.sort_unstable();
        group.overlaps = windows.windows(2).any(|pair| pair[1].0 < pair[0].1);
    }
    groups
}

fn window(part: &Part) -> (u64, u64) {
    let start = part.header.started_boot_ns / 1000;
    (start, start + part.tally.last_us())
}

/// The intervals of one device of a part.
pub(crate) fn intervals(part: &Part, device: u16, into: &mut Vec<Interval>) -> Result<()> {
    let bad = failed("archive", part.samples_key.clone());
    let boot_us = part.header.started_boot_ns / 1000;
    let reader = part.samples()?;
    reader
        .for_each(|sample| {
            if sample.device == device {
                into.push(Interval {
                    method: sample.method,
                    start_us: boot_us + sample.since_us,
                    end_us: boot_us + sample.until_us,
                    energy_uj: sample.energy_uj,
                    most_uj: sample.most_uj,
                    wall_us: sample.start_us(part.header.started),
                });
            }
        })
        .map_err(bad)
}

/// What one device of one boot drew, each moment once, by method; and what was counted twice.
fn measured(parts: &[Part], group: &Group) -> Result<([Sum; 4], u64)> {
    let mut sums = [Sum::default(); 4];
    let place = |method: Method| METHODS.iter().position(|one| *one == method).unwrap_or(3);
    let mut all_uj = 0u64;
    if group.overlaps {
        let mut found = Vec::new();
        for (at, device) in &group.of {
            intervals(&parts[*at], *device, &mut found)?;
        }
        all_uj = found.iter().fold(0, |all, one| all.saturating_add(one.energy_uj));
        for piece in once(found) {
            sums[place(piece.method)].add(piece.sum());
        }
    } else {
        for (at, device) in &group.of {
            for method in METHODS {
                let sum = parts[*at].tally.of(*device, method);
                all_uj = all_uj.saturating_add(sum.energy_uj);
                sums[place(method)].add(sum);
            }
        }
    }
    let once_uj: u64 = sums.iter().fold(0, |all, sum| all.saturating_add(sum.energy_uj));
    Ok((sums, all_uj.saturating_sub(once_uj)))
}

/// Parts of a run, each once, in an order of their content alone.
pub(crate) fn distinct(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by(|a, b| (a.header.started, &a.id).cmp(&(b.header.started, &b.id)));
    parts.dedup_by(|a, b| a.id == b.id);
    parts
}

impl Ledger {
    /// Merges the parts of a run that lie here and in other ledgers into one new entry.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when no ledger has a closed part of the run; [`StoreError::Io`].
    pub fn merge(&self, run: &str, others: &[Ledger], expected: &Expected) -> Result<Merged> {
        let mut parts = self.parts(Some(run))?;
        for other in others {
            parts.extend(other.parts(Some(run))?);
        }
        let parts = distinct(parts);
        let (Some(first), Some(last)) = (parts.first(), parts.iter().max_by_key(|part| part.minutes_end())) else {
            return Err(StoreError::Unknown { name: run.to_owned(), nearest: Vec::new() });
        };
        let mut entry = Entry::empty(run, first.header.started, last.minutes_end());
        let mut duplicate_uj = 0;
        let duration_us = (entry.end.as_microsecond() - entry.start.as_microsecond()).max(1) as u64;
        for group in groups(&parts).values() {
            let (sums, twice_uj) = measured(&parts, group)?;
            duplicate_uj += twice_uj;
            let (at, device) = group.of[0];
            let header = &parts[at].header;
            let mut device = header.devices[usize::from(device)].clone();
            device.inside_another =
                group.of.iter().any(|(at, index)| parts[*at].header.devices[usize::from(*index)].inside_another);
            let known: Vec<(Method, Sum)> =
                METHODS.into_iter().zip(sums).filter(|(_, sum)| *sum != Sum::default()).collect();
            for (method, sum) in &known {
                entry.devices.push(DeviceEnergy::new(header, &device, *method, *sum, duration_us));
            }
            if known.is_empty() {
                entry.devices.push(DeviceEnergy::new(header, &device, Method::Unknown, Sum::default(), duration_us));
                entry.warnings.push(format!("nothing is known of `{}` on `{}`", device.id, header.host));
            }
        }
        entry.sum_up();
        entry.tell(&parts, expected);
        if duplicate_uj > 0 {
            let kj = duplicate_uj as f64 / 1e9;
            entry.warnings.push(format!("{kj:.3} kJ had been read by more than one meter and are counted once"));
        }
        // What the parts' entries are: all that are current and made of nothing else.
        let ids: BTreeSet<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        let mut corrects = BTreeSet::new();
        for ledger in std::iter::once(self).chain(others) {
            for old in ledger.entries()?.current() {
                if !old.parts.is_empty() && old.parts.iter().all(|part| ids.contains(part.part.as_str())) {
                    corrects.insert(old.id.clone());
                }
            }
        }
        entry.corrects = corrects.into_iter().collect();
        Ok(Merged { entry, duplicate_j: duplicate_uj as f64 / 1e6, parts: parts.len() })
    }
}

impl Part {
    /// The samples beside the minutes.
    pub(crate) fn samples(&self) -> Result<SamplesReader> {
        let stored = self.store.list(&format!("samples/{}", self.header.run))?;
        let stored =
            stored.into_iter().find(|stored| stored.key == self.samples_key).ok_or_else(|| StoreError::Disagree {
                path: self.samples_key.clone(),
                what: "the minutes are there and the samples are not".to_owned(),
                mend: "bring the file back from a copy".to_owned(),
            })?;
        SamplesReader::new(StoredFile::new(&self.store, stored)).map_err(failed("archive", self.samples_key.clone()))
    }

    pub(crate) fn minutes_end(&self) -> jiff::Timestamp {
        let last = jiff::SignedDuration::from_micros(i64::try_from(self.tally.last_us()).unwrap_or(i64::MAX));
        let heard = self.header.started.checked_add(last).unwrap_or(jiff::Timestamp::MAX);
        self.about.end.map_or(heard, |end| end.end.max(heard))
    }
}

impl Entry {
    /// Fills in what the parts say together.
    fn tell(&mut self, parts: &[Part], expected: &Expected) {
        let contexts = || parts.iter().map(|part| &part.about.context);
        self.command =
            contexts().map(|context| &context.command).find(|one| !one.is_empty()).cloned().unwrap_or_default();
        self.project = contexts().find_map(|context| context.project.clone());
        self.model = contexts().find_map(|context| context.model.clone());
        self.phase = contexts().find_map(|context| context.phase.clone());
        for context in contexts() {
            for (key, value) in &context.tags {
                self.tags.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        // A run failed when one of its nodes did; it is not known to have ended well unless all say so.
        let ends: Vec<Option<i32>> = parts.iter().map(|part| part.about.end.and_then(|end| end.exit_status)).collect();
        let failed = ends.iter().flatten().find(|status| **status != 0).copied();
        self.exit_status = failed.or_else(|| ends.iter().all(Option::is_some).then_some(0));
        self.hosts = parts.iter().map(|part| part.header.host.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        self.parts = parts
            .iter()
            .map(|part| PartOf {
                part: part.id.clone(),
                host: part.header.host.clone(),
                boot_id: part.header.boot_id.clone(),
                samples_crc32c: None,
                minutes_crc32c: None,
            })
            .collect();
        let names: BTreeSet<&String> =
            expected.names.iter().chain(contexts().flat_map(|context| &context.node_names)).collect();
        let told = contexts().filter_map(|context| context.nodes).max();
        self.nodes = expected.count.or(told).or((!names.is_empty()).then_some(names.len() as u32));
        self.missing_nodes =
            names.into_iter().filter(|name| !self.hosts.iter().any(|host| same_node(host, name))).cloned().collect();
        let found = self.hosts.len() as u32;
        if let Some(nodes) = self.nodes.filter(|nodes| *nodes > found) {
            let which = if self.missing_nodes.is_empty() {
                format!("found are {}", self.hosts.join(", "))
            } else {
                format!("missing are {}", self.missing_nodes.join(", "))
            };
            self.warnings.push(format!("{found} of {nodes} nodes: {which}; the sum holds the nodes found alone"));
        }
    }
}

/// Whether two names mean one node: launchers drop the domain.
fn same_node(a: &str, b: &str) -> bool {
    a == b || a.split('.').next() == b.split('.').next()
}

#[cfg(test)]
mod tests;
