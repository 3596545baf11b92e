//! What hardware costs and gives: list prices, the figures of servers, and the share of peak that training gets.
//!
//! In: an accelerator. Out: figures with source and fit; nothing where nothing is published.

use crate::accelerator::Accelerator;
use crate::catalog::Catalog;
use greenwich_core::quantity::UsdPerAcceleratorHour;
use greenwich_core::{Fit, Sourced};

/// A dated list price.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// Price of one accelerator-hour on demand; its scope is the vendor.
    pub price: Sourced<UsdPerAcceleratorHour>,
    /// Lowest newest quote of any vendor.
    pub low: UsdPerAcceleratorHour,
    /// Highest newest quote of any vendor.
    pub high: UsdPerAcceleratorHour,
}

/// Share of the roofline that whole runs got, fitted on published ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Utilisation {
    /// Median of useful FLOPs over peak FLOPs paid for, over the model MFU of the quickest layout by the roofline.
    pub share_of_roofline: Sourced<f64>,
    /// Standard deviation of its natural logarithm for a run not seen.
    pub log_sd: f64,
    /// How many runs of this generation stand behind it.
    pub runs: u32,
}

impl Catalog {
    /// A server figure: `embodied`, `lifespan`, `busy_share` or `accelerators` of a row of `servers.csv`.
    pub fn server(&self, server: &str, quantity: &str) -> Option<Sourced<f64>> {
        self.lookup("servers", server, quantity, &[], None)
    }

    /// On-demand price from the provider asked for; without one, or where that one has no quote, the median of
    /// all vendors' newest quotes, told by its fit. None where no vendor's price is known.
    pub fn price(&self, accelerator: &Accelerator, provider: Option<&str>) -> Option<Quote> {
        let id = accelerator.id.as_str();
        let mut vendors: Vec<&str> = self
            .rows_of("prices", id)
            .filter(|row| row.quantity == "on_demand")
            .map(|row| row.scope.as_str())
            .collect();
        vendors.sort_unstable();
        vendors.dedup();
        let mut quotes: Vec<Sourced<f64>> =
            vendors.iter().filter_map(|vendor| self.lookup("prices", id, "on_demand", &[vendor], None)).collect();
        quotes.sort_by(|a, b| a.value.total_cmp(&b.value));
        let (low, high) = (quotes.first()?.value, quotes.last()?.value);
        let own = provider.and_then(|provider| quotes.iter().find(|quote| quote.scope == provider));
        let price = own.cloned().unwrap_or_else(|| {
            let median = quotes[quotes.len() / 2].clone();
            let vendor = median.scope.clone();
            median.with_fit(Fit::Similar(format!("{vendor}, the median vendor")))
        });
        Some(Quote {
            price: price.map(UsdPerAcceleratorHour::from_usd_per_hour),
            low: UsdPerAcceleratorHour::from_usd_per_hour(low),
            high: UsdPerAcceleratorHour::from_usd_per_hour(high),
        })
    }

    /// Share of the roofline of the accelerator's generation, or of all generations where none of its runs is known.
    ///
    /// # Panics
    /// Never in a released program: a test holds that the `unknown` generation is in the table.
    pub fn utilisation(&self, accelerator: &Accelerator) -> Utilisation {
        let generation = &accelerator.identity.generation;
        let get = |subject: &str, quantity: &str| self.lookup("utilisation", subject, quantity, &[], None);
        let own = get(generation, "share_of_roofline").map(|share| (generation.as_str(), share));
        let (subject, share) = own.unwrap_or_else(|| {
            let share = get("unknown", "share_of_roofline").expect("the `unknown` generation is always fitted");
            ("unknown", share.with_fit(Fit::Similar("all generations fitted".to_owned())))
        });
        Utilisation {
            share_of_roofline: share,
            log_sd: get(subject, "log_sd").expect("each fitted generation has a spread").value,
            runs: get(subject, "runs").map_or(0, |row| row.value as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn price_text(accelerator: &str, provider: Option<&str>) -> String {
        let catalog = Catalog::load();
        let accelerator = catalog.accelerator(accelerator).expect("a known accelerator");
        catalog.price(&accelerator, provider).map_or("unknown".to_owned(), |quote| {
            format!("{} from {} ({})", quote.price.value, quote.price.valid_from, quote.price.fit)
        })
    }

    #[test]
    fn a_providers_newest_quote_is_exact() {
        assert_snapshot!(price_text("a100-sxm4-80g", Some("aws")), @"5.12 USD/accelerator-hour from 2025-03-02 (exact)");
        assert_snapshot!(price_text("tpu-v3", Some("gcp")), @"2.00 USD/accelerator-hour from 2021-11-17 (exact)");
    }

    #[test]
    fn without_a_provider_or_its_quote_the_median_vendor_stands_in() {
        assert_snapshot!(price_text("a100-sxm4-80g", None), @"2.90 USD/accelerator-hour from 2023-06-22 (figure of latitude, the median vendor)");
        assert_eq!(price_text("a100-sxm4-80g", Some("hetzner")), price_text("a100-sxm4-80g", None));
    }

    #[test]
    fn a_price_that_nobody_publishes_is_unknown() {
        assert_eq!(price_text("m3-max", None), "unknown");
    }
}
