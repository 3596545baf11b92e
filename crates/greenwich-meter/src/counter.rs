//! The seam to hardware: what a source of energy readings offers.
//!
//! In: a moment. Out: one [`Reading`] a domain, written into the caller's buffer. A source tells what its counter
//! shows; what that means in joules is reckoned in one place, [`crate::integrate`].

use greenwich_core::reading::Device;
use miette::Diagnostic;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Reads energy counters or powers on this host.
pub trait EnergyCounter: Send {
    /// The domains present, in a stable order.
    fn domains(&self) -> &[Domain];
    /// Reads every domain once into `into`, which is as long as [`Self::domains`].
    ///
    /// Cheap enough for 100 Hz: no allocation in the steady state and no waiting. A domain that cannot be read now
    /// is [`Reading::Missed`]; its counter still holds the answer for the next time.
    fn read(&mut self, moment: Moment, into: &mut [Reading]);
    /// Something that people should hear, once: two sensors that disagree, a device that is gone.
    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

/// When a reading is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds of monotonic time since the run's start.
    pub at_ns: u64,
    /// What the reading is for.
    pub purpose: Purpose,
}

/// What a reading is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The run's first: worth a second try.
    Start,
    /// A tick that goes to the sink.
    Tick,
    /// Between two ticks, so that a counter cannot wrap unseen or a power is not sampled too seldom.
    Between,
    /// The run's last: worth a second try.
    End,
}

impl Purpose {
    /// Whether the run begins or ends here.
    pub const fn is_edge(self) -> bool {
        matches!(self, Self::Start | Self::End)
    }
}

/// One counter or sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// The device it measures.
    pub device: Device,
    /// When its counter returns to zero; of no meaning for a power.
    pub wrap: Wrap,
    /// More than the device can ever draw: it bounds what was not seen and unmasks readings that cannot be.
    pub ceiling_w: f64,
    /// The longest time between two reads that loses nothing; none where any time will do.
    pub read_every: Option<Duration>,
}

/// When an energy counter returns to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// After this many microjoules (`max_energy_range_uj` + 1).
    At(u64),
    /// Never in practice; a counter that goes back was reset.
    Never,
    /// It does, but nobody can say where.
    Unreadable,
}

/// What a domain shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Energy since an origin of the counter's own, in microjoules.
    EnergyUj(u64),
    /// Power now, in milliwatts.
    PowerMw(u64),
    /// Mean power since the last reading by a model, in milliwatts.
    ModelMw {
        /// It is hardly less.
        low: u64,
        /// The best guess.
        likely: u64,
        /// It is hardly more.
        high: u64,
    },
    /// The source keeps its own, slower pace and was not read now.
    NotDue,
    /// It could not be read now.
    Missed(Miss),
}

/// Why a reading is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Miss {
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(io::ErrorKind),
    /// Nothing was there.
    #[error("was empty")]
    Empty,
    /// It is no number.
    #[error("held no number")]
    Garbage,
    /// The device is gone.
    #[error("is gone: the device was lost or reset")]
    Lost,
    /// The value is too old to be called the present one.
    #[error("gave no new value in time")]
    Stale,
}

/// Why a source cannot be opened. The state is part of the answer of `doctor`.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum CounterError {
    /// The kernel or machine has none.
    #[error("there is no {source_name}: `{path}` is missing")]
    #[diagnostic(code(greenwich::meter::absent), help("{mend}"))]
    Absent {
        /// The source.
        source_name: &'static str,
        /// Where it would be.
        path: PathBuf,
        /// What may help.
        mend: String,
    },
    /// It is there and closed to us.
    #[error("{source_name} is closed to this user: `{path}` cannot be read")]
    #[diagnostic(code(greenwich::meter::closed), help("open it by: {mend}"))]
    Closed {
        /// The source.
        source_name: &'static str,
        /// The first file that is closed.
        path: PathBuf,
        /// The command that opens it.
        mend: String,
    },
    /// It is there and gives nothing to count.
    #[error("{source_name} gives nothing to count: {cause}")]
    #[diagnostic(code(greenwich::meter::useless), help("{mend}"))]
    Useless {
        /// The source.
        source_name: &'static str,
        /// Why.
        cause: String,
        /// What may help.
        mend: String,
    },
    /// The choice of devices names none that is there.
    #[error("`{variable}={asked}` names `{token}`, and no such device is here")]
    #[diagnostic(code(greenwich::meter::no_such_device), help("the devices here are: {here}"))]
    NoSuchDevice {
        /// The variable.
        variable: &'static str,
        /// Its value.
        asked: String,
        /// The part of it that matches nothing.
        token: String,
        /// What there is.
        here: String,
    },
}

/// Bounds by kind of device that no real one exceeds: they unmask readings that cannot be and bound those unseen.
/// They never enter an energy that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceilings {
    /// One CPU package.
    pub package_w: f64,
    /// The memory of one package.
    pub dram_w: f64,
    /// One accelerator whose own limit cannot be read.
    pub gpu_w: f64,
    /// A whole node.
    pub node_w: f64,
}

impl Ceilings {
    /// Some four times the largest parts sold in 2026, so that no burst is taken for a fault.
    pub const GENEROUS: Self = Self { package_w: 2e3, dram_w: 1e3, gpu_w: 6e3, node_w: 6e4 };
}
