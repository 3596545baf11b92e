//! A column chunk of a Parquet file from values that come in runs.
//!
//! In: a column and its values, each with how often it comes in a row. Out: its pages, packed by zstd, with what the file's
//! footer says of them. The crate's own writer asks a hash table for the place of every value in the dictionary; of a run
//! that is known to be one, only the first is asked here, and all of it is one entry of the page.
//!
//! # Sources
//! Apache Parquet, "Encodings" (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>): run length and
//! bit-packing hybrid, dictionary, byte stream split.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io;
use zstd::bulk::Compressor;

/// The lowest: the last bytes of real numbers are noise that no level packs, and the first ones repeat.
const LEVEL: i32 = 1;
/// Values that one entry of bit-packed ones holds at most: more are legal, and no other writer makes them.
const PACKED_AT_ONCE: usize = 504;

/// A code or a level, and how often it comes in a row.
pub(crate) type Run = (u32, u32);

/// The values of a chunk that are there.
#[derive(Debug)]
pub(crate) enum Present<'a> {
    /// Places in a dictionary, whose entries stand as Parquet's PLAIN encoding has them.
    Coded { dictionary: &'a [u8], entries: u32, codes: &'a [Run] },
    /// Real numbers, byte by byte, each with how often it comes in a row.
    Split { numbers: &'a [(f64, u32)], count: usize },
}

/// A chunk as it will stand in the file.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) about: ColumnCloseResult,
}

/// Makes chunks, one after another; what it needs of memory it keeps.
pub(crate) struct ChunkEncoder {
    compressor: Compressor<'static>,
    page: Vec<u8>,
    packed: Vec<u8>,
}

impl ChunkEncoder {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, page: Vec::new(), packed: Vec::new() })
    }

    /// The chunk of a column of so many rows. `levels` says of which rows there is a value (1) and of which none (0); of a
    /// column that is required it is empty.
    pub(crate) fn chunk(
        &mut self,
        column: &ColumnDescPtr,
        rows: usize,
        levels: &[Run],
        present: &Present<'_>,
    ) -> Result<Chunk> {
        let rows = u32::try_from(rows).map_err(|_| too_long(rows))?;
        let mut sink = TrackedWrite::new(Vec::new());
        let mut written = Written::new(&mut sink);
        let dictionary_offset = match present {
            Present::Coded { dictionary, entries, .. } if *entries > 0 => {
                let pack = |buf| Page::DictionaryPage {
                    buf,
                    num_values: *entries,
                    encoding: Encoding::PLAIN,
                    is_sorted: false,
                };
                Some(written.page(&mut self.compressor, &mut self.packed, dictionary, pack)?)
            }
            _ => None,
        };
        self.page.clear();
        if !levels.is_empty() {
            // Levels have their length before them.
            self.page.extend_from_slice(&[0; 4]);
            hybrid(&mut self.page, 1, levels);
            let length = u32::try_from(self.page.len() - 4).map_err(|_| too_long(self.page.len()))?;
            self.page[..4].copy_from_slice(&length.to_le_bytes());
        }
        let encoding = match present {
            // Of nothing but nulls there is nothing to encode.
            Present::Coded { entries: 0, .. } => Encoding::PLAIN,
            Present::Coded { entries, codes, .. } => {
                let width = (u32::BITS - (entries - 1).leading_zeros()).max(1);
                self.page.push(width as u8);
                hybrid(&mut self.page, width, codes);
                Encoding::RLE_DICTIONARY
            }
            Present::Split { numbers, count } => {
                split(&mut self.page, numbers, *count);
                Encoding::BYTE_STREAM_SPLIT
            }
        };
        let pack = |buf| Page::DataPage {
            buf,
            num_values: rows,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let data_offset = written.page(&mut self.compressor, &mut self.packed, &self.page, pack)?;
        let Written { uncompressed, compressed, bytes, .. } = written;
        let mut encodings = vec![encoding, Encoding::RLE];
        if dictionary_offset.is_some() {
            encodings.push(Encoding::PLAIN);
        }
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_encodings(encodings)
            .set_num_values(i64::from(rows))
            .set_total_compressed_size(compressed)
            .set_total_uncompressed_size(uncompressed)
            .set_data_page_offset(data_offset)
            .set_dictionary_page_offset(dictionary_offset)
            .build()?;
        let about = ColumnCloseResult {
            bytes_written: bytes,
            rows_written: u64::from(rows),
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { bytes: sink.into_inner()?.into(), about })
    }
}

impl std::fmt::Debug for ChunkEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkEncoder").finish_non_exhaustive()
    }
}

