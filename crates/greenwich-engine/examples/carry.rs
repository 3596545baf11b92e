//! Carries a job of this machine, as `greenwich carry` does: the helper of this crate's tests.

use std::path::PathBuf;
use std::process::exit;

fn main() {
    let mut words = std::env::args_os().skip(1);
    let (verb, folder) = (words.next().unwrap_or_default(), PathBuf::from(words.next().unwrap_or_default()));
    if verb == "start" {
        exit(greenwich_engine::start(&folder));
    }
    let helper = [std::env::current_exe().expect("a program knows its own file").into_os_string()];
    if let Err(error) = greenwich_engine::carry(&helper, &folder) {
        eprintln!("carry: {error}");
        exit(1);
    }
}
