//! The platform's XML.
//!
//! In: a document's text. Out: its series, expanded and in UTC; or that there is no data; or why it was refused. Names
//! are read without their namespace, which changes from version to version.

use crate::json::stamp;
use greenwich_grid::Fuel;
use jiff::{SignedDuration, Timestamp};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Codes of production types.
pub(super) const FUELS: [(&str, Fuel); 21] = [
    ("B01", Fuel::Biomass),
    ("B02", Fuel::Lignite),
    ("B03", Fuel::CoalGas),
    ("B04", Fuel::Gas),
    ("B05", Fuel::Coal),
    ("B06", Fuel::Oil),
    ("B07", Fuel::OilShale),
    ("B08", Fuel::Peat),
    ("B09", Fuel::Geothermal),
    ("B10", Fuel::PumpedHydro),
    ("B11", Fuel::Hydro),
    ("B12", Fuel::Hydro),
    ("B13", Fuel::Ocean),
    ("B14", Fuel::Nuclear),
    ("B15", Fuel::OtherRenewable),
    ("B16", Fuel::Solar),
    ("B17", Fuel::Waste),
    ("B18", Fuel::WindOffshore),
    ("B19", Fuel::WindOnshore),
    ("B20", Fuel::Other),
    ("B25", Fuel::Storage),
];

/// What a document says.
#[derive(Debug, PartialEq)]
pub(super) enum Document {
    /// Series of values.
    Series(Vec<Series>),
    /// There are none of what was asked.
    NoData,
    /// Something else is wrong, in its words.
    Refused(String),
}

/// One period of one series.
#[derive(Debug, PartialEq)]
pub(super) struct Series {
    pub(super) fuel: Option<String>,
    pub(super) is_consumption: bool,
    pub(super) currency: Option<String>,
    pub(super) step: SignedDuration,
    pub(super) values: Vec<(Timestamp, f64)>,
}

/// What is known of the series being read.
#[derive(Default)]
struct Head {
    fuel: Option<String>,
    out_domain: bool,
    in_domain: bool,
    currency: Option<String>,
    curve: Option<String>,
    unit: Option<String>,
}

#[derive(Default)]
struct Period {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    resolution: Option<String>,
    points: Vec<(usize, f64)>,
    position: Option<usize>,
    value: Option<f64>,
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Document, String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let (mut head, mut period) = (Head::default(), Period::default());
    let mut series = Vec::new();
    let (mut acknowledged, mut code, mut says) = (false, String::new(), String::new());
    let mut seen_root = false;
    loop {
        match reader.read_event().map_err(|_| format!("broken XML at byte {}", reader.error_position()))? {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                if path.is_empty() {
                    seen_root = true;
                    acknowledged = name == "Acknowledgement_MarketDocument";
                    if !acknowledged && !name.ends_with("_MarketDocument") {
                        return Err(format!("a document `{}`", name.chars().take(40).collect::<String>()));
                    }
                }
                match name.as_str() {
                    "TimeSeries" => head = Head::default(),
                    "Period" => period = Period::default(),
                    "Point" => (period.position, period.value) = (None, None),
                    _ => {}
                }
                path.push(name);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| "XML that is not UTF-8".to_owned())?;
                let text = text.trim();
                if !text.is_empty() {
                    leaf(&path, text, &mut head, &mut period)?;
                    match path.last().map(String::as_str) {
                        Some("code") => text.clone_into(&mut code),
                        // An `&amp;` cuts it in two.
                        Some("text") => says.extend([text, " "]),
                        _ => {}
                    }
                }
            }
            Event::End(_) => match path.pop().as_deref() {
                Some("Point") => {
                    let position = period.position.take().ok_or("a point without `position`")?;
                    if let Some(value) = period.value.take() {
                        period.points.push((position, value));
                    }
                }
                Some("Period") => series.push(expand(&head, &std::mem::take(&mut period))?),
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    if !path.is_empty() || !seen_root {
        return Err(if seen_root { "XML that is cut off".to_owned() } else { "an empty document".to_owned() });
    }
    match (acknowledged, code.as_str()) {
        (false, _) => Ok(Document::Series(series)),
        (true, "999") if says.contains("No matching data") => Ok(Document::NoData),
        (true, _) => {
            Ok(Document::Refused(says.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()))
        }
    }
}

/// Takes the text of a leaf to its place.
fn leaf(path: &[String], text: &str, head: &mut Head, period: &mut Period) -> Result<(), String> {
    let name = path.last().map_or("", String::as_str);
    let inside = |parent: &str| path.iter().rev().nth(1).is_some_and(|above| above == parent);
    match name {
        "psrType" => head.fuel = Some(text.to_owned()),
        "outBiddingZone_Domain.mRID" => head.out_domain = true,
        "inBiddingZone_Domain.mRID" => head.in_domain = true,
        "currency_Unit.name" => head.currency = Some(text.to_owned()),
        "curveType" => head.curve = Some(text.to_owned()),
        "quantity_Measure_Unit.name" | "price_Measure_Unit.name" => head.unit = Some(text.to_owned()),
        "start" if inside("timeInterval") => period.start = stamp(text),
        "end" if inside("timeInterval") => period.end = stamp(text),
        "resolution" => period.resolution = Some(text.to_owned()),
        "position" => period.position = Some(text.parse().map_err(|_| format!("position `{text}`"))?),
        "quantity" | "price.amount" => {
            let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
            period.value = Some(value.ok_or_else(|| format!("`{text}` in the place of a number"))?);
        }
        _ => {}
    }
    Ok(())
}

/// The longest period that is expanded: a year of minutes.
const MOST_POINTS: i64 = 366 * 24 * 60;

fn expand(head: &Head, period: &Period) -> Result<Series, String> {
    let (Some(start), Some(end)) = (period.start, period.end) else {
        return Err("a period without its interval".into());
    };
    let step = match period.resolution.as_deref() {
        Some("PT1M") => SignedDuration::from_mins(1),
        Some("PT5M") => SignedDuration::from_mins(5),
        Some("PT15M") => SignedDuration::from_mins(15),
        Some("PT30M") => SignedDuration::from_mins(30),
        Some("PT60M" | "PT1H") => SignedDuration::from_hours(1),
        other => return Err(format!("the resolution {}", other.unwrap_or("of none"))),
    };
    if let Some(unit) = head.unit.as_deref().filter(|unit| !matches!(*unit, "MAW" | "MWH")) {
        return Err(format!("the unit `{unit}`"));
    }
    let count = end.duration_since(start).as_secs() / step.as_secs();
    if !(0..=MOST_POINTS).contains(&count) {
        return Err(format!("a period from {start} to {end}"));
    }
    let count = count as usize;
    let mut cells: Vec<Option<f64>> = vec![None; count];
    for (position, value) in &period.points {
        let index = position.checked_sub(1).ok_or("position 0")?;
        *cells.get_mut(index).ok_or_else(|| format!("position {position} of {count}"))? = Some(*value);
    }
    if head.curve.as_deref() == Some("A03") {
        let mut held = None;
        for cell in &mut cells {
            held = cell.or(held);
            *cell = held;
        }
    }
    let value = |(index, cell): (usize, Option<f64>)| Some((start + step * index as i32, cell?));
    Ok(Series {
        fuel: head.fuel.clone(),
        is_consumption: head.out_domain && !head.in_domain,
        currency: head.currency.clone(),
        step,
        values: cells.into_iter().enumerate().filter_map(value).collect(),
    })
}
