//! `cargo xtask eval plan`: how good fleet plans are, and what they cost.
//!
//! In: hourly signals by `--data`, and a release build, made here or given by `--bin`. Out: a table on standard
//! error, a row per size and seed: gap to the proven bound, CPU seconds with files read and written, memory, jobs a
//! second; with `--referee FILE` each plan is checked by that program; where HiGHS is built in (feature `highs`) what it makes
//! of the same files stands beside it. Nothing here is asserted.

mod extended;
#[cfg(feature = "highs")]
mod highs;
#[cfg(not(feature = "highs"))]
#[path = "eval_plan/without_highs.rs"]
mod highs;
mod instance;

use anyhow::{Context, Result, bail};
use greenwich_fleet::Options;
use instance::Instance;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const USAGE: &str =
    "usage: cargo xtask eval plan [--data DIR] [--bin FILE] [--referee FILE] [--jobs N[,N…]] [--seeds N]
                       [--instances DIR] [--keep DIR] [--with WHAT] [--highs-seconds N]
--data: a folder of <zone>.csv.gz, ../shared/data/grid where it is there; --seeds N: seeds 1 to N, 3 by default;
--instances: folders <jobs>-<seed> with jobs.csv and sites.csv instead of those made here;
--with: columns beyond the plain ones (data, restarts, kinds, sizes, cost, delay, quotas); each plan is then doubted by `plan verify`;
--highs-seconds: how long HiGHS may take for its relaxation and again for its plan, where it is built in; 60 by default";
/// Sizes by default; the largest has 30 sites, the others 10. From 5,000,000 jobs on there are 50.
const SIZES: [usize; 8] = [10, 30, 100, 300, 1000, 10_000, 100_000, 1_000_000];
/// As `greenwich plan` has them where nothing is said.
const OPTIONS: Options = Options { unplaced_penalty_g: 2000.0, effort: 1.0, threads: 1 };
const TRACES: &str = "../shared/data/grid";
const REFEREE: &str = "../shared/tools/plan_referee.py";

struct Setup {
    data: PathBuf,
    bin: PathBuf,
    referee: Option<PathBuf>,
    instances: Option<PathBuf>,
    with: Option<String>,
    folder: PathBuf,
    highs_seconds: f64,
}

/// Runs the sizes that were asked for.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (mut data, mut bin, mut referee, mut instances, mut keep, mut with) = (None, None, None, None, None, None);
    let (mut sizes, mut seeds, mut highs_seconds) = (SIZES.to_vec(), 3, 60.0);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().with_context(|| format!("{word} wants a value\n{USAGE}"));
        match *word {
            "--data" => data = Some(PathBuf::from(value()?)),
            "--bin" => bin = Some(PathBuf::from(value()?)),
            "--referee" => referee = Some(PathBuf::from(value()?)),
            "--instances" => instances = Some(PathBuf::from(value()?)),
            "--with" => with = Some(value()?.to_owned()),
            "--keep" => keep = Some(PathBuf::from(value()?)),
            "--jobs" => sizes = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--seeds" => seeds = value()?.parse()?,
            "--highs-seconds" => highs_seconds = value()?.parse()?,
            _ => bail!("{USAGE}"),
        }
    }
    sizes.sort_unstable();
    let data = data.unwrap_or_else(|| PathBuf::from(TRACES));
    if !data.is_dir() {
        eprintln!("skipped: no hourly signals in {}; name them by --data", data.display());
        return Ok(());
    }
    let referee = referee.or_else(|| Some(PathBuf::from(REFEREE)).filter(|file| file.is_file()));
    let folder = keep.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("eval-plan-{}", std::process::id())));
    let setup = Setup { data, bin: bin.map_or_else(build, Ok)?, referee, instances, with, folder, highs_seconds };
    fs::create_dir_all(&setup.folder)?;
    let heads =
        "| jobs | sites | seed | plan, kg | bound, kg | gap | saving | unplaced | CPU s | memory | jobs/s | referee |";
    let rule = "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |";
    eprintln!("{heads}{}\n{rule}{}", highs::HEADS, highs::RULE);
    for &jobs in &sizes {
        for seed in 1..=seeds {
            eprintln!("{}", row(&setup, jobs, seed)?);
        }
    }
    eprintln!("\n{}", highs::FOOT);
    if keep.is_none() {
        fs::remove_dir_all(&setup.folder)?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo).args(["build", "--release", "--package", "greenwich-cli"]).status()?;
    if !built.success() {
        bail!("the release build failed");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(target.join("release/greenwich"))
}

