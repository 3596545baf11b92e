//! Text inside Markdown.
//!
//! In: any text. Out: the same with what Markdown and HTML would take for markup escaped.

use crate::text::wrap::clean;

/// Escapes a text for a paragraph.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in clean(text).chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '$' | '~') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(escape("a_b <i> [x](y) 8 × 1.2"), r"a\_b \<i\> \[x\](y) 8 × 1.2");
    }
}
