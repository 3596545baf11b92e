//! The nearest of a few known words.
//!
//! In: a word and the known ones. Out: up to three of them, nearest first, in one line of text.

/// Up to three of the known words, each in backticks, nearest first: by edits, a letter of the common beginning making
/// good for two, since a family's name comes first.
pub(crate) fn nearest(wanted: &str, known: &[&str]) -> String {
    let begins_alike = |word: &str| wanted.chars().zip(word.chars()).take_while(|(one, other)| one == other).count();
    let apart = |word: &str| edits(wanted, word) as isize - 2 * begins_alike(word) as isize;
    let mut ranked: Vec<(isize, &str)> = known.iter().map(|word| (apart(word), *word)).collect();
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
