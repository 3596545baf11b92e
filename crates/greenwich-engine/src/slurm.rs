//! Slurm, by its command line tools: one or several clusters and partitions as sites.
//!
//! In: orders and acts. Out: what `squeue`, `sacct` and `sinfo` say. The begin time is Slurm's own (`--begin`), so a job
//! starts by it whoever has died; a pause by suspension gets a guard, a tiny job of Slurm's that wakes the suspended one
//! at the latest instant; a requeued job has its begin time again. The comment carries the mark. What a batch script
//! does is the constant [`SCRIPT`]: the words of a command are its arguments and are never read by a shell.

use crate::error::EngineError;
use crate::launcher::{
    Abilities, Act, Ending, Launcher, Mark, Order, Seen, SeenState, SiteSeen, Stretch, Survey, words,
};
use crate::private;
use crate::slurm_asked::{exchange, of_another_kind, of_exchanges, resources};
use crate::slurm_environment::clear_of_others;
use crate::slurm_refusal::{LOOK, refusal, unheard};
use crate::slurm_script::{GUARD, SCRIPT};
use crate::slurm_text::{
    ACCOUNTING, Accounted, NODES, QUEUE, Queued, accelerators, accounted, elsewhere, federation, guards, kinds, lacks,
    queued, version,
};
use crate::tools::Tools;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The oldest version whose tools speak as is read here.
const OLDEST: (u32, u32) = (22, 5);
/// How long a tool may take: Slurm's own clients go on for minutes where a controller is down.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a job that is moved is looked for where it goes.
const UNTIL_THERE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Names of jobs that are asked for at once, so that no list of arguments grows too long.
const MOST_IDS: usize = 500;

/// How a guard's comment begins; the guarded job's number and the state's folder follow.
const GUARD_STEM: &str = "greenwich-guard";

/// A site: a cluster, a partition of it, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlurmSite {
    /// Its name.
    pub name: String,
    /// The cluster, where not the one that the tools mean by default.
    pub cluster: Option<String>,
    /// The partition, where not the default one.
    pub partition: Option<String>,
    /// The type of GPU in Slurm's own words, such as `h100` of `gpu:h100:8`.
    pub gres: Option<String>,
    /// Accelerators of a node.
    pub per_node: u32,
    /// Whether this user may suspend jobs there.
    pub suspends: bool,
    /// Options of `sbatch` for every job there, each one word.
    pub options: Vec<String>,
}

/// Slurm.
#[derive(Debug)]
pub struct Slurm {
    sites: Vec<SlurmSite>,
    /// Where the batch scripts and claims lie; nodes see it too.
    folder: PathBuf,
    /// `SLURM_CONF`, where not the system's.
    conf: Option<PathBuf>,
    tools: Tools,
    version: Option<String>,
    /// Whether a survey also looks at what the installation lacks.
    is_thorough: bool,
    /// Where the tools are, where not on PATH.
    #[cfg(test)]
    tools_at: Option<PathBuf>,
}

/// A job by Slurm's name of it.
struct Named<'a> {
    number: &'a str,
    cluster: Option<&'a str>,
}

impl Slurm {
    /// Slurm with these sites. `lock` is the act lock: tools hold it while they are under way.
    #[must_use]
    pub fn new(sites: Vec<SlurmSite>, folder: PathBuf, conf: Option<PathBuf>, lock: Option<Arc<File>>) -> Self {
        Self {
            sites,
            folder,
            conf,
            tools: Tools { patience: PATIENCE, lock },
            version: None,
            is_thorough: false,
            #[cfg(test)]
            tools_at: None,
        }
    }

    /// One whose surveys also ask what the installation lacks, and whose tools get so long each: for `doctor`.
    #[must_use]
    pub fn thorough(mut self, patience: Duration) -> Self {
        self.tools.patience = patience;
        self.is_thorough = true;
        self
    }

