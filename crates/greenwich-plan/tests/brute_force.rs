//! The planner against every possibility, and the laws that hold for any plan.
//!
//! In: small requests made from a seed. Out: the planner's answer beside that of a twin that knows
//! only what the documentation of `plan` says: it cuts the hours itself, tries every start and every
//! on/off pattern, and sums in the plainest way. It shares no line with the solver.

use greenwich_core::plan::{Candidate, PauseCost, Placement, Plan, Request};
use greenwich_core::quantity::{FacilityEnergy, Hours, Power, Pue, Usd};
use greenwich_core::{IntensitySeries, Provenance, PueSeries, Signal, Window};
use greenwich_plan::{PlanError, plan};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const CASES: u64 = 10_000;
const HOUR_S: i64 = 3600;

/// Equal but for rounding.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// Not above, but for rounding.
fn at_most(a: f64, b: f64) -> bool {
    a <= b || close(a, b)
}

// ---------------------------------------------------------------- requests from a seed

/// Sebastiano Vigna's splitmix64: the same request for the same seed on every machine.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ (b >> 31)
    }
    fn below(&mut self, count: i64) -> i64 {
        (self.bits() % count.unsigned_abs()) as i64
    }
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as i64) as usize]
    }
}

/// Up to ten hours, up to four candidates on up to three series.
fn request(seed: u64) -> Request {
    let dice = &mut Dice(seed);
    let midnight: Timestamp = "2026-01-05T00:00:00Z".parse().expect("a stamp");
    let seconds = SignedDuration::from_secs;
    let start = midnight + seconds(dice.of(&[0, 0, 5 * HOUR_S, 1200, 3599, 40_000]));
    let span_s = dice.below(9) * HOUR_S + dice.of(&[HOUR_S, 1, 600, 1800, 3599]);
    let window = Window::new(start, start + seconds(span_s)).expect("forwards");

    let step_s = dice.of(&[HOUR_S, HOUR_S, HOUR_S, 1800, 900, 2 * HOUR_S]);
    let flavour = dice.below(6);
    let series: Vec<IntensitySeries> = (0..=dice.below(3))
        .map(|zone| {
            let values = (0..40 * HOUR_S / step_s).map(|_| match flavour {
                0 => 300.0,
                1 => dice.below(4) as f64,
                2 => 100.0 * dice.below(3) as f64 + 50.0,
                3 => dice.of(&[0.0, 0.0, 0.1, 900.0]),
                _ => 1000.0 * dice.share(),
            });
            let values = values.collect();
            let first = midnight - seconds(dice.of(&[0, 0, HOUR_S, 1800]));
            let file = format!("{zone}.csv");
            let name = file.as_str().into();
            let provenance = Provenance::Replayed { file: file.clone() };
            IntensitySeries::new(name, Signal::Lifecycle, provenance, first, seconds(step_s), values)
        })
        .collect();

    // Half of the requests have sites that draw more in the heat, hour by hour or at steps of their own.
    let weathered = dice.below(2) == 0;
    let pue: Vec<PueSeries> = (0..if weathered { 1 + dice.below(2) } else { 0 })
        .map(|_| {
            let step_s = dice.of(&[HOUR_S, HOUR_S, 1800, 3 * HOUR_S]);
            let first = midnight - seconds(dice.of(&[0, 0, HOUR_S, 2700]));
            let flat = dice.below(4) == 0;
            let ratio = |dice: &mut Dice| Pue::new(if flat { 1.3 } else { 1.0 + dice.share() }).expect("1 to 2");
            let by_step = (0..44 * HOUR_S / step_s).map(|_| ratio(dice)).collect();
            PueSeries::new(Pue::new(1.3).expect("in range"), first, seconds(step_s), by_step)
        })
        .collect();

    let pauses = (dice.below(3) > 0).then(|| {
        let (checkpoint_s, restart_s) =
            dice.of(&[(0, 0), (0, 0), (300, 600), (0, 433), (1, 0), (900, 2400), (4000, 100)]);
        PauseCost {
            checkpoint: Hours::from_seconds(f64::from(checkpoint_s)),
            restart: Hours::from_seconds(f64::from(restart_s)),
        }
    });
    let priced = dice.below(4);
    let mut candidates: Vec<Candidate> = (0..=dice.below(4))
        .map(|index| {
            let at = dice.below(series.len() as i64) as usize;
            let work_s = match dice.below(6) {
                0 => HOUR_S * (1 + dice.below(4)),
                1 => span_s,
                2 => 1 + dice.below(3),
                3 => span_s + 1 - dice.below(3),
                _ => 1 + dice.below(span_s),
            };
            Candidate {
                region: format!("region {}", index % 3).as_str().into(),
                zone: series[at].zone.clone(),
                accelerator: format!("machine {}", dice.below(2)).as_str().into(),
                // Distinct, so that the order of names is a whole order.
                count: 8 + index as u32,
                series: at,
                work: Hours::from_seconds(work_s.max(1) as f64),
                facility_power: Power::from_kw(dice.of(&[1.0, 1.0, 2.0, 3.7])),
                pue: (weathered && dice.below(3) > 0).then(|| dice.below(pue.len() as i64) as usize),
                usd_per_hour: (dice.below(4) < priced).then(|| Usd::from_usd(dice.of(&[0.0, 1.0, 2.0, 2.5]))),
                transfer: FacilityEnergy::from_kwh(dice.of(&[0.0, 0.0, 0.5, 40.0])),
                transfer_g_per_kwh: dice.of(&[0.0, 300.0]),
            }
        })
        .collect();
    let mut baseline = candidates[dice.below(candidates.len() as i64) as usize].clone();
    if dice.below(2) == 0 {
        baseline.region = "elsewhere".into();
        baseline.work = Hours::from_seconds((1 + dice.below(2 * span_s)) as f64);
    }
    let turn = dice.below(candidates.len() as i64) as usize;
    candidates.rotate_left(turn);
    Request { window, pauses, candidates, baseline, series, pue }
}

