//! A sweep as text, JSON and a picture.
//!
//! In: [`Swept`]. Out: the best of each aim and the frontier for people, `greenwich.sweep/1` for programs, one slide.

use super::axes::Axes;
use super::columns::{reason, status};
use super::grid::Named;
use super::{Found, Reason, Swept};
use crate::job_file::recompute_word;
use greenwich_core::quantity::{AcceleratorHours, Co2e, FacilityEnergy, Hours, ItEnergy, Power, Usd, Water};
use greenwich_core::range::Quantity;
use greenwich_core::{Range, RegionId, ZoneId};
use greenwich_estimate::roofline::{Recompute, Sharing};
use greenwich_estimate::{Layout, LogNormal};
use greenwich_report::Style;
use greenwich_report::figures;
use greenwich_report::svg;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

/// Aims in the order in which they are compared.
const AIMS: [&str; 3] = ["hours", "co2e", "cost"];
const AIM_WORDS: [&str; 3] = ["Quickest", "Least CO2e", "Cheapest"];
/// Rows of the frontier that the text shows.
const SHOWN: usize = 12;
/// Reasons that the text shows.
const REASONS: usize = 8;

/// What was gone over, axis by axis, as its names were resolved.
pub(super) fn axes(axes: &Axes, named: &Named) -> Vec<(&'static str, Vec<String>)> {
    fn each<T: Ord + ToString>(all: impl Iterator<Item = T>) -> Vec<String> {
        let distinct: BTreeSet<T> = all.collect();
        distinct.iter().map(ToString::to_string).collect()
    }
    let runs = || named.grid.machines().iter().flat_map(|machine| &machine.runs);
    let mut precisions: Vec<String> = Vec::new();
    for name in &named.machines {
        if !precisions.iter().any(|known| known == name.precision.as_str()) {
            precisions.push(name.precision.as_str().to_owned());
        }
    }
    let layouts = || runs().filter_map(|run| Some(layout(run.given.layout?, run.sharing)));
    let all = [
        ("chip", axes.chips.is_some(), each(named.machines.iter().map(|name| name.chip.to_string()))),
        ("precision", axes.precisions.is_some(), precisions),
        ("count", axes.counts.is_some(), each(runs().map(|run| run.count))),
        ("layout", axes.layouts.is_some(), each(layouts())),
        ("place", axes.has_places(), each(named.places.iter().map(place))),
        ("datacenter", axes.datacenters.is_some(), each(named.places.iter().map(|name| name.datacenter.clone()))),
    ];
    all.into_iter().filter(|(_, is_swept, _)| *is_swept).map(|(key, _, values)| (key, values)).collect()
}

/// `8x4x16`, and what of the rest is no matter of course: `8x4x16:ep=8:zero=1:recompute=full`.
fn layout(sizes: Layout, sharing: Option<Sharing>) -> String {
    let Layout { tensor, pipeline, data, context } = sizes;
    let mut all = format!("{tensor}x{pipeline}x{data}");
    let mut part = |key: &str, value: &dyn Display, there: bool| {
        if there {
            // Writing to a text cannot fail.
            _ = write!(all, ":{key}={value}");
        }
    };
    part("cp", &context, context > 1);
    if let Some(Sharing { expert, zero, recompute, micro_batch, interleave, .. }) = sharing {
        part("ep", &expert, expert > 1);
        part("zero", &zero, zero > 0);
        part("recompute", &recompute_word(recompute), recompute != Recompute::Nothing);
        part("micro_batch", &micro_batch, micro_batch > 1);
        part("interleave", &interleave, interleave > 1);
    }
    all
}

fn place(name: &super::PlaceName) -> String {
    match (&name.region, &name.zone) {
        (Some(region), _) => region.to_string(),
        (None, Some(zone)) => zone.to_string(),
        (None, None) => "a site of its own".to_owned(),
    }
}

impl Swept {
    fn machine(&self, found: &Found) -> String {
        let (name, point) = (&self.machines[found.point.machine], &found.point);
        let layout = point.layout.map_or_else(String::new, |at| format!(", {}", layout(at, point.sharing)));
        format!("{} {}, {}{layout}", figures::count(u64::from(point.count)), name.chip, name.precision.as_str())
    }

