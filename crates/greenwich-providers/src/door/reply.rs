//! A whole answer, and readings of it.
//!
//! In: a body and what it calls itself. Out: JSON or text, or an error that says what came instead.

use crate::error::ProviderError;
use crate::provider::About;
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who gave it.
    pub about: &'static About,
    /// The status.
    pub status: u16,
    /// What it calls itself.
    pub content_type: String,
    /// Its bytes, unpacked.
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer as JSON, whatever it calls itself.
    ///
    /// # Errors
    /// [`ProviderError::Shape`] that says what came instead, such as an HTML page by its title.
    pub fn json(&self) -> Result<Value, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let instead = self.instead();
            let place = format!("no JSON at line {}, column {}", error.line(), error.column());
            self.shape(if instead.is_empty() { place } else { instead })
        })
    }

    /// The answer as text.
    ///
    /// # Errors
    /// [`ProviderError::Shape`] where it is not UTF-8.
    pub fn text(&self) -> Result<&str, ProviderError> {
        std::str::from_utf8(&self.body).map_err(|_| self.shape("bytes that are not UTF-8".into()))
    }

    /// An error that says what was found in this answer.
    pub fn shape(&self, found: String) -> ProviderError {
        ProviderError::Shape { provider: self.about.id, found }
    }

    /// What came in the place of data, where that can be told at a glance.
    fn instead(&self) -> String {
        let body = self.body.trim_ascii();
        if body.is_empty() {
            return "an empty body".to_owned();
        }
        if body.starts_with(b"<") {
            return format!("{} in the place of JSON", page(&self.body));
        }
        String::new()
    }
}

/// A page of HTML or XML in a few words.
pub(super) fn page(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| text[at + 7..].split('<').next()).map(str::trim);
    match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("an HTML page titled `{}`", short(title)),
        None if lower.contains("<html") => "an HTML page".to_owned(),
        None => "a page that begins with `<`".to_owned(),
    }
}

/// Text in one line of at most 160 characters.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 160;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST).chain(['…']).collect() }
}
