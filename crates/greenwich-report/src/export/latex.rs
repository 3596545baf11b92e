//! Text inside LaTeX.
//!
//! In: any text. Out: the same with the ten special characters escaped and the signs that we print as commands
//! that every engine knows. A unit of CO2e has its 2 below the line.

use crate::text::wrap::clean;

/// Escapes a text for a paragraph or a BibTeX field.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in clean(text).chars() {
        match letter {
            '\\' => out.push_str("\\textbackslash{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(letter);
            }
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("\\textquotedbl{}"),
            '–' => out.push_str("--"),
            '—' => out.push_str("---"),
            '−' => out.push_str("$-$"),
            '×' => out.push_str("$\\times$"),
            '·' => out.push_str("$\\cdot$"),
            '³' => out.push_str("\\textsuperscript{3}"),
            '…' => out.push_str("\\ldots{}"),
            letter => out.push(letter),
        }
    }
    out.replace("CO2e", "CO\\textsubscript{2}e")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_special_characters_are_text() {
        assert_eq!(
            escape(r"\ & % $ # _ { } ~ ^"),
            r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{}"
        );
        assert_eq!(escape("1.62 kgCO2e (1.41–1.90)"), r"1.62 kgCO\textsubscript{2}e (1.41--1.90)");
    }

    #[test]
    fn braces_stay_in_balance() {
        let depth = |text: &str| {
            let mut escaped = false;
            text.chars().fold(0i32, |depth, letter| {
                let step = i32::from(letter == '{' && !escaped) - i32::from(letter == '}' && !escaped);
                escaped = letter == '\\' && !escaped;
                depth + step
            })
        };
        assert_eq!(depth(&escape("}}} {{{ \\{ CO2e")), 0);
    }
}
