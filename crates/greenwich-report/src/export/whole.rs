//! Runs taken as one: what every export reads.
//!
//! In: runs of the ledger. Out: their sum as a footprint, and what can be said of how it is known. A run that
//! another of the same list corrects is left out. Percentiles are added as they stand: runs share their factors
//! and meters, so their errors do not cancel.

use crate::number::percent;
use greenwich_core::entry::{DeviceEnergy, RunEntry};
use greenwich_core::footprint::{Setting, Stage};
use greenwich_core::quantity::{AcceleratorHours, FacilityEnergy, Hours, ItEnergy, Power};
use greenwich_core::range::Quantity;
use greenwich_core::reading::{DeviceKind, Method};
use greenwich_core::{Factor, Footprint, Range, Tier};
use jiff::Timestamp;
use std::ops::Add;

/// A share below this is rounding.
const ROUNDING: f64 = 0.001;

/// Some runs and their sum.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    /// The runs in order of their start, those that are corrected left out.
    pub(crate) runs: Vec<&'a RunEntry>,
    /// Their sum; a quantity that one of them lacks is not known.
    pub(crate) sum: Footprint,
}

/// Equal parts of a machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hardware<'a> {
    pub(crate) kind: DeviceKind,
    /// Model name; empty where not known.
    pub(crate) model: &'a str,
    pub(crate) count: u32,
}

