//! One site of a fleet's plan on one slide: each job as a bar over the hours, and how clean they are.
//!
//! In: the jobs of a site with their hours. Out: SVG. A job has a line: thin from its release to its deadline, a bar where it
//! runs; behind all of them the hours in the colour of their intensity. What a bar is stands in its title, which viewers
//! show where the pointer rests. Beyond what fits those with most accelerator-hours are drawn, which the picture says.

use crate::number::{count, percent, three};
use crate::svg::canvas::{Anchor, Canvas, Font, GREY, INK, MARGIN, WIDTH, shade};
use crate::when::{short, span, ticks};
use greenwich_core::{Signal, Window};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::ops::Range;

/// Most jobs that are drawn.
const ROWS: usize = 60;
const CHART: (f64, f64) = (MARGIN + 150.0, WIDTH - MARGIN);
const CHART_FOOT: f64 = 626.0;
/// Height of the band of intensity above the jobs.
const BAND: f64 = 16.0;
/// Shades of intensity: neighbours of one shade are one box.
const SHADES: f64 = 32.0;

/// What the picture of a site is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePicture<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its grid zone.
    pub zone: &'a str,
    /// gCO2e per kWh of IT energy hour by hour: intensity times PUE.
    pub g_per_it_kwh: Vec<f64>,
    /// Accelerators that it has, hour by hour.
    pub capacity: &'a [u32],
    /// The intensity that was planned by.
    pub signal: Signal,
    /// The planned hours' first instant.
    pub start: Timestamp,
    /// The jobs that run there.
    pub jobs: Vec<SiteJob<'a>>,
}

/// A job of a site; hours count from the start of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteJob<'a> {
    /// Its name.
    pub name: &'a str,
    /// Accelerators that it holds.
    pub accelerators: u32,
    /// From its release to its deadline.
    pub window: Range<u32>,
    /// Hours in which it runs, ascending.
    pub runs: Vec<Range<u32>>,
    /// Where it would have run, if that is elsewhere.
    pub home: Option<&'a str>,
    /// What it emits, in grams.
    pub co2e_g: f64,
}

impl SiteJob<'_> {
    fn hours(&self) -> u32 {
        self.runs.iter().map(|run| run.end - run.start).sum()
    }
    fn work(&self) -> u64 {
        u64::from(self.accelerators) * u64::from(self.hours())
    }
}

/// A site's jobs as a picture.
pub fn site(view: &SitePicture<'_>) -> String {
    let hours = view.g_per_it_kwh.len();
    let held: u64 = view.jobs.iter().map(SiteJob::work).sum();
    let has: u64 = view.capacity.iter().map(|&now| u64::from(now)).sum();
    let jobs = if view.jobs.len() == 1 { "job" } else { "jobs" };
    let used = if has == 0 { 0.0 } else { held as f64 / has as f64 };
    let title =
        format!("{} {jobs} on {}, {}: {} used", count(view.jobs.len() as u64), view.name, view.zone, percent(used));
    let mut canvas = Canvas::new(&title);
    let top = canvas.headline(&title) + 2.0;
    let chart =
        Chart { hours: hours.max(1), most: view.g_per_it_kwh.iter().copied().fold(f64::MIN_POSITIVE, f64::max) };
    chart.legend(&mut canvas, top);
    let drawn = drawn(view);
    let first = top + 34.0;
    let row = ((CHART_FOOT - first - BAND) / drawn.len().max(1) as f64).min(26.0);
    let foot = first + BAND + row * drawn.len() as f64;
    chart.hours(&mut canvas, view, (first, BAND), "");
    chart.hours(&mut canvas, view, (first + BAND, foot - first - BAND), " fill-opacity=\"0.22\"");
    for (at, job) in drawn.iter().enumerate() {
        chart.job(&mut canvas, view, job, (first + BAND + row * at as f64, row));
    }
    chart.axis(&mut canvas, view, foot + 2.0);
    footer(&mut canvas, view, drawn.len());
    canvas.finish()
}

