//! A TOML or JSON document as a tree that knows its lines.
//!
//! In: text and the file's name. Out: a [`Table`] to take keys from, one typed method a kind. What is
//! left over is an unknown key. Every refusal names file, line, key, what was found, what is allowed
//! and the mend.

mod place;
mod points;

pub use place::Place;
pub use points::Pair;

use greenwich_facts::nearest;
use jiff::Timestamp;
use miette::Diagnostic;
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// What messages call the file of a key that was given by flag.
pub(crate) const COMMAND_LINE: &str = "command line";

/// What is wrong with a file that a user wrote.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum DocumentError {
    /// It cannot be opened.
    #[error("cannot read `{file}`: {reason}")]
    #[diagnostic(code(greenwich::file::read), help("{mend}"))]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// A flag that cannot be meant.
    #[error("{COMMAND_LINE}: `{flag}`: {reason}")]
    #[diagnostic(code(greenwich::file::value), help("{mend}"))]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What was found.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// It is not text.
    #[error("`{file}` is not UTF-8: byte {at} is 0x{byte:02x}")]
    #[diagnostic(
        code(greenwich::file::utf8),
        help("save it as UTF-8 text, for example with `iconv -f latin1 -t utf-8`")
    )]
    NotUtf8 {
        /// The file.
        file: String,
        /// Offset of the first bad byte.
        at: usize,
        /// That byte.
        byte: u8,
    },
    /// It is not TOML or JSON.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::file::syntax), help("see docs/reference/job-file.md for a file that works"))]
    Syntax {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// A key's value cannot be meant.
    #[error("{place}: found {found}, allowed is {allowed}")]
    #[diagnostic(code(greenwich::file::value), help("{mend}"))]
    Value {
        /// Where.
        place: Place,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
        /// What to write.
        mend: String,
    },
    /// A key that does not exist.
    #[error("{place}: unknown key, allowed are {}", allowed.join(", "))]
    #[diagnostic(code(greenwich::file::key), help("{mend}"))]
    UnknownKey {
        /// Where.
        place: Place,
        /// The keys that exist there.
        allowed: Vec<String>,
        /// What was probably meant.
        mend: String,
    },
    /// A key that is needed.
    #[error("{place}: missing")]
    #[diagnostic(code(greenwich::file::missing), help("{mend}"))]
    Missing {
        /// Where it should stand.
        place: Place,
        /// What to write.
        mend: String,
    },
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Number(f64, String),
    Flag(bool),
    Instant(String),
    List(Vec<(Option<usize>, Node)>),
    Table(Vec<Entry>),
    Nothing,
}

/// A key of a table with its value.
#[derive(Debug, Clone)]
struct Entry {
    key: String,
    /// Line in the file, counted from 1; JSON has none.
    line: Option<usize>,
    node: Node,
    /// Whether it came from the command line rather than from the file.
    flag: bool,
}

impl Node {
    fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text \"{text}\""),
            Self::Number(_, written) => format!("the number {written}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Instant(text) => format!("the date-time {text}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Nothing => "null".to_owned(),
        }
    }
}

/// A table of a document, from which keys are taken one by one.
#[derive(Debug, Clone)]
pub struct Table {
    file: Rc<str>,
    path: String,
    line: Option<usize>,
    entries: Vec<Entry>,
    asked: Rc<RefCell<Vec<String>>>,
}

/// Reads a document: JSON where the name ends in `.json`, else TOML.
///
/// # Errors
/// [`DocumentError::NotUtf8`] and [`DocumentError::Syntax`].
pub fn read(file: &str, bytes: &[u8]) -> Result<Table, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::NotUtf8 {
        file: file.to_owned(),
        at: error.valid_up_to(),
        byte: bytes[error.valid_up_to()],
    })?;
    let is_json =
        std::path::Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let node = if is_json { json(file, text)? } else { toml_node(file, text)? };
    match node {
        Node::Table(entries) => {
            Ok(Table { file: file.into(), path: String::new(), line: None, entries, asked: Rc::default() })
        }
        other => Err(DocumentError::Syntax {
            file: file.to_owned(),
            line: 1,
            problem: format!("found {}, a job file is a table of keys", other.describe()),
        }),
    }
}

fn toml_node(file: &str, text: &str) -> Result<Node, DocumentError> {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| DocumentError::Syntax {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| line_of(span.start)),
        problem: error.message().trim().replace('\n', " "),
    })?;
    Ok(from_toml_table(table.get_ref(), &line_of))
}

