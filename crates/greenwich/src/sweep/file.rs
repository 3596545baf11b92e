//! The rows of a sweep as a file, CSV or Parquet by its name's end.
//!
//! In: outcomes, some thousand at a time, which any thread can write down. Out: a file of the columns of [`COLUMNS`], there whole
//! or not at all. CSV has six significant figures and empty cells for what is not known; Parquet has full precision and nulls.
//!
//! [`COLUMNS`]: super::COLUMNS

use super::columns::{Before, Scribe, kinds, names};
use super::csv_rows::CsvRows;
use super::parquet_rows::ParquetRows;
use crate::error::Error;
use greenwich_estimate::sweep::{Outcome, Point};
use greenwich_store::figures::{FigureTable, Group, GroupEncoder, Kind};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated text.
    Csv,
    /// Parquet, compressed by zstd.
    Parquet,
}

impl Form {
    /// By the end of a file's name.
    ///
    /// # Errors
    /// [`Error::Write`] where it is neither `.csv` nor `.parquet`.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::Write {
                file: path.display().to_string(),
                reason: "its name says neither CSV nor Parquet".to_owned(),
                mend: "write --out sweep.csv or --out sweep.parquet",
            }),
        }
    }
}

/// Rows on their way to a file.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    scribe: &'a Scribe,
    before: Before,
    pages: Pages<'a>,
}

/// How rows are written down.
#[derive(Debug)]
pub(super) enum RowForm {
    Csv,
    Parquet(GroupEncoder),
}

#[derive(Debug)]
enum Pages<'a> {
    Csv(CsvRows<'a>),
    Parquet(ParquetRows, &'a GroupEncoder),
}

/// Rows as they will stand in the file.
#[derive(Debug)]
pub(super) enum Written {
    Csv(Vec<u8>),
    Parquet(io::Result<Group>),
}

impl<'a> Rows<'a> {
    pub(super) fn new(scribe: &'a Scribe, form: &'a RowForm) -> Self {
        let pages = match form {
            RowForm::Csv => Pages::Csv(CsvRows::new(&scribe.words)),
            RowForm::Parquet(encoder) => Pages::Parquet(ParquetRows::new(kinds()), encoder),
        };
        Self { scribe, before: Before::default(), pages }
    }

    pub(super) fn push(&mut self, point: &Point, outcome: &Outcome) {
        match &mut self.pages {
            Pages::Csv(rows) => self.scribe.row(&mut self.before, point, outcome, rows),
            Pages::Parquet(rows, _) => self.scribe.row(&mut self.before, point, outcome, rows),
        }
    }

    pub(super) fn written(self) -> Written {
        match self.pages {
            Pages::Csv(rows) => Written::Csv(rows.into_bytes()),
            Pages::Parquet(rows, encoder) => Written::Parquet(encoder.encode(rows.into_columns())),
        }
    }
}

/// The file that is being written, beside its name until it is whole.
#[derive(Debug)]
pub(super) struct Sink {
    path: PathBuf,
    beside: PathBuf,
    /// Gone once the file is whole.
    writer: Option<Writer>,
}

#[derive(Debug)]
enum Writer {
    Csv(BufWriter<File>),
    Parquet(Box<FigureTable<BufWriter<File>>>),
}

impl Sink {
    pub(super) fn open(path: &Path, form: Form, scribe: &Scribe, job: &str) -> Result<Self, Error> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let open = || -> io::Result<Writer> {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&beside)?);
            let names = names();
            Ok(match form {
                Form::Csv => {
                    writeln!(file, "{}", names.join(","))?;
                    Writer::Csv(file)
                }
                Form::Parquet => {
                    let columns: Vec<(&str, Kind)> = names.iter().map(String::as_str).zip(kinds()).collect();
                    let about = vec![("schema", "greenwich.sweep/1".to_owned()), ("job", job.to_owned())];
                    Writer::Parquet(Box::new(FigureTable::new(file, &columns, &scribe.words, about)?))
                }
            })
        };
        match open() {
            Ok(writer) => Ok(Self { path: path.to_owned(), beside, writer: Some(writer) }),
            Err(error) => {
                // It may have been made before it could not be written.
                _ = std::fs::remove_file(&beside);
                Err(unwritten(path, &error))
            }
        }
    }

    /// How rows of this file are written down, by any thread.
    pub(super) fn form(&self) -> RowForm {
        match &self.writer {
            Some(Writer::Parquet(table)) => RowForm::Parquet(table.encoder()),
            Some(Writer::Csv(_)) | None => RowForm::Csv,
        }
    }

    pub(super) fn write(&mut self, rows: Written) -> Result<(), Error> {
        let written = match (&mut self.writer, rows) {
            (Some(Writer::Csv(file)), Written::Csv(bytes)) => file.write_all(&bytes),
            (Some(Writer::Parquet(table)), Written::Parquet(group)) => group.and_then(|group| table.append(group)),
            _ => unreachable!("rows are made for the form of their file"),
        };
        written.map_err(|error| unwritten(&self.path, &error))
    }

    /// Ends the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let ended = match self.writer.take() {
            Some(Writer::Csv(mut file)) => file.flush(),
            Some(Writer::Parquet(table)) => table.finish().map(drop),
            None => Ok(()),
        };
        ended.and_then(|()| std::fs::rename(&self.beside, &self.path)).map_err(|error| {
            _ = std::fs::remove_file(&self.beside);
            unwritten(&self.path, &error)
        })
    }
}

impl Drop for Sink {
    /// What was begun and not ended leaves nothing.
    fn drop(&mut self) {
        if self.writer.is_some() {
            _ = std::fs::remove_file(&self.beside);
        }
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    Error::Write {
        file: path.display().to_string(),
        reason: error.to_string(),
        mend: "name a file in a folder that exists and that you may write to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_file;
    use crate::sweep::{Axes, grid};
    use greenwich_facts::Catalog;

    #[test]
    fn a_row_is_the_same_whatever_stood_before_it() {
        let flags = [
            ("model.name", "llama-2-7b"),
            ("model.tokens", "1e12"),
            ("machine.accelerator", "a100-sxm4-80g"),
            ("machine.count", "64"),
        ];
        let spec = job_file::from_flags(&flags.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let axes = [
            "chip=a100-sxm4-80g,h100-sxm,tpu-v4",
            "count=1,8,64",
            "layout=1x1x8,8x8x1:zero=0/1",
            "region=*",
            "datacenter=typical,1.1",
        ];
        let axes = Axes::read(&axes.map(str::to_owned)).expect("the axes are right");
        let catalog = Catalog::load();
        let named = grid::named(&catalog, &spec.expect("the flags are right"), &axes).expect("names that are known");
        let scribe = Scribe::new(&named);
        let bytes = |rows: Rows<'_>| match rows.written() {
            Written::Csv(bytes) => bytes,
            Written::Parquet(_) => Vec::new(),
        };
        let (mut one_by_one, mut together) = (Vec::new(), Rows::new(&scribe, &RowForm::Csv));
        named.grid.visit(0..named.grid.len(), |point, outcome| {
            together.push(&point, &outcome);
            let mut alone = Rows::new(&scribe, &RowForm::Csv);
            alone.push(&point, &outcome);
            one_by_one.extend(bytes(alone));
        });
        let together = bytes(together);
        let of = |status: &str| String::from_utf8_lossy(&together).lines().filter(|row| row.contains(status)).count();
        assert!(of(",ok,") > 100 && of(",layout,") > 100 && of(",not_offered,") > 100);
        assert!(one_by_one == together, "what is copied from the row before is what would be written");
    }
}