    /// Slurm's own words for its version, such as `slurm-wlm 22.05.8`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn version(&mut self) -> Result<String, EngineError> {
        if let Some(known) = &self.version {
            return Ok(known.clone());
        }
        let mut command = self.asking("sbatch", None);
        command.arg("--version");
        let told = words(&self.run(command, "tell its version", "")?);
        self.version = Some(told.clone());
        Ok(told)
    }

    /// What installations lack that jobs of ours may need, cluster by cluster.
    fn lacks(&self) -> Result<Vec<String>, EngineError> {
        let mut notes = Vec::new();
        for cluster in self.clusters() {
            let mut command = self.asking("scontrol", cluster);
            command.args(["show", "config"]);
            let text = self.run(command, "show its configuration", "")?;
            let of_cluster = |site: &&SlurmSite| site.cluster.as_deref() == cluster;
            let has_gpus = self.sites.iter().filter(of_cluster).any(|site| site.gres.is_some() || site.per_node > 0);
            let stem = cluster.map_or_else(String::new, |cluster| format!("{cluster}: "));
            notes.extend(lacks(&text, has_gpus).into_iter().map(|note| format!("{stem}{note}")));
        }
        Ok(notes)
    }

    fn command(&self, program: &str, cluster: Option<&str>) -> Command {
        #[cfg(test)]
        let program = &self.tools_at.as_ref().map_or_else(|| PathBuf::from(program), |folder| folder.join(program));
        let mut command = Command::new(program);
        clear_of_others(&mut command);
        if let Some(conf) = &self.conf {
            command.env("SLURM_CONF", conf);
        }
        if let Some(cluster) = cluster {
            command.arg(format!("--clusters={cluster}"));
        }
        command
    }

    /// A tool that only tells: its stamps are seconds.
    fn asking(&self, program: &str, cluster: Option<&str>) -> Command {
        let mut command = self.command(program, cluster);
        command.env("SLURM_TIME_FORMAT", "%s").env("LC_ALL", "C");
        command
    }

    fn run(&self, command: Command, what: &str, id: &str) -> Result<String, EngineError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let said = self.tools.run(command).map_err(|error| unheard(&program, &error))?;
        if said.status.success() {
            return Ok(said.out);
        }
        Err(refusal(&said, what, id))
    }

    fn clusters(&self) -> BTreeSet<Option<&str>> {
        self.sites.iter().map(|site| site.cluster.as_deref()).collect()
    }

    fn site(&self, name: &str) -> Result<&SlurmSite, EngineError> {
        self.sites.iter().find(|site| site.name == name).ok_or_else(|| EngineError::Refused {
            engine: "Slurm".to_owned(),
            what: format!("run at `{name}`"),
            said: "no such site is described".to_owned(),
            mend: "name a site of sites.toml".to_owned(),
        })
    }

    fn site_of(&self, cluster: Option<&str>, partition: &str) -> String {
        let there = || self.sites.iter().filter(|site| site.cluster.as_deref() == cluster);
        // One that waits may name several.
        let has = |own: &str| partition.split(',').any(|one| one == own);
        let named = there().find(|site| site.partition.as_deref().is_some_and(has));
        let by_default = || there().find(|site| site.partition.is_none());
        named.or_else(by_default).or_else(|| there().next()).map(|site| site.name.clone()).unwrap_or_default()
    }

    fn seen(&self, cluster: Option<&str>, row: Queued) -> Seen {
        Seen {
            id: id_of(&row.id, cluster),
            site: self.site_of(cluster, &row.partition),
            state: row.state,
            begin: row.eligible,
            ran: row.ran.into_iter().collect(),
            starts: row.starts,
            used: row.used,
            words: if row.reason == "None" { String::new() } else { words(&row.reason) },
            mark: row.mark,
        }
    }

    /// A job of which only the copy is seen that its federation keeps at the cluster that it left.
    fn on_its_way(&self, cluster: Option<&str>, number: &str, mark: Mark) -> Seen {
        Seen {
            id: id_of(number, cluster),
            site: self.site_of(cluster, ""),
            state: SeenState::Waiting { held: false },
            begin: None,
            ran: Vec::new(),
            starts: 0,
            used: SignedDuration::ZERO,
            words: "it is moved by its federation".to_owned(),
            mark,
        }
    }

    /// What accounting says of jobs of one cluster; nothing where there is none.
    ///
    /// # Errors
    /// Where there is one that does not answer.
    fn accounting(&self, cluster: Option<&str>, ids: &[&str]) -> Result<Vec<Accounted>, EngineError> {
        let mut rows = Vec::new();
        for some in ids.chunks(MOST_IDS) {
            let mut command = self.asking("sacct", cluster);
            let jobs = format!("--jobs={}", some.join(","));
            command.args(["--noheader", "--parsable2", "--allocations", "--duplicates", &jobs, "--format", ACCOUNTING]);
            match self.run(command, "tell what ran", "") {
                Ok(text) => rows.extend(accounted(&text)),
                Err(error) if error.may_work_later() => return Err(error),
                // A cluster without accounting still has its queue: what is not told here is taken from there.
                Err(_) => {}
            }
        }
        Ok(rows)
    }

    /// When a job with a mark has started, by the file that its batch script claims.
    fn claimed(&self, mark: &Mark) -> Option<Timestamp> {
        let about = std::fs::metadata(self.folder.join("claims").join(claim_of(mark))).ok()?;
        about.modified().ok().and_then(|at| Timestamp::try_from(at).ok())
    }

    /// Puts what accounting knows of a job over what the queue says: each of its starts, and how it ended.
    fn complete(seen: &mut Seen, rows: &[&Accounted]) {
        if rows.is_empty() {
            return;
        }
        let ended = rows.iter().rev().find_map(|row| row.ending);
        let ran: Vec<_> = rows.iter().filter_map(|row| row.ran).collect();
        if seen.is_over() && ended.is_none() {
            // Accounting comes a moment later than the queue.
            return;
        }
        if let (true, Some(ending)) = (seen.is_over(), ended) {
            seen.state = SeenState::Ended(ending);
        }
        if ran.len() >= seen.ran.len() {
            seen.ran = ran;
        }
        let suspended = rows.last().map_or(SignedDuration::ZERO, |row| row.suspended);
        if let Some(end) = seen.ran.last().and_then(|last| Some(last.end?.duration_since(last.start))) {
            seen.used = (end - suspended).max(SignedDuration::ZERO);
        }
    }

    fn guard_name(job: &Named<'_>) -> String {
        format!("{GUARD_STEM}-{}", job.number)
    }

    fn guard(&self, job: &Named<'_>, site: Option<&SlurmSite>, latest: Timestamp) -> Result<(), EngineError> {
        let script = self.script("guard.sh", GUARD)?;
        let mut command = self.command("sbatch", job.cluster);
        command.args(["--parsable", "--output=/dev/null", "--ntasks=1", "--mem=16", "--time=5"]);
        command.arg(format!("--job-name={}", Self::guard_name(job))).arg(format!("--begin={}", begin(latest)));
        command.arg(format!("--comment={GUARD_STEM}:{}:{}", job.number, self.folder.display()));
        if let Some(partition) = site.and_then(|site| site.partition.as_deref()) {
            command.arg(format!("--partition={partition}"));
        }
        command.arg(script).args(["resume", job.number]);
        self.run(command, "guard a pause", job.number).map(drop)
    }

    fn unguard(&self, job: &Named<'_>) {
        let mut command = self.command("scancel", job.cluster);
        command.args(["--me", "--state=PENDING"]).arg(format!("--name={}", Self::guard_name(job)));
        // One that is left is taken away at a later look, and wakes a job that is awake until then, which does nothing.
        _ = self.run(command, "take a guard away", job.number);
    }

    /// Takes guards away whose pause is over: of jobs that were woken or ended by others, or by a keeper that was killed
    /// before it came to that. Only where we hold the act lock: nobody else then is about to suspend what is guarded.
    fn take_idle_guards_away(&self, cluster: Option<&str>, queue: &str) {
        if self.tools.lock.is_none() {
            return;
        }
        let idle = guards(queue, GUARD_STEM, &self.folder.display().to_string());
        for some in idle.chunks(MOST_IDS) {
            let mut command = self.command("scancel", cluster);
            command.args(["--me", "--state=PENDING"]).args(some);
            // What is not taken away now is at the next look.
            _ = self.run(command, "take guards away", "");
        }
    }

    fn script(&self, name: &str, text: &str) -> Result<PathBuf, EngineError> {
        let path = self.folder.join(name);
        let write = || {
            if private::read(&path).ok().as_deref() == Some(text.as_bytes()) {
                return Ok(());
            }
            private::create_folder(&self.folder.join("claims"))?;
            private::write(&path, text.as_bytes())
        };
        write().map_err(|error: io::Error| EngineError::Absent {
            engine: "Slurm".to_owned(),
            said: format!("`{}` cannot be written: {error}", path.display()),
            mend: "name a state folder that the nodes of the cluster see, by --state DIR".to_owned(),
        })?;
        Ok(path)
    }

    fn control(&self, verb: &[&str], job: &Named<'_>, what: &str) -> Result<(), EngineError> {
        let mut command = self.command("scontrol", job.cluster);
        command.args(verb);
        self.run(command, what, job.number).map(drop)
    }

    /// The federation that a site's cluster is in, and whether it hears another cluster of it.
    fn federation(&self, site: &SlurmSite) -> Option<(String, bool)> {
        let cluster = site.cluster.as_deref()?;
        let mut command = self.asking("scontrol", Some(cluster));
        command.args(["show", "federation"]);
        // A cluster that tells of no federation is in none.
        let text = self.run(command, "show its federation", "").ok()?;
        federation(&text).map(|(name, clusters)| (name, clusters.len() > 1 && clusters.contains(cluster)))
    }

    /// Moves a waiting job to another cluster of its federation, and waits until it is there.
    fn relocate(
        &self,
        job: &Named<'_>,
        mark: &Mark,
        site: &str,
        environment: &[(String, Option<String>)],
    ) -> Result<(), EngineError> {
        let target = self.site(site)?;
        let Some(cluster) = target.cluster.as_deref().filter(|cluster| Some(*cluster) != job.cluster) else {
            return Err(EngineError::Unable {
                engine: "Slurm".to_owned(),
                what: format!("move a job to `{site}`, which is at the same cluster"),
                mend: "it is taken back and handed over there".to_owned(),
            });
        };
        // Read by the batch script if it starts there, and only then: written before the move, it does no harm without.
        let lines = environment.iter().filter(|(_, value)| !value.iter().any(|value| value.contains('\n')));
        let lines = lines.map(|(name, value)| match value {
            Some(value) => format!("{name}={value}\n"),
            None => format!("{name}\n"),
        });
        self.script(&format!("claims/{}.at-{cluster}", claim_of(mark)), &lines.collect::<String>())?;
        let (of, to) = (format!("jobid={}", job.number), format!("clusters={cluster}"));
        self.control(&["update", &of, &to], job, "move a job")?;
        let asked = Instant::now();
        while asked.elapsed() < UNTIL_THERE {
            let mut command = self.asking("squeue", Some(cluster));
            command.args(["--me", "--noheader", "--states=all", "--Format", QUEUE]);
            let text = self.run(command, "show its queue", "").unwrap_or_default();
            if queued(&text).iter().any(|row| row.id == job.number) {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn set_begin(&self, job: &Named<'_>, at: Timestamp) -> Result<(), EngineError> {
        let (of, at) = (format!("jobid={}", job.number), format!("starttime={}", begin(at)));
        self.control(&["update", &of, &at], job, "change a begin time")
    }
}

impl Launcher for Slurm {
    fn survey(&mut self) -> Result<Survey, EngineError> {
        let told = self.version()?;
        let mut notes = Vec::new();
        match version(&told) {
            Some(found) if found < OLDEST => notes.push(format!(
                "`{told}` is older than {}.{:02}: its tools may speak otherwise than is read here",
                OLDEST.0, OLDEST.1
            )),
            Some(_) => {}
            None => notes.push(format!("the version `{told}` is not understood; it is taken for a current one")),
        }
        let mut sites = Vec::new();
        for site in &self.sites {
            let mut command = self.asking("sinfo", site.cluster.as_deref());
            command.args(["--noheader", "--Node", "--Format", NODES]);
            if let Some(partition) = &site.partition {
                command.arg(format!("--partition={partition}"));
            }
            let text = self.run(command, "tell its nodes", "")?;
            let (count, is_up) = accelerators(&text, site.gres.as_deref());
            notes.extend(of_another_kind(site, &kinds(&text)));
            if !site.suspends {
                notes.push(format!(
                    "{}: jobs are not suspended but queued again from a checkpoint; where you are an operator of the cluster, pause = \"suspend\" in sites.toml",
                    site.name
                ));
            }
            let abilities = Abilities { pauses: site.suspends, requeues: true };
            let exchange = match self.federation(site) {
                Some((name, is_in_step)) if !is_in_step => {
                    notes.push(format!(
                        "{}: its federation `{name}` is not in step: jobs are taken back and handed over until `scontrol show federation` says Synced:Yes",
                        site.name
                    ));
                    None
                }
                found => found.map(|(name, _)| exchange(&name, site)),
            };
            sites.push(SiteSeen { name: site.name.clone(), accelerators: Some(count), is_up, abilities, exchange });
        }
        if self.is_thorough {
            notes.extend(of_exchanges(&sites));
            notes.extend(self.lacks()?);
        }
        Ok(Survey { version: told, sites, notes })
    }

    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError> {
        let (mut all, mut copies) = (Vec::new(), Vec::new());
        for cluster in self.clusters() {
            let mut command = self.asking("squeue", cluster);
            command.args(["--me", "--noheader", "--states=all", "--Format", QUEUE]);
            let text = self.run(command, "show its queue", "")?;
            self.take_idle_guards_away(cluster, &text);
            copies.extend(elsewhere(&text).into_iter().map(|(number, mark)| self.on_its_way(cluster, &number, mark)));
            let mut here: Vec<Seen> = queued(&text).into_iter().map(|row| self.seen(cluster, row)).collect();
            let shown: BTreeSet<String> = here.iter().map(|seen| seen.id.clone()).collect();
            // Jobs that were purged from the queue are asked of accounting.
            let gone: Vec<_> =
                known.iter().filter(|(_, id)| named(id).cluster == cluster && !shown.contains(id)).collect();
            here.extend(gone.iter().map(|(mark, id)| Seen {
                mark: mark.clone(),
                id: id.clone(),
                site: self.site_of(cluster, ""),
                state: SeenState::Ended(Ending::Lost),
                begin: None,
                ran: Vec::new(),
                starts: 0,
                used: SignedDuration::ZERO,
                words: String::new(),
            }));
            let over: Vec<&str> =
                here.iter().filter(|seen| seen.is_over()).map(|seen| named(&seen.id).number).collect();
            let rows = match self.accounting(cluster, &over) {
                // Of a job that is purged from the queue nothing else tells: it is not taken for one that never was.
                Err(error) if !gone.is_empty() => return Err(error),
                told => told.unwrap_or_default(),
            };
            let mut by_job: BTreeMap<&str, Vec<&Accounted>> = BTreeMap::new();
            for row in &rows {
                by_job.entry(&row.id).or_default().push(row);
            }
            for seen in &mut here {
                let rows = by_job.get(named(&seen.id).number).cloned().unwrap_or_default();
                Self::complete(seen, &rows);
                if !shown.contains(&seen.id) && seen.ran.is_empty() {
                    seen.ran.extend(self.claimed(&seen.mark).map(|start| Stretch { start, end: None }));
                }
            }
            // Of what neither the queue nor accounting knows, and what has claimed nothing, nothing is said.
            all.extend(here.into_iter().filter(|seen| {
                shown.contains(&seen.id) || by_job.contains_key(named(&seen.id).number) || seen.has_started()
            }));
        }
        // A copy tells of a job only while that is not seen where it went.
        copies.retain(|copy| all.iter().all(|seen| seen.mark != copy.mark));
        all.extend(copies);
        Ok(without_copies(all))
    }

    fn submit(&mut self, order: &Order) -> Result<String, EngineError> {
        let script = self.script("batch.sh", SCRIPT)?;
        let site = self.site(&order.site)?;
        let mut command = self.command("sbatch", site.cluster.as_deref());
        command.arg("--parsable").arg("--requeue").args(resources(order, site));
        command.envs(order.environment.iter().map(|(name, value)| (name, value)));
        command
            .arg(format!("--job-name={}", order.name))
            .arg(format!("--comment={}", order.mark))
            .arg(format!("--begin={}", begin(order.begin)))
            .arg(format!("--chdir={}", order.directory.display()));
        if let Some(partition) = &site.partition {
            command.arg(format!("--partition={partition}"));
        }
        if let Some(limit) = order.time_limit_s {
            command.arg(format!("--time={}", limit.div_euclid(60) + 1));
        }
        if order.held {
            command.arg("--hold");
        }
        let claim = self.folder.join("claims").join(claim_of(&order.mark));
        let again: &[String] = order.resume.as_deref().unwrap_or_default();
        command.arg(script).arg(claim);
        command.args([order.command.len(), again.len(), order.beside.len()].map(|count| count.to_string()));
        command.args(&order.command).args(again).args(&order.beside);
        let said = self.run(command, "take a job", "")?;
        let id = said.trim().lines().last().unwrap_or_default();
        let number = named(id).number;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EngineError::Unreachable {
                engine: "Slurm".to_owned(),
                said: format!("`sbatch --parsable` printed `{}`", words(&said)),
                look: LOOK,
            });
        }
        Ok(id_of(number, site.cluster.as_deref()))
    }

    fn act(&mut self, id: &str, act: &Act) -> Result<(), EngineError> {
        let job = named(id);
        let scancel = |flags: &[&str]| {
            let mut command = self.command("scancel", job.cluster);
            command.args(flags).arg(job.number);
            self.run(command, "signal or end a job", job.number).map(drop)
        };
        match act {
            Act::Begin(at) => self.set_begin(&job, *at),
            Act::Hold => self.control(&["hold", job.number], &job, "hold a job"),
            Act::Release => self.control(&["release", job.number], &job, "let a job go"),
            Act::Signal(name) => scancel(&["--batch", &format!("--signal={name}")]),
            Act::Pause { latest } => {
                let site = self.sites.iter().find(|site| site.cluster.as_deref() == job.cluster && site.suspends);
                if site.is_none() {
                    return Err(EngineError::Unable {
                        engine: "Slurm".to_owned(),
                        what: "suspend jobs there".to_owned(),
                        mend: "write pause = \"requeue\" for the site, or \"suspend\" where you are an operator"
                            .to_owned(),
                    });
                }
                self.guard(&job, site, *latest)?;
                self.control(&["suspend", job.number], &job, "suspend a job").inspect_err(|_| self.unguard(&job))
            }
            Act::Resume => {
                self.control(&["resume", job.number], &job, "wake a job")?;
                self.unguard(&job);
                Ok(())
            }
            Act::Requeue { begin } => {
                self.control(&["requeue", job.number], &job, "queue a job again")?;
                self.set_begin(&job, *begin)
            }
            Act::Withdraw => scancel(&["--state=PENDING"]),
            Act::Move { mark, site, environment } => self.relocate(&job, mark, site, environment),
            Act::Cancel => {
                scancel(&[])?;
                self.unguard(&job);
                Ok(())
            }
        }
    }
}

/// Of one job that several clusters of a federation show, what tells most: that it runs, else that it is not over.
fn without_copies(mut all: Vec<Seen>) -> Vec<Seen> {
    all.sort_by_key(|seen| (!seen.has_started(), seen.is_over()));
    let mut shown = BTreeSet::new();
    all.retain(|seen| shown.insert((seen.mark.clone(), named(&seen.id).number.to_owned())));
    all
}

/// The name of the file that a job claims.
fn claim_of(mark: &Mark) -> String {
    format!("{}-{}", mark.run, mark.attempt)
}

/// Seconds since 1970, which every version reads in every time zone.
fn begin(at: Timestamp) -> String {
    format!("uts{}", at.as_second().max(1))
}

/// `67108865;east`, as `sbatch --parsable` writes it.
fn id_of(number: &str, cluster: Option<&str>) -> String {
    cluster.map_or_else(|| number.to_owned(), |cluster| format!("{number};{cluster}"))
}

fn named(id: &str) -> Named<'_> {
    let (number, cluster) = id.trim().split_once(';').map_or((id.trim(), None), |(n, cluster)| (n, Some(cluster)));
    Named { number, cluster }
}

#[cfg(test)]
mod tests;
