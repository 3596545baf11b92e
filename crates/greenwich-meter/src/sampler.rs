//! The sampler: one thread that reads every source at each tick and hands the spans on.
//!
//! In: sources, a clock, a period and a sink. Out: ticks for the sink and, at the end, a [`Summary`]. The first and
//! the last reading are at the run's very start and end. Ticks fall due at multiples of the period since the start,
//! so that nothing drifts; one that comes late makes one longer span. In the steady state a tick allocates nothing.
//!
//! Nothing here fails the run: a source or sink that does not work is told of once, and the rest goes on.

use crate::attribution::CpuShare;
use crate::clock::Clock;
use crate::counter::{EnergyCounter, Miss, Moment, Purpose, Reading};
use crate::integrate::{Integrator, span};
use crate::summary::{Notice, Summary, Totals};
use greenwich_core::reading::{Device, DeviceKind, MeterHeader, Span, Tick, TickSink};
use jiff::SignedDuration;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The shortest period: below it counters show the same value twice.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(10);
/// So many misses in a row are worth a word; fewer lose nothing.
const MISSES: u32 = 3;
/// The thread's stack; its deepest frames are those of a sink that writes.
const STACK_BYTES: usize = 512 * 1024;

/// What a sampler is made of.
pub struct Setup {
    /// Unique name of the run.
    pub run: String,
    /// Node name.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Time between ticks; at least [`SHORTEST_PERIOD`].
    pub period: Duration,
    /// Where readings come from.
    pub sources: Vec<Box<dyn EnergyCounter>>,
    /// What time it is.
    pub clock: Box<dyn Clock>,
    /// Where ticks go.
    pub sink: Box<dyn TickSink>,
    /// Who hears of what went wrong; each thing once.
    pub notices: Box<dyn FnMut(Notice) + Send>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("run", &self.run).field("period", &self.period).finish_non_exhaustive()
    }
}

struct Paced {
    source: Box<dyn EnergyCounter>,
    /// Its place in the buffers of readings, integrators and misses.
    first: usize,
    count: usize,
    /// The longest time between two reads, and when the next is due without a tick.
    every_ns: Option<u64>,
    due_ns: u64,
}

#[derive(Debug)]
struct Watched {
    share: CpuShare,
    due_ns: u64,
}

/// A meter that has taken its first reading.
pub struct Sampler {
    clock: Box<dyn Clock>,
    sink: Box<dyn TickSink>,
    notices: Box<dyn FnMut(Notice) + Send>,
    sources: Vec<Paced>,
    header: MeterHeader,
    readings: Vec<Reading>,
    integrators: Vec<Integrator>,
    misses: Vec<u32>,
    spans: Vec<Span>,
    totals: Totals,
    period_ns: u64,
    next_tick_ns: u64,
    sink_failed: bool,
    share: Option<Watched>,
    inbox: Inbox,
}

