//! What a node draws beside its metered devices: named assumptions that a user gives, never guessed.
//!
//! In: `[node]` of `greenwich.toml`: watts of the idle node, of what no counter sees (fans, disks, network), and the
//! efficiency of the power supplies. Out: the energy at the wall, the part that an idle node would have drawn anyway,
//! and each assumption by name for the entry. A meter of the whole node sees all of it: then only the idle part is told.

use crate::document::{DocumentError, Table};
use greenwich_core::{Check, Factor, Fit};
use greenwich_store::Entry;
use serde_json::{Map, Value, json};

/// The entry's key for what was assumed of the node.
pub(crate) const ASSUMPTIONS: &str = "node_assumptions";

/// Every key of an entry that comes of `[node]`.
pub(crate) const KEYS: [&str; 3] = [ASSUMPTIONS, "idle_energy_j", "dynamic_energy_j"];

/// What is assumed of each node of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NodeSpec {
    /// Watts of the metered devices while nothing runs on the node.
    pub idle_w: Option<f64>,
    /// Watts of the node's parts that no counter sees.
    pub rest_w: Option<f64>,
    /// What the power supplies give on over what they take, 0 to 1.
    pub psu_efficiency: Option<f64>,
}

impl NodeSpec {
    pub(crate) fn read(table: &Table) -> Result<Self, DocumentError> {
        Ok(Self {
            idle_w: table.number("idle_w", 0.0..=100_000.0, "W of an idle node")?,
            rest_w: table.number("rest_w", 0.0..=100_000.0, "W of what no counter sees")?,
            psu_efficiency: table.number("psu_efficiency", 0.5..=1.0, "(a share, not per cent)")?,
        })
    }

    /// Its keys with their values; those that are not given are left out.
    pub(crate) fn given(self) -> impl Iterator<Item = (&'static str, f64)> {
        let keys = [("idle_w", self.idle_w), ("rest_w", self.rest_w), ("psu_efficiency", self.psu_efficiency)];
        keys.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    /// Joules at the wall of `metered_j`, where the run's nodes together ran for `node_seconds`.
    pub(crate) fn at_the_wall_j(self, metered_j: f64, node_seconds: f64) -> f64 {
        (metered_j + self.rest_w.unwrap_or(0.0) * node_seconds) / self.psu_efficiency.unwrap_or(1.0)
    }

    /// The assumptions that make the energy at the wall, for the account.
    pub(crate) fn factors(self) -> impl Iterator<Item = Factor> {
        let rows = [
            ("rest of the node (fans, disks, network)", self.rest_w, "W"),
            ("efficiency of the power supplies", self.psu_efficiency, ""),
        ];
        rows.into_iter().filter_map(|(quantity, value, unit)| {
            Some(Factor {
                quantity: quantity.to_owned(),
                value: value?,
                unit: unit.to_owned(),
                source: "given".to_owned(),
                year: None,
                fit: Fit::Given,
                check: Check::Derived,
            })
        })
    }

    /// The part of an entry's energy that its nodes would have drawn idle, the rest of it, and what was assumed.
    pub(crate) fn told(self, entry: &Entry) -> Map<String, Value> {
        let mut told = Map::new();
        let given: Map<String, Value> = self.given().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        if !given.is_empty() {
            told.insert(ASSUMPTIONS.to_owned(), Value::Object(given));
        }
        if let (Some(idle_w), Some(total_j)) = (self.idle_w, entry.it_energy_j) {
            // A node that drew less than idle (or was read for a part of the time) has no negative part.
            let idle_j = (idle_w * node_seconds(entry)).min(total_j);
            told.insert("idle_energy_j".to_owned(), json!(idle_j));
            told.insert("dynamic_energy_j".to_owned(), json!(total_j - idle_j));
        }
        told
    }
}

/// Seconds of the run, times the nodes that were metered.
pub(crate) fn node_seconds(entry: &Entry) -> f64 {
    let nodes = entry.hosts.len().max(1) as f64;
    entry.end.duration_since(entry.start).as_secs_f64().max(0.0) * nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_is_what_was_metered_and_the_rest_through_the_supplies() {
        let cases = [
            (None, None, 1000.0),
            (Some(50.0), None, 1500.0),
            (None, Some(0.8), 1250.0),
            (Some(60.0), Some(0.8), 2000.0),
        ];
        for (rest_w, psu_efficiency, wall_j) in cases {
            let node = NodeSpec { idle_w: None, rest_w, psu_efficiency };
            assert!((node.at_the_wall_j(1000.0, 10.0) - wall_j).abs() < 1e-9, "{node:?}");
            assert_eq!(node.factors().count(), usize::from(rest_w.is_some()) + usize::from(psu_efficiency.is_some()));
        }
    }
}
