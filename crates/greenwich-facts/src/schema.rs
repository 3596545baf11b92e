//! What each fact table may hold.
//!
//! In: nothing; it is the rule. Out: per table, its file, its subject column, and for each quantity
//! the one unit and the scopes allowed. The loader refuses anything else.

/// A quantity that a table may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantitySpec {
    /// Its name in the `quantity` column.
    pub name: &'static str,
    /// The one unit allowed.
    pub unit: &'static str,
    /// The scopes allowed; empty means that any word is (a vendor's name, say), `""` inside means none.
    pub scopes: &'static [&'static str],
    /// Smallest value that can be meant.
    pub least: f64,
    /// Largest value that can be meant.
    pub most: f64,
}

/// A fact table.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Name on the command line and file name without `.csv`.
    pub name: &'static str,
    /// Name of the first column.
    pub subject: &'static str,
    /// What it is, for `facts list`.
    pub about: &'static str,
    /// The quantities allowed.
    pub quantities: &'static [QuantitySpec],
    /// The file's text.
    pub(crate) text: &'static str,
}

const fn q(
    name: &'static str,
    unit: &'static str,
    scopes: &'static [&'static str],
    least: f64,
    most: f64,
) -> QuantitySpec {
    QuantitySpec { name, unit, scopes, least, most }
}

const ONE: &[&str] = &["chip", "card", "superchip"];
const FACTOR: &[&str] = &["lifecycle", "direct"];
const EMBODIED: &[&str] = &["cradle_to_gate", "bottom_up", "server_share"];
const SERVER: &[&str] = &["server", "server_without_accelerators"];
const MATCHED: &[&str] = &["hourly_matched", "yearly"];
const SYSTEM: &[&str] = &["system", "gpu", "node_share"];
const ANY: &[&str] = &[];

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("../data/", $name, ".csv"))
    };
}

