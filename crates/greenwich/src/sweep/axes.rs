//! What a sweep goes over, as flags or a small file say it: `greenwich.sweep/1`.
//!
//! In: `key=value,value` texts, and the name of one file of the same keys. Out: [`Axes`], checked for form and range; names
//! are resolved later. Every refusal names the place and the nearest that could be meant.

use crate::document::{COMMAND_LINE, DocumentError, Place, Table, read};
use crate::job_file::{LayoutSpec, RECOMPUTE};
use crate::load;
use greenwich_facts::{Precision, nearest};
use std::path::Path;

/// The schema of a sweep file.
pub const SCHEMA: &str = "greenwich.sweep/1";
/// Every key with what it goes over.
pub const KEYS: [(&str, &str); 8] = [
    ("chip", "accelerators: names, beginnings (h100) or patterns (a100-*)"),
    ("count", "accelerators: 64, doubling 128..1024, by steps 64..512+64, by factors 8..5000*5"),
    ("precision", "bf16, fp16, tf32, fp32, fp8, fp4"),
    (
        "layout",
        "tensor × pipeline × data parallel, 8x4x16; all: each that the count allows; 8x4x16:ep=8:zero=1/3 fixes more of it",
    ),
    ("region", "cloud regions: names or patterns (gcp/*)"),
    ("cloud", "providers, each with all its regions"),
    ("zone", "grid zones, of a site of unknown kind"),
    ("datacenter", "kinds of site (hyperscale-google, typical) or a PUE"),
];
/// Most counts or layouts that one key may list.
const MOST_VALUES: usize = 10_000;
/// Most accelerators of one run.
const MOST_COUNT: f64 = 1e7;

/// Values of one key with the place where they stand.
pub(super) type Listed<T> = Option<(Vec<T>, Place)>;

/// How the accelerators of a run may share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayoutChoice {
    /// Tensor, pipeline and data parallel; every layout of the count that divides, where there are none.
    pub(super) sizes: Option<[u32; 3]>,
    /// The rest of it, as far as it is said; the sizes are not.
    pub(super) rest: LayoutSpec,
}

/// A layout of which nothing is said but its sizes.
pub(super) const OPEN: LayoutSpec =
    LayoutSpec { tp: 1, pp: 1, dp: 1, cp: 1, ep: 1, zero: None, recompute: None, micro_batch: None, interleave: None };

/// What is gone over; a key that nobody gave stays as the job has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axes {
    pub(super) chips: Listed<String>,
    pub(super) counts: Listed<u32>,
    pub(super) precisions: Listed<Precision>,
    pub(super) layouts: Listed<LayoutChoice>,
    pub(super) regions: Listed<String>,
    pub(super) clouds: Listed<String>,
    pub(super) zones: Listed<String>,
    pub(super) datacenters: Listed<String>,
}

impl Axes {
    /// Reads flags (`chip=h100,a100`) and at most one file of the same keys, over which the flags go.
    ///
    /// # Errors
    /// [`DocumentError`] with file, line and key, what was found, what is allowed and the mend.
    pub fn read(specs: &[String]) -> Result<Self, DocumentError> {
        let mut table: Option<Table> = None;
        for file in specs.iter().filter(|spec| !spec.contains('=')) {
            if table.is_some() {
                return Err(command_line("--sweep").refuse(
                    format!("a second file, `{file}`"),
                    "one file of axes, and key=value",
                    "put all axes into one file, or write the rest as key=value",
                ));
            }
            table = Some(of_file(file)?);
        }
        let mut table = table.unwrap_or_else(Table::empty);
        let mut flags: Vec<(String, String)> = Vec::new();
        for (key, values) in specs.iter().filter_map(|spec| spec.split_once('=')) {
            let key = if key.trim() == "accelerator" { "chip" } else { key.trim() };
            match flags.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = format!("{known},{values}"),
                None => flags.push((key.to_owned(), values.to_owned())),
            }
        }
        for (key, values) in &flags {
            table.set(key, values);
        }
        Self::of(&table)
    }

    fn of(table: &Table) -> Result<Self, DocumentError> {
        let listed = |key: &str, example: &str| -> Result<Listed<String>, DocumentError> {
            Ok(table.listed(key, example)?.map(|values| (values, table.place(key))))
        };
        let axes = Self {
            chips: listed("chip", "\"h100-sxm5-80g\"")?,
            counts: read_each(listed("count", "64, \"128..1024\"")?, counts)?,
            precisions: read_each(listed("precision", "\"bf16\"")?, |text, place| Ok(vec![precision(text, place)?]))?,
            layouts: read_each(listed("layout", "\"8x4x16\"")?, layouts)?,
            regions: listed("region", "\"gcp/*\"")?,
            clouds: listed("cloud", "\"gcp\"")?,
            zones: listed("zone", "\"DE\"")?,
            datacenters: listed("datacenter", "\"typical\"")?,
        };
        table.finish().map_err(|error| match error {
            DocumentError::UnknownKey { place, allowed, mend } => {
                let near = nearest(&place.key, KEYS.iter().map(|(key, _)| *key));
                let mend =
                    if near.is_empty() { "docs/reference/sweep-files.md tells the keys".to_owned() } else { mend };
                DocumentError::UnknownKey { place, allowed, mend }
            }
            other => other,
        })?;
        Ok(axes)
    }

    /// Whether anything is gone over but the job itself.
    pub(super) fn has_places(&self) -> bool {
        self.regions.is_some() || self.clouds.is_some() || self.zones.is_some()
    }
}