/// The jobs that are drawn, by the hour in which they begin: all, or those with most accelerator-hours.
fn drawn<'a, 'b>(view: &'a SitePicture<'b>) -> Vec<&'a SiteJob<'b>> {
    let mut jobs: Vec<&SiteJob<'_>> = view.jobs.iter().collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.work()));
    jobs.truncate(ROWS);
    jobs.sort_by_key(|job| (job.runs.first().map(|run| run.start), job.window.start, job.name));
    jobs
}

struct Chart {
    hours: usize,
    most: f64,
}

impl Chart {
    fn x(&self, hour: f64) -> f64 {
        CHART.0 + (CHART.1 - CHART.0) * (hour / self.hours as f64).clamp(0.0, 1.0)
    }

    fn legend(&self, canvas: &mut Canvas, y: f64) {
        let font = Font::grey(13.0);
        canvas.line((MARGIN, y + 6.0), (MARGIN + 34.0, y + 6.0), GREY, 1.0);
        canvas.rect((MARGIN + 10.0, y), (14.0, 12.0), INK, "");
        canvas.text((MARGIN + 42.0, y + 11.0), Anchor::Start, font, "runs, between release and deadline");
        let x = CHART.0 + 180.0;
        canvas.text((x, y + 11.0), Anchor::Start, font, "0");
        for step in 0..16 {
            let at = f64::from(step);
            canvas.rect((x + 12.0 + 5.0 * at, y), (5.2, 12.0), &shade((at + 0.5) / 16.0), "");
        }
        let most = format!("{} gCO2e per kWh of IT, PUE included", three(self.most));
        canvas.text((x + 98.0, y + 11.0), Anchor::Start, font, &most);
    }

    /// The hours in the colour of their intensity.
    fn hours(&self, canvas: &mut Canvas, view: &SitePicture<'_>, (y, height): (f64, f64), more: &str) {
        let stepped = |grams: &f64| (grams / self.most * SHADES).ceil() as u32;
        let mut from = 0;
        for alike in view.g_per_it_kwh.chunk_by(|one, next| stepped(one) == stepped(next)) {
            let (left, right) = (self.x(from as f64), self.x((from + alike.len()) as f64));
            let fill = shade(f64::from(stepped(&alike[0])) / SHADES);
            canvas.rect((left, y), (right - left, height), &fill, &format!("shape-rendering=\"crispEdges\"{more}"));
            from += alike.len();
        }
    }

    fn job(&self, canvas: &mut Canvas, view: &SitePicture<'_>, job: &SiteJob<'_>, (y, row): (f64, f64)) {
        let middle = y + row / 2.0;
        let (from, until) = (self.x(f64::from(job.window.start)), self.x(f64::from(job.window.end)));
        canvas.line((from, middle), (until, middle), GREY, 1.0);
        let bar = (row * 0.72).max(3.0);
        for run in &job.runs {
            let (left, right) = (self.x(f64::from(run.start)), self.x(f64::from(run.end)));
            canvas.titled_rect((left, middle - bar / 2.0), (right - left, bar), INK, &says(view, job, run));
        }
        let font = Font::plain((row * 0.8).clamp(7.0, 12.0));
        let name = format!("{} × {}", job.name, count(job.accelerators));
        canvas.label((CHART.0 - 8.0, middle + font.size * 0.36), CHART.0 - 8.0 - MARGIN, Anchor::End, font, &name);
    }

    fn axis(&self, canvas: &mut Canvas, view: &SitePicture<'_>, y: f64) {
        canvas.line((CHART.0, y), (CHART.1, y), INK, 1.0);
        let window = window(view);
        for (instant, text) in ticks(window, 10) {
            let x = self.x(instant.duration_since(window.start()).as_secs_f64() / 3600.0);
            canvas.line((x, y), (x, y + 5.0), INK, 1.0);
            canvas.text((x, y + 19.0), Anchor::Middle, Font::plain(13.0), &text);
        }
    }
}

fn at(view: &SitePicture<'_>, hour: u32) -> Timestamp {
    view.start + SignedDuration::from_hours(i64::from(hour))
}

