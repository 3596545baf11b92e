//! What it means when a tool of Slurm's refuses.
//!
//! In: what the tool said. Out: an [`EngineError`]: it does not answer, it knows no such job, or it refuses.

use crate::error::EngineError;
use crate::launcher::words;
use crate::tools::Said;
use std::io;

pub(crate) const LOOK: &str = "`sinfo`, `squeue --me`";

pub(crate) fn unheard(program: &str, error: &io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::NotFound => EngineError::Absent {
            engine: "Slurm".to_owned(),
            said: format!("there is no `{program}` on PATH"),
            mend: "install Slurm's client tools, or load their module, before Greenwich is started".to_owned(),
        },
        _ => EngineError::Unreachable { engine: "Slurm".to_owned(), said: format!("`{program}`: {error}"), look: LOOK },
    }
}

/// What a controller that is away, slow or not let in is told by.
const AWAY: [&str; 8] = [
    "Unable to contact",
    "Connection refused",
    "Socket timed out",
    "Connection timed out",
    "authentication error",
    "Munge",
    "slurmdbd",
    "Communication connection failure",
];
/// What tools without a configuration say.
const NOT_SET_UP: [&str; 2] = ["configuration source", "Unable to process configuration"];
/// What a job that is over or unknown is told by.
const GONE: [&str; 4] =
    ["Invalid job id", "already completed", "Job/step already", "Job is no longer pending execution"];

pub(crate) fn refusal(said: &Said, what: &str, id: &str) -> EngineError {
    let text = words(if said.err.trim().is_empty() { &said.out } else { &said.err });
    let has = |signs: &[&str]| signs.iter().any(|sign| said.err.contains(sign));
    let engine = "Slurm".to_owned();
    if has(&AWAY) {
        return EngineError::Unreachable { engine, said: text, look: LOOK };
    }
    if has(&GONE) {
        return EngineError::Gone { engine, id: id.to_owned() };
    }
    if has(&NOT_SET_UP) {
        return EngineError::Refused {
            engine,
            what: what.to_owned(),
            said: "it finds no slurm.conf".to_owned(),
            mend: "say where the cluster's is, by SLURM_CONF or slurm_conf in sites.toml".to_owned(),
        };
    }
    let mend = "see what Slurm says of it; options of sites.toml and #SBATCH lines go to it as they are".to_owned();
    EngineError::Refused { engine, what: what.to_owned(), said: text, mend }
}
