//! Embodied carbon: of one accelerator, of its share of the host, and over which life it is spread.
//!
//! In: an accelerator. Out: figures whose scope tells the boundary (`cradle_to_gate` as makers publish,
//! `bottom_up` from die, memory and board, `server_share` with tray and host in it) and whose fit tells a
//! stand-in from the accelerator's own.

use crate::accelerator::Accelerator;
use crate::catalog::Catalog;
use crate::names::AcceleratorName;
use crate::table::Row;
use greenwich_core::quantity::{Co2e, Fraction, Hours};
use greenwich_core::{Check, Fit, Sourced};

/// Boundaries of a single card, best first.
const CARD: &[&str] = &["cradle_to_gate", "bottom_up"];
const SERVER_SHARE: &str = "server_share";
const TABLE: &str = "accelerators";
/// The row of `servers.csv` that stands for a host of which nothing is published.
const TYPICAL_HOST: &str = "typical-8-gpu-host";
/// With fewer figures than these, a maker's accelerators have no typical one among them.
const ENOUGH: usize = 3;

/// Embodied carbon of one accelerator.
#[derive(Debug, Clone, PartialEq)]
pub struct Embodied {
    /// The central figure; its scope says the boundary.
    pub central: Sourced<Co2e>,
    /// Low end of what is published, where it is below the central figure.
    pub low: Option<Co2e>,
    /// High end of what is published (often bottom-up), where it is above the central figure.
    pub high: Option<Co2e>,
}

impl Catalog {
    /// Embodied carbon of one accelerator. In this order: its own figure for the card (a maker's before a
    /// bottom-up one); that of another card of the same generation; its own share of a server; the median of
    /// the same maker's, where there are three or more; the median of all cards. A stand-in is told by
    /// [`Fit::Similar`], and its range spans what is published for the group.
    pub fn embodied(&self, accelerator: &Accelerator) -> Option<Embodied> {
        let id = accelerator.id.as_str();
        let name = &accelerator.identity;
        let own = |central| with_range(central, self.rows_of(TABLE, id));
        self.own_card(id)
            .map(own)
            .or_else(|| self.of_generation(name))
            .or_else(|| self.lookup(TABLE, id, "embodied", &[SERVER_SHARE], None).map(own))
            .or_else(|| self.median_of(|other| other.maker == name.maker, ENOUGH))
            .or_else(|| self.median_of(|_| true, 1))
    }

    /// Embodied carbon of an accelerator's share of the server around it, accelerators not counted: of the
    /// server that holds this accelerator, else one of its generation, else the typical host of eight, told by
    /// [`Fit::Similar`]. None where the accelerator's own figure holds its host already (`server_share`).
    pub fn host_embodied(&self, accelerator: &Accelerator) -> Option<Sourced<Co2e>> {
        if self.embodied(accelerator)?.central.scope == SERVER_SHARE {
            return None;
        }
        let id = accelerator.id.as_str();
        let holds = |row: &Row| row.noted("accelerator").map(str::to_owned);
        let generation = |held: &str| self.accelerators().get(held).map(|name| name.generation.as_str());
        let hosts: Vec<(&str, String)> = self
            .rows_in("servers")
            .iter()
            .filter(|row| row.quantity == "accelerators")
            .filter_map(|row| Some((row.subject.as_str(), holds(row)?)))
            .collect();
        let own = hosts.iter().find(|(_, held)| held == id).map(|(host, _)| (*host, Fit::Exact));
        let sibling = || {
            let host = hosts.iter().find(|(_, held)| generation(held) == Some(&accelerator.identity.generation))?;
            Some((host.0, Fit::Similar(host.0.to_owned())))
        };
        let (host, fit) = own.or_else(sibling).unwrap_or((TYPICAL_HOST, Fit::Similar(TYPICAL_HOST.to_owned())));
        let whole = self.lookup("servers", host, "embodied", &["server_without_accelerators"], None)?;
        let held = self.server(host, "accelerators")?.value;
        Some(whole.map(|kg| Co2e::from_kg(kg / held)).with_fit(fit))
    }

