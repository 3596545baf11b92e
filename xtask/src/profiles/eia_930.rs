//! Generation by fuel of Form EIA-930, as lifecycle and direct intensity of one basis.
//!
//! In: a trace with MW by fuel, and `fuels.csv`. Out: the mean factor of each hour's mix, in either scope. The
//! trace's own lifecycle column is held against its mix: where the two differ, the factors are not the ones
//! that it was made with, and direct and lifecycle would be of different bases.

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;
use std::collections::BTreeMap;

/// Columns of the trace and the fuels of `fuels.csv` whose factors it was made with.
const FUELS: [(&str, &str); 8] = [
    ("WND", "wind-onshore"),
    ("SUN", "solar-rooftop"),
    ("WAT", "hydro"),
    ("OIL", "oil"),
    ("NG", "gas"),
    ("COL", "coal"),
    ("NUC", "nuclear"),
    ("OTH", "other"),
];
const LIFECYCLE_COLUMN: &str = "gco2_per_kwh";
/// The trace is written to two decimals.
const ROUNDING_G_PER_KWH: f64 = 0.0051;

/// Emission factors by fuel, in gCO2e/kWh.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factors {
    lifecycle: [f64; 8],
    direct: [f64; 8],
}

impl Factors {
    /// Reads the text of `fuels.csv`. It is not asked of the catalog: that refuses to load while the profiles
    /// are wrong, and then they could not be made again.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut found: BTreeMap<(String, String), f64> = BTreeMap::new();
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            let record = record?;
            if &record[1] == "emission_factor" {
                let value = record[2].parse().with_context(|| format!("`{}` is not a number", &record[2]))?;
                found.insert((record[0].to_owned(), record[4].to_owned()), value);
            }
        }
        let of = |scope: &str| -> Result<[f64; 8]> {
            let mut factors = [0.0; 8];
            for (factor, (_, fuel)) in factors.iter_mut().zip(FUELS) {
                let key = (fuel.to_owned(), scope.to_owned());
                *factor = *found.get(&key).with_context(|| format!("`{fuel}` has no {scope} emission_factor"))?;
            }
            Ok(factors)
        };
        Ok(Self { lifecycle: of("lifecycle")?, direct: of("direct")? })
    }
}

/// Where a trace has its columns.
#[derive(Debug, Clone)]
pub(super) struct Mix<'a> {
    factors: &'a Factors,
    lifecycle_at: usize,
    megawatts_at: [usize; 8],
}

impl<'a> Mix<'a> {
    pub(super) fn new(header: &StringRecord, factors: &'a Factors) -> Result<Self> {
        let at = |column: &str| {
            let found = header.iter().position(|field| field == column);
            found.with_context(|| format!("line 1: no column `{column}`"))
        };
        let mut megawatts_at = [0; 8];
        for (found, (column, _)) in megawatts_at.iter_mut().zip(FUELS) {
            *found = at(column)?;
        }
        Ok(Self { factors, lifecycle_at: at(LIFECYCLE_COLUMN)?, megawatts_at })
    }

    /// Lifecycle and direct intensity of an hour; `None` for an hour of which the form has nothing.
    pub(super) fn intensities(&self, record: &StringRecord) -> Result<Option<(f64, f64)>> {
        let stated = &record[self.lifecycle_at];
        let cells = self.megawatts_at.map(|at| &record[at]);
        if stated.is_empty() && cells.iter().all(|cell| cell.is_empty()) {
            return Ok(None);
        }
        let number = |text: &str| text.parse::<f64>().with_context(|| format!("`{text}` is not a number"));
        let mut megawatts = [0.0; 8];
        for (megawatt, cell) in megawatts.iter_mut().zip(cells) {
            *megawatt = number(cell)?;
            ensure!(*megawatt >= 0.0, "`{cell}` is not a generation");
        }
        let all: f64 = megawatts.iter().sum();
        ensure!(all > 0.0, "nothing is generated");
        let mean =
            |factors: &[f64; 8]| megawatts.iter().zip(factors).map(|(mw, factor)| mw * factor).sum::<f64>() / all;
        let (lifecycle, stated) = (mean(&self.factors.lifecycle), number(stated)?);
        if (lifecycle - stated).abs() > ROUNDING_G_PER_KWH {
            bail!("the mix gives {lifecycle:.2} gCO2e/kWh and the trace says {stated}: its factors are not ours");
        }
        Ok(Some((lifecycle, mean(&self.factors.direct))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../crates/greenwich-facts/data/fuels.csv");
    const HEADER: [&str; 10] = ["utc", "gco2_per_kwh", "WND", "SUN", "WAT", "OIL", "NG", "COL", "NUC", "OTH"];

    /// Lifecycle and direct of an hour with these cells after the stamp.
    fn hour(cells: &str) -> Result<Option<(f64, f64)>> {
        let factors = Factors::read(SHIPPED).expect("each fuel has both factors");
        let mix = Mix::new(&StringRecord::from(HEADER.to_vec()), &factors).expect("every column");
        mix.intensities(&StringRecord::from(format!("t,{cells}").split(',').collect::<Vec<_>>()))
    }

    #[test]
    fn both_scopes_are_the_mean_factor_of_one_mix() {
        // Half coal, half gas, as the IPCC has them: (820 + 490) ÷ 2 and (760 + 370) ÷ 2.
        assert_eq!(hour("655,0,0,0,0,10,10,0,0").expect("a good hour"), Some((655.0, 565.0)));
        // The sun has a plant and no stack; `other` is counted in full in both.
        assert_eq!(hour("135.5,0,10,0,0,0,0,0,10").expect("a good hour"), Some((135.5, 115.0)));
    }

    #[test]
    fn an_hour_without_a_report_has_no_intensity() {
        assert_eq!(hour(",,,,,,,,").expect("a gap"), None);
    }

    #[test]
    fn an_hour_that_cannot_be_of_this_basis_is_refused() {
        let refusal = |cells: &str| hour(cells).expect_err("bad").to_string();
        assert_eq!(
            refusal("700,0,0,0,0,10,10,0,0"),
            "the mix gives 655.00 gCO2e/kWh and the trace says 700: its factors are not ours"
        );
        assert_eq!(refusal("655,0,0,0,0,-1,10,0,0"), "`-1` is not a generation");
        assert_eq!(refusal("655,0,0,0,0,,10,0,0"), "`` is not a number");
        assert_eq!(refusal("0,0,0,0,0,0,0,0,0"), "nothing is generated");
    }

    #[test]
    fn a_fuel_without_a_factor_is_named() {
        let without = SHIPPED.replace("other,emission_factor,230,gCO2e/kWh,direct", "other,emission_factor,230,x,none");
        assert_eq!(Factors::read(&without).expect_err("bad").to_string(), "`other` has no direct emission_factor");
    }
}
