//! `greenwich submit`, `hint` and `jobs`: handing jobs over, and what became of them.
//!
//! In: a job or a batch script, and where things are kept. Out: the plan, the run's name, lists. What acts upon an
//! engine holds the act lock while it does.

use crate::arguments::{
    Common, Format, HintArguments, JobsArguments, JobsCommand, KeptArguments, SubmitArguments, WhenArguments, span,
};
use crate::forecast::instant;
use crate::home;
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::cleaning::{self, Cleaned, Cleaning};
use greenwich::job_file::JobSpec;
use greenwich::jobs_view::Listed;
use greenwich::keeper::{ActLock, Durability, Engine, Keeper, Moment, Phase, State};
use greenwich::keeping::Grounds;
use greenwich::live::Timestamp;
use greenwich::pace::Pace;
use greenwich::sites_file::{self, Backend, Sites};
use greenwich::submitting::{self, Asked, Proposal};
use greenwich::{Exit, Greenwich, Settings, SignedDuration, jobs_view};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another who acts is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Accelerators of a machine that no sites file describes: as many as any job asks for.
const ANY_NUMBER: u32 = 1 << 20;
/// The name under which a state keeps how fast its time goes.
const PACE: &str = "pace";
/// Variables that belong to whoever hands over, and not to the job.
const NOT_HANDED_ON: [&str; 3] = ["GREENWICH_", "SLURM_", "SBATCH_"];

/// Where things are kept.
pub(crate) struct Desk {
    pub(crate) greenwich: Greenwich,
    pub(crate) sites: Sites,
    pub(crate) settings: Settings,
    pub(crate) folder: PathBuf,
    pub(crate) ledger: PathBuf,
    pub(crate) pace: Pace,
    begun: Instant,
}

impl Desk {
    /// Finds everything. `job` says where it would run, for those who have neither sites nor settings.
    pub(crate) fn new(kept: &KeptArguments, common: &Common, job: Option<&JobSpec>) -> Result<Self, Failure> {
        let (settings, broken) = home::settings_with(&[])?;
        if let Some(words) = broken.filter(|_| !common.quiet) {
            terminal::say(&format!("greenwich: settings are passed over: {words}"));
        }
        let ledger = absolute(&home::ledger_at(kept.ledger.as_deref(), &settings));
        let folder = absolute(&kept.state.clone().unwrap_or_else(|| ledger.join("keeper")));
        let sites = sites(kept, &settings, job)?;
        let mut desk = Self {
            greenwich: Greenwich::load(),
            sites,
            settings,
            folder,
            ledger,
            pace: Pace::EARNEST,
            begun: Instant::now(),
        };
        desk.pace = desk.pace_of(kept)?;
        Ok(desk)
    }

    /// How fast time goes: as the state has it. A new state takes what is asked for.
    fn pace_of(&self, kept: &KeptArguments) -> Result<Pace, Failure> {
        let asked = match (kept.time_scale, &kept.origin) {
            (Some(scale), Some(origin)) => {
                Some(Pace { scale, clock: Timestamp::now(), grid: instant("--origin", origin)? })
            }
            _ => None,
        };
        if !self.folder.join("state.db").is_file() {
            return Ok(asked.unwrap_or(Pace::EARNEST));
        }
        let state = self.state()?;
        let found = state.setting(PACE).map_err(greenwich::Error::from)?.and_then(|text| Pace::parse(&text));
        match (found, asked) {
            (Some(found), None) => Ok(found),
            (Some(found), Some(asked)) if found.scale == asked.scale => Ok(found),
            (None, None) => Ok(Pace::EARNEST),
            (None, Some(asked)) if state.runs(1).map_err(greenwich::Error::from)?.is_empty() => Ok(asked),
            _ => Err(Failure::usage(
                "--time-scale is not that of this state, in which jobs are kept already",
                "name a new folder by --state DIR for a trial",
            )),
        }
    }

    pub(crate) fn state(&self) -> Result<State, Failure> {
        Ok(State::open(&self.folder, Durability::PowerCut).map_err(greenwich::Error::from)?)
    }

