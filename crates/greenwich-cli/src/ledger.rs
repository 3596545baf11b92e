//! `greenwich ledger`, `greenwich report`, and `greenwich account` of a run.
//!
//! In: what was asked of which ledger. Out: the answer. What changes the ledger says so in its answer.

use crate::arguments::{
    AccountArguments, Common, Format, ImportArguments, LedgerArguments, LedgerCommand, MeterName, OnlyArguments,
    ReportArguments, SiteArguments, TableForm,
};
use crate::home;
use crate::terminal::{self, Answer, Failure};
use greenwich::ledger_acts::{self, Done, Foreign, Import};
use greenwich::report::{Style, export};
use greenwich::store::{self, Ledger, StoreError};
use greenwich::{Exit, Labels, Settings, Terms, ledger_sums, ledger_view, reissue, run_entry};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// How text looks.
pub(crate) fn style(common: &Common) -> Style {
    Style { width: terminal::width(), colour: terminal::colour(common.color), explain: common.explain }
}

/// Text or JSON, as asked.
fn either(common: &Common, text: impl FnOnce(Style) -> String, json: impl FnOnce() -> serde_json::Value) -> String {
    if common.format == Format::Json { terminal::pretty(&json()) } else { text(style(common)) }
}

/// A ledger with its folder and what the user has set.
struct Home {
    folder: PathBuf,
    ledger: Ledger,
    settings: Settings,
}

impl Home {
    fn open(flag: Option<&Path>, site: &[(String, String)], common: &Common) -> Result<Self, Failure> {
        let (settings, broken) = home::settings_with(site)?;
        if let Some(words) = broken.filter(|_| !common.quiet) {
            terminal::say(&format!("greenwich: settings are passed over: {words}"));
        }
        let folder = home::ledger_at(flag, &settings);
        Ok(Self { ledger: Ledger::at(&folder), folder, settings })
    }

    fn find(&self, run: &str) -> Result<store::Entry, Failure> {
        Ok(ledger_view::find(&self.ledger, &self.folder, run)?)
    }
}

pub(crate) fn ledger(asked: &LedgerArguments, common: &Common) -> Result<Answer, Failure> {
    let none = Vec::new();
    let site = match &asked.act {
        LedgerCommand::Recover(site) | LedgerCommand::Merge { site, .. } => site.run.overrides(),
        LedgerCommand::Import(import) => import.site.run.overrides(),
        _ => none,
    };
    let home = Home::open(asked.ledger.as_deref(), &site, common)?;
    let text = match &asked.act {
        LedgerCommand::List { last, only } => {
            let mut listed = ledger_view::list(&home.ledger, &home::host())?;
            listed.keep(&labels(only));
            let text = |style| ledger_view::list_text(&listed, *last, &home.folder, style);
            either(common, text, || ledger_view::list_json(&listed, *last))
        }
        LedgerCommand::Show { run } => {
            let entry = home.find(run)?;
            either(common, |style| ledger_view::show_text(&entry, style), || ledger_view::entry_json(&entry))
        }
        LedgerCommand::Summary { by, fleet_kwh } => {
            let summed = ledger_sums::sum(&home.ledger, by, *fleet_kwh)?;
            either(common, |style| summed.text(style), || summed.json())
        }
        LedgerCommand::Hours { run } => {
            let entry = run.as_ref().map(|run| home.find(run)).transpose()?;
            let hours = ledger_sums::hours(&home.ledger, entry.as_ref())?;
            either(common, |style| hours.text(style), || hours.json())
        }
        LedgerCommand::Verify => return verify(&home, common),
        LedgerCommand::Recover(site) => {
            let done = ledger_acts::recover(&home.ledger, &home::host(), &site.run.overrides(), &terms(&home, site))?;
            acted(&done, "recovered", common)
        }
        LedgerCommand::Merge { run, others, site } => merge(&home, run, others, site, common)?,
        LedgerCommand::Export { form, run, out } => {
            return export_table(&home, *form, run.as_deref(), out.as_deref(), common);
        }
        LedgerCommand::Import(import) => {
            let done = bring_in(&home, import)?;
            acted(&done, "brought in", common)
        }
    };
    Ok(text.into())
}

fn terms<'a>(home: &'a Home, site: &'a SiteArguments) -> Terms<'a> {
    Terms { settings: &home.settings, signals: site.run.signals.as_deref(), accelerator: site.accelerator.as_deref() }
}

fn labels(only: &OnlyArguments) -> Labels {
    let OnlyArguments { project, model, phase, tags } = only;
    Labels { project: project.clone(), model: model.clone(), phase: phase.clone(), tags: tags.clone() }
}

fn acted(done: &Done, verb: &str, common: &Common) -> String {
    either(common, |style| ledger_acts::text(done, verb, style), || ledger_acts::json(done))
}

fn verify(home: &Home, common: &Common) -> Result<Answer, Failure> {
    let verified = home.ledger.verify().map_err(greenwich::Error::from)?;
    let text =
        either(common, |style| ledger_sums::verified_text(&verified, style), || ledger_sums::verified_json(&verified));
    let exit = if verified.findings.is_empty() { Exit::Done } else { Exit::Usage };
    Ok(Answer { bytes: text.into_bytes(), exit })
}

fn merge(home: &Home, run: &str, others: &[PathBuf], site: &SiteArguments, common: &Common) -> Result<String, Failure> {
    if let Some(missing) = others.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::usage(
            &format!("there is no ledger `{}`", missing.display()),
            "name the folders of the other nodes' ledgers",
        ));
    }
    // The beginning of a name is enough where this ledger has the run.
    let run = home.find(run).map_or_else(|_| run.to_owned(), |entry| entry.run);
    let ledgers: Vec<Ledger> = others.iter().map(Ledger::at).collect();
    let done = ledger_acts::merge(&home.ledger, &run, &ledgers, &terms(home, site))?;
    Ok(acted(&done, "merged", common))
}

