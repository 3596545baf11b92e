//! The samples of one part of a run, as Parquet: `greenwich.samples/1`.
//!
//! In: samples in the order of their ticks. Out: row groups of about [`GROUP_ROWS`] rows, in each of which the
//! rows are sorted by device and time. Groups end at multiples of 128 ticks, the block length of Parquet's delta
//! encoding: each device's times then lie in the same blocks, and zstd writes them once.

use super::about::About;
use super::sample::{Sample, add_to};
use super::table::{Column, Layout, Packing, TableReader, TableWriter};
use crate::header::HeaderWire;
use crate::tally::Tally;
use crate::words;
use greenwich_core::reading::MeterHeader;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::ChunkReader;
use std::io::Write;

/// The schema's name.
pub const SAMPLES: &str = "greenwich.samples/1";

const GROUP_ROWS: usize = 1 << 16;
const BLOCK_TICKS: usize = 128;

const SCHEMA: &str = "message samples {
    REQUIRED BYTE_ARRAY run (STRING);
    REQUIRED BYTE_ARRAY host (STRING);
    REQUIRED BYTE_ARRAY device (STRING);
    REQUIRED BYTE_ARRAY kind (STRING);
    REQUIRED BYTE_ARRAY method (STRING);
    REQUIRED BOOLEAN inside_another;
    REQUIRED INT64 start (TIMESTAMP(MICROS,true));
    REQUIRED INT64 clock_step_us;
    REQUIRED INT64 duration_us;
    REQUIRED DOUBLE energy_mj;
    REQUIRED INT64 energy_rest_uj;
    REQUIRED INT64 spread_uj;
}";

const LAYOUTS: [(&str, Layout); 2] = [("start", Layout::Delta), ("energy_mj", Layout::Bytes)];

/// Words of a run's rows: made once, counted references after.
pub(super) struct Words {
    pub(super) run: [ByteArray; 1],
    pub(super) host: [ByteArray; 1],
    pub(super) devices: Vec<ByteArray>,
    pub(super) kinds: Vec<ByteArray>,
    pub(super) methods: Vec<ByteArray>,
}

impl Words {
    pub(super) fn of(header: &MeterHeader) -> Self {
        Self {
            run: [header.run.as_str().into()],
            host: [header.host.as_str().into()],
            devices: header.devices.iter().map(|device| device.id.as_str().into()).collect(),
            kinds: header.devices.iter().map(|device| device.kind.as_str().into()).collect(),
            methods: words::METHODS.iter().map(|method| method.as_str().into()).collect(),
        }
    }
}

pub(super) fn method_place(method: greenwich_core::reading::Method) -> u16 {
    words::METHODS.iter().position(|one| *one == method).unwrap_or(0) as u16
}

/// Writes samples.
pub(crate) struct SamplesWriter<W: Write + Send> {
    table: TableWriter<W>,
    header: MeterHeader,
    words: Words,
    waiting: Vec<Sample>,
    ticks: usize,
    /// How many of `waiting` belong to whole blocks of ticks.
    in_blocks: usize,
    tally: Tally,
}

impl<W: Write + Send> SamplesWriter<W> {
    pub(crate) fn new(sink: W, part: &str, header: &MeterHeader, packing: Packing) -> Result<Self> {
        let metadata = vec![
            ("greenwich.schema", SAMPLES.to_owned()),
            ("greenwich.header", json(&HeaderWire::new(part, header))?),
            ("greenwich.boot_id", header.boot_id.clone()),
        ];
        Ok(Self {
            table: TableWriter::new(sink, SCHEMA, &LAYOUTS, packing, &[2, 6], metadata)?,
            header: header.clone(),
            words: Words::of(header),
            waiting: Vec::new(),
            ticks: 0,
            in_blocks: 0,
            tally: Tally::new(header.devices.len()),
        })
    }

    /// Adds the samples of one tick.
    pub(crate) fn tick(&mut self, samples: impl Iterator<Item = Sample>) -> Result<()> {
        let before = self.waiting.len();
        self.waiting.extend(samples);
        for sample in &self.waiting[before..] {
            if usize::from(sample.device) >= self.header.devices.len() {
                return Err(ParquetError::General(format!("device {} is not in the header", sample.device)));
            }
            add_to(&mut self.tally, sample);
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(BLOCK_TICKS) {
            self.in_blocks = self.waiting.len();
            if self.in_blocks >= GROUP_ROWS {
                self.group(self.in_blocks)?;
            }
        }
        Ok(())
    }

    fn group(&mut self, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let samples = &mut self.waiting[..rows];
        samples.sort_by_key(|sample| (sample.device, sample.since_us, sample.until_us));
        let (samples, header, words) = (&*samples, &self.header, &self.words);
        let devices = || samples.iter().map(|sample| sample.device).collect::<Vec<_>>();
        let whole = |of: &dyn Fn(&Sample) -> i64| Column::Whole(samples.iter().map(of).collect());
        // Made one after another, so that one column at a time is in memory.
        let column = |at: usize| match at {
            0 => Column::Text { words: &words.run, rows: vec![0; rows] },
            1 => Column::Text { words: &words.host, rows: vec![0; rows] },
            2 => Column::Text { words: &words.devices, rows: devices() },
            3 => Column::Text { words: &words.kinds, rows: devices() },
            4 => Column::Text {
                words: &words.methods,
                rows: samples.iter().map(|sample| method_place(sample.method)).collect(),
            },
            5 => Column::Flag(
                samples.iter().map(|sample| header.devices[usize::from(sample.device)].inside_another).collect(),
            ),
            6 => whole(&|sample| sample.start_us(header.started)),
            7 => whole(&|sample| sample.clock_step_us),
            8 => whole(&|sample| sample.duration_us() as i64),
            9 => Column::Real(samples.iter().map(|sample| (sample.energy_uj / 1000) as f64).collect()),
            10 => whole(&|sample| (sample.energy_uj % 1000) as i64),
            _ => whole(&|sample| (sample.most_uj - sample.energy_uj) as i64),
        };
        self.table.group(&mut (0..12).map(column))?;
        self.waiting.drain(..rows);
        self.in_blocks = 0;
        Ok(())
    }

    /// Writes what is left and the sums; gives back the sink and what was written.
    pub(crate) fn finish(mut self, about: &About) -> Result<(W, Tally)> {
        // What does not fill a block goes apart, where the whole blocks are worth it.
        if self.ticks > 4 * BLOCK_TICKS {
            self.group(self.in_blocks)?;
        }
        self.group(self.waiting.len())?;
        let sink = self.table.finish(about.metadata(&self.tally)?)?;
        Ok((sink, self.tally))
    }
}

/// Whole millijoules, which a `f64` holds exactly up to 2^53 (2.5 MWh a sample).
fn millijoules(energy_mj: f64) -> Option<i64> {
    (energy_mj.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&energy_mj)).then_some(energy_mj as i64)
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| ParquetError::External(Box::new(cause)))
}

