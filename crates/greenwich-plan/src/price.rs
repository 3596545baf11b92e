//! A price on each second of running that turns the plan of an interruptible job into its bound.
//!
//! In: a [`Task`]. Out: the price μ of the greatest bound, and for every cell and state a bound on
//! what finishing from there adds. Solving exactly with it is `pause`'s part.
//!
//! A schedule with k pauses runs Σ u = W + k·o seconds. Charging μ for each second that is missing
//! frees that equation: L(μ) = min over on/off paths of Σ (gᵢ − μ)·lenᵢ + μ·(W + k·o). At any
//! μ ≥ 0 this is below the optimum: a last cell used in part counts (g − μ)·u, which is no less than
//! the lower of (g − μ)·len and the path that leaves it out. L is concave and piecewise linear; its
//! maximum is where a rising and a falling line meet.

use crate::cells::Cells;

/// An interruptible job over cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) cells: &'a Cells,
    /// W: running time without pauses, in seconds; above zero and below the cells' length.
    pub(crate) work_s: i64,
    /// o: running time that each pause adds, in seconds.
    pub(crate) overhead_s: i64,
    /// A fee for each pause, in gCO2e/kWh × s, far below what counts: it settles ties towards fewer pauses.
    pub(crate) fee: f64,
}

/// Bounds at one price.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    /// In gCO2e/kWh: exposure of a second.
    pub(crate) mu: f64,
    /// No schedule has less exposure than this.
    pub(crate) root: f64,
    /// What the cells from here on add at least where the cell before is on, without μ × seconds missing.
    pub(crate) on: Vec<f64>,
    /// The same where the job pauses.
    pub(crate) off: Vec<f64>,
    /// The same where it has not begun.
    pub(crate) unborn: Vec<f64>,
    /// The cells that are on in the least path of a price that runs at least long enough.
    pub(crate) path: Vec<bool>,
}

/// A linear piece of L: `at_zero + slope × μ`.
#[derive(Debug, Clone, Copy)]
struct Line {
    at_zero: f64,
    slope: f64,
}

/// A partial path: its value at the price and the seconds that it runs less those its pauses cost.
#[derive(Debug, Clone, Copy)]
struct Path {
    value: f64,
    net_s: f64,
}

impl Path {
    fn plus(self, value: f64, net_s: f64) -> Self {
        Self { value: self.value + value, net_s: self.net_s + net_s }
    }
    fn or(self, other: Self) -> Self {
        if other.value < self.value { other } else { self }
    }
}

/// More rounds than any series needed; every price bounds, so stopping early is no error.
const ROUNDS: usize = 60;

impl Prices {
    /// Finds the price of the greatest bound and fills the tables for it.
    pub(crate) fn maximise(&mut self, task: Task<'_>) {
        let mut rising = Line { at_zero: 0.0, slope: task.work_s as f64 };
        let mut falling = Line { at_zero: task.cells.total(), slope: (task.work_s - task.cells.seconds()) as f64 };
        let (mut best_mu, mut best, mut long_mu) = (0.0, 0.0, f64::INFINITY);
        for _ in 0..ROUNDS {
            let mu = (falling.at_zero - rising.at_zero) / (rising.slope - falling.slope);
            let least = least(task, mu);
            let slope = task.work_s as f64 - least.net_s;
            let value = least.value + mu * task.work_s as f64;
            if value > best {
                (best_mu, best) = (mu, value);
            }
            let line = Line { at_zero: value - mu * slope, slope };
            if slope <= 0.0 {
                long_mu = mu;
            }
            if slope == 0.0 || value >= (rising.at_zero + mu * rising.slope) * (1.0 - 1e-13) {
                break;
            }
            if slope > 0.0 {
                rising = line;
            } else {
                falling = line;
            }
        }
        self.path.clear();
        if long_mu.is_finite() {
            self.tabulate(task, long_mu);
            self.walk(task, long_mu);
        }
        self.tabulate(task, best_mu);
    }
    /// Fills the tables backwards for a price, and with them the root bound.
    fn tabulate(&mut self, task: Task<'_>, mu: f64) {
        let (cells, count) = (task.cells, task.cells.count());
        for table in [&mut self.on, &mut self.off, &mut self.unborn] {
            table.clear();
            table.resize(count + 1, 0.0);
        }
        let pause = mu * task.overhead_s as f64 + task.fee;
        for cell in (0..count).rev() {
            let run = (cells.g_per_kwh()[cell] - mu) * cells.length_s(cell) as f64 + self.on[cell + 1];
            self.on[cell] = self.off[cell + 1].min(run);
            self.off[cell] = self.off[cell + 1].min(pause + run);
            self.unborn[cell] = self.unborn[cell + 1].min(run);
        }
        self.mu = mu;
        self.root = (mu * task.work_s as f64 + self.unborn[0]).max(0.0);
    }
    /// Follows the least path forwards through the tables, running where it is all the same.
    fn walk(&mut self, task: Task<'_>, mu: f64) {
        let cells = task.cells;
        let pause = mu * task.overhead_s as f64 + task.fee;
        let (mut begun, mut running) = (false, false);
        for cell in 0..cells.count() {
            let run = (cells.g_per_kwh()[cell] - mu) * cells.length_s(cell) as f64 + self.on[cell + 1];
            running = match (begun, running) {
                (false, _) => run <= self.unborn[cell + 1],
                (true, true) => run <= self.off[cell + 1],
                (true, false) => pause + run <= self.off[cell + 1],
            };
            begun |= running;
            self.path.push(running);
        }
    }
}

/// The least path at a price.
fn least(task: Task<'_>, mu: f64) -> Path {
    let none = Path { value: 0.0, net_s: 0.0 };
    let (mut on, mut off, mut unborn) = (none, none, none);
    let (cells, overhead) = (task.cells, task.overhead_s as f64);
    let pause = mu * overhead + task.fee;
    for (cell, g_per_kwh) in cells.g_per_kwh().iter().enumerate().rev() {
        let length = cells.length_s(cell) as f64;
        let run = on.plus((g_per_kwh - mu) * length, length);
        on = off.or(run);
        off = off.or(run.plus(pause, -overhead));
        unborn = unborn.or(run);
    }
    unborn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::CELL_S;

    #[test]
    fn without_a_price_on_pauses_the_bound_is_the_cheapest_seconds() {
        let cells = Cells::from_means(vec![5.0, 1.0, 4.0, 2.0, 3.0], 0, 5 * CELL_S);
        let task = Task { cells: &cells, work_s: 2 * CELL_S + CELL_S / 2, overhead_s: 0, fee: 0.0 };
        let mut prices = Prices::default();
        prices.maximise(task);
        assert!((prices.root - (1.0 + 2.0 + 1.5) * 3600.0).abs() < 1e-6, "{}", prices.root);
        assert_eq!(prices.mu, 3.0);
    }
}
