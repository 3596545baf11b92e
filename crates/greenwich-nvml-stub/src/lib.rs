//! A stand-in for `libnvidia-ml.so`: scripted GPUs, watts and faults.
//!
//! In: a script, from `GREENWICH_NVML_STUB` or from the file `<this library>.script` beside it, so that several
//! copies of the library can hold several scripts in one process. Out: the NVML functions that a meter calls.
//! Energy is the exact integral of a square wave, so the truth of a test is analytic ([`Script::energy_mj`]).
//!
//! The script is words apart by blanks, each `key=value`:
//!
//! | key | meaning | if left out |
//! | --- | --- | --- |
//! | `gpus` | how many | 1 |
//! | `high_w`, `low_w`, `period_s`, `duty` | the square wave, high first | 300, 300, 2, 0.5 |
//! | `limit_w` | enforced power limit | 700 |
//! | `start_mj` | the counter at time zero | 1000000 |
//! | `refresh_ms` | the counter moves in steps of this time | 0: at each read |
//! | `lost=G@S` | GPU G falls off the bus at S seconds | none |
//! | `reset=G@S` | GPU G's counter returns to 0 at S seconds | none |
//! | `no_energy`, `no_power` | 1: that function answers "not supported" | 0 |
//! | `power_gain` | power reads this many times the truth | 1 |
//! | `mig` | MIG devices on each GPU | 0 |
//! | `hidden=G` | GPU G may not be opened (cgroup) | none |
//! | `no_driver` | 1: init answers "driver not loaded" | 0 |
//! | `clock` | a file that holds the time in nanoseconds, read at each call | the monotonic clock since init |
#![expect(unsafe_code, reason = "the C functions of a shared library write through their caller's pointers")]
#![expect(clippy::missing_safety_doc, reason = "the contract of each function is that of NVML's own manual")]

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::sync::OnceLock;
use std::time::Instant;

type Code = c_uint;
const SUCCESS: Code = 0;
const INVALID_ARGUMENT: Code = 2;
const NOT_SUPPORTED: Code = 3;
const NO_PERMISSION: Code = 4;
const NOT_FOUND: Code = 6;
const INSUFFICIENT_SIZE: Code = 7;
const DRIVER_NOT_LOADED: Code = 9;
const GPU_IS_LOST: Code = 15;

/// What the library plays.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// How many GPUs.
    pub gpus: u32,
    /// Power in the first part of each period, in watts.
    pub high_w: f64,
    /// Power in the rest of it.
    pub low_w: f64,
    /// Length of the period, in seconds.
    pub period_s: f64,
    /// Share of the period that is high, 0 to 1.
    pub duty: f64,
    /// Enforced power limit, in watts.
    pub limit_w: f64,
    /// The counter at time zero, in millijoules.
    pub start_mj: u64,
    /// Step of the counter, in milliseconds; 0 moves it at each read.
    pub refresh_ms: f64,
    /// GPU and second of its loss.
    pub lost: Option<(u32, f64)>,
    /// GPU and second of its counter's return to 0.
    pub reset: Option<(u32, f64)>,
    /// The energy function answers "not supported".
    pub no_energy: bool,
    /// The power function answers "not supported".
    pub no_power: bool,
    /// Power reads this many times the truth.
    pub power_gain: f64,
    /// MIG devices on each GPU.
    pub mig: u32,
    /// A GPU that may not be opened.
    pub hidden: Option<u32>,
    /// Init answers "driver not loaded".
    pub no_driver: bool,
    /// File that holds the time in nanoseconds.
    pub clock: Option<String>,
}

impl Script {
    /// Reads a script; unknown words are passed over, since a stand-in must never stop a program.
    pub fn parse(text: &str) -> Self {
        let mut script = Self {
            gpus: 1,
            high_w: 300.0,
            low_w: 300.0,
            period_s: 2.0,
            duty: 0.5,
            limit_w: 700.0,
            start_mj: 1_000_000,
            refresh_ms: 0.0,
            lost: None,
            reset: None,
            no_energy: false,
            no_power: false,
            power_gain: 1.0,
            mig: 0,
            hidden: None,
            no_driver: false,
            clock: None,
        };
        let number = |value: &str, or: f64| value.parse().unwrap_or(or);
        let fault = |value: &str| value.split_once('@').and_then(|(gpu, s)| Some((gpu.parse().ok()?, s.parse().ok()?)));
        for (key, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            match key {
                "gpus" => script.gpus = value.parse().unwrap_or(script.gpus),
                "high_w" => script.high_w = number(value, script.high_w),
                "low_w" => script.low_w = number(value, script.low_w),
                "period_s" => script.period_s = number(value, script.period_s),
                "duty" => script.duty = number(value, script.duty),
                "limit_w" => script.limit_w = number(value, script.limit_w),
                "start_mj" => script.start_mj = value.parse().unwrap_or(script.start_mj),
                "refresh_ms" => script.refresh_ms = number(value, script.refresh_ms),
                "lost" => script.lost = fault(value),
                "reset" => script.reset = fault(value),
                "no_energy" => script.no_energy = value == "1",
                "no_power" => script.no_power = value == "1",
                "power_gain" => script.power_gain = number(value, script.power_gain),
                "mig" => script.mig = value.parse().unwrap_or(script.mig),
                "hidden" => script.hidden = value.parse().ok(),
                "no_driver" => script.no_driver = value == "1",
                "clock" => script.clock = Some(value.to_owned()),
                _ => {}
            }
        }
        script
    }

