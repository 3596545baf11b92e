//! The frame of a page, and its tables.
//!
//! In: a title and what stands below it. Out: a document whose colours follow the reader's setting.

use crate::svg::xml::escape;
use std::fmt::Write as _;

/// Ink on paper, and the same at night. Blue and orange are told apart by the colour-blind; marks differ in shape too.
const STYLE: &str = "
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --grey: #595959; --rule: #d0d0d0; --ours: #2166ac;
  --other: #b35806; --soft: #d6d2cd; --known: #767676 }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e6e6; --grey: #a8a8a8; --rule: #3a3f45;
  --ours: #6baed6; --other: #fdae61; --soft: #4d4a46; --known: #9a9a9a } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif;
  margin: 2rem auto; max-width: 1040px; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem }
p { max-width: 46rem } .grey, figcaption { color: var(--grey); font-size: .9rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0 } dt { color: var(--grey) } dd { margin: 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; width: 100% }
th { color: var(--grey); font-weight: normal; vertical-align: bottom } th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left; padding-left: 0 } tr { border-bottom: 1px solid var(--rule) } tr.ours td { font-weight: bold }
figure { margin: 1.2rem 0 } svg { display: block; max-width: 100%; height: auto } svg text { fill: var(--ink); font-size: 13px }
svg .grey { fill: var(--grey) } svg .rule { stroke: var(--rule) } .fill-ours { fill: var(--ours) } .fill-other { fill: var(--other) }
.fill-soft { fill: var(--soft) } .fill-known { fill: var(--known) } .line-ours { stroke: var(--ours); fill: none } .line-other { stroke: var(--other); fill: none }
.line-known { stroke: var(--known); fill: none } .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round }
";

/// A page so far.
#[derive(Debug)]
pub(crate) struct Page {
    body: String,
    title: String,
}

impl Page {
    pub(crate) fn new(title: &str) -> Self {
        Self { body: format!("<h1>{}</h1>\n", escape(title)), title: escape(title) }
    }
    pub(crate) fn heading(&mut self, text: &str) {
        _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
    }
    pub(crate) fn paragraph(&mut self, text: &str) {
        _ = writeln!(self.body, "<p>{}</p>", escape(text));
    }
    /// Names and what they are.
    pub(crate) fn named<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        self.body.push_str("<dl>\n");
        for (name, what) in pairs {
            _ = writeln!(self.body, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(what));
        }
        self.body.push_str("</dl>\n");
    }
    /// A table; the first column holds names. Rows say whether they stand out.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[(bool, Vec<String>)]) {
        self.body.push_str("<div class=\"wide\"><table>\n<thead><tr>");
        for name in head {
            _ = write!(self.body, "<th scope=\"col\">{}</th>", escape(name));
        }
        self.body.push_str("</tr></thead>\n<tbody>\n");
        for (stands_out, cells) in rows {
            self.body.push_str(if *stands_out { "<tr class=\"ours\">" } else { "<tr>" });
            for cell in cells {
                _ = write!(self.body, "<td>{}</td>", escape(cell));
            }
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table></div>\n");
    }
    /// A picture with what it says below it.
    pub(crate) fn figure(&mut self, svg: &str, caption: &str) {
        _ = writeln!(self.body, "<figure>\n{svg}<figcaption>{}</figcaption></figure>", escape(caption));
    }
    pub(crate) fn finish(self) -> String {
        let Self { body, title } = self;
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n{body}</body>\n</html>\n"
        )
    }
}
