//! Where a run runs: PUE, water and intensities of a region or zone.
//!
//! In: a region or zone name and the year asked about. Out: [`Site`], whose every figure tells its fit:
//! the region's own, the provider's fleet, the country around, the world.

use crate::catalog::Catalog;
use crate::error::FactsError;
use crate::market::distance;
use crate::names::find;
use crate::nearest::nearest;
use crate::table::Row;
use greenwich_core::quantity::{AverageIntensity, Fraction, Pue, SiteWaterIntensity, SourceWaterIntensity};
use greenwich_core::{Check, Fit, RegionId, Sourced, ZoneId};
use std::collections::BTreeSet;

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
    /// Market-based intensity by hourly matching: published for the region, else derived from its
    /// hourly-matched carbon-free share and its grid's of the same year, which the scope tells. None where
    /// only yearly matching is published: a yearly sum of certificates says nothing of the hours in which the
    /// region drew from a grid that burnt coal.
    pub market_based: Option<Sourced<AverageIntensity>>,
    /// Carbon-free share of what the region draws, matched hour by hour, where published.
    pub cfe_share: Option<Sourced<Fraction>>,
    /// Carbon-free share by yearly matching of certificates and contracts: the region's, else the fleet's.
    /// Never a stand-in for [`Site::cfe_share`].
    pub cfe_yearly: Option<Sourced<Fraction>>,
    /// Carbon-free share of the grid around, where known.
    pub grid_carbon_free_share: Option<Sourced<Fraction>>,
}

