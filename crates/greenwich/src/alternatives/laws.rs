//! The scaling laws as the catalog has them, each with the runs behind it and where it is from.
//!
//! In: rows of `scaling_laws.csv`. Out: laws by value for the estimator. A law that the catalog lacks a coefficient of is not
//! there at all.

use super::Citation;
use greenwich_core::Sourced;
use greenwich_estimate::scaling::{Errors, Law, SparseLaw, Sparsity};
use greenwich_facts::Catalog;
use std::cell::RefCell;

/// A law with its citation.
pub(super) struct Cited<T> {
    pub(super) law: T,
    pub(super) citation: Citation,
}

/// Reads figures of one law, and keeps where they are from.
struct Reader<'a> {
    catalog: &'a Catalog,
    citation: RefCell<Citation>,
}

impl<'a> Reader<'a> {
    fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, citation: RefCell::default() }
    }
    fn figure(&self, law: &str, quantity: &str) -> Option<f64> {
        let row: Sourced<f64> = self.catalog.lookup("scaling_laws", law, quantity, &[], None)?;
        let known = self.citation.take();
        self.citation.replace(known.and(&Citation::of(self.catalog, &row)));
        Some(row.value)
    }
    /// A law, with the runs of `runs` behind it.
    fn law(&self, law: &str, runs: &str) -> Option<Law> {
        let ends = |low: &str, high: &str| Some(self.figure(runs, low)?..=self.figure(runs, high)?);
        Some(Law {
            floor: self.figure(law, "floor")?,
            a: self.figure(law, "a")?,
            alpha: self.figure(law, "alpha")?,
            b: self.figure(law, "b")?,
            beta: self.figure(law, "beta")?,
            params: ends("params_low", "params_high")?,
            tokens: ends("tokens_low", "tokens_high")?,
        })
    }
    fn cited<T>(self, law: T) -> Cited<T> {
        Cited { law, citation: self.citation.into_inner() }
    }
}

const DENSE: &str = "besiroglu-2024";
const OF_THE_SAME_RUNS: &str = "hoffmann-2022";
const SPARSE: &str = "krajewski-2024-moe";
const SPARSE_REFIT: &str = "krajewski-2024-moe-refit";
const SPARSE_DENSE: &str = "krajewski-2024-dense";
const PRECISION: &str = "kumar-2024";

/// The law of dense models, its errors, and the other law that was fitted on the same runs.
pub(super) struct Dense {
    pub(super) law: Law,
    pub(super) errors: Errors,
    pub(super) others: Vec<Law>,
}

pub(super) fn dense(catalog: &Catalog) -> Option<Cited<Dense>> {
    let reader = Reader::new(catalog);
    let errors = Errors {
        floor: reader.figure(DENSE, "floor_se")?,
        alpha: reader.figure(DENSE, "alpha_se")?,
        beta: reader.figure(DENSE, "beta_se")?,
    };
    let law = reader.law(DENSE, DENSE)?;
    let others = vec![reader.law(OF_THE_SAME_RUNS, OF_THE_SAME_RUNS)?];
    Some(reader.cited(Dense { law, errors, others }))
}

pub(super) fn sparsity(catalog: &Catalog) -> Option<Cited<Sparsity>> {
    let reader = Reader::new(catalog);
    let sparse = |law: &str| {
        let (g, gamma) = (reader.figure(law, "g")?, reader.figure(law, "gamma")?);
        Some(SparseLaw { law: reader.law(law, SPARSE)?, g, gamma })
    };
    let routing = |quantity: &str| reader.figure(SPARSE, quantity);
    let law = Sparsity {
        dense: reader.law(SPARSE_DENSE, SPARSE_DENSE)?,
        sparse: sparse(SPARSE)?,
        refit: sparse(SPARSE_REFIT)?,
        rmse: reader.figure(SPARSE, "rmse")?,
        expansion: reader.figure(SPARSE, "expansion")?,
        granularity_high: reader.figure(SPARSE, "granularity_high")?,
        routing_flops: [routing("routing_flops_low")?, routing("routing_flops")?, routing("routing_flops_high")?],
    };
    Some(reader.cited(law))
}

/// Bits of weights and of activations by which the law of precision goes, and its most parameters and tokens.
pub(super) struct Precisely {
    pub(super) bits: [f64; 2],
    pub(super) params_high: f64,
    pub(super) tokens_high: f64,
}

pub(super) fn precisely(catalog: &Catalog) -> Option<Cited<Precisely>> {
    let reader = Reader::new(catalog);
    let law = Precisely {
        bits: [reader.figure(PRECISION, "bits_of_weights")?, reader.figure(PRECISION, "bits_of_activations")?],
        params_high: reader.figure(PRECISION, "params_high")?,
        tokens_high: reader.figure(PRECISION, "tokens_high")?,
    };
    Some(reader.cited(law))
}