/// Where [`Running::watch`] leaves what it was given.
type Inbox = Arc<Mutex<Option<CpuShare>>>;

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Sampler {
    /// Takes the first reading: the run starts now.
    pub fn start(setup: Setup) -> Self {
        let Setup { run, host, boot_id, period, sources, clock, sink, notices } = setup;
        let period_ns = nanos(period.max(SHORTEST_PERIOD));
        let (mut paced, mut devices, mut integrators) = (Vec::new(), Vec::<Device>::new(), Vec::new());
        for source in sources {
            let domains = source.domains();
            let every_ns = domains.iter().filter_map(|domain| domain.read_every).min().map(nanos);
            let (first, count) = (devices.len(), domains.len());
            devices.extend(domains.iter().map(|domain| domain.device.clone()));
            integrators.extend(domains.iter().map(|domain| Integrator::new(domain).paced(period_ns)));
            // A source that is content with the ticks needs no wake of its own.
            let every_ns = every_ns.filter(|every_ns| *every_ns < period_ns);
            paced.push(Paced { source, first, count, every_ns, due_ns: every_ns.unwrap_or(u64::MAX) });
        }
        nest(&mut devices);
        let header = MeterHeader {
            run,
            host,
            boot_id,
            started: clock.wall(),
            started_boot_ns: clock.boot_ns(),
            period: SignedDuration::from_nanos(i64::try_from(period_ns).unwrap_or(i64::MAX)),
            devices,
        };
        let many = header.devices.len();
        let mut sampler = Self {
            clock,
            sink,
            notices,
            sources: paced,
            readings: vec![Reading::NotDue; many],
            integrators,
            misses: vec![0; many],
            spans: Vec::with_capacity(many),
            totals: Totals::new(many),
            header,
            period_ns,
            next_tick_ns: period_ns,
            sink_failed: false,
            share: None,
            inbox: Inbox::default(),
        };
        // First the reading, then the sink, which may take its time.
        sampler.read(0, Purpose::Start);
        let begun = sampler.sink.begin(&sampler.header);
        sampler.hear_sink(begun);
        sampler
    }

    /// The devices, as the sink was told.
    pub fn header(&self) -> &MeterHeader {
        &self.header
    }

    /// Waits for what is due next and does it: a tick, or reads between two ticks. Returns at once when `stop` is set.
    pub fn step(&mut self, stop: &AtomicBool) {
        let due_ns = self.sources.iter().map(|paced| paced.due_ns).fold(self.next_tick_ns, u64::min);
        let start_ns = self.header.started_boot_ns;
        self.clock.wait_until(start_ns.saturating_add(due_ns), stop);
        let at_ns = self.now_ns();
        if stop.load(Ordering::Acquire) || at_ns < due_ns {
            return;
        }
        if at_ns >= self.next_tick_ns {
            self.read(at_ns, Purpose::Tick);
            self.hand_on(at_ns, false);
            self.look(at_ns);
            self.next_tick_ns = (at_ns / self.period_ns + 1) * self.period_ns;
        } else {
            self.read(at_ns, Purpose::Between);
        }
    }

    /// Takes the last reading and sums up: the run ends now.
    pub fn finish(mut self) -> Summary {
        let at_ns = self.now_ns();
        self.read(at_ns, Purpose::End);
        self.hand_on(at_ns, true);
        self.take_share();
        let cpu = self.share.as_mut().map(|watched| watched.share.look());
        Summary { cpu, ..self.totals.into_summary(&self.header, at_ns) }
    }

    /// Never waits: a share that is being handed over is taken at the next tick.
    fn take_share(&mut self) {
        if self.share.is_none() {
            let handed = self.inbox.try_lock().ok().and_then(|mut inbox| inbox.take());
            self.share = handed.map(|share| Watched { share, due_ns: 0 });
        }
    }

    fn look(&mut self, at_ns: u64) {
        self.take_share();
        if let Some(watched) = self.share.as_mut().filter(|watched| at_ns >= watched.due_ns) {
            watched.share.look();
            watched.due_ns = at_ns.saturating_add(nanos(watched.share.pace()));
        }
    }

    fn now_ns(&self) -> u64 {
        self.clock.boot_ns().saturating_sub(self.header.started_boot_ns)
    }

    /// Reads the sources that are due; all of them at a tick and at the edges.
    fn read(&mut self, at_ns: u64, purpose: Purpose) {
        for paced in &mut self.sources {
            if purpose == Purpose::Between && at_ns < paced.due_ns {
                continue;
            }
            let range = paced.first..paced.first + paced.count;
            let readings = &mut self.readings[range.clone()];
            paced.source.read(Moment { at_ns, purpose }, readings);
            if let Some(every_ns) = paced.every_ns {
                paced.due_ns = (at_ns / every_ns + 1) * every_ns;
            }
            for (device, reading) in range.zip(readings.iter()) {
                self.integrators[device].observe(*reading, at_ns);
                match reading {
                    Reading::Missed(miss) => {
                        let so_far = self.misses[device];
                        self.misses[device] =
                            if *miss == Miss::Lost { MISSES.max(so_far) } else { so_far.saturating_add(1) };
                        if so_far < MISSES && self.misses[device] >= MISSES {
                            let id = self.header.devices[device].id.clone();
                            (self.notices)(Notice::Device { device: id, cause: *miss });
                        }
                    }
                    Reading::NotDue => {}
                    _ if self.misses[device] < MISSES => self.misses[device] = 0,
                    _ => {}
                }
            }
            if let Some(words) = paced.source.take_notice() {
                (self.notices)(Notice::Source { words });
            }
        }
    }

    /// Hands the spans up to `at_ns` to the sink.
    fn hand_on(&mut self, at_ns: u64, is_last: bool) {
        self.spans.clear();
        for (device, integrator) in self.integrators.iter_mut().enumerate() {
            let taken = if is_last { integrator.take_last_span(at_ns) } else { integrator.take_span(at_ns) };
            if let Some((since_ns, energy)) = taken {
                self.totals.add(device, at_ns - since_ns, energy);
                self.spans.push(span(device as u16, since_ns, energy));
            }
        }
        if self.spans.is_empty() && !is_last {
            return;
        }
        let told = self.sink.tick(Tick { at_ns, wall: self.clock.wall(), spans: &self.spans });
        self.hear_sink(told);
    }

    fn hear_sink(&mut self, told: std::io::Result<()>) {
        if let (Err(e), false) = (told, self.sink_failed) {
            self.sink_failed = true;
            (self.notices)(Notice::Sink { cause: e.to_string() });
        }
    }

    /// Goes on in a thread of its own until [`Running::stop`].
    ///
    /// Where no thread can be had the run is metered by its first and last reading alone, and a notice says so.
    pub fn spawn(self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let (header, inbox) = (self.header.clone(), Arc::clone(&self.inbox));
        // The sampler waits in a slot, so that it is not lost with a thread that cannot be started.
        let slot = Arc::new(Mutex::new(Some(self)));
        let take = |slot: &Mutex<Option<Self>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (of_thread, halt) = (Arc::clone(&slot), Arc::clone(&stop));
        let thread = thread::Builder::new().name("greenwich-meter".into()).stack_size(STACK_BYTES).spawn(move || {
            let mut sampler = take(&of_thread)?;
            while !halt.load(Ordering::Acquire) {
                sampler.step(&halt);
            }
            Some(sampler.finish())
        });
        let still = thread.is_err().then(|| take(&slot)).flatten().map(|mut sampler| {
            (sampler.notices)(Notice::NoThread);
            sampler
        });
        Running { header, inbox, stop, thread: thread.ok(), still: still.map(Box::new) }
    }
}

