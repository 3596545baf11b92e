//! Files: a folder by zone, of CSV or JSON, gzipped or not, or of Parquet.
//!
//! In: `<zone>.csv`, `.csv.gz`, `.json`, `.json.gz` or `.parquet`, each row the start of its interval, with `utc` and any of
//! `gco2e_per_kwh` (lifecycle), `gco2_direct_per_kwh`, `gco2e_marginal_per_kwh`, `price_eur_per_mwh`,
//! `price_usd_per_mwh`, `load_mw`; `estimated` is 1 where the value was. JSON is a list of objects with these keys.
//! Out: the same as from any provider. An empty cell, or null, is a gap.

mod parquet;

use crate::door::Door;
use crate::error::ProviderError;
use crate::json::{number, stamp, steps_s};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, LIFECYCLE, MARGINAL, Provider, not_covered};
use flate2::read::MultiGzDecoder;
use greenwich_core::ZoneId;
use greenwich_grid::{Currency, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

static ABOUT: About = About {
    id: "files",
    title: "files of one's own",
    base: "",
    base_variables: &["GREENWICH_SIGNALS"],
    key_variables: &[],
    pace: Duration::ZERO,
    licence: "one's own",
    covers: "the zones that its folder has a file of, once GREENWICH_SIGNALS names the folder",
    page: "docs/guide/providers/files.md",
};
const ENDINGS: [&str; 5] = ["csv", "csv.gz", "json", "json.gz", PARQUET];
const PARQUET: &str = "parquet";
const MOST_BYTES: u64 = 512 << 20;

/// A folder of files.
#[derive(Debug, Clone)]
pub struct Files {
    folder: Option<PathBuf>,
}

impl Files {
    /// Reads from a folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn file(&self, zone: &ZoneId) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        ENDINGS.iter().map(|ending| folder.join(format!("{zone}.{ending}"))).find(|path| path.is_file())
    }
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == PARQUET)
}

fn column(quantity: &Quantity) -> Option<&'static str> {
    Some(match quantity {
        wanted if *wanted == LIFECYCLE => "gco2e_per_kwh",
        wanted if *wanted == DIRECT => "gco2_direct_per_kwh",
        wanted if *wanted == MARGINAL => "gco2e_marginal_per_kwh",
        Quantity::Price(currency) => match currency.as_str() {
            "EUR" => "price_eur_per_mwh",
            "USD" => "price_usd_per_mwh",
            _ => return None,
        },
        Quantity::Load => "load_mw",
        _ => return None,
    })
}

fn quantities() -> Vec<Quantity> {
    let usd = Currency::of("USD").expect("three letters");
    vec![LIFECYCLE, DIRECT, MARGINAL, Quantity::Price(Currency::EUR), Quantity::Price(usd), Quantity::Load]
}

impl Provider for Files {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        let Some(path) = self.file(zone) else { return Vec::new() };
        let head = if is_parquet(&path) {
            fs::read(&path).map(|bytes| parquet::columns(bytes).join(",")).unwrap_or_default()
        } else {
            text(&path).map(|text| text.chars().take(4096).collect()).unwrap_or_default()
        };
        let named = |quantity: &Quantity| column(quantity).is_some_and(|name| head.contains(name));
        quantities().into_iter().filter(named).collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let path = self.file(&ask.zone).ok_or_else(|| not_covered(&ABOUT, ask))?;
        let column = column(&ask.quantity).ok_or_else(|| not_covered(&ABOUT, ask))?;
        let refuse = |line: u64, problem: String, mend: &str| ProviderError::File {
            file: path.display().to_string(),
            line,
            problem,
            mend: mend.to_owned(),
        };
        let is_json = ENDINGS[2..4].iter().any(|ending| path.display().to_string().ends_with(ending));
        let rows = if is_parquet(&path) {
            parquet::rows(fs::read(&path).map_err(|error| ProviderError::store("read", &path, &error))?, column)
        } else if is_json {
            json_rows(&text(&path)?, column)
        } else {
            csv_rows(&text(&path)?, column)
        };
        let mut rows = match rows {
            Ok(Some(rows)) => rows,
            Ok(None) => return Err(not_covered(&ABOUT, ask)),
            Err((line, problem)) => {
                return Err(refuse(line, problem, "write UTC as in 2026-01-31T23:00:00Z, and numbers or empty cells"));
            }
        };
        rows.sort_by_key(|(start, ..)| *start);
        let starts: Vec<i64> = rows.iter().map(|(start, ..)| start.as_second()).collect();
        let mut distinct = starts.clone();
        distinct.dedup();
        let steps = steps_s(&distinct);
        let mut found = Gathered::default();
        for (start, value, state) in rows {
            let at = distinct.binary_search(&start.as_second()).expect("it is one of them");
            found.push(Point { start, step: SignedDuration::from_secs(steps[at]), value, state });
        }
        found.answer(&ABOUT, ask, door.now())
    }
}

fn text(path: &Path) -> Result<String, ProviderError> {
    let refuse = |problem: String| ProviderError::File {
        file: path.display().to_string(),
        line: 0,
        problem,
        mend: "save it as UTF-8 text, gzipped only if its name ends in .gz".to_owned(),
    };
    let bytes = fs::read(path).map_err(|error| ProviderError::store("read", path, &error))?;
    let mut text = String::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let mut reader = MultiGzDecoder::new(bytes.as_slice()).take(MOST_BYTES);
        reader
            .read_to_string(&mut text)
            .map_err(|error| refuse(format!("it is no whole gzip file of text: {error}")))?;
        return Ok(text);
    }
    String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))
}

/// Start, value and state of an interval.
type Row = (Timestamp, Option<f64>, State);

/// The rows of a column; `None` where the file has no such column. An error names line and problem.
fn csv_rows(text: &str, column: &str) -> Result<Option<Vec<Row>>, (u64, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let told =
        |error: &csv::Error| (error.position().map_or(0, csv::Position::line), "a row of another width".to_owned());
    let headers = reader.headers().map_err(|error| told(&error))?.clone();
    let find = |name: &str| headers.iter().position(|header| header == name);
    let utc = find("utc").ok_or((1, "there is no column `utc`".to_owned()))?;
    let Some(value_at) = find(column) else { return Ok(None) };
    let estimated = find("estimated");
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| told(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let at = stamp(&record[utc]).ok_or_else(|| (line, format!("`{}` is no instant", &record[utc])))?;
        let value = number(&Value::from(&record[value_at])).map_err(|problem| (line, problem))?;
        let guessed = estimated.is_some_and(|index| matches!(&record[index], "1" | "true"));
        rows.push((at, value, if guessed { State::Estimated } else { State::Measured }));
    }
    Ok(Some(rows))
}

fn json_rows(text: &str, column: &str) -> Result<Option<Vec<Row>>, (u64, String)> {
    let json: Value =
        serde_json::from_str(text).map_err(|error| (error.line() as u64, "it is no JSON from here".to_owned()))?;
    let items = json.as_array().ok_or((0, "it is no list".to_owned()))?;
    if items.iter().all(|item| item.get(column).is_none()) {
        return Ok(None);
    }
    let mut rows = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let line = index as u64 + 1;
        let at = item["utc"].as_str().and_then(stamp).ok_or((line, "an item without an instant `utc`".to_owned()))?;
        let value = number(&item[column]).map_err(|problem| (line, problem))?;
        let guessed = item["estimated"].as_bool() == Some(true) || item["estimated"].as_i64() == Some(1);
        rows.push((at, value, if guessed { State::Estimated } else { State::Measured }));
    }
    Ok(Some(rows))
}
