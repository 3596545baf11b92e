//! Which share of the CPU's busy time a run had.
//!
//! In: a cgroup that holds the run alone, or the process at the root of its tree; `/proc`. Out: the run's CPU time
//! over the host's busy time. Only the run's own processes are looked at, never all of the host's, and the more of
//! them there are the less often: the cost stays bounded, and nothing is lost, since their times only grow.
//!
//! In the sum of a tree each process brings its own time and that of the children it has waited for, so that one
//! which dies between two looks is still in it. A daemon that was given to init leaves the tree; what it had used
//! until the last look is kept.

use crate::model::{CpuTime, cpu_time};
use greenwich_core::quantity::Fraction;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Clock ticks a second of `/proc`: fixed at 100 in the kernel's interface to user space.
const TICKS_PER_S: u64 = 100;
/// Time between two looks at a tree: so much for each process, which keeps the cost near 0.02 CPU-seconds a minute.
const LOOK_PER_PROCESS: Duration = Duration::from_millis(50);
/// A tree of more processes than this is looked at in part; the rest is in what its parents have waited for.
const MOST_PROCESSES: usize = 4096;

/// The CPU time of a run and of its host.
#[derive(Debug)]
pub struct CpuShare {
    used: Used,
    host: Option<File>,
    host_start: Option<CpuTime>,
    last: Option<Usage>,
}

/// What was used since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of the run.
    pub run: Duration,
    /// Busy CPU time of the host, the run's among it; none where `/proc/stat` cannot be read.
    pub host_busy: Option<Duration>,
}

impl Usage {
    /// The run's share of the busy time; none where the host's is unknown or nothing was busy.
    pub fn share(&self) -> Option<Fraction> {
        let busy = self.host_busy?.as_secs_f64();
        // `/proc/stat` is kept in ticks: over a short run it may trail what the processes tell.
        (busy > 0.0).then(|| Fraction::new((self.run.as_secs_f64() / busy).min(1.0)).ok()).flatten()
    }
}

#[derive(Debug)]
enum Used {
    Cgroup { file: File, kind: CgroupKind, start: Duration },
    Tree { tree: Tree, start: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CgroupKind {
    /// `cpu.stat`, with `usage_usec`.
    V2,
    /// `cpuacct.usage`, in nanoseconds.
    V1,
}

impl CpuShare {
    /// By a cgroup that holds the run and nothing else; both versions are understood.
    ///
    /// Returns none where `dir` has neither `cpu.stat` with `usage_usec` nor `cpuacct.usage`.
    pub fn of_cgroup(dir: &Path, proc_root: &Path) -> Option<Self> {
        [("cpu.stat", CgroupKind::V2), ("cpuacct.usage", CgroupKind::V1)].into_iter().find_map(|(name, kind)| {
            let file = File::open(dir.join(name)).ok()?;
            let start = cgroup_time(&file, kind)?;
            Some(Self::new(Used::Cgroup { file, kind, start }, proc_root))
        })
    }

    /// By the tree of processes below `pid`, whose times so far count as not the run's.
    pub fn of_tree(pid: u32, proc_root: &Path) -> Self {
        let mut tree = Tree { proc_root: proc_root.to_owned(), root: pid, processes: BTreeMap::new(), sum: 0, kept: 0 };
        let start = tree.time();
        Self::new(Used::Tree { tree, start }, proc_root)
    }

    /// By the cgroup of `pid` if it is another than ours (a scheduler or a container gave it one), else by its tree.
    ///
    /// `cgroup_root` is `/sys/fs/cgroup` on a real machine; `own` is the meter's own process.
    pub fn of_process(pid: u32, own: u32, proc_root: &Path, cgroup_root: &Path) -> Self {
        let dirs = |pid: u32| {
            cgroup_dirs(&fs::read_to_string(proc_root.join(format!("{pid}/cgroup"))).unwrap_or_default(), cgroup_root)
        };
        let ours = dirs(own);
        dirs(pid)
            .into_iter()
            .filter(|dir| !ours.contains(dir))
            .find_map(|dir| Self::of_cgroup(&dir, proc_root))
            .unwrap_or_else(|| Self::of_tree(pid, proc_root))
    }

    fn new(used: Used, proc_root: &Path) -> Self {
        let host = File::open(proc_root.join("stat")).ok();
        let host_start = host.as_ref().and_then(cpu_time);
        Self { used, host, host_start, last: None }
    }

    /// How long to wait until the next look, so that many processes cost no more than few.
    pub fn pace(&self) -> Duration {
        let processes = match &self.used {
            Used::Cgroup { .. } => 1,
            Used::Tree { tree, .. } => tree.processes.len().max(1),
        };
        (LOOK_PER_PROCESS * u32::try_from(processes).unwrap_or(u32::MAX)).max(Duration::from_secs(1))
    }

    /// Looks now. Once more after the run's process was waited for: a tree's root is gone then, and what it was last
    /// seen to have used is kept; the caller's `rusage` knows the rest.
    pub fn look(&mut self) -> Usage {
        let run = match &mut self.used {
            Used::Cgroup { file, kind, start } => cgroup_time(file, *kind).map(|now| now.saturating_sub(*start)),
            Used::Tree { tree, start } => Some(tree.time().saturating_sub(*start)),
        };
        let busy = self
            .host
            .as_ref()
            .and_then(cpu_time)
            .zip(self.host_start)
            .map(|(now, then)| ticks(now.busy.saturating_sub(then.busy)));
        let last = self.last.unwrap_or(Usage { run: Duration::ZERO, host_busy: None });
        let usage = Usage { run: run.unwrap_or(last.run).max(last.run), host_busy: busy.or(last.host_busy) };
        self.last = Some(usage);
        usage
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_S))
}

fn cgroup_time(file: &File, kind: CgroupKind) -> Option<Duration> {
    let mut buffer = [0u8; 512];
    let length = file.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(&buffer[..length]).ok()?;
    match kind {
        CgroupKind::V2 => {
            let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
            line.trim().parse().ok().map(Duration::from_micros)
        }
        CgroupKind::V1 => text.trim().parse().ok().map(Duration::from_nanos),
    }
}

/// The folders of `/proc/PID/cgroup`: `0::/path` is version 2, `4:cpu,cpuacct:/path` version 1.
fn cgroup_dirs(text: &str, cgroup_root: &Path) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            continue;
        }
        if controllers.is_empty() {
            dirs.push(cgroup_root.join(path));
            dirs.push(cgroup_root.join("unified").join(path));
        } else if controllers.split(',').any(|name| name == "cpuacct") {
            dirs.push(cgroup_root.join(controllers).join(path));
            dirs.push(cgroup_root.join("cpuacct").join(path));
        }
    }
    dirs
}