// ---------------------------------------------------------------- the twin

fn whole_seconds(time: Hours) -> i64 {
    time.seconds().round() as i64
}

/// A cell: begin and end in seconds after the epoch, and its mean intensity.
#[derive(Debug, Clone, Copy)]
struct Cell {
    begin: i64,
    end: i64,
    g_per_kwh: f64,
}

/// Σ intensity × relative PUE × seconds between two instants, by the quarter of an hour that all steps are made of.
fn integral(series: &IntensitySeries, pue: Option<&PueSeries>, begin: i64, end: i64) -> f64 {
    let value = |at: i64| {
        let index = (at - series.start().as_second()).div_euclid(series.step().as_secs()) as usize;
        series.values_g_per_kwh()[index] * relative(pue, at)
    };
    quarters(begin, end).map(|(from, to)| (to - from) as f64 * value(from)).sum()
}

/// The PUE that holds at an instant, relative to the usual one.
fn relative(pue: Option<&PueSeries>, at: i64) -> f64 {
    pue.map_or(1.0, |pue| {
        let at = Timestamp::from_second(at).expect("a stamp");
        pue.mean(Window::new(at, at + SignedDuration::from_secs(1)).expect("a second")).expect("covered").ratio() / 1.3
    })
}

fn quarters(begin: i64, end: i64) -> impl Iterator<Item = (i64, i64)> {
    let cut = move |number: i64| (number * 900).clamp(begin, end);
    (begin.div_euclid(900)..=end.div_euclid(900))
        .map(move |number| (cut(number), cut(number + 1)))
        .filter(|(from, to)| from < to)
}

fn cells(request: &Request, candidate: &Candidate, begin: i64, end: i64) -> Vec<Cell> {
    let series = &request.series[candidate.series];
    let pue = candidate.pue.map(|index| &request.pue[index]);
    let anchor = if series.step().as_secs() < HOUR_S { 0 } else { series.start().as_second() };
    let mut cuts = vec![begin];
    cuts.extend((begin + 1..end).filter(|second| (second - anchor) % HOUR_S == 0));
    cuts.push(end);
    let cell = |pair: &[i64]| {
        let (begin, end) = (pair[0], pair[1]);
        Cell { begin, end, g_per_kwh: integral(series, pue, begin, end) / (end - begin) as f64 }
    };
    cuts.windows(2).map(cell).collect()
}

/// One way to run: segments in seconds after the epoch, and the intensity × seconds that it meets.
#[derive(Debug, Clone)]
struct Run {
    segments: Vec<(i64, i64)>,
    exposure: f64,
}

