//! Small hand-made requests, plans and footprints for the tests.
//!
//! In: nothing. Out: deterministic inputs, planned by trying every hour; the figures are invented.

use greenwich_core::footprint::{Setting, Stage};
use greenwich_core::plan::{Candidate, PauseCost, Placement, Plan, Request};
use greenwich_core::quantity::{AcceleratorHours, Co2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Usd, Water};
use greenwich_core::range::Quantity;
use greenwich_core::{
    AcceleratorId, Check, Factor, Fit, Footprint, IntensitySeries, Provenance, Range, RegionId, Signal, Tier, Window,
    ZoneId,
};
use jiff::{SignedDuration, Timestamp};

/// A planned job.
pub(crate) struct Fixture {
    pub(crate) request: Request,
    pub(crate) plan: Plan,
    pub(crate) planned: Footprint,
    pub(crate) baseline: Footprint,
    pub(crate) warnings: Vec<String>,
}

impl Fixture {
    pub(crate) fn view(&self) -> crate::PlanView<'_> {
        crate::PlanView {
            job: "llm-7b",
            request: &self.request,
            plan: &self.plan,
            planned: &self.planned,
            baseline: &self.baseline,
            signal: self.request.series[0].signal,
            warnings: &self.warnings,
        }
    }
}

pub(crate) fn at(stamp: &str) -> Timestamp {
    stamp.parse().expect("a stamp")
}

pub(crate) fn window(from: &str, to: &str) -> Window {
    Window::new(at(from), at(to)).expect("forwards")
}

/// Intensity that falls at noon by `swing` and drifts by `drift` over the window.
fn series(zone: &str, window: Window, mean: f64, swing: f64, drift: f64) -> IntensitySeries {
    let hours = window.hours() as usize;
    let value = |hour: usize| {
        let (day, whole) = ((hour % 24) as f64 / 24.0, hour as f64 / hours as f64);
        let week = (hour as f64 / 168.0 * std::f64::consts::TAU).sin();
        mean * (1.0 + swing * (day * std::f64::consts::TAU).cos() + drift * (whole - 0.5) + 0.5 * swing * week)
    };
    IntensitySeries::new(
        ZoneId::new(zone),
        Signal::Lifecycle,
        Provenance::Typical { from_year: 2022, to_year: 2022, attribution: "Electricity Maps, ODbL".into() },
        window.start(),
        SignedDuration::from_hours(1),
        (0..hours).map(value).collect(),
    )
}

fn candidate(
    region: &str,
    zone: &str,
    series: usize,
    accelerator: &str,
    count: u32,
    work_h: f64,
    mw: f64,
) -> Candidate {
    Candidate {
        region: RegionId::new(region),
        zone: ZoneId::new(zone),
        accelerator: AcceleratorId::new(accelerator),
        count,
        series,
        work: Hours::from_hours(work_h),
        facility_power: Power::from_kw(mw * 1e3),
        pue: None,
        usd_per_hour: Some(Usd::from_usd(f64::from(count) * 1.8)),
        transfer: FacilityEnergy::ZERO,
        transfer_g_per_kwh: 0.0,
    }
}

fn placed(request: &Request, candidate: &Candidate, segments: Vec<Window>) -> Placement {
    let hours: f64 = segments.iter().map(|segment| segment.hours()).sum();
    let series = &request.series[candidate.series];
    let grams: f64 = segments
        .iter()
        .map(|segment| {
            series.mean_g_per_kwh(*segment).expect("covered") * segment.hours() * candidate.facility_power.kw()
        })
        .sum();
    Placement {
        candidate: candidate.clone(),
        segments,
        energy: FacilityEnergy::from_kwh(candidate.facility_power.kw() * hours),
        co2e: Co2e::from_g(grams + candidate.transfer.kwh() * candidate.transfer_g_per_kwh),
        cost: candidate.usd_per_hour.map(|usd| usd * hours),
    }
}

fn run_from(release: Timestamp, candidate: &Candidate) -> Window {
    Window::new(release, release + SignedDuration::from_secs_f64(candidate.work.seconds())).expect("forwards")
}

fn best_start(request: &Request, candidate: &Candidate) -> Option<Placement> {
    let slack = request.window.hours() - candidate.work.hours();
    (0..=(slack.floor() as i64))
        .map(|hour| request.window.start() + SignedDuration::from_hours(hour))
        .map(|start| placed(request, candidate, vec![run_from(start, candidate)]))
        .min_by(|a, b| a.co2e.g().total_cmp(&b.co2e.g()))
}