    /// Energy of the square wave from time zero to `at_s`, in millijoules, without the counter's start.
    pub fn energy_mj(&self, at_s: f64) -> f64 {
        let whole = (at_s / self.period_s).floor();
        let rest = at_s - whole * self.period_s;
        let high_s = self.duty * self.period_s;
        let part = |s: f64| self.high_w * s.min(high_s) + self.low_w * (s - high_s).max(0.0);
        (whole * part(self.period_s) + part(rest)) * 1e3
    }

    /// Power at `at_s`, in watts.
    pub fn power_w(&self, at_s: f64) -> f64 {
        let phase = (at_s / self.period_s).fract();
        if phase < self.duty { self.high_w } else { self.low_w }
    }

    /// What GPU `gpu`'s counter shows at `at_s`, in millijoules.
    pub fn counter_mj(&self, gpu: u32, at_s: f64) -> u64 {
        let step = self.refresh_ms / 1e3;
        let seen = if step > 0.0 { (at_s / step).floor() * step } else { at_s };
        match self.reset {
            Some((which, reset_s)) if which == gpu && seen >= reset_s => {
                (self.energy_mj(seen) - self.energy_mj(reset_s)) as u64
            }
            _ => self.start_mj + self.energy_mj(seen) as u64,
        }
    }

    /// The UUID of GPU `gpu`.
    pub fn uuid(gpu: u32) -> String {
        format!("GPU-{gpu:08x}-9c4e-4d1a-b7f3-0000000000{gpu:02x}")
    }

    /// The UUID of MIG device `slice` on GPU `gpu`.
    pub fn mig_uuid(gpu: u32, slice: u32) -> String {
        format!("MIG-{gpu:08x}-5b2d-4f6c-8a90-00000000{slice:02x}{gpu:02x}")
    }
}

struct Stage {
    script: Script,
    began: Instant,
}

static STAGE: OnceLock<Stage> = OnceLock::new();

/// The path that this library was loaded from, as the kernel tells it.
fn own_path() -> Option<String> {
    let here = nvmlInit_v2 as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
        range.contains(&here).then(|| line.find('/').map(|at| line[at..].to_owned()))?
    })
}

fn stage() -> &'static Stage {
    STAGE.get_or_init(|| {
        let text = std::env::var("GREENWICH_NVML_STUB")
            .ok()
            .or_else(|| std::fs::read_to_string(format!("{}.script", own_path()?)).ok())
            .unwrap_or_default();
        Stage { script: Script::parse(&text), began: Instant::now() }
    })
}

impl Stage {
    fn now_s(&self) -> f64 {
        match &self.script.clock {
            Some(file) => {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                text.trim().parse::<f64>().unwrap_or(0.0) / 1e9
            }
            None => self.began.elapsed().as_secs_f64(),
        }
    }

    /// The GPU behind a handle, if it is still on the bus.
    fn gpu(&self, handle: *mut c_void) -> Result<u32, Code> {
        let Some(gpu) = (handle as usize & 0xffff).checked_sub(1) else { return Err(INVALID_ARGUMENT) };
        let gpu = gpu as u32;
        match self.script.lost {
            _ if gpu >= self.script.gpus => Err(INVALID_ARGUMENT),
            Some((which, lost_s)) if which == gpu && self.now_s() >= lost_s => Err(GPU_IS_LOST),
            _ => Ok(gpu),
        }
    }

    /// The MIG device behind a handle: handles are `(slice + 1) << 16 | gpu + 1`.
    fn slice(handle: *mut c_void) -> Option<u32> {
        ((handle as usize) >> 16).checked_sub(1).map(|slice| slice as u32)
    }
}

