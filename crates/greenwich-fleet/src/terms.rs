//! What a plan weighs beyond power × PUE × intensity, and what a job is and costs on each of its sites.
//!
//! In: a [`Fleet`] with [`Terms`]. Out: a [`Way`], which says how a job runs on a site, and a [`Bill`], which says what a
//! run there comes to. Planner, checker and views all ask here, so that there is one meaning of each column. A fleet
//! without terms, or whose jobs and terms ask for nothing of this, is plain: it is planned by the plain planner.

use crate::fleet::{Extras, Fleet, Job};
use greenwich_core::quantity::{Power, UsdPerAcceleratorHour, UsdPerKwh};

/// Work that rounding left over is none, in hours at the job's own size and speed.
pub(crate) const HAIR_H: f64 = 1e-9;

/// What a plan weighs beyond emissions, and the figures that it needs for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    /// Energy that moves a gigabyte from one site to another, in kWh; 0 where moving data is not reckoned with.
    pub transfer_kwh_per_gb: f64,
    /// What a US dollar weighs, in grams: the inverse of a price of carbon. 0 where money has no weight.
    pub g_per_usd: f64,
    /// What an accelerator-hour of waiting weighs, in grams.
    pub delay_g: f64,
    /// The price of energy by site and then by hour; empty where it is not known.
    pub usd_per_kwh: Vec<Vec<UsdPerKwh>>,
}

/// A kind of accelerator that a job can run on.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Its name, as sites have it.
    pub name: String,
    /// How fast the job is there, against what the file says of it.
    pub speed: f64,
    /// Watts per accelerator there, whole system, before PUE; the job's own where none is told.
    pub watts: Option<f64>,
}

/// What a site's accelerators are to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// How fast the job is there, against what the file says of it.
    pub speed: f64,
    /// Power per accelerator there, whole system, before PUE.
    pub power: Power,
}

/// A size that a job can run at on a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    pub(crate) accelerators: u32,
    /// Work an hour, in hours of the jobs file.
    pub(crate) speed: f64,
    /// Whole hours that it runs in all if it never changes its size.
    pub(crate) hours: u32,
}

/// How a job runs on a site.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way {
    pub(crate) watts: f64,
    /// Ascending; never empty.
    pub(crate) sizes: Vec<Size>,
    /// Grams of moving its data there.
    pub(crate) transfer_g: f64,
    /// Hours at full power before work goes on after a pause.
    pub(crate) restart_h: f64,
    pub(crate) usd_per_accelerator_hour: f64,
}

impl Way {
    /// Whether work is counted, and not hours: the size may change.
    pub(crate) fn is_elastic(&self) -> bool {
        self.sizes.len() > 1
    }

    pub(crate) fn size(&self, accelerators: u32) -> Option<&Size> {
        self.sizes.iter().find(|size| size.accelerators == accelerators)
    }
}

/// What a run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bill {
    pub(crate) run_g: f64,
    pub(crate) restart_g: f64,
    pub(crate) transfer_g: f64,
    pub(crate) usd: f64,
    /// Accelerator-hours between release and end in which it does not run.
    pub(crate) waiting_h: f64,
    /// Energy of its hours before PUE, restarts left out.
    pub(crate) it_kwh: f64,
}

impl Bill {
    pub(crate) fn emitted_g(&self) -> f64 {
        self.run_g + self.restart_g + self.transfer_g
    }

    /// What is minimised.
    pub(crate) fn weighed_g(&self, terms: &Terms) -> f64 {
        self.emitted_g() + terms.g_per_usd * self.usd + terms.delay_g * self.waiting_h
    }
}

/// What hours in order emit, each with the accelerators held: running, and going on after pauses.
pub(crate) fn emitted_g(
    watts: f64,
    restart_h: f64,
    hours: &[(u32, u32)],
    g_per_it_kwh: impl Fn(u32) -> f64,
) -> (f64, f64) {
    let (mut run_g, mut restart_g) = (0.0, 0.0);
    let mut before: Option<u32> = None;
    for &(hour, accelerators) in hours {
        let grams = watts * f64::from(accelerators) / 1e3 * g_per_it_kwh(hour);
        run_g += grams;
        restart_g += if before.is_some_and(|before| before + 1 < hour) { restart_h * grams } else { 0.0 };
        before = Some(hour);
    }
    (run_g, restart_g)
}

