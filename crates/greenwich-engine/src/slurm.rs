//! Slurm, by its command line tools: one or several clusters and partitions as sites.
//!
//! In: orders and acts. Out: what `squeue`, `sacct` and `sinfo` say. The begin time is Slurm's own (`--begin`), so a job
//! starts by it whoever has died; a pause by suspension gets a guard, a tiny job of Slurm's that wakes the suspended one
//! at the latest instant; a requeued job has its begin time again. The comment carries the mark. What a batch script
//! does is the constant [`SCRIPT`]: the words of a command are its arguments and are never read by a shell.

use crate::error::EngineError;
use crate::launcher::{Abilities, Act, Ending, Launcher, Mark, Order, Seen, SeenState, SiteSeen, Survey, words};
use crate::private;
use crate::slurm_script::{GUARD, SCRIPT};
use crate::slurm_text::{
    ACCOUNTING, Accounted, NODES, QUEUE, Queued, accelerators, accounted, guards, lacks, queued, version,
};
use crate::tools::{Said, Tools};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The oldest version whose tools speak as is read here.
const OLDEST: (u32, u32) = (22, 5);
/// How long a tool may take: Slurm's own clients go on for minutes where a controller is down.
const PATIENCE: Duration = Duration::from_secs(20);
/// Names of jobs that are asked for at once, so that no list of arguments grows too long.
const MOST_IDS: usize = 500;
const LOOK: &str = "`sinfo`, `squeue --me`";

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
        Self { sites, folder, conf, tools: Tools { patience: PATIENCE, lock }, version: None, is_thorough: false }
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
        let mut command = Command::new(program);
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
        let found = there().find(|site| site.partition.as_deref().is_some_and(|own| partition.contains(own)));
        found.or_else(|| there().next()).map(|site| site.name.clone()).unwrap_or_default()
    }

    fn seen(&self, cluster: Option<&str>, row: Queued) -> Seen {
        Seen {
            id: id_of(&row.id, cluster),
            site: self.site_of(cluster, &row.partition),
            state: row.state,
            begin: row.eligible,
            ran: row.ran.into_iter().collect(),
            used: row.used,
            words: if row.reason == "None" { String::new() } else { words(&row.reason) },
            mark: row.mark,
        }
    }

    /// What accounting says of jobs of one cluster; nothing where there is no accounting.
    fn accounting(&self, cluster: Option<&str>, ids: &[&str]) -> Vec<Accounted> {
        let mut rows = Vec::new();
        for some in ids.chunks(MOST_IDS) {
            let mut command = self.asking("sacct", cluster);
            let jobs = format!("--jobs={}", some.join(","));
            command.args(["--noheader", "--parsable2", "--allocations", "--duplicates", &jobs, "--format", ACCOUNTING]);
            // A cluster without accounting still has its queue: what is not told here is taken from there.
            rows.extend(self.run(command, "tell what ran", "").map(|text| accounted(&text)).unwrap_or_default());
        }
        rows
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
            if !site.suspends {
                notes.push(format!(
                    "{}: jobs are not suspended but queued again from a checkpoint; where you are an operator of the cluster, pause = \"suspend\" in sites.toml",
                    site.name
                ));
            }
            let abilities = Abilities { pauses: site.suspends, requeues: true };
            sites.push(SiteSeen { name: site.name.clone(), accelerators: Some(count), is_up, abilities });
        }
        if self.is_thorough {
            notes.extend(self.lacks()?);
        }
        Ok(Survey { version: told, sites, notes })
    }

    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError> {
        let mut all = Vec::new();
        for cluster in self.clusters() {
            let mut command = self.asking("squeue", cluster);
            command.args(["--me", "--noheader", "--states=all", "--Format", QUEUE]);
            let text = self.run(command, "show its queue", "")?;
            self.take_idle_guards_away(cluster, &text);
            let mut here: Vec<Seen> = queued(&text).into_iter().map(|row| self.seen(cluster, row)).collect();
            let shown: BTreeSet<String> = here.iter().map(|seen| seen.id.clone()).collect();
            // Jobs that were purged from the queue are asked of accounting.
            let gone = known.iter().filter(|(_, id)| named(id).cluster == cluster && !shown.contains(id));
            here.extend(gone.map(|(mark, id)| Seen {
                mark: mark.clone(),
                id: id.clone(),
                site: self.site_of(cluster, ""),
                state: SeenState::Ended(Ending::Lost),
                begin: None,
                ran: Vec::new(),
                used: SignedDuration::ZERO,
                words: String::new(),
            }));
            let over: Vec<&str> =
                here.iter().filter(|seen| seen.is_over()).map(|seen| named(&seen.id).number).collect();
            let rows = self.accounting(cluster, &over);
            let mut by_job: BTreeMap<&str, Vec<&Accounted>> = BTreeMap::new();
            for row in &rows {
                by_job.entry(&row.id).or_default().push(row);
            }
            for seen in &mut here {
                let rows = by_job.get(named(&seen.id).number).cloned().unwrap_or_default();
                Self::complete(seen, &rows);
            }
            // Of what neither the queue nor accounting knows, nothing is said.
            all.extend(
                here.into_iter().filter(|seen| shown.contains(&seen.id) || by_job.contains_key(named(&seen.id).number)),
            );
        }
        Ok(all)
    }

    fn submit(&mut self, order: &Order) -> Result<String, EngineError> {
        let script = self.script("batch.sh", SCRIPT)?;
        let site = self.site(&order.site)?;
        let mut command = self.command("sbatch", site.cluster.as_deref());
        command.arg("--parsable").arg("--requeue").args(&site.options).args(&order.options);
        command.envs(order.environment.iter().map(|(name, value)| (name, value)));
        command
            .arg(format!("--job-name={}", order.name))
            .arg(format!("--comment={}", order.mark))
            .arg(format!("--begin={}", begin(order.begin)))
            .arg(format!("--chdir={}", order.directory.display()));
        if let Some(partition) = &site.partition {
            command.arg(format!("--partition={partition}"));
        }
        let (nodes, per_node) = spread(order, site.per_node);
        if let Some((least, most)) = nodes {
            command.arg(if least == most { format!("--nodes={least}") } else { format!("--nodes={least}-{most}") });
        }
        if per_node > 0 {
            let kind = site.gres.as_ref().map_or_else(String::new, |kind| format!("{kind}:"));
            command.arg(format!("--gpus-per-node={kind}{per_node}"));
        }
        if let Some(limit) = order.time_limit_s {
            command.arg(format!("--time={}", limit.div_euclid(60) + 1));
        }
        if order.held {
            command.arg("--hold");
        }
        let claim = self.folder.join("claims").join(format!("{}-{}", order.mark.run, order.mark.attempt));
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
            Act::Cancel => {
                scancel(&[])?;
                self.unguard(&job);
                Ok(())
            }
        }
    }
}

