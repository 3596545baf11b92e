//! The roll-up beside the samples: what each device drew in each minute, `greenwich.minutes/1`.
//!
//! In: samples. Out: rows of device, method and minute by the wall clock (UTC). A sample that crosses a minute is
//! shared by time, to the microjoule, so that minutes sum to what samples sum to. A minute may have several rows
//! of one device and method (a long run is written in pieces): sum them.

use super::about::{self, About};
use super::sample::Sample;
use super::samples::{Words, json, method_place};
use super::table::{Column, Layout, Packing, TableReader, TableWriter};
use crate::header::HeaderWire;
use crate::tally::{Sum, Tally};
use crate::words;
use greenwich_core::reading::{MeterHeader, Method};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::ChunkReader;
use std::collections::BTreeMap;
use std::io::Write;

/// The schema's name.
pub const MINUTES: &str = "greenwich.minutes/1";

pub(crate) const MINUTE_US: i64 = 60_000_000;
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;

const GROUP_ROWS: usize = 1 << 16;

const SCHEMA: &str = "message minutes {
    REQUIRED BYTE_ARRAY run (STRING);
    REQUIRED BYTE_ARRAY host (STRING);
    REQUIRED BYTE_ARRAY device (STRING);
    REQUIRED BYTE_ARRAY kind (STRING);
    REQUIRED BYTE_ARRAY method (STRING);
    REQUIRED BOOLEAN inside_another;
    REQUIRED INT64 start (TIMESTAMP(MICROS,true));
    REQUIRED INT64 covered_us;
    REQUIRED INT64 energy_uj;
    REQUIRED INT64 spread_uj;
}";

const LAYOUTS: [(&str, Layout); 2] = [("start", Layout::Delta), ("energy_uj", Layout::Delta)];

/// Shares a sum over the cells of a grid by time; whole numbers, so that the shares sum to the whole.
///
/// A span of more cells than a year has minutes lands in its first: no meter is silent so long.
pub(crate) fn share(start_us: i64, sum: Sum, cell_us: i64, mut each: impl FnMut(i64, Sum)) {
    let length = i64::try_from(sum.covered_us).unwrap_or(i64::MAX);
    let first = start_us.div_euclid(cell_us);
    let last = start_us.saturating_add((length - 1).max(0)).div_euclid(cell_us);
    if first == last || last - first > 366 * 24 * 60 {
        return each(first * cell_us, sum);
    }
    let mut given = Sum::default();
    for cell in first..=last {
        let passed = (((cell + 1) * cell_us).saturating_sub(start_us)).min(length) as u64;
        let part = |whole: u64| (u128::from(whole) * u128::from(passed) / u128::from(sum.covered_us)) as u64;
        let until = Sum { energy_uj: part(sum.energy_uj), most_uj: part(sum.most_uj), covered_us: passed };
        let piece = Sum {
            energy_uj: until.energy_uj - given.energy_uj,
            most_uj: until.most_uj - given.most_uj,
            covered_us: until.covered_us - given.covered_us,
        };
        given = until;
        each(cell * cell_us, piece);
    }
}

/// Writes minutes.
pub(crate) struct MinutesWriter<W: Write + Send> {
    table: TableWriter<W>,
    header: MeterHeader,
    words: Words,
    waiting: BTreeMap<(u16, i64, Method), Sum>,
    tally: Tally,
}

impl<W: Write + Send> MinutesWriter<W> {
    pub(crate) fn new(sink: W, part: &str, header: &MeterHeader, packing: Packing) -> Result<Self> {
        let metadata = vec![
            ("greenwich.schema", MINUTES.to_owned()),
            ("greenwich.header", json(&HeaderWire::new(part, header))?),
            ("greenwich.boot_id", header.boot_id.clone()),
        ];
        Ok(Self {
            table: TableWriter::new(sink, SCHEMA, &LAYOUTS, packing, &[2, 6], metadata)?,
            header: header.clone(),
            words: Words::of(header),
            waiting: BTreeMap::new(),
            tally: Tally::new(header.devices.len()),
        })
    }

    pub(crate) fn sample(&mut self, sample: &Sample) -> Result<()> {
        super::sample::add_to(&mut self.tally, sample);
        let waiting = &mut self.waiting;
        share(sample.start_us(self.header.started), sample.sum(), MINUTE_US, |minute, sum| {
            waiting.entry((sample.device, minute, sample.method)).or_default().add(sum);
        });
        if self.waiting.len() >= GROUP_ROWS { self.group() } else { Ok(()) }
    }

