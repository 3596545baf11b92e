//! Fleets whose jobs are more than power, hours and accelerators: moved data, restarts, kinds of accelerators, and weights
//! of cost and delay.
//!
//! In: a [`crate::Fleet`] with [`crate::Terms`]. Out: a plan and a bound that prices prove, as for plain fleets; no tree
//! and no split by site. Each job is asked on its own, so that this is slower than the plain planner, whose tables serve
//! thousands of jobs at a time; fleets without such columns never come here.

pub(crate) mod elastic;
pub(crate) mod exchange;
pub(crate) mod explain;
pub(crate) mod model;
pub(crate) mod naive;
pub(crate) mod oracle;
pub(crate) mod place;
pub(crate) mod prices;
pub(crate) mod search;
