//! From arguments to an answer.
//!
//! In: what was typed. Out: the text or JSON for stdout, with a picture written where one was asked for.

use crate::arguments::{
    Arguments, Command, Common, EstimateArguments, FactsCommand, FillName, Format, JobArguments, Method, PlanArguments,
    SignalName,
};
use crate::terminal::{self, Answer, Failure};
use crate::{doctor, fleet, forecast, home, jobs, ledger, signals, simulate, top};
use greenwich::facts::{self, Look};
use greenwich::job_file::{self, JobSpec};
use greenwich::report::{Style, json, svg, text};
use greenwich::sweep::{Axes, SweepOptions};
use greenwich::{Exit, Fill, Greenwich, PlanOptions, Scope2, Signal, read_job};

/// Answers a command, by the facts or by the ledger.
pub(crate) fn any(arguments: &Arguments) -> Result<Answer, Failure> {
    match &arguments.command {
        Command::Ledger(asked) => ledger::ledger(asked, &arguments.common),
        Command::Report(asked) => ledger::report(asked, &arguments.common),
        Command::Doctor(asked) => doctor::doctor(asked, &arguments.common),
        Command::Forecast(asked) => forecast::forecast(asked, &arguments.common),
        Command::Backtest(asked) => forecast::backtest(asked, &arguments.common),
        Command::Now(asked) => forecast::now(asked, &arguments.common),
        Command::Zones(asked) => forecast::zones(asked, &arguments.common),
        Command::Simulate(asked) => simulate::run(asked, &arguments.common),
        Command::Submit(asked) => jobs::submit(asked, &arguments.common),
        Command::Hint(asked) => jobs::hint(asked, &arguments.common),
        Command::Jobs(asked) => jobs::jobs(asked, &arguments.common),
        Command::Signals(asked) => signals::signals(asked, &arguments.common),
        Command::Plan(asked) if asked.act.is_some() => fleet::act(asked.act.as_ref(), &arguments.common),
        Command::Plan(asked) if asked.fleet.jobs.is_some() => fleet::fleet(asked, options(asked)?, &arguments.common),
        Command::Estimate(asked) if !asked.sweep.is_empty() => sweep(asked, &arguments.common),
        Command::Account(asked) => match &asked.job.job {
            Some(name) if ledger::may_be_run(name) => ledger::account(asked, name, &arguments.common),
            _ if asked.correct || asked.ledger.is_some() || asked.signals.is_some() => Err(Failure::usage(
                "--ledger, --signals and --correct are for a run of the ledger, and none is named",
                "name a run, for example `greenwich account last --zone DE`; `greenwich ledger list` shows them",
            )),
            _ => answer(arguments).map(Answer::from),
        },
        _ => answer(arguments).map(Answer::from),
    }
}

/// Answers a command that needs the facts alone.
fn answer(arguments: &Arguments) -> Result<String, Failure> {
    let greenwich = Greenwich::load();
    let common = &arguments.common;
    let style = Style { width: terminal::width(), colour: terminal::colour(common.color), explain: common.explain };
    let is_json = common.format == Format::Json;
    Ok(match &arguments.command {
        Command::Plan(plan) => {
            let (spec, options) = (planned_job(plan)?, options(plan)?);
            if plan.fetch {
                let zones = greenwich.zones_of(&spec)?;
                forecast::fetch(&greenwich, &zones, options.signal, forecast::instant_or_now("--at", None)?, common)?;
            }
            let planned = greenwich.plan(&spec, &options)?;
            if let Some(file) = &plan.svg {
                terminal::write_file(file, svg::plan(&planned.view()))?;
            }
            if is_json { terminal::pretty(&planned.json()) } else { text::plan(&planned.view(), style) }
        }
        Command::Estimate(asked) => {
            let estimate = greenwich.estimate(&read(&asked.job, &[])?)?;
            if is_json { terminal::pretty(&json::estimate(&estimate)) } else { text::estimate(&estimate, style) }
        }
        Command::Alternatives(job) => {
            let found = greenwich::alternatives::alternatives(&greenwich, &read(job, &[])?)?;
            if is_json { terminal::pretty(&found.json()) } else { found.text(style) }
        }
        Command::Account(asked) => {
            let account = greenwich.account(&read(&asked.job, &[])?)?;
            if is_json { terminal::pretty(&json::account(&account)) } else { text::account(&account, style) }
        }
        Command::Levers(levers) => {
            let scope2 = match levers.scope2 {
                Method::Location => Scope2::Location,
                Method::Market => Scope2::Market,
            };
            let (base, alternative) = (open(&levers.base, &[])?, open(&levers.alternative, &[])?);
            let answer = greenwich.levers(&base, &alternative, scope2)?;
            if let Some(file) = &levers.svg {
                terminal::write_file(file, svg::levers(&answer))?;
            }
            if is_json { terminal::pretty(&json::levers(&answer)) } else { text::levers(&answer, style) }
        }
        Command::Top(top) => top::once(top, common, style.width)?,
        Command::Facts { look } => {
            let look = match look {
                FactsCommand::List { table } => Look::List(table.clone()),
                FactsCommand::Show { name } if !common.explain => Look::Show(name.clone()),
                FactsCommand::Show { name } | FactsCommand::Explain { name } => Look::Explain(name.clone()),
                FactsCommand::Check => Look::Check,
            };
            let catalog = greenwich.catalog();
            if common.verbose > 0 && !common.quiet {
                terminal::say(&format!("{} rows of {} sources", catalog.rows().count(), catalog.sources().count()));
            }
            let refused = greenwich::Error::from;
            if is_json {
                terminal::pretty(&facts::json(catalog, &look).map_err(refused)?)
            } else {
                facts::text(catalog, &look, style.width).map_err(refused)?
            }
        }
        _ => unreachable!("the others are answered one step before"),
    })
}

