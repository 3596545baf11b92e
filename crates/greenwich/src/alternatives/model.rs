//! Which model: another size of the same expected loss, a mixture of experts, a narrower number format.
//!
//! In: the job's size and tokens, and the laws. Out: rows whose ratio is of FLOPs (of time and power for the format), since
//! chip and place stay. A law far beyond its runs is refused, one beyond them flagged.

use super::laws::{self, Cited, Dense};
use super::{Asked, Citation, Lever, Row};
use crate::factor::assumed;
use greenwich_core::Sourced;
use greenwich_estimate::scaling::{Law, Reach, Recipe, Spread, worth};
use greenwich_facts::{Catalog, Precision};
use greenwich_report::figures::three;

/// Sizes that are tried, as shares of the job's own.
const SHARES: [f64; 4] = [0.5, 0.75, 1.5, 2.0];
const DENSE: &str = "another size, dense";
const SPARSE: &str = "mixture of experts";

/// The expected loss, and the rows.
pub(super) fn rows(asked: &Asked<'_>) -> (Option<f64>, Vec<Row>) {
    let catalog = asked.catalog;
    let Some(recipe) = asked.recipe() else {
        let note = "refused: the laws take dense models whose size and tokens are known";
        let mut rows = vec![Row::without(Lever::Model, DENSE, Citation::default(), note)];
        rows.extend(format(asked, None));
        return (None, rows);
    };
    let mut rows = Vec::new();
    let dense = laws::dense(catalog);
    let within = dense.as_ref().filter(|dense| !is_refused(catalog, dense.law.law.reach(recipe)));
    let expected_loss = within.map(|dense| dense.law.law.loss(recipe));
    match (&dense, within) {
        (_, Some(dense)) => rows.extend(sizes(catalog, dense, recipe)),
        (Some(dense), None) => {
            rows.push(Row::without(Lever::Model, DENSE, dense.citation.clone(), refusal(dense.law.law.reach(recipe))));
        }
        (None, None) => {}
    }
    rows.extend(mixture(catalog, recipe));
    rows.extend(format(asked, within.map(|dense| (dense, recipe))));
    (expected_loss, rows)
}

/// Beyond this factor outside of its runs a law is not asked.
fn is_refused(catalog: &Catalog, reach: Reach) -> bool {
    reach.beyond > assumed(catalog, "scaling-law-reach", "most")
}

fn refusal(reach: Reach) -> String {
    format!("refused: {:.0} times beyond the runs of the fit", reach.beyond)
}

fn flagged(reach: Reach) -> Option<String> {
    (!reach.is_inside()).then(|| format!("extrapolated: {:.1} times beyond the runs of the fit", reach.beyond))
}

