//! From readings to energy: one [`Integrator`] a domain.
//!
//! In: readings and their monotonic instants. Out: spans whose energies add up exactly. Whole microjoules, and for
//! power the rest of each division, are carried over, so that nothing is lost to rounding.
//!
//! Rules: a missed reading changes nothing, since the counter still holds the answer; a wrap is added; where two
//! wraps are possible, or a counter was reset, the span is *unknown* with the least and the most that it can be; an
//! energy is never negative and a gap never zero-filled.

use crate::counter::{Domain, Reading, Wrap};
use greenwich_core::reading::{Method, Span};

/// A forward step may exceed the ceiling this many times before it is doubted. Steps back are held to the ceiling
/// itself: taken for a wrap, a stray small number would add a whole range.
const FORWARD_GRACE: u128 = 10;
/// Counters are refreshed late, by up to some 100 ms: so much more energy may show in any interval.
const REFRESH_NS: u64 = 200_000_000;
/// Where a wrap's place is unreadable: the smallest range known (AMD, 2^32 × 15.3 µJ).
const SMALLEST_RANGE_UJ: u64 = 65_000_000_000;
/// Power samples further apart than three of their periods and this are a gap.
const GAP_NS: u64 = 1_000_000_000;

/// What a domain drew, reckoned reading by reading.
#[derive(Debug, Clone)]
pub struct Integrator {
    wrap: Wrap,
    ceiling_w: f64,
    gap_ns: u64,
    last: Option<(Reading, u64)>,
    /// A counter value that did not fit; if the next fits to it, the counter was reset.
    suspect: Option<(u64, u64)>,
    since_ns: u64,
    sum: Energy,
    /// Rest of the division of power × time, in picojoules: least, likely, most.
    rest: [u64; 3],
}

/// Energy gathered since the last span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Energy {
    /// The least it can be, in microjoules.
    pub least_uj: u64,
    /// What is reported.
    pub energy_uj: u64,
    /// The most it can be.
    pub most_uj: u64,
    /// The worst of the ways in which its parts are known.
    pub method: Method,
}

impl Energy {
    const NONE: Self = Self { least_uj: 0, energy_uj: 0, most_uj: 0, method: Method::Counted };

    const fn exact(energy_uj: u64, method: Method) -> Self {
        Self { least_uj: energy_uj, energy_uj, most_uj: energy_uj, method }
    }
    fn unknown(least_uj: u64, most_uj: u64) -> Self {
        Self { least_uj, energy_uj: least_uj, most_uj: most_uj.max(least_uj), method: Method::Unknown }
    }
    fn add(&mut self, more: Self) {
        self.least_uj = self.least_uj.saturating_add(more.least_uj);
        self.energy_uj = self.energy_uj.saturating_add(more.energy_uj);
        self.most_uj = self.most_uj.saturating_add(more.most_uj);
        self.method = self.method.max(more.method);
    }
}

impl Integrator {
    /// Begins at the run's start with nothing read.
    pub fn new(domain: &Domain) -> Self {
        let every_ns = domain.read_every.map_or(0, |every| u64::try_from(every.as_nanos()).unwrap_or(u64::MAX));
        Self {
            wrap: domain.wrap,
            ceiling_w: domain.ceiling_w,
            gap_ns: every_ns.saturating_mul(3).saturating_add(GAP_NS),
            last: None,
            suspect: None,
            since_ns: 0,
            sum: Energy::NONE,
            rest: [0; 3],
        }
    }

    /// Tells the pace of the ticks: power samples may be that far apart without a gap between them.
    #[must_use]
    pub fn paced(mut self, period_ns: u64) -> Self {
        self.gap_ns = self.gap_ns.max(period_ns.saturating_mul(3).saturating_add(GAP_NS));
        self
    }

    /// Takes one reading.
    pub fn observe(&mut self, reading: Reading, at_ns: u64) {
        match reading {
            Reading::Missed(_) | Reading::NotDue => {}
            Reading::EnergyUj(now) => self.observe_counter(now, at_ns),
            Reading::PowerMw(_) | Reading::ModelMw { .. } => self.observe_power(reading, at_ns),
        }
    }

    /// The energy up to `at_ns` if the domain was read then; else none, and the next span is longer.
    pub fn take_span(&mut self, at_ns: u64) -> Option<(u64, Energy)> {
        let read_now = self.last.is_some_and(|(_, last_ns)| last_ns == at_ns);
        (read_now && at_ns > self.since_ns).then(|| self.cut(at_ns))
    }

