//! Which variables of whoever runs us reach Slurm's tools.
//!
//! In: a command of one of them. Out: the same without what would change what it tells or does, and without what is about
//! the job in whose shell we were started.

use std::process::Command;

/// Takes those variables away.
pub(crate) fn clear_of_others(command: &mut Command) {
    for name in std::env::vars_os().map(|(name, _)| name).filter(|name| is_anothers(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// Whether a variable of whoever runs us would change what a tool tells or does, or is about another job: one in whose
/// shell we were started.
fn is_anothers(name: &str) -> bool {
    const OF_TOOLS: [&str; 5] = ["SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SCONTROL_"];
    const OURS: [&str; 4] = ["SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_CLUSTERS"];
    OF_TOOLS.iter().any(|stem| name.starts_with(stem)) || name.starts_with("SLURM_") && !OURS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_set_for_tools_of_their_own_hides_no_job_and_a_job_hands_nothing_of_its_own_on() {
        let told = ["SQUEUE_PARTITION", "SACCT_FORMAT", "SCANCEL_STATE", "SLURM_JOB_ID", "SLURM_MEM_PER_NODE"];
        assert!(told.into_iter().all(is_anothers));
        let kept = ["SLURM_CONF", "SLURM_JWT", "SLURM_CLUSTERS", "SBATCH_ACCOUNT", "PATH"];
        assert!(!kept.into_iter().any(is_anothers));
    }
}
