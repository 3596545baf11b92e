//! The work of one forward pass: what is multiplied with what, and how many tokens take part.
//!
//! In: products of weights and of attention, as `architecture` lists them. Out: FLOPs of a pass over sequences of a
//! given length, a multiply-add counting two: with every token attending to every other, or under the model's own mask.

use greenwich_core::quantity::Flops;

/// How many tokens a part of a model sees in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The sequence, whatever its length.
    Sequence,
    /// As many as the config says: patches of an image, frames of sound, one pooled token.
    Fixed(u64),
    /// Distances to either side that a token of the sequence can have, up to a furthest.
    Distances(u64),
}

impl Extent {
    /// The tokens, where a sequence has `seq_len`.
    pub fn tokens(self, seq_len: u64) -> f64 {
        match self {
            Self::Sequence => seq_len as f64,
            Self::Fixed(tokens) => tokens as f64,
            Self::Distances(furthest) => 2.0 * seq_len.min(furthest) as f64,
        }
    }
}

/// Which tokens a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Every,
    /// Itself and those before it.
    Before,
    /// The last so many, itself one of them.
    Window(u64),
    /// So many around itself, half on either side.
    Around(u64),
    /// Itself and those before it in its own stretch of so many.
    Chunk(u64),
    /// So many around itself; no plain form multiplies more.
    Band(u64),
    /// All in its own stretch of so many, as a scan in chunks does; no plain form multiplies more.
    Within(u64),
}

impl Reach {
    /// Pairs of a query with a key, in the continuum: a causal mask halves the square.
    fn pairs(self, queries: f64, keys: f64) -> f64 {
        match self {
            Self::Every => queries * keys,
            Self::Before => queries * keys / 2.0,
            Self::Window(width) => {
                let width = (width as f64).min(keys);
                width * (queries - width / 2.0)
            }
            Self::Around(width) | Self::Band(width) => {
                let side = (width as f64 / 2.0).min(keys);
                side * (2.0 * queries - side)
            }
            Self::Chunk(width) => Self::Within(width).pairs(queries, keys) / 2.0,
            Self::Within(width) => {
                let width = (width as f64).min(keys);
                let (whole, rest) = ((queries / width).floor(), queries % width);
                whole * width * width + rest * rest
            }
        }
    }
    /// The same without its mask: a product of all with all, part of which is then struck out.
    fn unmasked(self) -> Self {
        match self {
            Self::Band(_) | Self::Within(_) => self,
            _ => Self::Every,
        }
    }
}

/// Weights that each of so many tokens is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Tokens that are multiplied.
    pub tokens: Extent,
    /// Multiply-adds of one token.
    pub multiply_adds: u64,
}

/// Attention of some tokens to some tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Tokens that ask.
    pub queries: Extent,
    /// Tokens that are asked.
    pub keys: Extent,
    /// Which of them.
    pub reach: Reach,
    /// Multiply-adds of one pair: heads × (width of a key + width of a value), over all blocks of the kind.
    pub multiply_adds: u64,
}

/// Everything that one forward pass multiplies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pass {
    /// Products with weights.
    pub products: Vec<Product>,
    /// Products of tokens with tokens.
    pub attentions: Vec<Attention>,
    /// What a token of the run may go through, one after the other: a stack of blocks each.
    pub streams: Vec<Extent>,
}

impl Pass {
    /// FLOPs of the products with weights.
    pub fn product_flops(&self, seq_len: u64) -> Flops {
        let one = |product: &Product| 2.0 * product.tokens.tokens(seq_len) * product.multiply_adds as f64;
        Flops::from_flops(self.products.iter().map(one).sum())
    }
    /// FLOPs of attention where every token attends to every other, whatever the mask.
    pub fn attention_flops(&self, seq_len: u64) -> Flops {
        self.attention(seq_len, |attention| attention.reach.unmasked())
    }
    /// FLOPs of attention under the model's own mask: causal, sliding, or none.
    pub fn masked_attention_flops(&self, seq_len: u64) -> Flops {
        self.attention(seq_len, |attention| attention.reach)
    }
    /// Tokens of a run that one pass takes in.
    pub fn tokens(&self, seq_len: u64) -> f64 {
        self.streams.iter().map(|stream| stream.tokens(seq_len)).sum()
    }
    fn attention(&self, seq_len: u64, reach: impl Fn(&Attention) -> Reach) -> Flops {
        let one = |attention: &Attention| {
            let (queries, keys) = (attention.queries.tokens(seq_len), attention.keys.tokens(seq_len));
            2.0 * reach(attention).pairs(queries, keys) * attention.multiply_adds as f64
        };
        Flops::from_flops(self.attentions.iter().map(one).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(reach: Reach, tokens: f64) -> f64 {
        reach.pairs(tokens, tokens)
    }

    #[test]
    fn each_mask_meets_the_one_that_it_ends_in() {
        assert_eq!(pairs(Reach::Window(4096), 4096.0), pairs(Reach::Before, 4096.0));
        assert_eq!(pairs(Reach::Window(8192), 4096.0), pairs(Reach::Before, 4096.0));
        assert_eq!(pairs(Reach::Chunk(8192), 4096.0), pairs(Reach::Before, 4096.0));
        assert_eq!(pairs(Reach::Around(8192), 4096.0), pairs(Reach::Every, 4096.0));
    }

    #[test]
    fn far_from_the_edges_a_mask_costs_its_width_a_token() {
        let more = |reach: Reach| pairs(reach, 16_384.0) - pairs(reach, 8192.0);
        assert_eq!(more(Reach::Window(1024)), 8192.0 * 1024.0);
        assert_eq!(more(Reach::Around(1024)), 8192.0 * 1024.0);
        assert_eq!(more(Reach::Chunk(1024)), 8192.0 * 512.0);
    }

    #[test]
    fn a_window_counts_its_pairs_one_by_one() {
        // Tokens 1 to 6 with a window of 3 see 1, 2, 3, 3, 3, 3; the continuum takes half a token off each.
        let exact = f64::from(1 + 2 + 3 + 3 + 3 + 3);
        assert!((pairs(Reach::Window(300), 600.0) / (100.0 * 100.0) - exact).abs() < 3.0 / 2.0 + 1e-9);
    }
}