impl<'a> Whole<'a> {
    /// Sums the runs.
    pub(crate) fn of(entries: &'a [RunEntry]) -> Self {
        let corrected = |run: &str| entries.iter().any(|entry| entry.corrects.iter().any(|corrected| corrected == run));
        let mut runs: Vec<&RunEntry> = entries.iter().filter(|entry| !corrected(&entry.run)).collect();
        runs.sort_by(|a, b| (a.start, &a.run).cmp(&(b.start, &b.run)));
        let sum = sum(&runs);
        Self { runs, sum }
    }
    /// Names of the runs.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.runs.iter().map(|run| run.run.as_str()).collect()
    }
    /// The one run's name, the project that all belong to, or how many there are.
    pub(crate) fn name(&self) -> &str {
        &self.sum.job
    }
    pub(crate) fn start(&self) -> Option<Timestamp> {
        self.runs.iter().map(|run| run.start).min()
    }
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.runs.iter().map(|run| run.end).max()
    }
    /// Devices whose energy no other holds.
    pub(crate) fn counted_devices(&self) -> impl Iterator<Item = &'a DeviceEnergy> {
        self.runs.iter().flat_map(|run| run.devices.iter().filter(|device| !device.inside_another))
    }
    /// How the worst-known device is known; `None` where nothing was metered.
    pub(crate) fn method(&self) -> Option<Method> {
        self.counted_devices().map(|device| device.method).max()
    }
    /// Share of the metered energy by how it is known, best known first.
    pub(crate) fn known_by(&self) -> Vec<(Method, f64)> {
        let joules = |method: Method| -> f64 {
            let devices = self.counted_devices().filter(|device| device.method == method);
            devices.map(|device| device.energy.p50.joules()).sum()
        };
        let methods = [Method::Counted, Method::Sampled, Method::Estimated, Method::Unknown];
        let parts = methods.map(|method| (method, joules(method)));
        let whole: f64 = parts.iter().map(|(_, joules)| joules).sum();
        let present = |method: Method| self.counted_devices().any(|device| device.method == method);
        let share = |joules: f64| if whole > 0.0 { joules / whole } else { 0.0 };
        parts.into_iter().filter(|(method, _)| present(*method)).map(|(method, part)| (method, share(part))).collect()
    }
    /// The coverage of the device that was read least; `None` where nothing was metered.
    pub(crate) fn least_coverage(&self) -> Option<f64> {
        self.counted_devices().map(|device| device.coverage).min_by(f64::total_cmp)
    }
    /// Facility over IT energy.
    pub(crate) fn pue(&self) -> Option<f64> {
        let (it, facility) = (self.sum.it_energy.p50.joules(), self.sum.facility_energy.p50.joules());
        (it > 0.0).then(|| facility / it)
    }
    /// Location-based CO2e over facility energy, in gCO2e/kWh: the mean that the run met.
    pub(crate) fn location_based_g_per_kwh(&self) -> Option<f64> {
        let kwh = self.sum.facility_energy.p50.kwh();
        self.sum.location_based.filter(|_| kwh > 0.0).map(|co2e| co2e.p50.g() / kwh)
    }
    /// Factors whose quantity begins so, each once.
    pub(crate) fn factors(&self, quantity: &str) -> Vec<&Factor> {
        self.sum.factors.iter().filter(|factor| factor.quantity.starts_with(quantity)).collect()
    }
    /// Which location-based factor entered: `lifecycle`, `direct`, or not told.
    pub(crate) fn factor_scope(&self) -> Option<&'static str> {
        let holds = |scope: &str| !self.factors(&format!("location-based intensity ({scope})")).is_empty();
        match (holds("lifecycle"), holds("direct")) {
            (true, _) => Some("lifecycle"),
            (false, true) => Some("direct"),
            (false, false) => None,
        }
    }
    /// Cloud regions or rooms, each once.
    pub(crate) fn regions(&self) -> Vec<&'a str> {
        distinct(
            self.runs
                .iter()
                .filter_map(|run| run.account.setting.region.as_ref())
                .map(greenwich_core::RegionId::as_str),
        )
    }
    /// `gcp/europe-west2 (grid zone GB)`, or `None` where neither is known: the world stands for a place that was not set.
    pub(crate) fn place(&self) -> Option<String> {
        let places = distinct(self.runs.iter().filter_map(|run| {
            let setting = &run.account.setting;
            let zone = setting.zone.as_ref().filter(|zone| zone.as_str() != "WORLD");
            match (&setting.region, zone) {
                (Some(region), Some(zone)) => Some(format!("{region} (grid zone {zone})")),
                (Some(region), None) => Some(region.to_string()),
                (None, Some(zone)) => Some(format!("grid zone {zone}")),
                (None, None) => None,
            }
        }));
        (!places.is_empty()).then(|| places.join("; "))
    }
    /// Words that the runs have for something, each once.
    pub(crate) fn words(&self, word: impl Fn(&'a RunEntry) -> Option<&'a str>) -> Vec<&'a str> {
        distinct(self.runs.iter().filter_map(|run| word(run)))
    }
    /// Accelerators and CPUs, each once however many runs used it.
    pub(crate) fn hardware(&self) -> Vec<Hardware<'a>> {
        let mut out: Vec<Hardware<'a>> = Vec::new();
        for kind in [DeviceKind::Gpu, DeviceKind::CpuPackage] {
            let of_kind = || self.runs.iter().flat_map(|run| &run.devices).filter(|device| device.kind == kind);
            // A package inside a platform's counter is a part of the machine all the same; a mirror of one is not.
            let any_counted = of_kind().any(|device| !device.inside_another);
            let seen = of_kind().filter(|device| kind == DeviceKind::Gpu || !any_counted || !device.inside_another);
            let devices = distinct(seen.map(|device| (&device.host, &device.device, device.model.as_str())));
            for (_, _, model) in devices {
                match out.iter_mut().find(|held| held.kind == kind && held.model == model) {
                    Some(held) => held.count += 1,
                    None => out.push(Hardware { kind, model, count: 1 }),
                }
            }
        }
        out
    }
    /// `8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+`; what the account says where no device is known.
    pub(crate) fn hardware_text(&self) -> Option<String> {
        let hardware = self.hardware();
        if hardware.is_empty() {
            let accelerator = self.sum.setting.accelerator.as_ref()?;
            return Some(format!("{} × {accelerator}", self.sum.setting.count));
        }
        Some(
            hardware.iter().map(|part| format!("{} × {}", part.count, self.model(part))).collect::<Vec<_>>().join(", "),
        )
    }
    fn model(&self, part: &Hardware<'_>) -> String {
        match (part.kind, &self.sum.setting.accelerator) {
            _ if !part.model.is_empty() => part.model.to_owned(),
            (DeviceKind::Gpu, Some(accelerator)) => accelerator.to_string(),
            _ => format!("{} of unknown model", named(part.kind)),
        }
    }
    /// Share of the IT energy by kind of device, the greatest first, then what could not be read and what no device
    /// holds.
    pub(crate) fn shares(&self) -> Vec<(Part, f64)> {
        let whole = self.sum.it_energy.p50.joules();
        if whole <= 0.0 {
            return Vec::new();
        }
        let mut parts: Vec<(Part, f64)> = Vec::new();
        for device in self.counted_devices() {
            let share = device.energy.p50.joules() / whole;
            let part = if device.method == Method::Unknown { Part::Unread } else { Part::Kind(device.kind) };
            match parts.iter_mut().find(|(held, _)| *held == part) {
                Some((_, held)) => *held += share,
                None => parts.push((part, share)),
            }
        }
        parts.sort_by(|a, b| (a.0 == Part::Unread).cmp(&(b.0 == Part::Unread)).then(b.1.total_cmp(&a.1)));
        let rest = 1.0 - parts.iter().map(|(_, share)| share).sum::<f64>();
        if rest > ROUNDING {
            parts.push((Part::Rest, rest));
        }
        parts
    }
    /// Whether an accelerator is there, so that accelerator-hours are hours of something.
    pub(crate) fn has_accelerators(&self) -> bool {
        self.runs.iter().any(|run| {
            run.account.setting.accelerator.is_some() || run.devices.iter().any(|device| device.kind == DeviceKind::Gpu)
        })
    }
    /// Whether any of the energy is not the GPUs' own.
    pub(crate) fn holds_the_host(&self) -> bool {
        self.shares().iter().any(|(part, _)| !matches!(part, Part::Kind(DeviceKind::Gpu) | Part::Unread))
    }
    /// Seconds that the runs lasted, added up.
    pub(crate) fn wall_s(&self) -> f64 {
        self.runs.iter().map(|run| run.end.duration_since(run.start).as_secs_f64()).sum()
    }
    /// The factors of the location-based figure: those of its scope alone.
    pub(crate) fn location_factors(&self) -> Vec<&Factor> {
        match self.factor_scope() {
            Some(scope) => self.factors(&format!("location-based intensity ({scope})")),
            None => self.factors("location-based intensity"),
        }
    }
    /// Nodes held and nodes that the jobs had, where some run lacks one.
    pub(crate) fn missing_nodes(&self) -> Option<(u32, u32)> {
        let told = || self.runs.iter().filter_map(|run| run.nodes_expected.map(|expected| (run.nodes, expected)));
        let (held, expected) = told().fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
        (held < expected).then_some((held, expected))
    }
    /// What the energy holds, in words.
    pub(crate) fn boundary(&self) -> String {
        let mut kinds: Vec<DeviceKind> = distinct(self.counted_devices().map(|device| device.kind));
        kinds.sort();
        if kinds.is_empty() {
            return "no device was metered".to_owned();
        }
        let names: Vec<&str> = kinds.iter().map(|kind| named(*kind)).collect();
        let metered = format!("{} before PUE", names.join(", "));
        match self.shares().into_iter().find(|(part, _)| *part == Part::Rest) {
            Some((_, rest)) => format!("{metered}, {} of it the account's share of the host", percent(rest)),
            None if kinds.contains(&DeviceKind::Node) => metered,
            None => format!("{metered}, without what else the nodes drew (fans, storage, network, power supplies)"),
        }
    }
}

