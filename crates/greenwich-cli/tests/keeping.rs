//! Jobs handed over and kept by the real program: on this machine always, on two real Slurm clusters where they can be
//! started.
//!
//! In: a folder with sites, a grid whose clean hours are known, jobs. Out: plans, states, accounts. Time is compressed by
//! `--time-scale`; nothing is asserted on how long anything takes.

#[path = "rig/mod.rs"]
mod rig;

use rig::Rig;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A test that hangs fails after this.
const PATIENCE: Duration = Duration::from_secs(240);
const ORIGIN: &str = "2026-06-01T00:00:00Z";

struct Stage {
    rig: Rig,
    slurm_conf: Option<PathBuf>,
}

impl Stage {
    fn new(backend: &str, slurm_conf: Option<PathBuf>) -> Self {
        let stage = Self { rig: Rig::new(), slurm_conf };
        let folder = stage.folder();
        fs::create_dir(folder.join("grid")).expect("a folder");
        for (zone, clean) in [("DE", 60..90), ("FR", 2..6)] {
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

    fn submit(&self, status: i32, more: &[&str]) -> String {
        let words = ["submit", "job.toml", "--quiet", "--time-scale", "1800", "--origin", ORIGIN];
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
            std::thread::sleep(Duration::from_millis(200));
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
    let text = stage.answer(0, &["jobs", "show", "kept"]);
    assert!(text.contains("At home") && text.contains("hand over to west"), "{text}");
}

const ORIGIN_END: &str = "2026-06-02T12:00:00Z";

#[test]
fn a_budget_holds_a_run_until_somebody_lets_it_go_and_says_why() {
    let stage = on_this_machine();
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
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/slurm-two-sites.sh")
}

impl Clusters {
    fn start() -> Option<Self> {
        let has = |program: &str| {
            Command::new("sh")
                .args(["-c", &format!("command -v {program}")])
                .output()
                .is_ok_and(|found| found.status.success())
        };
        let is_root = rustix::process::getuid().is_root();
        let reason = if !is_root {
            "it needs root"
        } else if !["slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd"].iter().all(|program| has(program)) {
            "Slurm and MariaDB are not installed: `scripts/slurm-two-sites.sh install`"
        } else if Command::new("pgrep").args(["-x", "munged"]).output().is_ok_and(|found| found.status.success()) {
            "a munged runs already that is not ours"
        } else {
            let folder = tempfile::tempdir().expect("a folder");
            let started = Command::new(script()).arg("start").arg(folder.path()).output().expect("the script runs");
            let clusters = Self { folder };
            let words = String::from_utf8_lossy(&started.stderr).into_owned();
            assert!(started.status.success(), "{words}");
            return Some(clusters);
        };
        eprintln!("SKIPPED: two real Slurm clusters: {reason}");
        None
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        _ = Command::new(script()).arg("stop").arg(self.folder.path()).status();
    }
}

#[test]
fn on_two_real_slurm_clusters_a_job_goes_where_it_is_clean_and_a_drained_site_is_left() {
    let Some(clusters) = Clusters::start() else { return };
    let conf = clusters.folder.path().join("east/slurm.conf");
    let backend = "backend = \"slurm\"\ncluster = \"NAME\"\npartition = \"train\"\ngres = \"h100\"\nper_node = 8\n\
                   pause = \"suspend\"\noptions = [\"--mem=20M\"]";
    let stage = Stage::new(backend, Some(conf.clone()));
    let first = stage.submit(0, &[]);
    assert_eq!(stage.shown(&first)["site"], "west");
    // The controller goes and comes back: nothing is lost.
    let restarted = Command::new(script()).arg("restart-ctld").arg(clusters.folder.path()).arg("west").status();
    assert!(restarted.expect("the script runs").success());
    let shown = stage.keep_until_accounted(&first);
    assert_eq!((shown["phase"].as_str(), stage.log().as_str()), (Some("done"), "start\nend\n"), "{shown:#}");
    assert!(shown["engine_id"].as_str().is_some_and(|id| id.ends_with(";west")), "{shown:#}");
    assert!(shown["account"]["it_energy_j"].as_f64().is_some_and(|joules| joules > 0.0), "{shown:#}");
    // A job that waits at a site that is drained goes to the other one.
    let second = stage.submit(0, &["--deadline", "2026-06-04T22:00:00Z"]);
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
    assert_eq!(stage.log(), "start\nend\nstart\nend\n", "each ran once");
}
