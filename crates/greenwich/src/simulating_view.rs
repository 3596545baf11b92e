//! A simulation as text, JSON, tables and a page.
//!
//! In: a [`Simulated`]. Out: what stands on stdout, `greenwich.simulation/1`, a row a policy or a row a job as CSV or Parquet,
//! and one HTML file.

use crate::error::Error;
use crate::simulating::{JobSource, Method, PolicyKind, Scenario, Simulated};
use greenwich_report::Style;
use greenwich_report::html::{self, HoursView, PolicyRow, ScenarioView, SimulationView, SiteHours};
use greenwich_report::text::sheet::{Align, Sheet, co2e};
use greenwich_store::{Cells, parquet_sheet};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

/// Days that the page shows.
const DAYS: usize = 7;
/// Sites that the page shows.
const MOST_SITES: usize = 4;

/// A table: its schema, and its columns.
type Table = (&'static str, Vec<(&'static str, Cells)>);
/// The text of a job under a policy in a scenario.
type TextOf<'a> = &'a dyn Fn((&Scenario, PolicyKind, usize, &greenwich_simulate::Ran)) -> Option<String>;

impl Simulated {
    /// The row of each policy of a scenario.
    fn rows(scenario: &Scenario) -> Vec<PolicyRow> {
        let base = scenario.outcome(PolicyKind::RunAtOnce).expect("run-at-once is always there");
        let oracle = scenario.outcome(PolicyKind::Oracle).expect("the oracle is always there");
        let row = |kind: PolicyKind| {
            let outcome = scenario.outcome(kind)?;
            Some(PolicyRow {
                name: kind.as_str(),
                saving: outcome.saving(base),
                charged_saving: outcome.charged_saving(base),
                realised: outcome.realised(base, oracle),
                regret: outcome.regret(oracle),
                above_bound: scenario.bound_g.and_then(|bound| outcome.above(bound)),
                co2e_kg: outcome.co2e_g / 1e3,
                mean_delay_h: outcome.mean_delay_h,
                p95_delay_h: outcome.p95_delay_h,
                misses: outcome.misses,
                restarts: outcome.restarts,
                moved: outcome.moved,
            })
        };
        PolicyKind::ALL.into_iter().filter_map(row).collect()
    }

    fn scenario_name(scenario: &Scenario) -> String {
        let share = format!("Utilisation {:.0} %", 100.0 * scenario.utilisation);
        match scenario.asked {
            Some(asked) if (asked - scenario.utilisation).abs() > 0.005 => {
                format!("{share} ({:.0} % asked for; accelerators are whole)", 100.0 * asked)
            }
            Some(_) => share,
            None => format!("{share}, sites as their file has them"),
        }
    }

    fn forecast_words(&self) -> String {
        let every = format!("issued every {} h", self.options.every);
        match self.options.method {
            Method::Forecaster => format!("from each zone's past alone, {every}"),
            Method::Naive => format!("the last day and the last week's mean, {every}"),
            Method::Perfect => "as they came".to_owned(),
            Method::Error(share) => {
                format!("as they came with noise of {:.3} % of the mean, seed {}", 100.0 * share, self.options.seed)
            }
        }
    }

