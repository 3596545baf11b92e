//! What an accelerator can do and draws.
//!
//! In: a name or an unambiguous prefix. Out: [`Accelerator`], whose figures each carry their source.

use crate::catalog::Catalog;
use crate::error::FactsError;
use crate::names::{AcceleratorName, find};
use crate::nearest::nearest;
use crate::place::fits;
use crate::table::Row;
use greenwich_core::quantity::{Bytes, FlopRate, Power};
use greenwich_core::{AcceleratorId, Fit, Sourced};
use std::collections::{BTreeMap, BTreeSet};

const ONE: &[&str] = &["chip", "card", "superchip"];

/// Number format of the matrix work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// bfloat16; float16 on chips without it.
    Bf16,
    /// float16; bfloat16 where only that is published.
    Fp16,
    /// TensorFloat-32.
    Tf32,
    /// IEEE single.
    Fp32,
    /// 8-bit floating point.
    Fp8,
    /// 4-bit floating point.
    Fp4,
}

impl Precision {
    /// Every precision with its word in job files.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Bf16, "bf16"),
        (Self::Fp16, "fp16"),
        (Self::Tf32, "tf32"),
        (Self::Fp32, "fp32"),
        (Self::Fp8, "fp8"),
        (Self::Fp4, "fp4"),
    ];
    /// The word in job files.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(precision, _)| *precision == self).expect("every precision is listed").1
    }
    /// Quantities to try, best first.
    const fn quantities(self) -> &'static [&'static str] {
        match self {
            Self::Bf16 => &["dense_peak_bf16", "dense_peak_fp16"],
            Self::Fp16 => &["dense_peak_fp16", "dense_peak_bf16"],
            Self::Tf32 => &["dense_peak_tf32"],
            Self::Fp32 => &["dense_peak_fp32"],
            Self::Fp8 => &["dense_peak_fp8"],
            Self::Fp4 => &["dense_peak_fp4"],
        }
    }
}

/// Mean power that was measured in training, per accelerator.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanPower {
    /// The mean; its scope says `system` (rack share, before PUE), `node_share` or `gpu`.
    pub mean: Sourced<Power>,
    /// Lowest of the runs measured, where told.
    pub low: Option<Power>,
    /// Highest of the runs measured, where told.
    pub high: Option<Power>,
}

/// How fast data move to and between accelerators, in bytes a second and direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Links {
    /// Its own memory.
    pub memory: Sourced<f64>,
    /// To another of its node.
    pub node: Sourced<f64>,
    /// Its share of the node's network.
    pub network: Sourced<f64>,
    /// Accelerators of one node.
    pub node_size: u32,
}

/// An accelerator with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Accelerator {
    /// Its key.
    pub id: AcceleratorId,
    /// Maker's name, generation, year, what "one" is, who sells it.
    pub identity: AcceleratorName,
    /// Memory of one.
    pub memory: Option<Sourced<Bytes>>,
    /// Design power: a cap, not a draw.
    pub tdp: Option<Sourced<Power>>,
    /// Whether the design power may stand in for a draw that was not measured. It may not for TPUs, whose
    /// sources disagree by a factor of two on it.
    pub tdp_models_power: bool,
    /// Measured mean of the whole system's share, where published.
    pub system_power: Option<MeanPower>,
    /// Share of peak that the runs got whose whole system's power was measured, where told.
    pub power_share: Option<Sourced<f64>>,
    /// Measured mean of the chip alone, without host, network and fans, where published.
    pub chip_power: Option<MeanPower>,
}

impl Catalog {
    /// Looks an accelerator up by its key or an unambiguous prefix.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] with the nearest names, [`FactsError::Ambiguous`] with those it begins.
    pub fn accelerator(&self, name: &str) -> Result<Accelerator, FactsError> {
        let (id, identity) = find("accelerator", self.accelerators(), name)?;
        let get = |quantity: &str, scopes: &[&str]| self.lookup("accelerators", id, quantity, scopes, None);
        let power = |scopes: &[&str]| {
            let mean = get("mean_power", scopes)?;
            let scope = [mean.scope.as_str()];
            Some(MeanPower {
                low: get("mean_power_low", &scope).map(|row| Power::from_watts(row.value)),
                high: get("mean_power_high", &scope).map(|row| Power::from_watts(row.value)),
                mean: mean.map(Power::from_watts),
            })
        };
        let never = |row: &Row| row.quantity == "tdp" && row.noted("power_model") == Some("never");
        Ok(Accelerator {
            id: AcceleratorId::new(id),
            identity: identity.clone(),
            memory: get("memory", ONE).map(|row| row.map(Bytes::from_gb)),
            tdp: get("tdp", ONE).map(|row| row.map(Power::from_watts)),
            tdp_models_power: !self.rows_of("accelerators", id).any(never),
            system_power: power(&["system", "node_share"]),
            power_share: get("mean_power_share", &["system", "node_share"]),
            chip_power: power(&["gpu"]),
        })
    }

