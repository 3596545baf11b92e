//! What a job asks of a Slurm site: nodes, accelerators by their kind, options.
//!
//! In: an order and a site. Out: words for `sbatch`; what two sites have to have in common for a job to go from one to the
//! other as it was asked for; what a site's description lacks.

use crate::launcher::{Order, SiteSeen};
use crate::slurm::SlurmSite;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes and accelerators of each: a job that fits a node has one, a larger one whole nodes. Of one that leaves its nodes
/// to the engine each has its share of what the most nodes hold together.
fn spread(order: &Order, per_node: u32) -> (Option<(u32, u32)>, u32) {
    let count = order.accelerators;
    if count == 0 || per_node == 0 {
        return (order.nodes, count);
    }
    let needed = count.div_ceil(per_node);
    match order.nodes {
        Some((least, most)) => {
            let most = most.max(needed);
            (Some((least.min(most), most)), count.div_ceil(most))
        }
        None => (Some((needed, needed)), count.min(per_node)),
    }
}

/// What is asked of a site: its own options and the job's, nodes, accelerators by their kind. All generic resources go
/// into one `--gres`, since of several `sbatch` heeds the last; `--gpus-per-node` is not known to every selection plugin.
pub(crate) fn resources(order: &Order, site: &SlurmSite) -> Vec<String> {
    const GRES: &str = "--gres=";
    let (mut words, mut gres) = (Vec::new(), Vec::new());
    for option in site.options.iter().chain(&order.options) {
        match option.strip_prefix(GRES) {
            Some(own) => gres.extend(own.split(',').map(str::to_owned)),
            None => words.push(option.clone()),
        }
    }
    let (nodes, per_node) = spread(order, site.per_node);
    if let Some((least, most)) = nodes {
        words.push(if least == most { format!("--nodes={least}") } else { format!("--nodes={least}-{most}") });
    }
    if per_node > 0 {
        let kind = site.gres.as_ref().map_or_else(String::new, |kind| format!("{kind}:"));
        gres.retain(|one| one != "gpu" && !one.starts_with("gpu:"));
        gres.push(format!("gpu:{kind}{per_node}"));
    }
    if !gres.is_empty() {
        words.push(format!("{GRES}{}", gres.join(",")));
    }
    words
}

/// What sites have to have in common for a waiting job to be moved between them: a federation, and all that the job was
/// asked for with.
pub(crate) fn exchange(federation: &str, site: &SlurmSite) -> String {
    let asked = [&site.partition, &site.gres].map(|word| word.as_deref().unwrap_or_default()).join(" ");
    format!("{federation} {asked} {} {}", site.per_node, site.options.join(" "))
}

/// Whether a site has to say which kind of accelerator it means, or says one that no node has.
pub(crate) fn of_another_kind(site: &SlurmSite, found: &BTreeSet<String>) -> Option<String> {
    let all = || found.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    match &site.gres {
        Some(own) if !found.is_empty() && !found.contains(own) => Some(format!(
            "{}: no node has GPUs of the kind `{own}`, but {}: mend gres = \"{own}\" in sites.toml",
            site.name,
            all()
        )),
        None if found.len() > 1 => Some(format!(
            "{}: its nodes have GPUs of the kinds {}, and a job may get any: write gres = \"{}\" in sites.toml",
            site.name,
            all(),
            found.first().map(String::as_str).unwrap_or_default()
        )),
        _ => None,
    }
}

/// Which sites exchange jobs, and which do not though their clusters could.
pub(crate) fn of_exchanges(sites: &[SiteSeen]) -> Option<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for site in sites {
        groups.entry(site.exchange.as_deref()?).or_default().push(&site.name);
    }
    let federation = groups.keys().next()?.split(' ').next()?;
    let told = groups.values().map(|names| names.join(" and ")).collect::<Vec<_>>();
    match (groups.len(), sites.len()) {
        (_, ..2) => None,
        (1, _) => Some(format!("{}: waiting jobs are moved by the federation `{federation}`", told.join(""))),
        (_, _) => Some(format!(
            "the federation `{federation}` moves waiting jobs only between sites with the same partition, gres, per_node and options; others are taken back and handed over: {}",
            told.join("; ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launcher::Mark;
    use jiff::Timestamp;

    fn order(accelerators: u32, nodes: Option<(u32, u32)>) -> Order {
        Order {
            mark: Mark { run: "k".to_owned(), attempt: 1 },
            name: "n".to_owned(),
            command: vec!["true".to_owned()],
            resume: None,
            beside: Vec::new(),
            directory: "/".into(),
            environment: Vec::new(),
            site: "east".to_owned(),
            begin: Timestamp::UNIX_EPOCH,
            accelerators,
            nodes,
            time_limit_s: None,
            options: Vec::new(),
            held: false,
        }
    }

    #[test]
    fn a_job_has_one_node_or_whole_ones() {
        assert_eq!(spread(&order(0, None), 8), (None, 0));
        assert_eq!(spread(&order(3, None), 8), (Some((1, 1)), 3));
        assert_eq!(spread(&order(20, None), 8), (Some((3, 3)), 8));
        assert_eq!(spread(&order(16, Some((1, 2))), 8), (Some((1, 2)), 8));
        assert_eq!(spread(&order(8, Some((2, 4))), 8), (Some((2, 4)), 2), "eight in all, on four nodes");
        assert_eq!(spread(&order(32, Some((1, 2))), 8), (Some((1, 4)), 8), "no node has sixteen");
    }

    #[test]
    fn a_kind_that_no_node_has_or_that_is_not_named_among_several_is_told() {
        let found = |all: &[&str]| all.iter().map(|kind| (*kind).to_owned()).collect::<BTreeSet<_>>();
        let site = |gres: Option<&str>| SlurmSite {
            name: "east".to_owned(),
            gres: gres.map(str::to_owned),
            ..SlurmSite::default()
        };
        assert_eq!(of_another_kind(&site(Some("h100")), &found(&["a100", "h100"])), None);
        assert_eq!(of_another_kind(&site(None), &found(&["h100"])), None);
        let told = of_another_kind(&site(Some("h100")), &found(&["a100"])).expect("it is wrong");
        assert!(told.contains("no node has GPUs of the kind `h100`, but `a100`"), "{told}");
        let told = of_another_kind(&site(None), &found(&["a100", "h100"])).expect("it is not clear");
        assert!(told.contains("write gres = \"a100\""), "{told}");
    }

    #[test]
    fn accelerators_are_asked_for_by_the_kind_of_the_site_and_beside_what_else_a_node_has_to_have() {
        let options = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let mut site = SlurmSite { gres: Some("h100".to_owned()), per_node: 8, ..SlurmSite::default() };
        site.options = options(&["--mem=64G"]);
        let mut elastic = order(16, Some((1, 2)));
        elastic.options = options(&["--gres=gpu:a100:4,tmpdisk:10", "--exclusive"]);
        let told = |order: &Order, site: &SlurmSite| resources(order, site).join(" ");
        assert_eq!(told(&elastic, &site), "--mem=64G --exclusive --nodes=1-2 --gres=tmpdisk:10,gpu:h100:8");
        site.gres = None;
        assert_eq!(told(&order(3, None), &site), "--mem=64G --nodes=1 --gres=gpu:3");
        assert_eq!(told(&order(0, None), &site), "--mem=64G");
    }
}
