//! Whose rank this is: Slurm, torchrun and MPI, by their environment.
//!
//! In: environment variables, by value. Out: job, rank, node and how many there are of each. What a launcher inside
//! another knows better (torchrun's rank inside a Slurm job) comes from the inner one, job and nodes from the outer.

/// Where in a parallel job a process stands; what is not told is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The scheduler's job, such as `slurm 4711`, or torchrun's run id.
    pub job: Option<String>,
    /// How often the job was begun anew; 0 the first time.
    pub restarts: Option<u32>,
    /// Rank among all processes.
    pub rank: Option<u32>,
    /// Rank on this node.
    pub local_rank: Option<u32>,
    /// All processes.
    pub world_size: Option<u32>,
    /// This node among the job's.
    pub node_rank: Option<u32>,
    /// All nodes.
    pub nodes: Option<u32>,
    /// Their names, so that a merge can name one that is missing.
    pub node_names: Vec<String>,
}

/// Variables in the order of who is asked first: the innermost launcher.
const RANK: [&str; 5] = ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID"];
const LOCAL_RANK: [&str; 5] =
    ["LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"];
const WORLD_SIZE: [&str; 5] = ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS"];
const NODE_RANK: [&str; 2] = ["SLURM_NODEID", "GROUP_RANK"];
const NODES: [&str; 3] = ["SLURM_JOB_NUM_NODES", "SLURM_NNODES", "GROUP_WORLD_SIZE"];

impl Place {
    /// Reads it from `setting`, which gives an environment variable.
    pub fn from_settings(setting: impl Fn(&str) -> Option<String>) -> Self {
        let number = |names: &[&str]| names.iter().find_map(|name| setting(name)?.trim().parse().ok());
        let slurm = setting("SLURM_JOB_ID").or_else(|| setting("SLURM_JOBID")).map(|id| format!("slurm {id}"));
        let torch = || setting("TORCHELASTIC_RUN_ID").filter(|id| id != "none").map(|id| format!("torchrun {id}"));
        let names = setting("SLURM_JOB_NODELIST").or_else(|| setting("SLURM_NODELIST"));
        Self {
            job: slurm.or_else(torch),
            restarts: number(&["SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"]),
            rank: number(&RANK),
            local_rank: number(&LOCAL_RANK),
            world_size: number(&WORLD_SIZE),
            node_rank: number(&NODE_RANK),
            nodes: number(&NODES),
            node_names: names.map(|list| host_list(&list)).unwrap_or_default(),
        }
    }
}

/// Expands Slurm's short form of host names: `gpu[01-03,7],login` is gpu01, gpu02, gpu03, gpu7 and login.
pub fn host_list(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(|part| expand(part.trim())).collect()
}

fn expand(part: &str) -> Vec<String> {
    let Some((head, rest)) = part.split_once('[') else { return vec![part.to_owned()] };
    let Some((ranges, tail)) = rest.split_once(']') else { return vec![part.to_owned()] };
    let tails = expand(tail);
    let mut names = Vec::new();
    for range in ranges.split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        // More nodes than any machine has is a slip, not a list.
        let (Ok(low), Ok(high)) = (from.parse::<u32>(), to.parse::<u32>()) else { return vec![part.to_owned()] };
        if high.saturating_sub(low) > 100_000 {
            return vec![part.to_owned()];
        }
        for n in low..=high {
            names.extend(tails.iter().map(|tail| format!("{head}{n:0width$}{tail}", width = from.len())));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(settings: &[(&str, &str)]) -> Place {
        Place::from_settings(|name| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn torchrun_inside_slurm_gives_the_rank_and_slurm_the_job() {
        let found = place(&[
            ("SLURM_JOB_ID", "4711"),
            ("SLURM_PROCID", "1"),
            ("SLURM_NTASKS", "2"),
            ("SLURM_NNODES", "2"),
            ("SLURM_NODEID", "1"),
            ("SLURM_JOB_NODELIST", "gpu[01-02]"),
            ("SLURM_RESTART_COUNT", "1"),
            ("RANK", "11"),
            ("LOCAL_RANK", "3"),
            ("WORLD_SIZE", "16"),
            ("TORCHELASTIC_RUN_ID", "none"),
        ]);
        let expected = Place {
            job: Some("slurm 4711".into()),
            restarts: Some(1),
            rank: Some(11),
            local_rank: Some(3),
            world_size: Some(16),
            node_rank: Some(1),
            nodes: Some(2),
            node_names: vec!["gpu01".into(), "gpu02".into()],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn mpi_and_nothing_are_understood() {
        let mpi =
            place(&[("OMPI_COMM_WORLD_RANK", "5"), ("OMPI_COMM_WORLD_SIZE", "8"), ("OMPI_COMM_WORLD_LOCAL_RANK", "1")]);
        assert_eq!((mpi.rank, mpi.local_rank, mpi.world_size, mpi.job), (Some(5), Some(1), Some(8), None));
        assert_eq!(place(&[("RANK", "soon")]), Place::default());
    }

    #[test]
    fn host_lists_are_expanded() {
        let cases = [
            ("login", "login"),
            ("gpu[01-03,7],login", "gpu01 gpu02 gpu03 gpu7 login"),
            ("r[1-2]n[09-10]", "r1n09 r1n10 r2n09 r2n10"),
            ("a[1-x]", "a[1-x]"),
            ("a[0-4000000000]", "a[0-4000000000]"),
            ("", ""),
        ];
        for (list, expected) in cases {
            assert_eq!(host_list(list).join(" "), expected, "{list}");
        }
    }
}
