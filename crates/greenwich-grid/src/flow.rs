//! Consumption intensity: whose power a zone uses, traced through its neighbours.
//!
//! In: what each zone generates and at which intensity, and what crosses each border. Out: the intensity of
//! what each zone consumes. With P the generation of a zone, F its emissions and T_ij what i takes from j:
//!
//! ```text
//! (diag(P + Σ_j T_ij) − T) x = F
//! ```
//!
//! which says that a zone mixes what it makes with what it takes, each at its own intensity, before it uses
//! or passes on any. A zone whose power comes, in part and over however many borders, from one whose
//! intensity is not known has none either, and says from which.
//!
//! # Sources
//! de Chalendar, Taggart, Benson, "Tracking emissions in the US electricity system", PNAS 2019; Tranberg et al.,
//! "Real-time carbon accounting method for the European electricity markets", 2019 (average participation).

use crate::error::FlowError;
use crate::solve::solve;
use greenwich_core::ZoneId;
use std::collections::{BTreeMap, BTreeSet};

/// What a zone generates. One outside the study is an area as well: what it sends, at the intensity it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// The zone.
    pub zone: ZoneId,
    /// Mean megawatts generated, zero or above.
    pub generation_mw: f64,
    /// Grams of CO2e per kilowatt-hour generated, where known.
    pub g_per_kwh: Option<f64>,
}

/// What crosses a border, in megawatts; negative is the other way. Several of one border are netted.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Where it comes from.
    pub from: ZoneId,
    /// Where it goes.
    pub to: ZoneId,
    /// Mean megawatts.
    pub mw: f64,
}

/// What a zone consumes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumed {
    /// The zone.
    pub zone: ZoneId,
    /// Grams of CO2e per kilowatt-hour consumed; none where something is missing or no power comes at all.
    pub g_per_kwh: Option<f64>,
    /// Generation plus imports less exports; negative where the figures do not balance.
    pub consumption_mw: f64,
    /// Zones of unknown intensity from which some of its power comes.
    pub missing: Vec<ZoneId>,
}

/// Traces flows through all areas, in order of their zones.
///
/// # Errors
/// [`FlowError`] for a zone that is there twice or not at all, or a number that no grid has.
pub fn consumption(areas: &[Area], exchanges: &[Exchange]) -> Result<Vec<Consumed>, FlowError> {
    let grid = Grid::of(areas, exchanges)?;
    let tainted = grid.tainted();
    let known: Vec<usize> = (0..grid.areas.len()).filter(|area| tainted[*area].is_empty()).collect();
    let place: BTreeMap<usize, usize> = known.iter().enumerate().map(|(row, area)| (*area, row)).collect();
    let mut a = vec![vec![0.0; known.len()]; known.len()];
    let mut b = vec![0.0; known.len()];
    for (row, &area) in known.iter().enumerate() {
        let Area { generation_mw, g_per_kwh, .. } = *grid.areas[area];
        a[row][row] = generation_mw;
        b[row] = generation_mw * g_per_kwh.unwrap_or(0.0);
        for &(from, mw) in &grid.imports[area] {
            a[row][row] += mw;
            a[row][place[&from]] -= mw;
        }
    }
    let solved = solve(a, b);
    let answer = |(index, area): (usize, &&Area)| {
        let exports: f64 = grid.imports.iter().flatten().filter(|(from, _)| *from == index).map(|(_, mw)| mw).sum();
        let imports: f64 = grid.imports[index].iter().map(|(_, mw)| mw).sum();
        let missing = tainted[index].iter().filter(|source| **source != index || area.generation_mw > 0.0);
        Consumed {
            zone: area.zone.clone(),
            g_per_kwh: place.get(&index).and_then(|row| Some(solved.as_ref()?[*row])),
            consumption_mw: area.generation_mw + imports - exports,
            missing: missing.map(|source| grid.areas[*source].zone.clone()).collect(),
        }
    };
    Ok(grid.areas.iter().enumerate().map(answer).collect())
}

