//! Kept jobs as people and programs see them: `jobs list`, `jobs show`, and what `submit` answers.
//!
//! In: runs of the state with their steps, events and accounts. Out: text, or `greenwich.jobs/1` and `greenwich.kept/1`.

use crate::cleaning::{Cleaned, Cleaning};
use crate::error::Error;
use crate::pace::Pace;
use crate::submitting::Proposal;
use greenwich_keeper::{Account, BudgetAction, Phase, Run, Standing, State, Step, Sum};
use greenwich_report::Style;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet, co2e, energy, lasted, percent};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Letters at the end of a run's name by which a list knows it: they are drawn by lot, the first ones tell the time.
const NAME_LETTERS: usize = 8;
/// Runs that a list shows.
const MOST_RUNS: usize = 10_000;

/// Runs of a state, newest first; the open ones alone, or all.
///
/// # Errors
/// [`Error::Keeper`].
pub fn list(state: &State, all: bool) -> Result<Vec<Run>, Error> {
    let mut runs = state.runs(MOST_RUNS)?;
    runs.retain(|run| all || run.ended.is_none());
    Ok(runs)
}

/// What `jobs list` answers.
#[derive(Debug)]
pub struct Listed {
    /// The runs.
    pub runs: Vec<Run>,
    /// How the budgets of projects stand.
    pub budgets: Vec<Standing>,
    /// Whether those that are over are among them.
    pub all: bool,
}

impl Listed {
    /// As text.
    pub fn text(&self, pace: Pace, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        if self.runs.is_empty() {
            let words =
                if self.all { "no job has been kept yet" } else { "no job is open; --all shows those that are over" };
            sheet.headline(words);
        } else {
            runs_text(&mut sheet, &self.runs, pace);
        }
        budgets_text(&mut sheet, &self.budgets);
        if !self.runs.is_empty() {
            say_trial(&mut sheet, pace);
        }
        sheet.finish()
    }

    /// As JSON, `greenwich.jobs/1`.
    pub fn json(&self, pace: Pace) -> Value {
        json!({
            "schema": "greenwich.jobs/1",
            "jobs": self.runs.iter().map(|run| run_json(run, pace)).collect::<Vec<_>>(),
            "budgets": self.budgets.iter().map(budget_json).collect::<Vec<_>>(),
        })
    }
}

fn runs_text(sheet: &mut Sheet, runs: &[Run], pace: Pace) {
    let header = [
        ("run", Align::Left),
        ("job", Align::Left),
        ("stands", Align::Left),
        ("site", Align::Left),
        ("begins, UTC", Align::Left),
        ("done by", Align::Left),
        ("expected", Align::Right),
        ("at home at once", Align::Right),
    ];
    let instant = |at: Timestamp| moment(pace.to_grid(at));
    let grams = |grams: Option<f64>| grams.map_or_else(|| NOT_KNOWN.to_owned(), |grams| co2e(grams / 1e3));
    let rows = runs.iter().map(|run| {
        vec![
            short(&run.job.run).to_owned(),
            run.job.name.clone(),
            run.phase.as_str().to_owned(),
            run.site().to_owned(),
            run.plan.start().map_or_else(|| NOT_KNOWN.to_owned(), instant),
            instant(run.job.deadline),
            grams(run.plan.co2e_g.or(run.job.expected_co2e_g)),
            grams(run.job.baseline_co2e_g),
        ]
    });
    sheet.table(&header, rows.collect());
}