fn from_toml_table(table: &DeTable<'_>, line_of: &impl Fn(usize) -> usize) -> Node {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let line = line_of(key.span().start);
            Entry {
                key: key.get_ref().to_string(),
                line: Some(line),
                node: from_toml(value.get_ref(), line_of),
                flag: false,
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    Node::Table(entries)
}

fn from_toml(value: &DeValue<'_>, line_of: &impl Fn(usize) -> usize) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(integer) => {
            let written = integer.as_str().to_owned();
            let amount = i128::from_str_radix(&written, integer.radix()).map_or(f64::NAN, |amount| amount as f64);
            Node::Number(amount, written)
        }
        DeValue::Float(float) => Node::Number(float.as_str().parse().unwrap_or(f64::NAN), float.as_str().to_owned()),
        DeValue::Boolean(flag) => Node::Flag(*flag),
        DeValue::Datetime(instant) => Node::Instant(instant.to_string()),
        DeValue::Array(items) => Node::List(
            items.iter().map(|item| (Some(line_of(item.span().start)), from_toml(item.get_ref(), line_of))).collect(),
        ),
        DeValue::Table(table) => from_toml_table(table, line_of),
    }
}

fn json(file: &str, text: &str) -> Result<Node, DocumentError> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| DocumentError::Syntax {
        file: file.to_owned(),
        line: error.line(),
        problem: error.to_string(),
    })?;
    Ok(from_json(value))
}

fn from_json(value: serde_json::Value) -> Node {
    use serde_json::Value;
    match value {
        Value::Null => Node::Nothing,
        Value::Bool(flag) => Node::Flag(flag),
        Value::Number(number) => Node::Number(number.as_f64().unwrap_or(f64::NAN), number.to_string()),
        Value::String(text) => Node::Text(text),
        Value::Array(items) => Node::List(items.into_iter().map(|item| (None, from_json(item))).collect()),
        Value::Object(entries) => {
            let entry = |(key, value)| Entry { key, line: None, node: from_json(value), flag: false };
            Node::Table(entries.into_iter().map(entry).collect())
        }
    }
}

impl Table {
    /// A document without a file: every key will come from the command line.
    pub fn empty() -> Self {
        Self { file: COMMAND_LINE.into(), path: String::new(), line: None, entries: Vec::new(), asked: Rc::default() }
    }

    /// Sets a dotted key to what the command line says, over what the file says. The text is read as a
    /// number or as `true`/`false` where it is one, else as text; commas part a list.
    pub fn set(&mut self, dotted: &str, text: &str) {
        set(&mut self.entries, dotted, text);
    }

    /// Takes a dotted key away, as if it had never been written.
    pub fn unset(&mut self, dotted: &str) {
        let (key, rest) = dotted.split_once('.').map_or((dotted, None), |(key, rest)| (key, Some(rest)));
        match rest {
            None => self.entries.retain(|entry| entry.key != key),
            Some(rest) => {
                for entry in self.entries.iter_mut().filter(|entry| entry.key == key) {
                    if let Node::Table(inner) = &mut entry.node {
                        inner.retain(|entry| entry.key != rest);
                    }
                }
            }
        }
    }

    /// The place of a key in this table, whether or not it is there.
    pub fn place(&self, key: &str) -> Place {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let own = self.entries.iter().find(|entry| entry.key == key);
        let file = if own.is_some_and(|entry| entry.flag) { COMMAND_LINE.to_owned() } else { self.file.to_string() };
        Place { file, line: own.map_or(self.line, |entry| entry.line), key: path }
    }

    /// A refusal that the key is needed, or that one beside it is probably a slip of the pen for it.
    pub fn missing(&self, key: &str, mend: impl Into<String>) -> DocumentError {
        let slip = self.unknown_keys().find(|unknown| !nearest(unknown, [key]).is_empty());
        match slip {
            Some(slip) => self.unknown(slip),
            None => DocumentError::Missing { place: self.place(key), mend: mend.into() },
        }
    }

    /// Holds the document to the schema that the reader knows.
    ///
    /// # Errors
    /// [`DocumentError::Missing`] without the key, [`DocumentError::Value`] for another schema.
    pub fn hold_to_schema(&self, schema: &str) -> Result<(), DocumentError> {
        match self.text("schema", schema)? {
            None if self.entries.iter().any(|entry| entry.key == "model_type" || entry.key == "architectures") => {
                let mend = "this is a model's own config: give it by --config FILE, or in a job file as model.config";
                Err(DocumentError::Missing { place: self.place("schema"), mend: mend.to_owned() })
            }
            None => Err(self.missing("schema", format!("begin the file with schema = \"{schema}\""))),
            Some(found) if found != schema => Err(self.place("schema").refuse(
                format!("\"{found}\""),
                format!("\"{schema}\""),
                "write the schema that this version reads",
            )),
            Some(_) => Ok(()),
        }
    }

    /// Whether every key comes from the command line.
    pub fn is_flags(&self) -> bool {
        &*self.file == COMMAND_LINE
    }

