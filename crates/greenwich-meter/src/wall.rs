//! A wall meter, by a file that somebody keeps up to date, or by a command that is polled apart.
//!
//! In: a file that holds watts or joules, the words of a command such as `ipmitool dcmi power reading`, or a question
//! whose owner asks the network. Out: one domain, the whole node. Addresses and tokens stay with the command and the
//! question: this crate knows joules only.

use crate::apart::Apart;
use crate::counter::{Domain, EnergyCounter, Miss, Moment, Reading, Wrap};
use greenwich_core::reading::{Device, DeviceKind, Method};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A program that prints more than this prints no power.
const MOST_BYTES: u64 = 1 << 16;

/// What the file's number is, where it does not say so itself (`150 W`, `0.4 kWh`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Power now.
    Watts,
    /// Energy since an origin of the meter's own.
    Joules,
}

/// A file of one number, read anew at each tick; it may be rewritten or replaced.
#[derive(Debug)]
pub struct WallFile {
    domains: [Domain; 1],
    path: PathBuf,
    unit: Unit,
    stale_after: Option<Duration>,
}

impl WallFile {
    /// Meters the node by `path`. A file that was not written for `stale_after` is a gap.
    pub fn new(path: &Path, unit: Unit, ceiling_w: f64, stale_after: Option<Duration>) -> Self {
        let method = if unit == Unit::Joules { Method::Counted } else { Method::Sampled };
        let domains = [node("node-wall", format!("file {}", path.display()), method, ceiling_w)];
        Self { domains, path: path.to_owned(), unit, stale_after }
    }

    fn read_now(&self) -> Result<Reading, Miss> {
        let io = |e: std::io::Error| Miss::Io(e.kind());
        let mut file = File::open(&self.path).map_err(io)?;
        if let Some(limit) = self.stale_after {
            let age = file.metadata().and_then(|found| found.modified()).map_err(io)?.elapsed().unwrap_or_default();
            if age > limit {
                return Err(Miss::Stale);
            }
        }
        let mut buffer = [0u8; 64];
        let length = file.read(&mut buffer).map_err(io)?;
        let text = std::str::from_utf8(&buffer[..length]).map_err(|_| Miss::Garbage)?.trim();
        let digits = text.find(|c: char| !(c.is_ascii_digit() || ".eE+-".contains(c))).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(if text.is_empty() { Miss::Empty } else { Miss::Garbage });
        }
        let number = number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).ok_or(Miss::Garbage)?;
        let joules = |j: f64| Reading::EnergyUj((j * 1e6).round() as u64);
        let watts = |w: f64| Reading::PowerMw((w * 1e3).round() as u64);
        match (unit.trim(), self.unit) {
            ("", Unit::Watts) | ("W", _) => Ok(watts(number)),
            ("kW", _) => Ok(watts(number * 1e3)),
            ("", Unit::Joules) | ("J", _) => Ok(joules(number)),
            ("Wh", _) => Ok(joules(number * 3.6e3)),
            ("kWh", _) => Ok(joules(number * 3.6e6)),
            _ => Err(Miss::Garbage),
        }
    }
}

impl EnergyCounter for WallFile {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, _: Moment, into: &mut [Reading]) {
        into[0] = self.read_now().unwrap_or_else(Reading::Missed);
    }
}

/// Meters the node by the watts that a command prints, run `every` so often in a thread of its own.
///
/// `words` is the program and its arguments; no shell is between. A run that lasts longer than `every` is ended.
pub fn by_command(words: &[String], every: Duration, ceiling_w: f64) -> Apart {
    let domain = node("node-command", format!("command {}", words.join(" ")), Method::Sampled, ceiling_w);
    let words = words.to_vec();
    Apart::start(domain, every, move || watts_in(&output(&words, every)?))
}

/// A question about the node's power, answered in words with watts in them, or not at all.
#[derive(Clone)]
pub struct Ask(Arc<dyn Fn() -> Option<String> + Send + Sync>);

impl Ask {
    /// The question that `ask` puts.
    pub fn new(ask: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ask")
    }
}

/// Meters the node by the watts in the answer to a question, put `every` so often in a thread of its own.
pub fn by_question(name: &str, every: Duration, ask: Ask, ceiling_w: f64) -> Apart {
    let domain = node("node-wall", name.to_owned(), Method::Sampled, ceiling_w);
    Apart::start(domain, every, move || watts_in(&(ask.0)()?))
}