    /// Every accelerator that one of the patterns names, in the catalog's order: an exact name, a beginning that may be of
    /// several (`h100`), or a pattern in which `*` stands for any text.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] with the nearest names for a pattern that matches none.
    pub fn accelerators_matching(&self, patterns: &[String]) -> Result<Vec<AcceleratorId>, FactsError> {
        let mut matched = Vec::new();
        for pattern in patterns {
            let known = self.accelerators();
            let asked = pattern.to_ascii_lowercase();
            let wanted = if asked.contains('*') { asked.clone() } else { format!("{asked}*") };
            let before = matched.len();
            if let Some((id, _)) = known.get_key_value(&asked) {
                matched.push(AcceleratorId::new(id));
            } else if !asked.is_empty() {
                matched.extend(known.keys().filter(|id| fits(&wanted, id)).map(AcceleratorId::new));
            }
            if matched.len() == before {
                let nearest = nearest(&asked, known.keys().map(String::as_str));
                return Err(FactsError::Unknown { kind: "accelerator", name: pattern.clone(), nearest });
            }
        }
        matched.sort();
        matched.dedup();
        Ok(matched)
    }

    /// One accelerator a generation of which something was measured in training, oldest first: the generations whose mean
    /// power or whose share of peak in a whole run is published, none more than five years older than the newest. Of
    /// several, the one whose whole system was measured, else whose chip was, else the one with most memory.
    pub fn measured_accelerators(&self) -> Vec<Accelerator> {
        let runs: BTreeSet<&str> =
            self.rows_in("published_utilisation").iter().filter_map(|row| row.noted("accelerator")).collect();
        let mut best: BTreeMap<&str, Accelerator> = BTreeMap::new();
        let rank = |accelerator: &Accelerator| {
            let memory = accelerator.memory.as_ref().map_or(0.0, |row| row.value.gb());
            (accelerator.system_power.is_some(), accelerator.chip_power.is_some(), memory as u64)
        };
        for (id, name) in self.accelerators() {
            let Ok(accelerator) = self.accelerator(id) else { continue };
            let is_measured = accelerator.system_power.is_some() || accelerator.chip_power.is_some();
            let known = best.get(name.generation.as_str());
            if (is_measured || runs.contains(id.as_str())) && known.is_none_or(|known| rank(known) < rank(&accelerator))
            {
                best.insert(&name.generation, accelerator);
            }
        }
        let mut found: Vec<Accelerator> = best.into_values().collect();
        let newest = found.iter().map(|accelerator| accelerator.identity.year).max().unwrap_or(0);
        found.retain(|accelerator| accelerator.identity.year + 5 >= newest);
        found.sort_by_key(|accelerator| (accelerator.identity.year, accelerator.id.clone()));
        found
    }

    /// Dense peak at a precision: the row asked for, or its nearest stand-in (fp16 for bf16), told by its fit.
    pub fn peak(&self, accelerator: &Accelerator, precision: Precision) -> Option<Sourced<FlopRate>> {
        let quantities = precision.quantities();
        quantities.iter().find_map(|quantity| {
            let row = self.lookup("accelerators", accelerator.id.as_str(), quantity, ONE, None)?;
            let fit = if *quantity == quantities[0] { Fit::Exact } else { Fit::Similar((*quantity).to_owned()) };
            Some(row.map(FlopRate::from_tflops).with_fit(fit))
        })
    }

    /// Rates of its memory and links, where all are known.
    pub fn links(&self, accelerator: &Accelerator) -> Option<Links> {
        let get = |quantity: &str| self.lookup("accelerators", accelerator.id.as_str(), quantity, ONE, None);
        let rate = |quantity: &str| Some(get(quantity)?.map(|gigabytes| gigabytes * 1e9));
        Some(Links {
            memory: rate("memory_bandwidth")?,
            node: rate("node_link")?,
            network: rate("network_link")?,
            node_size: get("node_size")?.value as u32,
        })
    }

