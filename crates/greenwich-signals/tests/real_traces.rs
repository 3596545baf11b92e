//! Real years replayed: least, mean and most are those that the traces' own table states.

use greenwich_core::{Signal, Window, ZoneId};
use greenwich_signals::{Fill, GridSignal, Replay};
use std::path::Path;

type Row = (&'static str, Signal, &'static str, &'static str, Option<f64>, f64, Option<f64>);

/// Zone, signal, years, and the table's least, mean and most in gCO2e/kWh (no least and most for direct).
const TABLE: [Row; 4] = [
    ("ES", Signal::Lifecycle, "2022", "2023", Some(60.0), 211.0, Some(393.0)),
    ("SE-SE3", Signal::Lifecycle, "2022", "2023", Some(12.0), 23.0, Some(59.0)),
    ("GB", Signal::Lifecycle, "2021", "2024", Some(28.0), 211.0, Some(394.0)),
    ("GB", Signal::Direct, "2021", "2024", None, 147.0, None),
];

#[test]
fn a_replayed_year_has_the_mean_that_the_table_states() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/grid");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no traces at ../shared/data/grid, so no real year was replayed");
        return;
    }
    let replay = Replay::open(&folder, Fill::Refuse).expect("the folder holds traces");
    for (zone, signal, from, to, least, mean, most) in TABLE {
        let at = |year: &str| format!("{year}-01-01T00:00:00Z").parse().expect("a stamp");
        let window = Window::new(at(from), at(to)).expect("forwards");
        let series = replay.series(&ZoneId::new(zone), signal, window).expect("no gap");
        let values = series.values_g_per_kwh();
        let rounded = |asked: Option<f64>, found: f64| asked.is_none_or(|asked| (asked - found).abs() <= 0.5);
        assert!(rounded(Some(mean), series.mean_g_per_kwh(window).expect("covered")), "{zone} {signal}: mean");
        assert!(rounded(least, values.iter().copied().fold(f64::INFINITY, f64::min)), "{zone} {signal}: least");
        assert!(rounded(most, values.iter().copied().fold(0.0, f64::max)), "{zone} {signal}: most");
    }
}
