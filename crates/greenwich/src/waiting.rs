//! When a command shall begin: the cleanest start before a deadline, kept over restarts.
//!
//! In: what is known of the zone, how long the command runs, its deadline, what time it is; the file of an earlier
//! wait. Out: a [`Hold`]: when to begin and why. Whatever is not known lets the command begin at once: a wait may save
//! something and must cost nothing, so it never blocks for want of data, and never beyond deadline − hours.

use crate::error::Error;
use crate::forecasting::{Asked, Foretold, Known, MOST_HOURS, floor, foretell};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_launch::{Command, Ended, LaunchError};
use greenwich_report::figures::{intensity, lasted};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

const SCHEMA: &str = "greenwich.wait/1";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A start that is expected to be less than this share cleaner is not worth a wait.
const WORTH_WAITING: f64 = 0.01;

/// What is to be held.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What a restart is known by.
    pub id: String,
    /// The command with its arguments.
    pub command: Vec<String>,
    /// The zone, where one is known.
    pub zone: Option<ZoneId>,
    /// Which intensity decides.
    pub signal: Signal,
    /// How long the command runs.
    pub run: SignedDuration,
    /// The deadline as it was written: a restart with another one is another wait.
    pub deadline_words: String,
    /// By when the command shall have ended.
    pub deadline: Timestamp,
    /// Whether a typical year is enough to wait by.
    pub by_typical: bool,
}

/// When a command begins, and why.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Hold {
    /// When this wait was first asked for.
    pub asked: Timestamp,
    /// By when the command shall have ended.
    pub deadline: Timestamp,
    /// When it begins.
    pub start: Timestamp,
    /// Why then, in words.
    pub reason: String,
    /// Expected mean intensity over the run in gCO2e/kWh, from `start` and had it begun at once.
    pub expected: Option<[f64; 2]>,
    /// What that was told by.
    pub source: Option<String>,
    /// Whether an earlier wait chose it.
    pub resumed: bool,
}

/// Chooses when a command begins.
pub fn choose(known: &Known, held: &Held, now: Timestamp) -> Hold {
    let at_once = |reason: String| Hold {
        asked: now,
        deadline: held.deadline,
        start: now,
        reason,
        expected: None,
        source: None,
        resumed: false,
    };
    let latest = held.deadline - held.run;
    if latest <= now {
        return at_once(format!("a run of {} leaves no room before the deadline", lasted(held.run.as_secs_f64())));
    }
    let Some(zone) = &held.zone else {
        return at_once("no grid zone is known: give --zone, or `zone` below [site] of greenwich.toml".to_owned());
    };
    let told = match told(known, held, zone, now) {
        Ok(told) => told,
        Err(error) => return at_once(error.to_string()),
    };
    let by_typical = held.by_typical && told.model == "typical";
    if !told.is_forecast && !by_typical {
        return at_once(format!("{zone} has no history of its last days to foretell from ({})", told.source));
    }
    let series = told.series();
    let mean = |start: Timestamp| {
        let window = Window::new(start, start + held.run).ok()?;
        Some((start, series.mean_g_per_kwh(window)?))
    };
    let Some((_, at_once_mean)) = mean(now) else {
        return at_once(format!("a run of {} is longer than is seen ahead", lasted(held.run.as_secs_f64())));
    };
    let hours = std::iter::successors(Some(floor(now) + HOUR), |start| Some(*start + HOUR));
    let starts = hours.take_while(|start| *start <= latest).chain([latest]).map_while(mean);
    // The earliest of those that differ in the last digits alone.
    let (start, least) =
        starts.fold((now, at_once_mean), |best, next| if next.1 < best.1 * (1.0 - 1e-9) { next } else { best });
    if least > at_once_mean * (1.0 - WORTH_WAITING) {
        let words = format!("no start before the deadline is expected to be cleaner by {:.0} %", 100.0 * WORTH_WAITING);
        return Hold { expected: Some([at_once_mean; 2]), source: Some(told.source), ..at_once(words) };
    }
    let reason = format!(
        "{} expected in {zone} then, {} at once: {:.0} % less",
        intensity(least),
        intensity(at_once_mean),
        100.0 * (1.0 - least / at_once_mean)
    );
    Hold { start, expected: Some([least, at_once_mean]), source: Some(told.source), ..at_once(reason) }
}