    /// Keys that nobody has asked for so far.
    fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        let asked = self.asked.borrow().clone();
        self.entries.iter().map(|entry| entry.key.as_str()).filter(move |key| !asked.iter().any(|known| known == key))
    }

    fn unknown(&self, key: &str) -> DocumentError {
        let asked = self.asked.borrow();
        let mend = match nearest(key, asked.iter().map(String::as_str)).first() {
            Some(near) => format!("did you mean `{near}`?"),
            None => "delete the line, or see docs/reference/job-file.md".to_owned(),
        };
        DocumentError::UnknownKey { place: self.place(key), allowed: asked.clone(), mend }
    }

    fn take(&self, key: &str) -> Option<&Node> {
        if !self.asked.borrow().iter().any(|asked| asked == key) {
            self.asked.borrow_mut().push(key.to_owned());
        }
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Text at a key.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is not text.
    pub fn text(&self, key: &str, example: &str) -> Result<Option<String>, DocumentError> {
        match self.take(key) {
            None => Ok(None),
            Some(Node::Text(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(Node::Text(_)) => {
                Err(self.place(key).refuse("nothing", "text", format!("write {key} = \"{example}\", or leave it out")))
            }
            Some(other) => {
                Err(self.place(key).refuse(other.describe(), "text", format!("write {key} = \"{example}\"")))
            }
        }
    }

    /// A number at a key, inside a range that can be meant.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is not a number, or outside the range.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>, unit: &str) -> Result<Option<f64>, DocumentError> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let allowed = format!("{} to {} {unit}", plain(*range.start()), plain(*range.end()));
        match node {
            Node::Number(amount, _) if range.contains(amount) => Ok(Some(*amount)),
            Node::Number(amount, written) => {
                let mend = if *amount < 0.0 {
                    "drop the minus sign".to_owned()
                } else if let Some(meaning) = unit.strip_prefix('(') {
                    format!("check the value: `{key}` is {}", meaning.trim_end_matches(')'))
                } else {
                    format!("check the unit: `{key}` is in {unit}")
                };
                Err(self.place(key).refuse(written.clone(), allowed, mend))
            }
            Node::Text(text) => Err(self.place(key).refuse(
                format!("the text \"{text}\""),
                format!("a bare number, {allowed}"),
                match unit.strip_prefix('(') {
                    Some(meaning) => format!("write the number alone: `{key}` is {}", meaning.trim_end_matches(')')),
                    None => format!("write the number alone, in {unit}: the unit is in the key's name"),
                },
            )),
            other => Err(self.place(key).refuse(other.describe(), allowed, format!("write a number in {unit}"))),
        }
    }

    /// A whole number at a key.
    ///
    /// # Errors
    /// As [`Table::number`], and when it has a fraction.
    pub fn whole(&self, key: &str, range: RangeInclusive<f64>, unit: &str) -> Result<Option<f64>, DocumentError> {
        if let Some(Node::Number(amount, written)) = self.take(key)
            && amount.is_finite()
            && amount.fract() != 0.0
        {
            let allowed = format!("a whole number, {} to {} {unit}", plain(*range.start()), plain(*range.end()));
            let nearest = amount.round().clamp(*range.start(), *range.end());
            return Err(self.place(key).refuse(written.clone(), allowed, format!("write {key} = {}", plain(nearest))));
        }
        self.number(key, range, unit)
    }

    /// `true` or `false` at a key.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is neither.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, DocumentError> {
        match self.take(key) {
            None => Ok(None),
            Some(Node::Flag(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(self.place(key).refuse(other.describe(), "true or false", format!("write {key} = true, unquoted")))
            }
        }
    }

    /// An instant with its offset at a key.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is no instant or has no offset.
    pub fn instant(&self, key: &str) -> Result<Option<Timestamp>, DocumentError> {
        let text = match self.take(key) {
            None => return Ok(None),
            Some(Node::Instant(text) | Node::Text(text)) => text,
            Some(other) => {
                let mend = format!("write {key} = 2026-01-05T00:00:00Z");
                return Err(self.place(key).refuse(other.describe(), "a date and time in UTC", mend));
            }
        };
        text.parse().map(Some).map_err(|_| {
            let mend = if text.len() == 10 {
                format!("write {key} = {text}T00:00:00Z")
            } else if text.len() >= 16 && text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with('Z') {
                format!("add the offset: {key} = {text}Z")
            } else {
                format!("write {key} = 2026-01-05T00:00:00Z")
            };
            self.place(key).refuse(format!("`{text}`"), "a date and time with its offset", mend)
        })
    }

    /// What is listed at a key, each as it is written: texts or numbers, one or many, commas parting them too.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is neither, or empty.
    pub fn listed(&self, key: &str, example: &str) -> Result<Option<Vec<String>>, DocumentError> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let mend = || format!("write {key} = [{example}]");
        let one = |node: &Node| match node {
            Node::Text(text) => Ok(text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>()),
            Node::Number(_, written) => Ok(vec![written.clone()]),
            other => Err(self.place(key).refuse(other.describe(), "texts or numbers", mend())),
        };
        let parts = match node {
            Node::List(items) => items.iter().map(|(_, item)| one(item)).collect::<Result<Vec<_>, _>>()?.concat(),
            other => one(other)?,
        };
        if parts.is_empty() || parts.iter().any(String::is_empty) {
            return Err(self.place(key).refuse("nothing", "at least one value", mend()));
        }
        Ok(Some(parts))
    }

    /// A list of texts at a key; a single text stands for a list of one.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is neither, or empty.
    pub fn texts(&self, key: &str, example: &str) -> Result<Option<Vec<String>>, DocumentError> {
        let mend = || format!("write {key} = [\"{example}\"]");
        match self.take(key) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(vec![text.clone()])),
            Some(Node::List(items)) if items.is_empty() => Err(self.place(key).refuse(
                "an empty list",
                "at least one name",
                format!("{}, or leave the key out", mend()),
            )),
            Some(Node::List(items)) => items
                .iter()
                .map(|(line, item)| match item {
                    Node::Text(text) => Ok(text.clone()),
                    other => {
                        let mut place = self.place(key);
                        place.line = line.or(place.line);
                        Err(place.refuse(other.describe(), "texts", mend()))
                    }
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(self.place(key).refuse(other.describe(), "a list of texts", mend())),
        }
    }

    fn sub(&self, path: String, line: Option<usize>, entries: Vec<Entry>) -> Self {
        Self { file: self.file.clone(), path, line, entries, asked: Rc::default() }
    }

    /// A table at a key.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is none.
    pub fn table(&self, key: &str) -> Result<Option<Self>, DocumentError> {
        match self.take(key) {
            None => Ok(None),
            Some(Node::Table(entries)) => {
                let place = self.place(key);
                Ok(Some(self.sub(place.key, place.line, entries.clone())))
            }
            Some(other) => {
                Err(self.place(key).refuse(other.describe(), "a table", format!("write [{key}] and its keys below")))
            }
        }
    }

    /// A list of tables at a key (`[[phase]]`).
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is none.
    pub fn tables(&self, key: &str) -> Result<Vec<Self>, DocumentError> {
        let mend = format!("write [[{key}]] and its keys below");
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Node::List(items)) => items
                .iter()
                .enumerate()
                .map(|(at, (line, item))| match item {
                    Node::Table(entries) => {
                        let Place { line: above, key: path, .. } = self.place(key);
                        let line = line.or(above);
                        // What has no line says which of the list it is.
                        let path = if line.is_some() { path } else { format!("{path}[{}]", at + 1) };
                        Ok(self.sub(path, line, entries.clone()))
                    }
                    other => Err(self.place(key).refuse(other.describe(), "tables", mend.clone())),
                })
                .collect(),
            Some(other) => Err(self.place(key).refuse(other.describe(), "a list of tables", mend)),
        }
    }

    /// Refuses the first key that was never asked for.
    ///
    /// # Errors
    /// [`DocumentError::UnknownKey`] with the nearest known one.
    pub fn finish(&self) -> Result<(), DocumentError> {
        self.unknown_keys().next().map_or(Ok(()), |key| Err(self.unknown(key)))
    }
}