    /// The energy up to the end, come what may: what was not seen is unknown up to the ceiling.
    pub fn take_last_span(&mut self, at_ns: u64) -> Option<(u64, Energy)> {
        let seen_ns = self.last.map_or(self.since_ns, |(_, last_ns)| last_ns);
        if seen_ns < at_ns {
            self.sum.add(Energy::unknown(0, self.ceiling_uj(at_ns - seen_ns)));
        }
        (at_ns > self.since_ns).then(|| self.cut(at_ns))
    }

    fn cut(&mut self, at_ns: u64) -> (u64, Energy) {
        let since_ns = std::mem::replace(&mut self.since_ns, at_ns);
        (since_ns, std::mem::replace(&mut self.sum, Energy::NONE))
    }

    fn ceiling_uj(&self, ns: u64) -> u64 {
        (self.ceiling_w * ns as f64 / 1e3) as u64
    }

    fn rebase(&mut self, now: u64, at_ns: u64) {
        self.last = Some((Reading::EnergyUj(now), at_ns));
        self.suspect = None;
    }

    fn observe_counter(&mut self, now: u64, at_ns: u64) {
        let Some((Reading::EnergyUj(last), last_ns)) = self.last else {
            // What was drawn before the first reading is not known.
            if at_ns > 0 {
                self.sum.add(Energy::unknown(0, self.ceiling_uj(at_ns)));
            }
            return self.rebase(now, at_ns);
        };
        if at_ns <= last_ns {
            return;
        }
        if let Some(energy) = self.step(last, now, at_ns - last_ns) {
            self.sum.add(energy);
            return self.rebase(now, at_ns);
        }
        // It cannot be. One stray number is passed over; a second that goes on from it is the counter, started anew.
        match self.suspect {
            Some((first, first_ns)) if at_ns > first_ns => match self.step(first, now, at_ns - first_ns) {
                Some(energy) if now >= first => {
                    self.sum.add(Energy::unknown(0, self.ceiling_uj(first_ns - last_ns)));
                    self.sum.add(energy);
                    self.rebase(now, at_ns);
                }
                _ => self.suspect = Some((now, at_ns)),
            },
            _ => self.suspect = Some((now, at_ns)),
        }
    }

    /// Energy between two counter values `ns` apart; none where no energy fits.
    fn step(&self, last: u64, now: u64, ns: u64) -> Option<Energy> {
        let ceiling = self.ceiling_uj(ns.saturating_add(REFRESH_NS));
        let forward = now.checked_sub(last);
        match (self.wrap, forward) {
            (Wrap::Never, Some(step)) => Some(Energy::exact(step, Method::Counted)),
            // Reset: at least what it has counted since.
            (Wrap::Never, None) => Some(Energy::unknown(now, ceiling)),
            (Wrap::At(range), _) => {
                let (step, grace) = match forward {
                    Some(step) => (step, FORWARD_GRACE),
                    // A value beyond the range tells that the range is not to be trusted.
                    None => (range.checked_sub(last)?.checked_add(now)?, 1),
                };
                if u128::from(step) > u128::from(ceiling) * grace {
                    return None;
                }
                let further = self.ceiling_uj(ns).saturating_sub(step) / range.max(1);
                Some(match further {
                    0 => Energy::exact(step, Method::Counted),
                    wraps => Energy::unknown(step, step + wraps * range),
                })
            }
            (Wrap::Unreadable, Some(step)) => (u128::from(step) <= u128::from(ceiling) * FORWARD_GRACE).then(|| {
                if self.ceiling_uj(ns) < SMALLEST_RANGE_UJ {
                    Energy::exact(step, Method::Counted)
                } else {
                    Energy::unknown(step, ceiling)
                }
            }),
            // Wrapped at an unknown place: at least what it has counted since.
            (Wrap::Unreadable, None) => (now <= ceiling).then(|| Energy::unknown(now, ceiling)),
        }
    }

