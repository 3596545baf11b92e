//! Parts of a model that add up as its list of layers does.
//!
//! In: widths. Out: a [`Part`] with its weights, sorted by what a token does with them, and with its work. Parts add;
//! so many blocks are `n * block`; `over` says that other tokens than the sequence's go through.

use crate::pass::{Attention, Extent, Pass, Product, Reach};
use std::iter::Sum;
use std::ops::{Add, Mul};

/// Weights and work of a part of a model. Sums hold at the largest number, which the total then refuses.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Weights that every token is multiplied with.
    pub(super) multiplied: u128,
    /// Weights that are looked up by index.
    pub(super) looked_up: u128,
    /// Norms, biases, and the like.
    pub(super) small: u128,
    /// Routed experts that a token does not pass.
    pub(super) idle: u128,
    products: Vec<(Extent, u128)>,
    attentions: Vec<(Attention, u128)>,
    /// Values that each token brings to a product, which are kept for the way back.
    fed: Vec<(Extent, u128)>,
}

/// A matrix, with a bias or without.
pub(super) fn linear(inputs: u128, outputs: u128, bias: bool) -> Part {
    let weights = inputs * outputs;
    let small = if bias { outputs } else { 0 };
    let (products, fed) = (vec![(Extent::Sequence, weights)], vec![(Extent::Sequence, inputs)]);
    Part { multiplied: weights, small, products, fed, ..Part::default() }
}

/// A table of which each token looks up a row.
pub(super) fn table(rows: u128, width: u128) -> Part {
    Part { looked_up: rows * width, ..Part::default() }
}

/// A norm's weight, a bias, a scale.
pub(super) fn vector(width: u128) -> Part {
    Part { small: width, ..Part::default() }
}

/// A norm with weight and bias.
pub(super) fn layer_norm(width: u128) -> Part {
    vector(2 * width)
}

/// Input embedding and output head; tied, they are one matrix and it is multiplied.
pub(super) fn vocabulary(words: u128, width: u128, tied: bool) -> Part {
    let head = linear(width, words, false);
    if tied { head } else { table(words, width) + head }
}

/// A feed-forward of two matrices.
pub(super) fn plain(width: u128, inner: u128, bias: bool) -> Part {
    linear(width, inner, bias) + linear(inner, width, bias)
}

/// A feed-forward of three matrices, one of them the gate.
pub(super) fn gated(width: u128, inner: u128, bias: bool) -> Part {
    2 * linear(width, inner, bias) + linear(inner, width, bias)
}

/// A convolution: each output is made of `kernel` places of its group's inputs.
pub(super) fn conv(inputs: u128, outputs: u128, kernel: u128, bias: bool) -> Part {
    Part { fed: vec![(Extent::Sequence, inputs)], ..linear(inputs * kernel, outputs, bias) }
}

/// Scores and mixing of values: `width` is heads × (width of a key + width of a value).
pub(super) fn attend(width: u128, reach: Reach) -> Part {
    let every = Attention { queries: Extent::Sequence, keys: Extent::Sequence, reach, multiply_adds: 0 };
    Part { attentions: vec![(every, width)], ..Part::default() }
}

/// The same over keys that are not the sequence's own.
pub(super) fn attend_to(keys: Extent, width: u128) -> Part {
    let every = Attention { queries: Extent::Sequence, keys, reach: Reach::Every, multiply_adds: 0 };
    Part { attentions: vec![(every, width)], ..Part::default() }
}

/// The same where those who ask are not the sequence either.
pub(super) fn attend_between(queries: Extent, keys: Extent, width: u128) -> Part {
    let every = Attention { queries, keys, reach: Reach::Every, multiply_adds: 0 };
    Part { attentions: vec![(every, width)], ..Part::default() }
}

/// Multiply-adds of a token with no weight of its own: the state of a scan.
pub(super) fn state(multiply_adds: u128) -> Part {
    Part { products: vec![(Extent::Sequence, multiply_adds)], ..Part::default() }
}

/// So many experts alike, of which a token passes `chosen`.
pub(super) fn experts(total: u128, chosen: u128, expert: &Part) -> Part {
    let resting = (total - chosen).saturating_mul(expert.weights());
    let passed = chosen * expert.clone();
    Part { idle: resting, ..passed }
}

