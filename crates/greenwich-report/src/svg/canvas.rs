//! A slide to draw on: boxes, lines and text that stays inside its box.
//!
//! In: places in pixels. Out: an SVG document. Widths of letters are guessed for the widest common sans
//! serif, so that no viewer's font runs out of its box.

use crate::svg::xml::escape;
use crate::text::wrap::{columns, cut, wrap};
use std::fmt::Write as _;

pub(crate) const WIDTH: f64 = 1280.0;
pub(crate) const HEIGHT: f64 = 720.0;
/// Free space at the left and right edge.
pub(crate) const MARGIN: f64 = 48.0;
pub(crate) const INK: &str = "#1a1a1a";
pub(crate) const GREY: &str = "#595959";
pub(crate) const RULE: &str = "#bfbfbf";
/// Less CO2e and more of it: told apart by the colour-blind, and in grey by their labels.
pub(crate) const CLEAN: &str = "#2166ac";
pub(crate) const DIRTY: &str = "#b35806";
/// Fill of the baseline: hatched.
pub(crate) const HATCH: &str = "url(#hatch)";

const LETTER_EM: f64 = 0.59;
const BOLD_EM: f64 = 0.66;

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) fill: &'static str,
}

impl Font {
    pub(crate) const fn plain(size: f64) -> Self {
        Self { size, bold: false, fill: INK }
    }
    pub(crate) const fn bold(size: f64) -> Self {
        Self { size, bold: true, fill: INK }
    }
    pub(crate) const fn grey(size: f64) -> Self {
        Self { size, bold: false, fill: GREY }
    }
    /// Columns of letters that surely fit into so many pixels.
    pub(crate) fn fits(self, pixels: f64) -> usize {
        (pixels / (self.size * self.em())).max(1.0) as usize
    }
    /// Pixels that a text takes at most, about.
    pub(crate) fn pixels(self, text: &str) -> f64 {
        columns(text) as f64 * self.size * self.em()
    }
    fn em(self) -> f64 {
        if self.bold { BOLD_EM } else { LETTER_EM }
    }
}

