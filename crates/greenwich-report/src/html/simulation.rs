//! The page of a simulation: what each policy saved, whom it made wait, and a week of it.
//!
//! In: a [`SimulationView`]. Out: one HTML file.

use crate::html::page::Page;
use crate::html::plots::{Datum, Mark, Over, bars, over_hours, points};
use crate::number::three;

/// One policy's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRow {
    /// Its name.
    pub name: &'static str,
    /// Saved against run-at-once, as a fraction.
    pub saving: Option<f64>,
    /// The same with what late jobs are charged.
    pub charged_saving: Option<f64>,
    /// The share of the oracle's saving.
    pub realised: Option<f64>,
    /// Emitted beyond the oracle, as a fraction.
    pub regret: Option<f64>,
    /// Emitted and charged above the proven bound, as a fraction, where one was asked for.
    pub above_bound: Option<f64>,
    /// Emissions in kg.
    pub co2e_kg: f64,
    /// Mean delay in hours.
    pub mean_delay_h: f64,
    /// Delay that one in twenty exceeds.
    pub p95_delay_h: f64,
    /// Jobs that were late.
    pub misses: usize,
    /// Restarts after pauses.
    pub restarts: u64,
    /// Jobs that ran elsewhere than at home.
    pub moved: usize,
}

/// Hours of one site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteHours {
    /// Its name and zone.
    pub name: String,
    /// Intensity.
    pub g_per_kwh: Vec<f64>,
    /// Accelerators held by ours.
    pub ours: Vec<f64>,
    /// Accelerators held by run-at-once.
    pub base: Vec<f64>,
    /// Accelerators that it has.
    pub room: f64,
}

/// Some days of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct HoursView {
    /// What the days are called, one in 24 hours.
    pub days: Vec<String>,
    /// The sites.
    pub sites: Vec<SiteHours>,
}

/// All policies at one utilisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioView {
    /// Its heading.
    pub name: String,
    /// A row a policy.
    pub rows: Vec<PolicyRow>,
    /// Some days of it.
    pub hours: Option<HoursView>,
}

/// A simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationView {
    /// The line that says it all.
    pub headline: String,
    /// What was replayed: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// One a utilisation.
    pub scenarios: Vec<ScenarioView>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// The heads of a policy's figures: shares in %, delays in hours.
const HEADS: [&str; 12] =
    ["policy", "saved", "charged", "oracle", "regret", "bound", "kgCO2e", "delay", "p95", "late", "restarts", "moved"];
/// The same where there is room.
const PAGE_HEADS: [&str; 12] = [
    "policy",
    "saved, %",
    "charged, %",
    "of oracle, %",
    "regret, %",
    "above the bound, %",
    "kgCO2e",
    "mean delay, h",
    "p95 delay, h",
    "late",
    "restarts",
    "moved",
];
/// Where the bound stands among them.
const BOUND: usize = 5;

/// Heads and figures as people read them; the bound has a column where a row has one.
pub fn policy_table(rows: &[PolicyRow]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    table(&HEADS, rows)
}

fn table(heads: &[&'static str], rows: &[PolicyRow]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let (mut heads, mut cells) = (heads.to_vec(), rows.iter().map(PolicyRow::cells).collect::<Vec<_>>());
    if rows.iter().all(|row| row.above_bound.is_none()) {
        heads.remove(BOUND);
        for row in &mut cells {
            row.remove(BOUND);
        }
    }
    (heads, cells)
}

impl PolicyRow {
    fn cells(&self) -> Vec<String> {
        let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| one(100.0 * share));
        vec![
            self.name.to_owned(),
            percent(self.saving),
            percent(self.charged_saving),
            percent(self.realised),
            percent(self.regret),
            percent(self.above_bound),
            three(self.co2e_kg),
            one(self.mean_delay_h),
            one(self.p95_delay_h),
            self.misses.to_string(),
            self.restarts.to_string(),
            self.moved.to_string(),
        ]
    }

    fn mark(&self) -> Mark {
        match self.name {
            "greenwich" => Mark::Ours,
            "oracle" | "run-at-once" => Mark::Known,
            _ => Mark::Other,
        }
    }
}

