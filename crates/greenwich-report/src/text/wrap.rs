//! Text broken into lines of so many columns.
//!
//! In: any text, a name that a user chose among it. Out: lines that are no wider than asked, with
//! nothing in them that would move a terminal's cursor. A number stays with the unit behind it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The longest unit, month or noun that is kept on the line of the number before it.
const UNIT_COLUMNS: usize = 9;

/// Columns that a text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text without control characters: a name cannot colour, clear or scroll the reader's terminal.
pub(crate) fn clean(text: &str) -> String {
    let shown = |letter: char| if letter == '\n' || letter == '\t' { ' ' } else { letter };
    text.chars().map(shown).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Breaks a text at spaces into lines of at most `width` columns; a word that is wider is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in words(text).iter().flat_map(|word| fitting(word, width)) {
        if !line.is_empty() && columns(&line) + 1 + columns(&word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// The width below which some word of the text would be cut.
pub(crate) fn least(text: &str) -> usize {
    words(text).iter().map(|word| columns(word)).max().unwrap_or(0)
}

/// The width below which some word would be cut elsewhere than behind a hyphen or a slash.
pub(crate) fn least_at_hyphens(text: &str) -> usize {
    let parts = |word: &String| word.split_inclusive(['-', '/']).map(columns).max();
    words(text).iter().filter_map(parts).max().unwrap_or(0)
}

/// The text in `width` columns, cut with an ellipsis where it is wider.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = clean(text);
    if columns(&text) <= width {
        return text;
    }
    let mut out = head(&text, width.saturating_sub(1)).to_owned();
    out.push('…');
    out
}

/// The text followed by spaces up to `width` columns.
pub(crate) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The text after spaces up to `width` columns.
pub(crate) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Words, a number and its unit being one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_number = false;
    for word in clean(text).split_whitespace() {
        match words.last_mut() {
            Some(last) if after_number && columns(word) <= UNIT_COLUMNS => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        // `323 k USD` and `179 M h` are one.
        after_number = is_number(word) || (after_number && matches!(word, "k" | "M"));
    }
    words
}

fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches(['(', '−', '+', '×', '÷', '–']);
    digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | ',' | '–' | 'e'))
        && digits.ends_with(|letter: char| letter.is_ascii_digit())
}

/// The word, or its pieces where it is wider than a line.
fn fitting(word: &str, width: usize) -> Vec<String> {
    let mut rest = word;
    let mut pieces = Vec::new();
    while columns(rest) > width {
        let piece = head(rest, width);
        // Behind a hyphen or a slash a name is cut with least harm.
        let piece = piece.rfind(['-', '/']).filter(|at| *at > 0).map_or(piece, |at| &piece[..=at]);
        // A letter of two columns on a line of one: it must go somewhere.
        let piece = if piece.is_empty() { &rest[..rest.chars().next().map_or(0, char::len_utf8)] } else { piece };
        pieces.push(piece.trim_end().to_owned());
        rest = rest[piece.len()..].trim_start();
    }
    pieces.push(rest.to_owned());
    pieces
}

/// As much of the text as fits `width` columns.
fn head(text: &str, width: usize) -> &str {
    let mut taken = 0;
    for (at, letter) in text.char_indices() {
        taken += letter.width().unwrap_or(0);
        if taken > width {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_a_number_keeps_its_unit() {
        assert_eq!(
            wrap("it emits 2.42 tCO2e instead of 41.2 t", 16),
            ["it emits", "2.42 tCO2e", "instead of", "41.2 t"]
        );
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn a_word_wider_than_the_line_is_cut() {
        assert_eq!(wrap("aaaaaaaaaaaa b", 5), ["aaaaa", "aaaaa", "aa b"]);
        assert_eq!(wrap("gcp/northamerica-northeast1", 17), ["gcp/northamerica-", "northeast1"]);
        assert_eq!(cut("gcp/northamerica-northeast1", 10), "gcp/north…");
        assert!(wrap("日本語の名前です", 5).iter().all(|line| columns(line) <= 5));
    }

    #[test]
    fn nothing_that_moves_the_cursor_passes() {
        assert_eq!(clean("a\x1b[31mb\r\nc\u{7}"), "a\u{fffd}[31mb\u{fffd} c\u{fffd}");
    }
}
