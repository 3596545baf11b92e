//! The plan of one job.
//!
//! In: a [`Request`]. Out: its [`Plan`]: the best placement and the bound, the baseline, the best of
//! each region and the frontier. How a run is found on one series is told in `whole` and `pause`;
//! here every series is cut into cells once for each site's PUE, every pair of cells and running time
//! is solved once, and candidates are compared.

use crate::cells::{CELL_S, Cells, TIE, Timing};
use crate::check;
use crate::error::PlanError;
use crate::frontier::{Point, thin, undominated};
use crate::pause::{Overhead, Solver};
use crate::whole;
use greenwich_core::Window;
use greenwich_core::plan::{Candidate, Placement, Plan, Request};
use greenwich_core::quantity::{Co2e, FacilityEnergy, Hours};
use jiff::{SignedDuration, Timestamp};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Most placements that [`Plan::alternatives`] holds.
const MOST_ALTERNATIVES: usize = 64;
/// How many of the best pairs of series and running time are also asked for earlier finishes.
const EARLY_PAIRS: usize = 8;
/// Those finishes, in quarters of the window.
const EARLY_QUARTERS: [usize; 3] = [1, 2, 3];

/// Returns the placement of least emissions among all candidates and times, with a proven bound.
///
/// Time is cut into cells of an hour that change where the series does: at its stamps where its step is
/// an hour or more, at the clock's full hours where it is finer. The first cell is cut at the window's
/// start and the last at its end; a cell has one intensity, its time-weighted mean: of intensity × PUE relative
/// to the usual one where a candidate's PUE changes over time. Running, checkpoint and restart times are rounded up to
/// whole seconds. A run starts at a cell boundary and is done by the window's end. Where the request
/// allows pauses, each cell is on or off, only the last on-cell may be left early, and each pause adds
/// `checkpoint + restart` of running at full power that does no work: the first ends the segment
/// before it, the second begins the one after, and every segment is longer than its overhead.
///
/// co2e = `facility_power` × Σ intensity × relative PUE × time + `transfer` × `transfer_g_per_kwh`. The `energy`
/// of a placement leaves the transfer out. Cost is price × running time, checkpoints and restarts included.
///
/// `best` has the least co2e; of the runs found within a relative 1e-12 the one with fewer pauses, then
/// the earlier finish, the lower cost, the region's and accelerator's name and the count decide.
/// `lower_bound` is proven, less than 1e-10 below the optimum for rounding where the dearest hour needed
/// is within some hundred times the mean of those used; it lies farther below `best` only where memory
/// (256 MiB) ran out.
///
/// In a request so large that 32 Mi labels do not suffice for every interruptible pair of zone and running
/// time, the pairs that are proven unable to win get the run that the bound's price gives. So `best` and
/// `lower_bound` never suffer; `by_region` and `alternatives` may then hold a run a little above its optimum.
///
/// The baseline runs from the window's start in one piece, past the deadline if it must, provided its
/// series reaches that far. `time_only` is the best among candidates of the baseline's region,
/// accelerator and count. `alternatives` is the frontier over co2e, cost and finish of all whole runs,
/// the best interruptible run of each candidate, and, of the eight best pairs of zone and running
/// time, the best interruptible runs done in 25, 50 and 75 % of the window; an unknown cost counts as
/// higher than any known. It is thinned to 64, best first; the least co2e, cost and finish stay. `best`
/// is held even where a run with more pauses and the same co2e finishes earlier.
///
/// # Errors
/// - [`PlanError::NoCandidates`] when there is nowhere to run.
/// - [`PlanError::BadCandidate`], [`PlanError::BadPause`], [`PlanError::BadIntensity`] for work or power
///   that is not above zero, negative prices, overheads, transfers or intensities, and what is not finite.
/// - [`PlanError::NoSeries`] when a candidate's series is not in the request, and
///   [`PlanError::MixedSignals`] when the series used are not all of one signal.
/// - [`PlanError::Infeasible`] when no candidate finishes in the window.
/// - [`PlanError::PueGap`] when a candidate's PUE is not in the request, or does not cover its hours.
/// - [`PlanError::SignalGap`] when the series of a candidate that fits does not cover the window, or the
///   baseline's does not cover its run.
///
/// # Examples
/// ```
/// use greenwich_core::plan::{Candidate, Request};
/// use greenwich_core::quantity::{FacilityEnergy, Hours, Power};
/// use greenwich_core::{IntensitySeries, Provenance, Signal, Window};
/// use jiff::{SignedDuration, Timestamp};
///
/// let start: Timestamp = "2026-01-05T00:00:00Z".parse()?;
/// let hour = SignedDuration::from_hours(1);
/// let series = IntensitySeries::new(
///     "FR".into(),
///     Signal::Lifecycle,
///     Provenance::Replayed { file: "FR.csv".into() },
///     start,
///     hour,
///     vec![300.0, 120.0, 80.0, 90.0, 310.0],
/// );
/// let home = Candidate {
///     region: "our room".into(),
///     zone: "FR".into(),
///     accelerator: "a100-sxm4-80g".into(),
///     count: 8,
///     series: 0,
///     work: Hours::from_hours(2.0),
///     facility_power: Power::from_kw(4.0),
///     pue: None,
///     usd_per_hour: None,
///     transfer: FacilityEnergy::ZERO,
///     transfer_g_per_kwh: 0.0,
/// };
/// let plan = greenwich_plan::plan(&Request {
///     window: Window::new(start, start + hour * 5)?,
///     pauses: None,
///     candidates: vec![home.clone()],
///     baseline: home,
///     series: vec![series],
///     pue: vec![],
/// })?;
/// assert_eq!(plan.best.start(), start + hour * 2);
/// assert!((plan.best.co2e.g() - 4.0 * (80.0 + 90.0)).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(request: &Request) -> Result<Plan, PlanError> {
    check::numbers(request)?;
    let horizon = Horizon { start: request.window.start(), seconds: request.window.duration().as_secs() };
    let work: Vec<i64> = request.candidates.iter().map(work_seconds).collect();
    let (fitting, slow): (Vec<usize>, Vec<usize>) = (0..work.len()).partition(|&index| work[index] <= horizon.seconds);
    if fitting.is_empty() {
        return Err(infeasible(request, horizon, &work));
    }
    let cells = cut(request, horizon, &fitting)?;
    let baseline = baseline(request, horizon, &cells)?;

    let mut fleet = Fleet { request, horizon, rank: ranks(&request.candidates), work, fitting, pairs: BTreeMap::new() };
    fleet.solve(&cells);
    let points = fleet.points();
    let best = best_of(&points).expect("a candidate fits");
    let home = &request.baseline;
    let at_home = |point: &&Point| {
        let candidate = &request.candidates[point.candidate];
        (&candidate.region, &candidate.accelerator, candidate.count) == (&home.region, &home.accelerator, home.count)
    };
    let time_only: Vec<Point> = points.iter().filter(at_home).copied().collect();
    let best_placement = fleet.placement(&best);
    Ok(Plan {
        lower_bound: Co2e::from_g(fleet.lower_bound().g().min(best_placement.co2e.g())),
        baseline,
        time_only: best_of(&time_only).map(|point| fleet.placement(&point)),
        by_region: fleet.by_region(&points).iter().map(|point| fleet.placement(point)).collect(),
        alternatives: Fleet::alternatives(points, best).iter().map(|point| fleet.placement(point)).collect(),
        too_slow: slow
            .into_iter()
            .map(|index| (request.candidates[index].clone(), request.candidates[index].work))
            .collect(),
        best: best_placement,
    })
}

