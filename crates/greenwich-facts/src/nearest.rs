//! The nearest known names to one that is not known.
//!
//! In: a name and the known ones. Out: at most three, best first. Restricted Damerau–Levenshtein
//! distance, with a bonus for a shared prefix or a contained word, since people write `h100` for `h100-sxm5-80g`.

/// The nearest of `known` to `name`, at most three, best first; none that has little in common with it, and
/// none that is clearly farther than the best: a slip of the pen gets one answer.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let mut scored: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|&candidate| {
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
    if scored.is_empty() {
        return sharing_words(&wanted, &known);
    }
    scored.sort_unstable();
    let farthest = scored.first().map_or(0, |(best, _)| best + 1);
    scored
        .into_iter()
        .take_while(|(score, _)| *score <= farthest)
        .take(3)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// Those that share most words with `wanted`, at most three: `NVIDIA H100 80GB HBM3` is how a driver writes `h100-sxm5-80g`.
fn sharing_words(wanted: &str, known: &[&str]) -> Vec<String> {
    let shared = |candidate: &str| {
        let lower = candidate.to_lowercase();
        let same = |a: &str, b: &str| a == b || (b.len() >= 3 && a.strip_suffix('b') == Some(b));
        let longest = words(wanted).filter(|word| words(&lower).any(|own| same(word, own)));
        longest.fold((0, 0), |(count, longest), word| (count + 1, word.len().max(longest)))
    };
    let scored: Vec<((usize, usize), &str)> = known.iter().map(|&candidate| (shared(candidate), candidate)).collect();
    let Some(best) = scored.iter().map(|(score, _)| *score).max() else { return Vec::new() };
    // One word of three letters (`gpu`, `usa`) is an accident.
    if best.1 < 3 || best == (1, 3) {
        return Vec::new();
    }
    scored.into_iter().filter(|(score, _)| *score == best).take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() >= 2)
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
        assert_eq!(nearest("A100-80GB", known), ["a100-sxm4-80g"]);
        assert_eq!(nearest("NVIDIA H100 80GB HBM3", known), ["h100-sxm5-80g", "h100-pcie-80g"]);
        assert_eq!(nearest("US-CISO", ["US-CAL-CISO", "US-MIDA-PJM"]), ["US-CAL-CISO"]);
        assert!(nearest("some gpu", ["gpu-9", "cpu"]).is_empty());
    }
}
