//! What share of its peak a run will get, from the roofline of its machine.
//!
//! In: a model, a machine, and as much of the layout as the job file gives. Out: [`Speed`]: with a layout the model MFU of it (T1),
//! without one the useful share of whole runs, which is the roofline of the quickest layout times what published runs got of it
//! (T0), each with its lines for the factor list.

use crate::factor::{assumed, cited};
use crate::job_file::{LayoutSpec, ModelSpec, recompute_word};
use crate::machine::Machine;
use greenwich_core::{Check, Factor, Fit};
use greenwich_estimate::layouts::{FITTED_SEQ_LEN, Found, Wanted, quickest};
use greenwich_estimate::roofline::{Recompute, Scores, Sharing, usual_traffic};
use greenwich_estimate::{LogNormal, Model, ModelCounts};
use greenwich_facts::{Catalog, Precision};

/// A config's longest sequence is seldom trained on: no more tokens than these for the roofline, where the job says nothing.
const USUAL_SEQ_LEN: u32 = 4096;

/// How the warning begins that memory holds the steps up.
const MEMORY_BOUND: &str = "memory-bound";

/// The share of peak, and what it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Speed {
    /// Useful FLOPs over peak FLOPs paid for, over whole runs.
    pub(crate) utilisation: LogNormal<f64>,
    /// Model MFU of the layout that is given, while stepping.
    pub(crate) layout_mfu: Option<LogNormal<f64>>,
    /// Share of the memory's rate for each share of peak, beyond that of a usual decoder.
    pub(crate) traffic_beyond_usual: f64,
    /// The layout with what of it was left open, as it was timed.
    pub(crate) sharing: Option<Sharing>,
    /// Gigabytes that the layout needs on each accelerator, and that each has, where it does not fit.
    pub(crate) short_of_gb: Option<[f64; 2]>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) warnings: Vec<String>,
}

impl Speed {
    /// Asks the roofline; `year` is that of the run, whose kernels it has.
    pub(crate) fn of(
        catalog: &Catalog,
        model: (&Model, &ModelSpec),
        machine: &Machine,
        (count, layout): (u32, Option<LayoutSpec>),
        year: Option<i16>,
    ) -> Self {
        let (model, spec) = model;
        let sample = model.shape().and_then(ModelCounts::sample_tokens).and_then(|tokens| u32::try_from(tokens).ok());
        let usual = model
            .shape()
            .and_then(|shape| shape.max_seq_len)
            .map_or(FITTED_SEQ_LEN, |longest| u32::try_from(longest).unwrap_or(USUAL_SEQ_LEN).min(USUAL_SEQ_LEN));
        let scores = Scores::of_year(year);
        let ask = |wanted: &Wanted| {
            let seq_len = sample.or(spec.seq_len).unwrap_or(usual);
            quickest(model, machine.rates.as_ref()?, count, seq_len, scores, wanted)
        };
        let batch = Wanted { sequences: spec.batch, ..Wanted::default() };
        let open = ask(&batch).filter(|found| found.fits);
        let mut speed = Self::of_whole_runs(catalog, machine, open.as_ref());
        speed.widen(catalog, model, machine.precision, count);
        speed.weigh_memory(machine, open.as_ref());
        if let Some(layout) = layout {
            speed.narrow(catalog, machine, ask(&wanted(layout, spec.batch)), open.as_ref());
        }
        speed
    }

    /// Without a layout: the roofline's best times what published runs got of it.
    fn of_whole_runs(catalog: &Catalog, machine: &Machine, found: Option<&Found>) -> Self {
        let fitted = catalog.utilisation(&machine.accelerator);
        let (roofline, spread, line) = match found {
            Some(found) => (found.step.mfu, 0.0, roofline_factor(found)),
            None => {
                let share = assumed(catalog, "roofline-unknown", "share");
                let words = "model MFU of the quickest layout, not known of this machine and model";
                let source = "geometric mean of the published runs";
                (share, assumed(catalog, "roofline-unknown", "log_sd"), derived(words, share, source, Fit::Assumed))
            }
        };
        let quantity = format!("useful share of billed peak over the roofline, {} runs published", fitted.runs);
        let share = fitted.share_of_roofline.value;
        let of_it = cited(catalog, &quantity, share, "fraction", &fitted.share_of_roofline);
        Self {
            utilisation: LogNormal::new((share * roofline).min(1.0), fitted.log_sd.hypot(spread)),
            layout_mfu: None,
            traffic_beyond_usual: 0.0,
            sharing: None,
            short_of_gb: None,
            factors: vec![line, of_it],
            warnings: Vec::new(),
        }
    }

