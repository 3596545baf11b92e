//! Reading a Hugging Face `config.json`: one question, many spellings.
//!
//! In: the text of the file. Out: whole numbers and flags by name, or an error that says which
//! spellings would have done. What the fields mean is left to `architecture`.

use crate::error::EstimateError;
use serde_json::{Map, Value};

/// No hyper-parameter of a real model is above this; it keeps every product inside 128 bits.
const LARGEST: u64 = 1 << 30;

/// The fields of one config.
#[derive(Debug)]
pub struct Config {
    model_type: String,
    fields: Map<String, Value>,
}

impl Config {
    /// Reads the text; a nested `text_config` is taken for the model, the parts around it are left out.
    ///
    /// # Errors
    /// [`EstimateError::ConfigNotJson`] and [`EstimateError::NoModelType`].
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, EstimateError> {
        let not_json = |cause: String| EstimateError::ConfigNotJson { cause };
        let value: Value = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
        let Value::Object(mut fields) = value else { return Err(not_json("found another kind of value".to_owned())) };
        let outer = fields.get("model_type").and_then(Value::as_str).map(str::to_owned);
        if let Some(Value::Object(mut inner)) = fields.remove("text_config") {
            // The head's tie is written outside, where both halves can see it.
            if let Some(tie) = fields.remove("tie_word_embeddings") {
                inner.entry("tie_word_embeddings").or_insert(tie);
            }
            fields = inner;
        }
        let model_type = fields.get("model_type").and_then(Value::as_str).map(str::to_owned).or(outer);
        let Some(model_type) = model_type else { return Err(EstimateError::NoModelType { known: known.join(", ") }) };
        Ok(Self { model_type, fields })
    }
    /// The kind of model.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }
    /// A field that must be there; the first spelling names it in errors.
    ///
    /// # Errors
    /// [`EstimateError::MissingField`], and [`EstimateError::BadField`] for anything but a whole
    /// number above 0.
    pub fn need(&self, spellings: &[&'static str]) -> Result<u64, EstimateError> {
        self.maybe(spellings)?.ok_or_else(|| EstimateError::MissingField {
            model_type: self.model_type.clone(),
            field: spellings[0],
            spellings: spellings.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        })
    }
    /// A field that may be left out or null.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but a whole number above 0.
    pub fn maybe(&self, spellings: &[&'static str]) -> Result<Option<u64>, EstimateError> {
        match self.value(spellings) {
            None => Ok(None),
            Some((name, value)) => match value.as_u64() {
                Some(number) if (1..=LARGEST).contains(&number) => Ok(Some(number)),
                _ => Err(self.bad(name, value, "a whole number from 1 to 1073741824")),
            },
        }
    }
    /// A yes or no, with the library's default for this type.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything else.
    pub fn flag(&self, spellings: &[&'static str], default: bool) -> Result<bool, EstimateError> {
        match self.value(spellings) {
            None => Ok(default),
            Some((name, value)) => value.as_bool().ok_or_else(|| self.bad(name, value, "`true` or `false`")),
        }
    }
    /// The whole numbers of a list; none where it is left out.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] where an entry is not a whole number.
    pub fn list(&self, spellings: &[&'static str]) -> Result<Vec<u64>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(Vec::new()) };
        let entries = value.as_array().and_then(|list| list.iter().map(Value::as_u64).collect());
        entries.ok_or_else(|| self.bad(name, value, "a list of whole numbers"))
    }
    /// A word, where the field is there.
    ///
    /// # Errors
    /// [`EstimateError::BadField`] for anything but text.
    pub fn text(&self, spellings: &[&'static str]) -> Result<Option<&str>, EstimateError> {
        let Some((name, value)) = self.value(spellings) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.bad(name, value, "text"))
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
    fn value(&self, spellings: &[&'static str]) -> Option<(&'static str, &Value)> {
        spellings.iter().find_map(|name| Some((*name, self.fields.get(*name).filter(|value| !value.is_null())?)))
    }
}
