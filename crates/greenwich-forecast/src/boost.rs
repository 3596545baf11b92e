//! placeholder
use crate::levels::Levels;
#[derive(Debug, Clone)]
pub(crate) struct Boost;
impl Boost { pub(crate) fn correct(&self, _: &Levels, _: usize, _: &mut [f64]) {} }