    /// The life over which embodied carbon is spread.
    ///
    /// # Panics
    /// Never in a released program: a test holds that the typical host has one.
    pub fn lifespan(&self) -> Sourced<Hours> {
        let years = self.server(TYPICAL_HOST, "lifespan").expect("the typical host has a lifespan");
        years.map(|years| Hours::from_days(365.0 * years))
    }

    /// Share of that life in which a training server is busy.
    ///
    /// # Panics
    /// Never in a released program: a test holds that the typical host has one.
    pub fn busy_share(&self) -> Sourced<Fraction> {
        let share = self.server(TYPICAL_HOST, "busy_share").expect("the typical host has a busy share");
        share.map(|share| Fraction::new(share).expect("the loader held the range"))
    }

    fn own_card(&self, id: &str) -> Option<Sourced<f64>> {
        CARD.iter().find_map(|scope| self.lookup(TABLE, id, "embodied", &[scope], None))
    }

    /// The best figure of another card of the generation: a maker's before a bottom-up one.
    fn of_generation(&self, name: &AcceleratorName) -> Option<Embodied> {
        let siblings: Vec<&str> = self
            .accelerators()
            .values()
            .filter(|other| other.generation == name.generation && other.id != name.id)
            .map(|other| other.id.as_str())
            .collect();
        let (sibling, central) = CARD.iter().find_map(|scope| {
            siblings.iter().find_map(|id| Some((*id, self.lookup(TABLE, id, "embodied", &[scope], None)?)))
        })?;
        let central = central.with_fit(Fit::Similar(sibling.to_owned()));
        let group = siblings.into_iter().chain([name.id.as_str()]);
        Some(with_range(central, group.flat_map(|id| self.rows_of(TABLE, id))))
    }

    /// The accelerator in the middle, by its figure, of those that `alike` takes; a card before a share of a server.
    fn median_of(&self, alike: impl Fn(&AcceleratorName) -> bool, enough: usize) -> Option<Embodied> {
        let group: Vec<&str> =
            self.accelerators().values().filter(|name| alike(name)).map(|name| name.id.as_str()).collect();
        let figures = |of: &dyn Fn(&str) -> Option<Sourced<f64>>| -> Vec<(Sourced<f64>, &str)> {
            let mut figures: Vec<_> = group.iter().filter_map(|id| Some((of(id)?, *id))).collect();
            figures.sort_by(|a, b| a.0.value.total_cmp(&b.0.value));
            figures
        };
        let cards = figures(&|id| self.own_card(id));
        let known = if cards.len() >= enough {
            cards
        } else {
            figures(&|id| self.lookup(TABLE, id, "embodied", &[SERVER_SHARE], None))
        };
        if known.len() < enough {
            return None;
        }
        let (central, id) = known.get(known.len() / 2)?.clone();
        let central = central.with_fit(Fit::Similar(format!("{id}, the median of {}", known.len())));
        let published = known.into_iter().flat_map(|(_, id)| self.rows_of(TABLE, id));
        Some(with_range(central, published.filter(|row| row.check != Check::Derived)))
    }
}