fn row(setup: &Setup, jobs: usize, seed: u64) -> Result<String> {
    let sites = match jobs {
        5_000_000.. => 50,
        1_000_000.. => 30,
        _ => 10,
    };
    let (mut options, mut quotas) = (Vec::new(), Vec::new());
    let folder = if let Some(instances) = &setup.instances {
        instances.join(format!("{jobs}-{seed}"))
    } else {
        let mut made = Instance::make(jobs, sites, seed);
        if let Some(with) = &setup.with {
            (made, options) = extended::add(made, with)?;
        }
        if !made.quotas.is_empty() {
            let file = setup.folder.join("quotas.csv");
            fs::write(&file, made.quotas)?;
            quotas.push(file);
        }
        fs::write(setup.folder.join("jobs.csv"), made.jobs)?;
        fs::write(setup.folder.join("sites.csv"), made.sites)?;
        setup.folder.clone()
    };
    let (jobs_file, sites_file) = (folder.join("jobs.csv"), folder.join("sites.csv"));
    let plan_file = setup.folder.join("plan.csv");
    let summary = setup.folder.join("summary.json");
    let certificate = setup.folder.join("certificate.json");
    let is_extended = setup.with.is_some();
    let before = cpu_seconds()?;
    let mut child = Command::new(&setup.bin)
        .args(["plan", "--format", "json", "--start", instance::START, "--hours", instance::HOURS_TEXT])
        .arg("--jobs")
        .arg(&jobs_file)
        .arg("--sites")
        .arg(&sites_file)
        .arg("--signals")
        .arg(&setup.data)
        .arg("--out")
        .arg(&plan_file)
        .args(options)
        .args(quotas.iter().flat_map(|file| ["--quotas".as_ref(), file.as_os_str()]))
        .args(if is_extended { vec!["--certificate".as_ref(), certificate.as_os_str()] } else { Vec::new() })
        .stdout(fs::File::create(&summary)?)
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot run {}", setup.bin.display()))?;
    // The most that it ever held, asked for while it runs: what children are remembered by includes the compiler's.
    let mut kib = 0;
    let status = loop {
        kib = most_memory_kib(child.id()).map_or(kib, |now| kib.max(now));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let seconds = cpu_seconds()? - before;
    if !status.success() {
        bail!("`greenwich plan` ended with {status}");
    }
    let mib = kib as f64 / 1024.0;
    let answer: Value = serde_json::from_slice(&fs::read(&summary)?)?;
    let percent = |key: &str| answer[key].as_f64().map_or("–".to_owned(), |share| format!("{:.3} %", share * 1e2));
    let judged = match &setup.referee {
        _ if is_extended => verify(setup, &certificate),
        Some(referee) => judge(setup, referee, &jobs_file, &sites_file, &plan_file, &summary),
        None => "not asked".to_owned(),
    };
    let kg = |key: &str| answer[key].as_f64().map_or("–".to_owned(), |mass| format!("{mass:.3}"));
    let beside = if is_extended {
        highs::none()
    } else {
        highs::cells(&jobs_file, &sites_file, &setup.data, &OPTIONS, setup.highs_seconds)?
    };
    Ok(format!(
        "| {jobs} | {sites} | {seed} | {} | {} | {} | {} | {} | {seconds:.2} | {mib:.0} MiB | {:.0} | {judged} |{beside}",
        kg("co2e_kg"),
        kg("lower_bound_co2e_kg"),
        percent("gap"),
        percent("saving_fraction"),
        answer["unplaced"],
        jobs as f64 / seconds,
    ))
}

fn most_memory_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

/// What `plan verify` says: it reads the files anew.
fn verify(setup: &Setup, certificate: &Path) -> String {
    match Command::new(&setup.bin).args(["plan", "verify"]).arg(certificate).output() {
        Ok(output) if output.status.success() => "verified".to_owned(),
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => format!("not asked: {error}"),
    }
}

fn judge(setup: &Setup, referee: &Path, jobs: &Path, sites: &Path, plan: &Path, summary: &Path) -> String {
    let asked = Command::new("python3")
        .arg(referee)
        .arg("--jobs")
        .arg(jobs)
        .arg("--sites")
        .arg(sites)
        .arg("--signals")
        .arg(&setup.data)
        .arg("--plan")
        .arg(plan)
        .arg("--summary")
        .arg(summary)
        .output();
    match asked {
        Ok(output) if output.status.success() => "agrees".to_owned(),
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => format!("not asked: {error}"),
    }
}

fn cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6)
}