/// Nodes and accelerators of each: a job that fits a node has one, a larger one whole nodes.
fn spread(order: &Order, per_node: u32) -> (Option<(u32, u32)>, u32) {
    let count = order.accelerators;
    if count == 0 || per_node == 0 {
        return (order.nodes, count);
    }
    if count <= per_node {
        return (order.nodes.or(Some((1, 1))), count);
    }
    let nodes = count.div_ceil(per_node);
    (order.nodes.or(Some((nodes, nodes))), per_node)
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

fn unheard(program: &str, error: &io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::NotFound => EngineError::Absent {
            engine: "Slurm".to_owned(),
            said: format!("there is no `{program}` on PATH"),
            mend: "install Slurm's client tools, or load their module, before Greenwich is started".to_owned(),
        },
        _ => EngineError::Unreachable { engine: "Slurm".to_owned(), said: format!("`{program}`: {error}"), look: LOOK },
    }
}

/// What a controller that is away, slow or not let in is told by.
const AWAY: [&str; 8] = [
    "Unable to contact",
    "Connection refused",
    "Socket timed out",
    "Connection timed out",
    "authentication error",
    "Munge",
    "slurmdbd",
    "Communication connection failure",
];
/// What tools without a configuration say.
const NOT_SET_UP: [&str; 2] = ["configuration source", "Unable to process configuration"];
/// What a job that is over or unknown is told by.
const GONE: [&str; 4] =
    ["Invalid job id", "already completed", "Job/step already", "Job is no longer pending execution"];

