//! What the rows play on: trees that are kept up to date, the program over them, and its CPU time and memory.
//!
//! In: the program and the stand-in for NVIDIA's library. Out: commands over trees of their own, and what they used.

use anyhow::{Context, Result, bail};
use greenwich_meter::fixture::{INTEL_MAX_UJ, Live, Power, Tree};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A start-up is over after so long.
pub(super) const SETTLED: Duration = Duration::from_secs(3);
/// How often the counters of a tree move.
const TREE_HERTZ: f64 = 100.0;

/// A folder of our own, the program, the stand-in for NVIDIA's library.
pub(super) struct Stage {
    pub(super) bin: PathBuf,
    pub(super) stub: PathBuf,
    root: PathBuf,
    trees: PathBuf,
}

impl Stage {
    pub(super) fn new(bin: PathBuf, stub: PathBuf) -> Result<Self> {
        for file in [&bin, &stub] {
            if !file.is_file() {
                bail!("`{}` is not there: leave out --bin and --stub to have it built", file.display());
            }
        }
        let name = format!("greenwich-eval-{}", std::process::id());
        let memory = Path::new("/dev/shm");
        // Counters lie in memory, as in a real /sys; the ledger lies where files do.
        let trees =
            if memory.is_dir() { memory.join(&name) } else { std::env::temp_dir().join(format!("{name}-trees")) };
        let root = std::env::temp_dir().join(name);
        for folder in [&root, &trees] {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { bin: fs::canonicalize(bin)?, stub: fs::canonicalize(stub)?, root, trees })
    }

    /// One socket of 150 W with 20 W of DRAM, or another power; `sockets` of them.
    pub(super) fn tree(&self, name: &str, package: Power, sockets: u32) -> (PathBuf, Live) {
        let folder = self.trees.join(name);
        let _ = fs::remove_dir_all(&folder);
        let mut tree = Tree::new(&folder);
        for socket in 0..sockets {
            let id = format!("intel-rapl:{socket}");
            tree.zone(&id, &format!("package-{socket}"), package, 7_000_000 + u64::from(socket), Some(INTEL_MAX_UJ));
            tree.zone(&format!("{id}:0"), "dram", Power::Constant(20.0), 1_000 + u64::from(socket), Some(INTEL_MAX_UJ));
        }
        (folder, Live::start(tree, TREE_HERTZ))
    }

    pub(super) fn ledger(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// `greenwich run` over a tree, without a GPU; the command comes after.
    pub(super) fn run(&self, ledger: &str, tree: &Path, period: &str) -> Command {
        self.run_with(&tree.join("no-such-library.so"), ledger, tree, period)
    }

    /// The same with a driver library of NVIDIA's, or what stands in for it.
    pub(super) fn run_with(&self, nvml: &Path, ledger: &str, tree: &Path, period: &str) -> Command {
        let mut command = Command::new(&self.bin);
        command.args(["run", "--quiet", "--zone", "DE", "--period", period, "--ledger"]).arg(self.ledger(ledger));
        command.arg("--sysfs-root").arg(tree).arg("--nvml-lib").arg(nvml).env_remove("CUDA_VISIBLE_DEVICES");
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
        let _ = fs::remove_dir_all(&self.trees);
    }
}

/// A program that runs and is ended by SIGTERM.
pub(super) struct Steady(Child);

impl Steady {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("it could not be started")?))
    }

    /// CPU time of the process itself, all its threads, without children, in seconds.
    pub(super) fn cpu_s(&self) -> Result<f64> {
        let used = clock_getcpuclockid(Pid::from_raw(self.0.id() as i32))?.now()?;
        Ok(used.tv_sec() as f64 + used.tv_nsec() as f64 / 1e9)
    }

    /// A line of `/proc/PID/status` in MiB.
    pub(super) fn status_mib(&self, key: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with(key)).context("no such line in status")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024.0)
    }

    pub(super) fn end(mut self) -> Result<()> {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM)?;
        self.0.wait()?;
        Ok(())
    }
}

/// CPU time of all children that were waited for, in seconds.
pub(crate) fn children_cpu_s() -> Result<f64> {
    cpu_s(UsageWho::RUSAGE_CHILDREN)
}

/// CPU time of this process or of its children, in seconds.
pub(super) fn cpu_s(who: UsageWho) -> Result<f64> {
    let used = getrusage(who)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(used.user_time()) + seconds(used.system_time()))
}

/// The value that a share of all lie below; the middle is 0.5.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * (sorted.len().max(1) - 1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 1.0].map(|share| quantile(&values, share)), [1.0, 3.0, 5.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