    /// A keeper of the state, which from then on goes by this pace.
    pub(crate) fn keeper(&self) -> Result<Keeper, Failure> {
        let mut state = self.state()?;
        if self.pace.is_trial() && state.setting(PACE).map_err(greenwich::Error::from)?.is_none() {
            state.set(PACE, &self.pace.to_text()).map_err(greenwich::Error::from)?;
        }
        let budgets = self.sites.budgets.clone();
        Ok(Keeper::new(state, submitting::timing(self.pace.scale)).with_budgets(budgets))
    }

    pub(crate) fn grounds(&self) -> Grounds<'_> {
        Grounds {
            greenwich: &self.greenwich,
            sites: &self.sites,
            pace: self.pace,
            ledger: self.ledger.clone(),
            kept: home::kept_signals(),
            host: home::host(),
        }
    }

    pub(crate) fn engines(&self, lock: &ActLock) -> Result<Vec<Engine>, Failure> {
        let helper = [OsString::from(program()?), OsString::from("carry")];
        Ok(self.grounds().engines(&self.folder, &helper, Some(lock)))
    }

    pub(crate) fn lock(&self, patience: Duration) -> Result<ActLock, greenwich::Error> {
        Ok(ActLock::take(&self.folder, patience)?)
    }

    /// Takes away what runs that are over have left.
    pub(crate) fn clean(
        &self,
        state: &State,
        older_than: SignedDuration,
        cleaning: Cleaning,
    ) -> Result<Cleaned, Failure> {
        let _lock = self.lock(PATIENCE)?;
        Ok(cleaning::clean(state, &self.folder, older_than, Timestamp::now(), cleaning)?)
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.begun.elapsed() }
    }

    fn grid_now(&self) -> Timestamp {
        self.pace.to_grid(Timestamp::now())
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// This program's own file.
fn program() -> Result<String, Failure> {
    let path = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    path.ok_or_else(|| Failure::usage("this program's own file cannot be named", "install it at a path of plain text"))
}

fn sites(kept: &KeptArguments, settings: &Settings, job: Option<&JobSpec>) -> Result<Sites, Failure> {
    let mut sites = match described_sites(kept.sites.as_deref())? {
        Some(sites) => sites,
        None => {
            let is_set = settings.site.zone.is_some() || settings.site.region.is_some();
            let site = job.filter(|_| !is_set).map_or_else(|| settings.site.clone(), |job| job.site.clone());
            Sites::here(site, ANY_NUMBER)
        }
    };
    sites.signals =
        sites.signals.map(|folder| absolute(&folder)).filter(|folder| folder.is_dir()).or_else(crate::answer::traces);
    Ok(sites)
}

/// The sites of a sites file: the one that is named, by the variable too, else one here or beside the user's settings.
pub(crate) fn described_sites(named: Option<&Path>) -> Result<Option<Sites>, Failure> {
    let by_user = || home::keys_file().map(|path| path.with_file_name("sites.toml"));
    let named = named.map(Path::to_owned).or_else(|| home::variable("GREENWICH_SITES").map(PathBuf::from));
    let found = named
        .or_else(|| [Some(PathBuf::from("sites.toml")), by_user()].into_iter().flatten().find(|path| path.is_file()));
    let Some(path) = found else { return Ok(None) };
    let bytes = std::fs::read(&path).map_err(|error| {
        let mend = "name a sites file by --sites FILE; docs/reference/sites-file.md has its keys";
        Failure::usage(&format!("cannot read `{}`: {error}", path.display()), mend)
    })?;
    let mut sites = sites_file::parse(&path.display().to_string(), &bytes).map_err(greenwich::Error::from)?;
    sites.slurm_conf = sites.slurm_conf.map(|file| absolute(&file));
    Ok(Some(sites))
}

/// `greenwich submit`.
pub(crate) fn submit(asked: &SubmitArguments, common: &Common) -> Result<Answer, Failure> {
    let spec = match &asked.slurm {
        Some(_) => None,
        None => Some(crate::answer::read(&asked.job, &[])?),
    };
    let desk = Desk::new(&asked.kept, common, spec.as_ref())?;
    let grounds = desk.grounds();
    let deadline = deadline(&asked.when, desk.grid_now())?;
    let words = |text: &OsString| {
        text.clone().into_string().map_err(|text| {
            let found = format!("`{}` is not UTF-8", text.display());
            Failure::usage(&found, "give the command in UTF-8")
        })
    };
    let here = std::env::current_dir().map_err(|error| {
        Failure::usage(&format!("the working directory is gone: {error}"), "go to a folder that is there")
    })?;
    let mut wanted = Asked {
        spec: spec.clone().unwrap_or_else(|| greenwich::job_file::from_flags(&placeholder()).expect("it is whole")),
        deadline,
        command: asked.command.iter().map(words).collect::<Result<_, _>>()?,
        resume: asked.resume.as_ref().map(|text| text.split_whitespace().map(str::to_owned).collect()),
        directory: here,
        project: asked.project.clone().or_else(|| desk.settings.project.clone()),
        owner: who(),
        only: asked.when.only.clone(),
        nodes: asked.nodes,
        time_limit_s: asked.time_limit.map(|limit| limit.as_secs() as i64),
        options: asked.options.clone(),
        signal: asked.checkpoint_signal.clone(),
        accelerators: None,
        program: if asked.unmetered { None } else { Some(program()?) },
    };
    if let Some(script) = &asked.slurm {
        by_script(script, &asked.job.keys.overrides(), &mut wanted, &grounds)?;
        if !asked.dry_run {
            wanted.command = vec![copied(script, &desk.folder)?];
        }
    }
    if asked.dry_run {
        let state = if desk.folder.join("state.db").is_file() { Some(desk.state()?) } else { None };
        let proposal = submitting::propose(&grounds, state.as_ref(), wanted, Timestamp::now())?;
        let text = if common.format == Format::Json {
            terminal::pretty(&jobs_view::proposal_json(&proposal, None, desk.pace))
        } else {
            jobs_view::proposal_text(&proposal, desk.pace, style(common))
        };
        return Ok(text.into());
    }
    let mut keeper = desk.keeper()?;
    let lock = desk.lock(PATIENCE)?;
    let now = Timestamp::now();
    let proposal = submitting::propose(&grounds, Some(&keeper.state), wanted, now)?;
    let mut engines = desk.engines(&lock)?;
    let (run, told) = submitting::take(&mut keeper, &mut engines, &proposal, &environment(), now)?;
    drop(lock);
    let exit = match run.phase {
        Phase::Held => Exit::OverBudget,
        Phase::New => Exit::LauncherRefused,
        _ => Exit::Done,
    };
    if !common.quiet {
        for line in &told.lines {
            terminal::say(&format!("greenwich: {line}"));
        }
    }
    let text = answer_text(&proposal, &run, &desk, common);
    Ok(Answer { bytes: text.into_bytes(), exit })
}

fn answer_text(proposal: &Proposal, run: &greenwich::keeper::Run, desk: &Desk, common: &Common) -> String {
    if common.format == Format::Json {
        return terminal::pretty(&jobs_view::proposal_json(proposal, Some(run), desk.pace));
    }
    if common.quiet {
        return format!("{}\n", run.job.run);
    }
    let mut text = jobs_view::proposal_text(proposal, desk.pace, style(common));
    _ = writeln!(text, "\n{}\nrun {}", jobs_view::taken(run), run.job.run);
    text
}

/// A job without a word of its own, whose every key a batch script fills in.
fn placeholder() -> Vec<(String, String)> {
    [("machine.accelerator", "h100-sxm5-80g"), ("machine.count", "1")]
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .to_vec()
}

/// What a batch script asks for, in place of a job file.
fn by_script(
    script: &Path,
    overrides: &[(String, String)],
    wanted: &mut Asked,
    grounds: &Grounds<'_>,
) -> Result<(), Failure> {
    let file = script.display().to_string();
    let unreadable = |error: std::io::Error| {
        Failure::usage(&format!("cannot read `{file}`: {error}"), "name a batch script of your own")
    };
    let length = std::fs::metadata(script).map_err(unreadable)?.len();
    if length > greenwich::sbatch::MOST_BYTES as u64 {
        return Err(Failure::usage(&format!("`{file}` is {length} bytes long"), "name a batch script"));
    }
    let text = std::fs::read_to_string(script).map_err(unreadable)?;
    let (spec, asked) = submitting::of_script(&file, &text, overrides, grounds)?;
    wanted.spec = spec;
    wanted.accelerators = asked.accelerators.or(Some(0));
    wanted.nodes = wanted.nodes.or(asked.nodes);
    wanted.time_limit_s = wanted.time_limit_s.or(asked.time_limit_s);
    wanted.signal = wanted.signal.take().or(asked.signal);
    let own = std::mem::take(&mut wanted.options);
    wanted.options = asked.options.into_iter().chain(own).collect();
    Ok(())
}

/// The script as it was when it was handed over: what is changed later is not what was planned.
fn copied(script: &Path, folder: &Path) -> Result<String, Failure> {
    let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let put = || {
        let place = folder.join("scripts").join(greenwich::store::Id::now().to_string());
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&place)?;
        let copy = place.join(&name);
        std::fs::copy(script, &copy)?;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700))?;
        Ok(copy.display().to_string())
    };
    put().map_err(|error: std::io::Error| {
        Failure::usage(
            &format!("`{}` cannot be copied: {error}", script.display()),
            "name a state folder by --state DIR",
        )
    })
}