/// Pages as they are written, and what they come to.
struct Written<'a> {
    pages: SerializedPageWriter<'a, Vec<u8>>,
    uncompressed: i64,
    compressed: i64,
    bytes: u64,
}

impl<'a> Written<'a> {
    fn new(sink: &'a mut TrackedWrite<Vec<u8>>) -> Self {
        Self { pages: SerializedPageWriter::new(sink), uncompressed: 0, compressed: 0, bytes: 0 }
    }

    /// Writes one page and says where it begins.
    fn page(
        &mut self,
        compressor: &mut Compressor<'_>,
        packed: &mut Vec<u8>,
        plain: &[u8],
        page: impl FnOnce(Bytes) -> Page,
    ) -> Result<i64> {
        packed.clear();
        packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        compressor.compress_to_buffer(plain, packed)?;
        let page = CompressedPage::new(page(Bytes::copy_from_slice(packed)), plain.len());
        let spec = self.pages.write_page(page)?;
        self.uncompressed += spec.uncompressed_size as i64;
        self.compressed += spec.compressed_size as i64;
        self.bytes += spec.bytes_written;
        Ok(spec.offset as i64)
    }
}

fn too_long(length: usize) -> ParquetError {
    ParquetError::General(format!("a page of {length} is longer than Parquet allows"))
}

/// Codes of so many bits: runs of eight and more as one entry, the others packed by eights.
fn hybrid(page: &mut Vec<u8>, width: u32, runs: &[Run]) {
    let bytes = width.div_ceil(8) as usize;
    let mut open: Vec<u32> = Vec::with_capacity(PACKED_AT_ONCE);
    for &(code, count) in runs {
        let fill = (8 - open.len() % 8) % 8;
        let apart = if count as usize >= fill + 8 { fill as u32 } else { count };
        for _ in 0..apart {
            open.push(code);
            if open.len() == PACKED_AT_ONCE {
                packed(page, width, &mut open);
            }
        }
        if count > apart {
            packed(page, width, &mut open);
            varint(page, u64::from(count - apart) << 1);
            page.extend_from_slice(&code.to_le_bytes()[..bytes]);
        }
    }
    packed(page, width, &mut open);
}

/// Writes the codes that are open, the lowest bits first; the last eight are filled up.
fn packed(page: &mut Vec<u8>, width: u32, open: &mut Vec<u32>) {
    if open.is_empty() {
        return;
    }
    let eights = open.len().div_ceil(8);
    open.resize(8 * eights, 0);
    varint(page, (eights as u64) << 1 | 1);
    let (mut bits, mut held) = (0u64, 0);
    for code in open.drain(..) {
        bits |= u64::from(code) << held;
        held += width;
        while held >= 8 {
            page.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
}

/// A whole number in sevens of bits.
fn varint(page: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        page.push(number as u8 | 0x80);
        number >>= 7;
    }
    page.push(number as u8);
}

/// All first bytes, all second ones, to all eighth: the upper ones repeat and the lower do not.
fn split(page: &mut Vec<u8>, numbers: &[(f64, u32)], count: usize) {
    let begin = page.len();
    page.resize(begin + 8 * count, 0);
    let mut rest = &mut page[begin..];
    let mut streams: [&mut [u8]; 8] = std::array::from_fn(|_| {
        let (stream, others) = std::mem::take(&mut rest).split_at_mut(count);
        rest = others;
        stream
    });
    let mut at = 0;
    for (number, times) in numbers {
        let end = at + *times as usize;
        for (stream, byte) in streams.iter_mut().zip(number.to_le_bytes()) {
            stream[at..end].fill(byte);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(width: u32, runs: &[Run]) -> Vec<u8> {
        let mut page = Vec::new();
        hybrid(&mut page, width, runs);
        page
    }

    #[test]
    fn codes_are_packed_as_the_format_shows() {
        // The example of the format's own page: 0 to 7 of three bits.
        let runs: Vec<Run> = (0..8).map(|code| (code, 1)).collect();
        assert_eq!(bytes(3, &runs), [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        // A hundred fives: a run of 100, then the code.
        assert_eq!(bytes(3, &[(5, 100)]), [200, 1, 5]);
        // Seven ones fill up with the first of twenty twos, whose rest is a run.
        assert_eq!(bytes(2, &[(1, 7), (2, 20)]), [3, 0b0101_0101, 0b1001_0101, 38, 2]);
    }

    #[test]
    fn numbers_are_split_byte_by_byte() {
        let mut page = vec![9];
        split(&mut page, &[(1.0, 2), (-2.0, 1)], 3);
        assert_eq!(page[1 + 18..], [0xf0, 0xf0, 0x00, 0x3f, 0x3f, 0xc0]);
        assert_eq!(page.len(), 1 + 24);
    }
}