/// A time in whole seconds, rounded up; a millionth of a second above one is how decimal hours round.
fn whole_seconds(time: Hours) -> i64 {
    ((time.seconds() - 1e-6).ceil() as i64).max(0)
}

/// Running time in whole seconds, at least one.
fn work_seconds(candidate: &Candidate) -> i64 {
    whole_seconds(candidate.work).max(1)
}

/// From release to deadline, in whole seconds.
#[derive(Debug, Clone, Copy)]
struct Horizon {
    start: Timestamp,
    seconds: i64,
}

impl Horizon {
    fn at(self, second: i64) -> Timestamp {
        self.start.checked_add(SignedDuration::from_secs(second)).unwrap_or(Timestamp::MAX)
    }
    fn window(self, (from, to): (i64, i64)) -> Window {
        Window::new(self.at(from), self.at(to)).expect("segments step forward")
    }
}

fn infeasible(request: &Request, horizon: Horizon, work: &[i64]) -> PlanError {
    let quickest = (0..work.len()).min_by_key(|&index| work[index]).expect("there are candidates");
    let candidate = &request.candidates[quickest];
    // Work shared evenly: the least count whose work fits, named up to 16 times the count given.
    let times = work[quickest] as f64 / horizon.seconds.max(1) as f64;
    let least_count = (times <= 16.0).then(|| (f64::from(candidate.count) * times).ceil() as u32);
    PlanError::Infeasible {
        least_count,
        region: candidate.region.clone(),
        accelerator: candidate.accelerator.clone(),
        count: candidate.count,
        needs_h: candidate.work.hours(),
        has_h: request.window.hours(),
        earliest_finish: whole_second_after(horizon.at(work[quickest])),
    }
}