/// Who types: by name, else by number.
fn who() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| home::variable(name).filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// The environment of whoever hands over, without what is about this hand-over.
fn environment() -> Vec<(String, String)> {
    let own =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    own.filter(|(name, _)| !NOT_HANDED_ON.iter().any(|prefix| name.starts_with(prefix)) || name == "SLURM_CONF")
        .collect()
}

fn deadline(when: &WhenArguments, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = &when.deadline else { return Ok(None) };
    if let Ok(time) = span(text) {
        return Ok(Some(now + SignedDuration::try_from(time).expect("at most sixty days")));
    }
    instant("--deadline", text).map(Some).map_err(|_| {
        Failure::usage(
            &format!("--deadline `{text}` is neither a length of time nor an instant"),
            "write how long from now, as in --deadline 48h, or an instant: --deadline 2026-06-03T00:00:00Z",
        )
    })
}

/// `greenwich hint`.
pub(crate) fn hint(asked: &HintArguments, common: &Common) -> Result<Answer, Failure> {
    let desk = Desk::new(&asked.kept, common, None)?;
    let grounds = desk.grounds();
    let mut wanted = Asked {
        spec: greenwich::job_file::from_flags(&placeholder()).expect("it is whole"),
        deadline: deadline(&asked.when, desk.grid_now())?,
        command: Vec::new(),
        resume: None,
        directory: PathBuf::new(),
        project: None,
        owner: String::new(),
        only: asked.when.only.clone(),
        nodes: None,
        time_limit_s: None,
        options: Vec::new(),
        signal: None,
        accelerators: None,
        program: None,
    };
    let hours = asked.hours.map(|hours| ("machine.hours".to_owned(), hours.to_string()));
    by_script(&asked.script, hours.as_slice(), &mut wanted, &grounds)?;
    let now = Timestamp::now();
    let proposal = submitting::propose(&grounds, None, wanted, now)?;
    if common.format == Format::Json {
        return Ok(terminal::pretty(&jobs_view::proposal_json(&proposal, None, desk.pace)).into());
    }
    let site = proposal.plan.site().unwrap_or(&proposal.job.home).to_owned();
    let mut words = vec!["sbatch".to_owned()];
    if let Some(Backend::Slurm(there)) = desk.sites.get(&site).map(|site| &site.backend) {
        words.extend(there.cluster.as_ref().map(|cluster| format!("--clusters={cluster}")));
        words.extend(there.partition.as_ref().map(|partition| format!("--partition={partition}")));
    }
    let wait = proposal.begin.duration_since(now).as_secs().max(0);
    if wait > 0 {
        words.push(format!("--begin=now+{wait}"));
    }
    words.push(asked.script.display().to_string());
    let saving = proposal.planned.plan.saving_fraction();
    let start = desk.pace.to_grid(proposal.begin).strftime("%Y-%m-%d %H:%M");
    let note = format!("# {start} UTC at {site}: {:.0} % less than at once at {}", 100.0 * saving, proposal.job.home);
    Ok(format!("{}\n{note}\n", words.join(" ")).into())
}

