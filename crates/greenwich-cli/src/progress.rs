//! The line of a run in progress, on the terminal's last row.
//!
//! In: a window on the run. Out: one line a second on stderr, where that is a terminal in whose foreground we are.
//! The row is taken out of what scrolls, as package managers do, so that what the child writes stays whole above it:
//! a line rewritten in place would be torn by the child's next one.

use greenwich::live::{Live, RunNow, Timestamp, Watch};
use greenwich::report::figures;
use greenwich::{Greenwich, Metering, Settings};
use nix::unistd::{getpgrp, tcgetpgrp};
use rustix::termios::tcgetwinsize;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// A terminal of fewer rows has none to give away.
const FEWEST_ROWS: u16 = 5;

/// A line that is being kept.
#[derive(Debug)]
pub(crate) struct Progress {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Begins the line; nothing where stderr is no terminal that can show it.
    pub(crate) fn start(watch: Watch, metering: &Metering, settings: &Settings) -> Option<Self> {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if !stderr().is_terminal() || is_dumb || size()?.0 < FEWEST_ROWS {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (signals, settings, accelerator) =
            (metering.signals.clone(), settings.clone(), metering.accelerator.clone());
        let halt = Arc::clone(&stop);
        let keep = move || {
            let greenwich = Greenwich::load();
            let by = |signals| Live::new(&greenwich, &settings, true, signals, accelerator.as_deref());
            let Ok(live) = by(signals.as_deref()).or_else(|_| by(None)) else { return };
            let mut row = Row::default();
            while !halt.load(Ordering::Acquire) {
                if let Some(observed) = watch.now() {
                    row.show(&line(&live.tell_own(&observed, Timestamp::now())));
                }
                thread::park_timeout(EVERY);
            }
            row.give_back();
        };
        let thread = thread::Builder::new().name("greenwich-progress".into()).spawn(keep).ok()?;
        Some(Self { stop, thread })
    }

    /// Takes the line away.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // Where the thread failed there is nothing to take away.
        _ = self.thread.join();
    }
}

/// `▸ 12 min · 412 W · 82.4 Wh after PUE · 12.4 gCO2e location-based GB · 151 g/kWh now`
fn line(run: &RunNow) -> String {
    let account = &run.entry.account;
    let mut parts = vec![figures::ticking(run.entry.end.duration_since(run.entry.start).as_secs_f64())];
    parts.push(run.power.map_or_else(|| "power not read".to_owned(), figures::power));
    if run.accounted {
        parts.push(format!("{} after PUE", figures::facility_energy(&account.facility_energy)));
        parts.push(
            account
                .location_based
                .as_ref()
                .map_or_else(|| "CO2e not known".to_owned(), |co2e| format!("{} location-based", figures::co2e(co2e))),
        );
    }
    if let Some(grid) = &run.grid {
        parts.push(format!("{} {} ({})", figures::intensity(grid.g_per_kwh), grid.zone, grid.provenance));
    }
    format!("▸ {}", parts.join(" · "))
}

/// The row that was taken out of what scrolls: how many rows the terminal had then.
#[derive(Debug, Default)]
struct Row(Option<u16>);

impl Row {
    fn show(&mut self, line: &str) {
        // In the background a terminal may stop whoever writes to it.
        let is_ours = tcgetpgrp(stderr()).is_ok_and(|group| group == getpgrp());
        let Some((rows, columns)) = size().filter(|(rows, _)| is_ours && *rows >= FEWEST_ROWS) else { return };
        let mut out = String::new();
        if self.0 != Some(rows) {
            out += &taken(self.0, rows);
            self.0 = Some(rows);
        }
        let line = figures::cut(line, usize::from(columns.saturating_sub(1)));
        write(&format!("{out}\x1b7\x1b[{rows};1H\x1b[2K{line}\x1b8"));
    }

    fn give_back(&self) {
        if let Some(rows) = self.0 {
            write(&format!("\x1b7\x1b[r\x1b[{rows};1H\x1b[2K\x1b8"));
        }
    }
}

/// Takes the last row out of what scrolls. The first time the cursor may stand on it: a line break makes room.
fn taken(before: Option<u16>, rows: u16) -> String {
    let above = rows - 1;
    match before {
        None => format!("\n\x1b7\x1b[1;{above}r\x1b8\x1b[1A"),
        Some(_) => format!("\x1b7\x1b[1;{above}r\x1b8"),
    }
}

/// One write, so that it does not fall into the middle of the child's.
fn write(text: &str) {
    _ = stderr().lock().write_all(text.as_bytes());
}

/// Rows and columns of the terminal.
fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stderr()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
