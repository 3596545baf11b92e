//! `cargo xtask eval keeper`: kills the keeper at random moments of runs with pauses, and counts what became of them.
//!
//! In: the program by `--bin`, else a debug build; `--kills N`; `--slurm DIR` for two real clusters of
//! `scripts/slurm-two-sites.sh` that run below DIR, else this machine's own engine. Out: one line a figure on standard
//! error. Each job writes a line when it starts and one when it ends, so that a job that ran twice shows.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: cargo xtask eval keeper [--kills N] [--bin FILE] [--slurm DIR]";
/// An hour of the grid's time lasts two seconds.
const SCALE: &str = "1800";
const ORIGIN: &str = "2026-06-01T00:00:00Z";
/// Jobs that are open at a time.
const JOBS: usize = 4;
/// What is not over by then is lost.
const PATIENCE: Duration = Duration::from_secs(300);

struct Stage {
    folder: tempfile::TempDir,
    bin: PathBuf,
    slurm_conf: Option<PathBuf>,
    /// The state of the generator of moments.
    lot: u64,
}

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (mut kills, mut bin, mut slurm) = (200_u32, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value\n{USAGE}"));
        match *word {
            "--kills" => kills = value()?.parse()?,
            "--bin" => bin = Some(PathBuf::from(value()?)),
            "--slurm" => slurm = Some(PathBuf::from(value()?)),
            _ => bail!("{USAGE}"),
        }
    }
    let bin = bin.map_or_else(build, Ok)?;
    let slurm_conf = slurm.map(|folder| folder.join("east/slurm.conf"));
    let mut stage = Stage { folder: tempfile::tempdir()?, bin, slurm_conf, lot: 0x9e37_79b9_7f4a_7c15 };
    stage.set_up()?;
    // What broke a law is kept to be looked at.
    stage.play(kills).inspect_err(|_| stage.folder.disable_cleanup(true))
}

fn build() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "-p", "greenwich-cli"]).status()?;
    ensure!(status.success(), "the build failed");
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.target_directory.as_std_path().join("debug/greenwich"))
}

impl Stage {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sites, a grid whose clean hours come every third one, and a job of six hours that may pause.
    fn set_up(&self) -> Result<()> {
        let grid = self.path().join("grid");
        fs::create_dir(&grid)?;
        for (zone, shift) in [("DE", 0), ("FR", 1)] {
            let mut text = "utc,gco2e_per_kwh\n".to_owned();
            for hour in 0..2400_i32 {
                let stamp = ORIGIN.replace("01T00", &format!("{:02}T{:02}", 1 + hour / 24 % 30, hour % 24));
                let stamp = stamp.replacen("06", &format!("{:02}", 6 + hour / 720), 1);
                let grams = if (hour + shift) % 3 == 0 { 50 } else { 500 };
                _ = writeln!(text, "{stamp},{grams}");
            }
            fs::write(grid.join(format!("{zone}.csv")), text)?;
        }
        let backend = |cluster: &str| match &self.slurm_conf {
            Some(_) => format!(
                "backend = \"slurm\"\ncluster = \"{cluster}\"\npartition = \"train\"\ngres = \"h100\"\nper_node = 8\n\
                 pause = \"suspend\"\noptions = [\"--mem=20M\"]"
            ),
            None => "backend = \"local\"".to_owned(),
        };
        let mut sites = "schema = \"greenwich.sites/1\"\nsignals = \"grid\"\n".to_owned();
        if let Some(conf) = &self.slurm_conf {
            _ = writeln!(sites, "slurm_conf = {:?}", conf.display().to_string());
        }
        for (site, zone) in [("east", "DE"), ("west", "FR")] {
            _ = writeln!(
                sites,
                "[[site]]\nname = \"{site}\"\nzone = \"{zone}\"\npue = 1.2\naccelerators = 16\n{}",
                backend(site)
            );
        }
        fs::write(self.path().join("sites.toml"), sites)?;
        let job = "schema = \"greenwich.job/1\"\nname = \"killed\"\n[machine]\naccelerator = \"h100-sxm5-80g\"\ncount = 1\n\
                   hours = 3\nmean_power_w = 300\n[schedule]\nrelease = 2026-06-01T00:00:00Z\n\
                   deadline = 2026-08-20T00:00:00Z\ninterruptible = true\ncheckpoint_minutes = 0.1\nrestart_minutes = 0.1\n";
        fs::write(self.path().join("job.toml"), job)?;
        // Six seconds of work, however often it stands still.
        let script = "#!/bin/sh\necho \"$1 start\" >>\"$2\"\ni=0\nwhile [ \"$i\" -lt 30 ]; do i=$((i + 1)); sleep 0.2; done\n\
                      echo \"$1 end\" >>\"$2\"\n";
        fs::write(self.path().join("work.sh"), script)?;
        Ok(())
    }

    fn program(&self) -> Command {
        let mut command = Command::new(&self.bin);
        let home = self.path().join("home");
        command
            .current_dir(self.path())
            .env("GREENWICH_HOME", home)
            .env("GREENWICH_SITES", self.path().join("sites.toml"));
        command.env("XDG_CONFIG_HOME", self.path()).env("XDG_RUNTIME_DIR", self.path());
        if let Some(conf) = &self.slurm_conf {
            command.env("SLURM_CONF", conf);
        }
        command
    }