/// `greenwich jobs`.
pub(crate) fn jobs(asked: &JobsArguments, common: &Common) -> Result<Answer, Failure> {
    match &asked.command {
        JobsCommand::List { all, kept } => {
            let desk = Desk::new(kept, common, None)?;
            listed(&desk, *all, common)
        }
        JobsCommand::Show { run, kept } => {
            let desk = Desk::new(kept, common, None)?;
            shown(&desk, run, common)
        }
        JobsCommand::Cancel { run, why, kept } => {
            let desk = Desk::new(kept, common, None)?;
            let name = act(&desk, common, |keeper, _| {
                let mut found = keeper.state.find(run).map_err(greenwich::Error::from)?;
                if found.ended.is_none() {
                    found.cancel = Some(format!("{}: {why}", who()));
                    keeper.state.save([&found]).map_err(greenwich::Error::from)?;
                }
                Ok(Some(found.job.run))
            })?;
            shown(&desk, &name.unwrap_or_default(), common)
        }
        JobsCommand::Replan { kept } => {
            let desk = Desk::new(kept, common, None)?;
            act(&desk, common, |keeper, _| {
                keeper.plan_anew();
                Ok(None)
            })?;
            listed(&desk, false, common)
        }
        JobsCommand::Clean { older_than, dry_run, kept } => {
            let desk = Desk::new(kept, common, None)?;
            let cleaning = if *dry_run { Cleaning::Counts } else { Cleaning::Takes };
            let older_than = SignedDuration::try_from(*older_than).expect("at most sixty days");
            let has_state = desk.folder.join("state.db").is_file();
            let cleaned =
                if has_state { desk.clean(&desk.state()?, older_than, cleaning)? } else { Cleaned::default() };
            let json = common.format == Format::Json;
            let text = if json {
                terminal::pretty(&jobs_view::cleaned_json(&cleaned, cleaning))
            } else {
                jobs_view::cleaned_text(&cleaned, cleaning)
            };
            Ok(text.into())
        }
        JobsCommand::Release { run, why, kept } => {
            let desk = Desk::new(kept, common, None)?;
            let name = act(&desk, common, |keeper, engines| {
                let mut found = keeper.state.find(run).map_err(greenwich::Error::from)?;
                let told = submitting::release(keeper, engines, &mut found, &who(), why, Timestamp::now())?;
                say(&told.lines, common);
                Ok(Some(found.job.run))
            })?;
            shown(&desk, &name.unwrap_or_default(), common)
        }
    }
}

