//! A fleet's plan on one slide: each site hour by hour, what of it is used, how clean it is, how scarce.
//!
//! In: a planned fleet by site and hour. Out: SVG. A site has three bands: accelerators used against those it has,
//! intensity on one scale for all, and the shadow price on another. Where hours or sites are more than the slide can
//! hold, columns stand for several hours, and sites that are used least are left out, which the picture says.

use crate::amount::amount;
use crate::number::{change, count, percent, three};
use crate::svg::canvas::{Anchor, Canvas, Font, INK, MARGIN, RULE, WIDTH, shade};
use crate::when::{span, ticks};
use greenwich_core::quantity::Co2e;
use greenwich_core::{Signal, Window};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::ops::Range;

/// Most sites that are drawn.
const ROWS: usize = 30;
/// Most columns that are told apart.
const COLUMNS: usize = 280;
const CHART: (f64, f64) = (MARGIN + 176.0, WIDTH - MARGIN - 172.0);
const CHART_FOOT: f64 = 620.0;
/// Shares of a row: use, intensity, price; the rest parts it from the next.
const BANDS: [f64; 3] = [0.48, 0.26, 0.14];
/// A row as high as this has two lines of words.
const TWO_LINES: f64 = 40.0;
/// Shades of intensity and of price: columns of one shade are one box.
const SHADES: f64 = 32.0;
const PRICE: &str = "#8e4aa8";

/// What a fleet's picture is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetPicture<'a> {
    /// Jobs in all.
    pub jobs: usize,
    /// Those without a place.
    pub unplaced: usize,
    /// What the plan emits, penalties included.
    pub co2e: Co2e,
    /// At once, at home, capacity ignored.
    pub baseline: Co2e,
    /// No plan emits less; `None` where something else than emissions was minimised.
    pub lower_bound: Option<Co2e>,
    /// Plan over bound, less 1; `None` where the bound is zero or not known.
    pub gap: Option<f64>,
    /// The intensity that was planned by.
    pub signal: Signal,
    /// The planned hours' first instant.
    pub start: Timestamp,
    /// Their end.
    pub end: Timestamp,
    /// The sites, each with all planned hours.
    pub sites: Vec<SiteHours<'a>>,
    /// What the reader should know.
    pub warnings: &'a [String],
}

/// A site hour by hour.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteHours<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its grid zone.
    pub zone: &'a str,
    /// gCO2e per kWh of IT energy: intensity times PUE.
    pub g_per_it_kwh: Vec<f64>,
    /// Accelerators that it has.
    pub capacity: &'a [u32],
    /// Accelerators that run.
    pub used: Vec<u32>,
    /// What one more accelerator would save, in grams.
    pub price_g: &'a [f64],
}

impl SiteHours<'_> {
    fn used(&self) -> u64 {
        self.used.iter().map(|&now| u64::from(now)).sum()
    }
    fn has(&self) -> u64 {
        self.capacity.iter().map(|&now| u64::from(now)).sum()
    }
}

/// A fleet's plan as a picture.
pub fn fleet(view: &FleetPicture<'_>) -> String {
    let title = headline(view);
    let mut canvas = Canvas::new(&title);
    let drawn = drawn(view);
    let top = if drawn.len() > 12 {
        // The sites need the height.
        canvas.paragraph((MARGIN, 52.0), WIDTH - 2.0 * MARGIN, Anchor::Start, Font::bold(20.0), 2, &title)
    } else {
        canvas.headline(&title) + 2.0
    };
    let chart = Chart::of(view, &drawn);
    chart.legend(&mut canvas, top);
    let first = top + 36.0;
    let row = ((CHART_FOOT - first) / drawn.len().max(1) as f64).min(108.0).floor();
    let mut y = first;
    for site in &drawn {
        chart.site(&mut canvas, site, y, row);
        y += row;
    }
    chart.axis(&mut canvas, y + 2.0);
    footer(&mut canvas, view, drawn.len(), chart.hours_each);
    canvas.finish()
}

fn headline(view: &FleetPicture<'_>) -> String {
    let many =
        |number: usize, one: &str| format!("{} {one}{}", count(number as u64), if number == 1 { "" } else { "s" });
    let mut says = format!("{} on {}", many(view.jobs, "job"), many(view.sites.len(), "site"));
    if view.baseline.g() > 0.0 {
        let saved = 1.0 - view.co2e.g() / view.baseline.g();
        _ = write!(says, ": {} CO2e against running at once", change(saved));
    }
    if let Some(gap) = view.gap {
        _ = write!(says, ", at most {} above the least possible", percent(gap));
    }
    if view.unplaced > 0 {
        _ = write!(says, "; {} without a place", count(view.unplaced as u64));
    }
    says
}

