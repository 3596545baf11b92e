//! Pictures fit for a slide: self-contained SVG, 1280 by 720.
//!
//! In: the nouns of `greenwich-core`. Out: one SVG document each, without scripts, links or fonts of its
//! own. Colours are told apart by the colour-blind and never say what no label or pattern says.

mod canvas;
mod fleet;
mod frontier;
mod levers;
mod plan;
mod site;
pub(crate) mod xml;

pub use fleet::{FleetPicture, SiteHours, fleet};
pub use frontier::{Frontier, Mark, Way, frontier};
pub use levers::levers;
pub use plan::plan;
pub use site::{SiteJob, SitePicture, site};
