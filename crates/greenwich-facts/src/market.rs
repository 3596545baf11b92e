//! From a share of carbon-free energy matched hour by hour to a market-based intensity.
//!
//! In: the grid's intensity and carbon-free share and the region's hourly-matched share, all of one year.
//! Out: what is left after the contracts. A share matched over a whole year allows no such step: a surplus
//! at noon does not meet the load of the night, so a region with yearly matching alone has no figure here.
//!
//! With g the carbon-free share of the grid and c the share under local hourly contracts, the region draws
//!
//! - CFE = c + (1 − c) × g, hence c = (CFE − g) ÷ (1 − g)
//! - net = gross × (1 − c)
//!
//! and net is *not* gross × (1 − CFE): the gross figure has the grid's own carbon-free share in it already.
//!
//! # Sources
//! Patterson et al. 2021 (arXiv:2104.10350), Appendix B, for what is netted; the step from CFE to c is ours,
//! and Table 4 of that paper bears it out (see the tests).

use crate::catalog::Catalog;
use greenwich_core::quantity::{AverageIntensity, Fraction};
use greenwich_core::{Check, Fit, Sourced, ZoneId};

const GROSS: [&str; 2] = ["lifecycle", "direct"];

/// Intensity left after contracts for carbon-free energy on the same grid in the same hour.
///
/// `gross` is the grid's mean, `cfe` the carbon-free share of what the region draws, matched hour by hour, and
/// `grid_share` the carbon-free share of the grid itself; all three of the same place and year. A region that
/// draws no more than the grid's own share has no contracts that count, and a grid without carbon has nothing
/// to net: both leave `gross` as it is.
///
/// ```
/// use greenwich_core::quantity::{AverageIntensity, Fraction};
/// use greenwich_facts::market_based_from_cfe;
/// let net = market_based_from_cfe(
///     AverageIntensity::from_g_per_kwh(400.0), Fraction::new(0.65)?, Fraction::new(0.30)?);
/// assert!((net.g_per_kwh() - 200.0).abs() < 1e-9); // half of what was not clean before is under contract
/// # Ok::<(), greenwich_core::quantity::OutOfRange>(())
/// ```
#[must_use]
pub fn market_based_from_cfe(gross: AverageIntensity, cfe: Fraction, grid_share: Fraction) -> AverageIntensity {
    let (cfe, grid) = (cfe.share(), grid_share.share());
    if grid >= 1.0 {
        return gross;
    }
    let contracted = ((cfe - grid) / (1.0 - grid)).max(0.0);
    gross * (1.0 - contracted)
}

impl Catalog {
    /// Market-based intensity of a region for the year nearest to the one asked for in which its hourly-matched
    /// share, its grid's carbon-free share and its grid's intensity are all known.
    pub(crate) fn derived_market_based(
        &self,
        region: &str,
        zone: &ZoneId,
        year: Option<i16>,
    ) -> Option<Sourced<AverageIntensity>> {
        let hourly = |row: &&crate::table::Row| row.quantity == "cfe_share" && row.scope == "hourly_matched";
        let years = self.rows_of("regions", region).filter(hourly).map(|row| row.valid_from.year());
        let of_year = |found: i16| -> Option<Sourced<AverageIntensity>> {
            let exact = |table, subject: &str, quantity: &str, scope: &str| {
                let row = self.lookup(table, subject, quantity, &[scope], Some(found))?;
                (row.fit == Fit::Exact).then_some(row)
            };
            let cfe = exact("regions", region, "cfe_share", "hourly_matched")?;
            let grid = exact("zones", zone.as_str(), "carbon_free_share", "yearly")?;
            let gross = GROSS.into_iter().find_map(|scope| {
                exact("regions", region, "average_intensity", scope)
                    .or_else(|| exact("zones", zone.as_str(), "average_intensity", scope))
            })?;
            let share = |share: f64| Fraction::new(share).expect("the loader held the range");
            let net = market_based_from_cfe(
                AverageIntensity::from_g_per_kwh(gross.value),
                share(cfe.value),
                share(grid.value),
            );
            let fit = match year {
                Some(asked) if asked != found => Fit::OtherYear { asked, found },
                _ => Fit::Exact,
            };
            let scope = format!("derived from hourly-matched CFE, {}", gross.scope);
            Some(Sourced { scope, check: Check::Derived, ..cfe.map(|_| net).with_fit(fit) })
        };
        years.filter_map(of_year).min_by_key(|row| distance(row, year))
    }
}

/// How far a row is from the year asked for: the newest up to it first, then the oldest after it.
pub(crate) fn distance<T>(row: &Sourced<T>, year: Option<i16>) -> (bool, i32) {
    let found = row.valid_from.year();
    let late = year.is_some_and(|asked| found > asked);
    (late, year.map_or(i32::from(i16::MAX) - i32::from(found), |asked| (i32::from(asked) - i32::from(found)).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(gross: f64, cfe: f64, grid: f64) -> f64 {
        let share = |share| Fraction::new(share).expect("a share");
        market_based_from_cfe(AverageIntensity::from_g_per_kwh(gross), share(cfe), share(grid)).g_per_kwh()
    }

    /// The paper prints shares in whole per cent, which is worth 2 % of the net figure.
    fn within_the_papers_rounding(found: f64, printed: f64) {
        assert!((found / printed - 1.0).abs() < 0.02, "{found} against {printed}");
    }

    #[test]
    fn table_4_georgia_in_december_2019_and_2018_has_net_equal_to_gross() {
        within_the_papers_rounding(net(415.0, 0.30, 0.30), 415.0);
        within_the_papers_rounding(net(431.0, 0.31, 0.31), 431.0);
    }

    #[test]
    fn table_4_georgia_in_october_2020_nets_18_percent_on_the_same_grid() {
        within_the_papers_rounding(net(403.0, 0.43, 0.30), 330.0);
    }

    #[test]
    fn table_4_north_carolina_in_april_2020_nets_12_percent() {
        within_the_papers_rounding(net(201.0, 0.73, 0.69), 177.0);
        let wrong = 201.0 * (1.0 - 0.73);
        assert!(wrong < 0.4 * 177.0, "gross × (1 − CFE) would be {wrong}");
    }

    #[test]
    fn contracts_below_the_grids_own_share_and_a_clean_grid_change_nothing() {
        assert_eq!(net(300.0, 0.2, 0.5), 300.0);
        assert_eq!(net(20.0, 1.0, 1.0), 20.0);
        assert_eq!(net(300.0, 1.0, 0.5), 0.0);
    }
}