fn export_table(
    home: &Home,
    form: TableForm,
    run: Option<&str>,
    out: Option<&Path>,
    common: &Common,
) -> Result<Answer, Failure> {
    let entries = match run {
        Some(run) => vec![home.find(run)?],
        None => ledger_view::list(&home.ledger, &home::host())?.entries,
    };
    let form = match form {
        TableForm::Csv => store::Format::Csv,
        TableForm::Parquet => store::Format::Parquet,
        TableForm::Json => store::Format::Json,
    };
    if form == store::Format::Parquet && out.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::usage("Parquet is not for a terminal", "write it to a file: --out runs.parquet"));
    }
    let bytes = store::export(&entries, form).map_err(greenwich::Error::from)?;
    let runs = if entries.len() == 1 { "1 run".to_owned() } else { format!("{} runs", entries.len()) };
    written(bytes, out, &runs, common)
}

/// To a file, said on stderr; else to stdout.
fn written(bytes: Vec<u8>, out: Option<&Path>, what: &str, common: &Common) -> Result<Answer, Failure> {
    let Some(file) = out else { return Ok(Answer { bytes, exit: Exit::Done }) };
    terminal::write_file(file, &bytes)?;
    if !common.quiet {
        terminal::say(&format!("wrote {what} to {}", file.display()));
    }
    Ok(String::new().into())
}

fn bring_in(home: &Home, asked: &ImportArguments) -> Result<Done, Failure> {
    let name = asked.file.display().to_string();
    let read = if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&asked.file)
    };
    let bytes = read.map_err(|error| Failure::usage(&format!("cannot read `{name}`: {error}"), "check the path"))?;
    let labels = Labels {
        project: asked.project.clone(),
        model: asked.model.clone(),
        phase: asked.phase.clone(),
        tags: Vec::new(),
    };
    let stem = asked.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).filter(|stem| stem != "-");
    let run = asked.run.clone().or(stem).unwrap_or_else(|| "nvidia-smi".to_owned());
    let host = asked.host.clone().unwrap_or_else(home::host);
    let import = Import {
        foreign: match asked.meter {
            MeterName::CodeCarbon => Foreign::CodeCarbon,
            MeterName::NvidiaSmi => Foreign::NvidiaSmi,
            MeterName::Sacct => Foreign::Sacct,
        },
        file: &name,
        bytes: &bytes,
        offset_s: asked.utc_offset,
        run: &run,
        host: &host,
        labels: &labels,
    };
    Ok(ledger_acts::bring_in(&home.ledger, &import, &terms(home, &asked.site))?)
}

pub(crate) fn report(asked: &ReportArguments, common: &Common) -> Result<Answer, Failure> {
    let home = Home::open(asked.ledger.as_deref(), &[], common)?;
    let mut runs = Vec::new();
    for name in &asked.runs {
        let run = run_entry(&home.find(name)?);
        // A run that is named twice counts once.
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
    let text = export::render(&runs, asked.form, asked.per);
    written(text.into_bytes(), asked.out.as_deref(), "the report", common)
}

/// Whether the argument of `account` may name a run: it is no file and does not look like one.
pub(crate) fn may_be_run(name: &Path) -> bool {
    let looks_like_a_file =
        name.components().count() > 1 || name.extension().is_some_and(|end| end == "toml" || end == "json");
    !looks_like_a_file && !name.exists()
}

/// The account of a run of the ledger, as it is stored or under another place.
pub(crate) fn account(asked: &AccountArguments, name: &Path, common: &Common) -> Result<Answer, Failure> {
    let home = Home::open(asked.ledger.as_deref(), &[], common)?;
    let name = name.to_string_lossy();
    let old = match ledger_view::find(&home.ledger, &home.folder, &name) {
        Ok(entry) => entry,
        Err(greenwich::Error::EmptyLedger { folder }) => {
            return Err(greenwich::Error::Neither { name: name.into_owned(), folder, nearest: Vec::new() }.into());
        }
        Err(greenwich::Error::Store(StoreError::Unknown { name, nearest })) => {
            let folder = home.folder.display().to_string();
            return Err(greenwich::Error::Neither { name, folder, nearest }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let given = asked.job.keys.overrides();
    let (site, others): (Vec<_>, Vec<_>) = given.into_iter().partition(|(key, _)| key.starts_with("site."));
    let (machine, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(key, _)| key == "machine.accelerator");
    if let Some((key, _)) = others.first() {
        return Err(Failure::usage(
            &format!("`{key}` cannot be given of run `{}`: it was metered", old.run),
            "place and method can be other: --zone, --region, --pue, --signals, --accelerator, --set site.KEY=VALUE",
        ));
    }
    let change = reissue::Change {
        site,
        signals: asked.signals.as_deref(),
        accelerator: machine.first().map(|(_, name)| name.as_str()),
    };
    if change.is_none() && asked.correct {
        return Err(Failure::usage(
            "--correct has nothing to correct",
            "say what shall be other: --zone, --region, --pue, --signals or --accelerator",
        ));
    }
    let entry = if change.is_none() { old.clone() } else { reissue::account(&home.ledger, &old, &change)? };
    if asked.correct {
        home.ledger.record(&entry).map_err(greenwich::Error::from)?;
    }
    if !change.is_none() && !common.quiet {
        terminal::say(if asked.correct {
            "recorded: a new entry takes the place of the old one, which is kept"
        } else {
            "not recorded: the ledger is as it was; --correct records it"
        });
    }
    Ok(either(common, |style| ledger_view::show_text(&entry, style), || ledger_view::entry_json(&entry)).into())
}
