//! Stand-ins for hardware: a sysfs tree whose counters run by a script of watts, and a clock that tests step.
//!
//! In: zones, sensors and watts. Out: a folder that reads like `/sys`, kept up to date by [`Tree::advance`] in
//! simulated time or by [`Live`] in real time. Energies are kept exactly, so the truth of a test is analytic.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The range of an Intel package counter, 2^32 × 61 µJ.
pub const INTEL_MAX_UJ: u64 = 262_143_328_850;
/// The range of an AMD package counter, 2^32 × 15.3 µJ.
pub const AMD_MAX_UJ: u64 = 65_532_610_987;

/// A folder that reads like `/sys`.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    counters: BTreeMap<String, Counter>,
    at_ns: u64,
}

#[derive(Debug)]
struct Counter {
    file: File,
    max_uj: u64,
    /// Energy since the start of the fixture, in picojoules.
    drawn_pj: u128,
    start_uj: u64,
    power: Power,
    broken: Option<String>,
    is_power: bool,
}

/// A script of watts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Power {
    /// The same all the time.
    Constant(f64),
    /// High, then low, each for half a period.
    Square {
        /// Watts in the first half.
        high_w: f64,
        /// Watts in the second.
        low_w: f64,
        /// Both halves.
        period: Duration,
    },
}

impl Power {
    /// Power at `at_ns`, in watts.
    pub fn at(self, at_ns: u64) -> f64 {
        match self {
            Self::Constant(watts) => watts,
            Self::Square { high_w, low_w, period } => {
                if (u128::from(at_ns) % period.as_nanos()) * 2 < period.as_nanos() { high_w } else { low_w }
            }
        }
    }

    /// Energy from time zero to `at_ns`, in picojoules.
    fn drawn_pj(self, at_ns: u64) -> u128 {
        let milli = |watts: f64| (watts * 1e3).round() as u128;
        match self {
            Self::Constant(watts) => milli(watts) * u128::from(at_ns),
            Self::Square { high_w, low_w, period } => {
                let half = period.as_nanos() / 2;
                let (whole, rest) = (u128::from(at_ns) / period.as_nanos(), u128::from(at_ns) % period.as_nanos());
                let high_ns = whole * half + rest.min(half);
                milli(high_w) * high_ns + milli(low_w) * (u128::from(at_ns) - high_ns)
            }
        }
    }

    /// Energy from time zero to `at`, in joules: the truth.
    pub fn joules(self, at: Duration) -> f64 {
        self.drawn_pj(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)) as f64 / 1e12
    }
}

impl Tree {
    /// Begins an empty tree in `root`.
    ///
    /// # Panics
    /// When the folder cannot be written, as everything here: a fixture that cannot stand should fall at once.
    pub fn new(root: &Path) -> Self {
        fs::create_dir_all(root.join("class/powercap")).expect("the folder can be written");
        Self { root: root.to_owned(), counters: BTreeMap::new(), at_ns: 0 }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Adds a powercap zone, laid out as the kernel does: nested folders, and a link in `class/powercap`.
    pub fn zone(&mut self, id: &str, name: &str, power: Power, start_uj: u64, max_uj: Option<u64>) -> &mut Self {
        let path = self.zone_folder(id, name, max_uj).join("energy_uj");
        self.counter(id, &path, power, start_uj, max_uj.unwrap_or(INTEL_MAX_UJ), false)
    }

    /// Adds a zone that shows the counter of another one, as some dies do: the same value at every instant.
    pub fn mirror(&mut self, id: &str, name: &str, of: &str, max_uj: Option<u64>) -> &mut Self {
        let path = self.zone_folder(id, name, max_uj).join("energy_uj");
        let original = self.root.join("class/powercap").join(of).join("energy_uj");
        fs::hard_link(original, path).expect("the other zone was added");
        self
    }

    /// A new zone's folder, with all but its counter.
    fn zone_folder(&self, id: &str, name: &str, max_uj: Option<u64>) -> PathBuf {
        let control = id.split(':').next().unwrap_or(id);
        let mut dir = self.root.join("devices/virtual/powercap").join(control);
        let mut so_far = control.to_owned();
        for part in id.split(':').skip(1) {
            so_far = format!("{so_far}:{part}");
            dir = dir.join(&so_far);
        }
        fs::create_dir_all(&dir).expect("the folder can be written");
        fs::write(dir.join("name"), format!("{name}\n")).expect("writable");
        if let Some(max_uj) = max_uj {
            fs::write(dir.join("max_energy_range_uj"), format!("{max_uj}\n")).expect("writable");
        }
        symlink(&dir, self.root.join("class/powercap").join(id)).expect("a zone is added once");
        dir
    }

    /// Adds a file of a hwmon sensor: `energy1_input` (µJ) or `power1_average` and `power1_input` (µW).
    pub fn sensor(&mut self, hwmon: &str, chip: &str, file: &str, power: Power) -> &mut Self {
        let dir = self.root.join("class/hwmon").join(hwmon);
        fs::create_dir_all(&dir).expect("the folder can be written");
        fs::write(dir.join("name"), format!("{chip}\n")).expect("writable");
        self.counter(&format!("{hwmon}/{file}"), &dir.join(file), power, 0, u64::MAX - 1, file.starts_with("power"))
    }

    fn counter(
        &mut self,
        key: &str,
        path: &Path,
        power: Power,
        start_uj: u64,
        max_uj: u64,
        is_power: bool,
    ) -> &mut Self {
        fs::write(path, "").expect("writable");
        let file = File::options().write(true).open(path).expect("just written");
        let counter = Counter { file, max_uj, drawn_pj: 0, start_uj, power, broken: None, is_power };
        counter.write(self.at_ns);
        self.counters.insert(key.to_owned(), counter);
        self
    }

    /// Lets a counter show `text` instead of its value, or its value again.
    pub fn break_counter(&mut self, key: &str, text: Option<&str>) {
        let at_ns = self.at_ns;
        let counter = self.counters.get_mut(key).expect("the counter was added");
        counter.broken = text.map(str::to_owned);
        counter.write(at_ns);
    }

    /// Moves simulated time on to `at_ns` and all counters with it.
    pub fn advance(&mut self, at_ns: u64) {
        self.at_ns = at_ns;
        for counter in self.counters.values_mut() {
            counter.drawn_pj = counter.power.drawn_pj(at_ns);
            counter.write(at_ns);
        }
    }

    /// What a counter has drawn since the start, in joules.
    pub fn joules(&self, key: &str) -> f64 {
        self.counters[key].drawn_pj as f64 / 1e12
    }
}

impl Counter {
    fn write(&self, at_ns: u64) {
        let text = match &self.broken {
            Some(text) => text.clone(),
            None if self.is_power => format!("{}\n", (self.power.at(at_ns) * 1e6).round() as u64),
            None => {
                let shown = (u128::from(self.start_uj) + self.drawn_pj / 1_000_000) % (u128::from(self.max_uj) + 1);
                format!("{shown}\n")
            }
        };
        // A real counter is never empty between two values: overwrite first, cut afterwards.
        self.file.write_all_at(text.as_bytes(), 0).expect("writable");
        self.file.set_len(text.len() as u64).expect("writable");
    }
}

/// A thread that keeps a tree up to date in real time.
#[derive(Debug)]
pub struct Live {
    tree: Arc<Mutex<Tree>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Live {
    /// Starts it; counters move `hertz` times a second.
    pub fn start(tree: Tree, hertz: f64) -> Self {
        let (tree, stop) = (Arc::new(Mutex::new(tree)), Arc::new(AtomicBool::new(false)));
        let (of_thread, halt) = (Arc::clone(&tree), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            while !halt.load(Ordering::Relaxed) {
                let at_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                of_thread.lock().unwrap_or_else(PoisonError::into_inner).advance(at_ns);
                std::thread::sleep(Duration::from_secs_f64(1.0 / hertz));
            }
        });
        Self { tree, stop, thread: Some(thread) }
    }