impl Catalog {
    /// Looks a zone up by its key or an unambiguous prefix.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn zone_id(&self, name: &str) -> Result<ZoneId, FactsError> {
        find("zone", self.zones(), name).map(|(id, _)| ZoneId::new(id)).map_err(|error| self.by_the_zones_name(error))
    }

    /// Whoever writes `Germany` means `DE`: zones whose name holds what was asked for are the nearest.
    fn by_the_zones_name(&self, error: FactsError) -> FactsError {
        let FactsError::Unknown { kind, name, nearest } = error else { return error };
        let wanted = name.to_lowercase();
        let mut named: Vec<(usize, &String)> = self
            .zones()
            .iter()
            .filter(|(_, zone)| wanted.len() >= 4 && zone.name.to_lowercase().contains(&wanted))
            .map(|(id, zone)| (zone.name.len(), id))
            .collect();
        named.sort_unstable();
        let named: Vec<String> = named.into_iter().take(3).map(|(_, id)| id.clone()).collect();
        FactsError::Unknown { kind, name, nearest: if named.is_empty() { nearest } else { named } }
    }

    /// Every region whose key matches one of the patterns (`gcp/*`, `*/eu-*`, `aws/eu-north-1`), in the catalog's
    /// order. A `*` stands for any text, an empty one included.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] for a pattern that matches none.
    pub fn regions_matching(&self, patterns: &[String]) -> Result<Vec<RegionId>, FactsError> {
        let mut matched: Vec<RegionId> = Vec::new();
        for pattern in patterns {
            if !pattern.contains('*') {
                let found = find("region", self.regions(), pattern).map_err(|error| all_of_them(error, pattern));
                matched.push(RegionId::new(found?.0));
                continue;
            }
            let before = matched.len();
            matched.extend(self.regions().keys().filter(|id| fits(pattern, id)).map(RegionId::new));
            if matched.len() == before {
                let providers: BTreeSet<&str> =
                    self.regions().keys().filter_map(|id| Some(id.split_once('/')?.0)).collect();
                let provider = pattern.split('/').next().unwrap_or_default();
                let near = nearest(provider, providers).into_iter().map(|provider| format!("{provider}/*"));
                return Err(FactsError::Unknown { kind: "region", name: pattern.clone(), nearest: near.collect() });
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
        let (id, identity) = find("region", self.regions(), name)?;
        let region = RegionId::new(id);
        let provider = region.provider().unwrap_or_default().to_owned();
        let own = |quantity: &str, scope: &str| self.lookup("regions", id, quantity, &[scope], year);
        let fleet = |quantity: &str, scope: &str| {
            let row = self.lookup("providers", &provider, quantity, &[scope], year)?;
            Some(row.with_fit(Fit::FleetAverage(provider.clone())))
        };
        let mut site = self.zone_site(&identity.zone, year);
        site.name.clone_from(&identity.name);
        if let Some(pue) = own("pue", "measured").or_else(|| own("pue", "design")).or_else(|| fleet("pue", "fleet")) {
            site.pue = pue.map(ratio);
        }
        site.wue =
            own("wue", "site").or_else(|| fleet("wue", "fleet")).map(|row| row.map(SiteWaterIntensity::from_l_per_kwh));
        let grid = |scope: &str, zone: Option<Sourced<AverageIntensity>>| {
            let own = own("average_intensity", scope).map(|row| row.map(AverageIntensity::from_g_per_kwh));
            nearest_in_time(own, zone, year)
        };
        site.lifecycle = grid("lifecycle", site.lifecycle);
        site.direct = grid("direct", site.direct);
        let published = own("market_based_intensity", "hourly_matched");
        site.market_based = nearest_in_time(
            published.map(|row| row.map(AverageIntensity::from_g_per_kwh)),
            self.derived_market_based(id, &identity.zone, year),
            year,
        );
        site.cfe_share = own("cfe_share", "hourly_matched").map(fraction);
        site.cfe_yearly = own("cfe_share", "yearly").or_else(|| fleet("cfe_share", "yearly")).map(fraction);
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
        let identity = &self.zones()[zone.as_str()];
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
            cfe_yearly: None,
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
            .map(ratio)
    }

    /// The newest PUE of a kind of site that was read somewhere: rows that are not verified are passed over where another
    /// year has one that is.
    pub fn verified_pue(&self, kind: &str) -> Option<Sourced<Pue>> {
        let is_read = |row: &&Row| row.quantity == "pue" && row.check != Check::Unverified;
        let newest = self.rows_of("pue", kind).filter(is_read).max_by_key(|row| row.valid_from)?;
        let year = newest.valid_from.year();
        self.lookup("pue", kind, "pue", &[newest.scope.as_str()], Some(year)).map(|row| row.map(ratio))
    }

    /// The kinds of site whose PUE is known, by name.
    pub fn site_kinds(&self) -> BTreeSet<&str> {
        self.subjects("pue")
    }

    /// Lowest and highest PUE that a site of this kind may have; both equal to [`Catalog::site_kind_pue`] where
    /// no span is told.
    ///
    /// # Panics
    /// As [`Catalog::site_kind_pue`].
    pub fn site_kind_pue_range(&self, kind: &str) -> (Pue, Pue) {
        let central = self.site_kind_pue(kind).value;
        let end =
            |quantity: &str| self.lookup("pue", kind, quantity, &[], None).map_or(central, |row| ratio(row.value));
        (end("pue_low"), end("pue_high"))
    }
}

/// The region's own figure or the zone's, whichever is nearer to the year asked for; the region's if both are.
/// A figure of the country around never pushes the region's own out.
fn nearest_in_time<T>(own: Option<Sourced<T>>, zone: Option<Sourced<T>>, year: Option<i16>) -> Option<Sourced<T>> {
    match (own, zone) {
        (Some(own), Some(zone)) => {
            let nearer = distance(&zone, year) < distance(&own, year);
            Some(if nearer && !matches!(zone.fit, Fit::ParentZone(_)) { zone } else { own })
        }
        (own, zone) => own.or(zone),
    }
}

/// Whether a key fits a pattern in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, key: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = key.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn fraction(row: Sourced<f64>) -> Sourced<Fraction> {
    row.map(|share| Fraction::new(share).expect("the loader held the range"))
}

fn ratio(ratio: f64) -> Pue {
    Pue::new(ratio).expect("the loader held the range")
}

