//! Reading a Hugging Face `config.json`: one question, many spellings, the library's default where a key is left out.
//!
//! In: the text of the file. Out: whole numbers and flags by name, or an error that says which spellings would have
//! done. What the fields mean is left to `architecture`.

use crate::error::EstimateError;
use serde_json::{Map, Value};

/// No hyper-parameter of a real model is above this; it keeps a product of four inside 128 bits.
const LARGEST: u64 = 1 << 30;

/// What the library takes where a config leaves a key out: a type a line, made by `scripts/dev/count_models.py`.
const DEFAULTS: &str = include_str!("architecture/defaults.tsv");

/// The fields of one config.
#[derive(Debug)]
pub struct Config {
    model_type: String,
    fields: Map<String, Value>,
    defaults: Map<String, Value>,
    /// Whether it is the diffusers library's, which has a class in place of a type.
    class: bool,
    /// A config inside another leaves out whatever is the library's default, sizes too.
    inner: bool,
}

impl Config {
    /// Reads the text. A nested `text_config` is taken for the model and the parts around it are left out, but where
    /// the outer type is itself among those known.
    ///
    /// # Errors
    /// [`EstimateError::ConfigNotJson`] and [`EstimateError::NoModelType`].
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, EstimateError> {
        let not_json = |cause: String| EstimateError::ConfigNotJson { cause };
        let value: Value = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
        let Value::Object(mut fields) = value else { return Err(not_json("found another kind of value".to_owned())) };
        let outer = fields.get("model_type").and_then(Value::as_str).map(str::to_owned);
        let whole = outer.as_deref().is_some_and(|outer| known.contains(&outer));
        let mut inner = false;
        if !whole && let Some(Value::Object(mut nested)) = fields.remove("text_config") {
            // The head's tie is written outside, where both halves can see it.
            if let Some(tie) = fields.remove("tie_word_embeddings") {
                nested.entry("tie_word_embeddings").or_insert(tie);
            }
            (fields, inner) = (nested, true);
        }
        let own = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
        let class = own("model_type").is_none() && outer.is_none();
        let model_type = own("model_type").or(outer).or_else(|| own("_class_name"));
        let Some(model_type) = model_type else { return Err(EstimateError::NoModelType { known: known.join(", ") }) };
        Ok(Self { defaults: defaults(&model_type), model_type, fields, class, inner })
    }
    /// The kind of model.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }
    /// Whether it names a class of the diffusers library and no type.
    pub fn is_class(&self) -> bool {
        self.class
    }
    /// Whether this is a part of a larger config, the rest of which is left out.
    pub fn is_inner(&self) -> bool {
        self.inner
    }
    /// A config nested in this one, read as one of `model_type`; left out, it is the library's default.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but a table.
    pub fn part(&self, name: &'static str, model_type: &str) -> Result<Self, EstimateError> {
        let fields = match self.value(&[name]) {
            None => Map::new(),
            Some((_, Value::Object(fields))) => fields.clone(),
            Some((name, value)) => return Err(self.bad(name, value, "a table")),
        };
        Ok(Self {
            model_type: model_type.to_owned(),
            fields,
            defaults: defaults(model_type),
            class: false,
            inner: true,
        })
    }
    /// A size, which a config says itself; the first spelling names it in errors.
    ///
    /// # Errors
    /// [`EstimateError::MissingField`], and [`EstimateError::BadField`] for anything but a whole
    /// number above 0.
    pub fn need(&self, spellings: &[&'static str]) -> Result<u128, EstimateError> {
        self.said(spellings)?.ok_or_else(|| self.missing(spellings))
    }
    /// What the config says itself, or leaves to the library where it is a part of another.
    ///
    /// # Errors
    /// As [`Config::maybe`].
    pub fn said(&self, spellings: &[&'static str]) -> Result<Option<u128>, EstimateError> {
        let given = spellings.iter().any(|name| self.fields.contains_key(*name));
        if given || self.inner { self.maybe(spellings) } else { Ok(None) }
    }
    /// A number that the library has a default for, or must be there.
    ///
    /// # Errors
    /// As [`Config::need`].
    pub fn known(&self, spellings: &[&'static str]) -> Result<u128, EstimateError> {
        self.maybe(spellings)?.ok_or_else(|| self.missing(spellings))
    }
    /// A field that may be left out or null.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but a whole number above 0.
    pub fn maybe(&self, spellings: &[&'static str]) -> Result<Option<u128>, EstimateError> {
        match self.value(spellings) {
            None => Ok(None),
            Some((name, value)) => match whole(value) {
                Some(number) if (1..=LARGEST).contains(&number) => Ok(Some(number.into())),
                _ => Err(self.bad(name, value, "a whole number from 1 to 1073741824")),
            },
        }
    }
    /// A number of things that there may be none of: left out, null and below 0 are 0.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but a whole number.
    pub fn some(&self, spellings: &[&'static str]) -> Result<u128, EstimateError> {
        match self.value(spellings) {
            None => Ok(0),
            Some((_, value)) if value.as_i64().is_some_and(i64::is_negative) => Ok(0),
            Some((name, value)) => match whole(value) {
                Some(number) if number <= LARGEST => Ok(number.into()),
                _ => Err(self.bad(name, value, "a whole number up to 1073741824")),
            },
        }
    }
    /// A number that need not be whole.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but a number from 0 to 2^30.
    pub fn ratio(&self, spellings: &[&'static str]) -> Result<Option<f64>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        let number = value.as_f64().filter(|number| (0.0..=LARGEST as f64).contains(number));
        number.map(Some).ok_or_else(|| self.bad(name, value, "a number from 0 to 1073741824"))
    }
    /// A yes or no: the config's, else the library's default for this type, else no.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything else.
    pub fn flag(&self, spellings: &[&'static str]) -> Result<bool, EstimateError> {
        Ok(self.maybe_flag(spellings)?.unwrap_or(false))
    }
    /// A yes or no, where the config or the library says one.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything else.
    pub fn maybe_flag(&self, spellings: &[&'static str]) -> Result<Option<bool>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.bad(name, value, "`true` or `false`"))
    }
    /// The whole numbers of a list, where the field is there.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] where an entry is not a whole number up to 2^30.
    pub fn list(&self, spellings: &[&'static str]) -> Result<Option<Vec<u64>>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        let small = |entry: &Value| entry.as_u64().filter(|number| *number <= LARGEST);
        let entries: Option<Vec<u64>> = value.as_array().and_then(|list| list.iter().map(small).collect());
        entries.map(Some).ok_or_else(|| self.bad(name, value, "a list of whole numbers"))
    }
    /// The words of a list, where the field is there; a text with `|` between words is one too.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] where an entry is no text.
    pub fn words(&self, spellings: &[&'static str]) -> Result<Option<Vec<&str>>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        let entries = match value {
            Value::String(text) => Some(text.split('|').map(str::trim).collect()),
            Value::Array(list) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        entries.map(Some).ok_or_else(|| self.bad(name, value, "a list of words"))
    }
    /// A word, where the field is there.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but text.
    pub fn text(&self, spellings: &[&'static str]) -> Result<Option<&str>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.bad(name, value, "text"))
    }
    /// A field as it stands, for what has a form of its own.
    pub fn raw(&self, name: &'static str) -> Option<&Value> {
        Some(self.value(&[name])?.1)
    }
    /// How many entries a table has, where the field is one.
    pub fn entries(&self, name: &'static str) -> Option<u64> {
        Some(self.value(&[name])?.1.as_object()?.len() as u64)
    }
    /// An error about a field that is there.
    pub fn bad(&self, field: &str, found: &impl ToString, allowed: &'static str) -> EstimateError {
        EstimateError::BadField {
            model_type: self.model_type.clone(),
            field: field.to_owned(),
            found: found.to_string(),
            allowed,
        }
    }
    fn missing(&self, spellings: &[&'static str]) -> EstimateError {
        EstimateError::MissingField {
            model_type: self.model_type.clone(),
            field: spellings[0],
            spellings: spellings.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        }
    }
    /// What the config says under any spelling, else what the library takes. A null that is given stays one.
    fn value(&self, spellings: &[&'static str]) -> Option<(&'static str, &Value)> {
        let given = || spellings.iter().filter_map(|name| Some((*name, self.fields.get(*name)?)));
        if let Some(found) = given().find(|(_, value)| !value.is_null()) {
            return Some(found);
        }
        let taken = |name: &&'static str| Some((*name, self.defaults.get(*name)?));
        if given().next().is_some() { None } else { spellings.iter().find_map(taken) }
    }
}

/// A whole number; `4.0` is one too, as some files write it.
fn whole(value: &Value) -> Option<u64> {
    let written =
        |number: f64| (number.fract() == 0.0 && (0.0..=LARGEST as f64).contains(&number)).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(written))
}

/// The library's defaults of a type; none for one that it does not know.
fn defaults(model_type: &str) -> Map<String, Value> {
    let line = DEFAULTS.lines().find_map(|line| line.split_once('\t').filter(|(name, _)| *name == model_type));
    line.map_or_else(Map::new, |(_, fields)| serde_json::from_str(fields).expect("every line is read by a test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_defaults_is_a_table() {
        let mut types: Vec<&str> = DEFAULTS.lines().skip(2).filter_map(|line| Some(line.split_once('\t')?.0)).collect();
        assert!(types.len() > 90 && types.iter().all(|name| !defaults(name).is_empty() || *name == "siglip"));
        types.dedup();
        assert!(types.is_sorted());
    }

    #[test]
    fn what_is_given_stands_above_what_is_taken() {
        let config = |text: &str| Config::parse(text, &["qwen3"]).expect("a config");
        let left_out = config(r#"{"model_type": "qwen3"}"#);
        assert_eq!(left_out.maybe(&["head_dim"]), Ok(Some(128)));
        assert_eq!(config(r#"{"model_type": "qwen3", "head_dim": null}"#).maybe(&["head_dim"]), Ok(None));
        assert_eq!(config(r#"{"model_type": "qwen3", "head_dim": 64.0}"#).maybe(&["head_dim"]), Ok(Some(64)));
        assert!(left_out.need(&["hidden_size"]).is_err());
        assert_eq!(left_out.flag(&["tie_word_embeddings"]), Ok(false));
    }
}