fn window(view: &SitePicture<'_>) -> Window {
    let end = at(view, (view.g_per_it_kwh.len() as u32).max(1));
    Window::new(view.start, end).expect("a plan has an hour or more")
}

/// What a bar is.
fn says(view: &SitePicture<'_>, job: &SiteJob<'_>, run: &Range<u32>) -> String {
    let instant = |hour: u32| short(at(view, hour));
    let home = job.home.map_or(String::new(), |home| format!(", home {home}"));
    format!(
        "{}: {} × {} h, here {} to {}; released {}, due {}; {} gCO2e in all{home}",
        job.name,
        count(job.accelerators),
        job.hours(),
        instant(run.start),
        instant(run.end),
        instant(job.window.start),
        instant(job.window.end),
        three(job.co2e_g)
    )
}

fn footer(canvas: &mut Canvas, view: &SitePicture<'_>, drawn: usize) {
    let grams: f64 = view.jobs.iter().map(|job| job.co2e_g).sum();
    let window = window(view);
    let mut words = format!(
        "Name × accelerators. The site's jobs emit {} kgCO2e. Intensity: {}, {}.",
        three(grams / 1e3),
        view.signal.as_str(),
        span(window.start(), window.end())
    );
    if drawn < view.jobs.len() {
        // Writing to a string cannot fail.
        _ = write!(words, " The {drawn} jobs with most accelerator-hours, of {}.", count(view.jobs.len() as u64));
    }
    canvas.foot(60.0, WIDTH - 2.0 * MARGIN - 120.0, 2, &words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::canvas::HEIGHT;

    fn picture(jobs: usize, hours: u32) -> String {
        let names: Vec<String> = (0..jobs).map(|job| format!("job-{job}&co")).collect();
        let capacity = vec![64; hours as usize];
        let made = names.iter().zip(0_u32..).map(|(name, at)| {
            let first = at % hours.saturating_sub(3).max(1);
            let mut runs = vec![first..first + 1, first + 2..first + 3];
            runs.truncate(1 + (at % 2) as usize);
            SiteJob {
                name,
                accelerators: 1 + at,
                window: first..hours,
                runs,
                home: (at == 1).then_some("south"),
                co2e_g: 500.0,
            }
        });
        site(&SitePicture {
            name: "north",
            zone: "NO",
            g_per_it_kwh: (0..hours).map(|hour| 50.0 + f64::from(hour % 24)).collect(),
            capacity: &capacity,
            signal: Signal::Lifecycle,
            start: "2022-07-04T00:00:00Z".parse().expect("a stamp"),
            jobs: made.collect(),
        })
    }

    #[test]
    fn each_job_has_its_bars_and_says_what_it_is() {
        let picture = picture(3, 24);
        for says in [
            "3 jobs on north, NO",
            ">job-0&amp;co × 1<",
            "<title>job-1&amp;co: 2 × 2 h, here 4 Jul 01:00 to 4 Jul 02:00; released 4 Jul 01:00, due 5 Jul 00:00; 500 gCO2e in all, home south</title>",
        ] {
            assert!(picture.contains(says), "{says}: {picture}");
        }
        // One bar, two, and one.
        assert_eq!(picture.matches("<title>job-").count(), 4);
    }

    #[test]
    fn beyond_sixty_the_largest_are_drawn_and_nothing_lies_outside() {
        let many = picture(200, 168);
        assert!(many.contains("The 60 jobs with most"));
        assert!(many.contains("job-199&amp;co") && !many.contains("job-3&amp;co"));
        for picture in [many, picture(0, 24), picture(1, 1)] {
            for (attribute, most) in [(" x=\"", WIDTH), (" y=\"", HEIGHT)] {
                for part in picture.split(attribute).skip(1) {
                    let at: f64 = part.split('"').next().and_then(|text| text.parse().ok()).expect("a number");
                    assert!((0.0..=most).contains(&at), "{attribute}{at}");
                }
            }
        }
    }
}
