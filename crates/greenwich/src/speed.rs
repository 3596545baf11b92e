//! What share of its peak a run will get, from the roofline of its machine.
//!
//! In: a model, a machine, and as much of the layout as the job file gives. Out: [`Speed`]: with a layout the model MFU of it (T1),
//! without one the useful share of whole runs, which is the roofline of the quickest layout times what published runs got of it
//! (T0); and its lines for the factor list, for those who read them. The quickest of all layouts is looked for once for each
//! count, however many layouts are then held against it.

use crate::factor::{assumed, cited};
use crate::job_file::{LayoutSpec, ModelSpec, recompute_word};
use crate::machine::Machine;
use greenwich_core::{Check, Factor, Fit};
use greenwich_estimate::flops::Work;
use greenwich_estimate::layouts::{FITTED_SEQ_LEN, Found, Wanted, quickest};
use greenwich_estimate::roofline::{Recompute, Scores, Sharing, usual_traffic};
use greenwich_estimate::{LogNormal, Model, ModelCounts};
use greenwich_facts::{Catalog, Precision};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// The share of peak, and what it rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speed {
    /// Useful FLOPs over peak FLOPs paid for, over whole runs.
    pub(crate) utilisation: LogNormal<f64>,
    /// Model MFU of the layout that is given, while stepping.
    pub(crate) layout_mfu: Option<LogNormal<f64>>,
    /// Share of the memory's rate for each share of peak, beyond that of a usual decoder.
    pub(crate) traffic_beyond_usual: f64,
    /// The quickest of all layouts, where any fits.
    open: Option<Found>,
    /// The layout that is given, where it can be timed.
    own: OwnLayout,
}

/// What is known of the layout of the job.
#[derive(Debug, Clone, Copy)]
enum OwnLayout {
    NotGiven,
    /// Given, and the roofline cannot time it.
    Untimed,
    Timed(Found),
}

impl Speed {
    fn timed(&self) -> Option<&Found> {
        match &self.own {
            OwnLayout::Timed(found) => Some(found),
            OwnLayout::NotGiven | OwnLayout::Untimed => None,
        }
    }
    /// The layout with what of it was left open, as it was timed.
    pub(crate) fn sharing(&self) -> Option<Sharing> {
        Some(self.timed()?.sharing)
    }
}

/// What is asked of the roofline: a model on a machine, in a year whose kernels it has.
#[derive(Debug)]
pub(crate) struct Roofline<'a> {
    catalog: &'a Catalog,
    model: &'a Model,
    spec: &'a ModelSpec,
    pub(crate) machine: &'a Machine,
    scores: Scores,
    seq_len: u32,
    /// What was found of each count without a layout, so that layouts of it share the search.
    of_counts: RefCell<HashMap<u32, Speed>>,
    /// How often a layout was looked for.
    searches: Cell<u32>,
}

