//! From a job and its axes to the grid that the estimator goes over, with the names of its parts.
//!
//! In: names. Out: machines and places by value, in the order in which the axes list them; a name that the catalog does not
//! know is refused with the nearest. Whether a combination can be had is the grid's to say, never a reason to drop it.

use super::axes::Axes;
use crate::document::Place as Written;
use crate::error::Error;
use crate::job_file::{JobSpec, LayoutSpec, MachineSpec, SiteSpec};
use crate::machine::Machine;
use crate::resolve::{Job, Pace, away};
use crate::site::{Place, kind_pue};
use crate::speed::Roofline;
use greenwich_core::quantity::Pue;
use greenwich_core::{AcceleratorId, RegionId, ZoneId};
use greenwich_estimate::sweep::{Grid, Machine as Machinery, Offer, Run};
use greenwich_estimate::{Inputs, LogNormal, Model};
use greenwich_facts::{Catalog, FactsError, Precision, nearest};

/// An accelerator in one number format.
#[derive(Debug, Clone)]
pub(super) struct MachineName {
    pub(super) chip: AcceleratorId,
    pub(super) precision: Precision,
}

/// A place, by what is known of it.
#[derive(Debug, Clone)]
pub(super) struct PlaceName {
    pub(super) region: Option<RegionId>,
    pub(super) zone: Option<ZoneId>,
    /// Kind of site, or the PUE as it was given; empty where the place has its own.
    pub(super) datacenter: String,
}

/// The grid, and what its indices stand for.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) grid: Grid,
    pub(super) machines: Vec<MachineName>,
    pub(super) places: Vec<PlaceName>,
    pub(super) warnings: Vec<String>,
}

/// A place with its kind of site.
struct Spot {
    place: Place,
    datacenter: String,
    pue: Option<LogNormal<Pue>>,
}

