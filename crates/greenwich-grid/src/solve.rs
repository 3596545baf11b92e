//! A small solver for the one linear system here.
//!
//! In: a square matrix whose rows are dominated by their diagonal, and a right side. Out: the solution. Such
//! a matrix needs no pivoting. A few hundred areas take milliseconds, and a library for sparse matrices
//! would be more code than this to build.

/// Solves `a x = b`, or `None` where a pivot vanishes.
pub(crate) fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for pivot in 0..n {
        let (upper, lower) = a.split_at_mut(pivot + 1);
        let row = &upper[pivot];
        if row[pivot].abs() <= f64::EPSILON * row.iter().fold(0.0_f64, |most, cell| most.max(cell.abs())) {
            return None;
        }
        for (below, other) in lower.iter_mut().enumerate() {
            let factor = other[pivot] / row[pivot];
            if factor == 0.0 {
                continue;
            }
            for (cell, above) in other[pivot..].iter_mut().zip(&row[pivot..]) {
                *cell -= factor * above;
            }
            b[pivot + 1 + below] -= factor * b[pivot];
        }
    }
    for pivot in (0..n).rev() {
        let known: f64 = a[pivot][pivot + 1..].iter().zip(&b[pivot + 1..]).map(|(cell, x)| cell * x).sum();
        b[pivot] = (b[pivot] - known) / a[pivot][pivot];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_satisfies_the_system() {
        let a = vec![vec![4.0, -1.0, 0.0], vec![-2.0, 5.0, -1.0], vec![0.0, -3.0, 6.0]];
        let x = solve(a.clone(), vec![1.0, 2.0, 3.0]).expect("dominated by its diagonal");
        for (row, wanted) in a.iter().zip([1.0, 2.0, 3.0]) {
            let got: f64 = row.iter().zip(&x).map(|(cell, x)| cell * x).sum();
            assert!((got - wanted).abs() < 1e-12, "{got}");
        }
        assert_eq!(solve(vec![vec![0.0]], vec![1.0]), None);
    }
}
