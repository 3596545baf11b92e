//! The little linear algebra that a ridge needs: products, Cholesky, solving for many right-hand sides.
//!
//! In: dense row-major matrices. Out: the same. Sums run in one fixed order, so the same input gives the same bits
//! on any machine that keeps IEEE 754; no BLAS, no threads.

/// A dense matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) cells: Vec<f64>,
}

impl Matrix {
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, cells: vec![0.0; rows * columns] }
    }
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.columns..(row + 1) * self.columns]
    }
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.cells[row * self.columns..(row + 1) * self.columns]
    }
    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.columns + column]
    }
    /// `vector` (one cell a row) times this matrix.
    pub(crate) fn left_times(&self, vector: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.columns];
        add_rows(&mut out, vector, |row| self.row(row));
        out
    }
}

/// Adds Σ factor·row to `out`, four rows at a time.
fn add_rows<'a>(out: &mut [f64], factors: &[f64], row: impl Fn(usize) -> &'a [f64]) {
    let width = out.len();
    let fours = factors.len() / 4 * 4;
    for at in (0..fours).step_by(4) {
        let [f0, f1, f2, f3] = [factors[at], factors[at + 1], factors[at + 2], factors[at + 3]];
        let (r0, r1) = (&row(at)[..width], &row(at + 1)[..width]);
        let (r2, r3) = (&row(at + 2)[..width], &row(at + 3)[..width]);
        for column in 0..width {
            out[column] += (f0 * r0[column] + f1 * r1[column]) + (f2 * r2[column] + f3 * r3[column]);
        }
    }
    for (at, factor) in factors.iter().enumerate().skip(fours) {
        for (out, cell) in out.iter_mut().zip(row(at)) {
            *out += factor * cell;
        }
    }
}

const LANES: usize = 4;

/// Σ a·b, in a fixed order of its own.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (heads, tails) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = heads.remainder().iter().zip(tails.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in heads.zip(tails) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// Four dot products of one vector with four: the vector is read once.
fn dot4(a: &[f64], rows: [&[f64]; 4]) -> [f64; 4] {
    let mut sums = [[0.0; LANES]; 4];
    let whole = a.len() / LANES * LANES;
    let rows = rows.map(|row| &row[..a.len()]);
    for at in (0..whole).step_by(LANES) {
        let part = &a[at..at + LANES];
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let other = &row[at..at + LANES];
            for lane in 0..LANES {
                sums[lane] += part[lane] * other[lane];
            }
        }
    }
    let mut out = sums.map(|lanes| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
    for (out, row) in out.iter_mut().zip(&rows) {
        *out += a[whole..].iter().zip(&row[whole..]).map(|(a, b)| a * b).sum::<f64>();
    }
    out
}

/// The products of each pair of rows of `a`, its lower half and diagonal filled, weighed by column.
pub(crate) fn gram_of_rows(a: &Matrix, weights: &[f64]) -> Matrix {
    let mut gram = Matrix::zeros(a.rows, a.rows);
    for row in 0..a.rows {
        let weighed: Vec<f64> = a.row(row).iter().zip(weights).map(|(cell, weight)| cell * weight).collect();
        fill_row(&mut gram.cells[row * a.rows..], row + 1, |other| a.row(other), &weighed);
    }
    gram
}

fn fill_row<'a>(out: &mut [f64], count: usize, row: impl Fn(usize) -> &'a [f64], vector: &[f64]) {
    let fours = count / 4 * 4;
    for at in (0..fours).step_by(4) {
        out[at..at + 4].copy_from_slice(&dot4(vector, [row(at), row(at + 1), row(at + 2), row(at + 3)]));
    }
    for (at, cell) in out.iter_mut().enumerate().take(count).skip(fours) {
        *cell = dot(vector, row(at));
    }
}

/// The lower triangle L with L·Lᵀ = A, of which the lower half is read. The factor of the first k rows and columns
/// of A is the first k rows and columns of L.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Matrix,
}

