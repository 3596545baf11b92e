//! `greenwich simulate`: policies side by side on past hours.
//!
//! In: the arguments. Out: a table or JSON on stdout, and the files that were asked for, written when all is done. On a
//! terminal a bar says how far it is and when it will be done; SIGINT and SIGTERM end it before anything is written.

use crate::arguments::{Common, FillName, Format, SimulateArguments};
use crate::forecast::{instant, signal};
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::Fill;
use greenwich::report::figures;
use greenwich::simulating::{Charges, JobSource, Progress, SimulateOptions, Simulated, TraceRules, simulate};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The bar is drawn anew at most so often.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// Simulates.
pub(crate) fn run(asked: &SimulateArguments, common: &Common) -> Result<Answer, Failure> {
    let options = options(asked)?;
    for file in asked.out.iter().chain(&asked.jobs_out) {
        _ = form(file)?;
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let by = Arc::new(AtomicUsize::new(0));
    for number in [SIGINT, SIGTERM] {
        let failed = |error: std::io::Error| Failure::usage(&format!("signals cannot be heeded: {error}"), "try again");
        signal_hook::flag::register(number, Arc::clone(&stopped)).map_err(failed)?;
        signal_hook::flag::register_usize(number, Arc::clone(&by), number as usize).map_err(failed)?;
    }
    let bar = Bar::new(common);
    let tell = |progress: Progress| {
        bar.show(progress);
        !stopped.load(Ordering::Relaxed)
    };
    let found = simulate(&options, &tell);
    bar.end();
    let Some(found) = found?.filter(|_| !stopped.load(Ordering::Relaxed)) else {
        return Err(Failure::stopped(by.load(Ordering::Relaxed)));
    };
    for file in &asked.out {
        terminal::write_file(file, table(&found, file, Rows::Policies)?)?;
    }
    for file in &asked.jobs_out {
        terminal::write_file(file, table(&found, file, Rows::Jobs)?)?;
    }
    if let Some(file) = &asked.report {
        terminal::write_file(file, found.html())?;
    }
    if common.format == Format::Json {
        if !common.quiet {
            for warning in &found.warnings {
                terminal::say(&format!("warning: {warning}"));
            }
        }
        return Ok(terminal::pretty(&found.json()).into());
    }
    Ok(found.text(style(common)).into())
}

enum Rows {
    Policies,
    Jobs,
}

enum Form {
    Csv,
    Json,
    Parquet,
}

fn form(file: &Path) -> Result<Form, Failure> {
    match file.extension().and_then(|end| end.to_str()) {
        Some("csv") => Ok(Form::Csv),
        Some("json") => Ok(Form::Json),
        Some("parquet") => Ok(Form::Parquet),
        _ => Err(Failure::usage(
            &format!("`{}` does not say its form", file.display()),
            "let its name end in .csv, .json or .parquet",
        )),
    }
}

fn table(found: &Simulated, file: &Path, rows: Rows) -> Result<Vec<u8>, Failure> {
    Ok(match (form(file)?, rows) {
        (Form::Csv, Rows::Policies) => found.policies_csv(),
        (Form::Csv, Rows::Jobs) => found.jobs_csv(),
        (Form::Json, Rows::Policies) => terminal::pretty(&found.json()).into_bytes(),
        (Form::Json, Rows::Jobs) => terminal::pretty(&found.jobs_json()).into_bytes(),
        (Form::Parquet, Rows::Policies) => found.policies_parquet()?,
        (Form::Parquet, Rows::Jobs) => found.jobs_parquet()?,
    })
}

fn options(asked: &SimulateArguments) -> Result<SimulateOptions, Failure> {
    let amounts = [
        ("--transfer-kwh-per-gb", asked.transfer_kwh_per_gb),
        ("--miss-g", asked.miss_g),
        ("--restart-minutes", asked.restart_minutes),
        ("--trace-from-h", asked.trace_from_h),
        ("--effort", asked.effort),
    ];
    if let Some((flag, amount)) = amounts.into_iter().find(|(_, amount)| !(0.0..1e9).contains(amount)) {
        return Err(Failure::usage(&format!("{flag} `{amount}` is out of range"), "give a number of 0 or more"));
    }
    if let Some(share) = asked.utilisation.iter().find(|share| !(0.01..=10.0).contains(*share)) {
        let found = format!("--utilisation `{share}` is out of range");
        return Err(Failure::usage(&found, "give shares such as 0.5,0.77,0.9"));
    }
    if asked.every == 0 || 24 % asked.every != 0 {
        let found = format!("--every `{}` is no divisor of 24", asked.every);
        return Err(Failure::usage(&found, "give 1, 2, 3, 4, 6, 8, 12 or 24"));
    }
    let shares = [("--interruptible", asked.interruptible), ("--movable", asked.movable), ("--elastic", asked.elastic)];
    if let Some((flag, share)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
        return Err(Failure::usage(&format!("{flag} `{share}` is no share"), "give a number from 0 to 1"));
    }
    if !(asked.power_w > 0.0 && asked.power_w < 1e9) {
        let found = format!("--power-w `{}` is no power", asked.power_w);
        return Err(Failure::usage(&found, "give watts per accelerator, for example --power-w 700"));
    }
    let jobs = match (&asked.trace, &asked.jobs) {
        (Some(file), _) => JobSource::Trace(
            file.clone(),
            TraceRules {
                from_h: asked.trace_from_h,
                hours: asked.hours,
                slack_h: asked.slack,
                interruptible: asked.interruptible,
                movable: asked.movable,
                elastic: asked.elastic,
                speedup: asked.speedup.clone().map_or(Vec::new(), |speedup| speedup.0),
                power_w: asked.power_w,
                longest_h: asked.longest,
                largest: asked.largest.unwrap_or(u32::MAX),
                most_jobs: asked.most_jobs.unwrap_or(usize::MAX),
                seed: asked.seed,
            },
        ),
        (None, file) => JobSource::Jobs(file.clone().unwrap_or_default()),
    };
    Ok(SimulateOptions {
        jobs,
        sites: asked.sites.clone(),
        signals: asked.signals.clone(),
        start: instant("--start", &asked.start)?,
        hours: asked.hours,
        signal: signal(asked.signal),
        fill: match asked.fill {
            FillName::Refuse => Fill::Refuse,
            FillName::Hold => Fill::Hold,
            FillName::Mean => Fill::Mean,
        },
        method: asked.forecast,
        every: asked.every,
        utilisation: asked.utilisation.clone(),
        policies: if asked.policies.is_empty() {
            greenwich::simulating::PolicyKind::ALL.to_vec()
        } else {
            asked.policies.clone()
        },
        charges: Charges {
            transfer_kwh_per_gb: asked.transfer_kwh_per_gb,
            miss_g: asked.miss_g,
            restart_minutes: asked.restart_minutes,
        },
        effort: asked.effort,
        bound: asked.bound,
        seed: asked.seed,
        threads: asked.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), |count| count as usize),
    })
}

