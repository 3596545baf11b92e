//! Where a run runs: PUE, water and intensities of a region or zone.
//!
//! In: a region or zone name and the year asked about. Out: [`Site`], whose every figure tells its fit:
//! the region's own, the provider's fleet, the country around, the world.

use crate::catalog::Catalog;
use crate::error::FactsError;
use crate::names::find;
use greenwich_core::quantity::{AverageIntensity, Fraction, Pue, SiteWaterIntensity, SourceWaterIntensity};
use greenwich_core::{Fit, RegionId, Sourced, ZoneId};

/// A place with what is published about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The cloud region, where it is one.
    pub region: Option<RegionId>,
    /// Its grid zone.
    pub zone: ZoneId,
    /// Name for people.
    pub name: String,
    /// Facility over IT energy.
    pub pue: Sourced<Pue>,
    /// Site water per kWh of IT energy, where published.
    pub wue: Option<Sourced<SiteWaterIntensity>>,
    /// Water of the power plants per kWh of facility energy.
    pub source_water: Option<Sourced<SourceWaterIntensity>>,
    /// Yearly grid mean, lifecycle.
    pub lifecycle: Option<Sourced<AverageIntensity>>,
    /// Yearly grid mean at the stack.
    pub direct: Option<Sourced<AverageIntensity>>,
    /// Market-based intensity, where published for the region.
    pub market_based: Option<Sourced<AverageIntensity>>,
    /// Carbon-free share of what the region draws, matched hour by hour, where published.
    pub cfe_share: Option<Sourced<Fraction>>,
    /// Carbon-free share of the grid around, where known.
    pub grid_carbon_free_share: Option<Sourced<Fraction>>,
}

impl Catalog {
    /// Looks a zone up by its key or an unambiguous prefix.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn zone_id(&self, name: &str) -> Result<ZoneId, FactsError> {
        find("zone", &self.zones, name).map(|(id, _)| ZoneId::new(id))
    }

    /// Every region whose key matches one of the patterns (`gcp/*`, `aws/eu-north-1`, `*`), in the catalog's order.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] for a pattern that matches none.
    pub fn regions_matching(&self, patterns: &[String]) -> Result<Vec<RegionId>, FactsError> {
        let mut matched: Vec<RegionId> = Vec::new();
        for pattern in patterns {
            let before = matched.len();
            if let Some(stem) = pattern.strip_suffix('*') {
                matched.extend(self.regions.keys().filter(|id| id.starts_with(stem)).map(RegionId::new));
                if matched.len() == before {
                    find("region", &self.regions, pattern)?;
                }
            } else {
                matched.push(RegionId::new(find("region", &self.regions, pattern)?.0));
            }
        }
        matched.sort();
        matched.dedup();
        Ok(matched)
    }

    /// What is published about a cloud region, for a year.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn region(&self, name: &str, year: Option<i16>) -> Result<Site, FactsError> {
        let (id, identity) = find("region", &self.regions, name)?;
        let region = RegionId::new(id);
        let provider = region.provider().unwrap_or_default().to_owned();
        let own = |quantity: &str, scopes: &[&str]| self.lookup("regions", id, quantity, scopes, year);
        let fleet = |quantity: &str| {
            let row = self.lookup("providers", &provider, quantity, &["fleet"], year)?;
            Some(row.with_fit(Fit::FleetAverage(provider.clone())))
        };
        let mut site = self.zone_site(&identity.zone, year);
        site.name.clone_from(&identity.name);
        if let Some(pue) = own("pue", &["measured", "design"]).or_else(|| fleet("pue")) {
            site.pue = pue.map(|ratio| Pue::new(ratio).expect("the loader held the range"));
        }
        site.wue =
            own("wue", &["site"]).or_else(|| fleet("wue")).map(|row| row.map(SiteWaterIntensity::from_l_per_kwh));
        let intensity = |row: Sourced<f64>| row.map(AverageIntensity::from_g_per_kwh);
        site.direct = own("average_intensity", &["direct"]).map(intensity).or(site.direct);
        site.market_based = own("market_based_intensity", &["hourly_matched"]).map(intensity);
        site.cfe_share = own("cfe_share", &["hourly_matched"]).map(fraction);
        site.region = Some(region);
        Ok(site)
    }

    /// What is published about a grid zone, for a year; the PUE is that of a site of unknown kind.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn zone(&self, name: &str, year: Option<i16>) -> Result<Site, FactsError> {
        Ok(self.zone_site(&self.zone_id(name)?, year))
    }

    fn zone_site(&self, zone: &ZoneId, year: Option<i16>) -> Site {
        let identity = &self.zones[zone.as_str()];
        let get = |quantity: &str, scope: &str| {
            let own = self.lookup("zones", zone.as_str(), quantity, &[scope], year);
            let parent = || {
                let parent = identity.parent.clone()?;
                let row = self.lookup("zones", parent.as_str(), quantity, &[scope], year)?;
                Some(row.with_fit(Fit::ParentZone(parent)))
            };
            own.or_else(parent)
        };
        let world = |quantity: &str, scope: &str| {
            Some(self.lookup("zones", "WORLD", quantity, &[scope], year)?.with_fit(Fit::WorldDefault))
        };
        let intensity = |row: Sourced<f64>| row.map(AverageIntensity::from_g_per_kwh);
        Site {
            region: None,
            zone: zone.clone(),
            name: identity.name.clone(),
            pue: self.site_kind_pue("unknown"),
            wue: None,
            source_water: get("water_intensity", "off_site")
                .or_else(|| world("water_intensity", "off_site"))
                .map(|row| row.map(SourceWaterIntensity::from_l_per_kwh)),
            lifecycle: get("average_intensity", "lifecycle").map(intensity),
            direct: get("average_intensity", "direct").map(intensity),
            market_based: None,
            cfe_share: None,
            grid_carbon_free_share: get("carbon_free_share", "yearly").map(fraction),
        }
    }

    /// PUE of a kind of site (`unknown`, `on-premises`, `typical`), told as a default.
    ///
    /// # Panics
    /// Never in a released program: a test holds that these kinds are in the table.
    pub fn site_kind_pue(&self, kind: &str) -> Sourced<Pue> {
        self.lookup("pue", kind, "pue", &[], None)
            .expect("the kinds of site are in the table")
            .with_fit(Fit::WorldDefault)
            .map(|ratio| Pue::new(ratio).expect("the loader held the range"))
    }
}

fn fraction(row: Sourced<f64>) -> Sourced<Fraction> {
    row.map(|share| Fraction::new(share).expect("the loader held the range"))
}