impl Cholesky {
    /// `None` where the matrix is not positive definite.
    pub(crate) fn of(mut a: Matrix) -> Option<Self> {
        let n = a.rows;
        for row in 0..n {
            let (above, below) = a.cells.split_at_mut(row * n);
            let current = &mut below[..n];
            let of = |other: usize| &above[other * n..(other + 1) * n];
            let mut column = 0;
            while column + 4 <= row {
                let rows = [of(column), of(column + 1), of(column + 2), of(column + 3)];
                let sums = dot4(&current[..column], rows.map(|row| &row[..column]));
                for step in 0..4 {
                    let at = column + step;
                    let mut rest = current[at] - sums[step];
                    for before in column..at {
                        rest -= current[before] * rows[step][before];
                    }
                    current[at] = rest / rows[step][at];
                }
                column += 4;
            }
            for at in column..row {
                let sum = dot(&current[..at], &of(at)[..at]);
                current[at] = (current[at] - sum) / of(at)[at];
            }
            let pivot = current[row] - dot(&current[..row], &current[..row]);
            if pivot.is_nan() || pivot <= 0.0 {
                return None;
            }
            current[row] = pivot.sqrt();
        }
        Some(Self { lower: a })
    }

    /// Solves A·X = B for the first `b.rows` rows and columns of A.
    pub(crate) fn solve(&self, mut b: Matrix) -> Matrix {
        let (n, width) = (b.rows, b.columns);
        for row in 0..n {
            let (above, below) = b.cells.split_at_mut(row * width);
            let factors: Vec<f64> = self.lower.row(row)[..row].iter().map(|cell| -cell).collect();
            let current = &mut below[..width];
            add_rows(current, &factors, |other| &above[other * width..(other + 1) * width]);
            let pivot = self.lower.at(row, row);
            for cell in current.iter_mut() {
                *cell /= pivot;
            }
        }
        for row in (0..n).rev() {
            let (above, below) = b.cells.split_at_mut((row + 1) * width);
            let factors: Vec<f64> = (row + 1..n).map(|other| -self.lower.at(other, row)).collect();
            let current = &mut above[row * width..];
            add_rows(current, &factors, |other| &below[other * width..(other + 1) * width]);
            let pivot = self.lower.at(row, row);
            for cell in current.iter_mut() {
                *cell /= pivot;
            }
        }
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed matrix that looks random.
    fn noise(rows: usize, columns: usize) -> Matrix {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        Matrix { rows, columns, cells: (0..rows * columns).map(|_| next()).collect() }
    }

    #[test]
    fn what_is_solved_gives_back_the_right_hand_side() {
        let n = 23;
        let mut a = gram_of_rows(&noise(n, 40), &[1.0; 40]);
        for row in 0..n {
            a.cells[row * n + row] += 0.1;
        }
        let b = noise(n, 5);
        let x = Cholesky::of(a.clone()).expect("positive definite").solve(b.clone());
        for row in 0..n {
            for column in 0..5 {
                let full = |i: usize, j: usize| if j <= i { a.at(i, j) } else { a.at(j, i) };
                let got: f64 = (0..n).map(|k| full(row, k) * x.at(k, column)).sum();
                assert!((got - b.at(row, column)).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn the_factor_of_a_corner_is_the_corner_of_the_factor() {
        let mut a = gram_of_rows(&noise(19, 40), &[1.0; 40]);
        (0..19).for_each(|row| a.cells[row * 19 + row] += 1.0);
        let corner =
            Matrix { rows: 11, columns: 11, cells: (0..11).flat_map(|row| a.row(row)[..11].to_vec()).collect() };
        let b = noise(11, 3);
        let nested = Cholesky::of(a).expect("positive definite").solve(b.clone());
        assert_eq!(nested, Cholesky::of(corner).expect("positive definite").solve(b));
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        let a = Matrix { rows: 2, columns: 2, cells: vec![1.0, 0.0, 2.0, 1.0] };
        assert!(Cholesky::of(a).is_none());
    }
}
