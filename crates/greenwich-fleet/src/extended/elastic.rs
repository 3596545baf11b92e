//! A job whose size may change by the hour: a bound, and hours and sizes that come near it.
//!
//! In: costs by size and hour, the speed of each size, the work to be done, what waiting costs. Out: the cheapest path that
//! does the work, nearly, and a bound that lies below all of them. Reward work at μ grams an hour: the cheapest path is then
//! found hour by hour, and its cost + μ × (work − what it does) lies below every path that does the work (Lagrange). Its
//! highest value over μ is found where lines cross; with a concave speed-up and no pauses to pay it is what filling the
//! cheapest increments up to the last, in part, comes to.

/// Work within this of what is needed is done.
const HAIR_H: f64 = 1e-9;
/// Times that μ is moved at most.
const MOST_MOVES: usize = 60;

/// A path: hours of the window in order, each with the index of a size.
type Path = Vec<(usize, usize)>;

/// What a path comes to without the reward.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    cost: f64,
    work: f64,
}

impl Line {
    /// What it proves at a reward, where it is the cheapest there.
    fn at(self, reward: f64, needed: f64) -> f64 {
        self.cost + reward * (needed - self.work)
    }
}

/// Asks about one job on one site at a time, with room to work in.
#[derive(Debug, Default)]
pub(crate) struct Elastic {
    needed: f64,
    wait_g: f64,
    window: usize,
    speeds: Vec<f64>,
    /// By size and hour; infinite where there is no room.
    cost: Vec<f64>,
    restart: Vec<f64>,
    ran: Vec<(f64, u8, usize)>,
    idle: Vec<(f64, bool)>,
    path: Path,
    /// The best path of the last answer.
    pub(crate) best: Path,
    /// No path that does the work costs less.
    pub(crate) bound: f64,
    reward: f64,
}

impl Elastic {
    pub(crate) fn begin(&mut self, needed: f64, wait_g: f64) {
        (self.needed, self.wait_g, self.window, self.reward) = (needed, wait_g, 0, 0.0);
        self.speeds.clear();
        self.cost.clear();
        self.restart.clear();
    }

    /// Adds a size: smaller ones first. `restart` is empty where going on after a pause costs nothing.
    pub(crate) fn add(&mut self, speed: f64, cost: &[f64], restart: &[f64]) {
        self.window = cost.len();
        self.speeds.push(speed);
        self.cost.extend_from_slice(cost);
        self.restart.extend_from_slice(restart);
        self.restart.resize(self.cost.len(), 0.0);
    }

    /// A number that no sum on the way to the last answer was larger than.
    pub(crate) fn magnitude(&self) -> f64 {
        let hours = (0..self.window).map(|hour| {
            let sizes = (0..self.speeds.len()).map(|at| at * self.window + hour);
            let of = |at: usize| self.cost[at].abs() + self.restart[at].abs();
            sizes.map(of).filter(|cost| cost.is_finite()).fold(0.0, f64::max)
        });
        let work: f64 = self.speeds.iter().copied().fold(0.0, f64::max) * self.window as f64 + self.needed;
        hours.sum::<f64>() + self.wait_g * self.window as f64 + self.reward * work
    }

    /// Finds a path that costs less than `limit`, and returns its cost; the bound holds whatever comes of it.
    pub(crate) fn solve(&mut self, limit: f64, polish: bool) -> Option<f64> {
        self.bound = f64::INFINITY;
        let most: f64 = (0..self.window).map(|hour| self.fastest(hour)).sum();
        if most + HAIR_H < self.needed {
            return None;
        }
        let mut found: Option<(f64, Path)> = None;
        let mut low = self.cheapest(0.0)?;
        self.bound = low.cost;
        self.offer(low, &mut found);
        let mut low_path = self.path.clone();
        if low.work + HAIR_H < self.needed {
            let mut high = self.enough()?;
            self.offer(high, &mut found);
            for _ in 0..MOST_MOVES {
                if self.bound >= limit {
                    return None;
                }
                let reward = (high.cost - low.cost) / (high.work - low.work);
                let crossing = low.at(reward, self.needed);
                let now = self.cheapest(reward)?;
                let value = now.at(reward, self.needed);
                if value > self.bound {
                    (self.bound, self.reward) = (value, reward);
                }
                if value >= crossing - 1e-12 * crossing.abs() || now == low || now == high {
                    break;
                }
                if now.work + HAIR_H < self.needed {
                    low = now;
                    low_path.clone_from(&self.path);
                } else {
                    high = now;
                    self.offer(now, &mut found);
                }
            }
            if polish {
                self.path = low_path;
                if let Some(line) = self.complete() {
                    self.offer(line, &mut found);
                }
            }
        }
        let (mut cost, path) = found?;
        self.path = path;
        if polish {
            cost = self.trim(cost);
        }
        std::mem::swap(&mut self.best, &mut self.path);
        (cost < limit).then_some(cost)
    }

    fn fastest(&self, hour: usize) -> f64 {
        let open = (0..self.speeds.len()).filter(|at| self.cost[at * self.window + hour].is_finite());
        open.map(|at| self.speeds[at]).fold(0.0, f64::max)
    }

    fn offer(&self, line: Line, found: &mut Option<(f64, Path)>) {
        if line.work + HAIR_H >= self.needed && found.as_ref().is_none_or(|(cost, _)| line.cost < *cost) {
            *found = Some((line.cost, self.path.clone()));
        }
    }