/// The sites that are drawn, in their order: all, or those that are used most.
fn drawn<'a, 'b>(view: &'a FleetPicture<'b>) -> Vec<&'a SiteHours<'b>> {
    let mut order: Vec<usize> = (0..view.sites.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(view.sites[index].used()));
    order.truncate(ROWS);
    order.sort_unstable();
    order.into_iter().map(|index| &view.sites[index]).collect()
}

/// What all rows share.
struct Chart {
    window: Window,
    hours: usize,
    hours_each: usize,
    /// The highest intensity and price.
    most: (f64, f64),
}

impl Chart {
    fn of(view: &FleetPicture<'_>, drawn: &[&SiteHours<'_>]) -> Self {
        let hours = drawn.first().map_or(1, |site| site.used.len()).max(1);
        let most = |of: &dyn Fn(&SiteHours<'_>) -> f64| drawn.iter().map(|site| of(site)).fold(0.0, f64::max);
        let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        Self {
            window: Window::new(view.start, view.end).expect("a plan has an hour or more"),
            hours,
            hours_each: hours.div_ceil(COLUMNS),
            most: (most(&|site| highest(&site.g_per_it_kwh)), most(&|site| highest(site.price_g))),
        }
    }

    fn x(&self, hour: usize) -> f64 {
        CHART.0 + (CHART.1 - CHART.0) * hour as f64 / self.hours as f64
    }

    fn columns(&self) -> impl Iterator<Item = Range<usize>> {
        let (each, hours) = (self.hours_each, self.hours);
        (0..hours.div_ceil(each)).map(move |column| column * each..((column + 1) * each).min(hours))
    }

    /// The bands' meaning in one line above what they are drawn by.
    fn legend(&self, canvas: &mut Canvas, y: f64) {
        let font = Font::grey(13.0);
        let x = MARGIN;
        canvas.text((x, y), Anchor::Start, font, "Each site from the top:");
        canvas.rect((x, y + 9.0), (12.0, 12.0), INK, "");
        canvas.text((x + 17.0, y + 20.0), Anchor::Start, font, "used");
        canvas.rect((x + 60.0, y + 9.0), (12.0, 12.0), RULE, "");
        canvas.text((x + 77.0, y + 20.0), Anchor::Start, font, "free accelerators");
        scale(
            canvas,
            (CHART.0 + 90.0, y),
            "intensity",
            &format!("{} gCO2e per kWh of IT, PUE included", three(self.most.0)),
            &|at| (shade(at), String::new()),
        );
        let price = if self.most.1 > 0.0 {
            format!("{} gCO2e saved by one more accelerator", three(self.most.1))
        } else {
            "no hour is scarce".to_owned()
        };
        scale(canvas, (CHART.0 + 540.0, y), "shadow price", &price, &|at| (PRICE.to_owned(), opacity(at)));
    }

    fn site(&self, canvas: &mut Canvas, site: &SiteHours<'_>, y: f64, row: f64) {
        let [used, intensity, price] = BANDS.map(|share| (share * row).round().max(3.0));
        self.used(canvas, site, y, used);
        let most = self.most.0.max(f64::MIN_POSITIVE);
        let mean = |hours: Range<usize>| {
            let length = hours.len() as f64;
            site.g_per_it_kwh[hours].iter().sum::<f64>() / length
        };
        let at = y + used + 1.0;
        self.band(canvas, (at, intensity), &|hours| mean(hours) / most, &|share| Some((shade(share), String::new())));
        let most = self.most.1.max(f64::MIN_POSITIVE);
        let highest = |hours: Range<usize>| site.price_g[hours].iter().copied().fold(0.0, f64::max) / most;
        let colour = |share: f64| (share > 0.0).then(|| (PRICE.to_owned(), opacity(share)));
        self.band(canvas, (at + intensity, price), &highest, &colour);
        names(canvas, site, y, row);
    }

    /// Accelerators used, over those that there are.
    fn used(&self, canvas: &mut Canvas, site: &SiteHours<'_>, y: f64, height: f64) {
        let peak = f64::from(site.capacity.iter().copied().max().unwrap_or(0).max(1));
        let outline = |of: &[u32]| {
            let mut commands = format!("M{:.1} {:.1}", CHART.0, y + height);
            let mut last = None;
            for hours in self.columns() {
                let length = hours.len() as f64;
                let (from, sum) = (hours.start, of[hours].iter().map(|&now| f64::from(now)).sum::<f64>());
                let level = y + height - height * (sum / length / peak).min(1.0);
                if last != Some(level) {
                    // Writing to a string cannot fail.
                    _ = write!(commands, "H{:.1}V{level:.1}", self.x(from));
                    last = Some(level);
                }
            }
            _ = write!(commands, "H{:.1}V{:.1}Z", CHART.1, y + height);
            commands
        };
        canvas.path(&outline(site.capacity), RULE);
        canvas.path(&outline(&site.used), INK);
    }

    /// Boxes of a colour, neighbours of one shade as one.
    fn band(
        &self,
        canvas: &mut Canvas,
        (y, height): (f64, f64),
        share: &dyn Fn(Range<usize>) -> f64,
        colour: &dyn Fn(f64) -> Option<(String, String)>,
    ) {
        // Rounded up, so that what is not 0 is seen.
        let stepped = |hours: Range<usize>| (share(hours) * SHADES).ceil() as u32;
        let columns: Vec<(Range<usize>, u32)> = self.columns().map(|hours| (hours.clone(), stepped(hours))).collect();
        for alike in columns.chunk_by(|one, next| one.1 == next.1) {
            let (from, to) = (self.x(alike[0].0.start), self.x(alike[alike.len() - 1].0.end));
            let Some((fill, more)) = colour(f64::from(alike[0].1) / SHADES) else { continue };
            let more = format!("shape-rendering=\"crispEdges\"{more}");
            canvas.rect((from, y), (to - from, height), &fill, &more);
        }
    }

    fn axis(&self, canvas: &mut Canvas, y: f64) {
        canvas.line((CHART.0, y), (CHART.1, y), INK, 1.0);
        let font = Font::plain(13.0);
        for (instant, text) in ticks(self.window, 10) {
            let share =
                instant.duration_since(self.window.start()).as_secs_f64() / self.window.duration().as_secs_f64();
            let x = CHART.0 + share * (CHART.1 - CHART.0);
            canvas.line((x, y), (x, y + 5.0), INK, 1.0);
            canvas.text((x, y + 19.0), Anchor::Middle, font, &text);
        }
        let year = self.window.start().strftime("UTC, %Y").to_string();
        canvas.text((WIDTH - MARGIN, y + 19.0), Anchor::End, Font::grey(13.0), &year);
    }
}

