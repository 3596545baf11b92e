//! Golden figures of Patterson et al. 2021 (arXiv:2104.10350), run by run, through the account.
//!
//! In: the inputs that the paper tabulates, as `published_runs.csv` holds them. Out: energy and CO2e, held
//! against the paper's own (within 2 %, its rounding) and against arithmetic by hand (within 1e-6).

use greenwich::{Account, Greenwich, job_file};

const TABLE_1: [&str; 5] = [
    "table1-transformer-big-p100-us",
    "table1-transformer-big-p100-iowa",
    "table1-evolved-transformer-p100-iowa",
    "table1-transformer-big-tpuv2-iowa",
    "table1-evolved-transformer-tpuv2-iowa",
];
const TABLE_4: [&str; 6] = [
    "table4-evolved-transformer-nas",
    "table4-t5-11b",
    "table4-meena",
    "table4-gshard-600b",
    "table4-switch-1.5t",
    "table4-gpt-3",
];
/// The paper rounds to two or three figures.
const PAPER: f64 = 0.02;
const BY_HAND: f64 = 1e-6;

/// A figure of the paper.
fn figure(greenwich: &Greenwich, run: &str, quantity: &str) -> f64 {
    let row = greenwich.catalog().lookup("published_runs", run, quantity, &[], None);
    row.unwrap_or_else(|| panic!("published_runs.csv has no {quantity} of {run}")).value
}

fn account_of(greenwich: &Greenwich, run: &str) -> Account {
    let mut rows = greenwich.catalog().rows_of("published_runs", run);
    let accelerator = rows.find_map(|row| row.noted("accelerator")).expect("the note names it").to_owned();
    let of = |quantity| figure(greenwich, run, quantity);
    let text = format!(
        "schema = \"greenwich.job/1\"\nname = \"{run}\"\n[machine]\naccelerator = \"{accelerator}\"\ncount = {}\nhours = {}\nmean_power_w = {}\ntotal_flops = {:e}\n\
         [site]\npue = {}\nlocation_based_gco2e_per_kwh = {}\nmarket_based_gco2e_per_kwh = {}\n[fleet]\nyearly_energy_mwh = 12.2e6\n",
        of("accelerator_count"),
        of("hours"),
        of("mean_power"),
        of("total_flops"),
        of("pue"),
        of("location_based_intensity"),
        of("market_based_intensity"),
    );
    let job = job_file::parse("paper.toml", text.as_bytes(), &[]).expect("a job file");
    greenwich.account(&job).expect("an account")
}

#[track_caller]
fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() <= tolerance, "{what}: found {found}, expected {expected}");
}

/// Energy in MWh, gross and net tonnes of an account.
fn figures(account: &Account) -> (f64, f64, f64) {
    let total = &account.total;
    let (gross, net) = (total.location_based.expect("given"), total.market_based.expect("given"));
    (total.facility_energy.p50.mwh(), gross.p50.tonnes(), net.p50.tonnes())
}

#[test]
fn tables_1_and_4_come_out_as_printed_and_as_by_hand() {
    let greenwich = Greenwich::load();
    for run in TABLE_1.into_iter().chain(TABLE_4) {
        let of = |quantity| figure(&greenwich, run, quantity);
        let (mwh, gross, net) = figures(&account_of(&greenwich, run));
        near(&format!("{run} MWh"), mwh, of("facility_energy"), PAPER);
        near(&format!("{run} gross t"), gross, of("location_based_co2e"), PAPER);
        near(&format!("{run} net t"), net, of("market_based_co2e"), PAPER);
        // `--nocapture` shows what docs/accuracy.md holds.
        eprintln!(
            "{run:<40} {mwh:>9.4} of {:>7} MWh  {gross:>8.4} of {:>6} t gross  {net:>8.4} of {:>6} t net",
            of("facility_energy"),
            of("location_based_co2e"),
            of("market_based_co2e")
        );
        let by_hand = of("hours") * of("accelerator_count") * of("mean_power") * of("pue") / 1e6;
        near(&format!("{run} MWh by hand"), mwh, by_hand, BY_HAND);
        near(&format!("{run} gross by hand"), gross, by_hand * of("location_based_intensity") / 1e3, BY_HAND);
        near(&format!("{run} net by hand"), net, by_hand * of("market_based_intensity") / 1e3, BY_HAND);
    }
}