fn set(entries: &mut Vec<Entry>, dotted: &str, text: &str) {
    let (key, rest) = dotted.split_once('.').map_or((dotted, None), |(key, rest)| (key, Some(rest)));
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.to_owned(), line: None, node: Node::Nothing, flag: true });
        entries.len() - 1
    });
    let entry = &mut entries[index];
    match rest {
        None => (entry.node, entry.line, entry.flag) = (from_flag(text), None, true),
        Some(rest) => {
            if !matches!(entry.node, Node::Table(_)) {
                (entry.node, entry.line, entry.flag) = (Node::Table(Vec::new()), None, true);
            }
            if let Node::Table(inner) = &mut entry.node {
                set(inner, rest, text);
            }
        }
    }
}

fn from_flag(text: &str) -> Node {
    if text.contains(',') {
        return Node::List(text.split(',').map(|item| (None, Node::Text(item.trim().to_owned()))).collect());
    }
    match text {
        "true" => Node::Flag(true),
        "false" => Node::Flag(false),
        _ => match text.replace('_', "").parse::<f64>() {
            Ok(amount) => Node::Number(amount, text.to_owned()),
            Err(_) => Node::Text(text.to_owned()),
        },
    }
}

fn plain(amount: f64) -> String {
    if amount != 0.0 && (amount.abs() >= 1e6 || amount.abs() < 1e-3) {
        format!("{amount:e}")
    } else {
        amount.to_string()
    }
}
