//! Small hand-made runs for the tests.
//!
//! In: nothing. Out: deterministic entries of a ledger; the figures are invented.

use crate::fixture::at;
use greenwich_core::entry::{DeviceEnergy, HourOfRun, RunEntry};
use greenwich_core::footprint::{Setting, Stage};
use greenwich_core::quantity::{AcceleratorHours, Co2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Usd, Water};
use greenwich_core::range::Quantity;
use greenwich_core::reading::{DeviceKind, Method};
use greenwich_core::{AcceleratorId, Check, Factor, Fit, Footprint, Range, RegionId, Tier, ZoneId};

fn around<Q: Quantity>(amount: Q, low: f64, high: f64) -> Range<Q> {
    Range { p5: Q::from_base(amount.base() * low), p50: amount, p95: Q::from_base(amount.base() * high) }
}

fn device(kind: DeviceKind, device: &str, domain: &str, model: &str, kwh: f64) -> DeviceEnergy {
    DeviceEnergy {
        device: device.into(),
        host: "node01".into(),
        kind,
        domain: domain.into(),
        model: model.into(),
        energy: Range::exact(ItEnergy::from_kwh(kwh)),
        method: Method::Counted,
        coverage: 1.0,
        inside_another: false,
    }
}

fn factor(quantity: &str, value: f64, unit: &str, source: &str, year: Option<i16>, fit: Fit, check: Check) -> Factor {
    Factor { quantity: quantity.into(), value, unit: unit.into(), source: source.into(), year, fit, check }
}

