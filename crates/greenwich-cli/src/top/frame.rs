//! One frame of `greenwich top`.
//!
//! In: the runs in progress as of one instant, how much room there is. Out: lines, no wider and no more than the room.
//! Colour says nothing that a word or a mark does not say as well.

use greenwich::live::{DeviceNow, GridNow, Provenance, Range, RunEntry, RunNow, State, Timestamp};
use greenwich::report::{Style as Report, figures, text};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};

/// What is known at one instant.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) now: Timestamp,
    /// The ledger's name.
    pub(crate) ledger: String,
    /// In progress, newest first.
    pub(crate) runs: Vec<RunNow>,
    /// Finished, newest first.
    pub(crate) last: Vec<RunEntry>,
    /// What went wrong.
    pub(crate) notes: Vec<String>,
}

/// How much room there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// How loud to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) colour: bool,
}

/// Columns of the names before the figures.
const LABEL: usize = 9;
/// Columns of a list of runs behind the command: lasted, power, energy, CO2e, state.
const RUN: [usize; 5] = [12, 9, 10, 12, 11];
/// Columns of a device: now, mean, energy.
const DEVICE: [usize; 3] = [8, 8, 10];
/// The least and the most that a device's name takes.
const NAME: (usize, usize) = (14, 36);
const NOT_READ: &str = "not read";
const BREAK: &str = "";

/// The screen.
pub(crate) fn lines(view: &View, chosen: usize, room: Room, look: Look) -> Vec<Line<'static>> {
    let mut page = Page { lines: Vec::new(), width: room.width, look };
    page.title(view);
    let keys = if view.runs.len() > 1 { "↑↓ choose a run · q quit" } else { "q quit" };
    let footer = page.beside(keys, &named(view.runs.get(chosen)));
    let below = room.height.saturating_sub(1);
    if let Some(run) = view.runs.get(chosen) {
        if view.runs.len() > 1 {
            page.list(view, Some(chosen), (room.height / 4).max(3));
        }
        page.run(run, below);
    } else {
        page.none(view);
    }
    page.notes(&view.notes, below);
    page.lines.truncate(below);
    page.lines.resize(below, Line::from(BREAK));
    if room.height > 0 {
        page.lines.push(footer.dim());
    }
    page.lines
}

/// One frame as text, with every run and every device.
pub(crate) fn text(view: &View, width: usize) -> String {
    let mut page = Page { lines: Vec::new(), width, look: Look { colour: false } };
    page.title(view);
    if view.runs.is_empty() {
        page.none(view);
    }
    if view.runs.len() > 1 {
        page.list(view, None, usize::MAX);
    }
    for run in &view.runs {
        page.run(run, usize::MAX);
        let named = named(Some(run));
        if !named.is_empty() {
            page.plain(&named);
        }
    }
    page.notes(&view.notes, usize::MAX);
    let shown = |line: &Line<'_>| line.spans.iter().map(|span| span.content.as_ref()).collect::<String>();
    page.lines.iter().flat_map(|line| [shown(line).trim_end().to_owned(), "\n".to_owned()]).collect()
}

/// Who is to be named for the intensities of a run.
fn named(run: Option<&RunNow>) -> String {
    let grid = run.and_then(|run| run.grid.as_ref());
    let provenances = grid.into_iter().flat_map(|grid| [Some(&grid.provenance), grid.next_provenance.as_ref()]);
    provenances
        .flatten()
        .find_map(|provenance| match provenance {
            Provenance::Typical { attribution, .. } if !attribution.is_empty() => Some(format!("grid: {attribution}")),
            _ => None,
        })
        .unwrap_or_default()
}

struct Page {
    lines: Vec<Line<'static>>,
    width: usize,
    look: Look,
}

impl Page {
    fn accent(&self) -> Style {
        if self.look.colour { Style::new().fg(Color::Cyan) } else { Style::new() }
    }

    fn alarm(&self) -> Style {
        let style = Style::new().bold();
        if self.look.colour { style.fg(Color::Yellow) } else { style }
    }

    fn plain(&mut self, text: &str) {
        self.lines.push(Line::from(figures::cut(text, self.width)));
    }

    fn blank(&mut self) {
        self.lines.push(Line::from(BREAK));
    }

