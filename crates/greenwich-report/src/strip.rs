//! The intensity of regions over the window, cut in buckets: what text and SVG draw.
//!
//! In: a request, its plan and how many rows and columns there is room for. Out: rows in reading
//! order with one mean a bucket, on one common scale. A bucket that the series does not cover has
//! no mean and stays blank.

use crate::when::{buckets, covered};
use greenwich_core::plan::{Placement, Plan, Request};
use greenwich_core::{IntensitySeries, Provenance, Window};

/// Why a row is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The plan runs here.
    Chosen,
    /// It would have run here, and the plan leaves.
    Home,
    /// The plan runs at home.
    ChosenHome,
    /// It could have run here.
    Other,
}

impl Role {
    pub(crate) const fn is_chosen(self) -> bool {
        matches!(self, Self::Chosen | Self::ChosenHome)
    }
    pub(crate) const fn is_home(self) -> bool {
        matches!(self, Self::Home | Self::ChosenHome)
    }
}

/// One region over the window.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) role: Role,
    pub(crate) region: &'a str,
    pub(crate) zone: &'a str,
    /// Mean of each bucket in gCO2e/kWh.
    pub(crate) cells: Vec<Option<f64>>,
}

impl Row<'_> {
    /// Least and greatest bucket in gCO2e/kWh.
    pub(crate) fn extent(&self) -> Option<(f64, f64)> {
        extent(self.cells.iter().flatten().copied())
    }
}

/// All rows, the chosen region first, then home, then the best others.
#[derive(Debug)]
pub(crate) struct Strip<'a> {
    pub(crate) window: Window,
    pub(crate) buckets: Vec<Window>,
    pub(crate) rows: Vec<Row<'a>>,
    /// The common scale's top, its foot being 0: the greatest bucket of all rows in gCO2e/kWh. A scale that
    /// began at the least would make a steady grid look wild.
    pub(crate) top: f64,
}

impl<'a> Strip<'a> {
    /// Draws up at most `rows` rows of at most `columns` buckets, none shorter than a step of the signal.
    pub(crate) fn of(request: &'a Request, plan: &'a Plan, rows: usize, columns: usize) -> Self {
        let window = request.window;
        let step = request.series.iter().map(IntensitySeries::step).min().map_or(3600.0, |step| step.as_secs_f64());
        let steps = (window.duration().as_secs_f64() / step).ceil() as usize;
        let buckets = buckets(window, columns.min(steps).max(1));
        let row = |role, placement: &'a Placement| Row {
            role,
            region: placement.candidate.region.as_str(),
            zone: placement.candidate.zone.as_str(),
            cells: cells(request.series.get(placement.candidate.series), &buckets),
        };
        let (chosen, home) = (&plan.best, &plan.baseline);
        let mut out = if chosen.candidate.region == home.candidate.region {
            vec![row(Role::ChosenHome, chosen)]
        } else {
            vec![row(Role::Chosen, chosen), row(Role::Home, home)]
        };
        for other in &plan.by_region {
            if out.len() >= rows {
                break;
            }
            if out.iter().all(|held| held.region != other.candidate.region.as_str()) {
                out.push(row(Role::Other, other));
            }
        }
        let values = out.iter().flat_map(|row| row.cells.iter().flatten().copied());
        let top = values.fold(0.0, f64::max);
        Self { window, buckets, rows: out, top }
    }
    /// Where a value lies on the common scale, 0 to 1.
    pub(crate) fn shade(&self, g_per_kwh: f64) -> f64 {
        if self.top > 0.0 { (g_per_kwh / self.top).clamp(0.0, 1.0) } else { 0.0 }
    }
    /// The share of each bucket that the segments cover.
    pub(crate) fn marks(&self, segments: &[Window]) -> Vec<f64> {
        self.buckets.iter().map(|bucket| covered(*bucket, segments)).collect()
    }
}