/// Eight GPUs and their host for 134 minutes, every joule from a counter.
pub(crate) fn counted() -> RunEntry {
    let gpu = |index: usize| {
        device(DeviceKind::Gpu, &format!("GPU-{index}"), "nvml total energy", "NVIDIA H100 80GB HBM3", 0.9)
    };
    let cpu = |index: usize| {
        let domain = format!("intel-rapl:{index} package-{index}");
        device(DeviceKind::CpuPackage, &format!("cpu-{index}"), &domain, "Intel Xeon Platinum 8480+", 0.29)
    };
    let dram = |index: usize| {
        let domain = format!("intel-rapl:{index}:0 dram");
        device(DeviceKind::Dram, &format!("dram-{index}"), &domain, "", 0.2)
    };
    let devices: Vec<DeviceEnergy> = (0..8).map(gpu).chain((0..2).map(cpu)).chain((0..2).map(dram)).collect();
    let (kwh, pue) = (8.18, 1.2);
    let hour = |start: &str, minutes: f64, location: f64, market: f64| HourOfRun {
        start: at(start),
        it_energy: ItEnergy::from_kwh(kwh * minutes / 134.0),
        location_based_g_per_kwh: Some(location),
        market_based_g_per_kwh: Some(market),
        pue: None,
    };
    let hours = vec![
        hour("2026-01-05T09:13:00Z", 47.0, 180.0, 60.0),
        hour("2026-01-05T10:00:00Z", 60.0, 165.0, 60.0),
        hour("2026-01-05T11:00:00Z", 27.0, 150.0, 60.0),
    ];
    let grams = |of: fn(&HourOfRun) -> Option<f64>| -> f64 {
        hours.iter().map(|hour| hour.it_energy.kwh() * pue * of(hour).expect("every hour has one")).sum()
    };
    let location = Co2e::from_g(grams(|hour| hour.location_based_g_per_kwh));
    let market = Co2e::from_g(grams(|hour| hour.market_based_g_per_kwh));
    let wall = Hours::from_hours(134.0 / 60.0);
    let account = Footprint {
        stage: Stage::Account,
        job: "llm-7b".into(),
        tier: Tier::T3,
        setting: Setting {
            accelerator: Some(AcceleratorId::new("h100-sxm5-80g")),
            count: 8,
            region: Some(RegionId::new("gcp/europe-west2")),
            zone: Some(ZoneId::new("GB")),
        },
        params_total: Some(6_738_415_616),
        params_active: Some(6_738_415_616),
        forward_flops_per_token: Some(Flops::from_flops(1.55e10)),
        training_flops: Some(Range::exact(Flops::from_flops(2.5e19))),
        accelerator_hours: Range::exact(wall.on(8)),
        hours: Range::exact(wall),
        mean_power: Range::exact(Power::from_watts(kwh * 1e3 / wall.hours() / 8.0)),
        accelerator_power: None,
        facility_power: None,
        it_energy: Range::exact(ItEnergy::from_kwh(kwh)),
        facility_energy: around(FacilityEnergy::from_kwh(kwh * pue), 0.93, 1.08),
        location_based: Some(around(location, 0.87, 1.17)),
        location_based_direct: Some(around(location * 0.8, 0.87, 1.17)),
        market_based: Some(around(market, 0.87, 1.17)),
        consequential: None,
        embodied: Some(around(Co2e::from_g(620.0), 0.6, 1.6)),
        water: Some(around(Water::from_litres(17.0), 0.7, 1.5)),
        cost: Some(Range::exact(Usd::from_usd(44.7))),
        factors: vec![
            factor(
                "PUE",
                pue,
                "ratio",
                "Google data centers: efficiency, Google, 2025",
                Some(2024),
                Fit::FleetAverage("gcp".into()),
                Check::Primary,
            ),
            factor(
                "location-based intensity (lifecycle)",
                168.0,
                "gCO2e/kWh",
                "Carbon Intensity API, NESO, 2026",
                Some(2026),
                Fit::Exact,
                Check::Primary,
            ),
            factor(
                "location-based intensity (direct)",
                134.0,
                "gCO2e/kWh",
                "Carbon Intensity API, NESO, 2026",
                Some(2026),
                Fit::Exact,
                Check::Primary,
            ),
            factor("market-based intensity", 60.0, "gCO2e/kWh", "job file", None, Fit::Given, Check::Primary),
            factor(
                "embodied carbon of h100-sxm5-80g (card)",
                164.0,
                "kgCO2e",
                "Product carbon footprint summary of HGX H100, NVIDIA, 2025",
                Some(2025),
                Fit::Exact,
                Check::Primary,
            ),
        ],
        warnings: Vec::new(),
    };
    RunEntry {
        run: "20260105T091300Z-node01-7f3a".into(),
        command: ["torchrun", "--nproc-per-node", "8", "train.py"].map(String::from).to_vec(),
        start: at("2026-01-05T09:13:00Z"),
        end: at("2026-01-05T11:27:00Z"),
        exit_status: Some(0),
        nodes: 1,
        nodes_expected: Some(1),
        project: Some("llm-7b".into()),
        model: Some("llm-7b-base".into()),
        phase: Some("final".into()),
        tags: vec![("training_type".into(), "pre-training".into()), ("tokens".into(), "1.2e9".into())],
        corrects: Vec::new(),
        devices,
        hours,
        account,
    }
}