/// Where a text stands against its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Ink and ground change places where the reader's screen is dark; colours that mean something stay.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { [fill=\"#ffffff\"] { fill: #15181c } \
    [fill=\"#1a1a1a\"] { fill: #f0f0f0 } [fill=\"#4d4d4d\"] { fill: #8f949b } [fill=\"#595959\"] { fill: #b3b7bd } \
    [fill=\"#bfbfbf\"] { fill: #5c6168 } [stroke=\"#1a1a1a\"] { stroke: #f0f0f0 } [stroke=\"#595959\"] { stroke: #b3b7bd } \
    [stroke=\"#bfbfbf\"] { stroke: #4a4f55 } [stroke=\"#e0e0e0\"] { stroke: #2f3338 } }</style>\n";

/// The document so far.
#[derive(Debug)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// An empty slide, white or dark as the reader's screen is, with a title for those who cannot see it.
    pub(crate) fn new(title: &str) -> Self {
        let mut body = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', \
             sans-serif\">\n<title>{}</title>\n",
            escape(title)
        );
        body.push_str(
            "<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" fill=\"#ffffff\"/><rect width=\"3\" \
             height=\"7\" fill=\"#8c8c8c\"/></pattern></defs>\n",
        );
        body.push_str(DARK);
        let mut canvas = Self { body };
        canvas.rect((0.0, 0.0), (WIDTH, HEIGHT), "#ffffff", "");
        canvas
    }
    /// A box from its upper left corner; `more` holds further attributes of ours.
    pub(crate) fn rect(&mut self, at: (f64, f64), size: (f64, f64), fill: &str, more: &str) {
        let ((x, y), (width, height)) = (at, (size.0.max(0.0), size.1.max(0.0)));
        let more = if more.is_empty() { String::new() } else { format!(" {more}") };
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"{more}/>"
        );
    }
    /// A box that says what it is where the pointer rests on it.
    pub(crate) fn titled_rect(&mut self, at: (f64, f64), size: (f64, f64), fill: &str, title: &str) {
        let ((x, y), (width, height)) = (at, (size.0.max(0.0), size.1.max(0.0)));
        let title = escape(title);
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"><title>{title}</title></rect>"
        );
    }
    /// A disc; `more` holds further attributes of ours.
    pub(crate) fn circle(&mut self, at: (f64, f64), radius: f64, fill: &str, more: &str) {
        let more = if more.is_empty() { String::new() } else { format!(" {more}") };
        let (x, y) = at;
        let _ = writeln!(self.body, "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius:.2}\" fill=\"{fill}\"{more}/>");
    }
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        );
    }
    /// An area by SVG's own commands, written by us.
    pub(crate) fn path(&mut self, commands: &str, fill: &str) {
        let _ = writeln!(self.body, "<path d=\"{commands}\" fill=\"{fill}\" shape-rendering=\"crispEdges\"/>");
    }
    /// One line of text on its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, font: Font, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        let _ = writeln!(
            self.body,
            "<text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"{anchor}\" font-size=\"{}\"{weight} fill=\"{}\">{}</text>",
            at.0,
            at.1,
            font.size,
            font.fill,
            escape(text)
        );
    }
    /// A line of text cut to a width.
    pub(crate) fn label(&mut self, at: (f64, f64), width: f64, anchor: Anchor, font: Font, text: &str) {
        self.text(at, anchor, font, &cut(text, font.fits(width)));
    }
    /// The foot of a picture: a rule so far above the lower edge, what is said in at most `most` lines, and our name.
    pub(crate) fn foot(&mut self, above: f64, width: f64, most: usize, says: &str) {
        let rule = HEIGHT - above;
        self.line((MARGIN, rule), (WIDTH - MARGIN, rule), RULE, 1.0);
        let font = Font { size: 12.0, bold: false, fill: GREY };
        self.paragraph((MARGIN, rule + 18.0), width, Anchor::Start, font, most, says);
        let name = Font { size: 12.0, bold: true, fill: GREY };
        self.text((WIDTH - MARGIN, rule + 18.0), Anchor::End, name, "Greenwich");
    }

    /// A paragraph of at most `most` lines, the first on the baseline given; gives the baseline of the
    /// line after the last.
    pub(crate) fn paragraph(
        &mut self,
        at: (f64, f64),
        width: f64,
        anchor: Anchor,
        font: Font,
        most: usize,
        text: &str,
    ) -> f64 {
        let mut lines = wrap(text, font.fits(width));
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                *last = cut(&format!("{last} ……"), font.fits(width)).replace("……", "…");
            }
        }
        let mut y = at.1;
        for line in &lines {
            self.text((at.0, y), anchor, font, line);
            y += (font.size * 1.28).round();
        }
        y
    }
    /// The slide's title in the largest size in which it takes three lines; gives the baseline after it.
    pub(crate) fn headline(&mut self, text: &str) -> f64 {
        let width = WIDTH - 2.0 * MARGIN;
        let sizes = [30.0, 27.0, 24.0, 21.0, 18.0];
        let fits = |size: &f64| wrap(text, Font::bold(*size).fits(width)).len() <= 3;
        let font = Font::bold(sizes.into_iter().find(fits).unwrap_or(18.0));
        self.paragraph((MARGIN, 34.0 + font.size), width, Anchor::Start, font, 3, text)
    }
    pub(crate) fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }
}

/// The colour of a place between clean (0) and dirty (1): blue over grey to brown.
pub(crate) fn shade(share: f64) -> String {
    const STOPS: [[f64; 3]; 3] = [[33.0, 102.0, 172.0], [168.0, 162.0, 154.0], [179.0, 88.0, 6.0]];
    let at = share.clamp(0.0, 1.0) * 2.0;
    let (from, to) = if at < 1.0 { (STOPS[0], STOPS[1]) } else { (STOPS[1], STOPS[2]) };
    let mix = |index: usize| (from[index] + (to[index] - from[index]) * (at - at.floor().min(1.0))).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_run_from_the_clean_to_the_dirty_colour() {
        assert_eq!((shade(0.0).as_str(), shade(0.5).as_str(), shade(1.0).as_str()), (CLEAN, "#a8a29a", DIRTY));
    }

    #[test]
    fn a_paragraph_that_is_too_long_ends_with_an_ellipsis() {
        let mut canvas = Canvas::new("t");
        let font = Font::plain(10.0);
        let next = canvas.paragraph((0.0, 10.0), 60.0, Anchor::Start, font, 2, "one two three four five six seven");
        assert_eq!(next, 36.0);
        let body = canvas.finish();
        assert!(body.contains("…</text>"), "{body}");
        assert_eq!(body.matches("<text").count(), 2);
    }
}