fn command_line(key: &str) -> Place {
    Place { file: COMMAND_LINE.to_owned(), line: None, key: key.to_owned() }
}

fn of_file(file: &str) -> Result<Table, DocumentError> {
    let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    let mend = format!("write an axis as key=value, or name a file of them; keys are {}", known.join(", "));
    let table = read(file, &load::bytes(Path::new(file), &mend)?)?;
    match table.text("schema", SCHEMA)? {
        Some(schema) if schema == SCHEMA => Ok(table),
        Some(schema) => Err(table.place("schema").refuse(
            format!("\"{schema}\""),
            format!("\"{SCHEMA}\""),
            "write the schema of sweep files; a job file goes in as JOB",
        )),
        None => Err(table.missing("schema", format!("begin the file with schema = \"{SCHEMA}\""))),
    }
}

/// Reads each of the texts of a key, one of which may stand for several values; a value told twice counts once.
fn read_each<T: PartialEq>(
    listed: Listed<String>,
    read: impl Fn(&str, &Place) -> Result<Vec<T>, DocumentError>,
) -> Result<Listed<T>, DocumentError> {
    let Some((texts, place)) = listed else { return Ok(None) };
    let mut values: Vec<T> = Vec::new();
    for text in &texts {
        for value in read(text, &place)? {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if values.len() > MOST_VALUES {
            return Err(place.refuse(
                format!("more than {MOST_VALUES} values"),
                format!("at most {MOST_VALUES}"),
                "take larger steps: 8..8192 doubles",
            ));
        }
    }
    Ok(Some((values, place)))
}

fn precision(text: &str, place: &Place) -> Result<Precision, DocumentError> {
    let known = Precision::ALL;
    known.iter().find(|(_, word)| *word == text).map(|(precision, _)| *precision).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(_, word)| *word).collect();
        let near = nearest(text, words.iter().copied());
        let near = near.first().map_or("bf16", String::as_str);
        place.refuse(format!("`{text}`"), words.join(", "), format!("write precision={near}"))
    })
}

/// One count, or a range: `128..1024` doubles, `64..512+64` adds, `8..5000*5` multiplies.
fn counts(text: &str, place: &Place) -> Result<Vec<u32>, DocumentError> {
    let refuse = || {
        place.refuse(
            format!("`{text}`"),
            "whole numbers from 1 to 10 million: 64, 128..1024, 64..512+64 or 8..5000*5",
            "write count=64,128..1024; a range doubles from its beginning up to its end",
        )
    };
    let whole = |text: &str| {
        let number: f64 = text.trim().replace('_', "").parse().map_err(|_| refuse())?;
        let fits = number.fract() == 0.0 && (1.0..=MOST_COUNT).contains(&number);
        if fits { Ok(number as u32) } else { Err(refuse()) }
    };
    let Some((from, rest)) = text.split_once("..") else { return Ok(vec![whole(text)?]) };
    let (until, step): (&str, Box<dyn Fn(u32) -> u32>) = if let Some((until, add)) = rest.split_once('+') {
        let add = whole(add)?;
        (until, Box::new(move |count| count.saturating_add(add)))
    } else {
        let (until, times) = rest.split_once('*').unwrap_or((rest, "2"));
        let times = whole(times)?;
        if times < 2 {
            return Err(refuse());
        }
        (until, Box::new(move |count| count.saturating_mul(times)))
    };
    let (from, until) = (whole(from)?, whole(until)?);
    if until < from {
        return Err(refuse());
    }
    let all = std::iter::successors(Some(from), |count| Some(step(*count))).take_while(|count| *count <= until);
    Ok(all.take(MOST_VALUES + 1).collect())
}

