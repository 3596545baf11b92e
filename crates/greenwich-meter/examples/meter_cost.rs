//! What a meter itself costs: runs the sampler over a sysfs tree and prints its own CPU time and peak memory.
//!
//! ```text
//! cargo run --release -p greenwich-meter --example meter_cost -- write /dev/shm/tree 120 &   # keeps a tree up to date
//! cargo run --release -p greenwich-meter --example meter_cost -- /dev/shm/tree 60 1          # 60 s at 1 Hz
//! cargo run --release -p greenwich-meter --example meter_cost -- /dev/shm/tree 60 10 [LIBNVML]
//! cargo run --release -p greenwich-meter --example meter_cost -- /dev/shm/tree 60 1 processes 128
//! ```
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use greenwich_core::reading::{MeterHeader, Tick, TickSink};
use greenwich_meter::attribution::CpuShare;
use greenwich_meter::fixture::{INTEL_MAX_UJ, Live, Power, Tree};
use greenwich_meter::powercap::Powercap;
use greenwich_meter::{Ceilings, EnergyCounter, KernelClock, Sampler, Setup};
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Appends some 40 bytes a device and tick, as a journal does; no sync.
struct Append(File);

impl TickSink for Append {
    fn begin(&mut self, header: &MeterHeader) -> io::Result<()> {
        writeln!(self.0, "{}", header.run)
    }
    fn tick(&mut self, tick: Tick<'_>) -> io::Result<()> {
        let mut record = [0u8; 40 * 64];
        for (span, to) in tick.spans.iter().zip(record.chunks_exact_mut(40)) {
            to[..2].copy_from_slice(&span.device.to_le_bytes());
            to[8..16].copy_from_slice(&tick.at_ns.to_le_bytes());
            to[16..24].copy_from_slice(&span.since_ns.to_le_bytes());
            to[24..32].copy_from_slice(&span.energy_uj.to_le_bytes());
            to[32..].copy_from_slice(&span.most_uj.to_le_bytes());
        }
        self.0.write_all(&record[..40 * tick.spans.len().min(64)])
    }
}

fn cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The kernel's word on this process, such as `VmHWM`.
fn status_kib(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["write", dir, seconds] => write(Path::new(dir), seconds.parse().expect("seconds")),
        [dir, seconds, hertz] => meter(Path::new(dir), number(seconds), number(hertz), None, 0),
        [dir, seconds, hertz, lib] => meter(Path::new(dir), number(seconds), number(hertz), Some(Path::new(lib)), 0),
        [dir, seconds, hertz, "processes", many] => {
            meter(Path::new(dir), number(seconds), number(hertz), None, number(many) as u32);
        }
        _ => println!("meter_cost write DIR SECONDS | meter_cost DIR SECONDS HERTZ [LIBNVML | processes N]"),
    }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

fn write(dir: &Path, seconds: f64) {
    let mut tree = Tree::new(dir);
    for (n, socket) in [("0", "package-0"), ("1", "package-1")] {
        let id = format!("intel-rapl:{n}");
        tree.zone(&id, socket, Power::Constant(150.0), 1_000_000, Some(INTEL_MAX_UJ));
        tree.zone(&format!("{id}:0"), "dram", Power::Constant(20.0), 500_000, Some(INTEL_MAX_UJ));
        tree.zone(&format!("{id}:1"), "core", Power::Constant(100.0), 0, Some(INTEL_MAX_UJ));
    }
    let _live = Live::start(tree, 100.0);
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

#[cfg_attr(not(feature = "nvml"), expect(unused_mut, reason = "more sources follow with the feature"))]
fn meter(dir: &Path, seconds: f64, hertz: f64, lib: Option<&Path>, processes: u32) {
    let powercap = Powercap::open(dir, Ceilings::GENEROUS).expect("a tree");
    let mut sources: Vec<Box<dyn EnergyCounter>> = vec![Box::new(powercap)];
    #[cfg(feature = "nvml")]
    if let Some(lib) = lib {
        let wish = greenwich_meter::nvml::Wish { lib: Some(lib), ..greenwich_meter::nvml::Wish::ALL };
        sources.push(Box::new(greenwich_meter::nvml::NvmlGpus::open(&wish).expect("a library")));
    }
    #[cfg(not(feature = "nvml"))]
    assert!(lib.is_none(), "built without the feature `nvml`");
    let journal = File::create(dir.join("journal")).expect("the folder can be written");
    let before_s = cpu_s();
    let sampler = Sampler::start(Setup {
        run: "cost".into(),
        host: String::new(),
        boot_id: String::new(),
        period: Duration::from_secs_f64(1.0 / hertz),
        sources,
        clock: Box::new(KernelClock),
        sink: Box::new(Append(journal)),
        notices: Box::new(|notice| println!("{notice}")),
    });
    let running = sampler.spawn();
    // A run of one shell and so many sleepers.
    let script = format!("for i in $(seq {processes}); do sleep {} & done; wait", seconds + 2.0);
    let mut run = (processes > 0).then(|| Command::new("sh").args(["-c", &script]).spawn().expect("sh starts"));
    if let Some(run) = &run {
        std::thread::sleep(Duration::from_secs(1));
        running.watch(CpuShare::of_tree(run.id(), Path::new("/proc")));
    }
    std::thread::sleep(Duration::from_secs_f64(seconds.min(60.0)));
    let early_kib = status_kib("VmRSS");
    std::thread::sleep(Duration::from_secs_f64((seconds - 60.0).max(0.0)));
    let late_kib = status_kib("VmRSS");
    let summary = running.stop();
    let used_s = cpu_s() - before_s;
    if let Some(run) = &mut run {
        run.wait().expect("it was started");
    }
    println!("{} devices, {:.3} s, {}", summary.devices.len(), summary.lasted.as_secs_f64(), summary.energy());
    println!("own CPU {:.5} s per minute", used_s * 60.0 / seconds);
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!(
        "RSS {:.2} MiB in the first minute, {:.2} MiB in the last, {:.2} MiB at most",
        mib(early_kib),
        mib(late_kib),
        mib(status_kib("VmHWM"))
    );
}