/// Nobody types nanoseconds.
fn whole_second_after(at: Timestamp) -> Timestamp {
    let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// What the hours of a candidate are cut from: its series, and its PUE where that changes.
type Ground = (usize, Option<usize>);

fn ground(candidate: &Candidate) -> Ground {
    (candidate.series, candidate.pue)
}

/// The cells of every ground that a fitting candidate stands on.
fn cut(request: &Request, horizon: Horizon, fitting: &[usize]) -> Result<BTreeMap<Ground, Cells>, PlanError> {
    let mut cells: BTreeMap<Ground, Cells> = BTreeMap::new();
    let first = &request.series[request.candidates[fitting[0]].series];
    for &index in fitting {
        let candidate = &request.candidates[index];
        if let Entry::Vacant(free) = cells.entry(ground(candidate)) {
            check::signal(&request.series[candidate.series], first)?;
            free.insert(cells_over(request, candidate, horizon, horizon.seconds)?);
        }
    }
    let home = &request.series[request.baseline.series];
    check::signal(home, first)?;
    Ok(cells)
}

/// The cells of a candidate from the window's start on.
fn cells_over(request: &Request, candidate: &Candidate, horizon: Horizon, seconds: i64) -> Result<Cells, PlanError> {
    let series = &request.series[candidate.series];
    let window = horizon.window((0, seconds));
    check::intensities(series, window)?;
    let pue = check::pue(request, candidate, window)?;
    Ok(Cells::new(series, pue, horizon.start, seconds).expect("the series covers the window"))
}

/// The run of the baseline from release, in one piece, even past the deadline.
fn baseline(request: &Request, horizon: Horizon, cells: &BTreeMap<Ground, Cells>) -> Result<Placement, PlanError> {
    let home = &request.baseline;
    let work = work_seconds(home);
    let own;
    let cells = match cells.get(&ground(home)) {
        // The same cells as the plan's, so that a candidate at home meets the same figures.
        Some(cells) if work <= cells.seconds() => cells,
        _ => {
            own = cells_over(request, home, horizon, work)?;
            &own
        }
    };
    Ok(placement(request, home, &cells.timing(vec![(0, work)]), horizon))
}

/// Places candidates in the order of region, accelerator, count and index.
fn ranks(candidates: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&index| {
        let candidate = &candidates[index];
        (&candidate.region, &candidate.accelerator, candidate.count, index)
    });
    let mut rank = vec![0; order.len()];
    for (place, index) in order.into_iter().enumerate() {
        rank[index] = place;
    }
    rank
}

/// Least co2e; within rounding fewer pauses, earlier finish, less cost, name.
fn best_of(points: &[Point]) -> Option<Point> {
    let least = points.iter().map(|point| point.co2e_g).fold(f64::INFINITY, f64::min);
    let tied = points.iter().filter(|point| point.co2e_g <= least * (1.0 + TIE));
    let order = |a: &&Point, b: &&Point| {
        let whole_and_early = (a.pauses, a.finish_s).cmp(&(b.pauses, b.finish_s));
        whole_and_early.then(a.cost_usd.total_cmp(&b.cost_usd)).then(a.rank.cmp(&b.rank))
    };
    tied.min_by(order).copied()
}

/// Emissions of a timing for a candidate, in g, the transfer included.
fn co2e_g(candidate: &Candidate, exposure: f64) -> f64 {
    candidate.facility_power.kw() * exposure / 3600.0 + candidate.transfer.kwh() * candidate.transfer_g_per_kwh
}