impl Part {
    /// All weights.
    pub(super) fn weights(&self) -> u128 {
        let sums = [self.multiplied, self.looked_up, self.small, self.idle];
        sums.into_iter().fold(0, u128::saturating_add)
    }
    /// The same weights with work that is counted elsewhere.
    pub(super) fn resting(self) -> Self {
        Self { products: Vec::new(), attentions: Vec::new(), fed: Vec::new(), ..self }
    }
    /// The same work with weights that are counted elsewhere.
    pub(super) fn shared(self) -> Self {
        Self { multiplied: 0, looked_up: 0, small: 0, idle: 0, ..self }
    }
    /// The same part with other tokens going through than the sequence's.
    pub(super) fn over(mut self, extent: Extent) -> Self {
        let put = |place: &mut Extent| {
            if *place == Extent::Sequence {
                *place = extent;
            }
        };
        self.products.iter_mut().chain(&mut self.fed).for_each(|(tokens, _)| put(tokens));
        for (attention, _) in &mut self.attentions {
            put(&mut attention.queries);
            put(&mut attention.keys);
        }
        self
    }
    /// The pass that it makes, or `None` where a number is above 2^64.
    pub(super) fn pass(&self, streams: Vec<Extent>) -> Option<Pass> {
        let product = |(tokens, adds): &(Extent, u128)| {
            Some(Product { tokens: *tokens, multiply_adds: u64::try_from(*adds).ok()? })
        };
        let attention = |(attention, adds): &(Attention, u128)| {
            Some(Attention { multiply_adds: u64::try_from(*adds).ok()?, ..*attention })
        };
        Some(Pass {
            products: self.products.iter().map(product).collect::<Option<_>>()?,
            attentions: self.attentions.iter().map(attention).collect::<Option<_>>()?,
            streams,
        })
    }
    /// The same part that is fed so many values, whatever its weights take in.
    pub(super) fn fed_by(self, tokens: Extent, values: u128) -> Self {
        Self { fed: vec![(tokens, values)], ..self }
    }
    /// Values that a pass over a sequence feeds to its products.
    pub(super) fn fed(&self, seq_len: u64) -> f64 {
        self.fed.iter().map(|(tokens, values)| tokens.tokens(seq_len) * *values as f64).sum()
    }
    fn scale_work(&mut self, times: u128) {
        self.products.iter_mut().chain(&mut self.fed).for_each(|(_, adds)| *adds = adds.saturating_mul(times));
        self.attentions.iter_mut().for_each(|(_, adds)| *adds = adds.saturating_mul(times));
    }
}

impl Add for Part {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        for (sum, more) in [
            (&mut self.multiplied, other.multiplied),
            (&mut self.looked_up, other.looked_up),
            (&mut self.small, other.small),
            (&mut self.idle, other.idle),
        ] {
            *sum = sum.saturating_add(more);
        }
        merge(&mut self.products, other.products);
        merge(&mut self.attentions, other.attentions);
        merge(&mut self.fed, other.fed);
        self
    }
}

impl Mul<Part> for u128 {
    type Output = Part;
    fn mul(self, mut part: Part) -> Part {
        for sum in [&mut part.multiplied, &mut part.looked_up, &mut part.small, &mut part.idle] {
            *sum = sum.saturating_mul(self);
        }
        part.scale_work(self);
        part
    }
}

impl Sum for Part {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

/// Adds what is of one kind together, and what is new to the end; nothing is kept of no work.
fn merge<K: PartialEq>(into: &mut Vec<(K, u128)>, from: Vec<(K, u128)>) {
    for (kind, adds) in from {
        match into.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sum)) => *sum = sum.saturating_add(adds),
            None => into.push((kind, adds)),
        }
    }
}

/// A part if it is there.
pub(super) fn only_if(there: bool, part: Part) -> Part {
    if there { part } else { Part::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_can_be_counted_apart_from_their_work() {
        let block = plain(8, 32, true);
        let twice = block.clone().resting() + (2 * block.clone()).shared();
        assert_eq!(twice.weights(), block.weights());
        assert_eq!(twice.products, (2 * block).products);
    }

    #[test]
    fn a_token_works_with_the_experts_that_it_passes_and_the_rest_are_idle() {
        let part = experts(8, 2, &gated(4, 16, false));
        assert_eq!((part.multiplied, part.idle), (2 * 192, 6 * 192));
        assert_eq!(part.products, vec![(Extent::Sequence, 2 * 192)]);
    }

    #[test]
    fn sums_hold_at_the_largest_number() {
        let part = u128::MAX * (linear(1 << 30, 1 << 30, true) + vector(1));
        assert_eq!(part.weights(), u128::MAX);
        assert!(part.pass(vec![Extent::Sequence]).is_none());
    }
}
