//! Numbers by lot from a seed.
//!
//! In: a seed. Out: the same numbers every time, on every machine (SplitMix64; Steele, Lea and Flood 2014).

/// A source of numbers.
#[derive(Debug, Clone)]
pub struct Lot(u64);

impl Lot {
    /// The numbers of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.share() * end as f64) as usize).min(end - 1)
    }

    /// Of mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.share(), self.share());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_its_numbers_and_they_spread_as_they_should() {
        let mut lot = Lot::new(1);
        assert_eq!(lot.bits(), 0x910A_2DEC_8902_5CC1);
        let mut lot = Lot::new(7);
        let drawn: Vec<f64> = (0..20_000).map(|_| lot.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let spread = drawn.iter().map(|value| value * value).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (spread - 1.0).abs() < 0.05, "{mean} {spread}");
        assert!((0..1000).all(|_| lot.below(3) < 3));
    }
}
