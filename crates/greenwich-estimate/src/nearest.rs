//! The nearest of a few known words.
//!
//! In: a word and the known ones. Out: up to three of them, nearest first, in one line of text.

/// Up to three of the known words, nearest first by edits, each in backticks.
pub(crate) fn nearest(wanted: &str, known: &[&str]) -> String {
    let mut ranked: Vec<(usize, &str)> = known.iter().map(|word| (edits(wanted, word), *word)).collect();
    ranked.sort_unstable();
    ranked.iter().take(3).map(|(_, word)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Letters inserted, deleted or replaced between two words.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for letter in from.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_finds_its_family() {
        assert_eq!(nearest("llama4", &["bert", "gemma", "llama", "opt"]), "`llama`, `gemma`, `bert`");
        assert_eq!(edits("qwen3_moe", "qwen3"), 4);
        assert_eq!(edits("", "opt"), 3);
    }
}
