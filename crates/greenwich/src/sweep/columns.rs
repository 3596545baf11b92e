//! The rows of a sweep as a file, CSV or Parquet by its name's end.
//!
//! In: outcomes, some thousand at a time. Out: a file of the columns of [`COLUMNS`], there whole or not at all. CSV has six
//! significant figures and empty cells for what is not known; Parquet has full precision and nulls.

use super::grid::Named;
use crate::error::Error;
use crate::job_file::RECOMPUTE;
use greenwich_core::quantity::{AcceleratorHours, Co2e, FacilityEnergy, Hours, ItEnergy, Power, Pue, Usd, Water};
use greenwich_core::range::Quantity;
use greenwich_core::{RegionId, Tier, ZoneId};
use greenwich_estimate::roofline::{Recompute, Sharing};
use greenwich_estimate::sweep::{Outcome, Point, Refusal};
use greenwich_estimate::{EstimateError, LogNormal};
use greenwich_store::figures::{FigureTable, Kind, Values};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Every column: its name, which ends in its unit, what it holds, and what it means. Quantities have three each, `_p5`,
/// `_p50` and `_p95`.
pub const COLUMNS: [(&str, &str); 20] = [
    ("chip", "accelerator"),
    ("precision", "number format"),
    ("count", "accelerators"),
    ("tensor", "tensor parallel size; empty without a layout"),
    ("pipeline", "pipeline parallel size; empty without a layout"),
    ("data", "data parallel size; empty without a layout"),
    ("context", "context parallel size; empty without a layout"),
    (
        "expert",
        "expert parallel size, inside the data parallel; this and the next four as asked for or as the roofline chose, empty where it timed no layout",
    ),
    ("zero", "ZeRO stage"),
    ("recompute", "`none`, `selective` or `full`: what is computed again on the way back"),
    ("micro_batch", "sequences that pass at once"),
    ("interleave", "pieces of the pipeline on each accelerator"),
    ("region", "cloud region; empty for a zone or a site of one's own"),
    ("zone", "grid zone"),
    ("datacenter", "kind of site or PUE that was asked for; empty where the place has its own"),
    ("pue", "facility over IT energy, median"),
    ("status", "`ok`, or why it cannot be: `does_not_fit`, `layout`, `no_peak`, `no_power`, `not_offered`, `refused`"),
    ("reason", "the same in words; empty where it is ok"),
    ("least_count", "fewest accelerators on which the model fits, where it does not; empty if none would do"),
    ("tier", "`T0` to `T3`: how much was known"),
];
/// The quantities, each with its boundary.
pub const QUANTITIES: [(&str, &str); 10] = [
    ("hours", "wall clock, running"),
    ("accelerator_hours", "hours × accelerators"),
    ("mean_power_w", "per accelerator, whole system, before PUE"),
    ("it_energy_kwh", "before PUE"),
    ("facility_energy_kwh", "after PUE"),
    ("location_based_co2e_kg", "Scope 2 by grid average"),
    ("market_based_co2e_kg", "Scope 2 by contracts"),
    ("embodied_co2e_kg", "share of the hardware's manufacture"),
    ("water_l", "on site and at the power plants"),
    ("cost_usd", "at dated list prices"),
];
const PERCENTILES: [&str; 3] = ["p5", "p50", "p95"];

/// Names of all columns in their order.
pub fn names() -> Vec<String> {
    let quantities = QUANTITIES.iter().flat_map(|(name, _)| PERCENTILES.map(|end| format!("{name}_{end}")));
    COLUMNS.iter().map(|(name, _)| (*name).to_owned()).chain(quantities).collect()
}

fn kinds() -> Vec<Kind> {
    let of = |name: &str| match name {
        "count" | "tensor" | "pipeline" | "data" | "context" | "expert" | "zero" | "micro_batch" | "interleave"
        | "least_count" => Kind::Whole,
        "reason" => Kind::Text,
        "pue" => Kind::Real,
        _ => Kind::Word,
    };
    let reals = std::iter::repeat_n(Kind::Real, QUANTITIES.len() * PERCENTILES.len());
    COLUMNS.iter().map(|(name, _)| of(name)).chain(reals).collect()
}

