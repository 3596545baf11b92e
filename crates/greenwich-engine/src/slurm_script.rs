//! The scripts that Slurm runs for us: constants, to which all words of a user are arguments.
//!
//! In: nothing. Out: the batch script of every job, and that of the guard of a pause.

/// The batch script of every job. Its first argument is the file that the job claims, so that of two jobs with one mark
/// only one runs. Then come three numbers and so many words: the command, what runs instead from the second start on,
/// and what runs beside it on each node but the first. Where a job was moved to the cluster that it starts at, the variables
/// that are other ones there lie beside its claim.
pub(crate) const SCRIPT: &str = r#"#!/bin/sh
claim=$1 first=$2 again=$3 beside=$4
shift 4
if printf %s "$SLURM_JOB_ID" >"$claim.$SLURM_JOB_ID" 2>/dev/null; then
    ln "$claim.$SLURM_JOB_ID" "$claim" 2>/dev/null
    if [ "$(cat "$claim")" != "$SLURM_JOB_ID" ]; then
        echo "greenwich: another job carries this mark: nothing is run twice" >&2
        exit 79
    fi
fi
there="$claim.at-${SLURM_CLUSTER_NAME:-}"
if [ -r "$there" ]; then
    while IFS= read -r line; do
        case "$line" in
        *=*) export "$line" ;;
        *) unset "$line" ;;
        esac
    done <"$there"
fi
others=$((${SLURM_JOB_NUM_NODES:-1} - 1))
if [ "$others" -gt 0 ] && [ "$beside" -gt 0 ]; then
    (
        shift $((first + again))
        exec srun --overlap --quiet --nodes="$others" --relative=1 --ntasks="$others" --ntasks-per-node=1 "$@"
    ) </dev/null >/dev/null 2>&1 &
fi
all=$# skip=0 wanted=$first
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && [ "$again" -gt 0 ]; then
    skip=$first wanted=$again
fi
at=0
for word do
    if [ "$at" -ge "$skip" ] && [ "$at" -lt $((skip + wanted)) ]; then
        set -- "$@" "$word"
    fi
    at=$((at + 1))
done
shift "$all"
exec "$@"
"#;
/// The guard of a suspended job.
pub(crate) const GUARD: &str = "#!/bin/sh\nexec scontrol \"$@\"\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    /// Runs the batch script as Slurm would.
    fn batch(folder: &std::path::Path, job: &str, restarts: &str, words: &[&str]) -> (Option<i32>, String) {
        let script = folder.join("batch.sh");
        fs::write(&script, SCRIPT).expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("its mode");
        let mut command = Command::new("/bin/sh");
        command.arg(&script).arg(folder.join("claim")).args(words);
        command.env("SLURM_JOB_ID", job).env("SLURM_RESTART_COUNT", restarts);
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn the_batch_script_runs_the_command_and_from_the_second_start_on_what_resumes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let words = ["3", "2", "1", "printf", "%s", "a b;$(id)", "echo", "again", "meter"];
        assert_eq!(batch(folder.path(), "7", "0", &words), (Some(0), "a b;$(id)".to_owned()));
        assert_eq!(batch(folder.path(), "7", "1", &words), (Some(0), "again\n".to_owned()));
        assert_eq!(batch(folder.path(), "7", "2", &["2", "0", "0", "echo", "same"]), (Some(0), "same\n".to_owned()));
    }

    #[test]
    fn a_job_that_was_moved_starts_with_the_variables_of_the_cluster_that_it_starts_at() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("claim.at-west"), "A=b c;$(id)\nGONE\n").expect("written");
        let script = folder.path().join("batch.sh");
        fs::write(&script, SCRIPT).expect("written");
        let told = |cluster: &str| {
            let mut command = Command::new("/bin/sh");
            command.arg(&script).arg(folder.path().join("claim"));
            command.args(["3", "0", "0", "sh", "-c", "printf %s/%s \"$A\" \"${GONE-unset}\""]);
            command.env("SLURM_JOB_ID", "7").env("SLURM_CLUSTER_NAME", cluster).env("A", "own").env("GONE", "there");
            String::from_utf8(command.output().expect("it runs").stdout).expect("UTF-8")
        };
        assert_eq!((told("west").as_str(), told("east").as_str()), ("b c;$(id)/unset", "own/there"));
    }

    #[test]
    fn of_two_jobs_with_one_mark_the_second_runs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(batch(folder.path(), "7", "0", &["2", "0", "0", "echo", "ran"]).1, "ran\n");
        assert_eq!(batch(folder.path(), "8", "0", &["2", "0", "0", "echo", "ran"]), (Some(79), String::new()));
    }
}