    fn observe_power(&mut self, reading: Reading, at_ns: u64) {
        let last = self.last.replace((reading, at_ns));
        let ns = at_ns - last.map_or(0, |(_, last_ns)| last_ns).min(at_ns);
        if ns == 0 {
            return;
        }
        let (Some((before, _)), true) = (last, ns <= self.gap_ns) else {
            return self.sum.add(Energy::unknown(0, self.ceiling_uj(ns)));
        };
        let ([low1, likely1, high1], method) = power(reading);
        // A sensor shows an instant, so two of them make a trapezoid; a model gives the mean since the last time.
        let ([low0, likely0, high0], _) = power(if method == Method::Estimated { reading } else { before });
        // A milliwatt for a nanosecond is a picojoule.
        let part = |rest: &mut u64, from_mw: u64, to_mw: u64| {
            let pj = (u128::from(from_mw) + u128::from(to_mw)) * u128::from(ns) / 2 + u128::from(*rest);
            *rest = (pj % 1_000_000) as u64;
            u64::try_from(pj / 1_000_000).unwrap_or(u64::MAX)
        };
        let [low, likely, high] = &mut self.rest;
        let least_uj = part(low, low0, low1);
        let energy_uj = part(likely, likely0, likely1);
        let most_uj = part(high, high0, high1);
        self.sum.add(Energy { least_uj, energy_uj, most_uj, method });
    }
}

fn power(reading: Reading) -> ([u64; 3], Method) {
    match reading {
        Reading::PowerMw(mw) => ([mw; 3], Method::Sampled),
        Reading::ModelMw { low, likely, high } => ([low, likely, high], Method::Estimated),
        Reading::EnergyUj(_) | Reading::NotDue | Reading::Missed(_) => ([0; 3], Method::Unknown),
    }
}