/// How far it is, on the terminal's last line; nothing where stderr is none.
struct Bar(Option<Mutex<Drawn>>);

struct Drawn {
    phase: &'static str,
    begun: Instant,
    last: Option<Instant>,
}

impl Bar {
    fn new(common: &Common) -> Self {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let shown = !common.quiet && !is_dumb && stderr().is_terminal();
        Self(shown.then(|| Mutex::new(Drawn { phase: "", begun: Instant::now(), last: None })))
    }

    fn show(&self, progress: Progress) {
        // Whoever finds another at it leaves it to him.
        let Some(Ok(mut drawn)) = self.0.as_ref().map(Mutex::try_lock) else { return };
        let now = Instant::now();
        if drawn.phase != progress.phase {
            (drawn.phase, drawn.begun) = (progress.phase, now);
        } else if drawn.last.is_some_and(|last| now - last < DRAWN_EVERY) {
            return;
        }
        drawn.last = Some(now);
        let share = progress.done as f64 / progress.of.max(1) as f64;
        let text = figures::cut(&line(progress.phase, share, now - drawn.begun), terminal::width().saturating_sub(1));
        _ = write!(stderr(), "\r\x1b[2K{text}");
    }

    fn end(&self) {
        if let Some(Ok(drawn)) = self.0.as_ref().map(Mutex::lock)
            && drawn.last.is_some()
        {
            _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}

/// `replaying ████████░░░░░░░░  52 %  1 min 12 s left`
fn line(phase: &str, share: f64, since: Duration) -> String {
    const CELLS: usize = 24;
    let share = share.clamp(0.0, 1.0);
    let full = (share * CELLS as f64) as usize;
    let bar = "█".repeat(full) + &"░".repeat(CELLS - full);
    let left = if share > 0.02 {
        format!("{} left", figures::ticking(since.as_secs_f64() * (1.0 - share) / share))
    } else {
        String::new()
    };
    format!("{phase:<12} {bar} {:>3.0} %  {left}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_long_is_left() {
        assert_eq!(
            line("replaying", 0.5, Duration::from_secs(90)),
            "replaying    ████████████░░░░░░░░░░░░  50 %  1 min 30 s left"
        );
        assert_eq!(line("foretelling", 0.0, Duration::ZERO), "foretelling  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %  ");
    }
}
