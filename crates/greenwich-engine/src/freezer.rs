//! A control group of a job's own, in which its whole tree is frozen at once.
//!
//! In: a mark. Out: a folder of control groups of version 2, where this process may make one: below its own, as a unit of
//! systemd with `Delegate=yes` may, or root. A process that is frozen notices nothing of it, not even by a signal, and
//! none is missed that is being born or that has hidden its mark. Elsewhere trees are stopped by signals.

use crate::launcher::Mark;
use rustix::fs::{Access, access};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long freezing is waited for; a process that waits for a disk is frozen when it has it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long processes that are ending may hold their group.
const UNTIL_GONE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How the name of a job's group begins.
const STEM: &str = "greenwich-";

/// Where this process may make control groups.
///
/// # Errors
/// Why it may not, in words.
pub fn own_group() -> Result<PathBuf, String> {
    let told = |file: &str| fs::read_to_string(file).map_err(|error| format!("`{file}`: {error}"));
    let group = own_path(&told("/proc/self/cgroup")?).ok_or("this process is in no control group of version 2")?;
    let mounts = told("/proc/self/mountinfo")?;
    let folder = mounted(&mounts, &group).ok_or("no control groups of version 2 are mounted")?;
    let can_write = |path: &Path| access(path, Access::WRITE_OK).is_ok();
    if !can_write(&folder) || !can_write(&folder.join("cgroup.procs")) {
        return Err(format!("`{}` is not this user's", folder.display()));
    }
    Ok(folder)
}

/// The path of the one hierarchy of version 2 in `/proc/self/cgroup`: `0::/user.slice/…`.
fn own_path(text: &str) -> Option<PathBuf> {
    text.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// Where a group of that hierarchy is seen, by `/proc/self/mountinfo`.
fn mounted(text: &str, group: &Path) -> Option<PathBuf> {
    text.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        after.starts_with("cgroup2 ").then_some(())?;
        // Without a slash behind it, where the group is the root of what is mounted.
        Some(Path::new(point).join(group.strip_prefix(root).ok()?).components().collect())
    })
}

/// A job's own control group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freezer<'a> {
    folder: &'a Path,
}

impl<'a> Freezer<'a> {
    /// The group that a job had been given.
    pub(crate) fn at(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// Puts this process into it, and with it all that it becomes and starts.
    pub(crate) fn enter(self) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), "0")
    }

    pub(crate) fn members(self) -> BTreeSet<i32> {
        let text = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Freezes all that is in it; says whether the kernel has taken that on. None that is frozen goes on while another
    /// one is waited for, and whoever is late freezes as soon as it can: no signal would stop it sooner.
    pub(crate) fn freeze(self) -> bool {
        let is_taken_on = self.set("1");
        if is_taken_on {
            self.until("frozen 1", PATIENCE);
        }
        is_taken_on
    }

    /// Lets all go on; says whether there was anything to let go.
    pub(crate) fn thaw(self) -> bool {
        let was = fs::read_to_string(self.folder.join("cgroup.freeze")).is_ok_and(|text| text.trim() == "1");
        was && self.set("0")
    }

    /// Takes the group away, once it is empty. One that holds a process is left.
    pub(crate) fn remove(self) {
        let asked = Instant::now();
        // Who is just ending is no member any more, and holds the group until its memory is given back.
        while fs::remove_dir(self.folder).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy)
            && self.members().is_empty()
            && asked.elapsed() < UNTIL_GONE
        {
            thread::sleep(LOOK_EVERY);
        }
    }

    fn set(self, word: &str) -> bool {
        fs::write(self.folder.join("cgroup.freeze"), word).is_ok()
    }

    fn until(self, wanted: &str, patience: Duration) -> bool {
        let asked = Instant::now();
        loop {
            let told = fs::read_to_string(self.folder.join("cgroup.events")).unwrap_or_default();
            if told.lines().any(|line| line == wanted) {
                return true;
            }
            if asked.elapsed() > patience {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Takes this process out of the group of a job that has handed over another one: what pauses the one is not to pause
/// who carries the other.
pub(crate) fn leave_that_of_a_job() {
    let Ok(folder) = own_group() else { return };
    let is_of_a_job = folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(STEM));
    // Where it may not leave, it is carried as well as can be.
    _ = folder.parent().filter(|_| is_of_a_job).map(|above| Freezer::at(above).enter());
}

/// Makes a group for a job; `None` where that may not be done.
pub(crate) fn make(mark: &Mark) -> Option<PathBuf> {
    let folder = own_group().ok()?.join(format!("{STEM}{}-{}", mark.run, mark.attempt));
    match fs::create_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => None,
        _ => Some(folder).filter(|folder| folder.join("cgroup.freeze").exists()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes;
    use std::process::Command;

    /// A kernel that does not get on fails a test after this.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_own_group_is_found_where_it_is_mounted() {
        let cgroup = "4:memory:/x\n0::/user.slice/keep.service\n";
        let group = own_path(cgroup).expect("there is one");
        let line =
            |root: &str, point: &str| format!("30 23 0:26 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
        let found = |text: &str| mounted(text, &group).map(|path| path.display().to_string());
        let whole = line("/", "/sys/fs/cgroup");
        assert_eq!(found(&whole).as_deref(), Some("/sys/fs/cgroup/user.slice/keep.service"));
        assert_eq!(found(&line("/user.slice", "/sys/fs/cgroup")).as_deref(), Some("/sys/fs/cgroup/keep.service"));
        assert_eq!(found(&line("/elsewhere", "/sys/fs/cgroup")), None);
        assert_eq!(found("31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), None);
        assert_eq!(own_path("4:memory:/x\n"), None);
    }

    #[test]
    fn a_tree_is_frozen_as_a_whole_with_what_hides_its_mark_and_its_parent() {
        let mark = Mark { run: format!("frozen-{}", std::process::id()), attempt: 1 };
        let why = own_group().err().unwrap_or_else(|| "it is refused".to_owned());
        let Some(folder) = make(&mark) else { return eprintln!("SKIPPED: no control group can be made: {why}") };
        let freezer = Freezer::at(&folder);
        let enter = format!("echo 0 > {}/cgroup.procs || exit; (env -i sleep 600 &); exec sleep 600", folder.display());
        let mut child = Command::new("sh").args(["-c", &enter]).spawn().expect("it runs");
        while freezer.members().len() < 2 {
            if child.try_wait().expect("it is ours").is_some() {
                freezer.remove();
                return eprintln!("SKIPPED: no process may enter a control group of its own here");
            }
            thread::sleep(LOOK_EVERY);
        }
        assert!(freezer.members().contains(&(child.id() as i32)));
        assert!(!freezer.thaw(), "nothing is frozen yet");
        assert!(freezer.freeze() && freezer.until("frozen 1", LONG));
        assert!(freezer.thaw() && freezer.until("frozen 0", LONG));
        assert!(processes::signal_each(|| freezer.members(), rustix::process::Signal::KILL));
        child.wait().expect("it ended");
        assert!(freezer.until("populated 0", LONG));
        freezer.remove();
        assert!(!folder.exists());
    }
}