impl<'a> Roofline<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        (model, spec): (&'a Model, &'a ModelSpec),
        machine: &'a Machine,
        year: Option<i16>,
    ) -> Self {
        let sample = model.shape().and_then(ModelCounts::sample_tokens).and_then(|tokens| u32::try_from(tokens).ok());
        let usual = model.shape().and_then(ModelCounts::usual_seq_len).and_then(|tokens| u32::try_from(tokens).ok());
        let seq_len = sample.or(spec.seq_len).or(usual).unwrap_or(FITTED_SEQ_LEN);
        let scores = Scores::of_year(year);
        Self { catalog, model, spec, machine, scores, seq_len, of_counts: RefCell::default(), searches: Cell::new(0) }
    }

    /// The speed of `count` accelerators, of a layout where one is given.
    pub(crate) fn speed(&self, count: u32, layout: Option<LayoutSpec>) -> Speed {
        let open = *self.of_counts.borrow_mut().entry(count).or_insert_with(|| self.of_whole_runs(count));
        layout.map_or(open, |layout| self.narrowed(&open, count, layout))
    }

    /// How often a layout was looked for: the dear part, which a sweep must not do twice.
    #[cfg(test)]
    pub(crate) fn searches(&self) -> u32 {
        self.searches.get()
    }

    fn search(&self, count: u32, wanted: &Wanted) -> Option<Found> {
        let rates = self.machine.rates.as_ref()?;
        self.searches.set(self.searches.get() + 1);
        quickest(self.model, rates, count, self.seq_len, self.scores, wanted)
    }

    /// Without a layout: the roofline's best times what published runs got of it.
    fn of_whole_runs(&self, count: u32) -> Speed {
        let batch = Wanted { sequences: self.spec.batch, ..Wanted::default() };
        let open = self.search(count, &batch).filter(|found| found.fits);
        let fitted = self.catalog.utilisation(&self.machine.accelerator);
        let unknown = |quantity| assumed(self.catalog, "roofline-unknown", quantity);
        let (roofline, spread) = open.as_ref().map_or_else(
            || (unknown("share"), unknown("log_sd")),
            |found| (found.step.mfu * self.counted_beside_fit(found), 0.0),
        );
        let share = (fitted.share_of_roofline.value * roofline).min(1.0);
        let spread = fitted.log_sd.hypot(spread).hypot(self.spread_of_unseen(count));
        let mut speed = Speed {
            utilisation: LogNormal::new(share, spread),
            layout_mfu: None,
            traffic_beyond_usual: 0.0,
            open,
            own: OwnLayout::NotGiven,
        };
        self.weigh_memory(&mut speed, open.as_ref());
        speed
    }

    /// What no published run is widens the range, as a chip without runs does: a mixture of experts, products in eight bits, and each
    /// factor of ten that a model or a count lies beyond theirs.
    fn spread_of_unseen(&self, count: u32) -> f64 {
        let model = self.model;
        let is_mixture = model.params_total() != model.params_active();
        let is_narrow = matches!(self.machine.precision, Precision::Fp8 | Precision::Fp4);
        let size = model.params_active().map_or(0.0, |active| beyond(self.catalog, "params_active", active as f64));
        let count = beyond(self.catalog, "accelerator_count", f64::from(count));
        let unseen = f64::from(u8::from(is_mixture) + u8::from(is_narrow)) + size * size + count * count;
        assumed(self.catalog, "share-of-unseen", "log_sd") * unseen.sqrt()
    }

    /// What the steps move through memory, for the power.
    fn weigh_memory(&self, speed: &mut Speed, found: Option<&Found>) {
        if let (Some(rates), Some(found)) = (&self.machine.rates, found) {
            speed.traffic_beyond_usual = found.step.traffic() - usual_traffic(rates);
        }
    }

    /// With a layout: its own roofline, where it can be asked.
    fn narrowed(&self, open: &Speed, count: u32, layout: LayoutSpec) -> Speed {
        let Some(found) = self.search(count, &wanted(layout, self.spec.batch)) else {
            return Speed { own: OwnLayout::Untimed, ..*open };
        };
        let of_layout = |quantity| assumed(self.catalog, "roofline-of-layout", quantity);
        let known = of_layout("log_sd");
        let elsewhere = assumed(self.catalog, "roofline-of-layout-elsewhere", "log_sd");
        let spread =
            if self.machine.accelerator.identity.generation == "a100" { known } else { known.hypot(elsewhere) };
        let counted = self.counted(&found).unwrap_or(1.0);
        let layout_mfu = Some(LogNormal::new(found.step.mfu * of_layout("share") * counted, spread));
        let mut speed = Speed { layout_mfu, own: OwnLayout::Timed(found), ..*open };
        self.weigh_memory(&mut speed, Some(&found));
        speed
    }

    /// Share of the roofline's FLOPs that 6·N·D counts, where the size alone is known and nothing else can be counted.
    fn counted(&self, found: &Found) -> Option<f64> {
        matches!(self.model, Model::Bare { .. }).then_some(1.0 - found.attention_share)
    }

    /// What the FLOPs of the fit count of the roofline's, which have all attention, against what they count at the length of
    /// sequences that the fit takes for every run: so that a longer sequence takes as much longer as by the roofline.
    fn counted_beside_fit(&self, found: &Found) -> f64 {
        if matches!(self.model, Model::Bare { .. }) {
            // Attention of a token grows with the length of its sequence.
            let attention = found.attention_share / (1.0 - found.attention_share);
            let fitted = attention * f64::from(FITTED_SEQ_LEN) / f64::from(self.seq_len);
            return (1.0 + fitted) / (1.0 + attention);
        }
        let counted = |seq_len| {
            let work = Work::new(self.model, Some(1.0), Some(seq_len), None);
            Some(work.calibrated?.flops() / work.training?.flops())
        };
        counted(self.seq_len).zip(counted(FITTED_SEQ_LEN)).map_or(1.0, |(own, fitted)| own / fitted)
    }

    /// Gigabytes that the layout needs on each accelerator, and that each has, where it does not fit.
    pub(crate) fn short_of_gb(&self, speed: &Speed) -> Option<[f64; 2]> {
        let found = speed.timed().filter(|found| !found.fits)?;
        Some([found.held.gb(), self.machine.rates.map_or(0.0, |rates| rates.memory.gb())])
    }

    /// The lines of the factor list for a speed.
    pub(crate) fn factors(&self, speed: &Speed) -> Vec<Factor> {
        if let Some(found) = speed.timed() {
            let share = assumed(self.catalog, "roofline-of-layout", "share");
            let source = "MFU over the roofline of three papers and five makers";
            let quantity = "model MFU over the roofline of the layout";
            let mut factors = vec![roofline_factor(found), derived(quantity, share, source, Fit::Assumed)];
            factors.extend(self.counted(found).map(|counted| {
                let quantity = "share of the roofline's FLOPs that 6·N·D counts: it leaves out attention";
                derived(quantity, counted, "a plain decoder of the size", Fit::Assumed)
            }));
            return factors;
        }
        let roofline = speed.open.as_ref().map_or_else(
            || {
                let share = assumed(self.catalog, "roofline-unknown", "share");
                let words = "model MFU of the quickest layout, not known of this machine and model";
                derived(words, share, "geometric mean of the published runs", Fit::Assumed)
            },
            roofline_factor,
        );
        let fitted = self.catalog.utilisation(&self.machine.accelerator);
        let quantity = format!("useful share of billed peak over the roofline, {} runs published", fitted.runs);
        let share = &fitted.share_of_roofline;
        let mut factors = vec![roofline, cited(self.catalog, &quantity, share.value, "fraction", share)];
        let counted = speed.open.as_ref().map(|found| self.counted_beside_fit(found)).filter(|counted| *counted != 1.0);
        factors.extend(counted.map(|counted| {
            let quantity = format!("FLOPs of the fit over the roofline's, against {FITTED_SEQ_LEN} tokens a sequence");
            derived(&quantity, counted, "attention, which the fit counts in part", Fit::Exact)
        }));
        factors
    }

    /// What the reader must know of a speed.
    pub(crate) fn warnings(&self, speed: &Speed) -> Vec<String> {
        let timed = speed.timed();
        let mut warnings: Vec<String> =
            timed.or(speed.open.as_ref()).and_then(|found| self.memory_bound(found)).into_iter().collect();
        if matches!(speed.own, OwnLayout::Untimed) {
            warnings.push(match &self.machine.rates {
                None => format!(
                    "the links of {} are not in the catalog: the layout does not narrow the hours",
                    self.machine.id
                ),
                Some(_) => "the layout does not narrow the hours: its pipeline must divide the blocks, its batch the replicas, its experts the data parallel".to_owned(),
            });
        }
        if let Some([needs, most]) = self.short_of_gb(speed) {
            warnings.push(format!(
                "by our count the layout needs {needs:.0} GB on each of {most:.0} GB: it may not fit; shard or recompute more"
            ));
        }
        if let (Some(found), Some(open)) = (timed, &speed.open)
            && open.step.mfu > 1.1 * found.step.mfu
        {
            warnings.push(format!(
                "by the roofline {} would be quicker: MFU {:.2} against {:.2}",
                words(&open.sharing),
                open.step.mfu,
                found.step.mfu
            ));
        }
        warnings
    }

    /// Where the steps wait for memory longer than for the products.
    fn memory_bound(&self, found: &Found) -> Option<String> {
        found.step.is_memory_bound().then(|| {
            format!(
                "memory-bound: by the roofline {:.0} % of a step waits for the memory of {}, longer than for the products; its power follows that traffic more than the FLOPs",
                100.0 * (found.step.memory / found.step.time),
                self.machine.id
            )
        })
    }
}