fn cells(series: Option<&IntensitySeries>, buckets: &[Window]) -> Vec<Option<f64>> {
    buckets.iter().map(|bucket| series.and_then(|series| series.mean_g_per_kwh(*bucket))).collect()
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |held, value| match held {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// Zones whose series came about in one way.
#[derive(Debug)]
pub(crate) struct Source {
    /// How, in words: `typical 2022, not a forecast`.
    pub(crate) text: String,
    /// The zones drawn first; a flat one with its figure's year.
    pub(crate) zones: Vec<String>,
    /// How many of them are drawn.
    pub(crate) drawn: usize,
}

impl Source {
    /// At most `most` zones by name, then how many more there are.
    pub(crate) fn listed(&self, most: usize) -> String {
        let named = self.zones[..self.zones.len().min(most)].join(", ");
        match self.zones.len() - self.zones.len().min(most) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

/// What the request's series are, those of the drawn rows first. Yearly means are one source, however
/// many years and zones: what they have in common, that waiting cannot be judged, is what matters.
pub(crate) fn sources(request: &Request, rows: &[Row<'_>]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    let drawn = |series: &&IntensitySeries| rows.iter().any(|row| row.zone == series.zone.as_str());
    let (first, rest): (Vec<_>, Vec<_>) = request.series.iter().partition(drawn);
    let first = first.into_iter().map(|series| (series, 1)).chain(rest.into_iter().map(|series| (series, 0)));
    for (series, is_drawn) in first {
        let (text, zone) = match &series.provenance {
            Provenance::Flat { year, zone } if *zone == series.zone => {
                ("yearly mean, flat".to_owned(), format!("{zone} {year}"))
            }
            Provenance::Flat { year, zone } => {
                ("yearly mean, flat".to_owned(), format!("{} as {zone} {year}", series.zone))
            }
            other => (other.to_string(), series.zone.to_string()),
        };
        match sources.iter_mut().find(|held| held.text == text) {
            Some(held) if held.zones.contains(&zone) => {}
            Some(held) => {
                held.zones.push(zone);
                held.drawn += is_drawn;
            }
            None => sources.push(Source { text, zones: vec![zone], drawn: is_drawn }),
        }
    }
    sources
}

/// Who must be named for the series, each once.
pub(crate) fn attributions(request: &Request) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for series in &request.series {
        if let Provenance::Typical { attribution, .. } = &series.provenance
            && !attribution.is_empty()
            && !out.contains(&attribution.as_str())
        {
            out.push(attribution);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_chosen_region_comes_first_then_home_then_the_best_others() {
        let fixture = fixture::moved();
        let strip = Strip::of(&fixture.request, &fixture.plan, 6, 200);
        let regions: Vec<_> = strip.rows.iter().map(|row| (row.role, row.region)).collect();
        assert_eq!(regions[0], (Role::Chosen, "gcp/europe-north2"));
        assert_eq!(regions[1], (Role::Home, "gcp/us-central1"));
        assert_eq!(regions.len(), 6);
        assert!(strip.buckets.len() == 200 && strip.rows.iter().all(|row| row.cells.len() == 200));
    }

    #[test]
    fn a_bucket_is_never_shorter_than_a_step() {
        let fixture = fixture::stayed();
        let strip = Strip::of(&fixture.request, &fixture.plan, 6, 200);
        assert_eq!(strip.buckets.len(), 48);
        assert_eq!(strip.rows[0].role, Role::ChosenHome);
        let marked = strip.marks(&fixture.plan.best.segments);
        assert!((marked.iter().sum::<f64>() - 6.0).abs() < 1e-9);
    }

    #[test]
    fn yearly_means_are_one_source_and_the_drawn_zones_come_first() {
        let mut fixture = fixture::moved();
        for (index, year) in [(0, 2024), (2, 2025), (7, 2023)] {
            let zone = fixture.request.series[index].zone.clone();
            fixture.request.series[index].provenance = Provenance::Flat { year, zone };
        }
        let strip = Strip::of(&fixture.request, &fixture.plan, 2, 1);
        let sources = sources(&fixture.request, &strip.rows);
        let said: Vec<_> = sources.iter().map(|source| (source.listed(2), source.drawn)).collect();
        assert_eq!(
            said,
            [("US-MIDW-MISO 2024, FR 2025 and 1 more".to_owned(), 1), ("SE-SE3, CA-QC and 3 more".to_owned(), 1)]
        );
    }
}