/// Sizes, or `all`, and after colons what else of the layout is said: `8x4x16:zero=1/3` are two.
fn layouts(text: &str, place: &Place) -> Result<Vec<LayoutChoice>, DocumentError> {
    let mut parts = text.split(':').map(str::trim);
    let sizes = sizes(parts.next().unwrap_or_default(), place)?;
    let mut choices = vec![LayoutChoice { sizes, rest: OPEN }];
    for part in parts {
        let (key, values) = part.split_once('=').unwrap_or((part, ""));
        let mut with = Vec::new();
        for choice in &choices {
            for value in values.split('/') {
                let mut rest = choice.rest;
                set_part(&mut rest, (key.trim(), value.trim()), place)?;
                with.push(LayoutChoice { rest, ..*choice });
            }
        }
        choices = with;
        if choices.len() > MOST_VALUES {
            return Err(place.refuse(
                format!("more than {MOST_VALUES} layouts"),
                format!("at most {MOST_VALUES}"),
                "say fewer",
            ));
        }
    }
    match choices.iter().find_map(|choice| choice.sizes.filter(|[.., data]| !data.is_multiple_of(choice.rest.ep))) {
        None => Ok(choices),
        Some([.., data]) => Err(place.refuse(
            format!("`{text}`"),
            format!("expert parallel sizes that divide the {data} of data parallel"),
            "write ep=1, or another data parallel size",
        )),
    }
}

fn sizes(text: &str, place: &Place) -> Result<Option<[u32; 3]>, DocumentError> {
    if text == "all" {
        return Ok(None);
    }
    let degrees: Vec<u32> = text.split('x').filter_map(|part| part.trim().parse().ok()).collect();
    match degrees[..] {
        [tensor, pipeline, data] if text.matches('x').count() == 2 && degrees.iter().all(|degree| *degree > 0) => {
            Ok(Some([tensor, pipeline, data]))
        }
        _ => Err(place.refuse(
            format!("`{text}`"),
            "tensor x pipeline x data parallel, or all",
            "write layout=8x4x16 or layout=all",
        )),
    }
}

/// Keys that may stand behind the sizes, with what each takes.
const PARTS: [(&str, &str); 6] = [
    ("cp", "a context parallel size, cp=2"),
    ("ep", "an expert parallel size that divides the data parallel, ep=8"),
    ("zero", "a ZeRO stage from 0 to 3, zero=1/3"),
    ("recompute", "none, selective or full, recompute=none/full"),
    ("micro_batch", "sequences that pass at once, micro_batch=1/2"),
    ("interleave", "pieces of the pipeline on each accelerator, interleave=2"),
];

