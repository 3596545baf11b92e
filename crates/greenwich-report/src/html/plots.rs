//! Plots inside a page: bars, points, steps over hours.
//!
//! In: values. Out: SVG whose colours are the page's. Nothing is told by colour alone: ours is bold or filled, names stand
//! at the marks.

use crate::number::three;
use crate::svg::xml::escape;
use std::fmt::Write as _;

const WIDTH: f64 = 1000.0;
/// Pixels that a letter takes at most, about.
const LETTER: f64 = 7.4;

/// What a mark stands for, which says how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Ours.
    Ours,
    /// What knows the future, or is what others are measured against.
    Known,
    /// Another policy.
    Other,
}

impl Mark {
    const fn fill(self) -> &'static str {
        match self {
            Self::Ours => "fill-ours",
            Self::Known => "fill-known",
            Self::Other => "fill-other",
        }
    }
    const fn weight(self) -> &'static str {
        if matches!(self, Self::Ours) { " font-weight=\"bold\"" } else { "" }
    }
}

/// One bar or point: its name, what else is said of it, its mark, its value, and the other value of a point.
pub(crate) struct Datum<'a> {
    pub(crate) name: &'a str,
    pub(crate) note: String,
    pub(crate) mark: Mark,
    pub(crate) value: f64,
    pub(crate) beside: f64,
}

fn open(height: f64, title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n",
        escape(title)
    )
}

/// Bars of percentages, one below the other, named at the left; below 0 they go to the left.
pub(crate) fn bars(title: &str, data: &[Datum<'_>]) -> String {
    let (row, from, to) = (26.0, 170.0, WIDTH - 150.0);
    let height = row * data.len() as f64 + 8.0;
    let least = data.iter().map(|datum| datum.value).fold(0.0, f64::min);
    let most = data.iter().map(|datum| datum.value).fold(1e-9, f64::max);
    // Room at the left for the figure of a bar that goes there.
    let from = if least < 0.0 { from + 120.0 } else { from };
    let across = |value: f64| from + (value - least) / (most - least) * (to - from);
    let mut svg = open(height, title);
    for (datum, index) in data.iter().zip(0..) {
        let (y, zero, end) = (4.0 + row * f64::from(index), across(0.0), across(datum.value));
        let (fill, weight) = (datum.mark.fill(), datum.mark.weight());
        _ = writeln!(svg, "<text x=\"0\" y=\"{:.1}\"{weight}>{}</text>", y + 17.0, escape(datum.name));
        let (left, width) = (zero.min(end), (end - zero).abs());
        _ = writeln!(
            svg,
            "<rect class=\"{fill}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"18\"/>",
            y + 3.0
        );
        let (x, anchor) = if datum.value < 0.0 { (end - 6.0, "end") } else { (end + 6.0, "start") };
        let says = escape(&format!("{:.1} %{}", datum.value, datum.note));
        _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"{weight}>{says}</text>", y + 17.0);
    }
    let (x, foot) = (across(0.0), height - 2.0);
    _ = writeln!(svg, "<line class=\"rule\" x1=\"{x:.1}\" y1=\"2\" x2=\"{x:.1}\" y2=\"{foot:.1}\"/>\n</svg>");
    svg
}

/// Steps of a scale: 1, 2 or 5 times a power of ten, about five of them.
fn step(span: f64) -> f64 {
    let raw = (span / 5.0).max(1e-9);
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(raw)
}

