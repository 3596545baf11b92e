//! The numbers by lot of NumPy's `default_rng`, so that an experiment that was drawn with it is drawn again.
//!
//! In: a seed. Out: whole numbers and multinomial counts as its `Generator` gives them. From the published algorithms: PCG
//! XSL-RR 128/64 (O'Neill 2014), her `seed_seq` made free of bias, multiplication for bounded numbers (Lemire 2019), and
//! inversion for binomials (Kachitvichyanukul and Schmeiser 1988).

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

/// A generator with half of a draw in hand.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    state: u128,
    increment: u128,
    half: Option<u32>,
}

impl Generator {
    /// The generator of a seed below 2³².
    pub(super) fn new(seed: u32) -> Self {
        let words = seed_words(seed);
        let long = |at: usize| u128::from(words[at]) << 64 | u128::from(words[at + 1]);
        let increment = long(2) << 1 | 1;
        let mut own = Self { state: 0, increment, half: None };
        own.step();
        own.state = own.state.wrapping_add(long(0));
        own.step();
        own
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn next(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_half(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let whole = self.next();
        self.half = Some((whole >> 32) as u32);
        whole as u32
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let mut product = u64::from(self.next_half()) * u64::from(end);
        if (product as u32) < end {
            let least = end.wrapping_neg() % end;
            while (product as u32) < least {
                product = u64::from(self.next_half()) * u64::from(end);
            }
        }
        (product >> 32) as u32
    }

    /// How many of `count` fall to each of `classes` that are as likely as one another.
    pub(super) fn even_counts(&mut self, count: u64, classes: usize) -> Vec<u64> {
        let share = 1.0 / classes as f64;
        let (mut left, mut rest) = (count, 1.0);
        let mut found = vec![0; classes];
        for class in &mut found[..classes - 1] {
            *class = self.binomial(left, share / rest);
            left -= *class;
            if left == 0 {
                return found;
            }
            rest -= share;
        }
        found[classes - 1] = left;
        found
    }

    fn binomial(&mut self, count: u64, share: f64) -> u64 {
        if share > 0.5 {
            return count - self.binomial(count, 1.0 - share);
        }
        let (n, p, q) = (count as f64, share, 1.0 - share);
        let none = (n * (-p).ln_1p()).exp();
        let most = n.min(n * p + 10.0 * (n * p * q + 1.0).sqrt());
        let (mut found, mut chance, mut u) = (0.0, none, self.share());
        while u > chance {
            found += 1.0;
            if found > most.floor() {
                (found, chance, u) = (0.0, none, self.share());
            } else {
                u -= chance;
                chance = (n - found + 1.0) * p * chance / (found * q);
            }
        }
        found as u64
    }
}

/// Four words of 64 bits from a seed.
fn seed_words(seed: u32) -> [u64; 4] {
    let mut pool = [0_u32; 4];
    let mut constant = 0x43B0_D7E5_u32;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931E_8875);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    for (at, word) in pool.iter_mut().enumerate() {
        *word = hash(if at == 0 { seed } else { 0 });
    }
    for from in 0..4 {
        for to in (0..4).filter(|to| *to != from) {
            let other = hash(pool[from]);
            let mixed = pool[to].wrapping_mul(0xCA01_F9DD).wrapping_sub(other.wrapping_mul(0x4973_F715));
            pool[to] = mixed ^ mixed >> 16;
        }
    }
    let mut constant = 0x8B51_F9DD_u32;
    let halves: Vec<u32> = (0..8)
        .map(|at| {
            let value = pool[at % 4] ^ constant;
            constant = constant.wrapping_mul(0x58F3_8DED);
            let value = value.wrapping_mul(constant);
            value ^ value >> 16
        })
        .collect();
    std::array::from_fn(|at| u64::from(halves[2 * at]) | u64::from(halves[2 * at + 1]) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_0_draws_what_numpy_draws() {
        // numpy 2.4.6: default_rng(0).integers(0, 172, 6); default_rng(0).random(3); default_rng(0).multinomial(3387, [1/262]*262)[:10].
        let mut lot = Generator::new(0);
        assert_eq!((0..6).map(|_| lot.below(172)).collect::<Vec<_>>(), EXPECTED_WHOLE);
        let mut lot = Generator::new(0);
        assert_eq!((0..3).map(|_| lot.share()).collect::<Vec<_>>(), EXPECTED_SHARES);
        let counts = Generator::new(0).even_counts(3387, 262);
        assert_eq!(counts[..10], [14, 11, 7, 6, 16, 18, 14, 15, 13, 19]);
        assert_eq!(counts.iter().sum::<u64>(), 3387);
    }

    const EXPECTED_WHOLE: [u32; 6] = [146, 109, 87, 46, 52, 7];
    const EXPECTED_SHARES: [f64; 3] = [0.636_961_687_321_454_3, 0.269_786_713_763_870_3, 0.040_973_523_936_194_69];
}
