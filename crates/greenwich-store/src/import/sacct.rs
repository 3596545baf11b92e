//! Slurm's `sacct -P --format=JobID,JobName,Start,End,ConsumedEnergyRaw,…`.
//!
//! In: its output, fields parted by `|`. Out: an entry a job. Energy is Slurm's `ConsumedEnergyRaw`, joules of the
//! whole nodes as its energy plugin gave them, right for the job only where it had its nodes to itself; it is
//! marked `sampled`, as the file does not tell a counter from a sensor. 0 means that no plugin was set up, and
//! values near 2^32 or 2^64 are Slurm's own marks for "no value": both are unknown.

use super::{Table, content_id, run_name};
use crate::entry::{DeviceEnergy, Entry};
use crate::error::Result;
use greenwich_core::reading::Method;
use jiff::tz::Offset;
use std::collections::BTreeMap;

/// Slurm's NO_VAL, NO_VAL64 and their neighbours.
fn no_value(joules: f64) -> bool {
    (4_294_967_292.0..=4_294_967_295.0).contains(&joules) || joules >= 1.8e19
}

#[derive(Default)]
struct Job {
    entry: Option<Entry>,
    content: Vec<String>,
    allocation_j: Option<f64>,
    steps_j: Option<f64>,
    no_value: bool,
}

/// Reads Slurm's jobs. Its stamps have no offset: they are read at `offset`, that of the cluster.
///
/// # Errors
/// [`crate::StoreError::Import`] with file and line.
pub fn sacct(file: &str, bytes: &[u8], offset: Offset) -> Result<Vec<Entry>> {
    let mut table = Table::new(file, bytes, b'|', &["JobID", "Start", "End", "ConsumedEnergyRaw"])?;
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    for row in table.rows() {
        let row = row?;
        let id = row.text("JobID").ok_or_else(|| row.wrong("JobID", "", "a job such as 1234 or 1234.0"))?;
        let (name, step) = id.split_once('.').map_or((id, None), |(name, step)| (name, Some(step)));
        let job = jobs.entry(name.to_owned()).or_default();
        job.content.extend(row.record.iter().map(str::to_owned));
        let joules = row.number("ConsumedEnergyRaw")?;
        job.no_value |= joules.is_some_and(no_value);
        let joules = joules.filter(|joules| *joules > 0.0 && !no_value(*joules));
        // The step `extern` holds what ran beside the others, on the same nodes at the same time.
        match (step, joules) {
            (None, joules) => job.allocation_j = joules,
            (Some("extern"), _) | (_, None) => {}
            (Some(_), Some(joules)) => job.steps_j = Some(job.steps_j.unwrap_or(0.0) + joules),
        }
        if step.is_none() {
            // A job that has not ended says `Unknown`.
            let (Some(start), Some(end)) = (row.moment("Start", offset)?, row.moment("End", offset)?) else { continue };
            let mut entry = Entry::empty(&run_name(&format!("slurm-{name}")), start, end);
            entry.project = row.text("Account").map(str::to_owned);
            for (column, tag) in
                [("JobName", "job_name"), ("User", "user"), ("Partition", "partition"), ("State", "state")]
            {
                if let Some(text) = row.text(column) {
                    entry.tags.insert(tag.to_owned(), text.to_owned());
                }
            }
            entry.nodes = row.number("NNodes")?.map(|nodes| nodes as u32);
            // `0:9` is status 0 and signal 9.
            entry.exit_status = row.text("ExitCode").and_then(|code| {
                let (status, signal) = code.split_once(':')?;
                let (status, signal): (i32, i32) = (status.parse().ok()?, signal.parse().ok()?);
                Some(if signal > 0 { 128 + signal } else { status })
            });
            job.entry = Some(entry);
        }
    }
    Ok(jobs.into_iter().filter_map(|(name, job)| job.into_entry(&name)).collect())
}

impl Job {
    fn into_entry(self, name: &str) -> Option<Entry> {
        let mut entry = self.entry?;
        let content: Vec<&str> = self.content.iter().map(String::as_str).collect();
        entry.id = content_id(entry.end, &content).to_string();
        "slurm sacct".clone_into(&mut entry.source);
        let energy_j = self.allocation_j.or(self.steps_j);
        entry.it_energy_j = energy_j;
        entry.devices.push(DeviceEnergy {
            host: String::new(),
            device: format!("nodes of job {name}"),
            kind: "node".to_owned(),
            domain: "slurm ConsumedEnergyRaw".to_owned(),
            energy_j,
            most_energy_j: None,
            method: if energy_j.is_some() { Method::Sampled } else { Method::Unknown }.as_str().to_owned(),
            coverage: if energy_j.is_some() { 1.0 } else { 0.0 },
            inside_another: false,
        });
        entry.warnings.push(match energy_j {
            Some(_) => "whole-node energy: right for this job only where it had its nodes to itself".to_owned(),
            None if self.no_value => "slurm wrote its mark for no value as the energy: taken as not known".to_owned(),
            None => "slurm recorded no energy for this job: no energy plugin was set up".to_owned(),
        });
        Some(entry)
    }
}