/// What a refusal is called in the file.
pub(super) const fn status(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotOffered => "not_offered",
        Refusal::LayoutTooLarge { .. } | Refusal::Estimate(EstimateError::DoesNotFit { .. }) => "does_not_fit",
        Refusal::Estimate(EstimateError::LayoutMismatch { .. }) => "layout",
        Refusal::Estimate(EstimateError::NoPeak { .. }) => "no_peak",
        Refusal::Estimate(EstimateError::NoPower { .. }) => "no_power",
        Refusal::Estimate(_) => "refused",
    }
}

/// The same in words.
pub(super) fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotOffered => "its maker rents it in its own regions alone".to_owned(),
        Refusal::LayoutTooLarge { needs_gb, has_gb } => {
            format!("the layout needs {needs_gb:.1} GB on each accelerator, which has {has_gb:.0} GB")
        }
        Refusal::Estimate(error) => error.to_string(),
    }
}

const STATUSES: [&str; 7] = ["ok", "not_offered", "does_not_fit", "layout", "no_peak", "no_power", "refused"];
const TIERS: [Tier; 4] = [Tier::T0, Tier::T1, Tier::T2, Tier::T3];

/// One cell.
enum Cell<'a> {
    Word(u16),
    Text(Option<&'a str>),
    Whole(Option<u32>),
    Real(Option<f64>),
}

/// Makes cells of outcomes: the texts that repeat, and where each part of the grid has its own among them.
#[derive(Debug)]
pub(super) struct Scribe {
    words: Vec<String>,
    machines: Vec<[u16; 2]>,
    /// Region, zone and kind of site of each place, and its PUE.
    places: Vec<([u16; 3], f64)>,
    statuses: HashMap<&'static str, u16>,
    tiers: [u16; 4],
    recomputes: [(Recompute, u16); 3],
    nothing: u16,
}

impl Scribe {
    pub(super) fn new(named: &Named) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut known: HashMap<String, u16> = HashMap::new();
        let mut word = |text: &str| {
            *known.entry(text.to_owned()).or_insert_with(|| {
                words.push(text.to_owned());
                u16::try_from(words.len() - 1).expect("the catalog has far fewer names")
            })
        };
        let nothing = word("");
        let machines = named.machines.iter().map(|name| [word(name.chip.as_str()), word(name.precision.as_str())]);
        let machines = machines.collect();
        let pues = named.grid.places().iter().map(|site| Pue::ratio(site.pue.median()));
        let places = named.places.iter().zip(pues).map(|(name, pue)| {
            let region = word(name.region.as_ref().map_or("", RegionId::as_str));
            let zone = word(name.zone.as_ref().map_or("", ZoneId::as_str));
            ([region, zone, word(&name.datacenter)], pue)
        });
        let places = places.collect();
        let statuses = STATUSES.map(|status| (status, word(status))).into();
        let tiers = TIERS.map(|tier| word(&tier.to_string()));
        let recomputes = RECOMPUTE.map(|(name, policy)| (policy, word(name)));
        Self { words, machines, places, statuses, tiers, recomputes, nothing }
    }

    fn cells(&self, point: &Point, outcome: &Outcome, put: &mut impl FnMut(Cell<'_>)) {
        let [chip, precision] = self.machines[point.machine];
        let ([region, zone, datacenter], pue) = self.places[point.place];
        put(Cell::Word(chip));
        put(Cell::Word(precision));
        put(Cell::Whole(Some(point.count)));
        let layout = point.layout;
        put(Cell::Whole(layout.map(|layout| layout.tensor)));
        put(Cell::Whole(layout.map(|layout| layout.pipeline)));
        put(Cell::Whole(layout.map(|layout| layout.data)));
        put(Cell::Whole(layout.map(|layout| layout.context)));
        let sharing = point.sharing;
        put(Cell::Whole(sharing.map(|sharing| sharing.expert)));
        put(Cell::Whole(sharing.map(|sharing| u32::from(sharing.zero))));
        let recompute = |sharing: Sharing| self.recomputes.iter().find(|(policy, _)| *policy == sharing.recompute);
        put(Cell::Word(sharing.and_then(recompute).map_or(self.nothing, |(_, word)| *word)));
        put(Cell::Whole(sharing.map(|sharing| sharing.micro_batch)));
        put(Cell::Whole(sharing.map(|sharing| sharing.interleave)));
        put(Cell::Word(region));
        put(Cell::Word(zone));
        put(Cell::Word(datacenter));
        put(Cell::Real(Some(pue)));
        match outcome {
            Ok(found) => {
                put(Cell::Word(self.statuses["ok"]));
                put(Cell::Text(None));
                put(Cell::Whole(None));
                put(Cell::Word(self.tiers[TIERS.iter().position(|tier| *tier == found.tier).unwrap_or(0)]));
                ends(Some(found.hours), Hours::hours, put);
                ends(Some(found.accelerator_hours), AcceleratorHours::hours, put);
                ends(Some(found.mean_power), Power::watts, put);
                ends(Some(found.it_energy), ItEnergy::kwh, put);
                ends(Some(found.facility_energy), FacilityEnergy::kwh, put);
                ends(found.location_based, Co2e::kg, put);
                ends(found.market_based, Co2e::kg, put);
                ends(found.embodied, Co2e::kg, put);
                ends(found.water, Water::litres, put);
                ends(found.cost, Usd::usd, put);
            }
            Err(refusal) => {
                put(Cell::Word(self.statuses[status(refusal)]));
                put(Cell::Text(Some(&reason(refusal))));
                put(Cell::Whole(match refusal {
                    Refusal::Estimate(EstimateError::DoesNotFit { least_count, .. }) => *least_count,
                    _ => None,
                }));
                put(Cell::Word(self.nothing));
                for _ in 0..QUANTITIES.len() * PERCENTILES.len() {
                    put(Cell::Real(None));
                }
            }
        }
    }
}