/// The runs of a state, and how the budgets of their projects stand.
fn listed(desk: &Desk, all: bool, common: &Common) -> Result<Answer, Failure> {
    let listed = if desk.folder.join("state.db").is_file() {
        let state = desk.state()?;
        let budgets = desk.grounds().budgets(&state, None, Timestamp::now())?;
        Listed { runs: jobs_view::list(&state, all)?, budgets, all }
    } else {
        Listed { runs: Vec::new(), budgets: Vec::new(), all }
    };
    let json = common.format == Format::Json;
    Ok(if json { terminal::pretty(&listed.json(desk.pace)) } else { listed.text(desk.pace, style(common)) }.into())
}

fn shown(desk: &Desk, run: &str, common: &Common) -> Result<Answer, Failure> {
    let shown = jobs_view::show(&desk.state()?, run)?;
    let json = common.format == Format::Json;
    Ok(if json { terminal::pretty(&shown.json(desk.pace)) } else { shown.text(desk.pace, style(common)) }.into())
}

/// Changes something under the act lock, then looks once.
fn act(
    desk: &Desk,
    common: &Common,
    change: impl FnOnce(&mut Keeper, &mut [Engine]) -> Result<Option<String>, Failure>,
) -> Result<Option<String>, Failure> {
    let mut keeper = desk.keeper()?;
    let lock = desk.lock(PATIENCE)?;
    let mut engines = desk.engines(&lock)?;
    let changed = change(&mut keeper, &mut engines)?;
    for _ in 0..2 {
        // What the first look does is seen by the second.
        let told = keeper.look(&mut engines, &mut desk.grounds(), desk.moment()).map_err(greenwich::Error::from)?;
        say(&told.lines, common);
    }
    Ok(changed)
}

pub(crate) fn say(lines: &[String], common: &Common) {
    if !common.quiet {
        for line in lines {
            terminal::say(&format!("greenwich: {line}"));
        }
    }
}