    fn place(&self, found: &Found) -> String {
        let name = &self.places[found.point.place];
        match name.datacenter.as_str() {
            "" => place(name),
            kind if kind.parse::<f64>().is_ok() => format!("{}, PUE {kind}", place(name)),
            kind => format!("{}, {kind}", place(name)),
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        sheet.headline(&self.headline());
        for (key, values) in &self.axes {
            sheet.named(key, &listed(values));
        }
        if self.is_feasible() {
            sheet.heading("Best of each");
            self.best_text(&mut sheet);
            self.frontier_text(&mut sheet);
        }
        self.refused_text(&mut sheet);
        if let Some(out) = &self.out {
            sheet.blank();
            let rows = figures::count(self.combinations);
            sheet.named(
                "Written",
                &format!("{}, {rows} rows; docs/reference/sweep-files.md has its columns", out.display()),
            );
        }
        if !self.warnings.is_empty() {
            sheet.heading("Warnings");
            for warning in &self.warnings {
                sheet.item("! ", warning);
            }
        }
        sheet.finish()
    }

    fn headline(&self) -> String {
        let (feasible, refused) = (self.best.feasible, self.combinations - self.best.feasible);
        let (job, count) = (&self.job, figures::count);
        if feasible == 0 {
            return match self.combinations {
                1 => format!("{job}: it cannot be had."),
                all => format!("{job}: none of {} combinations can be had.", count(all)),
            };
        }
        let cannot = if refused == 0 { String::new() } else { format!("; {} more cannot be had", count(refused)) };
        let frontier = self.frontier.len() as u64;
        let (ways, are) = (if feasible == 1 { "way" } else { "ways" }, if frontier == 1 { "is" } else { "are" });
        format!(
            "{job}: of {} {ways} to run it {} {are} beaten by no other in hours, CO2e and cost{cannot}.",
            count(feasible),
            count(frontier)
        )
    }

    /// The best of each aim; one that is the best in several is told once.
    fn marks(&self) -> Vec<(String, &Found)> {
        let mut marks: Vec<(String, &Found)> = Vec::new();
        for (found, aim) in self.least.iter().zip(AIM_WORDS) {
            let Some(found) = found else { continue };
            match marks.iter_mut().find(|(_, known)| known.point == found.point) {
                Some((aims, _)) => *aims = format!("{aims}, {}{}", aim[..1].to_lowercase(), &aim[1..]),
                None => marks.push((aim.to_owned(), found)),
            }
        }
        marks
    }

    fn best_text(&self, sheet: &mut Sheet) {
        let header = [
            ("", Align::Left),
            ("hours", Align::Right),
            ("CO2e", Align::Right),
            ("cost", Align::Right),
            ("by", Align::Left),
        ];
        let rows = self.marks().into_iter().map(|(aim, found)| {
            let by = format!("{}; {}", self.machine(found), self.place(found));
            [vec![aim], ranges(found).to_vec(), vec![by]].concat()
        });
        sheet.table(&header, rows.collect());
        sheet.paragraph(
            "Medians; in brackets the range that holds nine in ten. CO2e is location-based, without embodied.",
        );
    }

    fn frontier_text(&self, sheet: &mut Sheet) {
        let shown = spread(self.frontier.len(), SHOWN);
        let some = if shown.len() < self.frontier.len() {
            format!(": {} of {}, from the quickest on", shown.len(), figures::count(self.frontier.len() as u64))
        } else {
            String::new()
        };
        sheet.heading(&format!("Frontier{some}"));
        let header = [
            ("hours", Align::Right),
            ("CO2e", Align::Right),
            ("cost", Align::Right),
            ("machine", Align::Left),
            ("place", Align::Left),
        ];
        let rows = shown.into_iter().map(|index| {
            let found = &self.frontier[index];
            [medians(found).to_vec(), vec![self.machine(found), self.place(found)]].concat()
        });
        sheet.table(&header, rows.collect());
    }

    fn refused_text(&self, sheet: &mut Sheet) {
        if self.refused.is_empty() {
            return;
        }
        sheet.heading("Cannot be had");
        for Reason { combinations, point, refusal } in self.refused.iter().take(REASONS) {
            let chip = &self.machines[point.machine].chip;
            let (all, of) = (figures::count(*combinations), figures::count(u64::from(point.count)));
            let which = match combinations {
                1 => format!("{of} × {chip}"),
                _ => format!("{all} combinations, {of} × {chip} among them"),
            };
            let says = format!("{which}: {}", reason(refusal));
            sheet.item("- ", &says);
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let axes: Map<String, Value> =
            self.axes.iter().map(|(key, values)| ((*key).to_owned(), json!(values))).collect();
        let refused = self.refused.iter().map(|refused| {
            let status = status(&refused.refusal);
            json!({"status": status, "combinations": refused.combinations, "first_reason": reason(&refused.refusal)})
        });
        let best: Map<String, Value> = AIMS
            .iter()
            .zip(&self.least)
            .map(|(aim, found)| ((*aim).to_owned(), found.as_ref().map_or(Value::Null, |found| self.row(found))))
            .collect();
        json!({
            "schema": super::SCHEMA,
            "job": self.job,
            "axes": axes,
            "combinations": self.combinations,
            "feasible": self.best.feasible,
            "infeasible": refused.collect::<Vec<_>>(),
            "best": best,
            "frontier": self.frontier.iter().map(|found| self.row(found)).collect::<Vec<_>>(),
            "out": self.out.as_ref().map(|out| out.display().to_string()),
            "warnings": self.warnings,
        })
    }

    fn row(&self, found: &Found) -> Value {
        let (point, of) = (&found.point, &found.figures);
        let (machine, place) = (&self.machines[point.machine], &self.places[point.place]);
        json!({
            "accelerator": machine.chip.as_str(),
            "precision": machine.precision.as_str(),
            "count": point.count,
            "layout": point.layout.map(|at| {
                let timed = point.sharing;
                json!({
                    "tp": at.tensor,
                    "pp": at.pipeline,
                    "dp": at.data,
                    "cp": at.context,
                    "ep": timed.map(|timed| timed.expert),
                    "zero": timed.map(|timed| timed.zero),
                    "recompute": timed.map(|timed| recompute_word(timed.recompute)),
                    "micro_batch": timed.map(|timed| timed.micro_batch),
                    "interleave": timed.map(|timed| timed.interleave),
                })
            }),
            "region": place.region.as_ref().map(RegionId::as_str),
            "zone": place.zone.as_ref().map(ZoneId::as_str),
            "datacenter": (!place.datacenter.is_empty()).then_some(&place.datacenter),
            "tier": of.tier.to_string(),
            "hours": ends(Some(of.hours), Hours::hours),
            "accelerator_hours": ends(Some(of.accelerator_hours), AcceleratorHours::hours),
            "mean_power_w": ends(Some(of.mean_power), Power::watts),
            "it_energy_kwh": ends(Some(of.it_energy), ItEnergy::kwh),
            "facility_energy_kwh": ends(Some(of.facility_energy), FacilityEnergy::kwh),
            "location_based_co2e_kg": ends(of.location_based, Co2e::kg),
            "market_based_co2e_kg": ends(of.market_based, Co2e::kg),
            "embodied_co2e_kg": ends(of.embodied, Co2e::kg),
            "water_l": ends(of.water, Water::litres),
            "cost_usd": ends(of.cost, Usd::usd),
        })
    }

    /// The frontier as a picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let by_energy = self.frontier.iter().all(|found| found.figures.location_based.is_none());
        let emitted =
            |found: &Found| if by_energy { found.figures.facility_energy.median().kwh() } else { found.aims[1] };
        let cost = |cost: f64| cost.is_finite().then_some(cost);
        let way =
            |found: &Found| svg::Way { hours: found.aims[0], emitted: emitted(found), cost_usd: cost(found.aims[2]) };
        let mark = |(aim, found): (String, &Found)| {
            let pair = |range: Range<f64>| [range.p5, range.p95];
            let of = &found.figures;
            let emitted = if by_energy {
                bare(of.facility_energy, FacilityEnergy::kwh)
            } else {
                of.location_based.map_or(Range { p5: 0.0, p50: 0.0, p95: 0.0 }, |co2e| bare(co2e, Co2e::kg))
            };
            let mut figures = ranges(found);
            if found.figures.cost.is_none() {
                figures[2] = format!("cost {NOT_KNOWN}");
            }
            svg::Mark {
                aim,
                way: way(found),
                ends: [pair(bare(of.hours, Hours::hours)), pair(emitted)],
                machine: self.machine(found),
                place: self.place(found),
                figures: figures.to_vec(),
            }
        };
        let marks = self.marks().into_iter().map(mark).collect();
        let sample: Vec<svg::Way> = self
            .best
            .sample
            .iter()
            .filter(|_| !by_energy)
            .map(|aims| svg::Way { hours: aims[0], emitted: aims[1], cost_usd: cost(aims[2]) })
            .collect();
        let view = svg::Frontier {
            title: self.headline(),
            marks,
            frontier: self.frontier.iter().map(way).collect(),
            sample: &sample,
            feasible: self.best.feasible,
            by_energy,
        };
        svg::frontier(&view)
    }
}

/// Hours, CO2e and cost with their ranges.
fn ranges(found: &Found) -> [String; 3] {
    let of = &found.figures;
    let known = |words: Option<String>| words.unwrap_or_else(|| NOT_KNOWN.to_owned());
    [
        figures::hours(&of.hours.range()),
        known(of.location_based.map(|co2e| figures::co2e(&co2e.range()))),
        known(of.cost.map(|cost| figures::cost(&cost.range()))),
    ]
}

/// The same without ranges.
fn medians(found: &Found) -> [String; 3] {
    ranges(found).map(|range| range.split(" (").next().unwrap_or_default().to_owned())
}

fn bare<Q: Quantity>(quantity: LogNormal<Q>, unit: impl Fn(Q) -> f64) -> Range<f64> {
    let range = quantity.range();
    Range { p5: unit(range.p5), p50: unit(range.p50), p95: unit(range.p95) }
}

fn ends<Q: Quantity>(quantity: Option<LogNormal<Q>>, unit: impl Fn(Q) -> f64) -> Value {
    quantity.map_or(Value::Null, |quantity| {
        let range = bare(quantity, unit);
        json!({"p5": range.p5, "p50": range.p50, "p95": range.p95})
    })
}

/// Values of an axis: all where they are few.
fn listed(values: &[String]) -> String {
    const FEW: usize = 12;
    match values.len() {
        many if many > FEW => {
            format!("{} … {} ({many})", values[..FEW - 4].join(", "), values[many - 1])
        }
        _ => values.join(", "),
    }
}

/// So many indices of a list, first and last among them, evenly.
fn spread(length: usize, most: usize) -> Vec<usize> {
    if length <= most {
        return (0..length).collect();
    }
    (0..most).map(|index| index * (length - 1) / (most - 1)).collect()
}
