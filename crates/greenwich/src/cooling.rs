//! What a site says of its cooling: curves over the outside temperature, and what it is like there.
//!
//! In: the `[site]` table of a job file or of the settings. Out: a [`CoolingSpec`], or a refusal that names the point
//! that cannot be.

use crate::document::{DocumentError, Table};
use greenwich_core::quantity::{Pue, SiteWaterIntensity};
use greenwich_estimate::cooling::{Curve, CurveError, wet_bulb_c};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// An entry's own key for the site's curves.
pub(crate) const COOLING: &str = "site_cooling";
const PUE_EXAMPLE: &str = "[[-10, 1.08], [20, 1.12], [35, 1.30]]";
const WUE_EXAMPLE: &str = "[[10, 0.0], [20, 0.8], [35, 2.4]]";
/// Outside temperatures that can be meant, in °C.
const OUTSIDE_C: RangeInclusive<f64> = -90.0..=60.0;

/// Which thermometer a curve speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bulb {
    /// The air's own temperature.
    #[default]
    Dry,
    /// What evaporation cools it to: for cooling towers and evaporative coolers.
    Wet,
}

impl Bulb {
    /// The word in files and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dry => "dry-bulb",
            Self::Wet => "wet-bulb",
        }
    }
}

/// How a site's overhead and water follow the weather.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CoolingSpec {
    /// PUE over temperature.
    pub pue: Option<Curve>,
    /// Site water in L per IT kWh over temperature.
    pub wue: Option<Curve>,
    /// What the curves are over.
    pub bulb: Bulb,
    /// Typical temperature in °C: one, or one a month.
    pub typical_c: Vec<f64>,
    /// Typical relative humidity in per cent.
    pub typical_rh_pct: Option<f64>,
    /// A file of temperatures by hour.
    pub weather: Option<PathBuf>,
}

impl CoolingSpec {
    /// Takes the keys of cooling from `[site]`.
    pub(crate) fn read(table: &Table) -> Result<Self, DocumentError> {
        let pue = curve(table, "pue_curve", PUE_EXAMPLE, "a PUE", |value| Pue::new(value).is_ok(), "1 to 5")?;
        let sane = |value: f64| (0.0..=20.0).contains(&value);
        let wue = curve(table, "wue_curve", WUE_EXAMPLE, "L per IT kWh", sane, "0 to 20")?;
        let bulb = match table.text("curve_over", "wet-bulb")?.as_deref() {
            None | Some("dry-bulb") => Bulb::Dry,
            Some("wet-bulb") => Bulb::Wet,
            Some(other) => {
                let mend = "write curve_over = \"wet-bulb\" where towers or evaporation cool, else leave it out";
                return Err(table.place("curve_over").refuse(format!("\"{other}\""), "dry-bulb, wet-bulb", mend));
            }
        };
        let weather = table.text("weather", "temp.csv")?.map(|file| table.folder_of("weather").join(file));
        Ok(Self {
            pue,
            wue,
            bulb,
            typical_c: table.numbers("temp_c", 12, OUTSIDE_C, "°C")?.unwrap_or_default(),
            typical_rh_pct: table.number("rh_pct", 0.0..=100.0, "per cent")?,
            weather,
        })
    }