/// One estimate for every combination of what is swept. That none can be had is said, and told by the status.
fn sweep(asked: &EstimateArguments, common: &Common) -> Result<Answer, Failure> {
    let axes = Axes::read(&asked.sweep).map_err(greenwich::Error::from)?;
    let options = SweepOptions { out: asked.out.clone(), threads: asked.threads };
    let swept = greenwich::sweep::sweep(&Greenwich::load(), &read(&asked.job, &[])?, &axes, &options)?;
    if let Some(file) = &asked.svg {
        terminal::write_file(file, swept.svg())?;
    }
    let style = Style { width: terminal::width(), colour: terminal::colour(common.color), explain: common.explain };
    let text = if common.format == Format::Json { terminal::pretty(&swept.json()) } else { swept.text(style) };
    let exit = if swept.is_feasible() { Exit::Done } else { Exit::Infeasible };
    Ok(Answer { bytes: text.into_bytes(), exit })
}

fn open(path: &std::path::Path, overrides: &[(String, String)]) -> Result<JobSpec, Failure> {
    Ok(read_job(path, overrides).map_err(greenwich::Error::from)?)
}

/// The job of a file with flags over it, or of flags alone.
pub(crate) fn read(job: &JobArguments, more: &[(String, String)]) -> Result<JobSpec, Failure> {
    let mut overrides = job.keys.overrides();
    overrides.extend_from_slice(more);
    match &job.job {
        Some(path) => open(path, &overrides),
        None if overrides.is_empty() => Err(Failure::usage(
            "no job is given",
            "name a job file, for example examples/llm-7b.toml, or give it by flags: --params 7e9 --tokens 2e12 --accelerator h100-sxm --count 512",
        )),
        None => Ok(job_file::from_flags(&overrides).map_err(greenwich::Error::from)?),
    }
}

fn planned_job(plan: &PlanArguments) -> Result<JobSpec, Failure> {
    let instants = [("schedule.release", &plan.release), ("schedule.deadline", &plan.deadline)];
    let more: Vec<(String, String)> =
        instants.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
    read(&plan.job, &more)
}

/// The user's folder of signals, where it holds traces.
pub(crate) fn traces() -> Option<std::path::PathBuf> {
    home::kept_signals().filter(|folder| greenwich::Replay::open(folder, Fill::Refuse).is_ok())
}

fn options(plan: &PlanArguments) -> Result<PlanOptions, Failure> {
    let as_of = plan.at.as_deref().map(|at| forecast::instant("--at", at)).transpose()?;
    Ok(PlanOptions {
        as_of,
        kept: home::kept_signals(),
        inputs: plan.inputs.families(plan.at.is_none()),
        signals: plan.signals.clone().or_else(traces),
        weather: plan.weather.clone(),
        fill: match plan.fill {
            FillName::Refuse => Fill::Refuse,
            FillName::Hold => Fill::Hold,
            FillName::Mean => Fill::Mean,
        },
        signal: match plan.signal {
            SignalName::Lifecycle => Signal::Lifecycle,
            SignalName::Direct => Signal::Direct,
            SignalName::Marginal => Signal::Marginal,
        },
    })
}
