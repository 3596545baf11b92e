//! In place of HiGHS where it is not built in: no columns, and a line that says how to have them.
//!
//! In: what the module beside it takes. Out: empty cells.

use anyhow::Result;
use greenwich_fleet::Options;
use std::path::Path;

pub(crate) const HEADS: &str = "";
pub(crate) const RULE: &str = "";
pub(crate) const FOOT: &str = "HiGHS is not built in; with cmake, clang and a C++ compiler: \
                               cargo run --release -p xtask --features highs -- eval plan --highs-seconds 60";

#[expect(clippy::unnecessary_wraps, reason = "as where HiGHS is built in")]
pub(crate) fn cells(_: &Path, _: &Path, _: &Path, _: &Options, _: f64) -> Result<String> {
    Ok(String::new())
}

pub(crate) fn none() -> String {
    String::new()
}