/// Where a beginning stands for several regions, the first thing to write instead is the pattern that takes all.
fn all_of_them(error: FactsError, beginning: &str) -> FactsError {
    match error {
        FactsError::Ambiguous { kind, name, mut candidates } => {
            candidates.insert(0, format!("{beginning}*"));
            FactsError::Ambiguous { kind, name, candidates }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    fn region(name: &str, year: Option<i16>) -> Site {
        Catalog::load().region(name, year).expect("a known region")
    }

    fn text<T: std::fmt::Display>(row: Option<&Sourced<T>>) -> String {
        row.map_or("none".to_owned(), |row| format!("{} {} ({})", row.value, row.scope, row.fit))
    }

    #[test]
    fn a_regions_own_pue_of_the_year_is_exact_and_of_another_year_says_so() {
        assert_snapshot!(text(Some(&region("aws/us-east-1", Some(2024)).pue)), @"PUE 1.15 measured (exact)");
        assert_snapshot!(text(Some(&region("aws/us-east-1", Some(2019)).pue)), @"PUE 1.16 measured (2022 figure for 2019)");
        assert_snapshot!(text(Some(&region("aws/us-east-1", None).pue)), @"PUE 1.15 measured (exact)");
    }

    #[test]
    fn without_an_own_pue_the_fleet_stands_in_and_without_a_fleet_a_site_of_unknown_kind() {
        assert_snapshot!(text(Some(&region("gcp/asia-south2", Some(2024)).pue)), @"PUE 1.09 fleet (fleet average of gcp)");
        assert_snapshot!(text(Some(&region("hetzner/fsn1", Some(2024)).pue)), @"PUE 1.56 assumed (world default)");
    }

    #[test]
    fn a_zone_with_a_direct_figure_only_takes_its_lifecycle_one_from_the_country_around() {
        let site = Catalog::load().zone("US-NW-PGE", Some(2024)).expect("a zone");
        assert_snapshot!(text(site.lifecycle.as_ref()), @"384 gCO2e/kWh lifecycle (figure of the parent zone US)");
        assert_snapshot!(text(site.direct.as_ref()), @"288 gCO2e/kWh direct (2023 figure for 2024)");
    }

    #[test]
    fn a_country_by_its_name_and_a_provider_without_a_star_are_told_what_to_write() {
        let catalog = Catalog::load();
        let FactsError::Unknown { nearest, .. } = catalog.zone_id("germany").expect_err("no key") else {
            panic!("a name that is no key is not known")
        };
        assert_eq!(nearest, ["DE"]);
        let FactsError::Ambiguous { candidates, .. } =
            catalog.regions_matching(&["gcp".to_owned()]).expect_err("several")
        else {
            panic!("a beginning of several is ambiguous")
        };
        assert_eq!(candidates[0], "gcp*");
        assert!(catalog.regions_matching(&candidates[..1]).expect("all of them").len() > 20);
    }

    #[test]
    fn a_zone_without_any_figure_takes_the_country_around() {
        let site = Catalog::load().zone("IN-SO", Some(2024)).expect("a zone");
        assert_snapshot!(text(site.lifecycle.as_ref()), @"709 gCO2e/kWh lifecycle (figure of the parent zone IN)");
    }

    #[test]
    fn a_region_answers_with_its_own_grid_figure_where_that_is_nearest_in_time() {
        let of = |year| region("gcp/us-central1", Some(year));
        assert_snapshot!(text(of(2019).lifecycle.as_ref()), @"479 gCO2e/kWh lifecycle (exact)");
        assert_snapshot!(text(of(2024).lifecycle.as_ref()), @"491 gCO2e/kWh lifecycle (exact)");
        assert_snapshot!(text(of(2024).direct.as_ref()), @"413 gCO2e/kWh direct (exact)");
    }

    #[test]
    fn the_market_based_figure_is_published_or_derived_and_says_which() {
        assert_snapshot!(text(region("gcp/us-central1", Some(2019)).market_based.as_ref()), @"80.0 gCO2e/kWh hourly_matched (exact)");
        assert_snapshot!(text(region("gcp/us-east4", Some(2023)).market_based.as_ref()), @"318 gCO2e/kWh derived from hourly-matched CFE, lifecycle (exact)");
        assert_snapshot!(text(region("gcp/us-east4", Some(2025)).market_based.as_ref()), @"318 gCO2e/kWh derived from hourly-matched CFE, lifecycle (2023 figure for 2025)");
    }

    #[test]
    fn yearly_matching_alone_gives_no_market_based_figure_and_no_hourly_share() {
        let site = region("aws/eu-north-1", Some(2024));
        assert_eq!((site.market_based, site.cfe_share), (None, None));
        assert_snapshot!(text(site.cfe_yearly.as_ref()), @"100 % yearly (2022 figure for 2024)");
    }

    #[test]
    fn hourly_and_yearly_shares_are_never_mixed() {
        let catalog = Catalog::load();
        for name in catalog.region_names() {
            for year in [None, Some(2019), Some(2023), Some(2025)] {
                let site = catalog.region(&name.id, year).expect("its own name");
                assert!(site.cfe_share.is_none_or(|row| row.scope == "hourly_matched"), "{}", name.id);
                assert!(site.cfe_yearly.is_none_or(|row| row.scope == "yearly"), "{}", name.id);
                if let Some(net) = site.market_based {
                    let derived = net.scope.starts_with("derived from hourly-matched CFE");
                    assert!(derived || net.scope == "hourly_matched", "{} {}", name.id, net.scope);
                    assert_eq!(derived, net.check == greenwich_core::Check::Derived, "{}", name.id);
                }
            }
        }
    }

    #[test]
    fn water_of_the_plants_falls_back_to_the_world() {
        let site = |zone| Catalog::load().zone(zone, None).expect("a zone");
        assert_snapshot!(text(site("FR").source_water.as_ref()), @"3.67 L/kWh off_site (exact)");
        assert_snapshot!(text(site("AE").source_water.as_ref()), @"3.91 L/kWh off_site (world default)");
    }

    #[test]
    fn water_on_site_is_the_regions_own_else_the_fleets_else_unknown() {
        assert_snapshot!(text(region("aws/us-east-1", Some(2024)).wue.as_ref()), @"0.120 L/kWh site (exact)");
        assert_snapshot!(text(region("gcp/us-central1", Some(2024)).wue.as_ref()), @"1.00 L/kWh fleet (fleet average of gcp)");
        assert_snapshot!(text(region("oci/us-ashburn-1", Some(2024)).wue.as_ref()), @"none");
    }

    #[test]
    fn patterns_name_many_regions_and_refuse_what_matches_none() {
        let catalog = Catalog::load();
        let matching = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            catalog.regions_matching(&patterns)
        };
        assert_eq!(matching(&["gcp/us-central1", "gcp/us-central*"]).expect("they match").len(), 2);
        assert_snapshot!(told(&matching(&["gpc/us-central1"]).expect_err("no such provider")), @"
        no region is called `gpc/us-central1`
        help: did you mean `gcp/us-central1`, `gcp/us-central2`? `greenwich facts list regions` shows all
        ");
        assert_snapshot!(told(&matching(&["gcp/mars*"]).expect_err("no such region")), @"
        no region is called `gcp/mars*`
        help: did you mean `gcp/*`? `greenwich facts list regions` shows all
        ");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, key, expected) in [
            ("gcp/*", "gcp/us-central1", true),
            ("*/eu-*", "aws/eu-north-1", true),
            ("*north*", "gcp/europe-north1", true),
            ("*-north1", "gcp/europe-north1", true),
            ("gcp/*-north1", "gcp/europe-north2", false),
            ("*", "gcp/us-central1", true),
            ("aws/*", "gcp/us-central1", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, key), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn the_span_of_a_kind_of_site_is_told() {
        let catalog = Catalog::load();
        for kind in ["unknown", "on-premises"] {
            let (low, high) = catalog.site_kind_pue_range(kind);
            let central = catalog.site_kind_pue(kind).value;
            assert!(low < central && central < high, "{kind}");
        }
    }
}
