//! What runs jobs here, for `doctor`: this machine, and Slurm where its tools are installed.
//!
//! In: the sites, the folders of PATH. Out: an [`EngineFound`] each. Nothing is started where `sinfo` is not on PATH;
//! where it is, tools that only tell are asked, each with few seconds to answer.

use crate::sites_file::{Backend, Sites};
use greenwich_engine::{Abilities, EngineError, Launcher, SiteSeen, Slurm, SlurmSite, own_group};
use greenwich_report::text::sheet::Sheet;
use miette::Diagnostic;
use serde_json::{Value, json};
use std::env::split_paths;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a tool may take: a controller that answers does so in a fraction of it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The tools that jobs are handed over, watched and ended with.
const TOOLS: [&str; 6] = ["sinfo", "sbatch", "squeue", "scontrol", "scancel", "sacct"];
/// The site that is looked at where no sites file names one.
const UNNAMED: &str = "its default partition";

/// How an engine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It takes jobs.
    Ready,
    /// It is here, and cannot be used.
    Closed,
    /// It is not here.
    Absent,
}

/// An engine that can, or could, run jobs.
#[derive(Debug)]
pub struct EngineFound {
    engine: &'static str,
    state: State,
    version: Option<String>,
    sites: Vec<SiteSeen>,
    says: Vec<String>,
    mends: Vec<String>,
}

/// Looks at the engines of the sites, and at Slurm where its tools are in the folders of `path`.
#[must_use]
pub fn engines(sites: Option<&Sites>, path: Option<&OsStr>) -> Vec<EngineFound> {
    vec![this_machine(sites), slurm(sites, path)]
}

fn this_machine(sites: Option<&Sites>) -> EngineFound {
    let local = sites.iter().flat_map(|sites| &sites.sites).filter(|site| site.backend == Backend::Local);
    let seen = local.map(|site| SiteSeen {
        name: site.name.clone(),
        accelerators: Some(site.accelerators),
        is_up: true,
        abilities: Abilities { pauses: true, requeues: true },
        exchange: None,
    });
    let (how, mends) = match own_group() {
        Ok(_) => ("frozen in a control group of their own".to_owned(), Vec::new()),
        Err(why) => (
            format!("stopped by signals, since {why}"),
            vec!["run `greenwich keep` as a unit with Delegate=yes, for its jobs to be frozen as a whole".to_owned()],
        ),
    };
    let says = format!("jobs are started at their time; for a pause they are {how}");
    EngineFound {
        engine: "this machine",
        state: State::Ready,
        version: None,
        sites: seen.collect(),
        says: vec![says],
        mends,
    }
}

fn slurm(sites: Option<&Sites>, path: Option<&OsStr>) -> EngineFound {
    let mut found = EngineFound {
        engine: "Slurm",
        state: State::Absent,
        version: None,
        sites: Vec::new(),
        says: Vec::new(),
        mends: Vec::new(),
    };
    let described: Vec<SlurmSite> = sites
        .iter()
        .flat_map(|sites| &sites.sites)
        .filter_map(|site| match &site.backend {
            Backend::Slurm(there) => Some(there.clone()),
            Backend::Local => None,
        })
        .collect();
    let missing: Vec<&str> = TOOLS.into_iter().filter(|tool| !is_on(path, tool)).collect();
    if !missing.is_empty() {
        let is_here = !missing.contains(&TOOLS[0]);
        if is_here || !described.is_empty() {
            found.state = State::Closed;
        }
        found.says.push(format!("not on PATH: {}", missing.join(", ")));
        found.mends.push(
            "install Slurm's client tools (Debian: apt-get install slurm-client), or load their module".to_owned(),
        );
        // Without `sinfo` nothing is started; with another missing no job could be kept.
        return found;
    }
    let is_described = !described.is_empty();
    let asked = if is_described {
        described
    } else {
        vec![SlurmSite { name: UNNAMED.to_owned(), suspends: true, ..SlurmSite::default() }]
    };
    let conf = sites.and_then(|sites| sites.slurm_conf.clone());
    ask(&mut found, Slurm::new(asked, PathBuf::new(), conf, None).thorough(PATIENCE));
    if !is_described && found.state == State::Ready {
        // What may be done at a site is the sites file's to say.
        found.sites.clear();
        found
            .mends
            .push("describe its clusters in sites.toml with backend = \"slurm\", for jobs to go there".to_owned());
    }
    found
}