/// The exposure at which a candidate emits this much, the transfer included.
fn exposure(candidate: &Candidate, co2e_g: f64) -> f64 {
    (co2e_g - candidate.transfer.kwh() * candidate.transfer_g_per_kwh) * 3600.0 / candidate.facility_power.kw()
}

fn placement(request: &Request, candidate: &Candidate, timing: &Timing, horizon: Horizon) -> Placement {
    let running = Hours::from_seconds(timing.running_s() as f64);
    let segments: Vec<Window> = timing.segments.iter().map(|segment| horizon.window(*segment)).collect();
    let drawn = |segment: &Window| request.energy(candidate, *segment).expect("cells were cut from the same PUE");
    Placement {
        energy: match candidate.pue {
            None => FacilityEnergy::from_joules(candidate.facility_power.watts() * running.seconds()),
            Some(_) => segments.iter().map(drawn).sum(),
        },
        segments,
        co2e: Co2e::from_g(co2e_g(candidate, timing.exposure)),
        cost: candidate.usd_per_hour.map(|usd| usd * running.hours()),
        candidate: candidate.clone(),
    }
}

/// All runs worth a look on one ground for one running time.
#[derive(Debug)]
struct Solved {
    timings: Vec<Timing>,
    /// Index of the one of least exposure.
    best: usize,
    /// No run has less exposure.
    bound: f64,
}

/// The candidates that fit, and what was found for each pair of ground and running time.
#[derive(Debug)]
struct Fleet<'a> {
    request: &'a Request,
    horizon: Horizon,
    rank: Vec<usize>,
    /// Running time of each candidate in seconds.
    work: Vec<i64>,
    fitting: Vec<usize>,
    pairs: BTreeMap<(Ground, i64), Solved>,
}