/// One decimal, and no nought below nought.
fn one(figure: f64) -> String {
    let text = format!("{figure:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// Writes the page.
pub fn simulation(view: &SimulationView) -> String {
    let mut page = Page::new(&view.headline);
    page.named(view.facts.iter().map(|(name, what)| (*name, what.as_str())));
    for scenario in &view.scenarios {
        page.heading(&scenario.name);
        let data: Vec<Datum<'_>> = scenario
            .rows
            .iter()
            .filter_map(|row| {
                let value = 100.0 * row.saving?;
                let note = if row.misses > 0 { format!(", {} late", row.misses) } else { String::new() };
                Some(Datum { name: row.name, note, mark: row.mark(), value, beside: row.mean_delay_h })
            })
            .collect();
        let others: Vec<Datum<'_>> = data
            .iter()
            .filter(|datum| datum.name != "run-at-once")
            .map(|datum| Datum { note: datum.note.clone(), ..*datum })
            .collect();
        page.figure(
            &bars("Emissions saved against run-at-once", &others),
            "Emissions saved against running at once, at home, as soon as there is room.",
        );
        page.figure(
            &points("Saving over delay", &data, "mean delay, h", "saved, %"),
            "What the saving costs in waiting: hours between the end and the end had the job run at once. Square: run-at-once and the oracle.",
        );
        let (heads, cells) = table(&PAGE_HEADS, &scenario.rows);
        let is_ours = scenario.rows.iter().map(|row| row.mark() == Mark::Ours);
        page.table(&heads, &is_ours.zip(cells).collect::<Vec<(bool, Vec<String>)>>());
        if let Some(hours) = &scenario.hours {
            for site in &hours.sites {
                let title = format!("{}: g/kWh, and accelerators held", site.name);
                let over = Over {
                    title: &title,
                    g_per_kwh: &site.g_per_kwh,
                    ours: &site.ours,
                    base: &site.base,
                    room: site.room,
                    days: &hours.days,
                };
                page.figure(&over_hours(&over), "Above the intensity. Below accelerators held: ours filled, run-at-once as a line; dashed: all that the site has.");
            }
        }
    }
    page.heading("What the figures are");
    for text in MEANING {
        page.paragraph(text);
    }
    if !view.warnings.is_empty() {
        page.heading("To know");
        for warning in &view.warnings {
            page.paragraph(warning);
        }
    }
    page.finish()
}

const MEANING: [&str; 5] = [
    "Saved: 1 − emissions ÷ those of run-at-once under the same capacity; restarts and transfers are in. Charged: the same with the charge of late jobs on both sides.",
    "Of oracle: the share of the oracle's saving. The oracle is our planner with intensities as they came; jobs still reach it one by one, as they do all others. Regret: what was emitted beyond it.",
    "Above the bound, where that was asked for: emissions and the charge of late jobs, beyond what no policy can go below, whoever decides and whatever he knows; proven by the fleet planner, which is told all jobs and hours at once.",
    "Delay: hours between a job's end and its end had it begun on arrival. Late: not done by its deadline; it goes on and is charged. Moved: ran elsewhere than at home.",
    "Emissions are location-based: power × hours × PUE × the measured average intensity of the zone's hour. Policies see forecasts alone, never the hour that they decide nor a later one.",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> SimulationView {
        let row = |name: &'static str, saving: f64, mean_delay_h: f64| PolicyRow {
            name,
            saving: Some(saving),
            charged_saving: Some(saving),
            realised: Some(0.9),
            regret: Some(0.01),
            above_bound: None,
            co2e_kg: 1234.5,
            mean_delay_h,
            p95_delay_h: 20.0,
            misses: 0,
            restarts: 7,
            moved: 3,
        };
        let site = SiteHours {
            name: "a <b> (DE)".to_owned(),
            g_per_kwh: vec![300.0; 48],
            ours: vec![2.0; 48],
            base: vec![1.0; 48],
            room: 4.0,
        };
        SimulationView {
            headline: "120 jobs & 2 sites".to_owned(),
            facts: vec![("jobs", "120 of a trace".to_owned())],
            scenarios: vec![ScenarioView {
                name: "At 77 %".to_owned(),
                rows: vec![row("run-at-once", 0.0, 0.1), row("greenwich", 0.12, 9.0), row("oracle", 0.13, 9.1)],
                hours: Some(HoursView { days: vec!["1 Mar".to_owned(), "2 Mar".to_owned()], sites: vec![site] }),
            }],
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_page_stands_by_itself() {
        let page = simulation(&view());
        for outside in ["http://", "https://", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("120 jobs &amp; 2 sites") && page.contains("a &lt;b&gt; (DE)"));
        assert_eq!(page.matches("<svg").count(), 3);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn a_row_has_a_cell_a_head() {
        let mut rows = view().scenarios.remove(0).rows;
        let (heads, cells) = policy_table(&rows);
        assert!(!heads.contains(&"bound") && cells.iter().all(|row| row.len() == heads.len()));
        assert_eq!(cells[1][..4], ["greenwich", "12.0", "12.0", "90.0"]);
        rows[1].above_bound = Some(0.257);
        let (heads, cells) = policy_table(&rows);
        assert!(heads[5] == "bound" && cells.iter().all(|row| row.len() == heads.len()));
        assert_eq!((&*cells[0][5], &*cells[1][5]), ("–", "25.7"));
    }

    #[test]
    fn the_same_view_is_the_same_page() {
        assert_eq!(simulation(&view()), simulation(&view()));
    }
}