    fn submit(&self, index: usize) -> Result<String> {
        let log = self.path().join("log").display().to_string();
        let script = self.path().join("work.sh").display().to_string();
        let name = format!("job-{index}");
        let mut command = self.program();
        // Leases of its own: of jobs that share a machine one alone would be metered, as it should be.
        let own = self.path().join(format!("leases-{index}"));
        fs::create_dir(&own)?;
        command.env("XDG_RUNTIME_DIR", own);
        command.args(["submit", "job.toml", "--quiet", "--set", &format!("name={name}"), "--deadline", "20h"]);
        command.args(["--time-scale", SCALE, "--origin", ORIGIN, "--", "sh", &script, &name, &log]);
        let output = command.output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "submit: {:?}: {words}", output.status);
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn keeper(&self) -> Result<Child> {
        let mut command = self.program();
        command.args(["keep", "--every", "100ms", "--quiet"]);
        Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let output = self.program().args(words).args(["--format", "json", "--quiet"]).output()?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn open(&self) -> Result<usize> {
        Ok(self.json(&["jobs", "list"])?["jobs"].as_array().map_or(0, Vec::len))
    }

    fn unaccounted(&self, runs: &[String]) -> Result<bool> {
        for run in runs.iter().rev() {
            if self.json(&["jobs", "show", run])?["account"].is_null() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A moment from 50 ms to 2.05 s, by xorshift.
    fn moment(&mut self) -> Duration {
        self.lot ^= self.lot << 13;
        self.lot ^= self.lot >> 7;
        self.lot ^= self.lot << 17;
        Duration::from_millis(50 + self.lot % 2000)
    }

    fn play(&mut self, kills: u32) -> Result<()> {
        let (mut runs, mut killed) = (Vec::new(), 0);
        let begun = Instant::now();
        while killed < kills {
            while self.open()? < JOBS {
                runs.push(self.submit(runs.len())?);
            }
            let mut keeper = self.keeper()?;
            thread::sleep(self.moment());
            if keeper.try_wait()?.is_none() {
                keeper.kill()?;
                killed += 1;
            }
            keeper.wait()?;
        }
        let mut keeper = self.keeper()?;
        let asked = Instant::now();
        // Accounts are closed some looks after the end, when the meter's entry is there.
        while (self.open()? > 0 || self.unaccounted(&runs)?) && asked.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(500));
        }
        keeper.kill()?;
        keeper.wait()?;
        self.tell(&runs, killed, begun.elapsed())
    }

    fn tell(&self, runs: &[String], killed: u32, lasted: Duration) -> Result<()> {
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
        for line in log.lines() {
            *lines.entry(line).or_default() += 1;
        }
        let (mut lost, mut twice, mut entries) = (0, 0, BTreeMap::<String, u32>::new());
        let (mut steps, mut pauses, mut moves) = (0, 0, 0);
        let (mut summed_j, mut late, mut unaccounted) = (0.0, 0, 0);
        for (index, run) in runs.iter().enumerate() {
            let count = |word: &str| lines.get(format!("job-{index} {word}").as_str()).copied().unwrap_or(0);
            lost += u32::from(count("end") == 0);
            twice += u32::from(count("start") > 1);
            let shown = self.json(&["jobs", "show", run])?;
            let all = shown["steps"].as_array().cloned().unwrap_or_default();
            steps += all.len();
            pauses += all.iter().filter(|row| row["step"].get("pause").is_some()).count();
            moves += all.iter().filter(|row| row["step"].get("move").is_some() || row["step"] == "withdraw").count();
            late += u32::from(shown["ended"].as_str() > shown["deadline"].as_str());
            match shown["account"]["it_energy_j"].as_f64() {
                Some(joules) => summed_j += joules,
                None => unaccounted += 1,
            }
        }
        let ledger = self.json(&["ledger", "list"])?;
        let mut ledger_j = 0.0;
        for entry in ledger["runs"].as_array().context("a list of entries")? {
            ledger_j += entry["it_energy_j"].as_f64().unwrap_or(0.0);
            let run = entry["tags"]["greenwich_run"].as_str().unwrap_or("of no run").to_owned();
            *entries.entry(run).or_default() += 1;
        }
        let on = if self.slurm_conf.is_some() { "two Slurm clusters" } else { "this machine's own engine" };
        eprintln!("engine                    {on}");
        eprintln!("keepers killed            {killed} in {:.0} s", lasted.as_secs_f64());
        eprintln!(
            "jobs                      {}; steps taken {steps}, of them pauses {pauses}, moves {moves}",
            runs.len()
        );
        eprintln!("jobs lost                 {lost}");
        eprintln!("jobs run twice            {twice}");
        eprintln!("jobs after their deadline {late}");
        eprintln!("jobs without an account   {unaccounted}");
        eprintln!("ledger entries            {} of {} runs", entries.values().sum::<u32>(), entries.len());
        eprintln!("energy, ledger / accounts {ledger_j:.3} J / {summed_j:.3} J");
        let differs = (ledger_j - summed_j).abs() > 1e-6 * ledger_j.max(1.0);
        if lost + twice + unaccounted > 0 || differs {
            let kept = fs::canonicalize(self.path())?;
            eprintln!("{log}");
            bail!("a law is broken: see {}", kept.display());
        }
        Ok(())
    }
}