/// Factors of ten that a figure lies beyond those of the published runs; 0 among them.
fn beyond(catalog: &Catalog, quantity: &str, figure: f64) -> f64 {
    let rows = catalog.rows_in("published_utilisation").iter().filter(|row| row.quantity == quantity);
    let (least, most) =
        rows.fold((f64::INFINITY, 0.0f64), |(least, most), row| (row.value.min(least), row.value.max(most)));
    (least / figure).max(figure / most).max(1.0).log10()
}

fn wanted(layout: LayoutSpec, sequences: Option<u32>) -> Wanted {
    let LayoutSpec { tp, pp, dp, cp, ep, zero, recompute, micro_batch, interleave } = layout;
    Wanted {
        tensor: Some(tp),
        pipeline: Some(pp),
        data: Some(dp),
        context: Some(cp),
        expert: Some(ep),
        zero,
        micro_batch,
        interleave,
        recompute,
        sequences,
        tokens: None,
    }
}

fn roofline_factor(found: &Found) -> Factor {
    let layouts = match found.layouts {
        0 | 1 => String::new(),
        layouts => format!("; {layouts} layouts fit, the slowest at {:.2}", found.slowest_mfu),
    };
    let quantity = format!("model MFU by the roofline of {}{layouts}", words(&found.sharing));
    derived(&quantity, found.step.mfu, "peak, memory and links of the data sheets (docs/design/010)", Fit::Exact)
}