fn handle(gpu: u32, slice: Option<u32>) -> *mut c_void {
    let high = slice.map_or(0, |slice| (slice as usize + 1) << 16);
    std::ptr::without_provenance_mut(high | (gpu as usize + 1))
}

/// Writes `value` where NVML's caller wants it.
fn put<T>(to: *mut T, value: Result<T, Code>) -> Code {
    match value {
        Err(code) => code,
        Ok(_) if to.is_null() => INVALID_ARGUMENT,
        Ok(value) => {
            // SAFETY: NVML's contract is that an out-pointer which is not null points at writable memory of its type.
            unsafe { to.write(value) };
            SUCCESS
        }
    }
}

/// Writes `text` and its NUL into the caller's buffer of `room` bytes.
fn put_text(to: *mut c_char, room: c_uint, text: &str) -> Code {
    if to.is_null() {
        return INVALID_ARGUMENT;
    }
    if text.len() + 1 > room as usize {
        return INSUFFICIENT_SIZE;
    }
    // SAFETY: the caller gives a buffer of `room` bytes, and text and NUL fit by the check above.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
        to.add(text.len()).write(0);
    }
    SUCCESS
}

/// Declares exported C functions: each has the name, arguments and return code of NVML's manual.
macro_rules! exported {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) $body:block)*) => {$(
        $(#[$doc])*
        // SAFETY: no other symbol of this name is linked in; a process that opens the stub opens it instead of NVML.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case, reason = "NVML's own names")]
        pub unsafe extern "C" fn $name($($arg: $kind),*) -> Code $body
    )*};
}

exported! {
    /// Starts the library.
    fn nvmlInit_v2() { if stage().script.no_driver { DRIVER_NOT_LOADED } else { SUCCESS } }
    /// Starts the library; flags are passed over.
    fn nvmlInitWithFlags(_flags: c_uint) { if stage().script.no_driver { DRIVER_NOT_LOADED } else { SUCCESS } }
    /// Ends it.
    fn nvmlShutdown() { SUCCESS }
    /// A driver version of the 12th generation.
    fn nvmlSystemGetDriverVersion(to: *mut c_char, room: c_uint) { put_text(to, room, "550.54.15") }
    /// How many GPUs.
    fn nvmlDeviceGetCount_v2(to: *mut c_uint) { put(to, Ok(stage().script.gpus)) }
    /// A GPU by its number.
    fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, to: *mut *mut c_void) {
        let script = &stage().script;
        if script.hidden == Some(index) { return NO_PERMISSION; }
        put(to, if index < script.gpus { Ok(handle(index, None)) } else { Err(INVALID_ARGUMENT) })
    }
    /// A GPU or MIG device by its UUID.
    fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, to: *mut *mut c_void) {
        if uuid.is_null() { return INVALID_ARGUMENT; }
        // SAFETY: the caller gives a string that ends in NUL.
        let asked = unsafe { std::ffi::CStr::from_ptr(uuid) }.to_string_lossy();
        let script = &stage().script;
        let found = (0..script.gpus).find_map(|gpu| {
            if Script::uuid(gpu) == asked { return Some(handle(gpu, None)); }
            (0..script.mig).find(|slice| Script::mig_uuid(gpu, *slice) == asked).map(|slice| handle(gpu, Some(slice)))
        });
        put(to, found.ok_or(NOT_FOUND))
    }
    /// The UUID.
    fn nvmlDeviceGetUUID(device: *mut c_void, to: *mut c_char, room: c_uint) {
        match (stage().gpu(device), Stage::slice(device)) {
            (Err(code), _) => code,
            (Ok(gpu), None) => put_text(to, room, &Script::uuid(gpu)),
            (Ok(gpu), Some(slice)) => put_text(to, room, &Script::mig_uuid(gpu, slice)),
        }
    }
    /// The model name.
    fn nvmlDeviceGetName(device: *mut c_void, to: *mut c_char, room: c_uint) {
        stage().gpu(device).map_or_else(|code| code, |_| put_text(to, room, "Scripted GPU"))
    }
    /// Where it is on the bus; field for field `nvmlPciInfo_t`.
    fn nvmlDeviceGetPciInfo_v3(device: *mut c_void, to: *mut PciInfo) {
        put(to, stage().gpu(device).map(PciInfo::of))
    }
    /// Energy since the driver was loaded, in millijoules.
    fn nvmlDeviceGetTotalEnergyConsumption(device: *mut c_void, to: *mut c_ulonglong) {
        let stage = stage();
        if stage.script.no_energy { return NOT_SUPPORTED; }
        put(to, stage.gpu(device).map(|gpu| stage.script.counter_mj(gpu, stage.now_s())))
    }
    /// Power, in milliwatts.
    fn nvmlDeviceGetPowerUsage(device: *mut c_void, to: *mut c_uint) {
        let stage = stage();
        if stage.script.no_power { return NOT_SUPPORTED; }
        let power_w = stage.script.power_w(stage.now_s()) * stage.script.power_gain;
        put(to, stage.gpu(device).map(|_| (power_w * 1e3) as c_uint))
    }
    /// The power limit in force, in milliwatts.
    fn nvmlDeviceGetEnforcedPowerLimit(device: *mut c_void, to: *mut c_uint) {
        let stage = stage();
        put(to, stage.gpu(device).map(|_| (stage.script.limit_w * 1e3) as c_uint))
    }
    /// No process runs on a scripted GPU.
    fn nvmlDeviceGetComputeRunningProcesses_v3(device: *mut c_void, count: *mut c_uint, _infos: *mut c_void) {
        put(count, stage().gpu(device).map(|_| 0))
    }
    /// Nothing was used: NVML answers "not found" then.
    fn nvmlDeviceGetProcessUtilization(_device: *mut c_void, _to: *mut c_void, count: *mut c_uint, _since: c_ulonglong) {
        match put(count, Ok(0)) { SUCCESS => NOT_FOUND, code => code }
    }
    /// Whether MIG is on.
    fn nvmlDeviceGetMigMode(device: *mut c_void, current: *mut c_uint, pending: *mut c_uint) {
        let on = c_uint::from(stage().script.mig > 0);
        match put(current, stage().gpu(device).map(|_| on)) { SUCCESS => put(pending, Ok(on)), code => code }
    }
    /// How many MIG devices a GPU can have.
    fn nvmlDeviceGetMaxMigDeviceCount(device: *mut c_void, to: *mut c_uint) {
        put(to, stage().gpu(device).map(|_| stage().script.mig))
    }
    /// A MIG device by its number.
    fn nvmlDeviceGetMigDeviceHandleByIndex(device: *mut c_void, index: c_uint, to: *mut *mut c_void) {
        let found = if index < stage().script.mig { Ok(index) } else { Err(NOT_FOUND) };
        put(to, stage().gpu(device).and_then(|gpu| Ok(handle(gpu, Some(found?)))))
    }
    /// The GPU that holds a MIG device.
    fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device: *mut c_void, to: *mut *mut c_void) {
        put(to, stage().gpu(device).map(|gpu| handle(gpu, None)))
    }
    /// Whether a handle is of a MIG device.
    fn nvmlDeviceIsMigDeviceHandle(device: *mut c_void, to: *mut c_uint) {
        put(to, Ok(c_uint::from(Stage::slice(device).is_some())))
    }
}

