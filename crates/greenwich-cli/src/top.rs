//! `greenwich top`: the runs in progress at one glance.
//!
//! In: a ledger. Out: a screen that is drawn again each second until `q`, or one frame as text. The terminal is given
//! back as it was, whether we end by `q`, by a signal or by a fault of ours.

mod frame;
#[cfg(test)]
mod tests;

use crate::arguments::{Common, Format, TopArguments};
use crate::home;
use crate::terminal::{self, Failure};
use frame::{Look, Room, View};
use greenwich::live::{Live, OpenRuns, RunEntry, Timestamp};
use greenwich::store::Ledger;
use greenwich::{Greenwich, run_entry};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::widgets::Paragraph;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the journals.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the keyboard and at signals.
const POLL: Duration = Duration::from_millis(200);
/// Finished runs that are shown where none is in progress.
const LAST_RUNS: usize = 5;

/// One frame as text, as wide as asked and as long as it is.
pub(crate) fn once(arguments: &TopArguments, common: &Common, width: usize) -> Result<String, Failure> {
    if common.format == Format::Json {
        return Err(Failure::usage(
            "`top` is for people and has no JSON",
            "for programs there are `greenwich run --metrics` and the ledger's entries",
        ));
    }
    let greenwich = Greenwich::load();
    let mut watcher = Watcher::new(&greenwich, arguments, common)?;
    let view = watcher.look(Timestamp::now());
    Ok(frame::text(&view, width))
}

/// The screen.
pub(crate) fn top(arguments: &TopArguments, common: &Common) -> ExitCode {
    match screen(arguments, common) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        Err(failure) => terminal::finish(Err(failure)),
    }
}

/// Runs the screen and returns the signal that ended it, or 0.
fn screen(arguments: &TopArguments, common: &Common) -> Result<usize, Failure> {
    let once = "print one frame as text: greenwich top --once";
    if common.format == Format::Json || !io::stdout().is_terminal() {
        return Err(Failure::usage("`top` draws on a terminal, and stdout is none or JSON is asked for", once));
    }
    let failed = |error: io::Error| Failure::usage(&format!("the terminal cannot be drawn on: {error}"), once);
    let greenwich = Greenwich::load();
    let mut watcher = Watcher::new(&greenwich, arguments, common)?;
    let ended_by = Arc::new(AtomicUsize::new(0));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        let number = usize::try_from(signal).unwrap_or(1);
        signal_hook::flag::register_usize(signal, Arc::clone(&ended_by), number).map_err(failed)?;
    }
    let look = Look { colour: terminal::colour(common.color) };
    // This also has a panic give the terminal back before it is told.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let outcome = draw(&mut terminal, &mut watcher, look, &ended_by);
    ratatui::restore();
    // A terminal that hung up cannot be drawn on, and that is how it ends.
    match ended_by.load(Ordering::Acquire) {
        0 => outcome.map(|()| 0).map_err(failed),
        signal => Ok(signal),
    }
}

fn draw(
    terminal: &mut DefaultTerminal,
    watcher: &mut Watcher<'_>,
    look: Look,
    ended_by: &AtomicUsize,
) -> io::Result<()> {
    let mut chosen = Chosen::default();
    let mut view = watcher.look(Timestamp::now());
    let mut looked = Instant::now();
    loop {
        chosen.keep(&view);
        terminal.draw(|frame| {
            let area = frame.area();
            let room = Room { width: area.width.into(), height: area.height.into() };
            frame.render_widget(Paragraph::new(frame::lines(&view, chosen.at, room, look)), area);
        })?;
        let until = EVERY.saturating_sub(looked.elapsed()).min(POLL);
        let is_key = match event::poll(until) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
            polled => polled?,
        };
        if ended_by.load(Ordering::Acquire) != 0 {
            return Ok(());
        }
        if is_key
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && chosen.press(key, &view)
        {
            return Ok(());
        }
        if looked.elapsed() >= EVERY {
            view = watcher.look(Timestamp::now());
            looked = Instant::now();
        }
    }
}

/// Which run is shown below the list; it stays the same run while others come and go.
#[derive(Debug, Default)]
struct Chosen {
    at: usize,
    run: Option<(String, String)>,
}

impl Chosen {
    /// Finds the run again that was chosen.
    fn keep(&mut self, view: &View) {
        let names = |at: usize| view.runs.get(at).map(|run| (run.entry.run.clone(), run.host.clone()));
        let found = self.run.as_ref().and_then(|run| (0..view.runs.len()).find(|at| names(*at).as_ref() == Some(run)));
        self.at = found.unwrap_or_else(|| self.at.min(view.runs.len().saturating_sub(1)));
        self.run = names(self.at);
    }

    /// Does what a key asks for; whether it asks for the end.
    fn press(&mut self, key: KeyEvent, view: &View) -> bool {
        let last = view.runs.len().saturating_sub(1);
        let at = match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Up | KeyCode::Left | KeyCode::Char('k') => self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Right | KeyCode::Char('j') => (self.at + 1).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return false,
        };
        (self.at, self.run) = (at, None);
        self.keep(view);
        false
    }
}

/// Looks at a ledger again and again.
struct Watcher<'a> {
    ledger: Ledger,
    name: String,
    open: OpenRuns,
    live: Live<'a>,
    said: Option<String>,
    last: Vec<RunEntry>,
    /// The open runs when the finished ones were read.
    known: Option<Vec<String>>,
}

impl<'a> Watcher<'a> {
    fn new(greenwich: &'a Greenwich, arguments: &TopArguments, common: &Common) -> Result<Self, Failure> {
        let place = &arguments.place;
        let (settings, broken) = home::settings(place)?;
        let folder = home::ledger(place, &settings);
        let by_hand = !place.run.overrides().is_empty();
        let live = Live::new(greenwich, &settings, by_hand, place.run.signals.as_deref(), None)?;
        let broken = broken.filter(|_| !common.quiet).map(|words| format!("settings are passed over: {words}"));
        Ok(Self::of(Ledger::at(&folder), folder.display().to_string(), live, broken, &home::host()))
    }

    fn of(ledger: Ledger, name: String, live: Live<'a>, said: Option<String>, host: &str) -> Self {
        Self { open: OpenRuns::of(ledger.clone(), host), ledger, name, live, said, last: Vec::new(), known: None }
    }

    fn look(&mut self, now: Timestamp) -> View {
        let mut notes: Vec<String> = self.said.iter().cloned().collect();
        if let Err(error) = self.open.look(now) {
            notes.push(error.to_string());
        }
        notes.extend(self.open.unreadable().iter().cloned());
        let runs: Vec<_> = self.open.runs().into_iter().map(|run| self.live.tell(run, now)).collect();
        let open: Vec<String> = runs.iter().map(|run| format!("{} {}", run.entry.run, run.host)).collect();
        // Finished runs are read only where one can have come to them.
        if runs.is_empty() && self.known.as_ref() != Some(&open) {
            match self.ledger.entries() {
                Ok(entries) => {
                    let newest: Vec<_> = entries.current().collect();
                    let from = newest.len().saturating_sub(LAST_RUNS);
                    self.last = newest[from..].iter().rev().map(|entry| run_entry(entry)).collect();
                }
                Err(error) => notes.push(error.to_string()),
            }
        }
        self.known = Some(open);
        View { now, ledger: self.name.clone(), runs, last: self.last.clone(), notes }
    }
}
