//! What the user has set: the settings file, the environment, the ledger's folder.
//!
//! In: flags. Out: [`Settings`] and paths. `greenwich.toml` in the working directory goes over the user's own
//! `greenwich/greenwich.toml` in the configuration folder.

use crate::arguments::PlaceArguments;
use greenwich::Settings;
use std::path::{Path, PathBuf};

/// An environment variable, where it is set to text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The settings, with what is wrong with their file or the environment in words; what is broken counts as not set.
pub(crate) fn settings(place: &PlaceArguments) -> Result<(Settings, Option<String>), greenwich::Error> {
    settings_with(&place.run.overrides())
}

/// As [`settings`], from dotted keys with their values.
pub(crate) fn settings_with(flags: &[(String, String)]) -> Result<(Settings, Option<String>), greenwich::Error> {
    let file = [Some(PathBuf::from("greenwich.toml")), user_file()].into_iter().flatten().find(|path| path.is_file());
    let words = match file.map(|file| with_file(&file, flags)) {
        Some(Ok(settings)) => return Ok((settings, None)),
        Some(Err(words)) => Some(words),
        None => None,
    };
    match Settings::of(None, variable, flags) {
        Ok(settings) => Ok((settings, words)),
        // A slip in the environment must not stop a run either; one in a flag is refused here.
        Err(slip) => Ok((Settings::of(None, |_| None, flags)?, Some(slip.to_string()))),
    }
}

fn with_file(file: &Path, flags: &[(String, String)]) -> Result<Settings, String> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read `{name}`: {error}"))?;
    Settings::of(Some((&name, &bytes)), variable, flags).map_err(|error| error.to_string())
}

fn user_file() -> Option<PathBuf> {
    let config = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(Path::new(&variable("HOME")?).join(".config")))?;
    Some(config.join("greenwich/greenwich.toml"))
}

/// The ledger's folder: flag, `GREENWICH_HOME`, settings, the user's data folder, the working directory.
pub(crate) fn ledger(place: &PlaceArguments, settings: &Settings) -> PathBuf {
    ledger_at(place.ledger.as_deref(), settings)
}

/// As [`ledger`], from the flag.
pub(crate) fn ledger_at(flag: Option<&Path>, settings: &Settings) -> PathBuf {
    let data = || {
        let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        data.or_else(|| Some(Path::new(&variable("HOME")?).join(".local/share")))
            .map(|data| data.join("greenwich/ledger"))
    };
    flag.map(Path::to_owned)
        .or_else(|| variable("GREENWICH_HOME").filter(|home| !home.is_empty()).map(PathBuf::from))
        .or_else(|| settings.ledger.as_ref().map(PathBuf::from))
        .or_else(data)
        .unwrap_or_else(|| PathBuf::from("greenwich-ledger"))
}

/// This node's name.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { variable("HOSTNAME").unwrap_or_else(|| "localhost".to_owned()) } else { name.to_owned() }
}

/// The folder of signals, both of fetched histories and of the user's own traces: `signals` below `GREENWICH_HOME`,
/// else in the user's data folder.
pub(crate) fn signals_folder() -> PathBuf {
    let home = variable("GREENWICH_HOME").filter(|home| !home.is_empty());
    let own = home.map(|home| Path::new(&home).join("signals"));
    let data = || {
        let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let data = data.or_else(|| Some(Path::new(&variable("HOME")?).join(".local/share")))?;
        Some(data.join("greenwich/signals"))
    };
    own.or_else(data).unwrap_or_else(|| PathBuf::from("greenwich-signals"))
}

/// The same, where it is there.
pub(crate) fn kept_signals() -> Option<PathBuf> {
    Some(signals_folder()).filter(|folder| folder.is_dir())
}

/// The file of keys: below `GREENWICH_HOME` where it is there, else beside the user's own settings.
pub(crate) fn keys_file() -> Option<PathBuf> {
    let home = variable("GREENWICH_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.map(|home| home.join("keys.toml")).filter(|path| path.exists());
    home.or_else(|| user_file().map(|path| path.with_file_name("keys.toml")))
}