fn node(id: &str, domain: String, method: Method, ceiling_w: f64) -> Domain {
    let (id, model) = (id.to_owned(), String::new());
    let device = Device { id, kind: DeviceKind::Node, domain, model, method, inside_another: false };
    Domain { device, wrap: Wrap::Never, ceiling_w, read_every: None }
}

fn output(words: &[String], at_most: Duration) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let pipe = child.stdout.take()?;
    let (give, take) = mpsc::channel();
    // A child of the command may hold the pipe open for long; its reader is then left to itself.
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.take(MOST_BYTES).read_to_string(&mut text).ok();
        give.send(text).ok();
    });
    let until = Instant::now() + at_most.max(Duration::from_secs(1));
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return take.recv_timeout(Duration::from_secs(1)).ok(),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                child.kill().ok();
                child.wait().ok();
                return None;
            }
        }
    }
}

/// The power in a program's words: the number before `W` or `Watts`, else the one after a key with `watts` in it,
/// else the only number there is.
fn watts_in(text: &str) -> Option<f64> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || ",;{}[]()\"=".contains(c)).filter(|w| !w.is_empty()).collect();
    let number = |word: &str| word.trim_matches(':').parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let is_unit = |word: &str| matches!(word.to_ascii_lowercase().as_str(), "w" | "watt" | "watts");
    let pair = |is: &dyn Fn(&[&str]) -> Option<f64>| words.windows(2).find_map(is);
    pair(&|pair| number(pair[0]).filter(|_| is_unit(pair[1])))
        .or_else(|| {
            let key = words.iter().position(|word| word.to_ascii_lowercase().contains("watts"))?;
            words[key + 1..].iter().find_map(|word| number(word))
        })
        .or_else(|| {
            let mut numbers = words.iter().filter_map(|word| number(word));
            numbers.next().filter(|_| numbers.next().is_none())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Purpose;

    #[test]
    fn watts_are_found_in_what_programs_print() {
        let ipmi = "\n    Instantaneous power reading:                   212 Watts\n    Minimum during sampling period:                 10 Watts\n";
        let redfish = r#"{"PowerControl":[{"MemberId":"0","PowerConsumedWatts":344,"PowerCapacityWatts":800}]}"#;
        let cases =
            [(ipmi, Some(212.0)), (redfish, Some(344.0)), ("151.5\n", Some(151.5)), ("power: 90 W", Some(90.0))];
        for (text, expected) in cases {
            assert_eq!(watts_in(text), expected, "{text}");
        }
        assert_eq!(watts_in("no sensor"), None);
        assert_eq!(watts_in("1 2"), None, "two numbers and no unit tell nothing");
    }

    #[test]
    fn a_wall_file_says_its_unit_or_is_told_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("watts");
        let read = |text: &str, unit| {
            std::fs::write(&path, text).expect("writable");
            let mut into = [Reading::NotDue];
            WallFile::new(&path, unit, 1e4, None).read(Moment { at_ns: 0, purpose: Purpose::Tick }, &mut into);
            into[0]
        };
        assert_eq!(read("151.5\n", Unit::Watts), Reading::PowerMw(151_500));
        assert_eq!(read("1.5 kW", Unit::Joules), Reading::PowerMw(1_500_000));
        assert_eq!(read("12345.5\n", Unit::Joules), Reading::EnergyUj(12_345_500_000));
        assert_eq!(read("0.5 kWh", Unit::Watts), Reading::EnergyUj(1_800_000_000_000));
        assert_eq!(read("", Unit::Watts), Reading::Missed(Miss::Empty));
        for garbage in ["off", "12 apples", "-5", "nan", "1e999"] {
            assert_eq!(read(garbage, Unit::Watts), Reading::Missed(Miss::Garbage), "{garbage}");
        }
    }

    #[test]
    fn a_wall_file_that_nobody_writes_any_more_is_a_gap() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("watts");
        std::fs::write(&path, "150").expect("writable");
        let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(hour_ago)).expect("writable");
        let read = |limit_s| {
            let mut into = [Reading::NotDue];
            let mut source = WallFile::new(&path, Unit::Watts, 1e4, Some(Duration::from_secs(limit_s)));
            source.read(Moment { at_ns: 0, purpose: Purpose::Tick }, &mut into);
            into[0]
        };
        assert_eq!(read(600), Reading::Missed(Miss::Stale));
        assert_eq!(read(36_000), Reading::PowerMw(150_000));
    }
}