/// Resolves every name of the axes; what they leave out is the job's own.
pub(super) fn named(catalog: &Catalog, spec: &JobSpec, axes: &Axes) -> Result<Named, Error> {
    let job = Job::resolve(catalog, spec)?;
    let spots = spots(&job, axes)?;
    let precisions = axes.precisions.as_ref().map_or_else(|| vec![job.precision], |(listed, _)| listed.clone());
    let chips = match &axes.chips {
        Some((patterns, place)) => catalog.accelerators_matching(patterns).map_err(refused(place))?,
        None => vec![job.machine.id.clone()],
    };
    let runs = runs(&job, axes);
    let (mut machines, mut names, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for chip in &chips {
        for precision in &precisions {
            let machine = Machine::find(catalog, chip.as_str(), *precision)?;
            let job = Job { precision: *precision, ..job.clone() };
            machines.push(machinery(&job, &job.roofline(&machine), &runs));
            names.push(MachineName { chip: chip.clone(), precision: *precision });
            found.push(machine);
        }
    }
    let sites = spots.iter().map(|spot| {
        let mut site = spot.place.site();
        site.pue = spot.pue.unwrap_or(site.pue);
        site
    });
    let grid = Grid::new(machines, sites.collect(), |machine, place| {
        let (machine, provider) = (&found[machine], spots[place].place.provider());
        let seller = machine.accelerator.identity.sold_by.as_deref();
        let is_offered = seller.is_none_or(|seller| provider.is_none_or(|provider| provider == seller));
        is_offered.then(|| Offer { price: machine.price(catalog, provider).map(|(price, _)| price) })
    });
    let mut warnings = warnings(spec, axes, found.iter().flat_map(|machine| &machine.warnings));
    warnings.extend(of_precision(catalog, &names));
    let places = spots.into_iter().map(|spot| PlaceName {
        region: spot.place.region,
        zone: spot.place.zone,
        datacenter: spot.datacenter,
    });
    Ok(Named { grid, machines: names, places: places.collect(), warnings })
}

fn refused(place: &Written) -> impl Fn(FactsError) -> Error + use<> {
    let place = place.clone();
    move |source| Error::Named { place: place.clone(), source }
}

/// A machine of the job without what was measured or given for it.
fn free(machine: &MachineSpec) -> MachineSpec {
    machine.replaced_by(&machine.accelerator)
}

/// The machine as the grid takes it, by a roofline of the job on it. What the job gives of it holds for its own chip, count
/// and precision alone.
fn machinery(job: &Job<'_>, roofline: &Roofline<'_>, runs: &[(u32, Option<LayoutSpec>)]) -> Machinery {
    let (own, machine) = (&job.spec.machine, roofline.machine);
    let is_own = machine.id == job.machine.id && machine.precision == job.machine.precision;
    let mut free = free(own);
    free.count = runs.first().map_or(own.count, |(count, _)| *count);
    let any = job.inputs_by(roofline, &free, &job.home);
    let run = |(count, layout): &(u32, Option<LayoutSpec>)| {
        (free.count, free.layout) = (*count, *layout);
        let is_as_given = is_own && layout.is_none() && *count == own.count;
        let asked = if is_as_given { own } else { &free };
        let speed = roofline.speed(*count, asked.layout);
        let Pace { given, utilisation, power, load, .. } = job.pace(asked, machine, &speed);
        // A layout that was not asked for, but is the job's own, is told by the estimate.
        let timed = layout.map(|_| (speed.sharing(), roofline.short_of_gb(&speed)));
        let (sharing, short_of_gb) = timed.unwrap_or_default();
        Run { count: *count, given, utilisation, power, load: Some(load), sharing, short_of_gb }
    };
    Machinery {
        inputs: Inputs { factors: Vec::new(), warnings: Vec::new(), ..any },
        runs: runs.iter().map(run).collect(),
    }
}

/// Most tensor parallelism that is tried: one node of eight.
const WIDEST: u32 = 8;
/// Most stages of a pipeline that are tried where nothing says how many blocks the model has.
const LONGEST: u64 = 64;

/// Counts and layouts, counts slower.
fn runs(job: &Job<'_>, axes: &Axes) -> Vec<(u32, Option<LayoutSpec>)> {
    let counts = axes.counts.as_ref().map_or_else(|| vec![job.spec.machine.count], |(listed, _)| listed.clone());
    let Some((layouts, _)) = &axes.layouts else {
        return counts.into_iter().map(|count| (count, None)).collect();
    };
    let mut runs = Vec::new();
    for count in counts {
        let begin = runs.len();
        for choice in layouts {
            let sizes = choice.sizes.map_or_else(|| every_layout(&job.model, count, choice.rest), |sizes| vec![sizes]);
            for [tp, pp, dp] in sizes {
                let run = (count, Some(LayoutSpec { tp, pp, dp, ..choice.rest }));
                if !runs[begin..].contains(&run) {
                    runs.push(run);
                }
            }
        }
    }
    runs
}

/// Every way to part a count into tensor, pipeline and data parallel: tensor by doubling within a node and dividing the
/// heads, pipeline dividing the blocks, experts dividing the data parallel.
fn every_layout(model: &Model, count: u32, rest: LayoutSpec) -> Vec<[u32; 3]> {
    let shape = match model {
        Model::Shape(counts) => Some((counts.layers, counts.heads)),
        _ => None,
    };
    let heads_divide = |tensor: u32| shape.is_none_or(|(_, heads)| heads.is_multiple_of(u64::from(tensor)));
    let blocks_divide = |stages: u32| shape.is_none_or(|(layers, _)| layers.is_multiple_of(u64::from(stages)));
    let mut layouts = Vec::new();
    for tensor in [1, 2, 4, WIDEST] {
        let group = tensor * rest.cp;
        if !count.is_multiple_of(group) || !heads_divide(tensor) {
            continue;
        }
        let left = count / group;
        let longest = shape.map_or(LONGEST, |(layers, _)| layers).min(u64::from(left)) as u32;
        let stages = (1..=longest).filter(|stages| left.is_multiple_of(*stages) && blocks_divide(*stages));
        let shared = stages.filter(|stages| (left / stages).is_multiple_of(rest.ep));
        layouts.extend(shared.map(|stages| [tensor, stages, left / stages]));
    }
    layouts
}

/// Regions, clouds and zones in this order, each with every kind of site; the job's home where none is named.
fn spots(job: &Job<'_>, axes: &Axes) -> Result<Vec<Spot>, Error> {
    let catalog = job.catalog;
    let mut places = Vec::new();
    let mut regions: Vec<RegionId> = Vec::new();
    if let Some((patterns, place)) = &axes.regions {
        regions.extend(catalog.regions_matching(patterns).map_err(refused(place))?);
    }
    if let Some(clouds) = &axes.clouds {
        regions.extend(catalog.regions_matching(&providers(catalog, clouds)?).map_err(refused(&clouds.1))?);
    }
    let mut seen: Vec<&RegionId> = Vec::new();
    for region in &regions {
        if seen.contains(&region) {
            continue;
        }
        seen.push(region);
        let is_home = job.home.region.as_ref() == Some(region);
        places.push(if is_home { job.home.clone() } else { away(catalog, region, job.year)? });
    }
    if let Some((zones, place)) = &axes.zones {
        for zone in zones {
            let site = catalog.zone(zone, job.year).map_err(refused(place))?;
            places.push(Place::new(catalog, Some(site), &SiteSpec::default(), job.year));
        }
    }
    if !axes.has_places() {
        places.push(job.home.clone());
    }
    let Some((kinds, place)) = &axes.datacenters else {
        let own = |place| Spot { place, datacenter: String::new(), pue: None };
        return Ok(places.into_iter().map(own).collect());
    };
    let kinds = kinds.iter().map(|kind| Ok((kind, pue(catalog, kind, place)?))).collect::<Result<Vec<_>, Error>>()?;
    let with = |place: Place| {
        kinds.iter().map(move |(kind, pue)| Spot { place: place.clone(), datacenter: (*kind).clone(), pue: Some(*pue) })
    };
    Ok(places.into_iter().flat_map(with).collect())
}

/// `gcp` as the pattern `gcp/*`.
fn providers(catalog: &Catalog, clouds: &(Vec<String>, Written)) -> Result<Vec<String>, Error> {
    let mut known: Vec<&str> = catalog.region_names().filter_map(|name| Some(name.id.split_once('/')?.0)).collect();
    known.dedup();
    let (asked, place) = clouds;
    asked
        .iter()
        .map(|cloud| {
            let provider = cloud.trim_end_matches("/*");
            if known.contains(&provider) {
                return Ok(format!("{provider}/*"));
            }
            let near = nearest(provider, known.iter().copied());
            let mend = near.first().map_or_else(|| "write cloud=gcp".to_owned(), |near| format!("write cloud={near}"));
            Err(place.refuse(format!("`{cloud}`"), known.join(", "), mend).into())
        })
        .collect()
}

/// The PUE of a kind of site with its span, or the ratio that is given.
fn pue(catalog: &Catalog, kind: &str, place: &Written) -> Result<LogNormal<Pue>, Error> {
    if let Ok(ratio) = kind.parse::<f64>() {
        let refuse = || place.refuse(kind, "a PUE of 1 to 5", "write datacenter=1.1: facility energy over IT energy");
        return match Pue::new(ratio) {
            Ok(pue) if ratio <= 5.0 => Ok(LogNormal::exact(pue)),
            _ => Err(refuse().into()),
        };
    }
    let known = catalog.site_kinds();
    if !known.contains(kind) {
        let near = nearest(kind, known.iter().copied());
        let near = near.first().map_or("typical", String::as_str);
        let allowed = format!("{}, or a PUE such as 1.1", known.into_iter().collect::<Vec<_>>().join(", "));
        return Err(place.refuse(format!("`{kind}`"), allowed, format!("write datacenter={near}")).into());
    }
    Ok(kind_pue(catalog, kind))
}

/// What the reader must know before choosing by the table.
fn warnings<'a>(spec: &JobSpec, axes: &Axes, of_machines: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    if free(&spec.machine) != spec.machine
        && (axes.chips.is_some() || axes.counts.is_some() || axes.precisions.is_some())
    {
        warnings.push(
            "what the job gives of its machine (hours, MFU, tokens/s, power, layout) is taken for its own chip, count and precision alone; all else is predicted"
                .to_owned(),
        );
    }
    for warning in of_machines {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    warnings
}

/// A narrower format is reckoned by its peak alone, and was seen to gain less.
fn of_precision(catalog: &Catalog, machines: &[MachineName]) -> Option<String> {
    let is_narrow = |name: &MachineName| matches!(name.precision, Precision::Fp8 | Precision::Fp4);
    let seen = |quantity: &str| catalog.lookup("levers", "fp8-for-bf16", quantity, &[], None);
    let (low, high) = (seen("speedup_low")?, seen("speedup_high")?);
    machines.iter().any(is_narrow).then(|| {
        format!(
            "fp8 and fp4 are reckoned by the data sheet's peak at the useful share of published runs in 16 bits; fp8 was seen to be {} to {} times as fast ({})",
            low.value,
            high.value,
            catalog.cite(&high.source)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_file;

    /// How many searches for layouts a machine's runs take.
    fn searches(axes: &[&str]) -> (u32, usize) {
        let flags = [
            ("model.name", "llama-2-7b"),
            ("model.tokens", "1e12"),
            ("machine.accelerator", "a100-sxm4-80g"),
            ("machine.count", "64"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let spec = job_file::from_flags(&flags).expect("the flags are right");
        let axes: Vec<String> = axes.iter().map(|&axis| axis.to_owned()).collect();
        let axes = Axes::read(&axes).expect("the axes are right");
        let catalog = Catalog::load();
        let job = Job::resolve(&catalog, &spec).expect("names that are known");
        let roofline = job.roofline(&job.machine);
        let machinery = machinery(&job, &roofline, &runs(&job, &axes));
        (roofline.searches(), machinery.runs.len())
    }

    #[test]
    fn the_quickest_of_all_is_looked_for_once_a_count_and_each_layout_once() {
        assert_eq!(searches(&["count=8,16,32"]), (3, 3));
        assert_eq!(searches(&["count=64,128", "layout=8x1x8,8x8x1,4x1x16"]), (2 + 6, 6));
        let (searches, layouts) = searches(&["count=64,128,256", "layout=all:zero=0/1/2/3"]);
        assert!(layouts > 100);
        assert_eq!(searches as usize, 3 + layouts);
    }
}