    /// What no published run is widens the range, as a chip without runs does: a mixture of experts, products in eight bits, and each
    /// factor of ten that a model or a count lies beyond theirs.
    fn widen(&mut self, catalog: &Catalog, model: &Model, precision: Precision, count: u32) {
        let is_mixture = model.params_total() != model.params_active();
        let is_narrow = matches!(precision, Precision::Fp8 | Precision::Fp4);
        let size = model.params_active().map_or(0.0, |active| beyond(catalog, "params_active", active as f64));
        let count = beyond(catalog, "accelerator_count", f64::from(count));
        let unseen = f64::from(u8::from(is_mixture) + u8::from(is_narrow)) + size * size + count * count;
        let spread = assumed(catalog, "share-of-unseen", "log_sd") * unseen.sqrt();
        self.utilisation = LogNormal::new(self.utilisation.median(), self.utilisation.sigma().hypot(spread));
    }

    /// What the steps move through memory, for the power; said where they wait for it longer than for the products.
    fn weigh_memory(&mut self, machine: &Machine, found: Option<&Found>) {
        let (Some(rates), Some(found)) = (&machine.rates, found) else { return };
        self.traffic_beyond_usual = found.step.traffic() - usual_traffic(rates);
        self.warnings.retain(|warning| !warning.starts_with(MEMORY_BOUND));
        if found.step.is_memory_bound() {
            self.warnings.push(format!(
                "{MEMORY_BOUND}: by the roofline {:.0} % of a step waits for the memory of {}, longer than for the products; its power follows that traffic more than the FLOPs",
                100.0 * (found.step.memory / found.step.time),
                machine.id
            ));
        }
    }

    /// With a layout: its own roofline, where it can be asked.
    fn narrow(&mut self, catalog: &Catalog, machine: &Machine, found: Option<Found>, open: Option<&Found>) {
        let Some(found) = found else {
            self.warnings.push(match &machine.rates {
                None => format!(
                    "the links of {} are not in the catalog: the layout does not narrow the hours",
                    machine.id
                ),
                Some(_) => "the layout does not narrow the hours: its pipeline must divide the blocks, its batch the replicas, its experts the data parallel".to_owned(),
            });
            return;
        };
        let share = assumed(catalog, "roofline-of-layout", "share");
        let known = assumed(catalog, "roofline-of-layout", "log_sd");
        let elsewhere = assumed(catalog, "roofline-of-layout-elsewhere", "log_sd");
        let spread = if machine.accelerator.identity.generation == "a100" { known } else { known.hypot(elsewhere) };
        self.layout_mfu = Some(LogNormal::new(found.step.mfu * share, spread));
        self.weigh_memory(machine, Some(&found));
        let source = "MFU over the roofline of three papers and five makers";
        let quantity = "model MFU over the roofline of the layout";
        self.factors = vec![roofline_factor(&found), derived(quantity, share, source, Fit::Assumed)];
        self.sharing = Some(found.sharing);
        if !found.fits {
            let most = machine.rates.map_or(0.0, |rates| rates.memory.gb());
            self.short_of_gb = Some([found.held.gb(), most]);
            self.warnings.push(format!(
                "by our count the layout needs {:.0} GB on each of {most:.0} GB: it may not fit; shard or recompute more",
                found.held.gb()
            ));
        }
        if let Some(open) = open.filter(|open| open.step.mfu > 1.1 * found.step.mfu) {
            self.warnings.push(format!(
                "by the roofline {} would be quicker: MFU {:.2} against {:.2}",
                words(&open.sharing),
                open.step.mfu,
                found.step.mfu
            ));
        }
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
            Speed::of(&catalog, (&model, &spec), &machine, (64, None), None).utilisation.sigma()
        };
        let usual = sigma(7_000_000_000, 7_000_000_000);
        assert!(sigma(47_000_000_000, 13_000_000_000) > usual + 0.05 && sigma(10_000_000, 10_000_000) > usual + 0.2);
        assert!((sigma(13_000_000_000, 13_000_000_000) - usual).abs() < 1e-12);
    }
}