fn ask(found: &mut EngineFound, mut slurm: Slurm) {
    let survey = slurm.version().and_then(|version| {
        found.version = Some(version);
        slurm.survey()
    });
    match survey {
        Ok(survey) => {
            found.state = if survey.sites.iter().any(|site| site.is_up) { State::Ready } else { State::Closed };
            for site in survey.sites.iter().filter(|site| !site.is_up) {
                found.says.push(format!("{}: no node takes work", site.name));
                found.mends.push("`sinfo --Node --long` shows why".to_owned());
            }
            found.sites = survey.sites;
            found.says.extend(survey.notes);
        }
        Err(error) => {
            found.state = State::Closed;
            found.mends.extend(mend(&error));
            found.says.push(error.to_string());
        }
    }
    found.mends.dedup();
}

fn mend(error: &EngineError) -> Option<String> {
    error.help().map(|help| help.to_string())
}

/// Whether a program that can be run is in one of the folders.
fn is_on(path: Option<&OsStr>, program: &str) -> bool {
    let can_run =
        |file: &Path| fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    path.is_some_and(|path| split_paths(path).any(|folder| can_run(&folder.join(program))))
}

/// The engines as a part of `doctor`'s text.
pub(crate) fn text(engines: &[EngineFound], is_explained: bool, sheet: &mut Sheet) {
    sheet.heading("Engines");
    for found in engines {
        let (mark, state) = match found.state {
            State::Ready => ("+ ", "ready"),
            State::Closed => ("! ", "closed"),
            State::Absent => ("- ", "not here"),
        };
        let version = found.version.as_ref().map_or_else(String::new, |version| format!(", {version}"));
        let is_told = found.state != State::Absent || is_explained;
        // Each lack of an installation is a sentence of its own, below.
        let has_lacks = found.state == State::Ready && found.version.is_some();
        let says = if is_told && !has_lacks && !found.says.is_empty() {
            format!("; {}", found.says.join("; "))
        } else {
            String::new()
        };
        sheet.item(mark, &format!("{}: {state}{version}{says}", found.engine));
        for site in &found.sites {
            sheet.item("    ", &site_words(site));
        }
        if has_lacks {
            for words in &found.says {
                sheet.item("    ! ", words);
            }
        }
        for mend in found.mends.iter().filter(|_| is_told) {
            sheet.item("    fix: ", mend);
        }
    }
}

fn site_words(site: &SiteSeen) -> String {
    let count = site.accelerators.map_or_else(String::new, |count| format!(", {count} accelerators take work"));
    let can = if site.abilities.pauses { "pauses by suspension" } else { "pauses by checkpoint and requeue" };
    format!("{}{count}, {can}", site.name)
}

/// The engines as a part of `doctor`'s JSON.
pub(crate) fn as_json(engines: &[EngineFound]) -> Value {
    let site = |site: &SiteSeen| {
        json!({
            "site": site.name, "accelerators": site.accelerators, "takes_work": site.is_up,
            "pauses": site.abilities.pauses, "requeues": site.abilities.requeues,
        })
    };
    let engine = |found: &EngineFound| {
        let state = match found.state {
            State::Ready => "ready",
            State::Closed => "closed",
            State::Absent => "absent",
        };
        json!({
            "engine": found.engine, "state": state, "version": found.version, "says": found.says,
            "mends": found.mends, "sites": found.sites.iter().map(site).collect::<Vec<_>>(),
        })
    };
    Value::Array(engines.iter().map(engine).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(folder: &Path, name: &str, text: &str) {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("its mode");
    }

    #[test]
    fn without_sinfo_nothing_is_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let trace = folder.path().join("started");
        tool(folder.path(), "sbatch", &format!("touch {}", trace.display()));
        let found = engines(None, Some(folder.path().as_os_str()));
        assert_eq!((found[0].state, found[1].state), (State::Ready, State::Absent));
        assert!(!trace.exists());
        assert_eq!(engines(None, None)[1].state, State::Absent);
    }

    #[test]
    fn where_slurm_is_wanted_and_a_tool_is_missing_it_is_named_with_the_mend() {
        let folder = tempfile::tempdir().expect("a folder");
        tool(folder.path(), "sinfo", "exit 1");
        let found = &engines(None, Some(folder.path().as_os_str()))[1];
        assert_eq!(found.state, State::Closed);
        assert_eq!(found.says, ["not on PATH: sbatch, squeue, scontrol, scancel, sacct"]);
        assert!(found.mends[0].contains("apt-get install slurm-client"), "{:?}", found.mends);
    }
}
