//! The sites file, `greenwich.sites/1` (TOML): where jobs can run, by what, and what projects may spend.
//!
//! In: bytes. Out: [`Sites`], checked for type and range; zones and accelerators are resolved by who uses them.

use crate::cooling::CoolingSpec;
use crate::document::{DocumentError, Table, read};
use crate::job_file::{SiteSpec, site_keys};
use greenwich_engine::SlurmSite;
use greenwich_keeper::{Budget, BudgetAction};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The schema that this reader understands.
pub const SCHEMA: &str = "greenwich.sites/1";

/// What runs jobs at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// This machine.
    Local,
    /// Slurm.
    Slurm(SlurmSite),
}

/// A site as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteEntry {
    /// Its name.
    pub name: String,
    /// Where it is, and what is known of it better than the catalog knows.
    pub site: SiteSpec,
    /// Its kind of accelerator, by catalog name.
    pub accelerator: Option<String>,
    /// Accelerators that may be used at once.
    pub accelerators: u32,
    /// What runs jobs there.
    pub backend: Backend,
}

/// The file.
#[derive(Debug, Clone, PartialEq)]
pub struct Sites {
    /// The file as the user named it.
    pub file: String,
    /// The sites, in the file's order.
    pub sites: Vec<SiteEntry>,
    /// Where a job runs if nobody plans.
    pub home: String,
    /// A folder of grid traces, found from the file's own folder.
    pub signals: Option<PathBuf>,
    /// `SLURM_CONF`, where not the system's.
    pub slurm_conf: Option<PathBuf>,
    /// Yearly budgets.
    pub budgets: Vec<Budget>,
}

impl Sites {
    /// This machine alone, at the place that is set: for those who have written no sites file.
    #[must_use]
    pub fn here(site: SiteSpec, accelerators: u32) -> Self {
        let here =
            SiteEntry { name: "here".to_owned(), site, accelerator: None, accelerators, backend: Backend::Local };
        Self {
            file: "no sites.toml".to_owned(),
            sites: vec![here],
            home: "here".to_owned(),
            signals: None,
            slurm_conf: None,
            budgets: Vec::new(),
        }
    }

    /// A site by its name.
    pub fn get(&self, name: &str) -> Option<&SiteEntry> {
        self.sites.iter().find(|site| site.name == name)
    }

    /// The budget of a project.
    pub fn budget(&self, project: Option<&str>) -> Option<&Budget> {
        self.budgets.iter().find(|budget| Some(budget.project.as_str()) == project)
    }
}

/// Reads a sites file.
///
/// # Errors
/// [`DocumentError`] with file, line, key, what was found, what is allowed and the mend.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Sites, DocumentError> {
    let root = read(file, bytes)?;
    root.hold_to_schema(SCHEMA)?;
    let beside = |name: String| Path::new(file).parent().unwrap_or(Path::new("")).join(name);
    let sites = root.tables("site")?.iter().map(site).collect::<Result<Vec<_>, _>>()?;
    if sites.is_empty() {
        return Err(root.missing("site", "write a [[site]] with name, zone, accelerators and backend"));
    }
    let mut names = BTreeSet::new();
    for site in &sites {
        if !names.insert(&site.name) {
            return Err(root.place("site").refuse(
                format!("two sites named \"{}\"", site.name),
                "a name of its own for each site",
                "rename one of them",
            ));
        }
    }
    let home = root.text("home", "east")?.unwrap_or_else(|| sites[0].name.clone());
    if !sites.iter().any(|site| site.name == home) {
        let known: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        return Err(root.place("home").refuse(
            format!("\"{home}\""),
            format!("one of {}", known.join(", ")),
            "name a site of this file",
        ));
    }
    let signals = root.text("signals", "grid")?.map(beside);
    let slurm_conf = root.text("slurm_conf", "/etc/slurm/slurm.conf")?.map(beside);
    let budgets = root.tables("budget")?.iter().map(budget).collect::<Result<Vec<_>, _>>()?;
    root.finish()?;
    Ok(Sites { file: file.to_owned(), sites, home, signals, slurm_conf, budgets })
}

