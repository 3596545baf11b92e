//! Where a key of a document stands.
//!
//! In: file, line and key. Out: the same in words, and a refusal at it.

use super::DocumentError;
use std::fmt;

/// File, line where known, and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line, counted from 1; JSON has none.
    pub line: Option<usize>,
    /// Dotted key.
    pub key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: `{}`", self.file, self.key),
            None => write!(f, "{}: `{}`", self.file, self.key),
        }
    }
}

impl Place {
    /// A refusal at this place.
    pub fn refuse(
        &self,
        found: impl Into<String>,
        allowed: impl Into<String>,
        mend: impl Into<String>,
    ) -> DocumentError {
        DocumentError::Value { place: self.clone(), found: found.into(), allowed: allowed.into(), mend: mend.into() }
    }
}