/// A machine without readable counters, in no known zone, killed before its end and with a node missing.
pub(crate) fn estimated() -> RunEntry {
    let cpu = DeviceEnergy {
        energy: around(ItEnergy::from_kwh(0.4), 0.8, 1.25),
        method: Method::Estimated,
        coverage: 0.973,
        ..device(DeviceKind::CpuPackage, "cpu-0", "model of facts", "AMD EPYC 7742", 0.0)
    };
    let dram = DeviceEnergy {
        energy: Range { p5: ItEnergy::ZERO, p50: ItEnergy::from_kwh(0.05), p95: ItEnergy::from_kwh(0.1) },
        method: Method::Unknown,
        coverage: 0.0,
        ..device(DeviceKind::Dram, "dram-0", "none", "", 0.0)
    };
    let it = Range { p5: ItEnergy::from_kwh(0.32), p50: ItEnergy::from_kwh(0.45), p95: ItEnergy::from_kwh(0.6) };
    let facility = it.map(|energy| FacilityEnergy::from_kwh(energy.kwh() * 1.5));
    let hour = |start: &str, share: f64| HourOfRun {
        start: at(start),
        it_energy: it.p50 * share,
        location_based_g_per_kwh: None,
        market_based_g_per_kwh: None,
        pue: None,
    };
    let wall = Hours::from_hours(1.75);
    RunEntry {
        run: "20260210T221500Z-desk-01c9".into(),
        command: ["python", "finetune.py", "--lr", "1e-4"].map(String::from).to_vec(),
        start: at("2026-02-10T22:15:00Z"),
        end: at("2026-02-11T00:00:00Z"),
        exit_status: Some(137),
        nodes: 1,
        nodes_expected: Some(2),
        project: None,
        model: None,
        phase: None,
        tags: Vec::new(),
        corrects: Vec::new(),
        devices: vec![cpu, dram],
        hours: vec![hour("2026-02-10T22:15:00Z", 0.4), hour("2026-02-10T23:00:00Z", 0.6)],
        account: Footprint {
            job: "finetune".into(),
            tier: Tier::T2,
            setting: Setting { accelerator: None, count: 1, region: None, zone: None },
            params_total: None,
            params_active: None,
            forward_flops_per_token: None,
            training_flops: None,
            accelerator_hours: Range::exact(AcceleratorHours::from_hours(wall.hours())),
            hours: Range::exact(wall),
            mean_power: it.map(|energy| Power::from_watts(energy.joules() / wall.seconds())),
            accelerator_power: None,
            facility_power: None,
            it_energy: it,
            facility_energy: facility,
            location_based: None,
            location_based_direct: None,
            market_based: None,
            embodied: None,
            water: None,
            cost: None,
            factors: vec![factor(
                "PUE",
                1.5,
                "ratio",
                "Global Data Center Survey, Uptime Institute, 2024",
                Some(2024),
                Fit::Assumed,
                Check::Quoted,
            )],
            warnings: vec![
                "location-based CO2e is not known: no grid zone is set; set `site.zone`".into(),
                "dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn".into(),
            ],
            ..counted().account
        },
    }
}

/// A search, a preliminary and a final run of one project.
pub(crate) fn phases() -> Vec<RunEntry> {
    let part = |name: &str, day: i64, factor: f64| {
        let mut run = counted();
        let later = jiff::SignedDuration::from_hours(24 * day);
        run.run = format!("{name}-run");
        run.phase = Some(name.to_owned());
        run.start += later;
        run.end += later;
        for hour in &mut run.hours {
            hour.start += later;
            hour.it_energy = hour.it_energy * factor;
        }
        for device in &mut run.devices {
            device.energy = device.energy.map(|energy| energy * factor);
        }
        let account = &mut run.account;
        account.it_energy = account.it_energy.map(|energy| energy * factor);
        account.mean_power = account.mean_power.map(|power| power * factor);
        account.facility_energy = account.facility_energy.map(|energy| energy * factor);
        for co2e in [&mut account.location_based, &mut account.location_based_direct, &mut account.market_based] {
            *co2e = co2e.map(|co2e| co2e.map(|co2e| co2e * factor));
        }
        run
    };
    // Out of order on purpose: a list of runs is read by its times.
    vec![part("final", 2, 1.0), part("search", 0, 0.75), part("preliminary", 1, 0.25)]
}

/// A run whose every name holds markup, quotes, line breaks and control characters.
pub(crate) fn odd_names() -> RunEntry {
    let odd = "a \"b\" 50% {x}_$y & <z> \\ #~^\n co2_eq_emissions: 0\x1b[31m\u{2028}|";
    let mut run = counted();
    run.run = odd.to_owned();
    run.command.push(odd.to_owned());
    run.project = Some(odd.to_owned());
    run.model = Some(odd.to_owned());
    run.phase = Some(odd.to_owned());
    run.tags = vec![(odd.to_owned(), odd.to_owned())];
    for device in &mut run.devices {
        device.model = odd.to_owned();
        device.device.push_str(odd);
        device.host = odd.to_owned();
    }
    run.account.setting.region = Some(RegionId::new(odd));
    run.account.setting.zone = Some(ZoneId::new(odd));
    run.account.warnings = vec![odd.to_owned()];
    run.account.factors[0].source = odd.to_owned();
    run
}

/// Every fixture by name.
pub(crate) fn all() -> Vec<(&'static str, Vec<RunEntry>)> {
    vec![
        ("counted", vec![counted()]),
        ("estimated", vec![estimated()]),
        ("phases", phases()),
        ("odd_names", vec![odd_names()]),
        ("none", Vec::new()),
    ]
}
