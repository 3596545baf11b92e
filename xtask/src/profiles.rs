//! Makes `typical_profiles.csv`: month × hour-of-day means of the hourly traces.
//!
//! In: a folder with `grid/<zone>.csv.gz` and `other/eia2022-<area>.csv.gz`. Out: 288 rounded means a zone
//! and scope, with the years averaged and the source, and never an hourly value. The same traces give
//! the same bytes.
//!
//! Both scopes are from EIA-930 where we hold it ([`eia_930`]), else from the zone's own trace where it has
//! them: lifecycle and direct of one zone are of one basis. An hour without a value is left out of its
//! mean. A zone whose every hour is one value has no shape to show and is left out.

mod eia_930;

use anyhow::{Context, Result, anyhow, bail, ensure};
use eia_930::{Factors, Mix};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const OUT: &str = "crates/greenwich-facts/data/typical_profiles.csv";
const ZONE_NAMES: &str = "crates/greenwich-facts/data/zone_names.csv";
const FUELS: &str = "crates/greenwich-facts/data/fuels.csv";
pub(crate) const DEFAULT_DATA: &str = "../shared/data";

/// Balancing areas of EIA-930 and the zones that they are.
const EIA_AREAS: [(&str, &str); 7] = [
    ("AZPS", "US-SW-AZPS"),
    ("BPAT", "US-NW-BPAT"),
    ("CISO", "US-CAL-CISO"),
    ("ERCO", "US-TEX-ERCO"),
    ("NYIS", "US-NY-NYIS"),
    ("PJM", "US-MIDA-PJM"),
    ("SOCO", "US-SE-SOCO"),
];

/// Traces whose file has another name than the zone that its figures are of.
const RENAMED: [(&str, &str); 2] = [("BR-SP", "BR-CS"), ("CL-SIC", "CL-SEN")];

/// The source of a grid trace, told by the years that it holds.
const SOURCES_BY_YEARS: [((i16, i16), &str); 2] = [((2021, 2023), "em-2021-2023"), ((2022, 2022), "em-2022")];
const EIA_SOURCE: &str = "eia-930-2022";

/// Picks one of lifecycle and direct.
type Pick = fn((f64, f64)) -> f64;
const EIA_SCOPES: [(&str, Pick); 2] = [("lifecycle", |both| both.0), ("direct", |both| both.1)];

/// One zone's means under one scope.
#[derive(Debug, Clone, PartialEq)]
struct Profile {
    from_year: i16,
    to_year: i16,
    source: &'static str,
    g_per_kwh: [[f64; 24]; 12],
}

/// What a trace gave.
#[derive(Debug, PartialEq)]
enum Shape {
    Means {
        from_year: i16,
        to_year: i16,
        g_per_kwh: Box<[[f64; 24]; 12]>,
    },
    /// Every hour has the same value.
    Constant,
}

type Profiles = BTreeMap<(String, &'static str), Profile>;

/// Runs `cargo xtask profiles [--data DIR] [--check]`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let root = root();
    let mut data = root.join(DEFAULT_DATA);
    let mut check = false;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--data" => data = PathBuf::from(words.next().context("--data needs the folder with grid/ and other/")?),
            "--check" => check = true,
            other => bail!("unknown argument `{other}`: write --data DIR or --check"),
        }
    }
    let (profiles, constant) = from_folder(&data)?;
    let zones: BTreeSet<&str> = profiles.keys().map(|(zone, _)| zone.as_str()).collect();
    let names = fs::read_to_string(root.join(ZONE_NAMES)).with_context(|| format!("cannot read {ZONE_NAMES}"))?;
    let known: BTreeSet<&str> = names.lines().filter_map(|line| line.split(',').next()).collect();
    if let Some(stranger) = zones.iter().find(|zone| !known.contains(**zone)) {
        bail!("zone `{stranger}` has a trace and no row in {ZONE_NAMES}: add it there, or rename the trace here");
    }
    let made = render(&profiles);
    let direct = profiles.keys().filter(|(_, scope)| *scope == "direct").count();
    eprintln!(
        "{} zones, {direct} of them with direct as well; left out as constant: {}",
        zones.len(),
        constant.join(", ")
    );
    let out = root.join(OUT);
    let same = fs::read_to_string(&out).is_ok_and(|there| there == made);
    match (same, check) {
        (true, _) => eprintln!("{OUT} is current"),
        (false, true) => bail!("{OUT} would change: run `cargo xtask profiles` and commit it"),
        (false, false) => {
            fs::write(&out, made).with_context(|| format!("cannot write {OUT}"))?;
            eprintln!("{OUT} written");
        }
    }
    Ok(())
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_owned()
}

