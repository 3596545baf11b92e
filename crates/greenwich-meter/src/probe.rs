//! What can be measured here, and the command that would open what cannot.
//!
//! In: what a meter would look for. Out: one [`Finding`] a source, for `doctor` to print. Nothing is changed.

use crate::attribution::CpuShare;
use crate::counter::{CounterError, EnergyCounter};
use crate::host::Wanted;
use crate::hwmon::Hwmon;
use crate::powercap::{Powercap, UDEV_RULE};
use greenwich_core::reading::Device;
use miette::Diagnostic;
use std::path::Path;

/// How a source stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be read.
    Ready,
    /// It is there and closed to this user.
    Closed,
    /// It is there and of no use.
    Useless,
    /// It is not there.
    Absent,
}

/// What was found of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The source, in words.
    pub source: &'static str,
    /// How it stands.
    pub state: State,
    /// The devices that it measures.
    pub devices: Vec<Device>,
    /// What was found, in words.
    pub says: Vec<String>,
    /// Commands that would open it, the least lasting first.
    pub mends: Vec<String>,
}

/// Looks at each source.
pub fn probe(wanted: &Wanted, proc_root: &Path, lease_folder: &Path) -> Vec<Finding> {
    let sysfs = &wanted.sysfs_root;
    let mut findings = vec![powercap(wanted, proc_root)];
    #[cfg(feature = "perf")]
    findings.push(perf_events(wanted));
    #[cfg(feature = "nvml")]
    findings.push(nvidia(wanted));
    findings.push(finding(
        "AMD GPUs and board sensors by hwmon",
        Hwmon::open(sysfs, wanted.ceilings).map(|sensors| devices(&sensors)),
    ));
    findings.push(share(proc_root));
    findings.push(lease(lease_folder));
    findings
}

fn devices(source: &dyn EnergyCounter) -> Vec<Device> {
    source.domains().iter().map(|domain| domain.device.clone()).collect()
}

fn finding(source: &'static str, found: Result<Vec<Device>, CounterError>) -> Finding {
    match found {
        Ok(devices) => Finding { source, state: State::Ready, devices, says: Vec::new(), mends: Vec::new() },
        Err(e) => {
            let state = match &e {
                CounterError::Absent { .. } => State::Absent,
                CounterError::Closed { .. } => State::Closed,
                _ => State::Useless,
            };
            let mend = match &e {
                CounterError::Closed { mend, .. } => Some(mend.clone()),
                _ => e.help().map(|help| help.to_string()),
            };
            Finding { source, state, devices: Vec::new(), says: vec![e.to_string()], mends: mend.into_iter().collect() }
        }
    }
}

fn powercap(wanted: &Wanted, proc_root: &Path) -> Finding {
    let found = Powercap::open(&wanted.sysfs_root, wanted.ceilings);
    let notes = found.as_ref().map(|powercap| powercap.notes().to_vec()).unwrap_or_default();
    let mut finding = finding("CPU and DRAM by RAPL powercap", found.map(|powercap| devices(&powercap)));
    finding.says.extend(notes);
    if finding.state == State::Closed {
        finding.mends.push(UDEV_RULE.into());
    }
    let cpuinfo = std::fs::read_to_string(proc_root.join("cpuinfo")).unwrap_or_default();
    let is_guest =
        cpuinfo.lines().any(|line| line.starts_with("flags") && line.split(' ').any(|flag| flag == "hypervisor"));
    if is_guest && finding.state == State::Ready {
        finding.says.push("this is a virtual machine: what its host shows of RAPL may be untrue".into());
    }
    finding
}

#[cfg(feature = "perf")]
fn perf_events(wanted: &Wanted) -> Finding {
    let found = crate::perf::Perf::open(&wanted.sysfs_root, wanted.ceilings);
    let notes = found.as_ref().map(|perf| perf.notes().to_vec()).unwrap_or_default();
    let mut finding = finding("CPU and DRAM by perf events", found.map(|perf| devices(&perf)));
    finding.says.extend(notes);
    finding
}

#[cfg(feature = "nvml")]
fn nvidia(wanted: &Wanted) -> Finding {
    use crate::nvml::{NvmlGpus, Wish};
    let wish = Wish { lib: wanted.nvml_lib.as_deref(), visible: wanted.visible.as_deref(), ..Wish::ALL };
    let found = NvmlGpus::open(&wish);
    let notes = found.as_ref().map(|gpus| gpus.notes().to_vec()).unwrap_or_default();
    let mut finding = finding("NVIDIA GPUs by NVML", found.map(|gpus| devices(&gpus)));
    finding.says.extend(notes);
    finding
}

fn share(proc_root: &Path) -> Finding {
    let source = "CPU share of a run by its process tree";
    let own = std::process::id();
    let has_children = proc_root.join(format!("{own}/task/{own}/children")).exists();
    let has_host = CpuShare::of_tree(own, proc_root).look().host_busy.is_some();
    let (state, says, mends) = match (has_host, has_children) {
        (true, true) => (State::Ready, Vec::new(), Vec::new()),
        (false, _) => {
            let path = proc_root.join("stat");
            (
                State::Absent,
                vec![format!("`{}` cannot be read", path.display())],
                vec!["mount -t proc proc /proc".into()],
            )
        }
        (true, false) => (
            State::Useless,
            vec!["the kernel does not tell the children of a process (CONFIG_PROC_CHILDREN)".into()],
            vec!["run the job in a cgroup of its own: systemd-run --user --scope COMMAND".into()],
        ),
    };
    Finding { source, state, devices: Vec::new(), says, mends }
}

fn lease(folder: &Path) -> Finding {
    let source = "node lease, so that no device is counted twice";
    let found = crate::lease::claim(folder, "probe", "doctor");
    let (state, says, mends) = match found {
        Ok(_) => (State::Ready, vec![format!("in {}", folder.display())], Vec::new()),
        Err(e) => {
            let mend = format!("mkdir -p -m 700 {0} && test -w {0}", folder.display());
            (State::Closed, vec![format!("`{}` cannot be written: {}", folder.display(), e.kind())], vec![mend])
        }
    };
    Finding { source, state, devices: Vec::new(), says, mends }
}