    /// The keys with their values as the command line writes them, from which the same is read again.
    pub(crate) fn keys(&self) -> Vec<(&'static str, String)> {
        let typical: Vec<String> = self.typical_c.iter().map(ToString::to_string).collect();
        let values = [
            ("pue_curve", self.pue.as_ref().map(written)),
            ("wue_curve", self.wue.as_ref().map(written)),
            ("curve_over", (self.bulb != Bulb::Dry).then(|| self.bulb.as_str().to_owned())),
            ("temp_c", (!typical.is_empty()).then(|| typical.join(","))),
            ("rh_pct", self.typical_rh_pct.map(|rh| rh.to_string())),
            ("weather", self.weather.as_ref().map(|file| file.display().to_string())),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// The keys as an entry of the ledger keeps them, so that its account can be made again.
    pub(crate) fn told(&self) -> Map<String, Value> {
        if !self.is_some() {
            return Map::new();
        }
        let keys: Map<String, Value> =
            self.keys().into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        Map::from_iter([(COOLING.to_owned(), Value::Object(keys))])
    }

    /// The typical PUE and site water: the mean of the curves over the typical temperatures, where both are given.
    pub(crate) fn typical(&self) -> (Option<f64>, Option<f64>) {
        let felt = |dry: f64| match self.bulb {
            Bulb::Dry => Some(dry),
            Bulb::Wet => self.typical_rh_pct.map(|rh| wet_bulb_c(dry, rh)),
        };
        let felt: Option<Vec<f64>> = self.typical_c.iter().map(|dry| felt(*dry)).collect();
        let Some(felt) = felt.filter(|felt| !felt.is_empty()) else { return (None, None) };
        let mean = |curve: &Option<Curve>| {
            let curve = curve.as_ref()?;
            Some(felt.iter().map(|at_c| curve.at(*at_c)).sum::<f64>() / felt.len() as f64)
        };
        (mean(&self.pue), mean(&self.wue))
    }

    /// What an answer without hours says of curves that it cannot follow; none where it can.
    pub(crate) fn unused(&self) -> Option<String> {
        let typical = self.typical();
        let is_unused = self.is_some() && typical == (None, None);
        is_unused.then(|| {
            "the site's curves are not used, since no hours are told here: give a typical `site.temp_c`; a plan takes temperatures by the hour".to_owned()
        })
    }

    /// Whether the site follows the weather at all.
    pub fn is_some(&self) -> bool {
        self.pue.is_some() || self.wue.is_some()
    }

    /// The same with temperatures of another file.
    #[must_use]
    pub fn under(self, weather: Option<PathBuf>) -> Self {
        Self { weather: weather.or(self.weather), ..self }
    }

    pub(crate) fn pue_at(&self, temperature_c: f64) -> Option<Pue> {
        self.pue.as_ref().and_then(|curve| Pue::new(curve.at(temperature_c)).ok())
    }

    pub(crate) fn wue_at(&self, temperature_c: f64) -> Option<SiteWaterIntensity> {
        self.wue.as_ref().map(|curve| SiteWaterIntensity::from_l_per_kwh(curve.at(temperature_c)))
    }
}

fn curve(
    table: &Table,
    key: &str,
    example: &str,
    unit: &str,
    is_lawful: impl Fn(f64) -> bool,
    allowed: &str,
) -> Result<Option<Curve>, DocumentError> {
    let Some(points) = table.points(key, example)? else { return Ok(None) };
    for (place, [at_c, value]) in &points {
        if !OUTSIDE_C.contains(at_c) {
            let mend = "write each point as [°C, value], the outside temperature first";
            return Err(place.refuse(format!("{at_c} °C"), "-90 to 60 °C", mend));
        }
        if !is_lawful(*value) {
            let mend = format!("write each point as [°C, {unit}], for example {key} = {example}");
            return Err(place.refuse(format!("{value} at {at_c} °C"), format!("{unit} of {allowed}"), mend));
        }
    }
    let made = Curve::new(points.iter().map(|(_, [at_c, value])| (*at_c, *value)).collect());
    made.map(Some).map_err(|error| match error {
        CurveError::NotAscending { before_c, after_c } => {
            let place = points.iter().zip(points.iter().skip(1)).find(|(a, b)| a.1[0] >= b.1[0]).map(|(_, b)| &b.0);
            place.unwrap_or(&points[0].0).refuse(
                format!("{after_c} °C after {before_c} °C"),
                "temperatures that ascend, each once",
                "sort the points by temperature",
            )
        }
        other => {
            let mend = format!("write {key} = {example}, or one number as `{}`", key.replace("_curve", ""));
            table.place(key).refuse(other.to_string(), "two points or more", mend)
        }
    })
}

/// A curve as the command line writes it: `-10:1.08,20:1.12`.
pub(crate) fn written(curve: &Curve) -> String {
    curve.points().iter().map(|(at, value)| format!("{at}:{value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::read;
    use insta::assert_snapshot;
    use miette::Diagnostic;

    fn spec(text: &str) -> Result<CoolingSpec, DocumentError> {
        let table = read("jobs/job.toml", text.as_bytes()).expect("TOML");
        CoolingSpec::read(&table)
    }

    fn refusal(text: &str) -> String {
        let error = spec(text).expect_err("no curve");
        format!("{error}\nhelp: {}", error.help().expect("every error tells the mend"))
    }

    #[test]
    fn curves_and_temperatures_are_read() {
        let spec = spec("pue_curve = [[-10, 1.08], [20, 1.12], [35, 1.30]]\nweather = \"temp.csv\"\ntemp_c = 12\n");
        let spec = spec.expect("lawful");
        assert!((spec.pue_at(27.5).expect("a curve").ratio() - 1.21).abs() < 1e-12);
        assert_eq!((spec.weather, spec.typical_c, spec.bulb), (Some("jobs/temp.csv".into()), vec![12.0], Bulb::Dry));
    }

    #[test]
    fn a_curve_is_written_and_read_back() {
        let first = spec("pue_curve = [[-10, 1.08], [20.5, 1.12]]").expect("lawful").pue.expect("a curve");
        let mut table = Table::empty();
        table.set("pue_curve", &written(&first));
        assert_eq!(CoolingSpec::read(&table).expect("lawful").pue, Some(first));
    }

    #[test]
    fn what_is_no_curve_is_refused_with_its_line_and_mend() {
        assert_snapshot!(refusal("pue_curve = [\n [20, 1.12],\n [-10, 1.08],\n]"), @"
        jobs/job.toml:3: `pue_curve`: found -10 °C after 20 °C, allowed is temperatures that ascend, each once
        help: sort the points by temperature
        ");
        assert_snapshot!(refusal("pue_curve = [[20, 0.9], [30, 1.1]]"), @"
        jobs/job.toml:1: `pue_curve`: found 0.9 at 20 °C, allowed is a PUE of 1 to 5
        help: write each point as [°C, a PUE], for example pue_curve = [[-10, 1.08], [20, 1.12], [35, 1.30]]
        ");
        assert_snapshot!(refusal("wue_curve = [[20, 0.9]]"), @"
        jobs/job.toml:1: `wue_curve`: found 1 points, a curve has two or more, allowed is two points or more
        help: write wue_curve = [[10, 0.0], [20, 0.8], [35, 2.4]], or one number as `wue`
        ");
        assert_snapshot!(refusal("pue_curve = 1.2"), @"
        jobs/job.toml:1: `pue_curve`: found the number 1.2, allowed is a list of pairs of numbers
        help: write pue_curve = [[-10, 1.08], [20, 1.12], [35, 1.30]]
        ");
        assert_snapshot!(refusal("temp_c = [1, 2, 3]"), @"
        jobs/job.toml:1: `temp_c`: found 3 values, allowed is one number or 12, -90 to 60 °C
        help: write one number for all, or 12, in °C
        ");
    }
}
