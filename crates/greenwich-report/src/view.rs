//! What a report is made of and how it shall look.
//!
//! In: references to a request, its plan and the two footprints. Out: the derived figures that text,
//! JSON and SVG share, so that the three never disagree.

use crate::breakdown::Breakdown;
use greenwich_core::plan::{Plan, Request};
use greenwich_core::{Footprint, Signal};

/// A plan with all that a reader needs to judge it.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    /// The job's name.
    pub job: &'a str,
    /// What was asked.
    pub request: &'a Request,
    /// The answer.
    pub plan: &'a Plan,
    /// What the planned run needs and emits.
    pub planned: &'a Footprint,
    /// The same at home, from release.
    pub baseline: &'a Footprint,
    /// The signal that the plan was made by.
    pub signal: Signal,
    /// What the reader must know before acting.
    pub warnings: &'a [String],
}

impl PlanView<'_> {
    /// What moving in time alone would save at home, as a share of the baseline; `None` where home
    /// does not fit the window.
    pub fn time_only_saving(&self) -> Option<f64> {
        let time_only = self.plan.time_only.as_ref()?;
        Some(1.0 - time_only.co2e / self.plan.baseline.co2e)
    }
    /// The saving as factors of machine, place and time.
    pub fn breakdown(&self) -> Option<Breakdown> {
        Breakdown::of(self.request, self.plan)
    }
    /// What the plan's CO2e is: the signal in the words of the field.
    pub(crate) fn measure(&self) -> &'static str {
        measure(self.signal)
    }
}

/// A signal in the words of the field.
pub(crate) const fn measure(signal: Signal) -> &'static str {
    match signal {
        Signal::Lifecycle => "location-based, lifecycle",
        Signal::Direct => "location-based, direct",
        Signal::Marginal => "consequential, marginal",
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; less than 60 is taken as 60.
    pub width: usize,
    /// Whether to colour. Colour never carries meaning alone.
    pub colour: bool,
    /// Whether to list every factor with its source.
    pub explain: bool,
}

impl Default for Style {
    /// A hundred columns, no colour, no factor table: readable anywhere.
    fn default() -> Self {
        Self { width: 100, colour: false, explain: false }
    }
}

impl Style {
    /// The columns to fill.
    pub(crate) fn columns(self) -> usize {
        self.width.max(60)
    }
    /// A heading, bold where colour is on.
    pub(crate) fn heading(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}