/// Points: `beside` from left to right, `value` from below to above, each with its name where there is room.
pub(crate) fn points(title: &str, data: &[Datum<'_>], across_says: &str, up_says: &str) -> String {
    let (height, left, right, top, foot) = (400.0, 60.0, WIDTH - 20.0, 30.0, 352.0);
    let span = |of: fn(&Datum<'_>) -> f64| {
        let (low, high) =
            data.iter().map(of).fold((0.0_f64, 1e-6_f64), |(low, high), value| (low.min(value), high.max(value)));
        (low, high + 0.08 * (high - low))
    };
    let ((x0, x1), (y0, y1)) = (span(|datum| datum.beside), span(|datum| datum.value));
    let across = |value: f64| left + (value - x0) / (x1 - x0) * (right - left);
    let up = |value: f64| foot - (value - y0) / (y1 - y0) * (foot - top);
    let mut svg = open(height, title);
    let ticks = |low: f64, high: f64| {
        let step = step(high - low);
        (0..=12).map(move |at| ((low / step).ceil() + f64::from(at)) * step).take_while(move |tick| *tick <= high)
    };
    for tick in ticks(y0, y1) {
        let y = up(tick);
        _ = writeln!(svg, "<line class=\"rule\" x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>");
        _ = writeln!(
            svg,
            "<text class=\"grey\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            y + 4.0,
            plain(tick)
        );
    }
    for tick in ticks(x0, x1) {
        let x = across(tick);
        _ = writeln!(svg, "<line class=\"rule\" x1=\"{x:.1}\" y1=\"{foot}\" x2=\"{x:.1}\" y2=\"{}\"/>", foot + 5.0);
        _ = writeln!(
            svg,
            "<text class=\"grey\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            foot + 20.0,
            plain(tick)
        );
    }
    _ = writeln!(svg, "<text class=\"grey\" x=\"{}\" y=\"14\">{}</text>", left - 52.0, escape(up_says));
    _ = writeln!(
        svg,
        "<text class=\"grey\" x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        height - 8.0,
        escape(across_says)
    );
    // Points are in the way of names as names are.
    let of_point = |datum: &Datum<'_>| {
        let (x, y) = (across(datum.beside), up(datum.value));
        (x - 9.0, x + 9.0, y + 4.0)
    };
    let mut taken: Vec<(f64, f64, f64)> = data.iter().map(of_point).collect();
    for datum in data {
        let (x, y) = (across(datum.beside), up(datum.value));
        let fill = datum.mark.fill();
        let (corner_x, corner_y) = (x - 5.5, y - 5.5);
        let shape = match datum.mark {
            Mark::Ours => format!("circle class=\"{fill}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\""),
            Mark::Known => {
                format!("rect class=\"{fill}\" x=\"{corner_x:.1}\" y=\"{corner_y:.1}\" width=\"11\" height=\"11\"")
            }
            Mark::Other => format!("circle class=\"{fill}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\""),
        };
        _ = writeln!(svg, "<{shape}/>");
        // Of points that are one, the first has all names.
        let is_one = |other: &&Datum<'_>| (across(other.beside) - x).abs() < 2.0 && (up(other.value) - y).abs() < 2.0;
        let names: Vec<&str> = data.iter().filter(is_one).map(|other| other.name).collect();
        if names.first() != Some(&datum.name) {
            continue;
        }
        let name = names.join(", ");
        let wide = LETTER * name.chars().count() as f64;
        let hits = |begin: f64, at_y: f64| {
            taken.iter().any(|(from, to, at)| begin < *to && begin + wide > *from && (at_y - at).abs() < 15.0)
        };
        let places = [4.0, 20.0, -12.0, 36.0, -28.0, 52.0, -44.0]
            .into_iter()
            .flat_map(|by| [x + 12.0, x - 12.0 - wide].map(|begin| (begin, y + by)));
        let mut inside =
            places.filter(|(begin, at)| *begin >= 0.0 && begin + wide <= WIDTH && *at > 12.0 && *at < foot);
        let (begin, y_name) = inside.find(|(begin, at)| !hits(*begin, *at)).unwrap_or((x + 12.0, y + 4.0));
        taken.push((begin, begin + wide, y_name));
        if (y_name - y - 4.0).abs() > 1.0 {
            let (near, y_near) = (if begin > x { begin - 2.0 } else { begin + wide + 2.0 }, y_name - 4.0);
            _ = writeln!(svg, "<line class=\"rule\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{near:.1}\" y2=\"{y_near:.1}\"/>");
        }
        let weight = datum.mark.weight();
        let (at, anchor) = if begin > x { (begin, "start") } else { (begin + wide, "end") };
        _ = writeln!(
            svg,
            "<text class=\"halo\" x=\"{at:.1}\" y=\"{y_name:.1}\" text-anchor=\"{anchor}\"{weight}>{}</text>",
            escape(&name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn plain(tick: f64) -> String {
    let tick = if tick.abs() < 1e-9 { 0.0 } else { tick };
    if tick.fract().abs() < 1e-6 { format!("{tick:.0}") } else { format!("{tick:.2}").trim_end_matches('0').to_owned() }
}

/// What is held over hours, by ours filled and by another as a line, over the intensity.
pub(crate) struct Over<'a> {
    pub(crate) title: &'a str,
    pub(crate) g_per_kwh: &'a [f64],
    pub(crate) ours: &'a [f64],
    pub(crate) base: &'a [f64],
    pub(crate) room: f64,
    /// Names of days, one in 24 hours.
    pub(crate) days: &'a [String],
}

pub(crate) fn over_hours(over: &Over<'_>) -> String {
    let (height, left, right) = (230.0, 60.0, WIDTH - 10.0);
    let (grid, held) = ((28.0, 88.0), (104.0, 196.0));
    let hours = over.g_per_kwh.len().max(1) as f64;
    let across = |hour: usize| left + hour as f64 / hours * (right - left);
    let most = over.g_per_kwh.iter().copied().fold(1e-9, f64::max);
    let top = over.ours.iter().chain(over.base).copied().fold(1.0, f64::max).max(over.room);
    let steps = |values: &[f64], (from, to): (f64, f64), top: f64| -> String {
        let mut path = String::new();
        for (hour, value) in values.iter().enumerate() {
            let y = to - value / top * (to - from);
            let (x, next) = (across(hour), across(hour + 1));
            let letter = if hour == 0 { 'M' } else { 'L' };
            _ = write!(path, "{letter}{x:.1} {y:.1}H{next:.1}");
        }
        path
    };
    let mut svg = open(height, over.title);
    _ = writeln!(svg, "<text x=\"0\" y=\"16\" font-weight=\"bold\">{}</text>", escape(over.title));
    for (day, name) in over.days.iter().enumerate() {
        let x = across(day * 24);
        _ = writeln!(svg, "<line class=\"rule\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/>", grid.0, held.1);
        _ = writeln!(svg, "<text class=\"grey\" x=\"{:.1}\" y=\"{}\">{}</text>", x + 4.0, held.1 + 18.0, escape(name));
    }
    let scale = |svg: &mut String, y: f64, says: &str| {
        _ = writeln!(
            svg,
            "<text class=\"grey\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            y,
            escape(says)
        );
    };
    scale(&mut svg, grid.0 + 10.0, &three(most));
    scale(&mut svg, grid.1, "0");
    scale(&mut svg, held.0 + 10.0, &three(top));
    scale(&mut svg, held.1, "0");
    _ = writeln!(svg, "<path class=\"line-known\" stroke-width=\"1.5\" d=\"{}\"/>", steps(over.g_per_kwh, grid, most));
    let (begin, end) = (across(0), across(over.ours.len()));
    if !over.ours.is_empty() {
        let outline = steps(over.ours, held, top);
        _ = writeln!(
            svg,
            "<path class=\"fill-ours\" opacity=\"0.75\" d=\"{outline}L{end:.1} {} L{begin:.1} {}Z\"/>",
            held.1, held.1
        );
    }
    _ = writeln!(svg, "<path class=\"line-other\" stroke-width=\"1.8\" d=\"{}\"/>", steps(over.base, held, top));
    let y = held.1 - over.room / top * (held.1 - held.0);
    _ = writeln!(
        svg,
        "<line class=\"rule\" x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke-dasharray=\"4 3\"/>"
    );
    for y in [grid.1, held.1] {
        _ = writeln!(svg, "<line class=\"rule\" x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_step_evenly() {
        assert_eq!([step(1.0), step(7.0), step(23.0), step(40.0)], [0.2, 2.0, 5.0, 10.0]);
        assert_eq!([plain(0.2), plain(10.0), plain(-0.0)], ["0.2", "10", "0"]);
    }

    #[test]
    fn bars_below_zero_go_to_the_left_and_stay_inside() {
        let data = [("a", 12.0), ("b", -8.0)].map(|(name, value)| Datum {
            name,
            note: String::new(),
            mark: Mark::Other,
            value,
            beside: 0.0,
        });
        let svg = bars("saved", &data);
        let places: Vec<f64> = svg
            .split("<rect")
            .skip(1)
            .filter_map(|part| part.split("x=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert!(places[1] < places[0], "{places:?}");
        assert!(svg.contains("-8.0 %"));
    }
}
