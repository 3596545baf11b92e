//! The ledger's store: journals that survive a power cut, closed into Parquet.
//!
//! In: ticks from the meter, accounts by value, files of other meters. Out: journals, archives of samples and
//! minutes, entries (`greenwich.run/1`), and what is asked of them: lists, sums by any label, hours, exports.
//!
//! **Invariant:** an entry is never edited; a correction is a new entry that names the old one. Nothing
//! half-written is ever read as data.

pub mod archive;
pub mod entry;
mod error;
mod export;
pub mod figures;
mod header;
mod hours;
mod id;
pub mod import;
pub mod journal;
mod ledger;
mod merge;
mod private;
mod recover;
mod rows;
mod sheet;
mod stamp;
pub mod store;
mod summary;
mod tally;
mod verify;
mod words;

#[cfg(test)]
mod fixture;

pub use archive::{About, Closed, Sample, close};
pub use entry::{DeviceEnergy, Entry, PartOf};
pub use error::{Result, StoreError};
pub use export::{Format, RUNS, export};
pub use header::{End, RunContext};
pub use hours::{Drawn, Hour};
pub use id::Id;
pub use journal::{Damage, Journal, JournalFile, JournalState};
pub use ledger::{Entries, Ledger};
pub use merge::{Expected, Merged};
pub use recover::{Recovered, SILENT};
pub use rows::ParquetRows;
pub use sheet::{Cells, parquet_groups, parquet_sheet};
pub use store::{Content, FolderStore, LedgerStore, MemoryStore, Stored};
pub use summary::{Amounts, Dimension, Row, Summary, summary};
pub use tally::{Sum, Tally};
pub use verify::{Finding, Verified};
