//! Jobs handed over and kept by the real program: on this machine always, on two real Slurm clusters where they can be
//! started.
//!
//! In: a folder with sites, a grid whose clean hours are known, jobs. Out: plans, states, accounts. Time is compressed by
//! `--time-scale`; nothing is asserted on how long anything takes.

#[path = "rig/mod.rs"]
mod rig;

use jiff::{SignedDuration, Timestamp};
use rig::Rig;
use serde_json::Value;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Seek};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A job that is not accounted for by then fails its test.
const PATIENCE: Duration = Duration::from_secs(240);
/// A test on real clusters that hangs is ended after this, and they with it.
const MOST_OF_CLUSTERS: Duration = Duration::from_secs(600);
const ORIGIN: &str = "2026-06-01T00:00:00Z";
/// Hours of the grid's time in one of the clock's.
const SCALE: f64 = 1800.0;

struct Stage {
    rig: Rig,
    slurm_conf: Option<PathBuf>,
    /// No later than this began the grid's time at `ORIGIN`.
    begun: OnceCell<Instant>,
}

impl Stage {
    fn new(backend: &str, slurm_conf: Option<PathBuf>) -> Self {
        let stage = Self { rig: Rig::new(), slurm_conf, begun: OnceCell::new() };
        let folder = stage.folder();
        fs::create_dir(folder.join("grid")).expect("a folder");
        // Clean for long enough that whoever is slow still comes into it.
        let clean = if stage.slurm_conf.is_some() { 2..10 } else { 2..30 };
        for (zone, clean) in [("DE", 60..90), ("FR", clean)] {
            let mut text = "utc,gco2e_per_kwh\n".to_owned();
            for hour in 0..96 {
                let grams = if clean.contains(&hour) { 50 } else { 400 };
                _ = writeln!(text, "2026-06-{:02}T{:02}:00:00Z,{grams}", 1 + hour / 24, hour % 24);
            }
            fs::write(folder.join(format!("grid/{zone}.csv")), text).expect("written");
        }
        let site = |name: &str, zone: &str| {
            let backend = backend.replace("NAME", name);
            format!("[[site]]\nname = \"{name}\"\nzone = \"{zone}\"\npue = 1.2\naccelerators = 4\n{backend}\n")
        };
        let conf = stage.slurm_conf.as_ref().map(|conf| format!("slurm_conf = {:?}\n", conf.display().to_string()));
        let sites = format!(
            "schema = \"greenwich.sites/1\"\nhome = \"east\"\nsignals = \"grid\"\n{}{}{}\
             [[budget]]\nproject = \"poor\"\nenergy_kwh = 0.0000001\naction = \"hold\"\n",
            conf.unwrap_or_default(),
            site("east", "DE"),
            site("west", "FR")
        );
        fs::write(folder.join("sites.toml"), sites).expect("written");
        let job = "schema = \"greenwich.job/1\"\nname = \"kept\"\n[machine]\naccelerator = \"h100-sxm5-80g\"\ncount = 1\n\
                   hours = 2\nmean_power_w = 300\n[schedule]\nrelease = 2026-06-01T00:00:00Z\n\
                   deadline = 2026-06-02T12:00:00Z\ninterruptible = true\n";
        fs::write(folder.join("job.toml"), job).expect("written");
        fs::write(folder.join("work.sh"), "echo start >> log\nsleep 3\necho end >> log\n").expect("written");
        stage
    }

    fn folder(&self) -> &Path {
        self.rig.folder.path()
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = self.rig.program();
        if let Some(conf) = &self.slurm_conf {
            command.env("SLURM_CONF", conf);
        }
        command.args(words).output().expect("the program runs")
    }

