//! `greenwich wait`: holds a command until the cleanest hours before its deadline.
//!
//! In: a command, how long it runs, its deadline. Out: the command's own exit status, or 130 and 143 where SIGINT or
//! SIGTERM ended the wait: then nothing is started, and the same words go on with the same window. What was chosen
//! outlives us in a small file; what is missing lets the command begin at once and is said.

use crate::arguments::{Arguments, Command, Common, Format, RunArguments, WaitArguments, span};
use crate::forecast::{fetch, floor_second, folder, instant, past, signal};
use crate::home;
use crate::terminal::{self, Answer, Failure};
use clap::Parser as _;
use greenwich::forecasting::Known;
use greenwich::live::{Timestamp, ZoneId};
use greenwich::report::figures::{cut, ticking};
use greenwich::waiting::{self, Held, Hold, Kept};
use greenwich::{Greenwich, Settings, SignedDuration};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How soon a signal, or a clock that was set, is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) fn wait(asked: &WaitArguments, common: &Common) -> ExitCode {
    match begin(asked, common) {
        Ok(Some(answer)) => terminal::finish(Ok(answer)),
        Ok(None) if asked.meter => match metered(asked) {
            Ok(run) => crate::run::run(&run, common),
            Err(failure) => terminal::finish(Err(failure)),
        },
        Ok(None) => match waiting::launch(&asked.command) {
            Ok(ended) => ended.pass_on(),
            Err(error) => terminal::not_launched(&error),
        },
        Err(Stop::Failure(failure)) => terminal::finish(Err(failure)),
        Err(Stop::Signal(number)) => ExitCode::from((128 + number) as u8),
    }
}

/// The run of `greenwich run` with the same command and place, by its own defaults and settings.
fn metered(asked: &WaitArguments) -> Result<RunArguments, Failure> {
    let place = [("--zone", &asked.zone), ("--region", &asked.region)];
    let place = place.into_iter().filter_map(|(flag, value)| Some([flag.into(), OsString::from(value.as_ref()?)]));
    let signals = asked.past.signals.iter().map(|folder| ["--signals".into(), folder.clone().into_os_string()]);
    let words = ["greenwich", "run"].map(OsString::from).into_iter();
    let words = words.chain(place.chain(signals).flatten()).chain([OsString::from("--")]);
    let parsed = Arguments::try_parse_from(words.chain(asked.command.iter().cloned()));
    match parsed.map(|arguments| arguments.command) {
        Ok(Command::Run(run)) => Ok(run),
        Ok(_) => Err(Failure::usage("no command is given", "write it after `--`")),
        Err(error) => Err(Failure::usage(&error.to_string(), "write the command after `--`")),
    }
}

