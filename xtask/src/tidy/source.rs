//! Rust text with what is not code taken out.
//!
//! In: the text of a module. Out: its part for the product, and the same text with comments and the insides
//! of strings made blank, lines kept. It is a reader of shapes, not a parser: enough to find a word in code.

/// The text before the tests beside the code.
pub(crate) fn product_part(text: &str) -> &str {
    let tests = text.match_indices("#[cfg(test)]").find(|(at, mark)| {
        let after = text[at + mark.len()..].trim_start();
        let module = after.strip_prefix("mod ").and_then(|rest| rest.split(';').next());
        module.is_some_and(|head| head.contains('{'))
    });
    tests.map_or(text, |(at, _)| &text[..at])
}

/// The same text with comments and the insides of strings and characters made blank.
pub(crate) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest, out.chars().next_back())).or_else(|| character(rest));
        if let Some(length) = skipped {
            out.extend(rest[..length].chars().map(|inside| if inside == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.strip_prefix("/*").map(|inside| inside.find("*/").map_or(text.len(), |end| end + 4))
}

/// The length of a string that begins here, raw or not, with its prefix.
fn string(text: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        (prefix.is_empty() || !in_word)
            && text.strip_prefix(prefix).is_some_and(|rest| {
                rest.starts_with('"') || (prefix.ends_with('r') && rest.trim_start_matches('#').starts_with('"'))
            })
    })?;
    let rest = &text[prefix.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(text[inside..].find(&end).map_or(text.len(), |at| inside + at + end.len()));
    }
    let mut escaped = false;
    for (at, letter) in text[inside..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(inside + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of a character literal that begins here; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        let from = 1 + inside.chars().nth(1)?.len_utf8();
        return inside[from..].find('\'').map(|end| 1 + from + end + 1);
    }
    let letter = inside.chars().next()?;
    inside[letter.len_utf8()..].starts_with('\'').then(|| letter.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank_and_lines_stay() {
        let text = "a(); // b\n/* c\nd */ e(\"f\\\"g\", r#\"h\"i\"#, br\"j\", 'k', '\"', '\\'', '\\u{1F}');\nfn l<'m>(n: &'m str) {} // o\n";
        let blanked = blank(text);
        assert_eq!(blanked.lines().count(), text.lines().count());
        let kept: String = blanked.chars().filter(|letter| letter.is_alphabetic()).collect();
        assert_eq!(kept, "aefnlmnmstr");
    }

    #[test]
    fn a_name_that_ends_in_r_does_not_begin_a_raw_string() {
        assert_eq!(blank("for\"x\"y").trim_end(), "for   y");
    }

    #[test]
    fn the_product_ends_where_the_tests_begin() {
        assert_eq!(
            product_part("a\n#[cfg(test)]\nmod fixture;\nb\n#[cfg(test)]\nmod tests {\n c\n}\n"),
            "a\n#[cfg(test)]\nmod fixture;\nb\n"
        );
    }
}
