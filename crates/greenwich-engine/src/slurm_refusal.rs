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
const AWAY: [&str; 20] = [
    "Unable to contact",
    "Connection refused",
    "Connection reset",
    "Socket timed out",
    "Connection timed out",
    "Transport endpoint is not connected",
    "No route to host",
    "Network is unreachable",
    "Broken pipe",
    "Zero Bytes were transmitted",
    "Message send failure",
    "Message receive failure",
    "Unexpected message received",
    "Communication shutdown failure",
    "Communication connection failure",
    "standby mode",
    "temporarily unable",
    "authentication error",
    "Munge",
    "slurmdbd",
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
    // One that was ended by a signal had not told all.
    if has(&AWAY) || said.status.code().is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn what_may_have_been_done_all_the_same_is_no_refusal() {
        let told = |raw: i32, err: &str| {
            let said = Said { status: ExitStatus::from_raw(raw), out: String::new(), err: err.to_owned() };
            refusal(&said, "take a job", "")
        };
        let exit_1 = 256;
        for words in ["Zero Bytes were transmitted or received", "Socket timed out on send/recv operation"] {
            let text = format!("sbatch: error: Batch job submission failed: {words}");
            assert!(told(exit_1, &text).may_work_later(), "{words}");
        }
        assert!(told(9, "").may_work_later(), "it was killed under way");
        let refused = told(exit_1, "sbatch: error: Batch job submission failed: Invalid partition name specified");
        assert!(matches!(refused, EngineError::Refused { .. }), "{refused:?}");
        assert!(matches!(told(exit_1, "scancel: error: Invalid job id 7"), EngineError::Gone { .. }));
    }
}