/// A part of the energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Devices of a kind.
    Kind(DeviceKind),
    /// Devices that could not be read.
    Unread,
    /// What the account adds to the devices.
    Rest,
}

impl Part {
    /// The word in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kind(kind) => named(kind),
            Self::Unread => "unread",
            Self::Rest => "rest",
        }
    }
}

/// A kind of device as people write it.
pub(crate) const fn named(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::CpuPackage => "CPU",
        DeviceKind::Dram => "DRAM",
        DeviceKind::Gpu => "GPU",
        other => other.as_str(),
    }
}

/// Each once, in order of first sight.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}

fn add<Q: Quantity + Add<Output = Q>>(a: Range<Q>, b: Range<Q>) -> Range<Q> {
    Range { p5: a.p5 + b.p5, p50: a.p50 + b.p50, p95: a.p95 + b.p95 }
}

/// The sum, if both are known.
fn both<Q: Quantity + Add<Output = Q>>(a: Option<Range<Q>>, b: Option<Range<Q>>) -> Option<Range<Q>> {
    a.zip(b).map(|(a, b)| add(a, b))
}

/// What all have alike.
fn alike<T: PartialEq + Clone>(a: Option<&T>, b: Option<&T>) -> Option<T> {
    if a == b { a.cloned() } else { None }
}