/// Who it is to the left, and its figures to the right.
fn names(canvas: &mut Canvas, site: &SiteHours<'_>, y: f64, row: f64) {
    let share = if site.has() == 0 { 0.0 } else { site.used() as f64 / site.has() as f64 };
    let low = site.g_per_it_kwh.iter().copied().fold(f64::INFINITY, f64::min);
    let high = site.g_per_it_kwh.iter().copied().fold(0.0, f64::max);
    let (used, extent) = (format!("{} used", percent(share)), format!("{}–{} g/kWh", three(low), three(high)));
    let (left, right) = (CHART.0 - 10.0, CHART.1 + 10.0);
    let (before, after) = (left - MARGIN, WIDTH - MARGIN - right);
    if row >= TWO_LINES {
        let foot = y + 15.0;
        canvas.label((left, foot), before, Anchor::End, Font::plain(14.0), site.name);
        canvas.label((left, foot + 17.0), before, Anchor::End, Font::grey(13.0), site.zone);
        canvas.label((right, foot), after, Anchor::Start, Font::plain(14.0), &used);
        canvas.label((right, foot + 17.0), after, Anchor::Start, Font::grey(13.0), &extent);
        return;
    }
    let font = Font::plain((row * 0.72).clamp(9.0, 13.0));
    let foot = y + row * 0.44 + font.size * 0.36;
    let both = format!("{}, {}", site.name, site.zone);
    let name = if font.pixels(&both) <= before { &both } else { site.name };
    canvas.label((left, foot), before, Anchor::End, font, name);
    let figures = format!("{used}, {}", extent.trim_end_matches("/kWh"));
    canvas.label((right, foot), after, Anchor::Start, font, &figures);
}

/// A scale of a colour from 0 to what is highest, its name above.
fn scale(canvas: &mut Canvas, (x, y): (f64, f64), name: &str, most: &str, colour: &dyn Fn(f64) -> (String, String)) {
    let font = Font::grey(13.0);
    canvas.text((x, y), Anchor::Start, font, name);
    canvas.text((x, y + 20.0), Anchor::Start, font, "0");
    for step in 0..16 {
        let (fill, more) = colour((f64::from(step) + 0.5) / 16.0);
        canvas.rect((x + 12.0 + 5.0 * f64::from(step), y + 9.0), (5.2, 12.0), &fill, more.trim_start());
    }
    canvas.text((x + 98.0, y + 20.0), Anchor::Start, font, most);
}

