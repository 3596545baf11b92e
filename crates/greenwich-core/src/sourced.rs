//! A number with its birth certificate.
//!
//! In: a value with source, year and check mark, as a catalog row gives them. Out: the same, with
//! [`Fit`]: how well the row found answers the question asked. A fallback is never silent, since
//! the fit travels to the report and the report prints it.

use crate::name::{SourceId, ZoneId};
use jiff::civil::Date;
use std::fmt;

/// A value, where it is from, since when it holds, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// The value itself.
    pub value: T,
    /// The row of `sources.csv` that it is from.
    pub source: SourceId,
    /// The day from which the figure holds; its year is the figure's vintage.
    pub valid_from: Date,
    /// Boundary of the figure (`lifecycle`, `system`, `hourly_matched` …); empty where there is one only.
    pub scope: String,
    /// Whether we read it in the primary source.
    pub check: Check,
    /// How well the row answers the question.
    pub fit: Fit,
}

impl<T> Sourced<T> {
    /// The same birth certificate on another value (a unit made a type, say).
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sourced<U> {
        let Self { value, source, valid_from, scope, check, fit } = self;
        Sourced { value: f(value), source, valid_from, scope, check, fit }
    }
    /// The same value, found in another way.
    pub fn with_fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }
}

/// How a lookup matched what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fit {
    /// The row is what was asked for.
    Exact,
    /// The row is of another year than asked.
    OtherYear {
        /// The year asked for.
        asked: i16,
        /// The year found.
        found: i16,
    },
    /// The figure is that of the zone around (a country for a bidding zone).
    ParentZone(ZoneId),
    /// The figure is the provider's yearly fleet average, not the region's own.
    FleetAverage(String),
    /// The figure is of a sibling: another part of the same chip generation, say.
    Similar(String),
    /// The world's figure, or one for an unknown kind of site.
    WorldDefault,
    /// The user gave it.
    Given,
    /// We assume it; the report says so.
    Assumed,
}

impl Fit {
    /// Whether the row found is the one asked for, so that nothing need be said.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Exact | Self::Given)
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::OtherYear { asked, found } => write!(f, "{found} figure for {asked}"),
            Self::ParentZone(zone) => write!(f, "figure of the parent zone {zone}"),
            Self::FleetAverage(provider) => write!(f, "fleet average of {provider}"),
            Self::Similar(other) => write!(f, "figure of {other}"),
            Self::WorldDefault => f.write_str("world default"),
            Self::Given => f.write_str("given"),
            Self::Assumed => f.write_str("assumed"),
        }
    }
}

/// Where we read a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// In the maker's or author's own text or data file.
    Primary,
    /// Computed by us from rows or traces that the note names.
    Derived,
    /// In another document that quotes it.
    Quoted,
    /// Nowhere yet: reports print it as unverified.
    Unverified,
}

impl Check {
    /// The mark as the data files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Derived => "derived",
            Self::Quoted => "quoted",
            Self::Unverified => "unverified",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
