//! The node lease: of all meters on a node, one reads a device.
//!
//! In: devices, and a folder that the meters of a node share. Out: for each device either a [`Lease`], or who has
//! it. A lease is a lock on an open file (`flock`): it needs no daemon, and the kernel frees it when its holder dies,
//! by `kill -9` too. Ranks that each see a GPU of their own meter that GPU, and the first one the CPUs; nested runs
//! find everything taken and are labels on the outer run.

use crate::counter::{Domain, EnergyCounter, Moment, Reading};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A device that this meter alone reads; dropped, it is free again.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

/// Who reads a device.
#[derive(Debug)]
pub enum Claim {
    /// We do.
    Held(Lease),
    /// Another meter on this node, by the words that it left.
    Elsewhere(String),
}

/// The folder that the meters of one user on one node share.
///
/// `setting` gives an environment variable. The first that is there is taken: `$XDG_RUNTIME_DIR`, `/run/user/UID`,
/// `$SLURM_TMPDIR`, and else a folder in `temp`.
pub fn folder(setting: impl Fn(&str) -> Option<String>, uid: u32, temp: &Path) -> PathBuf {
    let named = |name: &str| setting(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    [named("XDG_RUNTIME_DIR"), Some(PathBuf::from(format!("/run/user/{uid}"))), named("SLURM_TMPDIR")]
        .into_iter()
        .flatten()
        .find(|dir| dir.is_dir() && rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok())
        .map_or_else(|| temp.join(format!("greenwich-{uid}")), |dir| dir.join("greenwich"))
}

/// The folder for the meters of one machine: stand-ins for hardware (another sysfs tree, another driver library) are
/// machines of their own, whose leases do not touch the real ones.
pub fn of_machine(folder: &Path, sysfs_root: &Path, nvml_lib: Option<&Path>) -> PathBuf {
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| format!("{:x}-{:x}", found.dev(), found.ino()));
    let tree = (sysfs_root != Path::new("/sys")).then(|| identity(sysfs_root)).flatten();
    let lib = nvml_lib.and_then(identity);
    match (tree, lib) {
        (None, None) => folder.to_owned(),
        (tree, lib) => folder.join(format!("machine-{}-{}", tree.unwrap_or_default(), lib.unwrap_or_default())),
    }
}

/// Asks for `device`; `holder` is left for others to read: the run, the process, the rank.
///
/// # Errors
/// When the folder or file cannot be made; the caller then meters without a lease and says so.
pub fn claim(folder: &Path, device: &str, holder: &str) -> io::Result<Claim> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // In a temporary folder anybody may have been there before us.
    if fs::metadata(folder)?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the lease folder belongs to another user"));
    }
    let safe: String =
        device.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect();
    let path = folder.join(format!("lease-{safe}"));
    // The file is never removed: a meter that had it open would go on with a lock that nobody else sees.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(open(&path, flags, Mode::RUSR | Mode::WUSR)?);
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            file.write_all(holder.as_bytes())?;
            Ok(Claim::Held(Lease { _file: file }))
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut words = String::new();
            file.take(1024).read_to_string(&mut words).ok();
            Ok(Claim::Elsewhere(words))
        }
        Err(e) => Err(e.into()),
    }
}

/// Sources with the devices that are ours alone.
pub struct Claimed {
    /// What is left to read.
    pub sources: Vec<Box<dyn EnergyCounter>>,
    /// To be held until the run is over.
    pub leases: Vec<Lease>,
    /// Devices that another meter reads, and its words.
    pub elsewhere: Vec<(String, String)>,
    /// Why no lease could be taken, if so; everything is metered then, and may be counted by others too.
    pub unguarded: Option<io::Error>,
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.leases.len();
        f.debug_struct("Claimed").field("held", &held).field("elsewhere", &self.elsewhere).finish_non_exhaustive()
    }
}

/// Asks for each device of each source and leaves out those that are taken.
pub fn claim_all(folder: &Path, holder: &str, sources: Vec<Box<dyn EnergyCounter>>) -> Claimed {
    let mut claimed = Claimed { sources: Vec::new(), leases: Vec::new(), elsewhere: Vec::new(), unguarded: None };
    let mut seen: Vec<String> = Vec::new();
    for source in sources {
        let mut keep = Vec::new();
        for (at, domain) in source.domains().iter().enumerate() {
            let id = &domain.device.id;
            // Two sources may show one device; its lease is one.
            if seen.contains(id) {
                keep.extend(claimed.elsewhere.iter().all(|(taken, _)| taken != id).then_some(at));
                continue;
            }
            seen.push(id.clone());
            match claim(folder, id, holder) {
                Ok(Claim::Held(lease)) => {
                    claimed.leases.push(lease);
                    keep.push(at);
                }
                Ok(Claim::Elsewhere(words)) => claimed.elsewhere.push((id.clone(), words)),
                Err(e) => {
                    claimed.unguarded = Some(e);
                    keep.push(at);
                }
            }
        }
        if keep.len() == source.domains().len() {
            claimed.sources.push(source);
        } else if !keep.is_empty() {
            claimed.sources.push(Box::new(Part::new(source, keep)));
        }
    }
    claimed
}

/// Some domains of a source.
struct Part {
    whole: Box<dyn EnergyCounter>,
    keep: Vec<usize>,
    domains: Vec<Domain>,
    readings: Vec<Reading>,
}

impl Part {
    fn new(whole: Box<dyn EnergyCounter>, keep: Vec<usize>) -> Self {
        let domains = keep.iter().map(|at| whole.domains()[*at].clone()).collect();
        let readings = vec![Reading::NotDue; whole.domains().len()];
        Self { whole, keep, domains, readings }
    }
}

impl EnergyCounter for Part {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, moment: Moment, into: &mut [Reading]) {
        self.whole.read(moment, &mut self.readings);
        for (at, to) in self.keep.iter().zip(into) {
            *to = self.readings[*at];
        }
    }
    fn take_notice(&mut self) -> Option<String> {
        self.whole.take_notice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_held_once_and_free_when_its_holder_goes() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ask = |who: &str| claim(dir.path(), "GPU-1/2", who).expect("the folder can be written");
        let first = ask("run a, rank 0");
        assert!(matches!(first, Claim::Held(_)));
        assert!(matches!(ask("run b"), Claim::Elsewhere(words) if words == "run a, rank 0"));
        drop(first);
        assert!(matches!(ask("b"), Claim::Held(_)));
    }

    #[test]
    fn the_folder_is_the_first_that_is_there() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let here = dir.path().to_string_lossy().into_owned();
        let at = |xdg: &str, slurm: &str| {
            let setting = |name: &str| match name {
                "XDG_RUNTIME_DIR" => Some(xdg.to_owned()),
                "SLURM_TMPDIR" => Some(slurm.to_owned()),
                _ => None,
            };
            folder(setting, 4_000_000_000, Path::new("/scratch"))
        };
        assert_eq!(at(&here, ""), dir.path().join("greenwich"));
        assert_eq!(at("/not/there", &here), dir.path().join("greenwich"));
        assert_eq!(at("", "/not/there"), Path::new("/scratch/greenwich-4000000000"));
    }
}