/// Every fact table, in the order in which `facts list` names them.
pub const SCHEMA: &[TableSpec] = &[
    TableSpec {
        name: "accelerators",
        subject: "accelerator",
        about: "dense peaks, memory, links, TDP, measured mean power and embodied carbon of accelerators",
        text: data!("accelerators"),
        quantities: &[
            q("dense_peak_bf16", "TFLOP/s", ONE, 0.1, 2e4),
            q("dense_peak_fp16", "TFLOP/s", ONE, 0.1, 2e4),
            q("dense_peak_tf32", "TFLOP/s", ONE, 0.1, 2e4),
            q("dense_peak_fp32", "TFLOP/s", ONE, 0.1, 2e4),
            q("dense_peak_fp8", "TFLOP/s", ONE, 0.1, 4e4),
            q("dense_peak_fp4", "TFLOP/s", ONE, 0.1, 8e4),
            q("memory", "GB", ONE, 1.0, 4096.0),
            q("memory_bandwidth", "GB/s", ONE, 10.0, 1e5),
            q("node_link", "GB/s", ONE, 1.0, 1e4),
            q("network_link", "GB/s", ONE, 0.1, 1e4),
            q("node_size", "accelerators", ONE, 1.0, 1e5),
            q("tdp", "W", ONE, 10.0, 5000.0),
            q("mean_power", "W", SYSTEM, 10.0, 5000.0),
            q("mean_power_low", "W", SYSTEM, 10.0, 5000.0),
            q("mean_power_share", "fraction", SYSTEM, 0.01, 1.0),
            q("mean_power_high", "W", SYSTEM, 10.0, 5000.0),
            q("embodied", "kgCO2e", EMBODIED, 1.0, 2e4),
            q("embodied_low", "kgCO2e", EMBODIED, 1.0, 2e4),
            q("embodied_high", "kgCO2e", EMBODIED, 1.0, 2e4),
        ],
    },
    TableSpec {
        name: "regions",
        subject: "region",
        about: "PUE, WUE, carbon-free share and intensities of cloud regions, by year",
        text: data!("regions"),
        quantities: &[
            q("pue", "ratio", &["measured", "design"], 1.0, 5.0),
            q("wue", "L/kWh", &["site"], 0.0, 20.0),
            q("cfe_share", "fraction", MATCHED, 0.0, 1.0),
            q("average_intensity", "gCO2e/kWh", FACTOR, 0.0, 2000.0),
            q("market_based_intensity", "gCO2e/kWh", MATCHED, 0.0, 2000.0),
        ],
    },
    TableSpec {
        name: "providers",
        subject: "provider",
        about: "fleet PUE, WUE and carbon-free share of cloud providers, by year",
        text: data!("providers"),
        quantities: &[
            q("pue", "ratio", &["fleet"], 1.0, 5.0),
            q("wue", "L/kWh", &["fleet"], 0.0, 20.0),
            q("cfe_share", "fraction", MATCHED, 0.0, 1.0),
        ],
    },
    TableSpec {
        name: "zones",
        subject: "zone",
        about: "yearly average intensity, off-site water and carbon-free share of grid zones",
        text: data!("zones"),
        quantities: &[
            q("average_intensity", "gCO2e/kWh", FACTOR, 0.0, 2000.0),
            q("water_intensity", "L/kWh", &["off_site"], 0.0, 100.0),
            q("carbon_free_share", "fraction", &["yearly"], 0.0, 1.0),
        ],
    },
    TableSpec {
        name: "fuels",
        subject: "fuel",
        about: "emission factors by fuel",
        text: data!("fuels"),
        quantities: &[
            q("emission_factor", "gCO2e/kWh", FACTOR, 0.0, 3000.0),
            q("emission_factor_low", "gCO2e/kWh", FACTOR, 0.0, 3000.0),
            q("emission_factor_high", "gCO2e/kWh", FACTOR, 0.0, 3000.0),
        ],
    },
    TableSpec {
        name: "gwp",
        subject: "gas",
        about: "100-year warming potentials by assessment report",
        text: data!("gwp"),
        quantities: &[q("gwp_100", "kgCO2e/kg", &["ar4", "ar5", "ar6"], 0.0, 1e5)],
    },
    TableSpec {
        name: "pue",
        subject: "site_kind",
        about: "PUE by kind of site and year",
        text: data!("pue"),
        quantities: &[
            q("pue", "ratio", &["measured", "survey", "assumed"], 1.0, 5.0),
            q("pue_low", "ratio", &["measured", "survey", "assumed"], 1.0, 5.0),
            q("pue_high", "ratio", &["measured", "survey", "assumed"], 1.0, 5.0),
        ],
    },
    TableSpec {
        name: "prices",
        subject: "accelerator",
        about: "dated list prices per accelerator-hour, by vendor",
        text: data!("prices"),
        quantities: &[
            q("on_demand", "USD/accelerator-hour", ANY, 0.01, 200.0),
            q("commit_1y", "USD/accelerator-hour", ANY, 0.01, 200.0),
            q("commit_3y", "USD/accelerator-hour", ANY, 0.01, 200.0),
        ],
    },
    TableSpec {
        name: "servers",
        subject: "server",
        about: "embodied carbon, lifespan and busy share of servers",
        text: data!("servers"),
        quantities: &[
            q("embodied", "kgCO2e", SERVER, 10.0, 1e5),
            q("embodied_low", "kgCO2e", SERVER, 10.0, 1e5),
            q("embodied_high", "kgCO2e", SERVER, 10.0, 1e5),
            q("accelerators", "accelerators", ANY, 0.0, 128.0),
            q("lifespan", "years", ANY, 1.0, 20.0),
            q("busy_share", "fraction", ANY, 0.01, 1.0),
        ],
    },
    TableSpec {
        name: "assumptions",
        subject: "assumption",
        about: "what Greenwich assumes where nothing better is known: spreads of factors, energy of data transfer",
        text: data!("assumptions"),
        quantities: &[
            q("log_sd", "ln", ANY, 0.0, 3.0),
            q("log_sd_per_year", "ln", ANY, 0.0, 1.0),
            q("share", "fraction", ANY, 0.0, 1.0),
            q("most", "ratio", ANY, 1.0, 1e6),
            q("mean_power", "W", ANY, 0.0, 1e4),
            q("idle_power", "W", ANY, 0.0, 1e3),
            q("idle_power_low", "W", ANY, 0.0, 1e3),
            q("idle_power_high", "W", ANY, 0.0, 1e3),
            q("full_power", "W", ANY, 0.0, 1e3),
            q("full_power_low", "W", ANY, 0.0, 1e3),
            q("full_power_high", "W", ANY, 0.0, 1e3),
            q("power_per_gb", "W/GB", ANY, 0.0, 10.0),
            q("power_per_gb_low", "W/GB", ANY, 0.0, 10.0),
            q("power_per_gb_high", "W/GB", ANY, 0.0, 10.0),
            q("transfer_energy", "kWh/GB", ANY, 0.0, 10.0),
            q("transfer_energy_low", "kWh/GB", ANY, 0.0, 10.0),
        ],
    },
    TableSpec {
        name: "utilisation",
        subject: "generation",
        about: "share of the roofline that whole runs got, by chip generation, fitted on published ones",
        text: data!("utilisation"),
        quantities: &[
            q("share_of_roofline", "fraction", ANY, 0.01, 2.0),
            q("log_sd", "ln", ANY, 0.01, 3.0),
            q("runs", "count", ANY, 0.0, 1e4),
            q("organisations", "count", ANY, 0.0, 1e4),
        ],
    },
    TableSpec {
        name: "scaling_laws",
        subject: "law",
        about: "what loss a model reaches by its size and tokens: coefficients, their errors, the runs behind them",
        text: data!("scaling_laws"),
        quantities: &[
            q("floor", "nats", ANY, 0.0, 10.0),
            q("floor_se", "nats", ANY, 0.0, 1.0),
            q("rmse", "nats", ANY, 0.0, 1.0),
            q("a", "coefficient", ANY, 0.0, 1e6),
            q("b", "coefficient", ANY, 0.0, 1e6),
            q("g", "coefficient", ANY, 0.0, 1e6),
            q("alpha", "exponent", ANY, 0.01, 2.0),
            q("alpha_se", "exponent", ANY, 0.0, 1.0),
            q("beta", "exponent", ANY, 0.01, 2.0),
            q("beta_se", "exponent", ANY, 0.0, 1.0),
            q("gamma", "exponent", ANY, 0.01, 2.0),
            q("params_low", "parameters", ANY, 1e5, 1e15),
            q("params_high", "parameters", ANY, 1e5, 1e15),
            q("tokens_low", "tokens", ANY, 1e5, 1e16),
            q("tokens_high", "tokens", ANY, 1e5, 1e16),
            q("granularity_high", "ratio", ANY, 1.0, 1e4),
            q("expansion", "ratio", ANY, 1.0, 1e4),
            q("routing_flops", "FLOP", ANY, 1.0, 100.0),
            q("routing_flops_low", "FLOP", ANY, 1.0, 100.0),
            q("routing_flops_high", "FLOP", ANY, 1.0, 100.0),
            q("bits_of_weights", "bits", ANY, 0.1, 32.0),
            q("bits_of_activations", "bits", ANY, 0.1, 32.0),
        ],
    },
    TableSpec {
        name: "levers",
        subject: "lever",
        about: "by how much the papers say that each lever gains, and what lower precision was seen to gain",
        text: data!("levers"),
        quantities: &[
            q("gain_low", "ratio", &["energy", "co2e"], 1.0, 1e4),
            q("gain_high", "ratio", &["energy", "co2e"], 1.0, 1e4),
            q("speedup", "ratio", ANY, 0.1, 100.0),
            q("speedup_low", "ratio", ANY, 0.1, 100.0),
            q("speedup_high", "ratio", ANY, 0.1, 100.0),
        ],
    },
    TableSpec {
        name: "power_points",
        subject: "point",
        about: "measured power of a chip alone against its share of peak, from which the power curve is taken",
        text: data!("power_points"),
        quantities: &[
            q("power", "W", &["gpu"], 1.0, 5000.0),
            q("share_of_memory", "fraction", ANY, 0.0, 1.0),
            q("share_of_peak", "fraction", ANY, 0.0, 1.0),
        ],
    },
    TableSpec {
        name: "published_runs",
        subject: "run",
        about: "training runs that the 2021 and 2022 papers tabulate",
        text: data!("published_runs"),
        quantities: &[
            q("accelerator_count", "accelerators", ANY, 1.0, 1e6),
            q("accelerator_hours", "h", ANY, 0.0, 1e9),
            q("hours", "h", ANY, 0.0, 1e6),
            q("mean_power", "W", ANY, 1.0, 5000.0),
            q("achieved", "TFLOP/s", ANY, 0.0, 1e4),
            q("total_flops", "FLOP", ANY, 1.0, 1e30),
            q("params", "parameters", ANY, 1.0, 1e16),
            q("pue", "ratio", ANY, 1.0, 5.0),
            q("location_based_intensity", "gCO2e/kWh", ANY, 0.0, 2000.0),
            q("market_based_intensity", "gCO2e/kWh", ANY, 0.0, 2000.0),
            q("facility_energy", "MWh", ANY, 0.0, 1e9),
            q("location_based_co2e", "tCO2e", ANY, 0.0, 1e9),
            q("market_based_co2e", "tCO2e", ANY, 0.0, 1e9),
            q("cfe_share", "fraction", ANY, 0.0, 1.0),
            q("active_share", "fraction", ANY, 0.0, 1.0),
            q("avoided_co2e", "tCO2e", ANY, 0.0, 1e9),
            q("avoided_to_search_ratio", "ratio", ANY, 0.0, 1e6),
            q("co2e", "tCO2e", ANY, 0.0, 1e9),
            q("co2e_ratio", "ratio", ANY, 0.0, 1e6),
            q("energy_share", "fraction", ANY, 0.0, 1.0),
            q("energy_ratio", "ratio", ANY, 0.0, 1e6),
            q("location_based_co2e_pounds", "lb", ANY, 0.0, 1e9),
            q("location_based_co2e_ratio", "ratio", ANY, 0.0, 1e6),
            q("market_based_co2e_ratio", "ratio", ANY, 0.0, 1e6),
            q("overestimate_of_actual_ratio", "ratio", ANY, 0.0, 1e6),
            q("overestimate_of_proxy_ratio", "ratio", ANY, 0.0, 1e6),
            q("overestimate_of_rerun_ratio", "ratio", ANY, 0.0, 1e6),
            q("processor_years_ratio", "ratio", ANY, 0.0, 1e6),
            q("share_of_google_energy", "fraction", ANY, 0.0, 1.0),
        ],
    },
    TableSpec {
        name: "published_utilisation",
        subject: "run",
        about: "published runs from which the share of the roofline is fitted",
        text: data!("published_utilisation"),
        quantities: &[
            q("params_active", "parameters", ANY, 1e6, 1e15),
            q("params_total", "parameters", ANY, 1e6, 1e15),
            q("tokens", "tokens", ANY, 1e6, 1e15),
            q("accelerator_hours", "h", ANY, 1.0, 1e9),
            q("accelerator_count", "accelerators", ANY, 1.0, 1e6),
            q("mfu", "fraction", ANY, 0.01, 1.0),
            q("moe", "flag", ANY, 0.0, 1.0),
        ],
    },
];

/// The licences under which a figure may be shipped: free ones, and `facts` for a bare figure cited.
pub const LICENCES: &[&str] = &[
    "facts",
    "public-domain",
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-3.0",
    "ODbL-1.0",
    "OGL-UK-3.0",
    "Apache-2.0",
    "MIT",
    "Apache-2.0 OR MIT",
];