    /// Another accelerator of the same generation whose system power was measured, with its TDP: the next best
    /// basis where the accelerator's own power was not measured.
    pub fn measured_sibling(&self, accelerator: &Accelerator) -> Option<Accelerator> {
        let of_generation = |name: &&AcceleratorName| {
            name.generation == accelerator.identity.generation && name.id != accelerator.id.as_str()
        };
        self.accelerators().values().filter(of_generation).find_map(|name| {
            let sibling = self.accelerator(&name.id).ok()?;
            (sibling.system_power.is_some() && sibling.tdp.is_some()).then_some(sibling)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn catalog() -> Catalog {
        Catalog::load()
    }

    fn peak_text(accelerator: &str, precision: Precision) -> String {
        let catalog = catalog();
        let accelerator = catalog.accelerator(accelerator).expect("a known accelerator");
        catalog.peak(&accelerator, precision).map_or("unknown".to_owned(), |row| format!("{} ({})", row.value, row.fit))
    }

    #[test]
    fn the_dense_peak_is_exact_where_the_precision_is_published() {
        assert_snapshot!(peak_text("h100-sxm5-80g", Precision::Bf16), @"989 TFLOP/s (exact)");
        assert_snapshot!(peak_text("h100-sxm5-80g", Precision::Fp8), @"1980 TFLOP/s (exact)");
    }

    #[test]
    fn the_fp16_peak_stands_in_for_bf16_and_says_so() {
        assert_snapshot!(peak_text("v100-sxm2-32g", Precision::Bf16), @"125 TFLOP/s (figure of dense_peak_fp16)");
    }

    #[test]
    fn a_precision_that_the_chip_lacks_is_unknown() {
        assert_eq!(peak_text("v100-sxm2-32g", Precision::Fp8), "unknown");
    }

    #[test]
    fn measured_power_keeps_its_boundary() {
        let power_text = |name: &str| {
            let accelerator = catalog().accelerator(name).expect("a known accelerator");
            let text = |power: Option<MeanPower>| {
                power.map_or("none".to_owned(), |power| format!("{} {}", power.mean.value, power.mean.scope))
            };
            let tdp = if accelerator.tdp_models_power { "TDP may stand in" } else { "TDP may not stand in" };
            format!("{}, {}, {tdp}", text(accelerator.system_power), text(accelerator.chip_power))
        };
        assert_snapshot!(power_text("tpu-v3"), @"283 W system, 220 W gpu, TDP may not stand in");
        assert_snapshot!(power_text("tpu-v4"), @"none, 170 W gpu, TDP may not stand in");
        assert_snapshot!(power_text("h100-sxm5-80g"), @"969 W node_share, none, TDP may stand in");
        assert_snapshot!(power_text("l4"), @"none, none, TDP may stand in");
    }

    #[test]
    fn a_beginning_or_a_pattern_names_every_accelerator_that_it_fits() {
        let catalog = catalog();
        let matching = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            match catalog.accelerators_matching(&patterns) {
                Ok(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Err(error) => crate::error::told(&error),
            }
        };
        assert_snapshot!(matching(&["h100"]), @"h100-nvl-94g h100-pcie-80g h100-sxm5-80g");
        assert_snapshot!(matching(&["A100-SXM4-80G", "a100*80g"]), @"a100-pcie-80g a100-sxm4-80g");
        assert_snapshot!(matching(&["h100-xsm"]), @"
        no accelerator is called `h100-xsm`
        help: did you mean `h100-sxm5-80g`, `a100-sxm4-40g`, `a100-sxm4-80g`? `greenwich facts list accelerators` shows all
        ");
        assert!(matching(&[""]).starts_with("no accelerator"));
    }

    #[test]
    fn one_accelerator_a_generation_was_measured() {
        let found: Vec<String> =
            catalog().measured_accelerators().iter().map(|accelerator| accelerator.id.to_string()).collect();
        assert_snapshot!(found.join(" "), @"tpu-v2 tpu-v3 v100-sxm2-32g a100-sxm4-80g tpu-v4 h100-sxm5-80g");
    }

    #[test]
    fn links_are_in_one_direction_and_whole_or_not_at_all() {
        let catalog = catalog();
        let links = |name: &str| catalog.links(&catalog.accelerator(name).expect("a known accelerator"));
        let text = |name: &str| {
            links(name).map_or("none".to_owned(), |links| {
                format!(
                    "{:.0} {:.0} {:.0} {}",
                    links.memory.value / 1e9,
                    links.node.value / 1e9,
                    links.network.value / 1e9,
                    links.node_size
                )
            })
        };
        assert_snapshot!(text("h100-sxm5-80g"), @"3350 450 50 8");
        assert_snapshot!(text("tpu-v5p"), @"2765 600 600 8960");
        assert_snapshot!(text("l4"), @"none");
    }

    #[test]
    fn a_measured_sibling_is_another_chip_of_the_generation() {
        let catalog = catalog();
        let sibling_of = |name: &str| {
            let accelerator = catalog.accelerator(name).expect("a known accelerator");
            catalog.measured_sibling(&accelerator).map(|sibling| sibling.id.to_string())
        };
        assert_eq!(sibling_of("h200-sxm-141g").as_deref(), Some("h100-sxm5-80g"));
        assert_eq!(sibling_of("mi300x"), None);
    }
}