/// Sets one of [`PARTS`]; the keys are those of `machine.layout` of a job file.
fn set_part(rest: &mut LayoutSpec, (key, value): (&str, &str), place: &Place) -> Result<(), DocumentError> {
    let Some((_, takes)) = PARTS.iter().find(|(known, _)| *known == key) else {
        let known: Vec<&str> = PARTS.iter().map(|(known, _)| *known).collect();
        let near = nearest(key, known.iter().copied());
        let near = near.first().map_or("zero", String::as_str);
        let found = if key.is_empty() { "nothing behind a colon".to_owned() } else { format!("`{key}`") };
        return Err(place.refuse(found, known.join(", "), format!("write layout=8x4x16:{near}=1")));
    };
    let refuse = || {
        place.refuse(format!("`{key}={value}`"), *takes, format!("write {}", takes.rsplit(' ').next().unwrap_or(takes)))
    };
    let whole = |most: u32| value.parse::<u32>().ok().filter(|size| (1..=most).contains(size)).ok_or_else(refuse);
    match key {
        "cp" => rest.cp = whole(1_000_000)?,
        "ep" => rest.ep = whole(1_000_000)?,
        "micro_batch" => rest.micro_batch = Some(whole(1_000_000)?),
        "interleave" => rest.interleave = Some(whole(1000)?),
        "zero" => rest.zero = Some(value.parse().ok().filter(|stage: &u8| *stage <= 3).ok_or_else(refuse)?),
        _ => {
            let policy = RECOMPUTE.iter().find(|(word, _)| *word == value).map(|(_, policy)| *policy);
            rest.recompute = Some(policy.ok_or_else(refuse)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use miette::Diagnostic;

    fn axes(specs: &[&str]) -> Result<Axes, DocumentError> {
        Axes::read(&specs.iter().map(|&spec| spec.to_owned()).collect::<Vec<_>>())
    }

    fn told(specs: &[&str]) -> String {
        match axes(specs) {
            Ok(axes) => format!("{axes:?}"),
            Err(error) => format!("{error}\nhelp: {}", error.help().expect("a mend")),
        }
    }

    #[test]
    fn counts_are_listed_doubled_added_and_multiplied() {
        let counts = |text: &str| axes(&[&format!("count={text}")]).expect("right").counts.expect("given").0;
        assert_eq!(counts("64,128..1024"), [64, 128, 256, 512, 1024]);
        assert_eq!(counts("64..256+64,128"), [64, 128, 192, 256]);
        assert_eq!(counts("8..1000*5"), [8, 40, 200, 1000]);
        assert_eq!(counts("100..300"), [100, 200]);
    }

    #[test]
    fn a_key_given_twice_adds_up() {
        let axes = axes(&["count=8", "chip=h100", "count=16", "accelerator=a100"]).expect("right");
        assert_eq!(axes.counts.expect("given").0, [8, 16]);
        assert_eq!(axes.chips.expect("given").0, ["h100", "a100"]);
    }

    #[test]
    fn a_file_says_the_same_and_flags_go_over_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sweep.toml");
        let text = "schema = \"greenwich.sweep/1\"\nchip = [\"h100\", \"a100-*\"]\ncount = [64, \"128..512\"]\nlayout = \"8x2x4\"\n";
        std::fs::write(&file, text).expect("written");
        let file = file.to_str().expect("UTF-8");
        let of_file = axes(&[file, "count=8"]).expect("right");
        assert_eq!(of_file.chips.expect("given").0, ["h100", "a100-*"]);
        assert_eq!(of_file.counts.expect("given").0, [8]);
        let fixed = LayoutChoice { sizes: Some([8, 2, 4]), rest: OPEN };
        assert_eq!(of_file.layouts.expect("given").0, [fixed]);
    }

    #[test]
    fn the_parts_of_a_layout_multiply() {
        let axes = axes(&["layout=8x2x4:ep=2:zero=1/3:recompute=none/full,all:micro_batch=2"]).expect("right");
        let found = axes.layouts.expect("given").0;
        let parts = |choice: &LayoutChoice| {
            let LayoutSpec { ep, zero, recompute, micro_batch, .. } = choice.rest;
            (choice.sizes, ep, zero, recompute.map(crate::job_file::recompute_word), micro_batch)
        };
        let sizes = Some([8, 2, 4]);
        assert_eq!(
            found.iter().map(parts).collect::<Vec<_>>(),
            [
                (sizes, 2, Some(1), Some("none"), None),
                (sizes, 2, Some(1), Some("full"), None),
                (sizes, 2, Some(3), Some("none"), None),
                (sizes, 2, Some(3), Some("full"), None),
                (None, 1, None, None, Some(2)),
            ]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_nearest() {
        assert_snapshot!(told(&["chips=h100"]), @"
        command line: `chips`: unknown key, allowed are chip, count, precision, layout, region, cloud, zone, datacenter
        help: did you mean `chip`?
        ");
        assert_snapshot!(told(&["q=red"]), @"
        command line: `q`: unknown key, allowed are chip, count, precision, layout, region, cloud, zone, datacenter
        help: docs/reference/sweep-files.md tells the keys
        ");
        assert_snapshot!(told(&["precision=bf61"]), @"
        command line: `precision`: found `bf61`, allowed is bf16, fp16, tf32, fp32, fp8, fp4
        help: write precision=bf16
        ");
        assert_snapshot!(told(&["count=512..8"]), @"
        command line: `count`: found `512..8`, allowed is whole numbers from 1 to 10 million: 64, 128..1024, 64..512+64 or 8..5000*5
        help: write count=64,128..1024; a range doubles from its beginning up to its end
        ");
        assert_snapshot!(told(&["layout=8x4"]), @"
        command line: `layout`: found `8x4`, allowed is tensor x pipeline x data parallel, or all
        help: write layout=8x4x16 or layout=all
        ");
        assert_snapshot!(told(&["layout=8x4x16:zer=1"]), @"
        command line: `layout`: found `zer`, allowed is cp, ep, zero, recompute, micro_batch, interleave
        help: write layout=8x4x16:zero=1
        ");
        assert_snapshot!(told(&["layout=8x4x16:zero=4"]), @"
        command line: `layout`: found `zero=4`, allowed is a ZeRO stage from 0 to 3, zero=1/3
        help: write zero=1/3
        ");
        assert_snapshot!(told(&["layout=8x4x16:ep=3"]), @"
        command line: `layout`: found `8x4x16:ep=3`, allowed is expert parallel sizes that divide the 16 of data parallel
        help: write ep=1, or another data parallel size
        ");
        assert_snapshot!(told(&["count="]), @"
        command line: `count`: found nothing, allowed is at least one value
        help: write count = [64, \"128..1024\"]
        ");
        assert_snapshot!(told(&["count=1..10000000+1"]), @"
        command line: `count`: found more than 10000 values, allowed is at most 10000
        help: take larger steps: 8..8192 doubles
        ");
    }
}