#[test]
fn table_1_from_first_row_to_last_is_57_times() {
    let greenwich = Greenwich::load();
    let net = |run| figures(&account_of(&greenwich, run)).2;
    let ratio = net(TABLE_1[0]) / net(TABLE_1[4]);
    near("net, first to last", ratio, figure(&greenwich, "table1-first-to-last", "market_based_co2e_ratio"), PAPER);
}

#[test]
fn appendices_c_and_d_the_search_estimate_was_18_7_and_then_88_times_too_high() {
    let greenwich = Greenwich::load();
    let strubell = |quantity| figure(&greenwich, "nas-strubell-2019", quantity);
    let claimed = strubell("location_based_co2e");
    // Appendix C: the proxy task's P100 hours with Strubell's own power, PUE and 0.954 lb per kWh.
    let hours = figure(&greenwich, "nas-average-organisation", "accelerator_hours");
    let job = format!(
        "schema = \"greenwich.job/1\"\nname = \"proxy\"\n[machine]\naccelerator = \"p100-sxm2\"\ncount = 1\nhours = {hours}\nmean_power_w = 189\n\
         [site]\npue = 1.58\nlocation_based_gco2e_per_kwh = 432.7\n"
    );
    let job = job_file::parse("proxy.toml", job.as_bytes(), &[]).expect("a job file");
    let proxy = greenwich.account(&job).expect("an account").total.location_based.expect("given").p50.tonnes();
    near("proxy task t", proxy, figure(&greenwich, "nas-average-organisation", "location_based_co2e"), PAPER);
    near("against the proxy task", claimed / proxy, strubell("overestimate_of_proxy_ratio"), PAPER);
    // Appendix D: as it was really run.
    let actual = figures(&account_of(&greenwich, "table4-evolved-transformer-nas")).1;
    near("against the actual run", claimed / actual, strubell("overestimate_of_actual_ratio"), PAPER);
}

#[test]
fn table_4_share_of_googles_energy_of_2019() {
    let greenwich = Greenwich::load();
    for run in TABLE_4 {
        let share = account_of(&greenwich, run).fleet_share.expect("the fleet's energy is given");
        let printed = figure(&greenwich, run, "share_of_google_energy");
        // Half of the last digit printed (.00001 %), or the paper's rounding where it prints more.
        assert!(
            (share - printed).abs() <= f64::max(0.5e-7, PAPER * printed),
            "{run}: found {share:e}, printed {printed:e}"
        );
    }
}

#[test]
fn table_2_flights_of_gpt_3() {
    let greenwich = Greenwich::load();
    let account = account_of(&greenwich, "table4-gpt-3");
    near("passengers", account.passenger_flights.expect("known"), 552.1 / 1.2, PAPER);
    near("planes", account.planes.expect("known"), 552.1 / 180.4, PAPER);
}

#[test]
fn section_4_gpt_3_against_gshard() {
    let greenwich = Greenwich::load();
    let of = |quantity| figure(&greenwich, "table4-gshard-600b", quantity);
    let (dense, sparse) = (account_of(&greenwich, "table4-gpt-3"), account_of(&greenwich, "table4-gshard-600b"));
    let ((mwh, gross, net), (sparse_mwh, sparse_gross, sparse_net)) = (figures(&dense), figures(&sparse));
    // The paper says "about" of each.
    near("energy", mwh / sparse_mwh, of("energy_ratio"), 0.05);
    near("gross", gross / sparse_gross, of("location_based_co2e_ratio"), 0.05);
    near("net", net / sparse_net, of("market_based_co2e_ratio"), 0.05);
    let years = dense.total.accelerator_hours.p50 / sparse.total.accelerator_hours.p50;
    near("processor-years", years, of("processor_years_ratio"), 0.07);
}