/// A process and all below it.
#[derive(Debug)]
struct Tree {
    proc_root: PathBuf,
    root: u32,
    /// Last seen time of each process, its waited-for children's in it.
    processes: BTreeMap<u32, Seen>,
    /// Ticks of `processes`, and all ticks that were seen to be used.
    sum: u64,
    kept: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Start of the process, in ticks since boot: a pid that was given again is another process.
    started: u64,
    used: u64,
}

impl Tree {
    /// CPU time of the tree since its start; it never falls.
    fn time(&mut self) -> Duration {
        let mut now = BTreeMap::new();
        let mut open = vec![self.root];
        while let Some(pid) = open.pop() {
            if now.len() >= MOST_PROCESSES {
                break;
            }
            let Some(seen) = self.stat(pid) else { continue };
            now.insert(pid, seen);
            open.extend(self.children(pid));
        }
        if now.contains_key(&self.root) || self.processes.is_empty() {
            // A sum that falls has lost a process that none of the tree has waited for; its time was used all the same.
            let sum: u64 = now.values().map(|seen| seen.used).sum();
            self.kept += sum.saturating_sub(self.sum);
            self.sum = sum;
            self.processes = now;
        }
        ticks(self.kept)
    }

    /// utime, stime, cutime and cstime are the 14th to 17th words of `stat`, the start the 22nd; the name before them
    /// may hold blanks and parentheses.
    fn stat(&self, pid: u32) -> Option<Seen> {
        let text = fs::read_to_string(self.proc_root.join(format!("{pid}/stat"))).ok()?;
        let words: Vec<&str> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
        let number = |nth: usize| words.get(nth - 3).and_then(|word| word.parse::<u64>().ok());
        let used = number(14)? + number(15)? + number(16)? + number(17)?;
        let seen = Seen { started: number(22)?, used };
        let is_other = self.processes.get(&pid).is_some_and(|before| before.started != seen.started);
        (!(is_other && pid == self.root)).then_some(seen)
    }