fn site(table: &Table) -> Result<SiteEntry, DocumentError> {
    let name = table.text("name", "east")?.ok_or_else(|| table.missing("name", "write name = \"east\""))?;
    let is_lawful = |name: &str| {
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if !is_lawful(&name) {
        return Err(table.place("name").refuse(
            format!("\"{name}\""),
            "up to 64 letters, digits, `-`, `_` and `.`",
            "write name = \"east\"",
        ));
    }
    let spec = SiteSpec { cooling: CoolingSpec::read(table)?, ..site_keys(table)? };
    if spec.region.is_none() && spec.zone.is_none() {
        return Err(table.missing("zone", "write zone = \"DE\" or region = \"gcp/us-central1\""));
    }
    let accelerators = table.whole("accelerators", 1.0..=1e7, "accelerators")?.map(|n| n as u32);
    let accelerators = accelerators.ok_or_else(|| table.missing("accelerators", "write accelerators = 16"))?;
    let accelerator = table.text("accelerator", "h100-sxm5-80g")?;
    let backend = match table.text("backend", "slurm")?.as_deref() {
        Some("local") => Backend::Local,
        Some("slurm") => Backend::Slurm(slurm(table, &name, accelerators)?),
        other => {
            return Err(table.place("backend").refuse(
                other.map_or_else(|| "nothing".to_owned(), |word| format!("\"{word}\"")),
                "\"local\" or \"slurm\"",
                "write what runs jobs there",
            ));
        }
    };
    table.finish()?;
    Ok(SiteEntry { name, site: spec, accelerator, accelerators, backend })
}

fn slurm(table: &Table, name: &str, accelerators: u32) -> Result<SlurmSite, DocumentError> {
    let suspends = match table.text("pause", "requeue")?.as_deref() {
        None | Some("requeue") => false,
        Some("suspend") => true,
        Some(other) => {
            return Err(table.place("pause").refuse(
                format!("\"{other}\""),
                "\"requeue\" (from a checkpoint, as any user) or \"suspend\" (as an operator of the cluster)",
                "write pause = \"requeue\"",
            ));
        }
    };
    let per_node = table.whole("per_node", 1.0..=1024.0, "accelerators of a node")?.map(|n| n as u32);
    Ok(SlurmSite {
        name: name.to_owned(),
        cluster: table.text("cluster", "east")?,
        partition: table.text("partition", "train")?,
        gres: table.text("gres", "h100")?,
        per_node: per_node.unwrap_or_else(|| accelerators.min(8)),
        suspends,
        options: table.texts("options", "--mem=64G")?.unwrap_or_default(),
    })
}

fn budget(table: &Table) -> Result<Budget, DocumentError> {
    let project = table.text("project", "llm")?.ok_or_else(|| table.missing("project", "write project = \"llm\""))?;
    let action = match table.text("action", "warn")?.as_deref() {
        None | Some("warn") => BudgetAction::Warn,
        Some("hold") => BudgetAction::Hold,
        Some(other) => {
            return Err(table.place("action").refuse(
                format!("\"{other}\""),
                "\"warn\" or \"hold\"",
                "write action = \"hold\" to keep runs back until somebody lets them go",
            ));
        }
    };
    let budget = Budget {
        project,
        co2e_kg: table.number("co2e_kg", 0.0..=1e12, "kgCO2e a year")?,
        kwh: table.number("energy_kwh", 0.0..=1e15, "kWh a year")?,
        action,
    };
    table.finish()?;
    if budget.co2e_kg.is_none() && budget.kwh.is_none() {
        return Err(table.missing("co2e_kg", "write co2e_kg = 1000, energy_kwh = 5000, or both"));
    }
    Ok(budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
schema = "greenwich.sites/1"
home = "east"
signals = "grid"
[[site]]
name = "east"
zone = "DE"
pue = 1.3
accelerator = "h100-sxm5-80g"
accelerators = 16
backend = "slurm"
cluster = "east"
partition = "train"
gres = "h100"
pause = "suspend"
options = ["--mem=64G", "--account=ml"]
[[site]]
name = "desk"
zone = "FR"
pue_curve = [[10, 1.1], [30, 1.4]]
weather = "temp.csv"
accelerators = 1
backend = "local"
[[budget]]
project = "llm"
co2e_kg = 1000
action = "hold"
"#;

    #[test]
    fn a_sites_file_is_read_whole() {
        let sites = parse("ours/sites.toml", FILE.as_bytes()).expect("lawful");
        assert_eq!(sites.signals, Some(PathBuf::from("ours/grid")));
        let Backend::Slurm(east) = &sites.sites[0].backend else { panic!("{sites:?}") };
        assert_eq!((east.per_node, east.suspends, east.options.len()), (8, true, 2));
        let desk = sites.get("desk").expect("it is described");
        assert_eq!((&desk.backend, desk.site.cooling.pue.is_some()), (&Backend::Local, true));
        assert_eq!(desk.site.cooling.weather, Some(PathBuf::from("ours/temp.csv")));
        assert_eq!(sites.budget(Some("llm")).map(|budget| budget.action), Some(BudgetAction::Hold));
        assert_eq!(sites.budget(None), None);
    }

    #[test]
    fn a_slip_is_told_with_its_line_and_mend() {
        let told = |from: &str, to: &str| {
            parse("sites.toml", FILE.replace(from, to).as_bytes()).expect_err("a slip").to_string()
        };
        assert_eq!(
            told("backend = \"local\"", "backend = \"k8s\""),
            "sites.toml:23: `site.backend`: found \"k8s\", allowed is \"local\" or \"slurm\""
        );
        assert!(told("home = \"east\"", "home = \"north\"").contains("allowed is one of east, desk"));
        assert!(told("cluster = \"east\"", "cluter = \"east\"").contains("unknown key"));
        assert!(told("name = \"desk\"", "name = \"east\"").contains("two sites named \"east\""));
        assert!(told("name = \"desk\"", "name = \"../x\"").contains("letters, digits"));
        assert!(told("co2e_kg = 1000\n", "").contains("co2e_kg"));
    }
}
