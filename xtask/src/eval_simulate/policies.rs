//! Policies side by side on traces of real clusters, on three zones at a time, at several utilisations.
//!
//! In: traces of jobs and of intensity, and what is asked. Out: one table, a row a trace, utilisation, forecast and policy,
//! each with how far it lies above what no policy could go below.

use super::{data, past, print};
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use greenwich_core::ZoneId;
use greenwich_core::quantity::{AverageIntensity, Pue};
use greenwich_fleet::{Job, Site};
use greenwich_forecast::{History, Prior};
use greenwich_simulate::{
    Charges, Foresight, Method, Outcome, PolicyKind, Span, TraceRules, World, as_fleet, bound_g, read_trace, replay,
    scaled,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const USAGE: &str =
    "usage: cargo xtask eval plan policies [--data DIR] [--traces NAME,…] [--sites 1|2] [--utilisation SHARE,…]
                     [--jobs N] [--weeks N] [--policies NAME,…] [--forecasts greenwich|naive|perfect|NOISE,…]
                     [--from HOUR] [--seed N] [--late]
--sites 1: California, Great Britain, New South Wales from 2023-04-01; 2: Texas, Great Britain, Tokyo from 2022-10-01;
--forecasts: the first for every policy, the others for ours alone; NOISE is a share, for example 0.1;
--from: so many hours later in each trace; --seed: who may pause or move, by lot; --late: who is late, by kind of job";
/// The fleet planner's effort for the bound.
const BOUND_EFFORT: f64 = 0.1;
const TAIL: u32 = 24 + 96 + 168;
const EVERY: u32 = 6;
/// Larger jobs would need sites larger than the jobs fill.
const LARGEST: u32 = 4;
/// Traces, and the hour of each at which the replay begins: where its cluster is in full use.
const TRACES: [(&str, &str, f64); 4] = [
    ("pai", "alibaba-pai2020-gaia-100k", 0.0),
    ("philly", "philly-2017", 480.0),
    ("azure", "azure-vm-gaia-100k", 0.0),
    ("openb", "alibaba-gpu-v2023-openb", 2700.0),
];
/// Where and when: zones, each with the PUE of its site, and the first hour.
const PLACES: [(&str, [(&str, f64); 3]); 2] = [
    ("2023-04-01T00:00:00Z", [("US-CAL-CISO", 1.10), ("GB", 1.14), ("AU-NSW", 1.16)]),
    ("2022-10-01T00:00:00Z", [("US-TEX-ERCO", 1.12), ("GB", 1.14), ("JP-TK", 1.20)]),
];
const CHARGES: Charges = Charges { transfer_kwh_per_gb: 0.06, miss_g: 2000.0, restart_minutes: 5.0 };
const HEADS: &str = "| trace | sites | utilisation | forecast | policy | saved | charged | of oracle | regret | above the bound | mean delay | p95 delay | late | restarts | moved |
| --- | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

/// What is asked.
struct Asked {
    folder: PathBuf,
    traces: Vec<(&'static str, &'static str, f64)>,
    places: Vec<usize>,
    utilisations: Vec<f64>,
    jobs: usize,
    hours: u32,
    policies: Vec<PolicyKind>,
    forecasts: Vec<Method>,
    from_h: f64,
    seed: u64,
    tells_late: bool,
}

impl Asked {
    fn read(words: &[&str]) -> Result<Option<Self>> {
        let mut folder: Vec<&str> = Vec::new();
        let mut asked = Self {
            folder: PathBuf::new(),
            traces: TRACES.to_vec(),
            places: vec![0],
            utilisations: vec![0.5, 0.77, 0.9],
            jobs: 700,
            hours: 2 * 168,
            policies: PolicyKind::ALL.to_vec(),
            forecasts: vec![Method::Forecaster],
            from_h: 0.0,
            seed: 1,
            tells_late: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--help" {
                print(USAGE);
                return Ok(None);
            }
            if *word == "--late" {
                asked.tells_late = true;
                continue;
            }
            let value = words.next().copied().with_context(|| format!("{word} wants a value\n{USAGE}"))?;
            let parts = value.split(',');
            match *word {
                "--data" => folder = vec!["--data", value],
                "--traces" => {
                    asked.traces = parts
                        .map(|name| {
                            TRACES.into_iter().find(|trace| trace.0 == name).with_context(|| format!("no trace {name}"))
                        })
                        .collect::<Result<_>>()?;
                }
                "--sites" => asked.places = parts.map(|at| Ok(at.parse::<usize>()? - 1)).collect::<Result<_>>()?,
                "--utilisation" => asked.utilisations = parts.map(str::parse).collect::<Result<_, _>>()?,
                "--jobs" => asked.jobs = value.parse()?,
                "--from" => asked.from_h = value.parse()?,
                "--seed" => asked.seed = value.parse()?,
                "--weeks" => asked.hours = 168 * value.parse::<u32>()?,
                "--policies" => {
                    asked.policies =
                        parts.map(|name| name.parse().map_err(anyhow::Error::msg)).collect::<Result<_>>()?;
                }
                "--forecasts" => asked.forecasts = parts.map(method).collect::<Result<_>>()?,
                _ => bail!("{USAGE}"),
            }
        }
        let Some(folder) = data(&folder)? else { return Ok(None) };
        asked.policies.extend([PolicyKind::RunAtOnce, PolicyKind::Oracle]);
        asked.policies.sort_unstable();
        asked.policies.dedup();
        if asked.places.iter().any(|place| *place >= PLACES.len()) || asked.forecasts.is_empty() {
            bail!("{USAGE}");
        }
        Ok(Some(Self { folder, ..asked }))
    }
}