    /// A text at the left and one at the right.
    fn beside(&self, left: &str, right: &str) -> Line<'static> {
        let taken = figures::columns(left);
        let gap = self.width.saturating_sub(taken + figures::columns(right));
        if gap < 2 {
            Line::from(figures::cut(left, self.width))
        } else {
            Line::from(format!("{left}{}{right}", " ".repeat(gap)))
        }
    }

    fn title(&mut self, view: &View) {
        let runs = match view.runs.len() {
            0 => "no run in progress".to_owned(),
            1 => "1 run in progress".to_owned(),
            more => format!("{more} runs in progress"),
        };
        let title = format!("greenwich top · {runs}");
        let line = self.beside(&title, &view.now.strftime("%-d %b %Y %H:%M:%S UTC").to_string());
        self.lines.push(line.bold());
        self.blank();
    }

    fn none(&mut self, view: &View) {
        self.plain(&format!("No run is in progress in the ledger {}.", view.ledger));
        self.plain("Start one with: greenwich run -- COMMAND");
        self.blank();
        if view.last.is_empty() {
            self.plain("The ledger holds no finished run either.");
            return;
        }
        self.lines.push(Line::from("Last runs").bold());
        let style = Report { width: self.width, colour: false, explain: false };
        for line in text::runs(&view.last, style).lines() {
            self.plain(line);
        }
    }

    /// The runs, the chosen one among them, at most so many.
    fn list(&mut self, view: &View, chosen: Option<usize>, most: usize) {
        let command = self.width.saturating_sub(2 + RUN.iter().sum::<usize>() + RUN.len());
        let row = |mark: &str, name: &str, cells: [&str; 5]| {
            let mut out = format!("{mark} {}", left(name, command));
            for (cell, columns) in cells[..4].iter().zip(RUN) {
                out.push(' ');
                out += &right(cell, columns);
            }
            format!("{out} {}", left(cells[4], RUN[4]))
        };
        self.plain(&row(" ", "run", ["lasted", "now", "energy", "CO2e", "is"]));
        let from = chosen.unwrap_or(0).saturating_sub(most.saturating_sub(1));
        for (at, run) in view.runs.iter().enumerate().skip(from).take(most) {
            let account = &run.entry.account;
            let is_chosen = chosen == Some(at);
            let text = row(
                if is_chosen { "▸" } else { " " },
                &run.entry.command.join(" "),
                [
                    &lasted(run),
                    &run.power.map_or_else(|| NOT_READ.to_owned(), figures::power),
                    &figures::facility_energy(&Range::exact(account.facility_energy.p50)),
                    &account
                        .location_based
                        .map_or_else(|| "not known".to_owned(), |co2e| figures::co2e(&Range::exact(co2e.p50))),
                    run.state.as_str(),
                ],
            );
            let line = Line::from(figures::cut(&text, self.width));
            self.lines.push(if is_chosen { line.bold() } else { line });
        }
        self.blank();
    }

    fn named(&mut self, name: &str, text: &str) {
        let text = figures::cut(text, self.width.saturating_sub(LABEL));
        self.lines.push(Line::from(vec![Span::from(left(name, LABEL)).bold(), Span::from(text)]));
    }

    /// A name with a text that goes on below where it is long.
    fn wrapped(&mut self, name: &str, text: &str) {
        let lines = figures::wrapped(text, self.width.saturating_sub(LABEL).max(1));
        for (at, line) in lines.iter().enumerate() {
            self.named(if at == 0 { name } else { "" }, line);
        }
    }

    /// A run, in at most so many lines of the page.
    fn run(&mut self, run: &RunNow, below: usize) {
        let entry = &run.entry;
        self.named("Command", &entry.command.join(" "));
        let labels = [("project", &entry.project), ("model", &entry.model), ("phase", &entry.phase)];
        let labels = labels.iter().filter_map(|(name, value)| Some(format!(" · {name} {}", value.as_ref()?)));
        self.named("Run", &format!("{} on {}{}", entry.run, run.host, labels.collect::<String>()));
        self.since(run);
        self.power(run);
        let account = &entry.account;
        if run.accounted {
            let pue = run.pue.map_or_else(String::new, |pue| format!(" after PUE {}", figures::three(pue)));
            let facility = figures::facility_energy(&account.facility_energy);
            let it = figures::it_energy(&Range::exact(account.it_energy.p50));
            self.wrapped("Energy", &format!("{facility}{pue} · {it} IT"));
        } else {
            self.named("Energy", "not known yet");
        }
        self.wrapped(
            "CO2e",
            &match account.location_based.filter(|_| run.accounted) {
                Some(co2e) => format!("{} location-based, 90 % range", figures::co2e(&co2e)),
                None => "not known".to_owned(),
            },
        );
        match &run.grid {
            Some(grid) => self.grid(grid),
            None => self.named("Grid", "not known: set --zone or --region"),
        }
        if let Some(end) = &run.projected {
            let co2e = end.co2e.as_ref().map_or_else(|| "CO2e not known".to_owned(), figures::co2e);
            let energy = figures::facility_energy(&end.facility_energy);
            let when = end.end.strftime("%-d %b %H:%M UTC");
            self.wrapped("End", &format!("{when} · {energy} · {co2e} · projected from tag hours and the mean so far"));
        }
        self.blank();
        self.devices(run, below);
        // What an account could also have, were more given, is for the end of the run.
        for warning in account.warnings.iter().filter(|warning| !warning.contains(" not known: ")) {
            self.warning(warning, below);
        }
    }

    fn since(&mut self, run: &RunNow) {
        let entry = &run.entry;
        let when = entry.start.strftime("%-d %b %H:%M UTC");
        let heard = format!("heard of {} ago", figures::ticking(run.heard_s));
        let state = run.state.as_str();
        let text = format!("{when}, {} · {state}, {heard}", lasted(run));
        match run.state {
            State::Metered => self.named("Since", &text),
            State::Left => self.loud("Since", &format!("{text}: greenwich ledger recover")),
            State::Silent | State::Ended => self.loud("Since", &text),
        }
    }

    fn loud(&mut self, name: &str, text: &str) {
        let text = figures::cut(text, self.width.saturating_sub(LABEL));
        let alarm = self.alarm();
        self.lines.push(Line::from(vec![Span::from(left(name, LABEL)).bold(), Span::styled(text, alarm)]));
    }

    fn power(&mut self, run: &RunNow) {
        let outer = || run.devices.iter().filter(|device| !device.drawn.inside_another);
        let unread = outer().filter(|device| device.power.is_none()).count();
        let now = run.power.map_or_else(|| NOT_READ.to_owned(), |power| format!("{} now", figures::power(power)));
        let of = match (outer().count(), unread) {
            (1, 0) => "1 device".to_owned(),
            (all, 0) => format!("{all} devices"),
            (all, unread) => format!("{unread} of {all} devices not read"),
        };
        let mean = outer().filter_map(|device| device.mean).reduce(|sum, mean| sum + mean);
        let mean = mean.map_or_else(String::new, |mean| format!(" · {} mean", figures::power(mean)));
        self.named("Power", &format!("{now}{mean} · {of}, before PUE"));
    }

    fn grid(&mut self, grid: &GridNow) {
        let now = figures::intensity(grid.g_per_kwh);
        self.wrapped("Grid", &format!("{now} this hour in {} · {}", grid.zone, grid.provenance));
        let values: Vec<Option<f64>> = grid.next.iter().map(|(_, value)| Some(*value)).collect();
        let (Some((from, _)), Some(extent)) =
            (grid.next.first(), figures::intensities(values.iter().flatten().copied()))
        else {
            self.named("24 h", "the next hours are not known");
            return;
        };
        if matches!(grid.next_provenance, Some(Provenance::Flat { .. } | Provenance::Given)) {
            self.named("24 h", "one number for every hour: nothing to gain by waiting can be seen");
            return;
        }
        let what = grid.next_provenance.as_ref().filter(|next| **next != grid.provenance);
        let what = match (what, &grid.provenance) {
            (Some(what), _) => format!(" · {what}"),
            (None, Provenance::Typical { .. }) => " · typical".to_owned(),
            (None, _) => String::new(),
        };
        let bars = Span::styled(figures::bars(&values), self.accent());
        let room = self.width.saturating_sub(LABEL + values.len() + 1);
        let text = figures::cut(&format!("{extent} from {}{what}", from.strftime("%H:%M UTC")), room);
        self.lines.push(Line::from(vec![Span::from(left("24 h", LABEL)).bold(), bars, Span::from(format!(" {text}"))]));
    }

    /// The devices, as many as there is room for; what does not fit is counted.
    fn devices(&mut self, run: &RunNow, below: usize) {
        let longest = run.devices.iter().map(|device| figures::columns(&name(device))).max().unwrap_or(0);
        let how = run.devices.iter().map(|device| method(device).len()).max().unwrap_or(0);
        let fixed = DEVICE.iter().sum::<usize>() + DEVICE.len() + 1 + how;
        // A third of the room for names, the rest for bars.
        let most = (self.width.saturating_sub(fixed) / 2).clamp(NAME.0, NAME.1);
        let names = longest.clamp(NAME.0, most);
        let bars = self.width.saturating_sub(names + fixed + 1);
        let head = |text: &str, columns: usize| format!(" {}", right(text, columns));
        let cells = [("now", DEVICE[0]), ("mean", DEVICE[1]), ("energy", DEVICE[2])];
        let cells: String = cells.iter().map(|(text, columns)| head(text, *columns)).collect();
        let span = figures::ticking(bars.min(60) as f64 * run.slot_s);
        let header = format!("{}{cells} {} last {span}, from 0", left("device", names), left("method", how));
        let header = Line::from(figures::cut(&header, self.width));
        self.lines.push(header.bold());
        let room = below.saturating_sub(self.lines.len());
        let shown = if run.devices.len() > room { room.saturating_sub(1) } else { run.devices.len() };
        for device in &run.devices[..shown] {
            let watts = |power: Option<_>| power.map_or_else(|| NOT_READ.to_owned(), figures::power);
            let energy = figures::it_energy(&Range::exact(device.drawn.energy.p50));
            let cells = [watts(device.power), watts(device.mean), energy];
            let cells: String = cells.iter().zip(DEVICE).map(|(text, columns)| head(text, columns)).collect();
            let text = format!("{}{cells} {} ", left(&name(device), names), left(&method(device), how));
            let recent = &device.recent_w[device.recent_w.len().saturating_sub(bars)..];
            let drawn = Span::styled(figures::bars(recent), self.accent());
            self.lines.push(Line::from(vec![Span::from(figures::cut(&text, self.width)), drawn]));
        }
        if shown < run.devices.len() {
            let rest = &run.devices[shown..];
            let power = rest.iter().filter(|device| !device.drawn.inside_another).filter_map(|device| device.power);
            let power = power.reduce(|sum, power| sum + power).map_or_else(|| NOT_READ.to_owned(), figures::power);
            self.plain(&format!("… and {} more, {power}", rest.len()));
        }
    }

    fn warning(&mut self, text: &str, below: usize) {
        for (at, line) in figures::wrapped(text, self.width.saturating_sub(2).max(1)).iter().enumerate() {
            if self.lines.len() >= below {
                return;
            }
            self.lines.push(Line::from(format!("{} {line}", if at == 0 { "!" } else { " " })));
        }
    }

    fn notes(&mut self, notes: &[String], below: usize) {
        for note in notes {
            self.warning(note, below);
        }
    }
}

fn lasted(run: &RunNow) -> String {
    figures::ticking(run.entry.end.duration_since(run.entry.start).as_secs_f64())
}

fn name(device: &DeviceNow) -> String {
    let (id, model) = (&device.drawn.device, &device.drawn.model);
    if model.is_empty() { id.clone() } else { format!("{id} {model}") }
}

fn method(device: &DeviceNow) -> String {
    format!("{}{}", device.drawn.method, if device.drawn.inside_another { ", inside" } else { "" })
}

fn left(text: &str, columns: usize) -> String {
    let text = figures::cut(text, columns);
    let gap = columns.saturating_sub(figures::columns(&text));
    format!("{text}{}", " ".repeat(gap))
}

fn right(text: &str, columns: usize) -> String {
    let text = figures::cut(text, columns);
    let gap = columns.saturating_sub(figures::columns(&text));
    format!("{}{text}", " ".repeat(gap))
}
