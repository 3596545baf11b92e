//! Text inside YAML.
//!
//! In: any text. Out: a double-quoted scalar, or comment lines that nothing in the text can break out of.

use crate::text::wrap::{clean, wrap};
use std::fmt::Write as _;

/// Columns of a comment.
const COLUMNS: usize = 98;

/// A double-quoted scalar.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(&one_line(text)).expect("a string can be written")
}

/// A comment, indented; further lines stand two columns deeper.
pub(crate) fn comment(indent: usize, text: &str) -> String {
    let lines = wrap(&one_line(text), COLUMNS - indent);
    let deeper = |at: usize| " ".repeat(if at == 0 { indent } else { indent + 2 });
    lines.iter().enumerate().fold(String::new(), |mut out, (at, line)| {
        let _ = writeln!(out, "# {}{line}", deeper(at));
        out
    })
}

/// YAML 1.1 breaks lines at these as well.
fn one_line(text: &str) -> String {
    clean(text).replace(['\u{2028}', '\u{2029}', '\u{feff}'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_scalar_or_its_comment() {
        assert_eq!(quoted("a \"b\"\n\\c: {d}"), r#""a \"b\" \\c: {d}""#);
        assert_eq!(comment(0, "a\n\u{2028}b: 1"), "# a b: 1\n");
        let long = comment(2, &"word ".repeat(40));
        assert!(long.lines().count() > 1 && long.lines().all(|line| line.starts_with("# ")));
    }
}