/// How strongly a price that is not 0 shows: few hours are very scarce, so that the root tells the others apart.
fn opacity(share: f64) -> String {
    format!(" fill-opacity=\"{:.2}\"", 0.2 + 0.8 * share.clamp(0.0, 1.0).sqrt())
}

fn footer(canvas: &mut Canvas, view: &FleetPicture<'_>, drawn: usize, hours_each: usize) {
    let penalties = if view.unplaced > 0 { " (penalties of unplaced jobs included)" } else { "" };
    let mut says = format!(
        "Planned: {}{penalties}. At once at home, capacity ignored: {}.{} Intensity: {}, {}.",
        amount(view.co2e),
        amount(view.baseline),
        view.lower_bound.map_or(String::new(), |least| format!(" No plan emits less than {}, proven.", amount(least))),
        view.signal.as_str(),
        span(view.start, view.end)
    );
    if drawn < view.sites.len() {
        _ = write!(says, " The {drawn} sites that are used most, of {}.", view.sites.len());
    }
    if hours_each > 1 {
        _ = write!(says, " A column is {hours_each} h: their mean, and their highest price.");
    }
    for warning in view.warnings {
        _ = write!(says, " {warning}.");
    }
    canvas.foot(72.0, WIDTH - 2.0 * MARGIN - 120.0, 3, &says);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::canvas::HEIGHT;

    fn picture(sites: usize, hours: usize) -> String {
        let capacity = vec![64; hours];
        let price: Vec<f64> = (0..hours).map(|hour| if hour % 24 == 3 { 40.0 } else { 0.0 }).collect();
        let names: Vec<String> = (0..sites).map(|site| format!("site-{site}")).collect();
        let start: Timestamp = "2022-07-04T00:00:00Z".parse().expect("a stamp");
        let hourly = |site: usize| (0..hours).map(|hour| (100 + site * 10 + hour % 24 * 5) as f64).collect();
        let sites = names.iter().enumerate().map(|(index, name)| SiteHours {
            name,
            zone: "<Z>",
            g_per_it_kwh: hourly(index),
            capacity: &capacity,
            used: (0..hours).map(|hour| if (hour + index) % 3 == 0 { 64 } else { index as u32 }).collect(),
            price_g: &price,
        });
        fleet(&FleetPicture {
            jobs: 1200,
            unplaced: 2,
            co2e: Co2e::from_kg(80.0),
            baseline: Co2e::from_kg(100.0),
            lower_bound: Some(Co2e::from_kg(79.0)),
            gap: Some(1.0 / 79.0),
            signal: Signal::Lifecycle,
            start,
            end: start + jiff::SignedDuration::from_hours(hours as i64),
            sites: sites.collect(),
            warnings: &["stopped early".to_owned()],
        })
    }

    #[test]
    fn each_site_has_its_name_and_its_bands() {
        let picture = picture(4, 72);
        for says in [
            ">site-0<",
            ">&lt;Z&gt;<",
            ">site-3<",
            "1,200 jobs on 4 sites: −20 %",
            "2 without a place",
            "stopped early",
        ] {
            assert!(picture.contains(says), "{says}");
        }
        assert_eq!(picture.matches("<path").count(), 8);
        // A scarce hour a day and site, and the scale.
        assert_eq!(picture.matches(PRICE).count(), 4 * 3 + 16);
        assert!(!picture.contains("<Z>"));
    }

    #[test]
    fn a_large_fleet_is_thinned_and_says_so() {
        let picture = picture(41, 1000);
        assert!(picture.contains("The 30 sites that are used most, of 41. A column is 4 h"));
        assert!(picture.contains("site-40,") && !picture.contains("site-1,"));
        assert!(picture.len() < 1 << 20, "{} bytes", picture.len());
    }

    #[test]
    fn nothing_is_drawn_outside_the_slide() {
        for (sites, hours) in [(1, 1), (30, 168), (50, 5000)] {
            let picture = picture(sites, hours);
            for (attribute, most) in [(" x=\"", WIDTH), (" y=\"", HEIGHT)] {
                for part in picture.split(attribute).skip(1) {
                    let at: f64 = part.split('"').next().and_then(|text| text.parse().ok()).expect("a number");
                    assert!((0.0..=most).contains(&at), "{sites} sites, {hours} h: {attribute}{at}");
                }
            }
        }
    }
}
