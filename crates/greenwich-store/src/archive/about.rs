//! What an archive says of itself in its metadata: schema, header, context, end, sums, damage.
//!
//! In: what is known of a part beside its samples. Out: JSON under keys of the file's metadata, and back.

use super::samples::json;
use super::table::TableReader;
use crate::header::{End, HeaderWire, RunContext};
use crate::tally::{Sum, Tally};
use crate::words;
use greenwich_core::reading::MeterHeader;
use parquet::errors::{ParquetError, Result};
use serde::{Deserialize, Serialize};

/// What is known of a part beside its samples.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// What the run is about.
    pub context: RunContext,
    /// How it ended, where the meter lived to tell.
    pub end: Option<End>,
    /// Ticks that were in the journal and could not be read.
    pub lost_ticks: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct TotalsWire {
    ticks: u64,
    last_us: u64,
    lost_ticks: u64,
    sums: Vec<SumWire>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SumWire {
    device: u16,
    method: String,
    energy_uj: u64,
    most_uj: u64,
    covered_us: u64,
}

impl About {
    pub(super) fn metadata(&self, tally: &Tally) -> Result<Vec<(&'static str, String)>> {
        let sums = tally.iter().map(|(device, method, sum)| SumWire {
            device,
            method: method.as_str().to_owned(),
            energy_uj: sum.energy_uj,
            most_uj: sum.most_uj,
            covered_us: sum.covered_us,
        });
        let totals = TotalsWire {
            ticks: tally.ticks(),
            last_us: tally.last_us(),
            lost_ticks: self.lost_ticks,
            sums: sums.collect(),
        };
        Ok(vec![
            ("greenwich.context", json(&self.context)?),
            ("greenwich.end", json(&self.end)?),
            ("greenwich.totals", json(&totals)?),
        ])
    }
}

/// Reads part and header, and holds the file to its schema.
pub(super) fn header(table: &TableReader, schema: &'static str) -> Result<(String, MeterHeader)> {
    let found = table.metadata("greenwich.schema").unwrap_or_else(|| "no schema".to_owned());
    if found != schema {
        return Err(ParquetError::General(format!("it holds {found}, not {schema}")));
    }
    let wire: HeaderWire = value(table, "greenwich.header")?;
    Ok(wire.into_parts())
}

/// Reads what the file says of itself and the sums that it states.
pub(super) fn about(table: &TableReader, devices: usize) -> Result<(About, Tally)> {
    let totals: TotalsWire = value(table, "greenwich.totals")?;
    let about = About {
        context: value(table, "greenwich.context")?,
        end: value(table, "greenwich.end")?,
        lost_ticks: totals.lost_ticks,
    };
    let mut tally = Tally::new(devices);
    for sum in &totals.sums {
        let of = Sum { energy_uj: sum.energy_uj, most_uj: sum.most_uj, covered_us: sum.covered_us };
        tally.add(sum.device, words::method(&sum.method), of);
    }
    tally.reach(totals.last_us);
    Ok((about, tally))
}

fn value<T: serde::de::DeserializeOwned>(table: &TableReader, key: &str) -> Result<T> {
    let text = table.metadata(key).ok_or_else(|| ParquetError::General(format!("its metadata has no `{key}`")))?;
    serde_json::from_str(&text).map_err(|cause| ParquetError::General(format!("`{key}`: {cause}")))
}