/// A meter at work.
#[derive(Debug)]
pub struct Running {
    header: MeterHeader,
    inbox: Inbox,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<Summary>>>,
    still: Option<Box<Sampler>>,
}

impl Running {
    /// The devices metered.
    pub fn header(&self) -> &MeterHeader {
        &self.header
    }

    /// Looks at a run's CPU time as well, at the pace that its size allows; to be called once the run has a process.
    ///
    /// A look at a tree of processes allocates; one at a cgroup does not.
    pub fn watch(&self, share: CpuShare) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
    }

    /// Takes the last reading, waits for the sink and gives the sums.
    pub fn stop(self) -> Summary {
        if let Some(sampler) = self.still {
            return sampler.finish();
        }
        self.stop.store(true, Ordering::Release);
        let summary = self.thread.and_then(|thread| {
            thread.thread().unpark();
            thread.join().ok().flatten()
        });
        summary.unwrap_or_else(|| Totals::new(self.header.devices.len()).into_summary(&self.header, 0))
    }
}

/// Marks what another device holds: a node's supply holds all, a platform its packages and DRAM, and of two sources
/// that show one device the first one counts.
fn nest(devices: &mut [Device]) {
    let outermost = |kind| move |device: &Device| device.kind == kind && !device.inside_another;
    let node = devices.iter().position(outermost(DeviceKind::Node));
    let has_platform = devices.iter().any(outermost(DeviceKind::Platform));
    for at in 0..devices.len() {
        let is_twin = devices[..at].iter().any(|other| other.id == devices[at].id);
        let in_platform = has_platform && matches!(devices[at].kind, DeviceKind::CpuPackage | DeviceKind::Dram);
        let in_node = node.is_some_and(|node| node != at);
        devices[at].inside_another |= is_twin || in_platform || in_node;
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