fn method(name: &str) -> Result<Method> {
    Ok(match name {
        "greenwich" => Method::Forecaster,
        "naive" => Method::Naive,
        "perfect" => Method::Perfect,
        noise => Method::Error(noise.parse().with_context(|| format!("no forecast is called {noise}\n{USAGE}"))?),
    })
}

fn told(method: Method) -> String {
    match method {
        Method::Forecaster => "ours".to_owned(),
        Method::Naive => "naive".to_owned(),
        Method::Perfect => "perfect".to_owned(),
        Method::Error(share) => format!("noise {:.0} %", 100.0 * share),
    }
}

pub(crate) fn policies(words: &[&str]) -> Result<()> {
    let Some(asked) = Asked::read(words)? else { return Ok(()) };
    print(&format!("\n{} jobs a trace over {} h\n{HEADS}", asked.jobs, asked.hours));
    for place in &asked.places {
        let place = Place::read(&asked, *place)?;
        for trace in &asked.traces {
            trace_table(&asked, &place, *trace)?;
        }
    }
    Ok(())
}

/// Sites with what came, and what was foretold of them.
struct Place {
    number: usize,
    sites: Vec<Site>,
    foresights: Vec<(Method, Foresight)>,
    perfect: Foresight,
}

impl Place {
    fn read(asked: &Asked, number: usize) -> Result<Self> {
        let (start, zones) = PLACES[number];
        let start: Timestamp = start.parse()?;
        let open = |(zone, _): &(&str, f64)| past(&asked.folder.join("grid").join(format!("{zone}.csv.gz")));
        let histories = zones.iter().map(open).collect::<Result<Vec<History>>>()?;
        let hours = asked.hours + TAIL;
        let sites = sites(&histories, &zones, start, hours)?;
        let known: BTreeMap<ZoneId, History> =
            histories.into_iter().map(|history| (history.zone.clone(), history)).collect();
        let span = Span { start, hours, every: EVERY };
        let of = |method| Foresight::of(&sites, &known, method, span, 1, &Prior::shipped());
        let foresights = asked.forecasts.iter().map(|method| Ok((*method, of(*method)?))).collect::<Result<_>>()?;
        let perfect = of(Method::Perfect)?;
        Ok(Self { number: number + 1, foresights, perfect, sites })
    }
}

