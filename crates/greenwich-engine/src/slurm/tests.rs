//! Slurm without Slurm: which site, which job, and tools that say what they are told to.
//!
//! In: sites, names, answers of tools. Out: what is made of them.

use super::*;

#[test]
fn a_job_is_at_the_site_whose_partition_it_is_in_and_not_at_one_whose_name_is_part_of_that() {
    let site = |name: &str, partition: Option<&str>| SlurmSite {
        name: name.to_owned(),
        partition: partition.map(str::to_owned),
        ..SlurmSite::default()
    };
    let sites = vec![site("short", Some("gpu")), site("long", Some("gpu-long")), site("any", None)];
    let slurm = Slurm::new(sites, PathBuf::from("/nowhere"), None, None);
    let told = ["gpu", "gpu-long", "cpu,gpu-long", "cpu", ""].map(|partition| slurm.site_of(None, partition));
    assert_eq!(told, ["short", "long", "long", "any", "any"]);
}

#[test]
fn a_job_that_is_purged_is_not_taken_for_one_that_never_ran_while_accounting_is_away_or_where_there_is_none() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let tool = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    };
    tool("squeue", "exit 0");
    let mut slurm = Slurm::new(vec![SlurmSite::default()], folder.path().join("slurm"), None, None);
    slurm.tools_at = Some(folder.path().to_owned());
    let mark = Mark { run: "k".to_owned(), attempt: 1 };
    let known = [(mark.clone(), "7".to_owned())];
    let begun = Instant::now();
    let mut jobs = || loop {
        let told = slurm.jobs(&known);
        // While another test forks it may hold a script that was written just now.
        let is_busy = told.as_ref().is_err_and(|error| error.to_string().contains("Text file busy"));
        if !is_busy || begun.elapsed() > Duration::from_secs(60) {
            return told;
        }
    };
    tool("sacct", "echo 'sacct: error: Problem talking to the database: Connection refused' >&2; exit 1");
    let error = jobs().expect_err("nobody knows");
    assert!(error.may_work_later(), "{error}");
    tool("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
    assert_eq!(jobs().expect("it answers"), []);
    let claims = folder.path().join("slurm/claims");
    std::fs::create_dir_all(&claims).expect("made");
    std::fs::write(claims.join("k-1"), "7").expect("written");
    let seen = jobs().expect("it answers");
    assert_eq!((seen.len(), seen[0].state), (1, SeenState::Ended(Ending::Lost)));
    assert!(seen[0].has_started() && seen[0].mark == mark, "its claim says that it ran: {seen:?}");
}

#[test]
fn one_job_that_two_clusters_show_is_one() {
    let seen = |id: &str, state: SeenState| Seen {
        mark: Mark { run: "k".to_owned(), attempt: 1 },
        id: id.to_owned(),
        site: id.to_owned(),
        state,
        begin: None,
        ran: Vec::new(),
        starts: 0,
        used: SignedDuration::ZERO,
        words: String::new(),
    };
    let waits = || seen("7;east", SeenState::Waiting { held: false });
    let over = || seen("7;west", SeenState::Ended(Ending::Cancelled));
    let told = |all: Vec<Seen>| without_copies(all).into_iter().map(|seen| seen.id).collect::<Vec<_>>();
    assert_eq!(told(vec![over(), waits()]), ["7;east"]);
    assert_eq!(told(vec![waits(), seen("8;east", SeenState::Running)]).len(), 2, "a double has a number of its own");
}
