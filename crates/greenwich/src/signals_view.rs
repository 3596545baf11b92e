//! What was fetched, what is held and who could be asked, for people and for programs.
//!
//! In: answers of [`signals`](crate::signals). Out: text, or `greenwich.signals/1`, `greenwich.held/1` and
//! `greenwich.providers/1`.

use crate::signals::{Fetched, Offer, State};
use greenwich_core::ZoneId;
use greenwich_grid::history::Held;
use greenwich_report::Style;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet, moment, three};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What was fetched, in words.
#[must_use]
pub fn fetched_text(fetched: &Fetched, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let wanted = &fetched.wanted;
    let counts = Counts::of(fetched);
    let unit = wanted.quantity.unit();
    sheet.headline(&format!(
        "{} {}: {} of {} steps of {} min known",
        wanted.zone,
        wanted.quantity,
        counts.known(),
        counts.all,
        fetched.step.as_mins()
    ));
    sheet.named("window", &format!("{} to {} UTC", moment(wanted.window.start()), moment(wanted.window.end())));
    sheet.named("source", &format!("{} ({})", fetched.source, fetched.about.title));
    let parts = [(counts.measured, "measured"), (counts.estimated, "estimated"), (counts.forecast, "forecast")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if !parts.is_empty() {
        sheet.named("known as", &parts.join(", "));
    }
    if let Some(span) = span(fetched) {
        let at = |(value, start): (f64, Timestamp)| format!("{} at {}", three(value), moment(start));
        let told = format!("mean {} {unit}, least {}, most {}", three(span.mean), at(span.least), at(span.most));
        sheet.named("values", &told);
    }
    let came = match fetched.asked {
        None => "nothing was asked for: all of it was held".to_owned(),
        Some(asked) => format!(
            "{} new values, {} of them revised, from {} to {}",
            fetched.new,
            fetched.revised,
            moment(asked.start()),
            moment(asked.end())
        ),
    };
    sheet.named("came", &came);
    sheet.named("licence", fetched.about.licence);
    for note in &fetched.notes {
        sheet.item("! ", note);
    }
    if style.explain {
        sheet.heading("Steps");
        let header = [
            ("start (UTC)", Align::Left),
            (unit.as_str(), Align::Right),
            ("known as", Align::Left),
            ("fetched", Align::Left),
        ];
        let row = |(start, cell): &(Timestamp, Option<greenwich_grid::Cell>)| match cell {
            Some(cell) => {
                vec![moment(*start), format!("{}", cell.value), cell.state.as_str().to_owned(), moment(cell.fetched_at)]
            }
            None => vec![moment(*start), NOT_KNOWN.to_owned(), String::new(), String::new()],
        };
        sheet.table(&header, fetched.cells.iter().map(row).collect());
    }
    sheet.finish()
}

/// `greenwich.signals/1`.
#[must_use]
pub fn fetched_json(fetched: &Fetched) -> Value {
    let wanted = &fetched.wanted;
    let window = |window: greenwich_core::Window| json!({ "start": window.start().to_string(), "end": window.end().to_string() });
    let point = |(start, cell): &(Timestamp, Option<greenwich_grid::Cell>)| {
        json!({
            "start": start.to_string(),
            "value": cell.map(|cell| cell.value),
            "state": cell.map(|cell| cell.state.as_str()),
            "fetched_at": cell.map(|cell| cell.fetched_at.to_string()),
        })
    };
    json!({
        "schema": "greenwich.signals/1",
        "zone": wanted.zone.as_str(),
        "quantity": wanted.quantity.to_string(),
        "unit": wanted.quantity.unit(),
        "source": fetched.source,
        "provider": fetched.about.id,
        "licence": fetched.about.licence,
        "window": window(wanted.window),
        "asked": fetched.asked.map(window),
        "new_values": fetched.new,
        "revised_values": fetched.revised,
        "step_s": fetched.step.as_secs(),
        "points": fetched.cells.iter().map(point).collect::<Vec<_>>(),
        "notes": fetched.notes,
    })
}

/// What is held, in words.
#[must_use]
pub fn held_text(all: &[(ZoneId, Vec<Held>)], folder: &str, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let series: usize = all.iter().map(|(_, held)| held.len()).sum();
    sheet.headline(&format!("{series} series of {} zones in {folder}", all.len()));
    if all.is_empty() {
        sheet.paragraph(
            "`greenwich signals fetch ZONE` fills it; `greenwich signals providers ZONE` says who has a zone.",
        );
        return sheet.finish();
    }
    let header = [
        ("zone", Align::Left),
        ("quantity", Align::Left),
        ("source", Align::Left),
        ("from (UTC)", Align::Left),
        ("until", Align::Left),
        ("step", Align::Right),
        ("blocks", Align::Right),
        ("fetched", Align::Left),
    ];
    let rows = all.iter().flat_map(|(zone, held)| held.iter().map(move |held| (zone, held)));
    let row = |(zone, held): (&ZoneId, &Held)| {
        vec![
            zone.to_string(),
            held.quantity.to_string(),
            held.source.clone(),
            moment(held.start),
            moment(held.end),
            format!("{} min", held.step.as_mins()),
            held.blocks.to_string(),
            moment(held.fetched_at),
        ]
    };
    sheet.blank();
    sheet.table(&header, rows.map(row).collect());
    sheet.finish()
}

/// `greenwich.held/1`.
#[must_use]
pub fn held_json(all: &[(ZoneId, Vec<Held>)], folder: &str) -> Value {
    let rows = all.iter().flat_map(|(zone, held)| held.iter().map(move |held| (zone, held)));
    let row = |(zone, held): (&ZoneId, &Held)| {
        json!({
            "zone": zone.as_str(),
            "quantity": held.quantity.to_string(),
            "unit": held.quantity.unit(),
            "source": held.source,
            "start": held.start.to_string(),
            "end": held.end.to_string(),
            "step_s": held.step.as_secs(),
            "blocks": held.blocks,
            "fetched_at": held.fetched_at.to_string(),
        })
    };
    json!({ "schema": "greenwich.held/1", "folder": folder, "series": rows.map(row).collect::<Vec<_>>() })
}

/// Who could be asked, in words.
#[must_use]
pub fn offers_text(offers: &[Offer], zone: Option<&ZoneId>, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let of = zone.map(|zone| format!(" that may know {zone}")).unwrap_or_default();
    sheet.headline(&format!("{} providers{of}, in the order in which they are asked", offers.len()));
    for offer in offers {
        let about = offer.about;
        sheet.heading(&format!("{}: {}", about.id, about.title));
        let key = match offer.key_is_set {
            None => "none is wanted".to_owned(),
            Some(true) => format!("set ({})", about.key_variables.join(", ")),
            Some(false) => format!("not set: {}; see {}", about.key_variables.join(", "), about.page),
        };
        sheet.named("key", &key);
        sheet.named("covers", about.covers);
        if !offer.quantities.is_empty() {
            sheet.named("has", &quantities(offer));
        }
        sheet.named("licence", about.licence);
    }
    sheet.finish()
}

/// `greenwich.providers/1`.
#[must_use]
pub fn offers_json(offers: &[Offer], zone: Option<&ZoneId>) -> Value {
    let one = |offer: &Offer| {
        let about = offer.about;
        json!({
            "provider": about.id,
            "title": about.title,
            "covers": about.covers,
            "licence": about.licence,
            "guide": about.page,
            "key_variables": about.key_variables,
            "key_is_set": offer.key_is_set,
            "quantities": offer.quantities.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema": "greenwich.providers/1",
        "zone": zone.map(ZoneId::as_str),
        "providers": offers.iter().map(one).collect::<Vec<_>>(),
    })
}

fn quantities(offer: &Offer) -> String {
    let (fuels, others): (Vec<String>, Vec<String>) =
        offer.quantities.iter().map(ToString::to_string).partition(|name| name.starts_with("generation-"));
    let fuels = (!fuels.is_empty()).then(|| format!("generation of {} fuels", fuels.len()));
    others.into_iter().chain(fuels).collect::<Vec<_>>().join(", ")
}

struct Counts {
    all: usize,
    measured: usize,
    estimated: usize,
    forecast: usize,
}

impl Counts {
    fn of(fetched: &Fetched) -> Self {
        let of = |state: State| {
            fetched.cells.iter().filter(|(_, cell)| cell.is_some_and(|cell| cell.state == state)).count()
        };
        Self {
            all: fetched.cells.len(),
            measured: of(State::Measured),
            estimated: of(State::Estimated),
            forecast: of(State::Forecast),
        }
    }
    fn known(&self) -> usize {
        self.measured + self.estimated + self.forecast
    }
}

struct Span {
    mean: f64,
    least: (f64, Timestamp),
    most: (f64, Timestamp),
}

fn span(fetched: &Fetched) -> Option<Span> {
    let known: Vec<(f64, Timestamp)> =
        fetched.cells.iter().filter_map(|(start, cell)| Some((cell.as_ref()?.value, *start))).collect();
    let first = *known.first()?;
    let mean = known.iter().map(|(value, _)| value).sum::<f64>() / known.len() as f64;
    let least = known.iter().copied().fold(first, |best, one| if one.0 < best.0 { one } else { best });
    let most = known.iter().copied().fold(first, |best, one| if one.0 > best.0 { one } else { best });
    Some(Span { mean, least, most })
}