/// Why the command is not started.
enum Stop {
    Failure(Failure),
    Signal(i32),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Waits as long as is chosen. An answer is that of a dry run.
fn begin(asked: &WaitArguments, common: &Common) -> Result<Option<Answer>, Stop> {
    // Before anything that takes time, so that a signal is never lost.
    let mut signals = Signals::new(heeded()).ok();
    let now = floor_second(Timestamp::now());
    let deadline = deadline(&asked.deadline, now)?;
    let (settings, broken) = home::settings_with(&[]).map_err(Failure::from)?;
    let mut notices: Vec<String> =
        broken.into_iter().map(|words| format!("settings are passed over: {words}")).collect();
    let greenwich = Greenwich::load();
    let zone = zone(asked, &settings, &greenwich)?;
    let words: Vec<String> = asked.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let here = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
    let held = Held {
        id: asked.id.clone().unwrap_or_else(|| format!("{here}\n{}", words.join("\n"))),
        command: words,
        zone,
        signal: signal(asked.signal),
        run: SignedDuration::from_secs_f64(asked.hours * 3600.0),
        deadline_words: asked.deadline.clone(),
        deadline,
        by_typical: asked.typical,
    };
    let kept = Kept::new(&home::ledger_at(None, &settings).join("waits"), &held);
    let hold = kept.read(&held, now).unwrap_or_else(|| {
        let known = known(asked, common, &held, &greenwich, now, &mut notices);
        waiting::choose(&known, &held, now)
    });
    if !common.quiet {
        for notice in &notices {
            terminal::say(&format!("greenwich: {notice}"));
        }
    }
    if asked.dry_run {
        let json = common.format == Format::Json;
        let text =
            if json { terminal::pretty(&waiting::json(&held, &hold)) } else { format!("{}\n", words_of(&hold, now)) };
        return Ok(Some(text.into()));
    }
    if !common.quiet {
        terminal::say(&format!("greenwich: {}", words_of(&hold, now)));
    }
    if hold.start > now {
        if let Err(error) = kept.write(&held, &hold) {
            let words =
                format!("greenwich: a restart of this wait will choose anew, since it cannot be written: {error}");
            if !common.quiet {
                terminal::say(&words);
            }
        }
        stay(&hold, &held, signals.as_mut(), common)?;
    } else if let Some(number) = signals.as_mut().and_then(|signals| signals.pending().next()) {
        return Err(Stop::Signal(number));
    }
    kept.forget();
    Ok(None)
}

/// Sleeps until the start; a signal ends it.
fn stay(hold: &Hold, held: &Held, mut signals: Option<&mut Signals>, common: &Common) -> Result<(), Stop> {
    let mut line = Line::new(common);
    loop {
        if let Some(number) = signals.as_mut().and_then(|signals| signals.pending().next()) {
            line.end();
            if !common.quiet {
                terminal::say("greenwich: stopped before the command began; the same words go on with the same window");
            }
            return Err(Stop::Signal(number));
        }
        let left = hold.start.duration_since(Timestamp::now());
        if left <= SignedDuration::ZERO {
            line.end();
            return Ok(());
        }
        line.show(&format!(
            "▸ {} until {} UTC · {} · {}",
            ticking(left.as_secs_f64().ceil()),
            hold.start.strftime("%a %-d %b %H:%M"),
            held.zone.as_ref().map_or("no zone", ZoneId::as_str),
            held.command.join(" ")
        ));
        thread::sleep(LOOK_EVERY.min(Duration::try_from(left).unwrap_or(LOOK_EVERY)));
    }
}

/// One line that is written over, where stderr is a terminal.
struct Line {
    shown: bool,
    last: String,
}

impl Line {
    fn new(common: &Common) -> Self {
        Self { shown: !common.quiet && stderr().is_terminal(), last: String::new() }
    }
    fn show(&mut self, text: &str) {
        let text = cut(text, terminal::width().saturating_sub(1));
        if self.shown && text != self.last {
            _ = write!(stderr(), "\r\x1b[2K{text}");
            self.last = text;
        }
    }
    fn end(&mut self) {
        if self.shown && !self.last.is_empty() {
            _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}

/// The signals that end the wait, but for those that whoever started us had us ignore: so `nohup` and `&` hold.
fn heeded() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    [SIGINT, SIGTERM].into_iter().filter(|signal| mask >> (signal - 1) & 1 == 0).collect()
}

fn words_of(hold: &Hold, now: Timestamp) -> String {
    let resumed = if hold.resumed { "going on with an earlier wait: " } else { "" };
    if hold.start <= now {
        return format!("{resumed}the command begins at once: {}", hold.reason);
    }
    let source = hold.source.as_ref().map_or_else(String::new, |source| format!(" ({source})"));
    format!(
        "{resumed}the command begins at {} UTC, in {}: {}{source}",
        hold.start.strftime("%Y-%m-%d %H:%M"),
        ticking(hold.start.duration_since(now).as_secs_f64()),
        hold.reason
    )
}

fn deadline(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let mend = "write how long from now, as in --deadline 48h, or an instant: --deadline 2026-06-03T00:00:00Z";
    match span(text) {
        Ok(time) => Ok(now + SignedDuration::try_from(time).expect("at most sixty days")),
        Err(_) => {
            let at = instant("--deadline", text).map_err(|_| {
                Failure::usage(&format!("--deadline `{text}` is neither a length of time nor an instant"), mend)
            })?;
            let most = now + SignedDuration::from_hours(60 * 24);
            if at > most {
                return Err(Failure::usage(&format!("--deadline {at} is more than sixty days away"), mend));
            }
            Ok(at)
        }
    }
}

/// The zone by flag or by what is set; a name that is none is refused, so that a slip does not pass for missing data.
fn zone(asked: &WaitArguments, settings: &Settings, greenwich: &Greenwich) -> Result<Option<ZoneId>, Failure> {
    let set = |named: &Option<(String, greenwich::document::Place)>| named.as_ref().map(|(name, _)| name.clone());
    let replay = folder(asked.past.signals.as_deref()).ok().flatten();
    let of_zone = |name: &str| Ok(Some(crate::forecast::zone(greenwich, replay.as_ref(), name)?));
    let of_region = |name: &str| {
        let region = greenwich.catalog().region(name, None).map_err(greenwich::Error::from)?;
        Ok(Some(region.zone))
    };
    match (&asked.zone, &asked.region, set(&settings.site.zone), set(&settings.site.region)) {
        (Some(name), ..) => of_zone(name),
        (None, Some(name), ..) => of_region(name),
        (None, None, Some(name), _) => of_zone(&name),
        (None, None, None, Some(name)) => of_region(&name),
        (None, None, None, None) => Ok(None),
    }
}

/// What is known of the zone; a folder or trace that cannot be read is said, and counts as none.
fn known(
    asked: &WaitArguments,
    common: &Common,
    held: &Held,
    greenwich: &Greenwich,
    now: Timestamp,
    notices: &mut Vec<String>,
) -> Known {
    let Some(zone) = &held.zone else { return Known::default() };
    let known = Known::of(greenwich.catalog(), zone, held.signal);
    let mut said = |words: String| notices.push(format!("no history of {zone}: {words}"));
    let replay = folder(asked.past.signals.as_deref()).unwrap_or_else(|failure| {
        said(failure.to_string());
        None
    });
    if asked.past.fetch
        && let Err(failure) = fetch(greenwich, std::slice::from_ref(zone), held.signal, now, common)
    {
        said(failure.to_string());
    }
    match past(replay.as_ref(), zone, held.signal, now, &asked.inputs.families(true)) {
        Ok(Some((history, words))) => known.with(history, words),
        Ok(None) => known,
        Err(failure) => {
            said(failure.to_string());
            known
        }
    }
}
