//! The calendar file: what a site has in some hours and not in others.
//!
//! In: its bytes, the first planned hour, the sites and what energy costs there. Out: the sites, with capacity and PUE changed
//! in those hours, or what is wrong with which cell. A site's intensity and its price of energy are rescaled where its PUE
//! changes, so that PUE × intensity and PUE × price are what they are in that hour.

use crate::csv::{Form, rows};
use crate::error::FleetError;
use crate::fleet::Site;
use crate::hour;
use greenwich_core::quantity::{AverageIntensity, Pue, UsdPerKwh};

const FORM: Form = Form {
    known: &["site", "start", "end", "accelerators", "pue"],
    needed: 3,
    wanted: "site, start, end, and accelerators or pue",
};

/// Reads a calendar into the sites and their prices of energy, by site and then by hour; `usd_per_kwh` is empty where none is
/// known. `start` is the first planned instant, in hours since 1970. A later row holds over an earlier one; hours that are not
/// planned over are passed by.
///
/// # Errors
/// [`FleetError`] for the first row or cell that cannot be.
pub fn read_calendar(
    file: &str,
    bytes: &[u8],
    start: i64,
    sites: &mut [Site],
    usd_per_kwh: &mut [Vec<UsdPerKwh>],
) -> Result<(), FleetError> {
    let before: Vec<Vec<AverageIntensity>> = sites.iter().map(|site| site.intensity.clone()).collect();
    let prices_before = usd_per_kwh.to_vec();
    rows(file, bytes, &FORM, |row| {
        let refuse = |column: usize, problem: &str, help: &str| row.refuse(column, problem, help);
        let name = row.cell(0);
        let at = sites
            .iter()
            .position(|site| site.name == name)
            .ok_or_else(|| refuse(0, &format!("no site is called `{name}`"), "name a site of the sites file"))?;
        let instant = |column: usize| {
            let help = "write a whole hour in UTC, for example 2022-07-04T00:00:00Z";
            hour::read(&row.cell(column)).map_err(|problem| refuse(column, problem, help))
        };
        let (from, until) = (instant(1)? - start, instant(2)? - start);
        if from >= until {
            return Err(refuse(2, "not after its start", "give the hour after the last"));
        }
        let (accelerators, pue) = (row.cell(3), row.cell(4));
        if accelerators.is_empty() && pue.is_empty() {
            let help = "say how many accelerators there are then, or the PUE, or both";
            return Err(refuse(3, "neither accelerators nor a PUE", help));
        }
        let site = &mut sites[at];
        let planned = site.capacity.len() as i64;
        let hours = from.clamp(0, planned) as usize..until.clamp(0, planned) as usize;
        if !accelerators.is_empty() {
            let count = accelerators.parse().ok().filter(|&count: &u32| i32::try_from(count).is_ok());
            let help = "give a whole number of accelerators, 0 where there are none then";
            site.capacity[hours.clone()].fill(count.ok_or_else(|| refuse(3, "not a count", help))?);
        }
        if !pue.is_empty() {
            let ratio = pue.parse().ok().and_then(|ratio| Pue::new(ratio).ok());
            let ratio = ratio.ok_or_else(|| refuse(4, "not a PUE", "give facility over IT energy, 1 or more"))?;
            let share = ratio.ratio() / site.pue.ratio();
            for hour in hours {
                site.intensity[hour] = before[at][hour] * share;
                if let Some(prices) = usd_per_kwh.get_mut(at) {
                    prices[hour] = prices_before[at][hour] * share;
                }
            }
        }
        Ok(())
    })
}