impl Extras {
    /// Whether a job that may choose among sites, or may pause, is more than the plain planner reckons with.
    fn is_more(&self, job: &Job, moves: bool, terms: &Terms) -> bool {
        let data = self.data.is_some_and(|data| data.gb() > 0.0) && terms.transfer_kwh_per_gb > 0.0 && moves;
        let restarts = self.restart_minutes.is_some_and(|minutes| minutes > 0.0) && job.interruptible;
        data || restarts || !self.kinds.is_empty() || !self.speedup.is_empty()
    }

    /// Sizes that a job of so many accelerators may run at, ascending, with its speed there against its own size.
    fn curve(&self, own: u32) -> Vec<(u32, f64)> {
        let base = self.speedup.iter().find(|(size, _)| *size == own).map_or(1.0, |(_, factor)| *factor);
        let (least, most) = (self.min_accelerators.unwrap_or(1), self.max_accelerators.unwrap_or(u32::MAX));
        let allowed = self.speedup.iter().filter(|(size, _)| (least..=most).contains(size));
        let mut curve: Vec<(u32, f64)> = allowed.map(|(size, factor)| (*size, factor / base)).collect();
        curve.sort_by_key(|(size, _)| *size);
        curve.dedup_by_key(|(size, _)| *size);
        if curve.is_empty() { vec![(own, 1.0)] } else { curve }
    }
}

impl Fleet {
    /// The terms, where they or the jobs ask for more than the plain planner reckons with.
    pub(crate) fn more(&self) -> Option<&Terms> {
        self.terms.as_ref().filter(|_| self.has_quotas() || !self.is_plain_but_for_quotas())
    }

    /// Whether nothing but quotas is beyond what the plain planner reckons with.
    pub(crate) fn is_plain_but_for_quotas(&self) -> bool {
        let Some(terms) = &self.terms else { return true };
        let weighs = terms.g_per_usd > 0.0 || terms.delay_g > 0.0;
        let asks =
            |(extras, job): (&Extras, &Job)| extras.is_more(job, self.site_sets[job.sites.0 as usize].len() > 1, terms);
        !weighs && !self.extras.iter().zip(&self.jobs).any(asks)
    }

    /// Whether the plan reckons with more than power, PUE and intensity: moved data, restarts, kinds of accelerators
    /// with their own speed, sizes that may change, quotas of projects, or weights of cost and delay.
    pub fn is_more_than_plain(&self) -> bool {
        self.more().is_some()
    }

    /// What a site's accelerators are to a job; `None` where the site has no kind that it can run on.
    pub fn machine(&self, index: usize, site: u32) -> Option<Machine> {
        let own = Machine { speed: 1.0, power: self.jobs[index].power };
        let Some(extras) = self.extras.get(index) else { return Some(own) };
        match (self.sites[site as usize].accelerator.as_deref(), &extras.accelerator) {
            (Some(has), Some(wanted)) if has != wanted => None,
            (Some(has), None) if !extras.kinds.is_empty() => {
                let kind = extras.kinds.iter().find(|kind| kind.name == has)?;
                Some(Machine { speed: kind.speed, power: kind.watts.map_or(own.power, Power::from_watts) })
            }
            _ => Some(own),
        }
    }

    /// How a job runs on a site; `None` where the site has no kind that it can run on.
    pub(crate) fn way(&self, index: usize, site: u32) -> Option<Way> {
        let job = &self.jobs[index];
        let none = Extras::default();
        let extras = self.extras.get(index).unwrap_or(&none);
        let Machine { speed, power } = self.machine(index, site)?;
        let sizes = extras.curve(job.accelerators).into_iter().map(|(accelerators, factor)| {
            let speed = factor * speed;
            let hours = (f64::from(job.hours) / speed - HAIR_H).ceil().clamp(1.0, f64::from(u32::MAX / 4)) as u32;
            Size { accelerators, speed, hours }
        });
        Some(Way {
            watts: power.watts(),
            sizes: sizes.collect(),
            transfer_g: self.transfer_g(index, site),
            restart_h: extras.restart_minutes.filter(|_| job.interruptible).unwrap_or(0.0) / 60.0,
            usd_per_accelerator_hour: self.usd_per_accelerator_hour(index),
        })
    }

    fn usd_per_accelerator_hour(&self, index: usize) -> f64 {
        let price = self.extras.get(index).and_then(|extras| extras.price);
        price.map_or(0.0, UsdPerAcceleratorHour::usd_per_hour)
    }