fn told(known: &Known, held: &Held, zone: &ZoneId, now: Timestamp) -> Result<Foretold, Error> {
    let seconds = held.deadline.duration_since(floor(now)).as_secs();
    let hours = usize::try_from((seconds + 3599).div_euclid(3600)).unwrap_or(0).clamp(1, MOST_HOURS);
    foretell(known, &Asked { zone: zone.clone(), signal: held.signal, at: now, hours })
}

/// The file in which a wait outlives its process.
#[derive(Debug, Clone)]
pub struct Kept {
    file: PathBuf,
}

impl Kept {
    /// The file of a wait below a folder.
    pub fn new(folder: &Path, held: &Held) -> Self {
        Self { file: folder.join(format!("{:016x}.json", hash(&held.id))) }
    }

    /// What an earlier wait for the same chose, if its deadline lies ahead; a file that is something else is passed
    /// over.
    pub fn read(&self, held: &Held, now: Timestamp) -> Option<Hold> {
        let value: Value = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        let instant = |key: &str| value[key].as_str()?.parse::<Timestamp>().ok();
        let same = value["schema"] == SCHEMA
            && value["id"] == held.id
            && value["command"] == json!(held.command)
            && value["zone"] == json!(held.zone.as_ref().map(ZoneId::as_str))
            && value["signal"] == held.signal.as_str()
            && value["run_seconds"] == held.run.as_secs()
            && value["deadline_asked"] == held.deadline_words;
        let (asked, deadline, start) = (instant("asked")?, instant("deadline")?, instant("start")?);
        let is_sound = asked <= now && start <= deadline && now < deadline;
        let expected = value["expected_gco2e_per_kwh"].as_f64().zip(value["at_once_gco2e_per_kwh"].as_f64());
        (same && is_sound).then(|| Hold {
            asked,
            deadline,
            start: start.max(now),
            reason: value["reason"].as_str().unwrap_or_default().to_owned(),
            expected: expected.map(|(start, at_once)| [start, at_once]),
            source: value["source"].as_str().map(str::to_owned),
            resumed: true,
        })
    }

    /// Writes the wait, whole or not at all.
    ///
    /// # Errors
    /// What the system says; the wait goes on without it.
    pub fn write(&self, held: &Held, hold: &Hold) -> io::Result<()> {
        let folder = self.file.parent().expect("a file in a folder");
        fs::create_dir_all(folder)?;
        let beside = self.file.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&beside, format!("{:#}\n", json(held, hold)))?;
        fs::rename(&beside, &self.file)
    }

    /// Takes the file away: the wait is over.
    pub fn forget(&self) {
        // One that is not there is as good.
        _ = fs::remove_file(&self.file);
    }
}

/// `greenwich.wait/1`.
pub fn json(held: &Held, hold: &Hold) -> Value {
    json!({
        "schema": SCHEMA, "id": held.id, "command": held.command, "zone": held.zone.as_ref().map(ZoneId::as_str),
        "signal": held.signal.as_str(), "run_seconds": held.run.as_secs(), "deadline_asked": held.deadline_words,
        "asked": hold.asked.to_string(), "deadline": hold.deadline.to_string(), "start": hold.start.to_string(),
        "reason": hold.reason, "expected_gco2e_per_kwh": hold.expected.map(|[start, _]| start),
        "at_once_gco2e_per_kwh": hold.expected.map(|[_, at_once]| at_once), "source": hold.source,
        "resumed": hold.resumed,
    })
}

/// Runs the command to its end with our streams and environment, unmetered.
///
/// # Errors
/// [`LaunchError`] when it cannot be started.
pub fn launch(words: &[OsString]) -> Result<Ended, LaunchError> {
    let (program, arguments) = words.split_first().expect("the command line asks for one word at least");
    Command::new(program).args(arguments).spawn()?.wait(|_| {})
}