fn solved(request: Request) -> Fixture {
    let mut found: Vec<Placement> =
        request.candidates.iter().filter_map(|candidate| best_start(&request, candidate)).collect();
    found.sort_by(|a, b| a.co2e.g().total_cmp(&b.co2e.g()));
    let mut by_region: Vec<Placement> = Vec::new();
    for placement in &found {
        if by_region.iter().all(|held| held.candidate.region != placement.candidate.region) {
            by_region.push(placement.clone());
        }
    }
    let home = &request.baseline;
    let too_slow = request.candidates.iter().filter(|slow| slow.work.hours() > request.window.hours());
    let plan = Plan {
        best: found[0].clone(),
        baseline: placed(&request, home, vec![run_from(request.window.start(), home)]),
        lower_bound: found[0].co2e * 0.999,
        alternatives: found.iter().take(3).cloned().collect(),
        time_only: best_start(&request, home),
        by_region,
        too_slow: too_slow.map(|slow| (slow.clone(), slow.work)).collect(),
    };
    finished(request, plan)
}

fn finished(request: Request, plan: Plan) -> Fixture {
    let planned = footprint_of(&plan.best);
    let baseline = footprint_of(&plan.baseline);
    let warnings =
        vec!["the intensity is a typical year's, not a forecast: the saving is what such a year would give".into()];
    Fixture { request, plan, planned, baseline, warnings }
}

/// Eight regions, one far cleaner than home; weeks of slack.
pub(crate) fn moved() -> Fixture {
    let window = window("2026-01-05T00:00:00Z", "2026-02-20T00:00:00Z");
    let zones = [
        ("gcp/us-central1", "US-MIDW-MISO", 480.0, 0.06, 0.05),
        ("gcp/europe-north2", "SE-SE3", 31.0, 0.12, -0.25),
        ("gcp/europe-west9", "FR", 66.0, 0.18, -0.2),
        ("gcp/northamerica-northeast1", "CA-QC", 34.0, 0.02, 0.0),
        ("gcp/europe-southwest1", "ES", 190.0, 0.35, -0.3),
        ("gcp/europe-west3", "DE", 420.0, 0.2, -0.1),
        ("gcp/southamerica-east1", "BR-CS", 110.0, 0.1, 0.1),
        ("gcp/europe-west2", "GB", 260.0, 0.2, -0.3),
    ];
    let series_of =
        |(_, zone, mean, swing, drift): &(&str, &str, f64, f64, f64)| series(zone, window, *mean, *swing, *drift);
    let series = zones.iter().map(series_of).collect();
    let candidates: Vec<Candidate> = zones
        .iter()
        .enumerate()
        .map(|(index, (region, zone, ..))| candidate(region, zone, index, "a100-sxm4-80g", 1024, 175.0, 0.5))
        .chain([candidate("gcp/europe-west9", "FR", 2, "v100-sxm2-32g", 1024, 1450.0, 0.4)])
        .collect();
    let baseline = candidates[0].clone();
    solved(Request { window, pauses: None, candidates, baseline, series, pue: Vec::new() })
}

/// A short job that may only stay at home, where the grid hardly changes.
pub(crate) fn stayed() -> Fixture {
    let window = window("2026-01-05T00:00:00Z", "2026-01-07T00:00:00Z");
    let home = candidate("our room", "PL", 0, "a100-sxm4-80g", 8, 6.0, 0.004);
    let series = vec![series("PL", window, 700.0, 0.0, 0.02)];
    solved(Request { window, pauses: None, candidates: vec![home.clone()], baseline: home, series, pue: Vec::new() })
}

/// A newer machine at home and away, at half the energy.
pub(crate) fn other_machine() -> Fixture {
    let window = window("2026-06-01T00:00:00Z", "2026-06-05T00:00:00Z");
    let old = candidate("aws/us-east-1", "US-MIDA-PJM", 0, "v100-sxm2-32g", 64, 40.0, 0.03);
    let candidates = vec![
        old.clone(),
        candidate("aws/us-east-1", "US-MIDA-PJM", 0, "h100-sxm5-80g", 16, 30.0, 0.02),
        candidate("aws/eu-north-1", "SE-SE3", 1, "h100-sxm5-80g", 16, 30.0, 0.019),
    ];
    let series = vec![series("US-MIDA-PJM", window, 380.0, 0.1, 0.0), series("SE-SE3", window, 30.0, 0.3, -0.2)];
    solved(Request { window, pauses: None, candidates, baseline: old, series, pue: Vec::new() })
}

