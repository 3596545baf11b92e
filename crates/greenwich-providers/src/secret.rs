//! A key that cannot be shown.
//!
//! In: the key's text. Out: a [`Secret`] whose `Debug` and `Display` say only that there is one. It is read in one
//! place, where a request is made.

use std::fmt;

/// A key, token or password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "[secret]";

impl Secret {
    /// Takes a key; white space around it is not part of it. `None` where nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The key, to be put into a request and nowhere else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes the key out of a text that came from elsewhere.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let secret = Secret::new(" hunter2\n").expect("there is one");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[secret] [secret] Some([secret])");
        assert_eq!(secret.hide_in("token hunter2 is bad"), "token [secret] is bad");
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(Secret::new(" \n"), None);
    }
}
