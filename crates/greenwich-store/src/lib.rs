//! The ledger's store: journals that survive a power cut, closed into Parquet.
