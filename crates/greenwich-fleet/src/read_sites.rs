//! The sites file of the contract.
//!
//! In: its bytes. Out: a row a site, without intensities, or what is wrong with which cell.

use crate::csv::{Lines, cells, header, plain};
use crate::error::FleetError;
use crate::fleet::Site;
use greenwich_core::ZoneId;
use greenwich_core::quantity::{AverageIntensity, Pue, UsdPerKwh};
use std::collections::HashMap;

const KNOWN: [&str; 9] =
    ["site", "zone", "pue", "accelerators", "accelerator", "region", "usd_per_kwh", "backend", "pue_curve"];
const NEEDED: usize = 4;
const WANTED: &str = "site, zone, pue, accelerators";

/// A row of the sites file.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRow {
    /// Its name.
    pub name: String,
    /// Its grid zone.
    pub zone: ZoneId,
    /// Facility over IT energy.
    pub pue: Pue,
    /// Accelerators that may run at once.
    pub accelerators: u32,
    /// The kind of accelerator, if told.
    pub accelerator: Option<String>,
    /// The cloud region, if told.
    pub region: Option<String>,
    /// The price of energy, if told.
    pub usd_per_kwh: Option<UsdPerKwh>,
    /// What would launch the jobs, if told.
    pub backend: Option<String>,
    /// Points of its PUE over the outside temperature, °C and ratio, if told; `pue` is then the usual one.
    pub pue_curve: Vec<(f64, f64)>,
}

impl SiteRow {
    /// The site with the intensities of its zone: its capacity is the same in every hour.
    pub fn with(self, intensity: Vec<AverageIntensity>) -> Site {
        Site {
            name: self.name,
            zone: self.zone,
            pue: self.pue,
            capacity: vec![self.accelerators; intensity.len()],
            intensity,
            accelerator: self.accelerator,
            region: self.region,
            usd_per_kwh: self.usd_per_kwh,
            backend: self.backend,
        }
    }
}

/// Reads the sites file.
///
/// # Errors
/// [`FleetError`] for the first row or cell that cannot be.
pub fn read_sites(file: &str, bytes: &[u8]) -> Result<Vec<SiteRow>, FleetError> {
    let mut lines = Lines::default();
    let (mut columns, mut width) = (Vec::new(), 0);
    let mut found = Vec::new();
    let mut ranges = Vec::new();
    let mut visit = |line: u64, text: &[u8]| {
        let text = std::str::from_utf8(text).map_err(|_| FleetError::NotText { file: file.to_owned(), line })?;
        if columns.is_empty() {
            (columns, width) = header(file, text, &KNOWN, NEEDED, WANTED)?;
        } else if !text.trim().is_empty() {
            cells(text, &mut ranges);
            if ranges.len() != width {
                return Err(FleetError::Cells { file: file.to_owned(), line, found: ranges.len(), wanted: width });
            }
            let cell = |column: usize| columns[column].map(|at: usize| plain(&text[ranges[at].clone()]).into_owned());
            found.push((line, row(file, line, cell)?));
        }
        Ok(())
    };
    lines.feed(bytes, &mut visit)?;
    lines.finish(&mut visit)?;
    if found.is_empty() {
        return Err(FleetError::Empty { file: file.to_owned(), what: "site" });
    }
    let mut seen = HashMap::new();
    for (line, row) in &found {
        if let Some(first) = seen.insert(&row.name, *line) {
            let (file, name) = (file.to_owned(), row.name.clone());
            return Err(FleetError::Twice { file, line: *line, first, name, what: "site" });
        }
    }
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

fn row(file: &str, line: u64, cell: impl Fn(usize) -> Option<String>) -> Result<SiteRow, FleetError> {
    let refuse = |column: usize, problem: &str, help: &str| FleetError::Cell {
        file: file.to_owned(),
        line,
        column: KNOWN[column],
        problem: problem.to_owned(),
        found: cell(column).unwrap_or_default(),
        help: help.to_owned(),
    };
    let text = |column: usize| cell(column).filter(|text| !text.is_empty());
    let name = text(0).ok_or_else(|| refuse(0, "a name is wanted", "name the site"))?;
    if name.contains('|') {
        return Err(refuse(0, "`|` parts names in the jobs file", "take it out of the name"));
    }
    let zone = text(1).ok_or_else(|| refuse(1, "a zone is wanted", "name its grid zone, for example DE"))?;
    let pue = text(2).and_then(|text| text.parse().ok()).and_then(|ratio| Pue::new(ratio).ok());
    let pue = pue.ok_or_else(|| refuse(2, "not a PUE", "give facility over IT energy, 1 or more, for example 1.12"))?;
    let accelerators = text(3).and_then(|text| text.parse().ok());
    let accelerators = accelerators
        .filter(|&count: &u32| i32::try_from(count).is_ok())
        .ok_or_else(|| refuse(3, "not a count", "give a whole number of accelerators, for example 512"))?;
    let usd_per_kwh =
        match text(6) {
            None => None,
            Some(price) => Some(price.parse().ok().filter(|price: &f64| price.is_finite()).ok_or_else(|| {
                refuse(6, "not a price", "give US dollars a kWh, for example 0.08, or leave it empty")
            })?),
        };
    let pue_curve = match text(8) {
        None => Vec::new(),
        Some(points) => curve(&points).ok_or_else(|| {
            refuse(8, "not a curve", "give two points or more, °C:PUE, the coldest first: -10:1.08|20:1.12|35:1.30")
        })?,
    };
    Ok(SiteRow {
        name,
        zone: ZoneId::new(zone),
        pue,
        accelerators,
        accelerator: text(4),
        region: text(5),
        usd_per_kwh: usd_per_kwh.map(UsdPerKwh::from_usd_per_kwh),
        backend: text(7),
        pue_curve,
    })
}

/// Points that ascend in temperature, each with a PUE that can be.
fn curve(text: &str) -> Option<Vec<(f64, f64)>> {
    let point = |part: &str| {
        let (at_c, ratio) = part.split_once(':')?;
        let ratio = Pue::new(ratio.trim().parse().ok()?).ok()?;
        Some((at_c.trim().parse().ok().filter(|at_c: &f64| at_c.is_finite())?, ratio.ratio()))
    };
    let points: Vec<(f64, f64)> = text.split('|').map(point).collect::<Option<_>>()?;
    (points.len() >= 2 && points.is_sorted_by(|one, next| one.0 < next.0)).then_some(points)
}