/// Areas in order of zone, and for each what it takes from which, in the same order.
struct Grid<'a> {
    areas: Vec<&'a Area>,
    imports: Vec<Vec<(usize, f64)>>,
}

impl<'a> Grid<'a> {
    fn of(given: &'a [Area], exchanges: &[Exchange]) -> Result<Self, FlowError> {
        let mut areas: Vec<&Area> = given.iter().collect();
        areas.sort_by(|one, other| one.zone.cmp(&other.zone));
        if let Some(pair) = areas.windows(2).find(|pair| pair[0].zone == pair[1].zone) {
            return Err(FlowError::Twice { zone: pair[0].zone.clone() });
        }
        for area in &areas {
            let number = |what, found| FlowError::Number { zone: area.zone.clone(), what, found };
            if !area.generation_mw.is_finite() || area.generation_mw < 0.0 {
                return Err(number("a generation in MW of", area.generation_mw));
            }
            if let Some(found) = area.g_per_kwh.filter(|found| !found.is_finite() || *found < 0.0) {
                return Err(number("an intensity in g/kWh of", found));
            }
        }
        let find = |zone: &ZoneId| {
            let found = areas.binary_search_by(|area| area.zone.cmp(zone));
            found.map_err(|_| FlowError::UnknownZone { zone: zone.clone() })
        };
        // Sorted before they are added up, so that their order changes no bit of the answer.
        let mut borders: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
        for exchange in exchanges {
            let (from, to) = (find(&exchange.from)?, find(&exchange.to)?);
            if !exchange.mw.is_finite() {
                let zone = exchange.from.clone();
                return Err(FlowError::Number { zone, what: "an exchange in MW of", found: exchange.mw });
            }
            let forwards = if from < to { exchange.mw } else { -exchange.mw };
            if from != to {
                borders.entry((from.min(to), from.max(to))).or_default().push(forwards);
            }
        }
        let mut imports = vec![Vec::new(); areas.len()];
        for ((low, high), mut flows) in borders {
            flows.sort_by(f64::total_cmp);
            let net: f64 = flows.iter().sum();
            match net {
                forwards if forwards > 0.0 => imports[high].push((low, forwards)),
                backwards if backwards < 0.0 => imports[low].push((high, -backwards)),
                _ => {}
            }
        }
        Ok(Self { areas, imports })
    }