/// A row of a law's answer.
fn of_law(choice: String, spread: Spread, citation: &Citation, notes: &[Option<String>]) -> Row {
    let open =
        spread.high.is_none().then(|| "open above: within its errors that size may never reach the loss".to_owned());
    let notes: Vec<String> = notes.iter().cloned().chain([open]).flatten().collect();
    Row {
        lever: Lever::Model,
        choice,
        ratio: Some(spread.central),
        ratio_low: spread.low,
        ratio_high: spread.high,
        citation: citation.clone(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// The size that reaches the loss with the fewest FLOPs, and some others with the tokens that they need.
fn sizes(catalog: &Catalog, dense: &Cited<Dense>, recipe: Recipe) -> Vec<Row> {
    let Dense { law, errors, others } = &dense.law;
    let over = |other: Recipe| other.training_flops() / recipe.training_flops();
    let at_share = |law: &Law, share: f64| {
        let params_active = share * recipe.params_active;
        Some(Recipe { params_active, tokens: law.tokens_for(law.loss(recipe), params_active)? })
    };
    let row = |choice: String, other: Recipe, question: &dyn Fn(&Law) -> Option<Recipe>| {
        let reach = Reach { beyond: law.reach(recipe).beyond.max(law.reach(other).beyond) };
        if is_refused(catalog, reach) {
            return None;
        }
        let spread = law.spread(*errors, others, |law| question(law).map(over))?;
        let served = other.params_active / recipe.params_active;
        let served = format!("each token served later costs {served:.2} times as much");
        Some(of_law(choice, spread, &dense.citation, &[flagged(reach), Some(served)]))
    };
    let mut rows = Vec::new();
    if let Some(best) = law.cheapest(law.loss(recipe)) {
        let choice = format!("compute-optimal size: {}", described(best));
        rows.extend(row(choice, best, &|law| law.cheapest(law.loss(recipe))));
    }
    for share in SHARES {
        if let Some(other) = at_share(law, share) {
            let size = if share < 1.0 { "smaller" } else { "larger" };
            rows.extend(row(format!("{size}: {}", described(other)), other, &|law| at_share(law, share)));
        }
    }
    rows
}

/// `19.1 B parameters on 374 B tokens`.
fn described(recipe: Recipe) -> String {
    let billions = |number: f64| format!("{} B", three(number / 1e9));
    format!("{} parameters on {} tokens", billions(recipe.params_active), billions(recipe.tokens))
}

fn mixture(catalog: &Catalog, recipe: Recipe) -> Option<Row> {
    let Cited { law, citation } = laws::sparsity(catalog)?;
    let choice = format!("{SPARSE}, expansion rate {:.0}", law.expansion);
    let Some((found, spread)) = law.mixture(recipe).zip(law.flops_ratio(recipe)) else {
        let note = "refused: by the law no mixture reaches that loss on as many tokens";
        return Some(Row::without(Lever::Model, choice, citation, note));
    };
    let reach = law.reach(recipe, &found);
    if is_refused(catalog, reach) {
        return Some(Row::without(Lever::Model, choice, citation, refusal(reach)));
    }
    let note = format!(
        "{:.2} B active of {:.0} B parameters, granularity {:.0}; FLOPs alone: routing between chips costs time on top",
        found.params_active / 1e9,
        found.params_total / 1e9,
        found.granularity,
    );
    Some(of_law(choice, spread, &citation, &[flagged(reach), Some(note)]))
}

/// The same model in a narrower format: as much faster as published runs were, on as many tokens more as its loss asks for.
fn format(asked: &Asked<'_>, dense: Option<(&Cited<Dense>, Recipe)>) -> Option<Row> {
    let catalog = asked.catalog;
    let now = asked.spec.model.precision.unwrap_or(Precision::Bf16);
    if !matches!(now, Precision::Bf16 | Precision::Fp16) {
        return None;
    }
    let choice = format!("fp8 in place of {}", now.as_str());
    let seen = |quantity: &str| catalog.lookup("levers", "fp8-for-bf16", quantity, &[], None);
    let (low, central, high): (Sourced<f64>, _, Sourced<f64>) =
        (seen("speedup_low")?, seen("speedup")?, seen("speedup_high")?);
    let citation =
        [&low, &central, &high].into_iter().fold(Citation::default(), |all, row| all.and(&Citation::of(catalog, row)));
    let own = asked.base.setting.accelerator.as_ref().and_then(|id| catalog.accelerator(id.as_str()).ok());
    if own.is_none_or(|own| catalog.peak(&own, Precision::Fp8).is_none()) {
        let note = "the accelerator has no rate for it; h100-sxm5-80g and later have";
        return Some(Row::without(Lever::Model, choice, citation, note));
    }
    let by_law = laws::precisely(catalog).zip(dense);
    let (more, citation, flag) = match by_law {
        Some((precise, (dense, recipe))) => {
            let [weights, activations] = precise.law.bits;
            let kept = worth(8.0, 16.0, weights, activations);
            let law = &dense.law.law;
            let tokens = law.tokens_for(law.loss(recipe), recipe.params_active * kept);
            let beyond = (recipe.params_active / precise.law.params_high).max(recipe.tokens / precise.law.tokens_high);
            let reach = Reach { beyond: beyond.max(1.0) };
            let more = tokens.filter(|_| !is_refused(catalog, reach)).map(|tokens| tokens / recipe.tokens);
            let says = match more {
                Some(more) => format!("up to {more:.2} times the tokens for the same loss"),
                None => "what it costs in loss is left out: the law of precision does not reach so far".to_owned(),
            };
            let flag = [flagged(reach).filter(|_| more.is_some()), Some(says)].into_iter().flatten();
            (more.unwrap_or(1.0), citation.and(&precise.citation), flag.collect::<Vec<_>>().join("; "))
        }
        None => (1.0, citation, "what it costs in loss is left out".to_owned()),
    };
    let note = format!("speed as published of H100, at the same power; {flag}");
    Some(Row {
        lever: Lever::Model,
        choice,
        ratio: Some(more.sqrt() / central.value),
        ratio_low: Some(1.0 / high.value),
        ratio_high: Some(more / low.value),
        citation,
        note: Some(note),
    })
}