/// The three percentiles of a quantity in the unit of its column.
fn ends<Q: Quantity>(quantity: Option<LogNormal<Q>>, unit: impl Fn(Q) -> f64, put: &mut impl FnMut(Cell<'_>)) {
    let range = quantity.map(LogNormal::range);
    put(Cell::Real(range.map(|range| unit(range.p5))));
    put(Cell::Real(range.map(|range| unit(range.p50))));
    put(Cell::Real(range.map(|range| unit(range.p95))));
}

/// Rows on their way to a file.
#[derive(Debug)]
pub(super) enum Rows {
    /// As they will stand there.
    Csv(Vec<u8>),
    /// Column by column.
    Parquet(Vec<Values>),
}

impl Rows {
    pub(super) fn none(form: Form) -> Self {
        match form {
            Form::Csv => Self::Csv(Vec::new()),
            Form::Parquet => Self::Parquet(kinds().into_iter().map(Values::of).collect()),
        }
    }

    pub(super) fn push(&mut self, scribe: &Scribe, point: &Point, outcome: &Outcome) {
        match self {
            Self::Csv(bytes) => {
                scribe.cells(point, outcome, &mut |cell| {
                    match cell {
                        Cell::Word(at) => quoted(bytes, &scribe.words[usize::from(at)]),
                        Cell::Text(text) => quoted(bytes, text.unwrap_or_default()),
                        // Writing to a vector cannot fail.
                        Cell::Whole(number) => _ = number.map(|number| write!(bytes, "{number}")),
                        Cell::Real(number) => _ = number.map(|number| six(bytes, number)),
                    }
                    bytes.push(b',');
                });
                bytes.pop();
                bytes.push(b'\n');
            }
            Self::Parquet(columns) => {
                let mut columns = columns.iter_mut();
                scribe.cells(point, outcome, &mut |cell| match (columns.next(), cell) {
                    (Some(Values::Word(rows)), Cell::Word(at)) => rows.push(at),
                    (Some(Values::Text(rows)), Cell::Text(text)) => rows.push(text.map(str::to_owned)),
                    (Some(Values::Whole(rows)), Cell::Whole(number)) => rows.push(number.map(i64::from)),
                    (Some(Values::Real(rows)), Cell::Real(number)) => rows.push(number),
                    _ => unreachable!("cells come in the order and of the kinds of the columns"),
                });
            }
        }
    }
}

/// A text of a CSV cell, between quotes where it needs them.
fn quoted(bytes: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        bytes.push(b'"');
        bytes.extend(text.replace('"', "\"\"").bytes());
        bytes.push(b'"');
    } else {
        bytes.extend(text.bytes());
    }
}