fn trace_table(asked: &Asked, place: &Place, (short, name, from_h): (&str, &str, f64)) -> Result<()> {
    let file = asked.folder.join("jobs").join(format!("{name}.csv.gz"));
    let rules = TraceRules {
        from_h: from_h + asked.from_h,
        hours: asked.hours,
        slack_h: 24,
        interruptible: 0.5,
        movable: 0.3,
        elastic: 0.0,
        speedup: Vec::new(),
        power_w: 700.0,
        longest_h: 96,
        largest: LARGEST,
        most_jobs: asked.jobs,
        seed: asked.seed,
    };
    let traced = as_fleet(name, &read_trace(name, &unpacked(&file)?)?, place.sites.clone(), &rules)?;
    let mut seen: Vec<Vec<u32>> = Vec::new();
    for &utilisation in &asked.utilisations {
        let world = World::new(scaled(&traced.fleet, utilisation, asked.hours), CHARGES);
        // Where few jobs fill little, the largest job says how large a site is, whatever share is asked for.
        let sizes: Vec<u32> = world.fleet.sites.iter().map(|site| site.capacity[0]).collect();
        if seen.contains(&sizes) {
            continue;
        }
        seen.push(sizes);
        let run = |kind: PolicyKind, foresight: &Foresight| {
            replay(&world, foresight, &mut *kind.begin(1.0), &mut |_, _| true).context("nobody stops it")
        };
        let bound = bound_g(&world, BOUND_EFFORT);
        let base = run(PolicyKind::RunAtOnce, &place.perfect)?;
        let oracle = run(PolicyKind::Oracle, &place.perfect)?;
        let room: f64 = world.fleet.sites.iter().map(|site| f64::from(site.capacity[0])).sum();
        let share = world.work() / (room * f64::from(asked.hours));
        let row = |forecast: &str, kind: PolicyKind, outcome: &Outcome| {
            let head = format!("| {short} | {} | {:.0} % | {forecast} | {kind} |", place.number, 100.0 * share);
            print(&(head + &cells(outcome, &base, &oracle, bound)));
            if asked.tells_late {
                print(&late(&world, outcome));
            }
        };
        for (at, (method, foresight)) in place.foresights.iter().enumerate() {
            let ours = [PolicyKind::Greenwich];
            for &kind in if at == 0 { &asked.policies[..] } else { &ours } {
                match kind {
                    PolicyKind::RunAtOnce => row("–", kind, &base),
                    PolicyKind::Oracle => row("perfect", kind, &oracle),
                    _ => row(&told(*method), kind, &run(kind, foresight)?),
                }
            }
        }
    }
    Ok(())
}

type IsOne = fn(&Job) -> bool;

/// Who is late: jobs and their share of all late accelerator-hours, by size, length and freedom.
fn late(world: &World, outcome: &Outcome) -> String {
    let area = |job: &Job| f64::from(job.accelerators) * f64::from(job.hours);
    let jobs = || world.fleet.jobs.iter().zip(&outcome.jobs);
    let all: f64 = jobs().filter(|(_, ran)| ran.missed).map(|(job, _)| area(job)).sum();
    let kinds: [(&str, IsOne); 10] = [
        ("1 accelerator", |job| job.accelerators == 1),
        ("2", |job| job.accelerators == 2),
        ("3 or 4", |job| job.accelerators > 2),
        ("up to 4 h", |job| job.hours <= 4),
        ("up to 24 h", |job| (5..=24).contains(&job.hours)),
        ("longer", |job| job.hours > 24),
        ("whole", |job| !job.interruptible),
        ("may pause", |job| job.interruptible),
        ("at home", |job| job.sites.0 != 0),
        ("may move", |job| job.sites.0 == 0),
    ];
    let told = kinds.map(|(name, is_one)| {
        let of = jobs().filter(|(job, _)| is_one(job)).count();
        let (count, sum) = jobs()
            .filter(|(job, ran)| ran.missed && is_one(job))
            .fold((0, 0.0), |(count, sum), (job, _)| (count + 1, sum + area(job)));
        format!("{name} {count} of {of} ({:.0} %)", 100.0 * sum / all.max(1.0))
    });
    format!("late: {}", told.join(", "))
}

fn cells(outcome: &Outcome, base: &Outcome, oracle: &Outcome, bound: Option<f64>) -> String {
    let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    format!(
        " {} | {} | {} | {} | {} | {:.1} h | {:.1} h | {} | {} | {} |",
        percent(outcome.saving(base)),
        percent(outcome.charged_saving(base)),
        percent(outcome.realised(base, oracle)),
        percent(outcome.regret(oracle)),
        percent(bound.and_then(|bound| outcome.above(bound))),
        outcome.mean_delay_h,
        outcome.p95_delay_h,
        outcome.misses,
        outcome.restarts,
        outcome.moved,
    )
}

fn sites(histories: &[History], zones: &[(&str, f64)], start: Timestamp, hours: u32) -> Result<Vec<Site>> {
    let site = |(history, (zone, pue)): (&History, &(&str, f64))| {
        let levels = (0..hours).map(|hour| {
            let at = start + SignedDuration::from_hours(i64::from(hour));
            history.at_g_per_kwh(at).map(AverageIntensity::from_g_per_kwh).with_context(|| format!("{zone} at {at}"))
        });
        Ok(Site {
            name: zone.to_lowercase(),
            zone: history.zone.clone(),
            pue: Pue::new(*pue)?,
            capacity: vec![100; hours as usize],
            intensity: levels.collect::<Result<_>>()?,
            accelerator: None,
            region: None,
            usd_per_kwh: None,
            backend: None,
        })
    };
    histories.iter().zip(zones).map(site).collect()
}

fn unpacked(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    MultiGzDecoder::new(opened).read_to_end(&mut bytes)?;
    Ok(bytes)
}