    /// Grams of moving a job's data from its home: half the energy at each end's intensity in the hour of its release.
    fn transfer_g(&self, index: usize, site: u32) -> f64 {
        let job = &self.jobs[index];
        let data = self.extras.get(index).and_then(|extras| extras.data).filter(|_| site != job.home);
        let (Some(data), Some(terms)) = (data, &self.terms) else { return 0.0 };
        let at = job.release.min(self.hours.saturating_sub(1)) as usize;
        let grid = |site: u32| self.sites[site as usize].intensity[at].g_per_kwh();
        data.gb() * terms.transfer_kwh_per_gb * (grid(job.home) + grid(site)) / 2.0
    }

    /// Grams that a kWh of IT energy emits at a site in an hour.
    pub(crate) fn g_per_it_kwh(&self, site: u32, hour: u32) -> f64 {
        let place = &self.sites[site as usize];
        place.pue.ratio() * place.intensity[hour as usize].g_per_kwh()
    }

    /// US dollars that a kWh of IT energy costs at a site in an hour; 0 where no price is known.
    pub(crate) fn usd_per_it_kwh(&self, site: u32, hour: u32) -> f64 {
        let prices = self.terms.as_ref().and_then(|terms| terms.usd_per_kwh.get(site as usize));
        let price = prices.and_then(|prices| prices.get(hour as usize));
        price.map_or(0.0, |price| self.sites[site as usize].pue.ratio() * price.usd_per_kwh())
    }

    /// What a job's run comes to: its site, and its hours in order with the accelerators that it holds in each.
    pub(crate) fn bill(&self, index: usize, site: u32, way: &Way, hours: &[(u32, u32)]) -> Bill {
        let job = &self.jobs[index];
        let (run_g, restart_g) = emitted_g(way.watts, way.restart_h, hours, |hour| self.g_per_it_kwh(site, hour));
        let mut bill = Bill { run_g, restart_g, transfer_g: way.transfer_g, ..Bill::default() };
        let mut before: Option<u32> = None;
        for &(hour, accelerators) in hours {
            let kilowatts = way.watts * f64::from(accelerators) / 1e3;
            let restart = if before.is_some_and(|before| before + 1 < hour) { way.restart_h } else { 0.0 };
            bill.it_kwh += kilowatts;
            bill.usd += kilowatts * (1.0 + restart) * self.usd_per_it_kwh(site, hour)
                + way.usd_per_accelerator_hour * f64::from(accelerators);
            before = Some(hour);
        }
        let idle = before.map_or(0, |last| last + 1 - job.release - hours.len() as u32);
        bill.waiting_h = f64::from(idle) * f64::from(job.accelerators);
        bill
    }

    /// How a job runs at home from its release, as far as that is planned over, whatever the capacity. A home without a
    /// kind that it can run on runs it as the file has it.
    pub(crate) fn run_at_once(&self, index: usize) -> (Way, Vec<(u32, u32)>) {
        let job = &self.jobs[index];
        let way = self.way(index, job.home).unwrap_or_else(|| Way {
            watts: job.power.watts(),
            sizes: vec![Size { accelerators: job.accelerators, speed: 1.0, hours: job.hours }],
            transfer_g: 0.0,
            restart_h: 0.0,
            usd_per_accelerator_hour: self.usd_per_accelerator_hour(index),
        });
        let hours = way.size(job.accelerators).map_or(job.hours, |size| size.hours);
        let within = |hour: u32| hour.min(self.hours);
        let hours = within(job.release)..within(job.release.saturating_add(hours));
        (way, hours.map(|hour| (hour, job.accelerators)).collect())
    }

    /// What a job without a place weighs: its penalty, and what it would cost at home at once and wait up to its
    /// deadline, as far as these have a weight. So it is never cheaper to leave a job out for its cost or its wait alone.
    pub(crate) fn refusal_g(&self, index: usize, unplaced_penalty_g: f64, terms: &Terms) -> f64 {
        let job = &self.jobs[index];
        let penalty = self.penalty_g(index as u32, unplaced_penalty_g);
        let usd = if terms.g_per_usd > 0.0 { self.bill_at_once(index).usd.max(0.0) } else { 0.0 };
        let slack = job.deadline.min(self.hours).saturating_sub(job.release.saturating_add(job.hours));
        let waiting = f64::from(slack) * f64::from(job.accelerators);
        penalty + terms.g_per_usd * usd + terms.delay_g * waiting
    }

    pub(crate) fn bill_at_once(&self, index: usize) -> Bill {
        let (way, hours) = self.run_at_once(index);
        self.bill(index, self.jobs[index].home, &way, &hours)
    }
}