fn run_of(cells: &[Cell], segments: Vec<(i64, i64)>) -> Run {
    let met = |&(from, to): &(i64, i64)| -> f64 {
        cells.iter().map(|cell| (to.min(cell.end) - from.max(cell.begin)).max(0) as f64 * cell.g_per_kwh).sum()
    };
    Run { exposure: segments.iter().map(met).sum(), segments }
}

fn whole_runs(cells: &[Cell], work_s: i64) -> Vec<Run> {
    let end = cells[cells.len() - 1].end;
    let starts = cells.iter().map(|cell| cell.begin).filter(|begin| begin + work_s <= end);
    starts.map(|begin| run_of(cells, vec![(begin, begin + work_s)])).collect()
}

/// Running seconds of one on/off pattern, cut when the work is done, or `None` where it is no run.
fn pattern_run(cells: &[Cell], pattern: u32, work_s: i64, checkpoint_s: i64, restart_s: i64) -> Option<Run> {
    let is_on = |index: usize| pattern >> index & 1 == 1;
    let mut segments: Vec<(i64, i64)> = Vec::new();
    for (index, cell) in cells.iter().enumerate().filter(|(index, _)| is_on(*index)) {
        match segments.last_mut() {
            Some(segment) if index > 0 && is_on(index - 1) => segment.1 = cell.end,
            _ => segments.push((cell.begin, cell.end)),
        }
    }
    let pauses = segments.len() as i64 - 1;
    let held: i64 = segments.iter().map(|(from, to)| to - from).sum();
    let spare = held - (work_s + pauses * (checkpoint_s + restart_s));
    let last_on = cells.iter().enumerate().filter(|(index, _)| is_on(*index)).map(|(_, cell)| cell).next_back()?;
    if spare < 0 || spare >= last_on.end - last_on.begin {
        return None;
    }
    segments.last_mut()?.1 -= spare;
    let last = segments.len() - 1;
    let works = segments.iter().enumerate().all(|(index, (from, to))| {
        let overhead = if index > 0 { restart_s } else { 0 } + if index < last { checkpoint_s } else { 0 };
        to - from > overhead
    });
    works.then(|| run_of(cells, segments))
}

fn all_runs(request: &Request, cells: &[Cell], work_s: i64) -> Vec<Run> {
    let Some(cost) = request.pauses else { return whole_runs(cells, work_s) };
    let (checkpoint_s, restart_s) = (whole_seconds(cost.checkpoint), whole_seconds(cost.restart));
    let patterns = 1..1u32 << cells.len();
    patterns.filter_map(|pattern| pattern_run(cells, pattern, work_s, checkpoint_s, restart_s)).collect()
}

fn co2e_g(candidate: &Candidate, exposure: f64) -> f64 {
    candidate.facility_power.watts() / 1000.0 * exposure / 3600.0
        + candidate.transfer.kwh() * candidate.transfer_g_per_kwh
}

/// Everything the twin knows of one candidate.
struct Tried<'a> {
    candidate: &'a Candidate,
    cells: Vec<Cell>,
    least_g: f64,
    whole: Vec<Run>,
}

fn try_all(request: &Request) -> Vec<Tried<'_>> {
    let (begin, end) = (request.window.start().as_second(), request.window.end().as_second());
    let tried = request.candidates.iter().filter_map(|candidate| {
        let work_s = whole_seconds(candidate.work);
        if work_s > end - begin {
            return None;
        }
        let cells = cells(request, candidate, begin, end);
        let runs = all_runs(request, &cells, work_s);
        let least_g = runs.iter().map(|run| co2e_g(candidate, run.exposure)).fold(f64::INFINITY, f64::min);
        Some(Tried { candidate, least_g, whole: whole_runs(&cells, work_s), cells })
    });
    tried.collect()
}

// ---------------------------------------------------------------- what must hold

fn seconds(placement: &Placement) -> Vec<(i64, i64)> {
    placement.segments.iter().map(|segment| (segment.start().as_second(), segment.end().as_second())).collect()
}

/// No worse in emissions, cost and finish; an unknown cost is above any known.
fn no_worse(a: (f64, f64, i64), b: (f64, f64, i64)) -> bool {
    a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2
}

fn coordinates(placement: &Placement) -> (f64, f64, i64) {
    (placement.co2e.g(), placement.cost.map_or(f64::INFINITY, Usd::usd), placement.finish().as_second())
}

