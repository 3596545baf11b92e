//! A place as the estimator wants it: PUE, intensities, water and prices, each with a spread.
//!
//! In: a region or zone, the year of the run, and what the job file gives instead. Out: [`Place`]: typed
//! figures by value and their lines for the factor list. What is not known stays unknown.

use crate::cooling::CoolingSpec;
use crate::factor::{assumed, cited, given, intensity_spread, uncertain};
use crate::grid::in_kilograms;
use crate::job_file::SiteSpec;
use greenwich_core::quantity::{
    AverageIntensity, Pue, SiteWaterIntensity, SourceWaterIntensity, UsdPerAcceleratorHour, UsdPerKwh,
};
use greenwich_core::{Factor, Fit, RegionId, Sourced, ZoneId};
use greenwich_estimate::{LogNormal, Site};
use greenwich_facts::{Catalog, Site as Published};

/// A place with everything known of it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) region: Option<RegionId>,
    pub(crate) zone: Option<ZoneId>,
    pub(crate) pue: LogNormal<Pue>,
    pub(crate) wue: Option<LogNormal<SiteWaterIntensity>>,
    pub(crate) source_water: Option<LogNormal<SourceWaterIntensity>>,
    pub(crate) lifecycle: Option<LogNormal<AverageIntensity>>,
    pub(crate) direct: Option<LogNormal<AverageIntensity>>,
    pub(crate) market_based: Option<LogNormal<AverageIntensity>>,
    /// Whether the location-based intensity is the job file's own number.
    pub(crate) location_given: bool,
    pub(crate) rent: Option<UsdPerAcceleratorHour>,
    pub(crate) electricity_price: Option<UsdPerKwh>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) warnings: Vec<String>,
    /// The yearly mean as the catalog has it, with its year and source.
    pub(crate) yearly_lifecycle: Option<Sourced<AverageIntensity>>,
    pub(crate) yearly_direct: Option<Sourced<AverageIntensity>>,
    /// How its PUE and water follow the weather; nothing of a region that is not described.
    pub(crate) cooling: CoolingSpec,
}

impl Place {
    /// The provider, for a cloud region.
    pub(crate) fn provider(&self) -> Option<&str> {
        self.region.as_ref()?.provider()
    }

    /// A place of the catalog, or none, with what the job file gives over it.
    pub(crate) fn new(catalog: &Catalog, published: Option<Published>, spec: &SiteSpec, year: Option<i16>) -> Self {
        let mut place = published.map_or_else(|| Self::nowhere(catalog), |site| Self::published(catalog, site, year));
        place.overrule(spec);
        place
    }

    /// What is the place's own, whatever machine stands there.
    pub(crate) fn site(&self) -> Site {
        Site {
            pue: self.pue,
            location_based: self.lifecycle,
            location_based_direct: self.direct,
            market_based: self.market_based,
            marginal: None,
            wue: self.wue,
            source_water: self.source_water,
            embodied: None,
            price: self.rent.map(LogNormal::exact),
            electricity_price: self.electricity_price.map(LogNormal::exact),
        }
    }

    /// No place at all: PUE of a site of unknown kind, and nothing else.
    fn nowhere(catalog: &Catalog) -> Self {
        let row = catalog.site_kind_pue("unknown");
        let mut place = Self {
            region: None,
            zone: None,
            pue: pue(catalog, &row),
            wue: None,
            source_water: None,
            lifecycle: None,
            direct: None,
            market_based: None,
            location_given: false,
            rent: None,
            electricity_price: None,
            factors: Vec::new(),
            warnings: Vec::new(),
            yearly_lifecycle: None,
            yearly_direct: None,
            cooling: CoolingSpec::default(),
        };
        place.factors.push(cited(catalog, "PUE", row.value.ratio(), "ratio", &row));
        place
    }

    fn published(catalog: &Catalog, site: Published, year: Option<i16>) -> Self {
        let mut factors = vec![cited(catalog, "PUE", site.pue.value.ratio(), "ratio", &site.pue)];
        let mut intensity = |quantity: &str, row: &Option<Sourced<AverageIntensity>>| {
            let row = row.as_ref()?;
            factors.push(cited(catalog, quantity, row.value.g_per_kwh(), "gCO2e/kWh", row));
            Some(uncertain(row, intensity_spread(catalog, row, year)))
        };
        let lifecycle = intensity("location-based intensity (lifecycle)", &site.lifecycle);
        let direct = intensity("location-based intensity (direct)", &site.direct);
        let market_based = intensity("market-based intensity", &site.market_based);
        let mut warnings = Vec::new();
        if let Some(Sourced { fit: fit @ (Fit::ParentZone(_) | Fit::WorldDefault), .. }) = &site.lifecycle {
            warnings.push(format!("the yearly intensity of {} is the {fit}", site.zone));
        }
        let wue = site.wue.as_ref().map(|row| {
            factors.push(cited(catalog, "water on site (WUE)", row.value.l_per_kwh(), "L/kWh", row));
            let assumption = if matches!(row.fit, Fit::FleetAverage(_)) { "wue-of-fleet" } else { "wue-of-site" };
            uncertain(row, assumed(catalog, assumption, "log_sd"))
        });
        let source_water = site.source_water.as_ref().map(|row| {
            factors.push(cited(catalog, "water of the power plants", row.value.l_per_kwh(), "L/kWh", row));
            uncertain(row, assumed(catalog, "source-water", "log_sd"))
        });
        Self {
            pue: pue(catalog, &site.pue),
            region: site.region,
            zone: Some(site.zone),
            wue,
            source_water,
            lifecycle,
            direct,
            market_based,
            location_given: false,
            rent: None,
            electricity_price: None,
            factors,
            warnings,
            yearly_lifecycle: site.lifecycle,
            yearly_direct: site.direct,
            cooling: CoolingSpec::default(),
        }
    }

