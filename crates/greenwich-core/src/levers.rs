//! The four levers between two runs, after the 4Ms of the 2022 paper.
//!
//! In: ratios from the account. Out: one plain value that reports print. How they are computed
//! is in `greenwich-ledger::levers`.

/// Which Scope 2 method a comparison uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope2 {
    /// Grid average where consumed.
    Location,
    /// Contracts, then residual mix.
    Market,
}

impl Scope2 {
    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Market => "market",
        }
    }
}

/// Base over alternative: above one, the alternative is better by that factor.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Levers {
    /// Name of the base job.
    pub base: String,
    /// Name of the alternative.
    pub alternative: String,
    /// The method that `map` and `co2e_ratio` use.
    pub scope2: Scope2,
    /// Facility energy, base over alternative.
    pub energy_ratio: f64,
    /// Operational CO2e, base over alternative.
    pub co2e_ratio: f64,
    /// Training FLOPs; `None` where either run's are not known, and `machine` then holds both.
    pub model: Option<f64>,
    /// IT energy per training FLOP.
    pub machine: f64,
    /// PUE.
    pub mechanization: f64,
    /// Intensity of the electricity.
    pub map: f64,
    /// What the reader must know.
    pub warnings: Vec<String>,
}