/// An interruptible job at home that runs in the nine cleanest nights.
pub(crate) fn paused() -> Fixture {
    let mut fixture = stayed();
    let window = window("2026-04-01T00:00:00Z", "2026-04-10T12:00:00Z");
    let home = candidate("our room", "ES", 0, "a100-sxm4-80g", 8, 26.0, 0.004);
    fixture.request = Request {
        window,
        pauses: Some(PauseCost { checkpoint: Hours::from_hours(0.1), restart: Hours::from_hours(0.1) }),
        candidates: vec![home.clone()],
        baseline: home.clone(),
        series: vec![series("ES", window, 190.0, 0.6, -0.2)],
        pue: Vec::new(),
    };
    let noon = |day: i64| {
        let from = window.start() + SignedDuration::from_hours(24 * day + 10);
        Window::new(from, from + SignedDuration::from_hours(4)).expect("forwards")
    };
    let best = placed(&fixture.request, &home, (0..9).map(noon).collect());
    let plan = Plan {
        baseline: placed(&fixture.request, &home, vec![run_from(window.start(), &home)]),
        lower_bound: best.co2e * 0.98,
        alternatives: vec![best.clone()],
        time_only: Some(best.clone()),
        by_region: vec![best.clone()],
        too_slow: Vec::new(),
        best,
    };
    finished(fixture.request, plan)
}

fn around<Q: Quantity>(amount: Q) -> Range<Q> {
    let times = |factor: f64| Q::from_base(amount.base() * factor);
    Range { p5: times(0.85), p50: amount, p95: times(1.2) }
}

fn footprint_of(placement: &Placement) -> Footprint {
    let candidate = &placement.candidate;
    let it = placement.energy.kwh() / 1.1;
    let hours = placement.running();
    Footprint {
        stage: Stage::Estimate,
        job: "llm-7b".into(),
        tier: Tier::T0,
        setting: Setting {
            accelerator: Some(candidate.accelerator.clone()),
            count: candidate.count,
            region: Some(candidate.region.clone()),
            zone: Some(candidate.zone.clone()),
        },
        params_total: Some(6_738_415_616),
        params_active: Some(6_738_415_616),
        forward_flops_per_token: Some(Flops::from_flops(1.55e10)),
        training_flops: Some(Range::exact(Flops::from_flops(9.3e22))),
        accelerator_hours: around(hours.on(candidate.count)),
        hours: around(hours),
        mean_power: around(Power::from_watts(it * 1e3 / hours.hours() / f64::from(candidate.count))),
        accelerator_power: None,
        facility_power: None,
        it_energy: around(ItEnergy::from_kwh(it)),
        facility_energy: around(placement.energy),
        location_based: Some(around(placement.co2e)),
        location_based_direct: Some(around(placement.co2e * 0.7)),
        market_based: None,
        consequential: None,
        embodied: Some(around(Co2e::from_kg(3100.0))),
        water: Some(around(Water::from_m3(it / 500.0))),
        cost: placement.cost.map(around),
        factors: factors(),
        warnings: vec![
            "market-based CO2e is not known: the catalog has no contract of this region; set `market_based_gco2e_per_kwh`"
                .into(),
            "MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a narrower range"
                .into(),
        ],
    }
}

fn factors() -> Vec<Factor> {
    let factor = |quantity: &str, value, unit: &str, source: &str, year, fit, check| Factor {
        quantity: quantity.into(),
        value,
        unit: unit.into(),
        source: source.into(),
        year,
        fit,
        check,
    };
    vec![
        factor(
            "PUE",
            1.1,
            "",
            "Google data centers: efficiency, trailing twelve months",
            Some(2024),
            Fit::FleetAverage("gcp".into()),
            Check::Primary,
        ),
        factor(
            "location-based intensity (lifecycle)",
            480.25,
            "gCO2e/kWh",
            "Electricity Maps, hourly 2022, mean",
            Some(2022),
            Fit::OtherYear { asked: 2026, found: 2022 },
            Check::Derived,
        ),
        factor(
            "peak FLOP rate (bf16, dense)",
            312.0,
            "TFLOP/s",
            "NVIDIA A100 datasheet",
            Some(2020),
            Fit::Exact,
            Check::Primary,
        ),
        factor(
            "embodied CO2e per accelerator",
            164.0,
            "kgCO2e",
            "a figure from a forum",
            None,
            Fit::Similar("a100-pcie-40g".into()),
            Check::Unverified,
        ),
    ]
}