    /// Puts what the job file gives over what the catalog has.
    fn overrule(&mut self, spec: &SiteSpec) {
        let mut replace = |quantity: &str, value: f64, unit: &str, instead_of: &[&str]| {
            self.factors.retain(|factor| !instead_of.contains(&factor.quantity.as_str()));
            self.factors.push(given(quantity, value, unit));
        };
        self.cooling.clone_from(&spec.cooling);
        let (typical_pue, typical_wue) = spec.cooling.typical();
        if let Some(ratio) = spec.pue.or(typical_pue) {
            replace("PUE", ratio, "ratio", &["PUE"]);
            self.pue = LogNormal::exact(Pue::new(ratio).expect("the reader held the range"));
        }
        if let Some(wue) = spec.wue_l_per_kwh.or(typical_wue) {
            replace("water on site (WUE)", wue, "L/kWh", &["water on site (WUE)"]);
            self.wue = Some(LogNormal::exact(SiteWaterIntensity::from_l_per_kwh(wue)));
        }
        if let Some(g) = spec.location_based_gco2e_per_kwh {
            let catalogs = ["location-based intensity (lifecycle)", "location-based intensity (direct)"];
            replace("location-based intensity", g, "gCO2e/kWh", &catalogs);
            self.lifecycle = Some(LogNormal::exact(AverageIntensity::from_g_per_kwh(g)));
            self.direct = None;
            self.location_given = true;
            self.warnings.retain(|warning| !warning.starts_with("the yearly intensity"));
            self.warnings.extend(in_kilograms("`site.location_based_gco2e_per_kwh`", g));
        }
        if let Some(g) = spec.market_based_gco2e_per_kwh {
            replace("market-based intensity", g, "gCO2e/kWh", &["market-based intensity"]);
            self.market_based = Some(LogNormal::exact(AverageIntensity::from_g_per_kwh(g)));
        }
        if let Some(usd) = spec.usd_per_accelerator_hour {
            replace("price of an accelerator-hour", usd, "USD/accelerator-hour", &[]);
            self.rent = Some(UsdPerAcceleratorHour::from_usd_per_hour(usd));
        }
        if let Some(usd) = spec.usd_per_kwh {
            replace("price of electricity", usd, "USD/kWh", &[]);
            self.electricity_price = Some(UsdPerKwh::from_usd_per_kwh(usd));
        }
        let by_curve = [("PUE", spec.pue, typical_pue), ("water on site (WUE)", spec.wue_l_per_kwh, typical_wue)];
        for (quantity, _, _) in by_curve.iter().filter(|(_, given, typical)| given.is_none() && typical.is_some()) {
            for factor in self.factors.iter_mut().filter(|factor| factor.quantity == *quantity) {
                "the site's curve at its typical temperature".clone_into(&mut factor.source);
            }
        }
    }
}

/// The PUE of a kind of site with its span, or with that of a fleet's mean where none is told.
pub(crate) fn kind_pue(catalog: &Catalog, kind: &str) -> LogNormal<Pue> {
    let (low, high) = catalog.site_kind_pue_range(kind);
    let told = (high.ratio() / low.ratio()).ln() / (2.0 * greenwich_estimate::lognormal::Z95);
    let log_sd = if told > 0.0 { told } else { assumed(catalog, "pue-of-fleet", "log_sd") };
    LogNormal::new(catalog.site_kind_pue(kind).value, log_sd)
}

fn pue(catalog: &Catalog, row: &Sourced<Pue>) -> LogNormal<Pue> {
    let log_sd = match row.fit {
        Fit::WorldDefault => {
            let (low, high) = catalog.site_kind_pue_range("unknown");
            (high.ratio() / low.ratio()).ln() / (2.0 * greenwich_estimate::lognormal::Z95)
        }
        Fit::FleetAverage(_) => assumed(catalog, "pue-of-fleet", "log_sd"),
        _ => assumed(catalog, "pue-of-site", "log_sd"),
    };
    uncertain(row, log_sd)
}