/// Reads samples.
#[derive(Debug)]
pub(crate) struct SamplesReader {
    table: TableReader,
    header: MeterHeader,
}

impl SamplesReader {
    pub(crate) fn new(source: impl ChunkReader + 'static) -> Result<Self> {
        let table = TableReader::new(source)?;
        let about = super::about::header(&table, SAMPLES)?;
        Ok(Self { table, header: about.1 })
    }

    /// The sums that the file states.
    pub(crate) fn stated(&self) -> Result<Tally> {
        Ok(super::about::about(&self.table, self.header.devices.len())?.1)
    }

    /// Calls `each` with every sample, group by group, in each by device and time.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Sample)) -> Result<()> {
        let (mut columns, mut energies): ([Vec<i64>; 5], Vec<f64>) = Default::default();
        let (mut devices, mut methods) = (Vec::new(), Vec::new());
        let places: std::collections::HashMap<&[u8], u16> =
            self.header.devices.iter().zip(0..).map(|(device, at)| (device.id.as_bytes(), at)).collect();
        let started_us = self.header.started.as_microsecond();
        for group in 0..self.table.groups() {
            let names = ["start", "clock_step_us", "duration_us", "energy_rest_uj", "spread_uj"];
            for (values, name) in columns.iter_mut().zip(names) {
                self.table.whole(group, name, values)?;
            }
            self.table.real(group, "energy_mj", &mut energies)?;
            self.table.text(group, "device", &mut devices)?;
            self.table.text(group, "method", &mut methods)?;
            for row in 0..self.table.rows(group) {
                let [start, step, duration, rest, spread] = columns.each_ref().map(|column| column[row]);
                let device = *places
                    .get(devices[row].data())
                    .ok_or_else(|| ParquetError::General("a row names a device that the header lacks".to_owned()))?;
                let method = words::method(std::str::from_utf8(methods[row].data()).unwrap_or_default());
                let sample = || {
                    let whole = |number: i64| u64::try_from(number).ok();
                    let since_us = whole(start.checked_sub(step)?.checked_sub(started_us)?)?;
                    let energy_uj = whole(millijoules(energies[row])?.checked_mul(1000)?.checked_add(rest)?)?;
                    Some(Sample {
                        device,
                        since_us,
                        until_us: since_us.checked_add(whole(duration)?)?,
                        method,
                        energy_uj,
                        most_uj: energy_uj.checked_add(whole(spread)?)?,
                        clock_step_us: step,
                    })
                };
                each(sample().ok_or_else(|| ParquetError::General("a row is out of range".to_owned()))?);
            }
        }
        Ok(())
    }

    /// Energies of the devices that are not inside another, with start and time covered, fast: no text.
    pub(crate) fn energies(&self, mut each: impl FnMut(i64, u64, u64)) -> Result<()> {
        let (mut columns, mut energies): ([Vec<i64>; 3], Vec<f64>) = Default::default();
        let mut devices = Vec::new();
        let any_inside = self.header.devices.iter().any(|device| device.inside_another);
        for group in 0..self.table.groups() {
            for (values, name) in columns.iter_mut().zip(["start", "duration_us", "energy_rest_uj"]) {
                self.table.whole(group, name, values)?;
            }
            self.table.real(group, "energy_mj", &mut energies)?;
            if any_inside {
                self.table.text(group, "device", &mut devices)?;
            }
            let [start, duration, rest] = &columns;
            for row in 0..start.len() {
                let inside = |device: &greenwich_core::reading::Device| {
                    device.inside_another && device.id.as_bytes() == devices[row].data()
                };
                if !(any_inside && self.header.devices.iter().any(inside)) {
                    each(start[row], duration[row] as u64, energies[row] as u64 * 1000 + rest[row] as u64);
                }
            }
        }
        Ok(())
    }

    /// The sums of what is in the file.
    pub(crate) fn tally(&self) -> Result<Tally> {
        let mut tally = Tally::new(self.header.devices.len());
        self.for_each(|sample| add_to(&mut tally, &sample))?;
        Ok(tally)
    }
}
