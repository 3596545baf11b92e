//! The scripts that Slurm runs for us: constants, to which all words of a user are arguments.
//!
//! In: nothing. Out: the batch script of every job, and that of the guard of a pause.

/// The batch script of every job. Its first argument is the file that the job claims, so that of two jobs with one mark
/// only one runs. Then come three numbers and so many words: the command, what runs instead from the second start on,
/// and what runs beside it on each node but the first.
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
