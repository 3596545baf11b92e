//! The nearest known names to one that is not known.
//!
//! In: a name and the known ones. Out: at most three, best first. Restricted Damerau–Levenshtein
//! distance, with a bonus for a shared prefix or a contained word, since people write `h100` for `h100-sxm5-80g`.

/// The nearest of `known` to `name`, at most three, best first; none that has little in common with it, and
/// none that is clearly farther than the best: a slip of the pen gets one answer.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let contained =
                (wanted.len() >= 2 && lower.contains(&wanted)) || (lower.len() >= 3 && wanted.contains(lower.as_str()));
            // A short form with a slip in it (`h100-xsm`) is near the name that it almost begins.
            let begun: String = lower.chars().take(wanted.chars().count()).collect();
            let edits = distance(&wanted, &lower).min(distance(&wanted, &begun) + 1);
            if contained {
                Some((lower.len().abs_diff(wanted.len()).min(edits), candidate))
            } else if edits * 5 <= wanted.chars().count() * 2 {
                Some((edits + 2, candidate))
            } else {
                None
            }
        })
        .collect();
    scored.sort_unstable();
    let farthest = scored.first().map_or(0, |(best, _)| best + 1);
    scored
        .into_iter()
        .take_while(|(score, _)| *score <= farthest)
        .take(3)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_and_short_forms_find_their_name() {
        let known = ["a100-sxm4-80g", "h100-sxm5-80g", "h100-pcie-80g", "tpu-v4"];
        assert_eq!(nearest("a100-smx4-80g", known), ["a100-sxm4-80g"]);
        assert_eq!(nearest("h100", known), ["h100-pcie-80g", "h100-sxm5-80g"]);
        assert_eq!(nearest("tpuv4", known), ["tpu-v4"]);
        assert!(nearest("completely-else-where", known).is_empty());
    }
}