    /// Looks at the tree or changes it.
    pub fn with<R>(&self, f: impl FnOnce(&mut Tree) -> R) -> R {
        f(&mut self.tree.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What happens to the world when simulated time goes from one instant to another.
pub type World = Box<dyn FnMut(u64) + Send>;

/// A clock that stands still until somebody waits; then the time waited for is there at once.
pub struct SteppedClock {
    hands: Hands,
    world: World,
}

/// The hands of a [`SteppedClock`], for the test to turn.
#[derive(Debug, Clone)]
pub struct Hands {
    now_ns: Arc<AtomicU64>,
    late_ns: Arc<AtomicU64>,
    wall_offset_s: Arc<AtomicI64>,
}

impl fmt::Debug for SteppedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteppedClock").field("hands", &self.hands).finish_non_exhaustive()
    }
}

impl SteppedClock {
    /// Begins at `boot_ns` since boot; `world` is told each new instant, counted from there.
    pub fn new(boot_ns: u64, mut world: World) -> (Self, Hands) {
        let zero = boot_ns;
        let hands =
            Hands { now_ns: Arc::new(AtomicU64::new(boot_ns)), late_ns: Arc::default(), wall_offset_s: Arc::default() };
        let since_start: World = Box::new(move |now_ns| world(now_ns.saturating_sub(zero)));
        (Self { hands: hands.clone(), world: since_start }, hands)
    }
}

impl Hands {
    /// Nanoseconds since boot.
    pub fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::SeqCst)
    }
    /// Steps the wall clock alone.
    pub fn step_wall(&self, seconds: i64) {
        self.wall_offset_s.fetch_add(seconds, Ordering::SeqCst);
    }
    /// Makes the next wait end so much later than asked: a busy machine, or one that was suspended.
    pub fn be_late(&self, by: Duration) {
        self.late_ns.store(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for SteppedClock {
    fn boot_ns(&self) -> u64 {
        self.hands.now_ns()
    }
    fn wall(&self) -> Timestamp {
        let noon = Timestamp::from_second(1_767_268_800).expect("noon of 1 January 2026 is a date");
        let moved_s = self.hands.wall_offset_s.load(Ordering::SeqCst);
        let since_boot = SignedDuration::from_nanos(i64::try_from(self.boot_ns()).unwrap_or(i64::MAX));
        noon.saturating_add(SignedDuration::from_secs(moved_s))
            .and_then(|t| t.saturating_add(since_boot))
            .unwrap_or(noon)
    }
    fn wait_until(&mut self, boot_ns: u64, _stop: &AtomicBool) {
        let now_ns = boot_ns.max(self.boot_ns()) + self.hands.late_ns.swap(0, Ordering::SeqCst);
        (self.world)(now_ns);
        self.hands.now_ns.store(now_ns, Ordering::SeqCst);
    }
}