    fn source_words(&self) -> String {
        let name = |path: &std::path::Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match &self.options.jobs {
            JobSource::Jobs(file) => name(file),
            JobSource::Trace(file, rules) => format!(
                "{}; {:.0} % may pause, {:.0} % may move, {} h of slack, {} W an accelerator, seed {}",
                name(file),
                100.0 * rules.interruptible,
                100.0 * rules.movable,
                rules.slack_h,
                rules.power_w,
                rules.seed
            ),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let fleet = &self.scenarios[0].world.fleet;
        let work: f64 = self.scenarios[0].world.work();
        let sites: Vec<String> = fleet.sites.iter().map(|site| format!("{} ({})", site.name, site.zone)).collect();
        let charges = self.options.charges;
        vec![
            ("hours", format!("{} from {}, {} with the tail", self.options.hours, self.options.start, self.replayed_h)),
            ("jobs", format!("{} jobs, {work:.0} accelerator-hours: {}", fleet.jobs.len(), self.source_words())),
            ("sites", sites.join(", ")),
            ("forecasts", self.forecast_words()),
            ("signal", format!("average {} intensity", self.options.signal)),
            (
                "charges",
                format!(
                    "{} g an accelerator-hour of late jobs, {} kWh a GB moved, {} min a restart unless the job says",
                    charges.miss_g, charges.transfer_kwh_per_gb, charges.restart_minutes
                ),
            ),
        ]
    }

    /// The line that says it all: ours at the first utilisation, or else the oracle.
    fn headline(&self) -> String {
        let scenario = &self.scenarios[0];
        let rows = Self::rows(scenario);
        let of = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.saving);
        let percent =
            |share: Option<f64>| share.map_or("nothing known".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        let jobs = scenario.world.fleet.jobs.len();
        let share = 100.0 * scenario.utilisation;
        match of("greenwich") {
            Some(ours) => format!(
                "{jobs} jobs at {share:.0} % utilisation: planning saves {}, an oracle {}",
                percent(Some(ours)),
                percent(of("oracle"))
            ),
            None => format!("{jobs} jobs at {share:.0} % utilisation: an oracle saves {}", percent(of("oracle"))),
        }
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        sheet.headline(&self.headline());
        for (name, what) in self.facts() {
            sheet.named(name, &what);
        }
        for scenario in &self.scenarios {
            sheet.heading(&Self::scenario_name(scenario));
            let (heads, cells) = html::policy_table(&Self::rows(scenario));
            let aligned = |(at, name)| (name, if at == 0 { Align::Left } else { Align::Right });
            sheet.table(&heads.into_iter().enumerate().map(aligned).collect::<Vec<_>>(), cells);
            if let Some(bound) = scenario.bound_g {
                sheet.paragraph(&format!(
                    "No policy emits and is charged less than {}, proven; bound: how far above it each is.",
                    co2e(bound / 1e3)
                ));
            }
        }
        sheet.blank();
        sheet.paragraph(
            "Shares in %, delays in hours. Saved: against run-at-once under the same capacity. Charged: with the charge of late jobs on both sides. Oracle: the share of its saving; it knows intensities, not the jobs to come. Regret: emitted beyond it.",
        );
        for warning in &self.warnings {
            sheet.paragraph(&format!("warning: {warning}"));
        }
        sheet.finish()
    }

    /// `greenwich.simulation/1`.
    pub fn json(&self) -> Value {
        let options = &self.options;
        let (forecast, noise) = match options.method {
            Method::Forecaster => ("greenwich", None),
            Method::Naive => ("naive", None),
            Method::Perfect => ("perfect", None),
            Method::Error(share) => ("error", Some(share)),
        };
        let scenarios: Vec<Value> = self
            .scenarios
            .iter()
            .map(|scenario| {
                let (_, columns) = Self::policy_table_of(std::slice::from_ref(scenario));
                let policies = objects(&columns, &["utilisation"]);
                let sites: Vec<Value> = scenario
                    .world
                    .fleet
                    .sites
                    .iter()
                    .map(|site| {
                        json!({"site": site.name, "zone": site.zone.as_str(), "pue": site.pue.ratio(), "accelerators": site.capacity.iter().max()})
                    })
                    .collect();
                json!({
                    "asked_utilisation": scenario.asked,
                    "utilisation": scenario.utilisation,
                    "jobs": scenario.world.fleet.jobs.len(),
                    "accelerator_hours": scenario.world.work(),
                    "bound_co2e_kg": scenario.bound_g.map(|bound| bound / 1e3),
                    "sites": sites,
                    "policies": policies,
                })
            })
            .collect();
        json!({
            "schema": "greenwich.simulation/1",
            "start": options.start.to_string(),
            "hours": options.hours,
            "replayed_hours": self.replayed_h,
            "signal": options.signal.as_str(),
            "forecast": forecast,
            "forecast_error": noise,
            "forecast_every_h": options.every,
            "seed": options.seed,
            "miss_charge_g": options.charges.miss_g,
            "transfer_kwh_per_gb": options.charges.transfer_kwh_per_gb,
            "restart_minutes": options.charges.restart_minutes,
            "scenarios": scenarios,
            "warnings": self.warnings,
        })
    }

    /// A row a policy and utilisation.
    fn policy_table(&self) -> Table {
        Self::policy_table_of(&self.scenarios)
    }

    fn policy_table_of(scenarios: &[Scenario]) -> Table {
        let rows: Vec<(&Scenario, PolicyRow)> = scenarios
            .iter()
            .flat_map(|scenario| Self::rows(scenario).into_iter().map(move |row| (scenario, row)))
            .collect();
        let outcome = |scenario: &Scenario, row: &PolicyRow| {
            let kind: PolicyKind = row.name.parse().expect("rows are named after their policies");
            scenario.outcome(kind).expect("each row has its outcome").clone()
        };
        let outcomes: Vec<_> = rows.iter().map(|(scenario, row)| outcome(scenario, row)).collect();
        let real = |of: &dyn Fn(&PolicyRow) -> Option<f64>| Cells::Real(rows.iter().map(|(_, row)| of(row)).collect());
        let whole =
            |of: &dyn Fn(&PolicyRow) -> usize| Cells::Whole(rows.iter().map(|(_, row)| Some(of(row) as i64)).collect());
        let columns = vec![
            ("utilisation", Cells::Real(rows.iter().map(|(scenario, _)| Some(scenario.utilisation)).collect())),
            ("policy", Cells::Text(rows.iter().map(|(_, row)| Some(row.name.to_owned())).collect())),
            ("co2e_kg", real(&|row| Some(row.co2e_kg))),
            ("saving_fraction", real(&|row| row.saving)),
            ("charged_saving_fraction", real(&|row| row.charged_saving)),
            ("oracle_share", real(&|row| row.realised)),
            ("regret_fraction", real(&|row| row.regret)),
            ("above_bound_fraction", real(&|row| row.above_bound)),
            ("it_energy_kwh", Cells::Real(outcomes.iter().map(|outcome| Some(outcome.energy_kwh)).collect())),
            ("restart_co2e_kg", Cells::Real(outcomes.iter().map(|outcome| Some(outcome.restart_g / 1e3)).collect())),
            ("transfer_co2e_kg", Cells::Real(outcomes.iter().map(|outcome| Some(outcome.transfer_g / 1e3)).collect())),
            ("miss_charge_kg", Cells::Real(outcomes.iter().map(|outcome| Some(outcome.miss_charge_g / 1e3)).collect())),
            ("mean_delay_h", real(&|row| Some(row.mean_delay_h))),
            ("p95_delay_h", real(&|row| Some(row.p95_delay_h))),
            ("misses", whole(&|row| row.misses)),
            ("unfinished", Cells::Whole(outcomes.iter().map(|outcome| Some(outcome.unfinished as i64)).collect())),
            ("restarts", whole(&|row| row.restarts as usize)),
            ("moved", whole(&|row| row.moved)),
        ];
        ("greenwich.simulation_policies/1", columns)
    }

    /// A row a job, policy and utilisation.
    fn job_table(&self) -> Table {
        let all = || {
            self.scenarios.iter().flat_map(|scenario| {
                scenario.results.iter().flat_map(move |result| {
                    result.outcome.jobs.iter().enumerate().map(move |(job, ran)| (scenario, result.kind, job, ran))
                })
            })
        };
        let instant = |hour: f64| {
            let seconds = SignedDuration::from_secs((hour * 3600.0).round() as i64);
            Some((self.options.start + seconds).to_string())
        };
        let text = |of: TextOf<'_>| Cells::Text(all().map(of).collect());
        let real = |of: &dyn Fn(&greenwich_simulate::Ran) -> f64| {
            Cells::Real(all().map(|(_, _, _, ran)| Some(of(ran))).collect())
        };
        let columns = vec![
            ("utilisation", Cells::Real(all().map(|(scenario, ..)| Some(scenario.utilisation)).collect())),
            ("policy", text(&|(_, kind, ..)| Some(kind.as_str().to_owned()))),
            ("job", text(&|(scenario, _, job, _)| Some(scenario.world.fleet.names.get(job).to_owned()))),
            ("site", text(&|(scenario, _, _, ran)| Some(scenario.world.fleet.sites[ran.site? as usize].name.clone()))),
            ("release", text(&|(scenario, _, job, _)| instant(f64::from(scenario.world.fleet.jobs[job].release)))),
            ("start", text(&|(_, _, _, ran)| instant(f64::from(ran.began?)))),
            ("end", text(&|(_, _, _, ran)| instant(ran.ended_h?))),
            ("delay_h", real(&|ran| ran.delay_h)),
            ("missed", Cells::Whole(all().map(|(_, _, _, ran)| Some(i64::from(ran.missed))).collect())),
            ("restarts", Cells::Whole(all().map(|(_, _, _, ran)| Some(i64::from(ran.restarts))).collect())),
            ("it_energy_kwh", real(&|ran| ran.energy_kwh)),
            ("co2e_g", real(&|ran| ran.run_g + ran.transfer_g)),
        ];
        ("greenwich.simulation_jobs/1", columns)
    }

    /// A row a policy and utilisation, as CSV.
    pub fn policies_csv(&self) -> Vec<u8> {
        csv(&self.policy_table().1)
    }
    /// The same as Parquet.
    ///
    /// # Errors
    /// [`Error::Store`] when Parquet refuses, which no table should bring about.
    pub fn policies_parquet(&self) -> Result<Vec<u8>, Error> {
        let (schema, columns) = self.policy_table();
        Ok(parquet_sheet(schema, columns)?)
    }
    /// A row a job, policy and utilisation, as CSV.
    pub fn jobs_csv(&self) -> Vec<u8> {
        csv(&self.job_table().1)
    }
    /// The same as Parquet.
    ///
    /// # Errors
    /// [`Error::Store`] when Parquet refuses, which no table should bring about.
    pub fn jobs_parquet(&self) -> Result<Vec<u8>, Error> {
        let (schema, columns) = self.job_table();
        Ok(parquet_sheet(schema, columns)?)
    }
    /// The same as JSON: an array of rows.
    pub fn jobs_json(&self) -> Value {
        Value::Array(objects(&self.job_table().1, &[]))
    }

    /// The page with plots.
    pub fn html(&self) -> String {
        let scenarios = self.scenarios.iter().map(|scenario| ScenarioView {
            name: Self::scenario_name(scenario),
            rows: Self::rows(scenario),
            hours: self.some_days(scenario),
        });
        html::simulation(&SimulationView {
            headline: self.headline(),
            facts: self.facts(),
            scenarios: scenarios.collect(),
            warnings: self.warnings.clone(),
        })
    }

    /// A week in the middle of the replay, at the sites that ours uses most.
    fn some_days(&self, scenario: &Scenario) -> Option<HoursView> {
        let (ours, base) = (scenario.outcome(PolicyKind::Greenwich)?, scenario.outcome(PolicyKind::RunAtOnce)?);
        let fleet = &scenario.world.fleet;
        let (whole, shown) = (self.options.hours as usize, (DAYS * 24).min(self.options.hours as usize));
        let first = (whole - shown) / 2;
        // Days begin at midnight.
        let midnight = (24 - (self.options.start.as_second() / 3600 + first as i64).rem_euclid(24) as usize) % 24;
        let first = if first + midnight + shown <= whole { first + midnight } else { first };
        let span = first..first + shown;
        let of = |held: &[u32], site: usize| -> Vec<f64> {
            let from = site * fleet.hours as usize;
            held[from + span.start..from + span.end].iter().map(|held| f64::from(*held)).collect()
        };
        let mut order: Vec<usize> = (0..fleet.sites.len()).collect();
        let used = |site: usize| of(&ours.held, site).iter().sum::<f64>() + of(&base.held, site).iter().sum::<f64>();
        order.sort_by(|a, b| used(*b).total_cmp(&used(*a)).then(a.cmp(b)));
        order.truncate(MOST_SITES);
        let sites = order.into_iter().map(|site| {
            let place = &fleet.sites[site];
            SiteHours {
                name: format!("{}, {}", place.name, place.zone),
                g_per_kwh: place.intensity[span.clone()].iter().map(|now| now.g_per_kwh()).collect(),
                ours: of(&ours.held, site),
                base: of(&base.held, site),
                room: place.capacity[span.clone()].iter().copied().max().map_or(0.0, f64::from),
            }
        });
        let days = (0..shown.div_ceil(24)).map(|day| {
            let at = self.options.start + SignedDuration::from_hours((span.start + 24 * day) as i64);
            at.strftime("%a %-d %b %Y").to_string()
        });
        Some(HoursView { days: days.collect(), sites: sites.collect() })
    }
}

/// Rows as objects, without some columns.
fn objects(columns: &[(&str, Cells)], without: &[&str]) -> Vec<Value> {
    let rows = columns.first().map_or(0, |(_, cells)| length(cells));
    let cell = |cells: &Cells, row: usize| match cells {
        Cells::Text(rows) => json!(rows[row]),
        Cells::Whole(rows) => json!(rows[row]),
        Cells::Real(rows) => json!(rows[row]),
    };
    let object = |row: usize| {
        let kept = columns.iter().filter(|(name, _)| !without.contains(name));
        Value::Object(kept.map(|(name, cells)| ((*name).to_owned(), cell(cells, row))).collect::<Map<_, _>>())
    };
    (0..rows).map(object).collect()
}

fn length(cells: &Cells) -> usize {
    match cells {
        Cells::Text(rows) => rows.len(),
        Cells::Whole(rows) => rows.len(),
        Cells::Real(rows) => rows.len(),
    }
}

fn csv(columns: &[(&str, Cells)]) -> Vec<u8> {
    let mut out = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",") + "\n";
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    for row in 0..columns.first().map_or(0, |(_, cells)| length(cells)) {
        let cell = |cells: &Cells| match cells {
            Cells::Text(rows) => rows[row].as_deref().map(quoted).unwrap_or_default(),
            Cells::Whole(rows) => rows[row].map(|number| number.to_string()).unwrap_or_default(),
            Cells::Real(rows) => rows[row].map(|number| number.to_string()).unwrap_or_default(),
        };
        out += &columns.iter().map(|(_, cells)| cell(cells)).collect::<Vec<_>>().join(",");
        out.push('\n');
    }
    out.into_bytes()
}