    fn group(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (rows, words, header) = (&self.waiting, &self.words, &self.header);
        let devices = || rows.keys().map(|(device, _, _)| *device).collect::<Vec<_>>();
        let whole = |of: &dyn Fn(&Sum) -> i64| Column::Whole(rows.values().map(of).collect());
        let column = |at: usize| match at {
            0 => Column::Text { words: &words.run, rows: vec![0; rows.len()] },
            1 => Column::Text { words: &words.host, rows: vec![0; rows.len()] },
            2 => Column::Text { words: &words.devices, rows: devices() },
            3 => Column::Text { words: &words.kinds, rows: devices() },
            4 => Column::Text {
                words: &words.methods,
                rows: rows.keys().map(|(_, _, method)| method_place(*method)).collect(),
            },
            5 => Column::Flag(
                rows.keys().map(|(device, _, _)| header.devices[usize::from(*device)].inside_another).collect(),
            ),
            6 => Column::Whole(rows.keys().map(|(_, minute, _)| *minute).collect()),
            7 => whole(&|sum| sum.covered_us as i64),
            8 => whole(&|sum| sum.energy_uj as i64),
            _ => whole(&|sum| sum.most_uj.saturating_sub(sum.energy_uj) as i64),
        };
        self.table.group(&mut (0..10).map(column))?;
        self.waiting.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self, about: &About) -> Result<W> {
        self.group()?;
        let metadata = about.metadata(&self.tally)?;
        self.table.finish(metadata)
    }
}

/// Reads minutes.
#[derive(Debug)]
pub(crate) struct MinutesReader {
    table: TableReader,
    part: String,
    header: MeterHeader,
}

impl MinutesReader {
    pub(crate) fn new(source: impl ChunkReader + 'static) -> Result<Self> {
        let table = TableReader::new(source)?;
        let (part, header) = about::header(&table, MINUTES)?;
        Ok(Self { table, part, header })
    }

    pub(crate) fn header(&self) -> &MeterHeader {
        &self.header
    }

    pub(crate) fn part(&self) -> &str {
        &self.part
    }

    /// What the file says of itself, and the sums that it states.
    pub(crate) fn about(&self) -> Result<(About, Tally)> {
        about::about(&self.table, self.header.devices.len())
    }

    /// Calls `each` with device, method, minute and sum of every row.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u16, Method, i64, Sum)) -> Result<()> {
        let mut columns: [Vec<i64>; 4] = Default::default();
        let (mut devices, mut methods) = (Vec::new(), Vec::new());
        for group in 0..self.table.groups() {
            for (values, name) in columns.iter_mut().zip(["start", "covered_us", "energy_uj", "spread_uj"]) {
                self.table.whole(group, name, values)?;
            }
            self.table.text(group, "device", &mut devices)?;
            self.table.text(group, "method", &mut methods)?;
            let mut device = 0u16;
            for row in 0..self.table.rows(group) {
                let [start, covered_us, energy_uj, spread_uj] = columns.each_ref().map(|column| column[row]);
                // Rows are sorted by device: the one before is the likely one.
                if self
                    .header
                    .devices
                    .get(usize::from(device))
                    .is_none_or(|one| one.id.as_bytes() != devices[row].data())
                {
                    let place = self.header.devices.iter().position(|one| one.id.as_bytes() == devices[row].data());
                    device = place
                        .ok_or_else(|| ParquetError::General("a row names a device that the header lacks".to_owned()))?
                        as u16;
                }
                let method = words::method(std::str::from_utf8(methods[row].data()).unwrap_or_default());
                let sum = || {
                    let whole = |number: i64| u64::try_from(number).ok();
                    let energy_uj = whole(energy_uj)?;
                    let most_uj = energy_uj.checked_add(whole(spread_uj)?)?;
                    Some(Sum { energy_uj, most_uj, covered_us: whole(covered_us)? })
                };
                let sum = sum().ok_or_else(|| ParquetError::General("a row is out of range".to_owned()))?;
                each(device, method, start, sum);
            }
        }
        Ok(())
    }

    /// Energies by hour of the devices that are not inside another, fast: whole columns and no text.
    pub(crate) fn hours(&self, mut each: impl FnMut(i64, u64)) -> Result<()> {
        let (mut start, mut energy, mut devices) = (Vec::new(), Vec::new(), Vec::new());
        let any_inside = self.header.devices.iter().any(|device| device.inside_another);
        for group in 0..self.table.groups() {
            self.table.whole(group, "start", &mut start)?;
            self.table.whole(group, "energy_uj", &mut energy)?;
            if any_inside {
                self.table.text(group, "device", &mut devices)?;
            }
            for row in 0..start.len() {
                let inside = any_inside
                    && self
                        .header
                        .devices
                        .iter()
                        .any(|device| device.inside_another && device.id.as_bytes() == devices[row].data());
                if !inside {
                    each(start[row].div_euclid(HOUR_US) * HOUR_US, energy[row] as u64);
                }
            }
        }
        Ok(())
    }
}