/// An estimate with a quantity that is not known.
pub(crate) fn estimate() -> Footprint {
    moved().baseline
}

/// An account of two phases.
pub(crate) fn account() -> greenwich_core::Account {
    let part = |name: &str, hours: f64, share: f64| {
        let mut footprint = estimate();
        footprint.stage = Stage::Account;
        footprint.tier = Tier::T3;
        footprint.hours = Range::exact(Hours::from_hours(hours));
        footprint.accelerator_hours = Range::exact(AcceleratorHours::from_hours(hours * 1024.0));
        let scaled = |kwh: f64| kwh * share;
        footprint.it_energy = Range::exact(ItEnergy::from_kwh(scaled(80_000.0)));
        footprint.facility_energy = Range::exact(FacilityEnergy::from_kwh(scaled(88_000.0)));
        footprint.location_based = Some(Range::exact(Co2e::from_kg(scaled(42_000.0))));
        greenwich_core::footprint::Phase { name: name.into(), footprint, energy_share: share, co2e_share: Some(share) }
    };
    let mut total = part("", 175.0, 1.0).footprint;
    total.warnings = vec!["market-based CO2e is not known: no contract is given".into()];
    greenwich_core::Account {
        total,
        phases: vec![part("architecture search", 43.75, 0.25), part("final", 131.25, 0.75)],
        passenger_flights: Some(35.0),
        planes: Some(0.23),
        fleet_share: Some(0.000_071),
    }
}

/// Two jobs of which one needs less of everything.
pub(crate) fn levers() -> greenwich_core::levers::Levers {
    let (model, machine, mechanization, map) = (0.8, 4.2, 1.11, 8.1);
    greenwich_core::levers::Levers {
        base: "dense-on-premises".into(),
        alternative: "moe-in-the-cloud".into(),
        scope2: greenwich_core::levers::Scope2::Location,
        energy_ratio: model * machine * mechanization,
        co2e_ratio: model * machine * mechanization * map,
        model: Some(model),
        machine,
        mechanization,
        map,
        warnings: Vec::new(),
    }
}

/// The same where the FLOPs of one are not known.
pub(crate) fn levers_without_model() -> greenwich_core::levers::Levers {
    let known = levers();
    greenwich_core::levers::Levers {
        machine: known.machine * 0.8,
        model: None,
        warnings: vec![
            "the training FLOPs of `moe-in-the-cloud` are not known, so Machine holds Model as well: give `machine.total_flops`"
                .into(),
        ],
        ..known
    }
}

/// Every plan, the last with names that nobody should have chosen.
pub(crate) fn all() -> Vec<(&'static str, Fixture)> {
    vec![
        ("moved", moved()),
        ("stayed", stayed()),
        ("other_machine", other_machine()),
        ("paused", paused()),
        ("odd_names", odd_names()),
    ]
}

/// A region, a warning and a source with markup, control characters and no place to break a line.
pub(crate) fn odd_names() -> Fixture {
    let mut fixture = moved();
    let odd = RegionId::new(format!("<room & \"co\">\x1b[31m{}", "x".repeat(150)));
    let accelerator = AcceleratorId::new("加速器".repeat(30));
    let plan = &mut fixture.plan;
    let placements = plan.alternatives.iter_mut().chain(&mut plan.by_region).chain([&mut plan.best]);
    for placement in placements.filter(|placement| placement.candidate.series == 1) {
        placement.candidate.region = odd.clone();
        placement.candidate.accelerator = accelerator.clone();
    }
    fixture.planned.setting.region = Some(odd);
    fixture.planned.setting.accelerator = Some(accelerator);
    fixture.planned.job = "<job>\x07\n]]>".into();
    fixture.warnings.push(format!("a warning\r\n with {}", "/a/long/path".repeat(20)));
    fixture.planned.factors[0].source = format!("<source>{}", "y".repeat(200));
    fixture
}
