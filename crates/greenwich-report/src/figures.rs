//! Figures one by one, for what is drawn elsewhere: a line of progress, a terminal program.
//!
//! In: a quantity. Out: the same words that the reports have for it, unit and range included.

use crate::amount;
use crate::number;
use crate::text::strip;
use crate::text::wrap;
use greenwich_core::Range;
use greenwich_core::quantity::{Co2e, FacilityEnergy, Hours, ItEnergy, Power, Usd};

/// Energy after PUE with its range: `9.82 kWh (9.13–10.6)`.
pub fn facility_energy(energy: &Range<FacilityEnergy>) -> String {
    amount::range(energy)
}

/// Energy before PUE with its range.
pub fn it_energy(energy: &Range<ItEnergy>) -> String {
    amount::range(energy)
}

/// CO2e with its range: `1.64 kgCO2e (1.43–1.92)`.
pub fn co2e(co2e: &Range<Co2e>) -> String {
    amount::range(co2e)
}

/// Wall-clock time with its range: `228 h (111–470)`.
pub fn hours(hours: &Range<Hours>) -> String {
    amount::range(hours)
}

/// Dollars with their range: `919 k USD (439–1,930)`.
pub fn cost(cost: &Range<Usd>) -> String {
    amount::range(cost)
}

/// A count with commas between thousands.
pub fn count(number: u64) -> String {
    number::count(number)
}

/// Power: `412 W`.
pub fn power(power: Power) -> String {
    amount::amount(power)
}

/// An intensity: `151 g/kWh`.
pub fn intensity(g_per_kwh: f64) -> String {
    format!("{} g/kWh", number::three(g_per_kwh))
}

/// Least and greatest of intensities: `120–210 g/kWh`.
pub fn intensities(g_per_kwh: impl Iterator<Item = f64>) -> Option<String> {
    let (low, high) = g_per_kwh.fold(None, |held: Option<(f64, f64)>, value| {
        Some(held.map_or((value, value), |(low, high)| (value.min(low), value.max(high))))
    })?;
    let (low, high) = (number::three(low), number::three(high));
    Some(if low == high { format!("{low} g/kWh") } else { format!("{low}–{high} g/kWh") })
}

/// Three significant figures of a bare number, whose unit the caller writes.
pub fn three(number: f64) -> String {
    number::three(number)
}

/// How long something lasted: `2 h 14 min`.
pub fn lasted(seconds: f64) -> String {
    crate::when::lasted(seconds)
}

/// The same in whole seconds below a minute: what is drawn each second has no tenths.
pub fn ticking(seconds: f64) -> String {
    if seconds < 59.5 { format!("{:.0} s", seconds.max(0.0)) } else { lasted(seconds) }
}

/// A bar a value from 0 to the greatest, `·` where none is known.
pub fn bars(values: &[Option<f64>]) -> String {
    let top = values.iter().flatten().copied().fold(0.0, f64::max);
    let shade = |value: f64| if top > 0.0 { value / top } else { 0.0 };
    strip::bars(&values.iter().map(|value| value.map(shade)).collect::<Vec<_>>(), 1, false)
}

/// The text in so many columns, without control characters, cut with an ellipsis where it is wider.
pub fn cut(text: &str, columns: usize) -> String {
    wrap::cut(text, columns)
}

/// The text broken at spaces into lines of so many columns, without control characters.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    wrap::wrap(&wrap::clean(text), columns)
}

/// Columns that a text takes on a terminal.
pub fn columns(text: &str) -> usize {
    wrap::columns(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_zero_and_what_is_not_known_is_a_dot() {
        assert_eq!(bars(&[Some(0.0), Some(50.0), None, Some(100.0)]), "▁▅·█");
        assert_eq!(bars(&[Some(0.0)]), "▁");
        assert_eq!(intensities([210.0, 120.0].into_iter()).as_deref(), Some("120–210 g/kWh"));
        assert_eq!(intensities(std::iter::empty()), None);
    }
}