    /// A path that does enough work, at a reward as high as that takes.
    fn enough(&mut self) -> Option<Line> {
        let open = self.cost.iter().filter(|cost| cost.is_finite());
        let dearest = open.map(|cost| cost.abs()).fold(self.wait_g, f64::max);
        let slowest = self.speeds.iter().copied().fold(f64::INFINITY, f64::min);
        let mut reward = 1e-9 + dearest / slowest;
        for _ in 0..MOST_MOVES {
            let line = self.cheapest(reward)?;
            if line.work + HAIR_H >= self.needed {
                return Some(line);
            }
            reward *= 4.0;
        }
        None
    }

    /// The cheapest path where an hour of work is rewarded, in `path`.
    fn cheapest(&mut self, reward: f64) -> Option<Line> {
        const FIRST: u8 = 0;
        const ON: u8 = 1;
        const AGAIN: u8 = 2;
        self.ran.clear();
        self.idle.clear();
        let mut end: Option<(f64, usize)> = None;
        let (mut ran, mut idle) = (f64::INFINITY, f64::INFINITY);
        for hour in 0..self.window {
            let (mut plain, mut again) = ((f64::INFINITY, 0), (f64::INFINITY, 0));
            for (at, speed) in self.speeds.iter().enumerate() {
                let cell = at * self.window + hour;
                let cost = self.cost[cell] - reward * speed;
                if cost < plain.0 {
                    plain = (cost, at);
                }
                if cost + self.restart[cell] < again.0 {
                    again = (cost + self.restart[cell], at);
                }
            }
            let first = self.wait_g * hour as f64;
            let (mut now, mut from) = if ran <= first { (ran, ON) } else { (first, FIRST) };
            now += plain.0;
            let mut size = plain.1;
            if idle + again.0 < now {
                (now, from, size) = (idle + again.0, AGAIN, again.1);
            }
            let paused = ran < idle;
            idle = self.wait_g + ran.min(idle);
            ran = now;
            self.ran.push((now, from, size));
            self.idle.push((idle, paused));
            if end.is_none_or(|(least, _)| now < least) && now.is_finite() {
                end = Some((now, hour));
            }
        }
        let (_, mut hour) = end?;
        self.path.clear();
        loop {
            let (_, from, size) = self.ran[hour];
            self.path.push((hour, size));
            if from == FIRST {
                break;
            }
            hour -= 1;
            if from == AGAIN {
                while !self.idle[hour].1 {
                    hour -= 1;
                }
                hour -= 1;
            }
        }
        self.path.reverse();
        Some(self.line())
    }

    /// What `path` comes to.
    fn line(&self) -> Line {
        let (mut cost, mut work) = (0.0, 0.0);
        let mut before: Option<usize> = None;
        for &(hour, size) in &self.path {
            let cell = size * self.window + hour;
            cost += self.cost[cell];
            work += self.speeds[size];
            if before.is_some_and(|before| before + 1 < hour) {
                cost += self.restart[cell];
            }
            before = Some(hour);
        }
        let idle = before.map_or(0, |last| last + 1 - self.path.len());
        Line { cost: cost + self.wait_g * idle as f64, work }
    }

    /// Adds to `path` what costs least for what it does until the work is done.
    fn complete(&mut self) -> Option<Line> {
        let mut now = self.line();
        while now.work + HAIR_H < self.needed {
            let mut best: Option<(f64, Path)> = None;
            let own = self.path.clone();
            for hour in 0..self.window {
                let at = own.partition_point(|(other, _)| *other < hour);
                let held = own.get(at).filter(|(other, _)| *other == hour).map(|(_, size)| *size);
                for size in held.map_or(0, |size| size + 1)..self.speeds.len() {
                    if self.cost[size * self.window + hour].is_infinite() {
                        continue;
                    }
                    self.path.clone_from(&own);
                    match held {
                        Some(_) => self.path[at].1 = size,
                        None => self.path.insert(at, (hour, size)),
                    }
                    let then = self.line();
                    let gain = (then.work - now.work).min(self.needed - now.work);
                    let each = (then.cost - now.cost) / gain;
                    if gain > 0.0 && best.as_ref().is_none_or(|(least, _)| each < *least) {
                        best = Some((each, self.path.clone()));
                    }
                }
            }
            self.path = best?.1;
            now = self.line();
        }
        Some(now)
    }

    /// Takes from `path` what is more than the work, as long as that makes it cheaper.
    fn trim(&mut self, mut cost: f64) -> f64 {
        loop {
            let own = self.path.clone();
            let mut best: Option<(f64, Path)> = None;
            for at in 0..own.len() {
                for size in (0..=own[at].1).map(|size| size.checked_sub(1)) {
                    self.path.clone_from(&own);
                    match size {
                        Some(size) if self.cost[size * self.window + own[at].0].is_finite() => self.path[at].1 = size,
                        None if own.len() > 1 => _ = self.path.remove(at),
                        _ => continue,
                    }
                    let then = self.line();
                    let least = best.as_ref().map_or(cost, |(least, _)| *least);
                    if then.work + HAIR_H >= self.needed && then.cost < least {
                        best = Some((then.cost, self.path.clone()));
                    }
                }
            }
            match best {
                Some((least, path)) => (cost, self.path) = (least, path),
                None => {
                    self.path = own;
                    return cost;
                }
            }
        }
    }
}