/// The profiles of every trace in the folder, and the zones left out because they are constant.
fn from_folder(data: &Path) -> Result<(Profiles, Vec<String>)> {
    let mut profiles = Profiles::new();
    let mut constant = Vec::new();
    for path in traces(&data.join("grid"))? {
        let file_zone = stem(&path)?;
        let zone = RENAMED.iter().find(|(file, _)| *file == file_zone).map_or(file_zone, |(_, zone)| zone);
        let text = gunzip(&path)?;
        let header = text.lines().next().unwrap_or_default();
        for (scope, column) in [("lifecycle", "gco2e_per_kwh"), ("direct", "gco2_direct_per_kwh")] {
            if scope == "direct" && !header.split(',').any(|name| name == column) {
                continue;
            }
            let shape = shape(&text, column).with_context(|| format!("in {}", path.display()))?;
            let Shape::Means { from_year, to_year, g_per_kwh } = shape else {
                constant.push(zone.to_owned());
                continue;
            };
            let source = SOURCES_BY_YEARS.iter().find(|(years, _)| *years == (from_year, to_year));
            let Some((_, source)) = source else {
                bail!("{} holds {from_year} to {to_year}: name the source of such traces here", path.display());
            };
            profiles.insert((zone.to_owned(), scope), Profile { from_year, to_year, source, g_per_kwh: *g_per_kwh });
        }
    }
    let fuels = fs::read_to_string(root().join(FUELS)).with_context(|| format!("cannot read {FUELS}"))?;
    let factors = Factors::read(&fuels).with_context(|| format!("in {FUELS}"))?;
    for (area, zone) in EIA_AREAS {
        let path = data.join("other").join(format!("eia2022-{area}.csv.gz"));
        let text = gunzip(&path)?;
        for (scope, pick) in EIA_SCOPES {
            let shape = mix_shape(&text, &factors, pick).with_context(|| format!("in {}", path.display()))?;
            let Shape::Means { from_year, to_year, g_per_kwh } = shape else {
                bail!("{} is constant, which a mix of fuels is not", path.display());
            };
            let profile = Profile { from_year, to_year, source: EIA_SOURCE, g_per_kwh: *g_per_kwh };
            profiles.insert((zone.to_owned(), scope), profile);
        }
    }
    Ok((profiles, constant))
}

/// The folder's traces, by name, so that the order of the file system does not matter.
pub(crate) fn traces(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| {
        format!("cannot read {}: give the folder with grid/ and other/ as --data", folder.display())
    })?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".csv.gz") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str()).context("a trace is named in UTF-8")?;
    Ok(name.strip_suffix(".csv.gz").unwrap_or(name))
}

pub(crate) fn gunzip(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

/// The month × hour means of a column; empty and NaN cells are left out.
fn shape(text: &str, column: &str) -> Result<Shape> {
    let header = csv::Reader::from_reader(text.as_bytes()).headers()?.clone();
    let value_at = find(&header, column)?;
    means(text, |record| {
        let text = &record[value_at];
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        text.parse().map(Some).with_context(|| format!("`{text}` is not a number"))
    })
}

/// The month × hour means of a mix of fuels under one scope.
fn mix_shape(text: &str, factors: &Factors, pick: Pick) -> Result<Shape> {
    let header = csv::Reader::from_reader(text.as_bytes()).headers()?.clone();
    let mix = Mix::new(&header, factors)?;
    means(text, |record| Ok(mix.intensities(record)?.map(pick)))
}

fn find(header: &csv::StringRecord, column: &str) -> Result<usize> {
    header.iter().position(|field| field == column).with_context(|| format!("line 1: no column `{column}`"))
}

/// The month × hour means of what each row gives; a row that gives nothing is left out.
fn means(text: &str, value: impl Fn(&csv::StringRecord) -> Result<Option<f64>>) -> Result<Shape> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let utc = find(reader.headers()?, "utc")?;
    let mut sums = [[(0.0_f64, 0_u32); 24]; 12];
    let (mut from_year, mut to_year) = (i16::MAX, i16::MIN);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let (year, month, hour) = when(&record[utc])
            .with_context(|| format!("line {line}: `{}` is not an hour like 2022-01-31T23:00:00Z", &record[utc]))?;
        from_year = from_year.min(year);
        to_year = to_year.max(year);
        let Some(value) = value(&record).map_err(|error| anyhow!("line {line}: {error}"))? else { continue };
        ensure!(value.is_finite() && value >= 0.0, "line {line}: `{value}` is not an average intensity");
        let (sum, count) = &mut sums[month][hour];
        *sum += value;
        *count += 1;
        least = least.min(value);
        most = most.max(value);
    }
    let mut g_per_kwh = Box::new([[0.0; 24]; 12]);
    for (month, hours) in sums.iter().enumerate() {
        for (hour, &(sum, count)) in hours.iter().enumerate() {
            ensure!(count > 0, "no value in month {} at {hour:02}:00", month + 1);
            g_per_kwh[month][hour] = (sum / f64::from(count)).round();
        }
    }
    Ok(if least == most { Shape::Constant } else { Shape::Means { from_year, to_year, g_per_kwh } })
}

/// Year, month (0 is January) and hour of a UTC stamp on the hour.
pub(crate) fn when(stamp: &str) -> Option<(i16, usize, usize)> {
    let number = |range: std::ops::Range<usize>| stamp.get(range)?.parse::<u16>().ok();
    let (year, month, hour) = (number(0..4)?, number(5..7)?, number(11..13)?);
    let fits = stamp.len() == 20 && stamp.ends_with(":00:00Z") && (1..=12).contains(&month) && hour < 24;
    fits.then_some((i16::try_from(year).ok()?, usize::from(month) - 1, usize::from(hour)))
}