/// Puts the lowest and highest figure of these rows around the central one, within its kind of boundary: cards
/// with cards, shares of servers with shares of servers.
fn with_range<'a>(central: Sourced<f64>, rows: impl Iterator<Item = &'a Row>) -> Embodied {
    let of_card = |scope: &str| CARD.contains(&scope);
    let figures: Vec<f64> = rows
        .filter(|row| row.quantity.starts_with("embodied") && of_card(&row.scope) == of_card(&central.scope))
        .map(|row| row.value)
        .collect();
    let low = figures.iter().copied().reduce(f64::min).filter(|low| *low < central.value);
    let high = figures.iter().copied().reduce(f64::max).filter(|high| *high > central.value);
    Embodied { low: low.map(Co2e::from_kg), high: high.map(Co2e::from_kg), central: central.map(Co2e::from_kg) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn embodied_text(accelerator: &str) -> String {
        let catalog = Catalog::load();
        let accelerator = catalog.accelerator(accelerator).expect("a known accelerator");
        let card = catalog.embodied(&accelerator).expect("every accelerator has a figure or a stand-in");
        let end = |end: Option<Co2e>| end.map_or("none".to_owned(), |co2e| co2e.to_string());
        let host = catalog
            .host_embodied(&accelerator)
            .map_or("in the figure".to_owned(), |host| format!("{} ({})", host.value, host.fit));
        format!(
            "{} {} ({})  low {}  high {}  host {host}",
            card.central.value,
            card.central.scope,
            card.central.fit,
            end(card.low),
            end(card.high)
        )
    }

    #[test]
    fn the_makers_own_figure_comes_before_a_share_of_a_server() {
        assert_snapshot!(embodied_text("h100-sxm5-80g"), @"164 kgCO2e cradle_to_gate (exact)  low none  high 575 kgCO2e  host 713 kgCO2e (exact)");
        assert_snapshot!(embodied_text("a100-sxm4-80g"), @"150 kgCO2e cradle_to_gate (exact)  low none  high 568 kgCO2e  host 313 kgCO2e (exact)");
        assert_snapshot!(embodied_text("b200"), @"284 kgCO2e cradle_to_gate (exact)  low none  high 1.42 tCO2e  host 313 kgCO2e (figure of typical-8-gpu-host)");
    }

    #[test]
    fn a_bottom_up_figure_is_the_central_one_where_no_maker_speaks() {
        assert_snapshot!(embodied_text("v100-sxm2-32g"), @"290 kgCO2e bottom_up (exact)  low 71.6 kgCO2e  high none  host 313 kgCO2e (figure of typical-8-gpu-host)");
    }

    #[test]
    fn a_sibling_of_the_generation_stands_in_with_the_range_of_all_of_them() {
        assert_snapshot!(embodied_text("h200-sxm-141g"), @"164 kgCO2e cradle_to_gate (figure of h100-sxm5-80g)  low none  high 1.07 tCO2e  host 713 kgCO2e (figure of aws-p5-48xlarge)");
        assert_snapshot!(embodied_text("mi325x"), @"1.50 tCO2e bottom_up (figure of mi300x)  low 370 kgCO2e  high none  host 313 kgCO2e (figure of typical-8-gpu-host)");
    }

    #[test]
    fn a_tpu_figure_holds_its_host_already() {
        assert_snapshot!(embodied_text("tpu-v5p"), @"1.10 tCO2e server_share (exact)  low none  high none  host in the figure");
        assert_snapshot!(embodied_text("tpu-v4"), @"692 kgCO2e server_share (figure of tpu-v6e, the median of 3)  low 386 kgCO2e  high 1.10 tCO2e  host in the figure");
    }

    #[test]
    fn the_median_of_all_cards_stands_in_where_nothing_is_near() {
        assert_snapshot!(embodied_text("trn2"), @"164 kgCO2e cradle_to_gate (figure of h100-sxm5-80g, the median of 16)  low 109 kgCO2e  high 1.50 tCO2e  host 313 kgCO2e (figure of typical-8-gpu-host)");
        assert_snapshot!(embodied_text("rtx4090"), @"159 kgCO2e bottom_up (figure of p100-sxm2, the median of 15)  low 109 kgCO2e  high 1.42 tCO2e  host 313 kgCO2e (figure of typical-8-gpu-host)");
    }

    #[test]
    fn every_accelerator_has_a_figure_within_its_range() {
        let catalog = Catalog::load();
        for name in catalog.accelerator_names() {
            let accelerator = catalog.accelerator(&name.id).expect("its own name");
            let card = catalog.embodied(&accelerator).expect("a figure or a stand-in");
            let central = card.central.value;
            assert!(card.low.is_none_or(|low| low < central), "{}", name.id);
            assert!(card.high.is_none_or(|high| high > central), "{}", name.id);
            let whole = central.kg() + catalog.host_embodied(&accelerator).map_or(0.0, |host| host.value.kg());
            assert!((100.0..3000.0).contains(&whole), "{} {whole} kg", name.id);
        }
    }

    #[test]
    fn the_life_of_a_server_and_how_busy_it_is_carry_their_sources() {
        let catalog = Catalog::load();
        let (life, busy) = (catalog.lifespan(), catalog.busy_share());
        assert_eq!((life.value.hours(), life.source.as_str()), (35_040.0, "morrison-2025"));
        assert_eq!((busy.value.share(), busy.source.as_str()), (0.85, "luccioni-2022"));
    }
}
