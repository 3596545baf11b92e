//! The calendar file: what a site has in some hours and not in others.
//!
//! In: its bytes, the first planned hour and the sites. Out: the sites, with capacity and PUE changed in those hours,
//! or what is wrong with which cell. A site's intensity is rescaled where its PUE changes, so that PUE × intensity is
//! what it is in that hour.

use crate::csv::{Lines, cells, header, plain};
use crate::error::FleetError;
use crate::fleet::Site;
use crate::hour;
use greenwich_core::quantity::{AverageIntensity, Pue};

const KNOWN: [&str; 5] = ["site", "start", "end", "accelerators", "pue"];
const NEEDED: usize = 3;
const WANTED: &str = "site, start, end, and accelerators or pue";

/// Reads a calendar into the sites. `start` is the first planned instant, in hours since 1970. A later row holds over
/// an earlier one; hours that are not planned over are passed by.
///
/// # Errors
/// [`FleetError`] for the first row or cell that cannot be.
pub fn read_calendar(file: &str, bytes: &[u8], start: i64, sites: &mut [Site]) -> Result<(), FleetError> {
    let (mut columns, mut width, mut ranges) = (Vec::new(), 0, Vec::new());
    let before: Vec<Vec<AverageIntensity>> = sites.iter().map(|site| site.intensity.clone()).collect();
    let mut visit = |line: u64, text: &[u8]| {
        let text = std::str::from_utf8(text).map_err(|_| FleetError::NotText { file: file.to_owned(), line })?;
        if columns.is_empty() {
            (columns, width) = header(file, text, &KNOWN, NEEDED, WANTED)?;
            return Ok(());
        } else if text.trim().is_empty() {
            return Ok(());
        }
        cells(text, &mut ranges);
        if ranges.len() != width {
            return Err(FleetError::Cells { file: file.to_owned(), line, found: ranges.len(), wanted: width });
        }
        let cell =
            |column: usize| columns[column].map_or_else(Default::default, |at: usize| plain(&text[ranges[at].clone()]));
        let refuse = |column: usize, problem: &str, help: &str| FleetError::Cell {
            file: file.to_owned(),
            line,
            column: KNOWN[column],
            problem: problem.to_owned(),
            found: cell(column).into_owned(),
            help: help.to_owned(),
        };
        let name = cell(0);
        let at = sites
            .iter()
            .position(|site| site.name == name)
            .ok_or_else(|| refuse(0, &format!("no site is called `{name}`"), "name a site of the sites file"))?;
        let instant = |column: usize| {
            let help = "write a whole hour in UTC, for example 2022-07-04T00:00:00Z";
            hour::read(&cell(column)).map_err(|problem| refuse(column, problem, help))
        };
        let (from, until) = (instant(1)? - start, instant(2)? - start);
        if from >= until {
            return Err(refuse(2, "not after its start", "give the hour after the last"));
        }
        let (accelerators, pue) = (cell(3), cell(4));
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
                site.intensity[hour] = AverageIntensity::from_g_per_kwh(before[at][hour].g_per_kwh() * share);
            }
        }
        Ok(())
    };
    let mut lines = Lines::default();
    lines.feed(bytes, &mut visit)?;
    lines.finish(&mut visit)
}