/// `nvmlPciInfo_t`, as NVML lays it out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PciInfo {
    bus_id_legacy: [c_char; 16],
    domain: c_uint,
    bus: c_uint,
    device: c_uint,
    pci_device_id: c_uint,
    pci_sub_system_id: c_uint,
    bus_id: [c_char; 32],
}

impl PciInfo {
    fn of(gpu: u32) -> Self {
        fn text<const N: usize>(text: &str) -> [c_char; N] {
            let mut bytes = [0; N];
            for (to, from) in bytes.iter_mut().zip(text.bytes().take(N - 1)) {
                *to = c_int::from(from) as c_char;
            }
            bytes
        }
        let bus = 0x3b + gpu;
        Self {
            bus_id_legacy: text(&format!("0000:{bus:02X}:00.0")),
            domain: 0,
            bus,
            device: 0,
            pci_device_id: 0x2330_10de,
            pci_sub_system_id: 0,
            bus_id: text(&format!("00000000:{bus:02X}:00.0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_the_integral_of_the_wave() {
        let script = Script::parse("high_w=700 low_w=100 period_s=2 duty=0.25 start_mj=0");
        assert_eq!(script.counter_mj(0, 0.5), 350_000);
        assert_eq!(script.counter_mj(0, 2.0), 500_000);
        assert_eq!(script.counter_mj(0, 3.0), 500_000 + 350_000 + 50_000);
    }

    #[test]
    fn a_reset_brings_one_counter_back_to_zero() {
        let script = Script::parse("gpus=2 reset=1@2 start_mj=5000");
        assert_eq!(script.counter_mj(0, 3.0), 5000 + 900_000);
        assert_eq!(script.counter_mj(1, 3.0), 300_000);
    }
}