/// The span of `energy` for the sink.
pub(crate) fn span(device: u16, since_ns: u64, energy: Energy) -> Span {
    Span { device, since_ns, energy_uj: energy.energy_uj, most_uj: energy.most_uj, method: energy.method }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Miss;
    use greenwich_core::reading::{Device, DeviceKind};
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;
    const INTEL: u64 = 262_143_328_851;

    fn domain(wrap: Wrap, ceiling_w: f64) -> Domain {
        let device = Device {
            id: "cpu-0".into(),
            kind: DeviceKind::CpuPackage,
            domain: String::new(),
            model: String::new(),
            method: Method::Counted,
            inside_another: false,
        };
        Domain { device, wrap, ceiling_w, read_every: None }
    }

    /// Feeds `(second, reading)` and gives the whole.
    fn total(wrap: Wrap, ceiling_w: f64, readings: &[(u64, Reading)]) -> String {
        let mut integrator = Integrator::new(&domain(wrap, ceiling_w));
        let mut at = 0;
        for (second, reading) in readings {
            at = second * S;
            integrator.observe(*reading, at);
        }
        let (since, energy) = integrator.take_last_span(at).expect("time has passed");
        assert_eq!(since, 0);
        match energy.method {
            Method::Unknown => format!("unknown {} to {} J", energy.least_uj / 1_000_000, energy.most_uj / 1_000_000),
            method => format!("{method} {} J", energy.energy_uj as f64 / 1e6),
        }
    }
    fn joules(j: u64) -> Reading {
        Reading::EnergyUj(j * 1_000_000)
    }
    const GARBAGE: Reading = Reading::Missed(Miss::Garbage);

    #[test]
    fn a_missed_read_loses_nothing() {
        let readings =
            [(0, joules(10)), (1, joules(160)), (2, GARBAGE), (3, joules(460)), (4, GARBAGE), (5, joules(760))];
        assert_eq!(total(Wrap::At(INTEL), 500.0, &readings), "counted 750 J");
    }

    #[test]
    fn one_wrap_is_added_and_two_possible_ones_are_a_bound() {
        let near = Reading::EnergyUj(INTEL - 1_000_000);
        assert_eq!(total(Wrap::At(INTEL), 500.0, &[(0, near), (1, joules(149))]), "counted 150 J");
        assert_eq!(total(Wrap::At(INTEL), 500.0, &[(0, joules(1)), (600, joules(100))]), "unknown 99 to 262242 J");
        assert_eq!(total(Wrap::At(INTEL), 500.0, &[(0, joules(1)), (1200, joules(100))]), "unknown 99 to 524385 J");
    }

    #[test]
    fn an_unreadable_range_bounds_the_wrap() {
        let readings = [(0, joules(60_000)), (1, joules(60_150)), (2, joules(80))];
        assert_eq!(total(Wrap::Unreadable, 500.0, &readings), "unknown 230 to 750 J");
        assert_eq!(total(Wrap::Unreadable, 500.0, &readings[..2]), "counted 150 J");
    }

    #[test]
    fn a_stray_number_is_passed_over() {
        let readings = [(0, joules(1000)), (1, joules(1150)), (2, joules(7)), (3, joules(1450))];
        assert_eq!(total(Wrap::At(INTEL), 500.0, &readings), "counted 450 J");
        assert_eq!(
            total(Wrap::Unreadable, 3.0, &[(0, joules(1000)), (1, joules(7)), (2, joules(1006))]),
            "counted 6 J"
        );
    }

    #[test]
    fn a_counter_started_anew_is_a_bound_and_then_counted() {
        let readings = [(0, joules(100_000)), (1, joules(7)), (2, joules(157)), (3, joules(307))];
        assert_eq!(total(Wrap::At(INTEL), 500.0, &readings), "unknown 300 to 800 J");
        assert_eq!(total(Wrap::Never, 500.0, &readings), "unknown 307 to 900 J");
    }

    #[test]
    fn the_start_and_the_end_unseen_are_unknown_up_to_the_ceiling() {
        assert_eq!(
            total(Wrap::At(INTEL), 500.0, &[(0, GARBAGE), (1, joules(5)), (2, joules(155))]),
            "unknown 150 to 650 J"
        );
        assert_eq!(
            total(Wrap::At(INTEL), 500.0, &[(0, joules(5)), (1, joules(155)), (2, GARBAGE)]),
            "unknown 150 to 650 J"
        );
        assert_eq!(total(Wrap::At(INTEL), 500.0, &[(0, GARBAGE), (4, GARBAGE)]), "unknown 0 to 2000 J");
    }

    #[test]
    fn power_is_integrated_by_trapezoids_and_a_gap_is_a_gap() {
        let watts = |w: u64| Reading::PowerMw(w * 1000);
        assert_eq!(total(Wrap::Never, 500.0, &[(0, watts(100)), (1, watts(200)), (2, watts(200))]), "sampled 350 J");
        assert_eq!(total(Wrap::Never, 500.0, &[(0, watts(100)), (10, watts(200))]), "unknown 0 to 5000 J");
    }

    #[test]
    fn a_model_keeps_its_bounds() {
        let model = Reading::ModelMw { low: 50_000, likely: 100_000, high: 200_000 };
        let mut integrator = Integrator::new(&domain(Wrap::Never, 500.0));
        integrator.observe(model, 0);
        integrator.observe(model, S);
        let (_, energy) = integrator.take_span(S).expect("read then");
        let expected =
            Energy { least_uj: 50_000_000, energy_uj: 100_000_000, most_uj: 200_000_000, method: Method::Estimated };
        assert_eq!(energy, expected);
    }

    #[test]
    fn a_tick_without_a_reading_makes_the_next_span_longer() {
        let mut integrator = Integrator::new(&domain(Wrap::At(INTEL), 500.0));
        integrator.observe(joules(0), 0);
        integrator.observe(joules(100), S);
        assert!(integrator.take_span(S).is_some());
        integrator.observe(GARBAGE, 2 * S);
        assert_eq!(integrator.take_span(2 * S), None);
        integrator.observe(joules(300), 3 * S);
        assert_eq!(integrator.take_span(3 * S), Some((S, Energy::exact(200_000_000, Method::Counted))));
    }

    proptest! {
        /// Whatever a counter with a known range does, the truth lies within the bounds, and a counted energy is it.
        #[test]
        fn the_truth_is_within_the_bounds(
            start in 0..INTEL,
            steps in prop::collection::vec((0.0..480.0f64, 1..900u64, prop::bool::weighted(0.2)), 1..40),
        ) {
            let mut integrator = Integrator::new(&domain(Wrap::At(INTEL), 500.0));
            let (mut truth, mut at) = (0u64, 0u64);
            integrator.observe(Reading::EnergyUj(start), 0);
            for (watts, seconds, missed) in steps {
                at += seconds * S;
                truth += (watts * seconds as f64 * 1e6) as u64;
                let shown = ((u128::from(start) + u128::from(truth)) % u128::from(INTEL)) as u64;
                integrator.observe(if missed { GARBAGE } else { Reading::EnergyUj(shown) }, at);
            }
            let (_, energy) = integrator.take_last_span(at).expect("time has passed");
            prop_assert!(energy.least_uj <= truth && truth <= energy.most_uj);
            prop_assert!(energy.method == Method::Unknown || energy.energy_uj == truth);
        }
    }
}