/// Six significant figures, without an exponent and without zeros at the end.
fn six(bytes: &mut Vec<u8>, number: f64) {
    let magnitude = if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 };
    let decimals = (5 - magnitude).clamp(0, 12) as usize;
    let begin = bytes.len();
    // Writing to a vector cannot fail.
    if decimals == 0 {
        let unit = 10f64.powi((magnitude - 5).max(0));
        _ = write!(bytes, "{:.0}", (number / unit).round() * unit);
    } else {
        _ = write!(bytes, "{number:.decimals$}");
    }
    if bytes[begin..].contains(&b'.') {
        while bytes.last() == Some(&b'0') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'.') {
            bytes.pop();
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated text.
    Csv,
    /// Parquet, compressed by zstd.
    Parquet,
}

impl Form {
    /// By the end of a file's name.
    ///
    /// # Errors
    /// [`Error::Write`] where it is neither `.csv` nor `.parquet`.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::Write {
                file: path.display().to_string(),
                reason: "its name says neither CSV nor Parquet".to_owned(),
                mend: "write --out sweep.csv or --out sweep.parquet",
            }),
        }
    }
}

/// The file that is being written, beside its name until it is whole.
#[derive(Debug)]
pub(super) struct Sink {
    path: PathBuf,
    beside: PathBuf,
    /// Gone once the file is whole.
    pen: Option<Pen>,
}

#[derive(Debug)]
enum Pen {
    Csv(BufWriter<File>),
    Parquet(Box<FigureTable<BufWriter<File>>>),
}

impl Sink {
    pub(super) fn open(path: &Path, form: Form, scribe: &Scribe, job: &str) -> Result<Self, Error> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let open = || -> io::Result<Pen> {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&beside)?);
            let names = names();
            Ok(match form {
                Form::Csv => {
                    writeln!(file, "{}", names.join(","))?;
                    Pen::Csv(file)
                }
                Form::Parquet => {
                    let columns: Vec<(&str, Kind)> = names.iter().map(String::as_str).zip(kinds()).collect();
                    let about = vec![("schema", "greenwich.sweep/1".to_owned()), ("job", job.to_owned())];
                    Pen::Parquet(Box::new(FigureTable::new(file, &columns, &scribe.words, about)?))
                }
            })
        };
        match open() {
            Ok(pen) => Ok(Self { path: path.to_owned(), beside, pen: Some(pen) }),
            Err(error) => {
                // It may have been made before it could not be written.
                _ = std::fs::remove_file(&beside);
                Err(unwritten(path, &error))
            }
        }
    }

    pub(super) fn write(&mut self, rows: Rows) -> Result<(), Error> {
        let written = match (&mut self.pen, rows) {
            (Some(Pen::Csv(file)), Rows::Csv(bytes)) => file.write_all(&bytes),
            (Some(Pen::Parquet(table)), Rows::Parquet(columns)) => table.group(columns),
            _ => unreachable!("rows are made for the form of their file"),
        };
        written.map_err(|error| unwritten(&self.path, &error))
    }

    /// Ends the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let ended = match self.pen.take() {
            Some(Pen::Csv(mut file)) => file.flush(),
            Some(Pen::Parquet(table)) => table.finish().map(drop),
            None => Ok(()),
        };
        ended.and_then(|()| std::fs::rename(&self.beside, &self.path)).map_err(|error| {
            _ = std::fs::remove_file(&self.beside);
            unwritten(&self.path, &error)
        })
    }
}

impl Drop for Sink {
    /// What was begun and not ended leaves nothing.
    fn drop(&mut self) {
        if self.pen.is_some() {
            _ = std::fs::remove_file(&self.beside);
        }
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    Error::Write {
        file: path.display().to_string(),
        reason: error.to_string(),
        mend: "name a file in a folder that exists and that you may write to",
    }
}