/// A row for each limit of each budget.
fn budgets_text(sheet: &mut Sheet, budgets: &[Standing]) {
    let rows = budgets.iter().flat_map(|standing| {
        let kg = standing.budget.co2e_kg.map(|limit| (limit, (|sum| sum.co2e_g / 1e3) as fn(Sum) -> f64, true));
        let kwh = standing.budget.kwh.map(|limit| (limit, (|sum| sum.kwh) as fn(Sum) -> f64, false));
        [kg, kwh].into_iter().flatten().map(|(limit, of, is_co2e)| {
            let told = |value: f64| if is_co2e { co2e(value) } else { energy(value) };
            let sums = [of(standing.spent), of(standing.drawn), of(standing.expected)];
            let share = if limit > 0.0 { percent(sums.iter().sum::<f64>() / limit) } else { NOT_KNOWN.to_owned() };
            let [spent, drawn, expected] = sums.map(told);
            let does = match (standing.budget.action, standing.refused.len()) {
                (BudgetAction::Hold, 0) => "holds no run".to_owned(),
                (BudgetAction::Hold, count) => format!("holds {count} of its runs"),
                (BudgetAction::Warn, _) => "warns".to_owned(),
            };
            vec![
                standing.budget.project.clone(),
                standing.year.to_string(),
                told(limit),
                spent,
                drawn,
                expected,
                share,
                does,
            ]
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    sheet.heading("Budgets");
    let header = [
        ("project", Align::Left),
        ("year", Align::Left),
        ("budget", Align::Right),
        ("drawn, ended", Align::Right),
        ("drawn so far", Align::Right),
        ("expected yet", Align::Right),
        ("in all", Align::Right),
        ("", Align::Left),
    ];
    sheet.table(&header, rows);
}

fn budget_json(standing: &Standing) -> Value {
    let budget = &standing.budget;
    let sum = |sum: Sum| json!({"co2e_kg": sum.co2e_g / 1e3, "energy_kwh": sum.kwh});
    json!({
        "project": budget.project,
        "year": standing.year,
        "holds": budget.action == BudgetAction::Hold,
        "budget": {"co2e_kg": budget.co2e_kg, "energy_kwh": budget.kwh},
        "spent": sum(standing.spent),
        "drawn": sum(standing.drawn),
        "expected": sum(standing.expected),
        "refused": standing.refused.keys().collect::<Vec<_>>(),
        "overdrawn": standing.overdrawn(),
    })
}

/// One run with everything that is known of it.
#[derive(Debug)]
pub struct Shown {
    run: Run,
    steps: Vec<greenwich_keeper::StepRow>,
    events: Vec<greenwich_keeper::Event>,
    account: Option<Account>,
}

/// Looks a run up.
///
/// # Errors
/// [`Error::Keeper`], with the newest names where there is none of that name.
pub fn show(state: &State, name: &str) -> Result<Shown, Error> {
    let run = state.find(name)?;
    Ok(Shown {
        steps: state.steps(&run.job.run)?,
        events: state.events(Some(&run.job.run))?,
        account: state.account(&run.job.run)?,
        run,
    })
}

impl Shown {
    /// `greenwich.kept/1`.
    pub fn json(&self, pace: Pace) -> Value {
        let steps = self
            .steps
            .iter()
            .map(|row| json!({"at": row.written.to_string(), "step": row.step, "outcome": row.outcome}));
        let events =
            self.events.iter().map(|event| json!({"at": event.at.to_string(), "who": event.who, "words": event.words}));
        let mut value = run_json(&self.run, pace);
        value["schema"] = json!("greenwich.kept/1");
        value["steps"] = steps.collect();
        value["events"] = events.collect();
        value["account"] = self.account.as_ref().map_or(Value::Null, account_json);
        value
    }

    /// As text: the plan, what was done, and the account beside the plan.
    pub fn text(&self, pace: Pace, style: Style) -> String {
        let (run, mut sheet) = (&self.run, Sheet::new(style));
        let site = run.site();
        sheet.headline(&format!("{} ({}) is {} at {site}", run.job.name, run.job.run, run.phase.as_str()));
        sheet.named("Command", &run.job.command.join(" "));
        sheet.named("Asked", &format!("{} by {}", moment(pace.to_grid(run.job.asked)), run.job.owner));
        sheet.named(
            "Window",
            &format!("{} to {}", moment(pace.to_grid(run.job.release)), moment(pace.to_grid(run.job.deadline))),
        );
        for segment in &run.plan.segments {
            let (from, until) = (pace.to_grid(segment.start), pace.to_grid(segment.end));
            sheet.named("Plan", &format!("{} to {} at {}", moment(from), moment(until), segment.site));
        }
        if !run.words.is_empty() {
            sheet.named("Engine", &format!("says: {}", run.words));
        }
        budget_text(&mut sheet, run, pace);
        if let Some(account) = &self.account {
            account_text(&mut sheet, account, run);
        }
        sheet.heading("What was done");
        let mut rows: Vec<(Timestamp, String)> =
            self.events.iter().map(|event| (event.at, format!("{}: {}", event.who, event.words))).collect();
        rows.extend(self.steps.iter().map(|row| {
            let outcome = row.outcome.as_deref().unwrap_or("not known yet");
            (row.written, format!("{}: {outcome}", step_words(&row.step, pace)))
        }));
        rows.sort_by_key(|(at, _)| *at);
        let rows = rows.into_iter().map(|(at, words)| vec![to_seconds(pace.to_grid(at)), words]);
        sheet.table(&[("when, UTC", Align::Left), ("what", Align::Left)], rows.collect());
        say_trial(&mut sheet, pace);
        sheet.finish()
    }
}

/// What a budget says of a run, and by when somebody has to let it go.
fn budget_text(sheet: &mut Sheet, run: &Run, pace: Pace) {
    if let Some(over) = &run.over_budget {
        let stands = if run.is_held() { "held" } else { "over" };
        sheet.named("Budget", &format!("{stands}: {}", over.why));
    }
    if run.is_held() && run.ended.is_none() {
        let latest = moment(pace.to_grid(run.latest()));
        sheet.named(
            "Let go",
            &format!(
                "when there is room for it, or by `greenwich jobs release {} --why …`; for its deadline by {latest}",
                short(&run.job.run)
            ),
        );
    }
    if let Some(words) = &run.let_go {
        sheet.named("Let go", &format!("over its budget by {words}"));
    }
}

fn account_text(sheet: &mut Sheet, account: &Account, run: &Run) {
    sheet.heading("Account");
    let grams = |grams: Option<f64>| grams.map_or_else(|| NOT_KNOWN.to_owned(), |grams| co2e(grams / 1e3));
    let kwh = account.facility_energy_kwh.map_or_else(|| NOT_KNOWN.to_owned(), energy);
    let entries = account.entries;
    let of = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    sheet.named("Energy", &format!("{kwh} after PUE, metered ({of} of the ledger)"));
    sheet.named("Emitted", &format!("{} location-based", grams(account.co2e_g)));
    let saved = account.co2e_g.zip(account.home_co2e_g).filter(|(_, home)| *home > 0.0).map(|(there, home)| {
        let saved = 1.0 - there / home;
        if saved >= 0.0 { format!(": {} less", percent(saved)) } else { format!(": {} more", percent(-saved)) }
    });
    sheet.named(
        "At home",
        &format!(
            "{} for the same energy at {} at once{}",
            grams(account.home_co2e_g),
            run.job.home,
            saved.unwrap_or_default()
        ),
    );
    let [planned, baseline] = [account.planned_co2e_g, run.job.baseline_co2e_g].map(grams);
    sheet.named("Planned", &format!("{planned}, against {baseline} at home at once, by the energy that was estimated"));
    for words in &account.warnings {
        sheet.item("! ", words);
    }
}

/// A proposal as text: the plan of `plan`, then what is done with it.
pub fn proposal_text(proposal: &Proposal, pace: Pace, style: Style) -> String {
    let mut text = greenwich_report::text::plan(&proposal.planned.view(), style);
    let mut sheet = Sheet::new(style);
    sheet.blank();
    let site = proposal.plan.site().unwrap_or(&proposal.job.home);
    sheet.named("Begin", &format!("{} at {site}: the engine holds it by itself", moment(pace.to_grid(proposal.begin))));
    for words in &proposal.notes {
        sheet.item("! ", words);
    }
    if let Some((words, action)) = &proposal.over_budget {
        let does = if *action == BudgetAction::Hold { "it is held" } else { "it goes on all the same" };
        sheet.item("! ", &format!("{words}: {does}"));
    }
    say_trial(&mut sheet, pace);
    text.push_str(&sheet.finish());
    text
}

/// A proposal as JSON: `greenwich.plan/1` with the run's own keys beside it.
pub fn proposal_json(proposal: &Proposal, run: Option<&Run>, pace: Pace) -> Value {
    let over = proposal
        .over_budget
        .as_ref()
        .map(|(words, action)| json!({"why": words, "held": *action == BudgetAction::Hold}));
    json!({
        "schema": "greenwich.submit/1",
        "run": run.map(|run| run.job.run.as_str()),
        "phase": run.map(|run| run.phase.as_str()),
        "site": proposal.plan.site(),
        "begin": pace.to_grid(proposal.begin).to_string(),
        "clock_begin": proposal.begin.to_string(),
        "over_budget": over,
        "notes": proposal.notes,
        "plan": proposal.planned.json(),
    })
}

fn run_json(run: &Run, pace: Pace) -> Value {
    let instant = |at: Timestamp| pace.to_grid(at).to_string();
    let segments = run
        .plan
        .segments
        .iter()
        .map(|segment| json!({"site": segment.site, "start": instant(segment.start), "end": instant(segment.end)}));
    json!({
        "run": run.job.run,
        "job": run.job.name,
        "project": run.job.project,
        "owner": run.job.owner,
        "phase": run.phase.as_str(),
        "site": run.site(),
        "engine_id": run.handed.as_ref().and_then(|handed| handed.id.as_deref()),
        "attempt": run.attempt,
        "release": instant(run.job.release),
        "deadline": instant(run.job.deadline),
        "segments": segments.collect::<Vec<_>>(),
        "starts": run.starts,
        "exit_status": run.exit_status,
        "ended": run.ended.map(instant),
        "expected_co2e_kg": run.plan.co2e_g.or(run.job.expected_co2e_g).map(|grams| grams / 1e3),
        "baseline_co2e_kg": run.job.baseline_co2e_g.map(|grams| grams / 1e3),
        "over_budget": run.over_budget.as_ref().map(|over| json!({"why": over.why, "held": run.is_held()})),
        "let_go": run.let_go,
        "words": run.words,
    })
}

fn account_json(account: &Account) -> Value {
    let kg = |grams: Option<f64>| grams.map(|grams| grams / 1e3);
    json!({
        "entries": account.entries,
        "it_energy_j": account.it_energy_j,
        "facility_energy_kwh": account.facility_energy_kwh,
        "location_based_co2e_kg": kg(account.co2e_g),
        "home_at_once_co2e_kg": kg(account.home_co2e_g),
        "planned_co2e_kg": kg(account.planned_co2e_g),
        "warnings": account.warnings,
    })
}

/// What was taken away behind runs that are over, as text.
pub fn cleaned_text(cleaned: &Cleaned, cleaning: Cleaning) -> String {
    let did = if cleaning == Cleaning::Takes { "taken away" } else { "to be taken away" };
    let mut text = format!(
        "{did}: {} files of {} runs, {:.1} MB; the state, the ledger and what jobs have written stay\n",
        cleaned.files,
        cleaned.runs,
        cleaned.bytes as f64 / 1e6
    );
    for words in &cleaned.left {
        _ = writeln!(text, "! {words}");
    }
    text
}

/// The same as JSON, `greenwich.cleaned/1`.
pub fn cleaned_json(cleaned: &Cleaned, cleaning: Cleaning) -> Value {
    json!({
        "schema": "greenwich.cleaned/1",
        "dry_run": cleaning == Cleaning::Counts,
        "runs": cleaned.runs,
        "files": cleaned.files,
        "bytes": cleaned.bytes,
        "left": cleaned.left,
    })
}

/// What to say when a run was taken.
pub fn taken(run: &Run) -> String {
    match run.phase {
        Phase::Held => {
            format!("{} is held; `greenwich jobs release {} --why …` lets it go", run.job.name, short(&run.job.run))
        }
        Phase::New => format!("{} could not be handed over yet; `greenwich keep` tries again", run.job.name),
        _ => {
            let id =
                run.handed.as_ref().and_then(|handed| handed.id.clone()).unwrap_or_else(|| "not known yet".to_owned());
            format!("{} is handed over to {}: job {id}", run.job.name, run.site())
        }
    }
}

/// A step in words, its instants in the grid's time.
fn step_words(step: &Step, pace: Pace) -> String {
    let at = |at: &Timestamp| to_seconds(pace.to_grid(*at));
    match step {
        Step::Submit { site, begin, .. } => format!("hand over to {site}, to begin {}", at(begin)),
        Step::Begin { at: begin } => format!("begin {}", at(begin)),
        Step::Hold => "hold".to_owned(),
        Step::Release => "let go".to_owned(),
        Step::Checkpoint { signal } => format!("checkpoint by SIG{signal}"),
        Step::Pause { latest } => format!("pause, until {} at the latest", at(latest)),
        Step::Resume => "wake".to_owned(),
        Step::Requeue { begin } => format!("queue again, to begin {}", at(begin)),
        Step::Move { site } => format!("move to {site}"),
        Step::Withdraw => "take back, to go elsewhere".to_owned(),
        Step::Cancel { why } => format!("end ({why})"),
    }
}

fn say_trial(sheet: &mut Sheet, pace: Pace) {
    if pace.is_trial() {
        sheet.blank();
        let hour = lasted(3600.0 / pace.scale);
        sheet.paragraph(&format!("A trial: an hour of the grid's time lasts {hour}. Instants are the grid's."));
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn to_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The end of a run's name.
pub fn short(run: &str) -> &str {
    &run[run.len().saturating_sub(NAME_LETTERS)..]
}