fn render(profiles: &Profiles) -> String {
    let mut text = String::from("zone,scope,from_year,to_year,source,month");
    for hour in 0..24 {
        write!(text, ",h{hour:02}").expect("a String takes all");
    }
    text.push('\n');
    for ((zone, scope), profile) in profiles {
        let Profile { from_year, to_year, source, g_per_kwh } = profile;
        for (month, hours) in g_per_kwh.iter().enumerate() {
            write!(text, "{zone},{scope},{from_year},{to_year},{source},{}", month + 1).expect("a String takes all");
            for value in hours {
                write!(text, ",{value:.0}").expect("a String takes all");
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A year whose every hour is `value(month, day, hour)`, written as it stands.
    fn year(value: impl Fn(u8, u8, u8) -> String) -> String {
        let mut text = String::from("utc,other,gco2e_per_kwh\n");
        for month in 1..=12 {
            for day in [1, 2] {
                for hour in 0..24 {
                    let value = value(month, day, hour);
                    writeln!(text, "2022-{month:02}-{day:02}T{hour:02}:00:00Z,7,{value}").expect("a String takes all");
                }
            }
        }
        text
    }

    fn table(text: &str) -> [[f64; 24]; 12] {
        match shape(text, "gco2e_per_kwh").expect("a good trace") {
            Shape::Means { g_per_kwh, from_year: 2022, to_year: 2022 } => *g_per_kwh,
            other => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn each_month_and_hour_has_its_own_cell() {
        let table = table(&year(|month, _, hour| format!("{}", u16::from(month) * 100 + u16::from(hour))));
        assert_eq!((table[0][0], table[0][23], table[11][5]), (100.0, 123.0, 1205.0));
    }

    #[test]
    fn a_mean_is_over_the_hours_that_have_a_value_and_is_rounded() {
        let table = table(&year(|month, day, hour| match (month, day, hour) {
            (1, 1, 0) => "NaN".into(),
            (1, 1, 1) => String::new(),
            (1, 2, 0..=1) => "300.4".into(),
            (2, day, 0) => format!("{}", day * 10 + 5), // 15 and 25.
            (3, day, 0) => format!("{day}.25"),         // 1.25 and 2.25: 1.75.
            _ => "50".into(),
        }));
        assert_eq!(&table[0][..3], &[300.0, 300.0, 50.0], "the gap does not pull the mean towards zero");
        assert_eq!((table[1][0], table[2][0]), (20.0, 2.0));
    }

    #[test]
    fn a_constant_trace_is_no_profile() {
        assert_eq!(shape(&year(|_, _, _| "435".into()), "gco2e_per_kwh").expect("readable"), Shape::Constant);
    }

    #[test]
    fn a_trace_that_cannot_be_averaged_is_refused_with_its_line() {
        let refusal = |text: &str| shape(text, "gco2e_per_kwh").expect_err("bad").to_string();
        assert_eq!(refusal("utc,x\n"), "line 1: no column `gco2e_per_kwh`");
        assert_eq!(
            refusal("utc,gco2e_per_kwh\n2022-01-01T00:30:00Z,1\n"),
            "line 2: `2022-01-01T00:30:00Z` is not an hour like 2022-01-31T23:00:00Z"
        );
        assert_eq!(refusal("utc,gco2e_per_kwh\n2022-01-01T00:00:00Z,x\n"), "line 2: `x` is not a number");
        assert_eq!(refusal("utc,gco2e_per_kwh\n2022-01-01T00:00:00Z,-3\n"), "line 2: `-3` is not an average intensity");
        assert_eq!(refusal("utc,gco2e_per_kwh\n2022-01-01T00:00:00Z,3\n"), "no value in month 1 at 01:00");
    }

    #[test]
    fn rows_are_twelve_a_zone_and_scope_in_order_of_zone() {
        let profile = |value| Profile { from_year: 2021, to_year: 2023, source: "s", g_per_kwh: [[value; 24]; 12] };
        let profiles =
            Profiles::from([(("ZA".into(), "lifecycle"), profile(7.0)), (("AT".into(), "direct"), profile(8.0))]);
        let text = render(&profiles);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 25);
        assert_eq!(lines[1], format!("AT,direct,2021,2023,s,1{}", ",8".repeat(24)));
        assert_eq!(lines[24], format!("ZA,lifecycle,2021,2023,s,12{}", ",7".repeat(24)));
    }

    #[test]
    fn the_file_in_the_tree_is_what_the_traces_make() {
        let data = root().join(DEFAULT_DATA);
        if !data.join("grid").is_dir() {
            eprintln!("SKIPPED: no traces at {DEFAULT_DATA}, so {OUT} was not made again");
            return;
        }
        let (profiles, _) = from_folder(&data).expect("the traces are readable");
        let there = fs::read_to_string(root().join(OUT)).expect("the file is in the tree");
        assert!(there == render(&profiles), "run `cargo xtask profiles` and commit {OUT}");
    }
}
