//! Gradient boosting with histograms, small and our own.
//!
//! In: rows of features and a target each. Out: a sum of trees. Features are cut into at most 32 bins at quantiles;
//! each tree grows level by level where squared error falls most, and counts for a part of what it could. Ties go to
//! the first feature and the lowest cut, so the same rows give the same trees.

/// Cuts of a feature: bins are one more.
const CUTS: usize = 31;
const BINS: usize = CUTS + 1;
const DEPTH: usize = 4;
const LEAST_IN_LEAF: f64 = 60.0;
/// Rows of nought that are added to each leaf.
const HELD: f64 = 30.0;
/// How much of a tree counts.
const RATE: f64 = 0.08;
/// Every how many rows one is looked at to place the cuts.
const SAMPLED: usize = 7;

/// Rows of `N` features.
pub(crate) type Row<const N: usize> = [f64; N];

/// A tree with all levels: node k has its sides at 2k + 1 and 2k + 2.
#[derive(Debug, Clone)]
struct Tree {
    /// Feature and greatest value that goes left, of each inner node; `None` sends all to the left.
    splits: Vec<Option<(usize, f64)>>,
    leaves: Vec<f64>,
}

impl Tree {
    fn value<const N: usize>(&self, row: &Row<N>) -> f64 {
        let mut node = 0;
        while node < self.splits.len() {
            let right = self.splits[node].is_some_and(|(feature, most)| row[feature] > most);
            node = 2 * node + 1 + usize::from(right);
        }
        self.leaves[node - self.splits.len()]
    }
}

/// Trees that are added up.
#[derive(Debug, Clone)]
pub(crate) struct Trees(Vec<Tree>);

impl Trees {
    /// Grows `count` trees.
    pub(crate) fn grow<const N: usize>(rows: &[Row<N>], targets: &[f64], count: usize) -> Self {
        let cuts: Vec<Vec<f64>> = (0..N).map(|feature| cuts(rows, feature)).collect();
        let binned: Vec<[u8; N]> = rows
            .iter()
            .map(|row| std::array::from_fn(|feature| cuts[feature].partition_point(|cut| *cut < row[feature]) as u8))
            .collect();
        let mut rests = targets.to_vec();
        let trees = (0..count).map(|_| grow(&binned, &mut rests, &cuts));
        Self(trees.collect())
    }

    /// The sum over the first `count` trees.
    pub(crate) fn value<const N: usize>(&self, row: &Row<N>, count: usize) -> f64 {
        self.0.iter().take(count).map(|tree| tree.value(row)).sum()
    }
}

/// Distinct quantiles of a feature.
fn cuts<const N: usize>(rows: &[Row<N>], feature: usize) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().step_by(SAMPLED).map(|row| row[feature]).collect();
    values.sort_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..=CUTS).map(|cut| values[cut * (values.len() - 1) / (CUTS + 1)]).collect();
    cuts.dedup();
    cuts
}

/// Sum and count of a bin.
type Bin = (f64, f64);

/// Grows one tree on what is left of the targets, and takes its part away.
fn grow<const N: usize>(binned: &[[u8; N]], rests: &mut [f64], cuts: &[Vec<f64>]) -> Tree {
    let inner = (1 << DEPTH) - 1;
    let mut splits = vec![None; inner];
    let mut nodes = vec![0_u16; binned.len()];
    for level in 0..DEPTH {
        let (first, width) = ((1 << level) - 1, 1 << level);
        let mut bins = vec![[[(0.0, 0.0); BINS]; N]; width];
        for ((row, node), rest) in binned.iter().zip(&nodes).zip(rests.iter()) {
            let of_node: &mut [[Bin; BINS]; N] = &mut bins[usize::from(*node) - first];
            for (of_feature, bin) in of_node.iter_mut().zip(row) {
                let (sum, count) = &mut of_feature[usize::from(*bin)];
                *sum += rest;
                *count += 1.0;
            }
        }
        let chosen: Vec<Option<(usize, usize)>> = bins.iter().map(best).collect();
        for (at, choice) in chosen.iter().enumerate() {
            splits[first + at] = choice.map(|(feature, bin)| (feature, cuts[feature][bin]));
        }
        for (row, node) in binned.iter().zip(&mut nodes) {
            let choice = chosen[usize::from(*node) - first];
            let right = choice.is_some_and(|(feature, bin)| usize::from(row[feature]) > bin);
            *node = 2 * *node + 1 + u16::from(right);
        }
    }
    let mut leaves = vec![(0.0, 0.0); inner + 1];
    for (node, rest) in nodes.iter().zip(rests.iter()) {
        let (sum, count) = &mut leaves[usize::from(*node) - inner];
        *sum += rest;
        *count += 1.0;
    }
    let leaves: Vec<f64> = leaves.into_iter().map(|(sum, count)| RATE * sum / (count + HELD)).collect();
    for (node, rest) in nodes.iter().zip(rests) {
        *rest -= leaves[usize::from(*node) - inner];
    }
    Tree { splits, leaves }
}

/// The feature and last bin of the left side that lower the squared error most.
fn best<const N: usize>(bins: &[[Bin; BINS]; N]) -> Option<(usize, usize)> {
    let (sum, count) = bins[0].iter().fold((0.0, 0.0), |(sum, count), bin| (sum + bin.0, count + bin.1));
    let gain = |(sum, count): Bin| sum * sum / (count + HELD);
    let mut best = None;
    let mut most = gain((sum, count)) * (1.0 + 1e-9) + f64::MIN_POSITIVE;
    for (feature, bins) in bins.iter().enumerate() {
        let (mut left_sum, mut left_count) = (0.0, 0.0);
        for (bin, (bin_sum, bin_count)) in bins.iter().enumerate().take(CUTS) {
            left_sum += bin_sum;
            left_count += bin_count;
            let right = (sum - left_sum, count - left_count);
            if left_count < LEAST_IN_LEAF || right.1 < LEAST_IN_LEAF {
                continue;
            }
            let both = gain((left_sum, left_count)) + gain(right);
            if both > most {
                most = both;
                best = Some((feature, bin));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row<2>> {
        (0..4000).map(|at| [f64::from(at % 40), f64::from(at * 7 % 101)]).collect()
    }

    #[test]
    fn a_step_where_two_features_meet_is_learnt() {
        let rows = rows();
        let truth = |row: &Row<2>| if row[0] > 20.0 && row[1] < 50.0 { 1.0 } else { 0.0 };
        let targets: Vec<f64> = rows.iter().map(truth).collect();
        let trees = Trees::grow(&rows, &targets, 80);
        for (row, wrong) in [([30.0, 10.0], 0.0), ([30.0, 90.0], 1.0), ([5.0, 10.0], 1.0)] {
            let value = trees.value(&row, 80);
            assert!((value - truth(&row)).abs() < 0.1 && (value - wrong).abs() > 0.9, "{row:?}: {value}");
        }
    }

    #[test]
    fn rows_without_a_pattern_are_left_alone() {
        let rows = vec![[1.0, 2.0]; 1000];
        let trees = Trees::grow(&rows, &vec![0.0; 1000], 10);
        assert_eq!(trees.value(&[1.0, 2.0], 10), 0.0);
    }
}