/// A placement is a run of the model, and its figures are those of that run.
fn assert_lawful(request: &Request, tried: &[Tried<'_>], placement: &Placement, seed: u64) {
    let own = tried.iter().find(|tried| *tried.candidate == placement.candidate).expect("a candidate that fits");
    let segments = seconds(placement);
    let (checkpoint_s, restart_s) =
        request.pauses.map_or((0, 0), |cost| (whole_seconds(cost.checkpoint), whole_seconds(cost.restart)));
    let pauses = segments.len() as i64 - 1;
    assert!(pauses == 0 || request.pauses.is_some(), "seed {seed}: pauses only where allowed");
    let running_s: i64 = segments.iter().map(|(from, to)| to - from).sum();
    let work_s = whole_seconds(own.candidate.work);
    assert_eq!(running_s, work_s + pauses * (checkpoint_s + restart_s), "seed {seed}: work and overheads, no more");
    let (first, last) = (&own.cells[0], &own.cells[own.cells.len() - 1]);
    for (index, (from, to)) in segments.iter().enumerate() {
        assert!(first.begin <= *from && from < to && *to <= last.end, "seed {seed}: inside the window");
        assert!(own.cells.iter().any(|cell| cell.begin == *from), "seed {seed}: begins with a cell");
        let is_last = index + 1 == segments.len();
        assert!(is_last || own.cells.iter().any(|cell| cell.end == *to), "seed {seed}: ends with a cell");
        assert!(is_last || *to < segments[index + 1].0, "seed {seed}: ascending and apart");
        let overhead = if index > 0 { restart_s } else { 0 } + if is_last { 0 } else { checkpoint_s };
        assert!(to - from > overhead, "seed {seed}: every segment works");
    }
    let exposure = run_of(&own.cells, segments).exposure;
    assert!(close(placement.co2e.g(), co2e_g(own.candidate, exposure)), "seed {seed}: co2e");
    let hours = running_s as f64 / 3600.0;
    let pue = own.candidate.pue.map(|index| &request.pue[index]);
    let parts = seconds(placement).into_iter().flat_map(|(from, to)| quarters(from, to));
    let drawn_s: f64 = parts.map(|(from, to)| (to - from) as f64 * relative(pue, from)).sum();
    let expected = own.candidate.facility_power.kw() * drawn_s / 3600.0;
    assert!(close(placement.energy.kwh(), expected), "seed {seed}: energy");
    let cost = own.candidate.usd_per_hour.map(|usd| usd.usd() * hours);
    assert!(close(placement.cost.map_or(-1.0, Usd::usd), cost.unwrap_or(-1.0)), "seed {seed}: cost");
}

fn assert_baseline(request: &Request, plan: &Plan, tried: &[Tried<'_>], seed: u64) {
    let home = &request.baseline;
    let (begin, end) = (request.window.start().as_second(), request.window.end().as_second());
    let done = begin + whole_seconds(home.work);
    assert_eq!(seconds(&plan.baseline), [(begin, done)], "seed {seed}: from release, in one piece");
    // Inside the window the baseline meets the cells that its series has in the plan.
    let shared = tried
        .iter()
        .find(|tried| (tried.candidate.series, tried.candidate.pue) == (home.series, home.pue) && done <= end);
    let own = cells(request, home, begin, done);
    let cells = shared.map_or(&own, |tried| &tried.cells);
    let expected = co2e_g(home, run_of(cells, vec![(begin, done)]).exposure);
    assert!(close(plan.baseline.co2e.g(), expected), "seed {seed}: baseline");
}

fn assert_bests(request: &Request, plan: &Plan, tried: &[Tried<'_>], seed: u64) {
    let least = |of: &dyn Fn(&Candidate) -> bool| {
        tried.iter().filter(|tried| of(tried.candidate)).map(|tried| tried.least_g).reduce(f64::min)
    };
    let best_g = plan.best.co2e.g();
    let expected = least(&|_| true).expect("one fits");
    assert!(close(best_g, expected), "seed {seed}: the planner finds {best_g} g, every possibility {expected} g");
    assert!(plan.lower_bound.g() <= expected.min(best_g), "seed {seed}: the bound is below every possibility");
    assert!(plan.gap() <= 1e-9 && best_g - plan.lower_bound.g() <= 1e-9 * best_g, "seed {seed}: gap {}", plan.gap());

    let home = &request.baseline;
    let at_home = |candidate: &Candidate| {
        (&candidate.region, &candidate.accelerator, candidate.count) == (&home.region, &home.accelerator, home.count)
    };
    match (&plan.time_only, least(&at_home)) {
        (Some(placement), Some(expected)) => {
            assert!(at_home(&placement.candidate) && close(placement.co2e.g(), expected), "seed {seed}: time only");
        }
        (found, expected) => assert!(found.is_none() && expected.is_none(), "seed {seed}: time only"),
    }

    let mut regions: Vec<_> = tried.iter().map(|tried| &tried.candidate.region).collect();
    regions.sort();
    regions.dedup();
    assert_eq!(plan.by_region.len(), regions.len(), "seed {seed}: one a region");
    assert!(plan.by_region.is_sorted_by(|a, b| a.co2e <= b.co2e), "seed {seed}: regions ascend");
    for region in regions {
        let found = plan.by_region.iter().find(|placement| placement.candidate.region == *region).expect("each region");
        let expected = least(&|candidate| candidate.region == *region).expect("a region that fits");
        assert!(close(found.co2e.g(), expected), "seed {seed}: best of {region}");
    }
}

fn assert_frontier(plan: &Plan, tried: &[Tried<'_>], seed: u64) {
    let points: Vec<_> = plan.alternatives.iter().map(coordinates).collect();
    assert_eq!(plan.alternatives[0], plan.best, "seed {seed}: the best comes first");
    assert!(points.len() <= 64 && points[1..].is_sorted_by(|a, b| a.0 <= b.0), "seed {seed}: ascending");
    for (index, point) in points.iter().enumerate() {
        for (other_index, other) in points.iter().enumerate() {
            // Of equal emissions, `best` is the one with fewer pauses, which may finish later.
            let excused = index == 0
                && close(point.0, other.0)
                && plan.alternatives[other_index].segments.len() > plan.best.segments.len();
            assert!(
                index == other_index || excused || !no_worse(*other, *point),
                "seed {seed}: {point:?} is dominated"
            );
        }
    }
    for tried in tried {
        for run in &tried.whole {
            let (from, to) = run.segments[0];
            let cost =
                tried.candidate.usd_per_hour.map_or(f64::INFINITY, |usd| usd.usd() * (to - from) as f64 / 3600.0);
            let known = points.iter().any(|(co2e, usd, finish)| {
                at_most(*co2e, co2e_g(tried.candidate, run.exposure)) && at_most(*usd, cost) && *finish <= to
            });
            assert!(known, "seed {seed}: a whole run that no alternative matches");
        }
    }
}

fn check(seed: u64) {
    let request = request(seed);
    let tried = try_all(&request);
    let plan = match plan(&request) {
        Ok(plan) => plan,
        Err(PlanError::Infeasible { .. }) => return assert!(tried.is_empty(), "seed {seed}: there is a way"),
        Err(error) => panic!("seed {seed}: {error}"),
    };
    assert_eq!(plan.too_slow.len(), request.candidates.len() - tried.len(), "seed {seed}: too slow");
    let placements = [&plan.best].into_iter().chain(&plan.alternatives).chain(&plan.by_region).chain(&plan.time_only);
    for placement in placements {
        assert_lawful(&request, &tried, placement, seed);
    }
    assert_baseline(&request, &plan, &tried, seed);
    assert_bests(&request, &plan, &tried, seed);
    assert_frontier(&plan, &tried, seed);

    assert_eq!(self::plan(&request).as_ref(), Ok(&plan), "seed {seed}: the same request, the same plan");
    let mut turned = request.clone();
    turned.candidates.reverse();
    assert_eq!(self::plan(&turned).expect("as before").best, plan.best, "seed {seed}: the order of candidates");
}

#[test]
fn ten_thousand_small_requests_are_planned_as_well_as_by_trying_everything() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (0..CASES / 2).for_each(|case| check(2 * case + half)));
        }
    });
}

proptest! {
    #[test]
    fn never_worse_than_starting_now_at_home(seed in any::<u64>()) {
        let mut request = request(seed);
        request.candidates.push(request.baseline.clone());
        let fits = request.baseline.work.seconds() <= request.window.duration().as_secs_f64();
        if let (true, Ok(plan)) = (fits, plan(&request)) {
            prop_assert!(plan.best.co2e <= plan.baseline.co2e, "{} above {}", plan.best.co2e, plan.baseline.co2e);
            prop_assert!(plan.time_only.expect("home fits").co2e <= plan.baseline.co2e);
            prop_assert!(plan.best.finish() <= request.window.end());
        }
    }
}
