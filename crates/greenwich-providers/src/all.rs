//! All providers, set up from the environment.
//!
//! In: environment variables by value, and keys. Out: one of each, in the order in which they are tried for a zone:
//! one's own files and server first, then those without a key, then those with one.

use crate::awattar::Awattar;
use crate::carbon_aware::CarbonAware;
use crate::eia::Eia;
use crate::electricity_maps::ElectricityMaps;
use crate::energinet::Energinet;
use crate::energy_charts::EnergyCharts;
use crate::entsoe::Entsoe;
use crate::files::Files;
use crate::keys::Keys;
use crate::neso::Neso;
use crate::open_electricity::OpenElectricity;
use crate::provider::Provider;
use crate::watttime::WattTime;
use greenwich_core::Signal;

/// The variables that hold keys.
pub const KEY_VARIABLES: [&str; 8] = [
    "EIA_API_KEY",
    "EIA_KEY",
    "ELECTRICITY_MAPS_API_KEY",
    "ENTSOE_API_KEY",
    "ENTSOE_TOKEN",
    "OPENELECTRICITY_API_KEY",
    "WATTTIME_PASSWORD",
    "WATTTIME_USER",
];

/// One of each provider.
pub fn all(variable: impl Fn(&str) -> Option<String>, keys: &Keys) -> Vec<Box<dyn Provider>> {
    let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let base =
        |names: &[&str]| names.iter().find_map(|name| set(name)).map(|base| base.trim_end_matches('/').to_owned());
    let key = |names: &[&str]| keys.find(names).cloned();
    let signal = set("GREENWICH_CARBON_AWARE_SIGNAL").and_then(|word| {
        [Signal::Lifecycle, Signal::Direct, Signal::Marginal].into_iter().find(|signal| signal.as_str() == word)
    });
    let account = key(&["WATTTIME_USER"]).zip(key(&["WATTTIME_PASSWORD"]));
    vec![
        Box::new(Files::new(set("GREENWICH_SIGNALS").map(Into::into))),
        Box::new(CarbonAware::new(base(&["GREENWICH_CARBON_AWARE_URL"]), signal)),
        Box::new(Neso::new(base(&["GREENWICH_NESO_URL"]))),
        Box::new(EnergyCharts::new(base(&["GREENWICH_ENERGY_CHARTS_URL"]))),
        Box::new(Energinet::new(base(&["GREENWICH_ENERGINET_URL"]))),
        Box::new(Awattar::new(base(&["GREENWICH_AWATTAR_URL"]))),
        Box::new(ElectricityMaps::new(base(&["GREENWICH_ELECTRICITY_MAPS_URL"]), key(&["ELECTRICITY_MAPS_API_KEY"]))),
        Box::new(WattTime::new(base(&["GREENWICH_WATTTIME_URL", "WATTTIME_API_URL"]), account)),
        Box::new(Entsoe::new(
            base(&["GREENWICH_ENTSOE_URL", "ENTSOE_ENDPOINT_URL"]),
            key(&["ENTSOE_API_KEY", "ENTSOE_TOKEN"]),
        )),
        Box::new(Eia::new(base(&["GREENWICH_EIA_URL"]), key(&["EIA_API_KEY", "EIA_KEY"]))),
        Box::new(OpenElectricity::new(
            base(&["GREENWICH_OPEN_ELECTRICITY_URL", "OPENELECTRICITY_API_URL"]),
            key(&["OPENELECTRICITY_API_KEY"]),
        )),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_provider_has_its_own_key_and_variables_that_are_looked_for() {
        let all = all(|_| None, &Keys::default());
        let ids: BTreeSet<&str> = all.iter().map(|provider| provider.about().id).collect();
        assert_eq!(ids.len(), all.len());
        for provider in &all {
            let about = provider.about();
            assert!(about.key_variables.iter().all(|name| KEY_VARIABLES.contains(name)), "{}", about.id);
            assert!(about.base_variables[0].starts_with("GREENWICH_"), "{}", about.id);
        }
    }

    #[test]
    fn each_provider_has_its_page_in_the_guide() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for provider in all(|_| None, &Keys::default()) {
            let about = provider.about();
            let page = std::fs::read_to_string(root.join(about.page)).expect("the page is there");
            for name in about.key_variables.iter().chain(about.base_variables) {
                assert!(page.contains(name), "{} does not name {name}", about.page);
            }
        }
    }
}
