//! What a user has set once for all runs: where they run, and where the ledger is.
//!
//! In: `greenwich.toml`, the environment, and flags, by value. Out: [`Settings`]. The order is flag, `GREENWICH_*`,
//! file, default. A settings file that is broken is told and passed over where a run is to be metered, since a slip
//! in it must not stop a training run.

use crate::document::{COMMAND_LINE, DocumentError, Place, Table, read};
use crate::job_file::{SiteSpec, site};
use crate::node::NodeSpec;
use std::collections::BTreeMap;

/// Keys of `[site]` and `[node]` that have a variable, with its name.
const VARIABLES: [(&str, &str); 17] = [
    ("site.region", "GREENWICH_REGION"),
    ("site.zone", "GREENWICH_ZONE"),
    ("site.pue", "GREENWICH_PUE"),
    ("site.wue_l_per_kwh", "GREENWICH_WUE_L_PER_KWH"),
    ("site.location_based_gco2e_per_kwh", "GREENWICH_LOCATION_BASED_GCO2E_PER_KWH"),
    ("site.market_based_gco2e_per_kwh", "GREENWICH_MARKET_BASED_GCO2E_PER_KWH"),
    ("site.usd_per_accelerator_hour", "GREENWICH_USD_PER_ACCELERATOR_HOUR"),
    ("site.usd_per_kwh", "GREENWICH_USD_PER_KWH"),
    ("node.idle_w", "GREENWICH_NODE_IDLE_W"),
    ("node.rest_w", "GREENWICH_NODE_REST_W"),
    ("node.psu_efficiency", "GREENWICH_NODE_PSU_EFFICIENCY"),
    ("site.pue_curve", "GREENWICH_PUE_CURVE"),
    ("site.wue_curve", "GREENWICH_WUE_CURVE"),
    ("site.curve_over", "GREENWICH_CURVE_OVER"),
    ("site.temp_c", "GREENWICH_TEMP_C"),
    ("site.rh_pct", "GREENWICH_RH_PCT"),
    ("site.weather", "GREENWICH_WEATHER"),
];

/// What is set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Where runs run.
    pub site: SiteSpec,
    /// What is assumed of each node beside its metered devices.
    pub node: NodeSpec,
    /// The ledger's folder.
    pub ledger: Option<String>,
    /// The project that runs belong to.
    pub project: Option<String>,
}

impl Settings {
    /// Puts together a settings file, the environment and flags.
    ///
    /// `file` is its name and text, where there is one; `variable` gives an environment variable; `flags` are
    /// dotted keys with their values.
    ///
    /// # Errors
    /// [`DocumentError`] with the place, what was found, what is allowed and the mend.
    pub fn of(
        file: Option<(&str, &[u8])>,
        variable: impl Fn(&str) -> Option<String>,
        flags: &[(String, String)],
    ) -> Result<Self, DocumentError> {
        let mut root = match file {
            Some((name, bytes)) => read(name, bytes)?,
            None => Table::empty(),
        };
        for (key, name) in VARIABLES {
            if let Some(value) = variable(name).filter(|value| !value.trim().is_empty()) {
                root.set(key, value.trim());
            }
        }
        // A place that a flag names takes the whole place of another that the file names.
        if flags.iter().any(|(key, _)| key == "site.zone") {
            root.unset("site.region");
        }
        if flags.iter().any(|(key, _)| key == "site.region") {
            root.unset("site.zone");
        }
        for (key, value) in flags {
            root.set(key, value);
        }
        Self::read(&root, flags).map_err(|mut error| {
            if let DocumentError::Value { place, .. } | DocumentError::UnknownKey { place, .. } = &mut error {
                by_its_variable(place, flags);
            }
            error
        })
    }

    fn read(root: &Table, flags: &[(String, String)]) -> Result<Self, DocumentError> {
        let mut site = root.table("site")?.map(|table| site(&table)).transpose()?.unwrap_or_default();
        for (_, place) in [&mut site.region, &mut site.zone].into_iter().flatten() {
            by_its_variable(place, flags);
        }
        let node = root.table("node")?.map(|table| NodeSpec::read(&table)).transpose()?.unwrap_or_default();
        let ledger = root.text("ledger", "runs/ledger")?;
        let project = root.text("project", "llm-7b")?;
        root.finish()?;
        Ok(Self { site, node, ledger, project })
    }