    /// For each area the sources of unknown intensity that reach it. An area to which no generation flows is
    /// such a source of its own: what it sends on can be nobody's.
    fn tainted(&self) -> Vec<BTreeSet<usize>> {
        let reach = |sources: Vec<usize>| {
            let mut reached: Vec<bool> = vec![false; self.areas.len()];
            let mut next = sources;
            while let Some(area) = next.pop() {
                if !std::mem::replace(&mut reached[area], true) {
                    let takes = |to: &usize| self.imports[*to].iter().any(|(from, _)| *from == area);
                    next.extend((0..self.areas.len()).filter(takes));
                }
            }
            reached
        };
        let generates = |area: &usize| self.areas[*area].generation_mw > 0.0;
        let powered = reach((0..self.areas.len()).filter(generates).collect());
        let unknown = (0..self.areas.len())
            .filter(|area| !powered[*area] || (generates(area) && self.areas[*area].g_per_kwh.is_none()));
        let mut tainted = vec![BTreeSet::new(); self.areas.len()];
        for source in unknown {
            for (area, reached) in reach(vec![source]).into_iter().enumerate() {
                if reached {
                    tainted[area].insert(source);
                }
            }
        }
        tainted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(zone: &str, generation_mw: f64, g_per_kwh: impl Into<Option<f64>>) -> Area {
        Area { zone: ZoneId::new(zone), generation_mw, g_per_kwh: g_per_kwh.into() }
    }

    fn exchange(from: &str, to: &str, mw: f64) -> Exchange {
        Exchange { from: ZoneId::new(from), to: ZoneId::new(to), mw }
    }

    fn told(areas: &[Area], exchanges: &[Exchange]) -> Vec<String> {
        let consumed = consumption(areas, exchanges).expect("sound figures");
        let line = |one: &Consumed| {
            let intensity = one.g_per_kwh.map_or_else(|| "none".to_owned(), |value| format!("{value:.1}"));
            let missing: Vec<&str> = one.missing.iter().map(ZoneId::as_str).collect();
            format!("{} {intensity} {:.0} MW {}", one.zone, one.consumption_mw, missing.join(" ")).trim_end().to_owned()
        };
        consumed.iter().map(line).collect()
    }

    #[test]
    fn the_worked_example_of_the_concepts_page() {
        let areas = [area("A", 1000.0, 800.0), area("B", 500.0, 50.0), area("C", 200.0, 400.0)];
        let exchanges = [exchange("A", "B", 300.0), exchange("B", "C", 200.0)];
        // B mixes 500 MW of its own at 50 with 300 MW of A's at 800: 331.25. C takes 200 MW of that to its own 200 at 400.
        assert_eq!(told(&areas, &exchanges), ["A 800.0 700 MW", "B 331.2 600 MW", "C 365.6 400 MW"]);
    }

    #[test]
    fn both_directions_of_one_border_are_netted() {
        let areas = [area("A", 100.0, 800.0), area("B", 100.0, 0.0)];
        let both = [exchange("A", "B", 60.0), exchange("B", "A", 10.0), exchange("B", "A", -50.0)];
        assert_eq!(told(&areas, &both), told(&areas, &[exchange("A", "B", 100.0)]));
    }

    #[test]
    fn power_that_only_passes_through_keeps_its_intensity() {
        let areas = [area("A", 100.0, 600.0), area("B", 0.0, None), area("C", 0.0, None)];
        let ring = [exchange("A", "B", 100.0), exchange("B", "C", 60.0), exchange("C", "A", 20.0)];
        assert_eq!(told(&areas, &ring), ["A 600.0 20 MW", "B 600.0 40 MW", "C 600.0 40 MW"]);
    }

    #[test]
    fn what_comes_from_an_unknown_zone_is_unknown_and_says_from_where() {
        let areas = [area("A", 100.0, None), area("B", 100.0, 50.0), area("C", 0.0, None), area("D", 10.0, 20.0)];
        let flows = [exchange("A", "B", 5.0), exchange("B", "C", 10.0), exchange("D", "B", 1.0)];
        assert_eq!(told(&areas, &flows), ["A none 95 MW A", "B none 96 MW A", "C none 10 MW A", "D 20.0 9 MW"]);
    }

    #[test]
    fn a_zone_without_any_power_has_no_intensity_and_misses_nobody() {
        let areas = [area("A", 100.0, 50.0), area("B", 0.0, 300.0)];
        assert_eq!(told(&areas, &[]), ["A 50.0 100 MW", "B none 0 MW"]);
    }

    #[test]
    fn slips_are_named() {
        let refused = |areas: &[Area], flows: &[Exchange]| consumption(areas, flows).expect_err("a slip").to_string();
        let one = area("A", 1.0, 1.0);
        assert_eq!(refused(&[one.clone(), one.clone()], &[]), "zone `A` is given twice");
        assert_eq!(
            refused(std::slice::from_ref(&one), &[exchange("A", "B", 1.0)]),
            "an exchange names zone `B`, which is not among the areas"
        );
        assert_eq!(refused(&[area("A", -1.0, 1.0)], &[]), "zone `A` has a generation in MW of -1");
        assert_eq!(refused(&[area("A", 1.0, f64::NAN)], &[]), "zone `A` has an intensity in g/kWh of NaN");
        assert_eq!(refused(&[one], &[exchange("A", "A", f64::INFINITY)]), "zone `A` has an exchange in MW of inf");
    }
}
