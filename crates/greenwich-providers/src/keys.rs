//! Keys, from the environment or from a file that only its owner reads.
//!
//! In: environment variables by value, and the path of `keys.toml`, a flat table of the same names:
//!
//! ```toml
//! ELECTRICITY_MAPS_API_KEY = "…"
//! WATTTIME_USER = "…"
//! WATTTIME_PASSWORD = "…"
//! ```
//!
//! Out: secrets by name. A variable goes over the file. There is no flag: the command line is seen by every user
//! of the machine. A file that others may read is refused.

use crate::error::ProviderError;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};
use toml::de::DeTable;

/// Keys by the name of their variable.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    secrets: BTreeMap<String, Secret>,
}

impl Keys {
    /// Gathers the keys of `names` from a file, where it is there, and from the environment.
    ///
    /// # Errors
    /// [`ProviderError::KeysFile`] for a file that others may read, or that is no table of texts.
    pub fn gather(
        names: &[&str],
        variable: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, ProviderError> {
        let mut secrets = match file {
            Some(path) => read(path)?,
            None => BTreeMap::new(),
        };
        for name in names {
            if let Some(secret) = variable(name).as_deref().and_then(Secret::new) {
                secrets.insert((*name).to_owned(), secret);
            }
        }
        Ok(Self { secrets })
    }

    /// The first of the names that is set.
    pub fn find(&self, names: &[&str]) -> Option<&Secret> {
        names.iter().find_map(|name| self.secrets.get(*name))
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Secret>, ProviderError> {
    let refuse =
        |problem: String, mend: String| ProviderError::KeysFile { path: path.display().to_string(), problem, mend };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(refuse(error.kind().to_string(), "make it readable, or move it away".into())),
    };
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let problem = format!("its mode is {mode:03o}: others than its owner may read or write it");
            return Err(refuse(problem, format!("chmod 600 {}", path.display())));
        }
    }
    #[cfg(not(unix))]
    let _ = metadata;
    let text = fs::read_to_string(path)
        .map_err(|error| refuse(error.kind().to_string(), "make it readable, or move it away".into()))?;
    // The parser's own message would quote the line, and with it a key.
    let not_a_table = |_| refuse("it is no TOML".into(), "write one line a key: NAME = \"…\"".into());
    let table = DeTable::parse(&text).map_err(not_a_table)?;
    let mut secrets = BTreeMap::new();
    for (name, value) in table.into_inner() {
        let name = name.into_inner().into_owned();
        let Some(secret) = value.get_ref().as_str().and_then(Secret::new) else {
            return Err(refuse(format!("`{name}` is no text, or an empty one"), format!("write {name} = \"…\"")));
        };
        secrets.insert(name, secret);
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use miette::Diagnostic;

    fn keys_file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("keys.toml");
        fs::write(&path, text).expect("a file for the test");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("our own file");
        (folder, path)
    }

    #[test]
    fn a_variable_goes_over_the_file() {
        let (_folder, path) = keys_file("EIA_API_KEY = \"from file\"\nENTSOE_API_KEY = \"other\"\n", 0o600);
        let variable = |name: &str| (name == "EIA_API_KEY").then(|| "from environment".to_owned());
        let keys = Keys::gather(&["EIA_API_KEY"], variable, Some(&path)).expect("a sound file");
        assert_eq!(keys.find(&["EIA_KEY", "EIA_API_KEY"]).map(Secret::reveal), Some("from environment"));
        assert_eq!(keys.find(&["ENTSOE_API_KEY"]).map(Secret::reveal), Some("other"));
        assert!(!format!("{keys:?}").contains("from"), "{keys:?}");
    }

    #[test]
    fn no_file_and_no_variable_is_no_key_and_no_error() {
        let keys = Keys::gather(&["EIA_API_KEY"], |_| None, Some(Path::new("not-there/keys.toml"))).expect("no file");
        assert_eq!(keys.find(&["EIA_API_KEY"]), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_may_read_is_refused_with_the_command_that_mends_it() {
        let (folder, path) = keys_file("EIA_API_KEY = \"hunter2\"\n", 0o640);
        let error = Keys::gather(&[], |_| None, Some(&path)).expect_err("it is open");
        let shown = format!("{error}; {}", error.help().expect("a mend"));
        assert_snapshot!(
            shown.replace(&folder.path().display().to_string(), "HOME"),
            @"`HOME/keys.toml` is not used: its mode is 640: others than its owner may read or write it; chmod 600 HOME/keys.toml"
        );
    }

    #[test]
    fn a_broken_file_is_told_without_its_text() {
        for text in ["EIA_API_KEY = hunter2\n", "EIA_API_KEY = \"hunter2\"\nX = 5\n", "hunter2"] {
            let (_folder, path) = keys_file(text, 0o600);
            let error = Keys::gather(&[], |_| None, Some(&path)).expect_err("it is broken");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