    /// The place as variables with their values, from which [`Settings::of`] makes it again in another process.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let place = self.place();
        let set = VARIABLES.iter().filter_map(|(key, name)| Some(((*name).to_owned(), place.get(*key)?.clone())));
        set.collect()
    }

    /// The place as dotted keys with their values, from which [`Settings::of`] makes it again.
    pub fn place(&self) -> BTreeMap<String, String> {
        let site = &self.site;
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let named = |place: &Option<(String, Place)>| place.as_ref().map(|(name, _)| name.clone());
        let values = [
            named(&site.region),
            named(&site.zone),
            number(site.pue),
            number(site.wue_l_per_kwh),
            number(site.location_based_gco2e_per_kwh),
            number(site.market_based_gco2e_per_kwh),
            number(site.usd_per_accelerator_hour),
            number(site.usd_per_kwh),
            number(self.node.idle_w),
            number(self.node.rest_w),
            number(self.node.psu_efficiency),
        ];
        let keys = VARIABLES.iter().map(|(key, _)| (*key).to_owned());
        let plain = keys.zip(values).filter_map(|(key, value)| Some((key, value?)));
        let cooling = site.cooling.keys().into_iter().map(|(key, value)| (format!("site.{key}"), value));
        plain.chain(cooling).collect()
    }
}

/// What no file and no flag has set came from a variable, and is told by its name.
fn by_its_variable(place: &mut Place, flags: &[(String, String)]) {
    let variable = VARIABLES.iter().find(|(key, _)| *key == place.key);
    let is_flag = flags.iter().any(|(key, _)| *key == place.key);
    if let Some((_, name)) = variable.filter(|_| place.file == COMMAND_LINE && !is_flag) {
        (*name).clone_into(&mut place.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] =
        b"project = \"llm\"\n[site]\nregion = \"gcp/us-central1\"\npue = 1.2\n[node]\npsu_efficiency = 0.94\n";

    fn region(settings: &Settings) -> Option<&str> {
        settings.site.region.as_ref().map(|(region, _)| region.as_str())
    }

    #[test]
    fn a_flag_goes_over_a_variable_and_that_over_the_file() {
        let variable = |name: &str| (name == "GREENWICH_PUE").then(|| "1.3".to_owned());
        let flags = [("site.region".to_owned(), "aws/eu-north-1".to_owned())];
        let settings = Settings::of(Some(("greenwich.toml", FILE)), variable, &flags).expect("lawful");
        assert_eq!((region(&settings), settings.site.pue), (Some("aws/eu-north-1"), Some(1.3)));
        assert_eq!(settings.project.as_deref(), Some("llm"));
    }

    #[test]
    fn a_zone_by_flag_leaves_the_files_region_out() {
        let flags = [("site.zone".to_owned(), "DE".to_owned())];
        let settings = Settings::of(Some(("greenwich.toml", FILE)), |_| None, &flags).expect("lawful");
        assert_eq!(region(&settings), None);
        assert_eq!(settings.site.zone.map(|(zone, _)| zone).as_deref(), Some("DE"));
    }

    #[test]
    fn a_place_written_as_keys_is_read_back() {
        let settings = Settings::of(Some(("greenwich.toml", FILE)), |_| None, &[]).expect("lawful");
        let keys: Vec<(String, String)> = settings.place().into_iter().collect();
        let again = Settings::of(None, |_| None, &keys).expect("lawful");
        assert_eq!((region(&again), again.site.pue), (Some("gcp/us-central1"), Some(1.2)));
        assert_eq!((again.node.psu_efficiency, keys.len()), (Some(0.94), 3));
    }

    #[test]
    fn curves_written_as_keys_are_read_back() {
        let file = b"[site]\nzone = \"DE\"\npue_curve = [[-10, 1.08], [35, 1.3]]\ncurve_over = \"wet-bulb\"\ntemp_c = 9.5\nrh_pct = 70\nweather = \"temp.csv\"\n";
        let settings = Settings::of(Some(("greenwich.toml", file)), |_| None, &[]).expect("lawful");
        let keys: Vec<(String, String)> = settings.place().into_iter().collect();
        let again = Settings::of(None, |_| None, &keys).expect("lawful");
        assert_eq!(again.site.cooling, settings.site.cooling);
        assert!(again.site.cooling.is_some());
    }

    #[test]
    fn a_slip_is_told_with_its_line() {
        let error = Settings::of(Some(("greenwich.toml", b"[site]\npeu = 1.2")), |_| None, &[]).expect_err("a slip");
        assert!(error.to_string().starts_with("greenwich.toml:2: `site.peu`: unknown key"), "{error}");
    }

    #[test]
    fn a_slip_in_the_environment_is_told_by_its_variable() {
        let told = |variable: &'static str, flags: &[(String, String)]| {
            Settings::of(None, |name| (name == variable).then(|| "low".to_owned()), flags)
        };
        let error = told("GREENWICH_PUE", &[]).expect_err("no number");
        assert!(error.to_string().starts_with("GREENWICH_PUE: `site.pue`: found"), "{error}");
        let zone = told("GREENWICH_ZONE", &[]).expect("a name").site.zone.expect("it is set");
        assert_eq!(zone.1.file, "GREENWICH_ZONE");
        let flag = [("site.zone".to_owned(), "DE".to_owned())];
        assert_eq!(told("GREENWICH_ZONE", &flag).expect("a name").site.zone.expect("set").1.file, COMMAND_LINE);
    }
}