impl Fleet<'_> {
    fn key(&self, candidate: usize) -> (Ground, i64) {
        (ground(&self.request.candidates[candidate]), self.work[candidate])
    }
    fn solved(&self, candidate: usize) -> &Solved {
        &self.pairs[&self.key(candidate)]
    }
    /// Solves every pair of cells and running time once: first in one piece, then, where pauses are
    /// allowed, the pairs that emit least in one piece first, so that the rest can be judged by them.
    fn solve(&mut self, cells: &BTreeMap<Ground, Cells>) {
        let cells_of = |ground: Ground| &cells[&ground];
        for index in 0..self.fitting.len() {
            let key @ (ground, work_s) = self.key(self.fitting[index]);
            self.pairs.entry(key).or_insert_with(|| {
                let cells = cells_of(ground);
                let timings = whole::record_lows(cells, work_s);
                let bound = whole::lower_bound(cells, timings.last().expect("the work fits"));
                Solved { best: timings.len() - 1, timings, bound }
            });
        }
        let Some(cost) = self.request.pauses else { return };
        let overhead =
            Overhead { checkpoint_s: whole_seconds(cost.checkpoint), restart_s: whole_seconds(cost.restart) };
        let mut solver = Solver::new();
        let mut least_g = f64::INFINITY;
        for key @ (ground, work_s) in self.leading_pairs(usize::MAX) {
            let users: Vec<usize> = self.fitting.iter().copied().filter(|&index| self.key(index) == key).collect();
            let wanted =
                users.iter().map(|&index| exposure(&self.request.candidates[index], least_g * (1.0 + 2.0 * TIE)));
            let wanted = wanted.fold(0.0, f64::max);
            let solved = self.pairs.get_mut(&key).expect("solved above");
            let known = &solved.timings[solved.best];
            let paused = solver.solve(cells_of(ground), work_s, overhead, known, wanted);
            solved.bound = solved.bound.min(paused.bound);
            if paused.timing.pauses() > 0 {
                solved.best = solved.timings.len();
                solved.timings.push(paused.timing);
            }
            least_g = users.iter().map(|&index| self.best_of(index).co2e_g).fold(least_g, f64::min);
        }
        for key @ (ground, work_s) in self.leading_pairs(EARLY_PAIRS) {
            let early = early(&mut solver, cells_of(ground), work_s, overhead);
            self.pairs.get_mut(&key).expect("solved above").timings.extend(early);
        }
    }
    /// Up to `most` pairs, those of the candidates with the least emissions first.
    fn leading_pairs(&self, most: usize) -> Vec<(Ground, i64)> {
        let mut choices: Vec<Point> = self.fitting.iter().map(|&index| self.best_of(index)).collect();
        choices.sort_by(|a, b| a.co2e_g.total_cmp(&b.co2e_g).then(a.rank.cmp(&b.rank)));
        let mut seen = BTreeSet::new();
        let pairs = choices.iter().map(|point| self.key(point.candidate)).filter(|key| seen.insert(*key));
        pairs.take(most).collect()
    }
    fn point(&self, index: usize, timing: usize) -> Point {
        let candidate = &self.request.candidates[index];
        let run = &self.solved(index).timings[timing];
        Point {
            co2e_g: co2e_g(candidate, run.exposure),
            cost_usd: candidate
                .usd_per_hour
                .map_or(f64::INFINITY, |usd| usd.usd() * Hours::from_seconds(run.running_s() as f64).hours()),
            finish_s: run.finish_s(),
            start_s: run.start_s(),
            pauses: run.pauses(),
            rank: self.rank[index],
            candidate: index,
            timing,
        }
    }
    /// Every run of every candidate.
    fn points(&self) -> Vec<Point> {
        let of = |&index: &usize| (0..self.solved(index).timings.len()).map(move |timing| self.point(index, timing));
        self.fitting.iter().flat_map(of).collect()
    }
    fn best_of(&self, index: usize) -> Point {
        self.point(index, self.solved(index).best)
    }
    fn placement(&self, point: &Point) -> Placement {
        let timing = &self.solved(point.candidate).timings[point.timing];
        placement(self.request, &self.request.candidates[point.candidate], timing, self.horizon)
    }
    /// No placement of the request emits less.
    fn lower_bound(&self) -> Co2e {
        let bounds = self.fitting.iter().map(|&index| {
            co2e_g(&self.request.candidates[index], self.solved(index).bound) * (1.0 - 4.0 * f64::EPSILON)
        });
        Co2e::from_g(bounds.fold(f64::INFINITY, f64::min))
    }
    /// The best of each region, ascending in emissions.
    fn by_region(&self, points: &[Point]) -> Vec<Point> {
        let mut regions: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        for point in points {
            regions.entry(self.request.candidates[point.candidate].region.as_str()).or_default().push(*point);
        }
        let mut best: Vec<Point> = regions.values().filter_map(|points| best_of(points)).collect();
        best.sort_by(|a, b| a.co2e_g.total_cmp(&b.co2e_g).then(a.rank.cmp(&b.rank)));
        best
    }
    /// The thinned frontier, `best` first.
    fn alternatives(points: Vec<Point>, best: Point) -> Vec<Point> {
        let mut frontier = undominated(points);
        let same = |a: &Point, b: &Point| (a.candidate, a.timing) == (b.candidate, b.timing);
        let no_better = |point: &Point| {
            best.co2e_g <= point.co2e_g * (1.0 + TIE)
                && best.cost_usd <= point.cost_usd
                && best.finish_s <= point.finish_s
        };
        frontier.retain(|point| !same(point, &best) && !no_better(point));
        frontier.insert(0, best);
        thin(frontier, MOST_ALTERNATIVES)
    }
}

/// The best interruptible runs that are done in a quarter, a half and three quarters of the cells.
fn early(solver: &mut Solver, cells: &Cells, work_s: i64, overhead: Overhead) -> Vec<Timing> {
    let shorter = EARLY_QUARTERS.map(|quarters| cells.first(cells.count() * quarters / 4));
    let runs = shorter.iter().filter_map(|cells| {
        let whole = whole::record_lows(cells, work_s).pop()?;
        Some(solver.solve(cells, work_s, overhead, &whole, f64::NEG_INFINITY).timing)
    });
    runs.filter(|timing| timing.pauses() > 0).collect()
}

const _: () = assert!(CELL_S == 3600, "exposure ÷ 3600 is per kilowatt-hour");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_hours_round_up_to_the_second_they_mean() {
        assert_eq!(whole_seconds(Hours::from_hours(181.1)), 651_960);
        assert_eq!(whole_seconds(Hours::from_hours(0.1)), 360);
        assert_eq!(whole_seconds(Hours::from_seconds(0.5)), 1);
        assert_eq!(whole_seconds(Hours::ZERO), 0);
    }
}