    /// An answer; the exit status has to be this one.
    fn answer(&self, status: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}\n{stderr}");
        String::from_utf8(output.stdout).expect("answers are UTF-8") + &stderr
    }

    /// An instant of the grid's time, so many hours from now at most.
    fn in_hours(&self, hours: i64) -> String {
        let begun = *self.begun.get_or_init(Instant::now);
        let gone = SignedDuration::from_secs_f64(begun.elapsed().as_secs_f64() * SCALE);
        let origin: Timestamp = ORIGIN.parse().expect("an instant");
        (origin + gone + SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn submit(&self, status: i32, more: &[&str]) -> String {
        self.begun.get_or_init(Instant::now);
        let scale = SCALE.to_string();
        let words = ["submit", "job.toml", "--quiet", "--time-scale", &scale, "--origin", ORIGIN];
        self.answer(status, &[&words[..], more, &["--", "sh", "work.sh"]].concat()).trim().to_owned()
    }

    fn shown(&self, run: &str) -> Value {
        let output = self.run(&["jobs", "show", run, "--format", "json"]);
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    /// Looks again and again until the run has an account.
    fn keep_until_accounted(&self, run: &str) -> Value {
        let begun = Instant::now();
        loop {
            self.answer(0, &["keep", "--once"]);
            let shown = self.shown(run);
            if !shown["account"].is_null() {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "{shown:#}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

fn on_this_machine() -> Stage {
    Stage::new("backend = \"local\"", None)
}

#[test]
fn a_job_is_planned_handed_over_run_metered_and_accounted() {
    let stage = on_this_machine();
    let dry = stage.answer(
        0,
        &[
            "submit",
            "job.toml",
            "--dry-run",
            "--deadline",
            ORIGIN_END,
            "--time-scale",
            "1800",
            "--origin",
            ORIGIN,
            "--",
            "true",
        ],
    );
    assert!(dry.contains("in west from 1 Jun 2026 02:00"), "{dry}");
    assert!(!stage.folder().join("ledger/keeper").exists(), "a dry run leaves nothing");
    let run = stage.submit(0, &[]);
    let waits = stage.shown(&run);
    assert_eq!((waits["site"].as_str(), waits["phase"].as_str()), (Some("west"), Some("waiting")), "{waits:#}");
    let shown = stage.keep_until_accounted(&run);
    assert_eq!((shown["phase"].as_str(), shown["exit_status"].as_i64()), (Some("done"), Some(0)), "{shown:#}");
    assert_eq!((shown["account"]["entries"].as_u64(), stage.log().as_str()), (Some(1), "start\nend\n"));
    let account = &shown["account"];
    let [there, home] =
        ["location_based_co2e_kg", "home_at_once_co2e_kg"].map(|key| account[key].as_f64().expect("known"));
    assert!(there > 0.0 && there < home, "{account:#}");
    assert!(stage.answer(0, &["jobs", "list"]).contains("no job is open"));
    // What it has left is taken away, and nothing of its account.
    let place = stage.folder().join(format!("ledger/keeper/jobs/{run}-1"));
    let order = fs::read_to_string(place.join("order.json")).expect("it is there");
    assert!(order.contains("\"environment\": []"), "the environment goes with the job: {order}");
    assert!(stage.answer(0, &["jobs", "clean"]).starts_with("taken away: 0 files of 0 runs"), "it is not old enough");
    let dry = stage.answer(0, &["jobs", "clean", "--older-than", "0.01s", "--dry-run"]);
    assert!(dry.starts_with("to be taken away: ") && dry.contains("of 1 runs") && place.is_dir(), "{dry}");
    stage.answer(0, &["jobs", "clean", "--older-than", "0.01s"]);
    assert!(!place.exists());
    assert_eq!(stage.shown(&run)["account"], shown["account"]);
    assert_eq!(stage.shown(&run)["account"]["entries"].as_u64(), Some(1));
    let text = stage.answer(0, &["jobs", "show", "kept"]);
    assert!(text.contains("At home") && text.contains("hand over to west"), "{text}");
}

const ORIGIN_END: &str = "2026-06-02T12:00:00Z";

#[test]
fn a_budget_holds_a_run_until_somebody_lets_it_go_and_says_why() {
    let stage = on_this_machine();
    // Somebody cancels it before it is done, however slow they are.
    fs::write(stage.folder().join("work.sh"), "exec sleep 600\n").expect("written");
    let run = stage.submit(7, &["--project", "poor"]);
    assert_eq!(stage.shown(&run)["phase"], "held");
    stage.answer(0, &["keep", "--once"]);
    assert_eq!(stage.log(), "", "it is not handed over");
    let text = stage.answer(0, &["jobs", "release", &run, "--why", "the board said yes"]);
    assert!(text.contains("let go over budget: the board said yes"), "{text}");
    assert_ne!(stage.shown(&run)["phase"], "held");
    stage.answer(0, &["jobs", "cancel", &run, "--why", "enough"]);
    let shown = stage.keep_until_accounted(&run);
    assert_eq!(shown["phase"], "cancelled", "{shown:#}");
}

#[test]
fn a_keeper_that_stays_and_commands_that_come_and_go_write_one_state() {
    let stage = on_this_machine();
    let run = stage.submit(0, &[]);
    let mut keeper = stage.rig.program();
    keeper.args(["keep", "--every", "50ms", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut keeper = keeper.spawn().expect("it runs");
    let begun = Instant::now();
    // Each of these opens the state and closes it again, which must not cost the keeper what it writes.
    let shown = loop {
        stage.answer(0, &["jobs", "list"]);
        let shown = stage.shown(&run);
        if !shown["account"].is_null() || begun.elapsed() > PATIENCE {
            break shown;
        }
    };
    keeper.kill().expect("it is alive");
    keeper.wait().expect("it ended");
    assert_eq!(shown["account"]["entries"].as_u64(), Some(1), "{shown:#}");
}

/// Writes what a project may draw in a year into the sites file.
fn set_budget(stage: &Stage, energy_kwh: &str) {
    let file = stage.folder().join("sites.toml");
    let text = fs::read_to_string(&file).expect("readable");
    let stem = "[[budget]]\nproject = \"small\"";
    let others = text.split(stem).next().unwrap_or_default();
    let text = format!("{others}{stem}\nenergy_kwh = {energy_kwh}\naction = \"hold\"\n");
    fs::write(file, text).expect("written");
}

/// Hands over a job that begins in so many hours of the grid's time, and lets its budget shrink; `None` where it began
/// before that was seen, and was ended.
fn hold_before_it_begins(stage: &Stage, hours: i64) -> Option<(String, Value)> {
    set_budget(stage, "1");
    let (release, deadline) = (format!("schedule.release={}", stage.in_hours(hours)), stage.in_hours(hours + 10));
    let run = stage.submit(0, &["--project", "small", "--set", &release, "--deadline", &deadline]);
    stage.answer(0, &["keep", "--once"]);
    let waits = stage.shown(&run)["phase"] == "waiting";
    set_budget(stage, "0.0000001");
    stage.answer(0, &["keep", "--once"]);
    stage.answer(0, &["keep", "--once"]);
    let held = stage.shown(&run);
    if waits && held["phase"] == "held" {
        return Some((run, held));
    }
    assert_ne!(held["phase"], "waiting", "a budget is not heeded: {held:#}");
    stage.answer(0, &["jobs", "cancel", &run, "--why", "it began too soon"]);
    stage.keep_until_accounted(&run);
    _ = fs::remove_file(stage.folder().join("log"));
    None
}

/// A job that waits in its engine, whose budget shrinks, and which somebody lets go.
fn hold_and_let_go(stage: &Stage) {
    // Two hours are four seconds, which is enough unless a machine is very slow.
    let found = [2, 10, 40].into_iter().find_map(|hours| hold_before_it_begins(stage, hours));
    let (run, held) = found.expect("eighty seconds are enough for anybody");
    assert_eq!(held["over_budget"]["held"].as_bool(), Some(true), "{held:#}");
    assert!(!held["engine_id"].is_null(), "it is held in its engine");
    let holds = |shown: &Value| {
        let steps = shown["steps"].as_array().expect("a list");
        steps.iter().filter(|row| row["step"] == "hold" && row["outcome"] == "done").count()
    };
    assert_eq!(holds(&held), 1, "{held:#}");
    let listed = stage.answer(0, &["jobs", "list"]);
    assert!(listed.contains("holds 1 of its runs"), "{listed}");
    let text = stage.answer(0, &["jobs", "show", &run]);
    assert!(text.contains("held: project small has a budget of 0.0000001 kWh energy for"), "{text}");
    stage.answer(0, &["jobs", "release", &run, "--why", "the board said yes"]);
    stage.answer(0, &["keep", "--once"]);
    let gone = stage.shown(&run);
    assert_ne!(gone["phase"], "held", "{gone:#}");
    assert!(gone["let_go"].as_str().is_some_and(|words| words.ends_with(": the board said yes")), "{gone:#}");
    let shown = stage.keep_until_accounted(&run);
    assert_eq!((shown["phase"].as_str(), stage.log().as_str()), (Some("done"), "start\nend\n"), "{shown:#}");
    fs::remove_file(stage.folder().join("log")).expect("it is there");
}

#[test]
fn a_waiting_job_is_held_in_its_engine_where_its_budget_shrinks() {
    hold_and_let_go(&on_this_machine());
}

#[test]
fn a_job_that_is_held_goes_by_itself_when_another_has_drawn_less_than_was_expected() {
    let stage = on_this_machine();
    // Four accelerators at 700 W are expected to draw 0.037 kWh in their forty seconds; a shell script ends after three
    // and draws far less, whatever machine it is on.
    set_budget(&stage, "0.06");
    let large = ["--project", "small", "--count", "4", "--hours", "20", "--set", "machine.mean_power_w=700"];
    let first = stage.submit(0, &large);
    let second = stage.submit(7, &large);
    let shown = stage.keep_until_accounted(&first);
    assert_eq!(shown["phase"], "done", "{shown:#}");
    let shown = stage.keep_until_accounted(&second);
    assert_eq!(shown["phase"], "done", "{shown:#}");
    let told = shown["events"].to_string();
    assert!(told.contains("let go: the budget of its project has room for it"), "{told}");
}

#[test]
fn a_job_that_no_site_can_take_and_a_script_that_cannot_be_kept_are_refused() {
    let stage = on_this_machine();
    let told = stage.answer(5, &["submit", "job.toml", "--count", "64", "--deadline", "48h", "--", "true"]);
    assert!(told.contains("east has 4 accelerators"), "{told}");
    fs::write(stage.folder().join("a.sbatch"), "#!/bin/sh\n#SBATCH --array=1-4\ntrue\n").expect("written");
    let told = stage.answer(2, &["hint", "a.sbatch", "--deadline", "48h"]);
    assert!(told.contains("a.sbatch:2: `--array` cannot be planned"), "{told}");
    let told = stage.answer(2, &["jobs", "show", "nothing"]);
    assert!(told.contains("there is no run `nothing`"), "{told}");
}

/// The clusters, for as long as it lives.
struct Clusters {
    folder: tempfile::TempDir,
    /// Dropped at the end of the test, which calls the watch off.
    _over: std::sync::mpsc::Sender<()>,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/slurm-two-sites.sh")
}

/// The script on a folder, which ends in its own time or is ended; what it started does not hold us up.
fn cluster_script(act: &str, folder: &Path, more: &[&str]) -> Result<(), String> {
    let said = tempfile::tempfile().expect("a file");
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "100"]).arg(script()).arg(act).arg(folder).args(more);
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone().expect("a second handle"))
        .status()
        .map_err(|error| format!("`timeout`: {error}"))?;
    let mut words = String::new();
    let mut said = said;
    said.rewind().and_then(|()| said.read_to_string(&mut words)).map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{status}: {}", words.trim())) }
}

/// Why the clusters cannot be started here.
fn obstacle() -> Option<String> {
    let has = |program: &str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        found.is_ok_and(|found| found.status.success())
    };
    if !rustix::process::getuid().is_root() {
        return Some("it needs root".to_owned());
    }
    if !["slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd"].iter().all(|program| has(program)) {
        return Some("Slurm and MariaDB are not installed: `scripts/slurm-two-sites.sh install`".to_owned());
    }
    if Command::new("timeout").args(["5", "munge", "-n"]).output().is_ok_and(|said| said.status.success()) {
        return Some("a munged runs already that is not ours".to_owned());
    }
    let taken = [6817, 6827, 6819, 33061].into_iter().find(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
    taken.map(|port| format!("port {port} is in use"))
}

impl Clusters {
    fn start() -> Option<Self> {
        let skipped = |reason: &str| eprintln!("SKIPPED: two real Slurm clusters: {reason}");
        if let Some(reason) = obstacle() {
            skipped(&reason);
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (sender, over) = channel();
        let below = folder.path().to_owned();
        thread::spawn(move || {
            if over.recv_timeout(MOST_OF_CLUSTERS) == Err(RecvTimeoutError::Timeout) {
                eprintln!("two real Slurm clusters: the test hangs, and is ended");
                _ = cluster_script("stop", &below, &[]);
                std::process::exit(101);
            }
        });
        let clusters = Self { folder, _over: sender };
        // What cannot be started here says nothing of Greenwich.
        cluster_script("start", clusters.folder.path(), &[]).map_err(|words| skipped(&words)).ok()?;
        Some(clusters)
    }

    fn restart_controller(&self, site: &str) {
        cluster_script("restart-ctld", self.folder.path(), &[site]).expect("it comes back");
    }
}

impl Clusters {
    fn wait_until_in_step(&self) {
        let conf = self.folder.path().join("east/slurm.conf");
        let is_in_step = |site: &str| {
            let mut command = Command::new("scontrol");
            let said = command.env("SLURM_CONF", &conf).args(["-M", site, "show", "federation"]).output();
            String::from_utf8_lossy(&said.expect("scontrol is there").stdout).contains("Synced:Yes")
        };
        let begun = Instant::now();
        while !["east", "west"].into_iter().all(is_in_step) {
            assert!(begun.elapsed() < PATIENCE, "the federation does not come into step again");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        _ = cluster_script("stop", self.folder.path(), &[]);
    }
}

/// Of two nodes one takes no work: a job that can do with one starts on it.
fn an_elastic_job_starts_on_the_nodes_that_there_are(stage: &Stage) {
    let conf = stage.slurm_conf.as_ref().expect("it is Slurm");
    let control = |words: &[&str]| {
        let output = Command::new("scontrol").env("SLURM_CONF", conf).args(words).output().expect("scontrol is there");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    control(&["-M", "west", "update", "nodename=w2", "state=drain", "reason=trial"]);
    let run = stage.submit(0, &["--count", "4", "--nodes", "1-2"]);
    let shown = stage.keep_until_accounted(&run);
    let number = shown["engine_id"].as_str().and_then(|id| id.strip_suffix(";west")).expect("it was at west");
    let told = control(&["-M", "west", "show", "job", number]);
    assert!(told.contains("NumNodes=1 ") && told.contains("gpu:h100:2"), "{told}");
    assert_eq!(shown["phase"], "done", "{shown:#}");
    control(&["-M", "west", "update", "nodename=w2", "state=resume"]);
}

#[test]
fn on_two_real_slurm_clusters_a_job_goes_where_it_is_clean_and_a_drained_site_is_left() {
    let Some(clusters) = Clusters::start() else { return };
    let conf = clusters.folder.path().join("east/slurm.conf");
    let backend = "backend = \"slurm\"\ncluster = \"NAME\"\npartition = \"train\"\ngres = \"h100\"\nper_node = 8\n\
                   pause = \"suspend\"\noptions = [\"--mem=20M\"]";
    let stage = Stage::new(backend, Some(conf.clone()));
    let examined = stage.run(&["doctor", "--sites", "sites.toml", "--format", "json"]);
    let examined: Value = serde_json::from_slice(&examined.stdout).expect("one JSON document");
    let slurm = &examined["engines"][1];
    assert_eq!(
        (slurm["state"].as_str(), slurm["sites"][1]["accelerators"].as_u64()),
        (Some("ready"), Some(16)),
        "{slurm:#}"
    );
    assert!(
        slurm["says"].to_string().contains("east and west: waiting jobs are moved by the federation `globe`"),
        "{slurm:#}"
    );
    assert!(slurm["version"].as_str().is_some_and(|version| version.starts_with("slurm")), "{slurm:#}");
    let first = stage.submit(0, &[]);
    assert_eq!(stage.shown(&first)["site"], "west");
    // A guard that somebody killed left behind: it guards no pause, and a look takes it away.
    let at = |program: &str| {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &conf).arg("--clusters=west");
        command
    };
    let state = stage.folder().canonicalize().expect("it is there").join("ledger/keeper/slurm");
    let comment = format!("--comment=greenwich-guard:1:{}", state.display());
    let words = ["--begin=now+1hour", "--job-name=idle", "--output=/dev/null", "--wrap=true"];
    assert!(at("sbatch").args(words).arg(comment).status().expect("sbatch is there").success());
    let idle = || {
        let output = at("squeue").args(["--noheader", "--name=idle", "--states=PENDING", "--format=%i"]).output();
        String::from_utf8(output.expect("squeue is there").stdout).expect("UTF-8").lines().count()
    };
    assert_eq!(idle(), 1);
    stage.answer(0, &["keep", "--once"]);
    assert_eq!(idle(), 0, "nothing that outlives its pause is left");
    // The controller goes and comes back: nothing is lost.
    clusters.restart_controller("west");
    let shown = stage.keep_until_accounted(&first);
    assert_eq!((shown["phase"].as_str(), stage.log().as_str()), (Some("done"), "start\nend\n"), "{shown:#}");
    assert!(shown["engine_id"].as_str().is_some_and(|id| id.ends_with(";west")), "{shown:#}");
    assert!(shown["account"]["it_energy_j"].as_f64().is_some_and(|joules| joules > 0.0), "{shown:#}");
    // A job that waits at a site that is drained goes to the other one, once they hear each other again.
    clusters.wait_until_in_step();
    let late = ["--set", "schedule.release=2026-06-01T10:00:00Z", "--deadline", "2026-06-04T22:00:00Z"];
    let second = stage.submit(0, &late);
    let site = stage.shown(&second)["site"].as_str().expect("it is handed over").to_owned();
    assert_eq!(site, "east");
    let drained = Command::new("scontrol")
        .env("SLURM_CONF", &conf)
        .args(["-M", &site, "update", "nodename=e[1-2]", "state=drain", "reason=trial"])
        .status();
    assert!(drained.expect("scontrol is there").success());
    let shown = stage.keep_until_accounted(&second);
    assert_eq!(shown["phase"], "done", "{shown:#}");
    assert_ne!(shown["site"].as_str(), Some(site.as_str()), "{shown:#}");
    let steps = shown["steps"].as_array().expect("a list");
    let moved = steps.iter().any(|row| row["step"]["move"]["site"] == "west" && row["outcome"] == "done");
    assert!(moved && shown["attempt"] == 1, "the federation moved it, and it stayed the same job: {shown:#}");
    assert!(shown["engine_id"].as_str().is_some_and(|id| id.ends_with(";west")), "{shown:#}");
    assert_eq!(stage.log(), "start\nend\nstart\nend\n", "each ran once");
    an_elastic_job_starts_on_the_nodes_that_there_are(&Stage::new(backend, Some(conf.clone())));
    hold_and_let_go(&Stage::new(backend, Some(conf)));
}