/// FNV-1a, 64 bit: the same name in every version of ours.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecasting::History;

    fn at(stamp: &str) -> Timestamp {
        stamp.parse().expect("a stamp")
    }

    /// Sixty days of a grid that is clean from 10 to 14 h, up to the instant.
    fn known(until: Timestamp) -> Known {
        let hours = 60 * 24;
        let start = floor(until) - HOUR * hours;
        let clean = |hour: i32| (10..14).contains(&((start.as_second() / 3600 + i64::from(hour)) % 24));
        let values: Vec<Option<f64>> = (0..hours).map(|hour| Some(if clean(hour) { 100.0 } else { 400.0 })).collect();
        Known::default().with(History::hourly("ES".into(), Signal::Lifecycle, start, &values), "ES.csv")
    }

    fn held(run_h: i64, deadline: Timestamp) -> Held {
        Held {
            id: "one".to_owned(),
            command: vec!["train".to_owned(), "--now".to_owned()],
            zone: Some("ES".into()),
            signal: Signal::Lifecycle,
            run: SignedDuration::from_hours(run_h),
            deadline_words: "48h".to_owned(),
            deadline,
            by_typical: false,
        }
    }

    #[test]
    fn a_run_of_four_hours_waits_for_the_four_clean_ones() {
        let now = at("2026-03-10T16:20:00Z");
        let hold = choose(&known(now), &held(4, now + HOUR * 48), now);
        assert_eq!(hold.start, at("2026-03-11T10:00:00Z"), "{hold:?}");
        let [then, at_once] = hold.expected.expect("both are foretold");
        assert!(then < 110.0 && at_once > 350.0, "{then} {at_once}");
    }

    #[test]
    fn the_deadline_is_kept_whatever_the_grid_does() {
        let now = at("2026-03-10T16:20:00Z");
        for (run, deadline, latest) in [
            (4, "2026-03-11T12:00:00Z", "2026-03-11T08:00:00Z"),
            (4, "2026-03-10T20:20:00Z", "2026-03-10T16:20:00Z"),
            (40, "2026-03-10T20:20:00Z", "2026-03-10T16:20:00Z"),
        ] {
            let hold = choose(&known(now), &held(run, at(deadline)), now);
            assert!(hold.start <= at(latest), "{hold:?}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_hold_a_command_back() {
        let now = at("2026-03-10T16:20:00Z");
        let two_days = now + HOUR * 48;
        let nowhere = Held { zone: None, ..held(4, two_days) };
        for (known, held, says) in [
            (known(now), nowhere, "no grid zone is known"),
            (Known::default(), held(4, two_days), "nothing is known of zone `ES`"),
            (known(now - HOUR * 24 * 30), held(4, two_days), "no history of its last days"),
            (
                Known { yearly: Some((300.0, 2024)), ..Known::default() },
                held(4, two_days),
                "no history of its last days",
            ),
        ] {
            let hold = choose(&known, &held, now);
            assert_eq!(hold.start, now);
            assert!(hold.reason.contains(says), "{}", hold.reason);
        }
    }

    #[test]
    fn a_grid_that_does_not_vary_is_not_waited_for() {
        let now = at("2026-03-10T16:20:00Z");
        let history = History::hourly("ES".into(), Signal::Lifecycle, now - HOUR * 2400, &vec![Some(300.0); 2400]);
        let hold = choose(&Known::default().with(history, "ES.csv"), &held(4, now + HOUR * 48), now);
        assert_eq!((hold.start, hold.expected.is_some()), (now, true));
    }

    #[test]
    fn a_restart_keeps_its_window_and_another_wait_does_not() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let now = at("2026-03-10T16:20:00Z");
        let first = held(4, now + HOUR * 48);
        let hold = choose(&known(now), &first, now);
        let kept = Kept::new(&folder.path().join("waits"), &first);
        assert_eq!(kept.read(&first, now), None);
        kept.write(&first, &hold).expect("written");
        // The second time the deadline is reckoned from a later now; the first one stands.
        let later = now + HOUR * 3;
        let again = kept.read(&held(4, later + HOUR * 48), later).expect("it is kept");
        assert_eq!((again.start, again.deadline, again.resumed), (hold.start, hold.deadline, true));
        assert_eq!(again.expected, hold.expected);
        let in_the_window = hold.start + HOUR;
        assert_eq!(kept.read(&first, in_the_window).expect("it is kept").start, in_the_window);
        assert_eq!(kept.read(&first, hold.deadline), None, "a wait of last week is over");
        assert_eq!(kept.read(&held(5, later), later), None, "another run is another wait");
        let other = Held { command: vec!["eval".to_owned()], ..first.clone() };
        assert_eq!(kept.read(&other, later), None, "another command is another wait");
        fs::write(folder.path().join("waits").join(format!("{:016x}.json", hash("one"))), "{").expect("written");
        assert_eq!(kept.read(&first, later), None, "half a file is none");
        kept.forget();
        assert_eq!(kept.read(&first, now), None);
    }
}