fn sum(runs: &[&RunEntry]) -> Footprint {
    let Some((first, rest)) = runs.split_first() else {
        return nothing();
    };
    let mut sum = first.account.clone();
    sum.job = name(runs);
    for run in rest {
        let part = &run.account;
        sum.tier = sum.tier.min(part.tier);
        sum.params_total = alike(sum.params_total.as_ref(), part.params_total.as_ref());
        sum.params_active = alike(sum.params_active.as_ref(), part.params_active.as_ref());
        sum.forward_flops_per_token =
            alike(sum.forward_flops_per_token.as_ref(), part.forward_flops_per_token.as_ref());
        sum.training_flops = both(sum.training_flops, part.training_flops);
        sum.accelerator_hours = add(sum.accelerator_hours, part.accelerator_hours);
        sum.hours = add(sum.hours, part.hours);
        sum.it_energy = add(sum.it_energy, part.it_energy);
        sum.facility_energy = add(sum.facility_energy, part.facility_energy);
        sum.location_based = both(sum.location_based, part.location_based);
        sum.location_based_direct = both(sum.location_based_direct, part.location_based_direct);
        sum.market_based = both(sum.market_based, part.market_based);
        sum.consequential = both(sum.consequential, part.consequential);
        sum.embodied = both(sum.embodied, part.embodied);
        sum.water = both(sum.water, part.water);
        sum.cost = both(sum.cost, part.cost);
        sum.setting = Setting {
            accelerator: alike(sum.setting.accelerator.as_ref(), part.setting.accelerator.as_ref()),
            count: sum.setting.count.max(part.setting.count),
            region: alike(sum.setting.region.as_ref(), part.setting.region.as_ref()),
            zone: alike(sum.setting.zone.as_ref(), part.setting.zone.as_ref()),
        };
        sum.factors.extend(part.factors.iter().filter(|factor| !first.account.factors.contains(factor)).cloned());
        sum.warnings.extend(part.warnings.iter().cloned());
    }
    sum.factors = distinct(std::mem::take(&mut sum.factors).into_iter());
    sum.warnings = distinct(std::mem::take(&mut sum.warnings).into_iter());
    if !rest.is_empty() {
        let seconds = sum.accelerator_hours.p50.accelerator_seconds();
        let watts = |energy: ItEnergy| if seconds > 0.0 { energy.joules() / seconds } else { 0.0 };
        sum.mean_power = sum.it_energy.map(|energy| Power::from_watts(watts(energy)));
    }
    sum
}

fn name(runs: &[&RunEntry]) -> String {
    match runs {
        [one] => one.run.clone(),
        many => match distinct(many.iter().map(|run| run.project.as_deref())).as_slice() {
            [Some(project)] => (*project).to_owned(),
            _ => format!("{} runs", many.len()),
        },
    }
}

/// The sum of no runs: no energy was drawn, and of the rest nothing is known.
fn nothing() -> Footprint {
    Footprint {
        stage: Stage::Account,
        job: "no run".to_owned(),
        tier: Tier::T3,
        setting: Setting { accelerator: None, count: 0, region: None, zone: None },
        params_total: None,
        params_active: None,
        forward_flops_per_token: None,
        training_flops: None,
        accelerator_hours: Range::exact(AcceleratorHours::ZERO),
        hours: Range::exact(Hours::ZERO),
        mean_power: Range::exact(Power::ZERO),
        accelerator_power: None,
        facility_power: None,
        it_energy: Range::exact(ItEnergy::ZERO),
        facility_energy: Range::exact(FacilityEnergy::ZERO),
        location_based: None,
        location_based_direct: None,
        market_based: None,
        consequential: None,
        embodied: None,
        water: None,
        cost: None,
        factors: Vec::new(),
        warnings: vec!["no run is in this report".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    #[test]
    fn a_sum_holds_every_run_and_knows_only_what_all_know() {
        let mut runs = fixture::phases();
        let kwh: f64 = runs.iter().map(|run| run.account.it_energy.p50.kwh()).sum();
        let whole = Whole::of(&runs);
        assert!((whole.sum.it_energy.p50.kwh() - kwh).abs() < 1e-9);
        assert!(whole.sum.location_based.is_some());
        assert_eq!(whole.name(), "llm-7b");
        runs.push(fixture::estimated());
        let whole = Whole::of(&runs);
        assert_eq!(whole.sum.location_based, None);
        assert_eq!(whole.method(), Some(Method::Unknown));
        assert_eq!(whole.name(), "4 runs");
    }

    #[test]
    fn a_corrected_run_is_not_summed_beside_its_correction() {
        let first = fixture::counted();
        let mut second = fixture::counted();
        second.run = "corrected".into();
        second.corrects = vec![first.run.clone()];
        let both = [first, second];
        assert_eq!(Whole::of(&both).names(), ["corrected"]);
    }

    #[test]
    fn shares_sum_to_one_and_name_what_no_device_holds() {
        let run = [fixture::counted()];
        let whole = Whole::of(&run);
        let sum: f64 = whole.shares().iter().map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(whole.shares()[0].0, Part::Kind(DeviceKind::Gpu));
        let mut more = fixture::counted();
        more.account.it_energy = more.account.it_energy.map(|energy| energy * 1.25);
        let runs = [more];
        let shares = Whole::of(&runs).shares();
        let (part, rest) = shares[shares.len() - 1];
        assert!(part == Part::Rest && (rest - 0.2).abs() < 1e-9, "{shares:?}");
    }

    #[test]
    fn no_run_is_no_energy_and_nothing_else_is_known() {
        let whole = Whole::of(&[]);
        assert_eq!((whole.sum.location_based, whole.pue(), whole.method()), (None, None, None));
        assert_eq!(whole.sum.warnings, ["no run is in this report"]);
    }
}