fn refusal(said: &Said, what: &str, id: &str) -> EngineError {
    let text = words(if said.err.trim().is_empty() { &said.out } else { &said.err });
    let has = |signs: &[&str]| signs.iter().any(|sign| said.err.contains(sign));
    let engine = "Slurm".to_owned();
    if has(&AWAY) {
        return EngineError::Unreachable { engine, said: text, look: LOOK };
    }
    if has(&GONE) {
        return EngineError::Gone { engine, id: id.to_owned() };
    }
    if has(&NOT_SET_UP) {
        return EngineError::Refused {
            engine,
            what: what.to_owned(),
            said: "it finds no slurm.conf".to_owned(),
            mend: "say where the cluster's is, by SLURM_CONF or slurm_conf in sites.toml".to_owned(),
        };
    }
    let mend = "see what Slurm says of it; options of sites.toml and #SBATCH lines go to it as they are".to_owned();
    EngineError::Refused { engine, what: what.to_owned(), said: text, mend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn order(accelerators: u32, nodes: Option<(u32, u32)>) -> Order {
        Order {
            mark: Mark { run: "k".to_owned(), attempt: 1 },
            name: "n".to_owned(),
            command: vec!["true".to_owned()],
            resume: None,
            beside: Vec::new(),
            directory: "/".into(),
            environment: Vec::new(),
            site: "east".to_owned(),
            begin: Timestamp::UNIX_EPOCH,
            accelerators,
            nodes,
            time_limit_s: None,
            options: Vec::new(),
            held: false,
        }
    }

    #[test]
    fn a_job_has_one_node_or_whole_ones() {
        assert_eq!(spread(&order(0, None), 8), (None, 0));
        assert_eq!(spread(&order(3, None), 8), (Some((1, 1)), 3));
        assert_eq!(spread(&order(20, None), 8), (Some((3, 3)), 8));
        assert_eq!(spread(&order(16, Some((1, 2))), 8), (Some((1, 2)), 8));
    }

    /// Runs the batch script as Slurm would.
    fn batch(folder: &std::path::Path, job: &str, restarts: &str, words: &[&str]) -> (Option<i32>, String) {
        let script = folder.join("batch.sh");
        fs::write(&script, SCRIPT).expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("its mode");
        let mut command = Command::new("/bin/sh");
        command.arg(&script).arg(folder.join("claim")).args(words);
        command.env("SLURM_JOB_ID", job).env("SLURM_RESTART_COUNT", restarts);
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn the_batch_script_runs_the_command_and_from_the_second_start_on_what_resumes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let words = ["3", "2", "1", "printf", "%s", "a b;$(id)", "echo", "again", "meter"];
        assert_eq!(batch(folder.path(), "7", "0", &words), (Some(0), "a b;$(id)".to_owned()));
        assert_eq!(batch(folder.path(), "7", "1", &words), (Some(0), "again\n".to_owned()));
        assert_eq!(batch(folder.path(), "7", "2", &["2", "0", "0", "echo", "same"]), (Some(0), "same\n".to_owned()));
    }

    #[test]
    fn of_two_jobs_with_one_mark_the_second_runs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(batch(folder.path(), "7", "0", &["2", "0", "0", "echo", "ran"]).1, "ran\n");
        assert_eq!(batch(folder.path(), "8", "0", &["2", "0", "0", "echo", "ran"]), (Some(79), String::new()));
    }
}
