//! What holds for every text: it fits, and without colour it holds no escape.
//!
//! In: every fixture, width and style. Out: nothing but the tests' verdict.

use crate::fixture;
use crate::fixture_run;
use crate::text::wrap::columns;
use crate::text::{account, estimate, levers, plan, run, runs};
use crate::view::Style;

/// Every text of every fixture in a style, with its name.
fn texts(style: Style) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for (name, fixture) in fixture::all() {
        texts.push((format!("plan {name}"), plan(&fixture.view(), style)));
        texts.push((format!("estimate {name}"), estimate(&fixture.planned, style)));
    }
    texts.push(("account".into(), account(&fixture::account(), style)));
    for (name, entries) in fixture_run::all() {
        texts.push((format!("runs {name}"), runs(&entries, style)));
        texts.extend(entries.iter().map(|entry| (format!("run {name}"), run(entry, style))));
    }
    texts.push(("levers".into(), levers(&fixture::levers(), style)));
    texts.push(("levers without model".into(), levers(&fixture::levers_without_model(), style)));
    texts
}

/// The text without the colours that we set.
fn uncoloured(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('\x1b');
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        let end = part.find('m').expect("our escapes only set colours");
        out.push_str(&part[end + 1..]);
    }
    out
}

#[test]
fn every_line_fits_every_width() {
    for width in [60, 80, 100, 140] {
        for explain in [false, true] {
            for (name, text) in texts(Style { width, colour: false, explain }) {
                for line in text.lines() {
                    assert!(columns(line) <= width, "{name} at {width}: {} columns\n{line}", columns(line));
                    assert!(!line.ends_with(' '), "{name}: trailing space in `{line}`");
                }
            }
        }
    }
}

#[test]
fn without_colour_there_is_no_escape_even_where_a_name_has_one() {
    for (name, text) in texts(Style::default()) {
        let control = text.chars().find(|letter| letter.is_control() && *letter != '\n');
        assert_eq!(control, None, "{name}");
    }
}

#[test]
fn colour_only_adds() {
    for ((name, plain), (_, coloured)) in
        texts(Style::default()).into_iter().zip(texts(Style { colour: true, ..Style::default() }))
    {
        assert!(coloured.contains('\x1b'), "{name}");
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&uncoloured(&coloured)), trimmed(&plain), "{name}");
    }
}