    fn children(&self, pid: u32) -> Vec<u32> {
        let tasks = fs::read_dir(self.proc_root.join(format!("{pid}/task")));
        let of_task = |dir: PathBuf| fs::read_to_string(dir.join("children")).unwrap_or_default();
        tasks
            .into_iter()
            .flatten()
            .flatten()
            .flat_map(|task| {
                of_task(task.path()).split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` of `(pid, ticks of its own, ticks of waited-for children, children)`, and the host's busy ticks.
    fn write(root: &Path, processes: &[(u32, u64, u64, &str)], busy: u64) {
        fs::write(root.join("stat"), format!("cpu  {busy} 0 0 5000 0 0 0 0 0 0\ncpu0 1 1\n")).expect("writable");
        for (pid, own, waited, children) in processes {
            let dir = root.join(pid.to_string());
            fs::create_dir_all(dir.join(format!("task/{pid}"))).expect("writable");
            let stat = format!("{pid} (a b) c) S 1 1 1 0 -1 0 0 0 0 0 {own} 0 {waited} 0 20 0 1 0 777 0 0\n");
            fs::write(dir.join("stat"), stat).expect("writable");
            fs::write(dir.join(format!("task/{pid}/children")), children).expect("writable");
        }
    }

    #[test]
    fn a_tree_keeps_the_time_of_children_that_died() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path();
        write(root, &[(10, 100, 0, "11 12"), (11, 0, 0, ""), (12, 0, 0, ""), (99, 5000, 0, "")], 10_000);
        let mut share = CpuShare::of_tree(10, root);
        write(root, &[(10, 150, 0, "11 12"), (11, 300, 0, ""), (12, 50, 0, "")], 10_800);
        assert_eq!(share.look(), Usage { run: Duration::from_secs(4), host_busy: Some(Duration::from_secs(8)) });
        assert_eq!(share.look().share(), Fraction::new(0.5).ok());
        // 11 dies and is waited for; 12 leaves for init.
        fs::remove_dir_all(root.join("11")).expect("it is there");
        write(root, &[(10, 150, 320, "")], 11_000);
        assert_eq!(share.look().run, Duration::from_secs(4), "12's half second is kept, and the sum never falls");
        write(root, &[(10, 250, 320, "")], 11_000);
        assert_eq!(share.look().run, Duration::from_secs(5), "what comes after is added to it");
        fs::remove_dir_all(root.join("10")).expect("it is there");
        assert_eq!(share.look().run, Duration::from_secs(5));
    }

    #[test]
    fn cgroups_of_both_versions_are_read() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write(dir.path(), &[], 1000);
        let group = dir.path().join("group");
        fs::create_dir(&group).expect("writable");
        assert!(CpuShare::of_cgroup(&group, dir.path()).is_none());
        fs::write(group.join("cpuacct.usage"), "5000000000\n").expect("writable");
        let mut v1 = CpuShare::of_cgroup(&group, dir.path()).expect("version 1");
        fs::write(group.join("cpuacct.usage"), "7000000000\n").expect("writable");
        assert_eq!(v1.look().run, Duration::from_secs(2));
        fs::write(group.join("cpu.stat"), "usage_usec 1000000\nuser_usec 5\n").expect("writable");
        let mut v2 = CpuShare::of_cgroup(&group, dir.path()).expect("version 2");
        fs::write(group.join("cpu.stat"), "usage_usec 4500000\nuser_usec 5\n").expect("writable");
        assert_eq!(v2.look().run, Duration::from_millis(3500));
    }

    #[test]
    fn a_cgroup_of_its_own_is_found_and_the_meters_own_is_not_taken() {
        let root = Path::new("/cg");
        let text = "9:name=systemd:/\n4:cpu,cpuacct:/job/7\n0::/user.slice/run.scope\n0::/\n";
        let dirs: Vec<String> = cgroup_dirs(text, root).iter().map(|dir| dir.display().to_string()).collect();
        let expected = [
            "/cg/cpu,cpuacct/job/7",
            "/cg/cpuacct/job/7",
            "/cg/user.slice/run.scope",
            "/cg/unified/user.slice/run.scope",
        ];
        assert_eq!(dirs, expected);
    }

    #[test]
    fn our_own_tree_is_seen_in_the_real_proc() {
        let mut share = CpuShare::of_tree(std::process::id(), Path::new("/proc"));
        let mut sum = 0u64;
        while share.look().run < Duration::from_millis(50) {
            sum = (0..1_000_000u64).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        }
        assert!(share.look().host_busy.expect("Linux has /proc/stat") >= Duration::from_millis(30));
    }
}