/// `tp 2 × pp 1 × dp 512, ZeRO 1, selective recomputation`.
fn words(sharing: &Sharing) -> String {
    let sizes = [
        ("tp", sharing.tensor),
        ("pp", sharing.pipeline),
        ("dp", sharing.data),
        ("cp", sharing.context),
        ("ep", sharing.expert),
    ];
    let always = ["tp", "pp", "dp"];
    let shown = sizes.into_iter().filter(|(name, size)| always.contains(name) || *size > 1);
    let sizes: Vec<String> = shown.map(|(name, size)| format!("{name} {size}")).collect();
    let recompute = match sharing.recompute {
        Recompute::Nothing => "no",
        some => recompute_word(some),
    };
    format!("{}, ZeRO {}, {recompute} recomputation", sizes.join(" × "), sharing.zero)
}

fn derived(quantity: &str, value: f64, source: &str, fit: Fit) -> Factor {
    Factor {
        quantity: quantity.to_owned(),
        value,
        unit: "fraction".to_owned(),
        source: source.to_owned(),
        year: None,
        fit,
        check: Check::Derived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_every_run_is_told_in_factors_of_ten() {
        let catalog = Catalog::load();
        let beyond = |quantity, figure| beyond(&catalog, quantity, figure);
        // From 355 million (RoBERTa) to 179.52 billion (Falcon), on 16 to 10,000 accelerators.
        assert!((beyond("params_active", 3.55e7) - 1.0).abs() < 1e-12);
        assert!((beyond("params_active", 1.7952e12) - 1.0).abs() < 1e-12);
        assert_eq!(beyond("params_active", 7e9), 0.0);
        assert!((beyond("accelerator_count", 1e5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_or_a_tiny_model_is_less_well_known_than_a_usual_one() {
        let catalog = Catalog::load();
        let machine = Machine::find(&catalog, "a100-sxm4-80g", Precision::Bf16).expect("a known chip");
        let sigma = |params_total, params_active| {
            let model = Model::Bare { params_total, params_active };
            let spec = ModelSpec::default();
            Roofline::new(&catalog, (&model, &spec), &machine, None).speed(64, None).utilisation.sigma()
        };
        let usual = sigma(7_000_000_000, 7_000_000_000);
        assert!(sigma(47_000_000_000, 13_000_000_000) > usual + 0.05 && sigma(10_000_000, 10_000_000) > usual + 0.2);
        assert!((sigma(13_000_000_000, 13_000_000_000) - usual).abs() < 1e-12);
    }
}
