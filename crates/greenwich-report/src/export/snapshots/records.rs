//! Snapshots of what programs and auditors read.
//!
//! In: three fixtures. Out: what a reader of each form sees.

use super::{counted, estimated, phases};
use crate::export::Form;
use insta::assert_snapshot;

#[test]
fn a_scope_2_record_of_a_counted_run() {
    assert_snapshot!(counted(Form::Ghg), @r#"
    schema: "greenwich.ghg-scope2/1"
    standard: "GHG Protocol Scope 2 Guidance (2015)"
    records:
      reporting_period: {start: "2026-01-05T09:13:00Z", end: "2026-01-05T11:27:00Z"}
      site: "gcp/europe-west2"
      zone: "GB"
      kwh_by_hour: [{start: "2026-01-05T09:00:00Z", kwh: 3.442925373134328, location_based_gco2e_per_kwh: 180.0, market_based_gco2e_per_kwh: 60.0}, {start: "2026-01-05T10:00:00Z", kwh: 4.395223880597014, location_based_gco2e_per_kwh: 165.0, market_based_gco2e_per_kwh: 60.0}, … 1 more]
      lbm_factor: {source: "Carbon Intensity API, NESO, 2026", year: 2026, resolution: "hourly", scope: "direct", gco2e_per_kwh: 133.79104477611943}
      lbm_kgco2e: 1.313292895522388
      instruments: null
      residual_mix_factor: null
      mbm_kgco2e: 0.58896
      matched_share_hourly: null
      data_quality: {method: "counted", energy_by_method: {counted: 1.0}, coverage: 1.0, lbm_range_kgco2e: {p5: 1.1425648191044775, p50: 1.313292895522388, p95: 1.536552687761194}, mbm_range_kgco2e: {p5: 0.5123952, p50: 0.58896, p95: 0.6890832}, fallbacks: ["PUE: fleet average of gcp"], warnings: []}
    "#);
}

#[test]
fn a_scope_2_record_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Ghg), @r#"
    schema: "greenwich.ghg-scope2/1"
    standard: "GHG Protocol Scope 2 Guidance (2015)"
    records:
      reporting_period: {start: "2026-02-10T22:15:00Z", end: "2026-02-11T00:00:00Z"}
      site: null
      zone: null
      kwh_by_hour: [{start: "2026-02-10T22:00:00Z", kwh: 0.27, location_based_gco2e_per_kwh: null, market_based_gco2e_per_kwh: null}, {start: "2026-02-10T23:00:00Z", kwh: 0.405, location_based_gco2e_per_kwh: null, market_based_gco2e_per_kwh: null}]
      lbm_factor: null
      lbm_kgco2e: null
      instruments: null
      residual_mix_factor: null
      mbm_kgco2e: null
      matched_share_hourly: null
      data_quality: {method: "unknown", energy_by_method: {estimated: 0.8888888888888888, unknown: 0.1111111111111111}, coverage: 0.0, lbm_range_kgco2e: null, mbm_range_kgco2e: null, fallbacks: ["PUE: assumed"], warnings: ["location-based CO2e is not known: no grid zone is set; set `site.zone`", "dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn", … 1 more]}
    "#);
}

#[test]
fn a_scope_2_record_of_three_phases() {
    assert_snapshot!(phases(Form::Ghg), @r#"
    schema: "greenwich.ghg-scope2/1"
    standard: "GHG Protocol Scope 2 Guidance (2015)"
    records:
      reporting_period: {start: "2026-01-05T09:13:00Z", end: "2026-01-07T11:27:00Z"}
      site: "gcp/europe-west2"
      zone: "GB"
      kwh_by_hour: [{start: "2026-01-05T09:00:00Z", kwh: 2.582194029850746, location_based_gco2e_per_kwh: 180.0, market_based_gco2e_per_kwh: 60.0}, {start: "2026-01-05T10:00:00Z", kwh: 3.29641791044776, location_based_gco2e_per_kwh: 165.0, market_based_gco2e_per_kwh: 60.0}, … 7 more]
      lbm_factor: {source: "Carbon Intensity API, NESO, 2026", year: 2026, resolution: "hourly", scope: "direct", gco2e_per_kwh: 133.79104477611943}
      lbm_kgco2e: 2.6265857910447763
      instruments: null
      residual_mix_factor: null
      mbm_kgco2e: 1.17792
      matched_share_hourly: null
      data_quality: {method: "counted", energy_by_method: {counted: 1.0}, coverage: 1.0, lbm_range_kgco2e: {p5: 2.285129638208955, p50: 2.6265857910447763, p95: 3.073105375522388}, mbm_range_kgco2e: {p5: 1.0247904, p50: 1.17792, p95: 1.3781664}, fallbacks: ["PUE: fleet average of gcp"], warnings: []}
    "#);
}

#[test]
fn a_score_of_a_counted_run() {
    assert_snapshot!(counted(Form::Sci), @r#"
    schema: "greenwich.sci/1"
    standard: "ISO/IEC 21031:2024, SCI specification 1.1.0"
    formula: "SCI = ((E × I) + M) / R"
    e_kwh: {p5: 9.12888, p50: 9.815999999999995, p95: 10.601279999999996}
    i_gco2e_per_kwh: 167.23880597014931
    o_gco2e: {p5: 1428.206023880597, p50: 1641.616119402985, p95: 1920.6908597014924}
    m_gco2e: {p5: 372.0, p50: 620.0, p95: 992.0}
    r: {unit: "run", count: 1.0}
    sci_gco2e_per_r: 2261.616119402985
    sci_range_gco2e_per_r: {p5: 1800.206023880597, p50: 2261.616119402985, p95: 2912.6908597014926}
    missing: []
    software_boundary: "CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); E is that times PUE"
    quantification: "counted"
    market_based: "excluded by the standard"
    "#);
}

#[test]
fn a_score_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Sci), @r#"
    schema: "greenwich.sci/1"
    standard: "ISO/IEC 21031:2024, SCI specification 1.1.0"
    formula: "SCI = ((E × I) + M) / R"
    e_kwh: {p5: 0.48, p50: 0.675, p95: 0.8999999999999999}
    i_gco2e_per_kwh: null
    o_gco2e: null
    m_gco2e: null
    r: {unit: "run", count: 1.0}
    sci_gco2e_per_r: null
    sci_range_gco2e_per_r: null
    missing: ["I: the location-based intensity is not known", "M: the embodied emissions are not known"]
    software_boundary: "CPU, DRAM before PUE, without what else the nodes drew (fans, storage, network, power supplies); E is that times PUE"
    quantification: "estimated 89 %, unknown 11 %"
    market_based: "excluded by the standard"
    "#);
}

#[test]
fn a_score_of_three_phases() {
    assert_snapshot!(phases(Form::Sci), @r#"
    schema: "greenwich.sci/1"
    standard: "ISO/IEC 21031:2024, SCI specification 1.1.0"
    formula: "SCI = ((E × I) + M) / R"
    e_kwh: {p5: 18.25776, p50: 19.63199999999999, p95: 21.202559999999995}
    i_gco2e_per_kwh: 167.23880597014931
    o_gco2e: {p5: 2856.412047761194, p50: 3283.23223880597, p95: 3841.381719402985}
    m_gco2e: {p5: 1116.0, p50: 1860.0, p95: 2976.0}
    r: {unit: "run", count: 3.0}
    sci_gco2e_per_r: 1714.4107462686568
    sci_range_gco2e_per_r: {p5: 1324.1373492537314, p50: 1714.4107462686568, p95: 2272.460573134329}
    missing: []
    software_boundary: "CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); E is that times PUE"
    quantification: "counted"
    market_based: "excluded by the standard"
    "#);
}

#[test]
fn our_own_json_of_a_counted_run() {
    assert_snapshot!(counted(Form::Json), @r#"
    schema: "greenwich.run/1"
    run: "20260105T091300Z-node01-7f3a"
    command: ["torchrun", "--nproc-per-node", … 2 more]
    start: "2026-01-05T09:13:00Z"
    end: "2026-01-05T11:27:00Z"
    exit_status: 0
    it_energy_j: 29448000.0
    devices: [{device: "GPU-0", domain: "nvml total energy", energy_j: 3240000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, {device: "GPU-1", domain: "nvml total energy", energy_j: 3240000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, … 10 more]
    tier: "T3"
    params_total: 6738415616
    params_active: 6738415616
    forward_flops_per_token: {p5: 15500000000.0, p50: 15500000000.0, p95: 15500000000.0}
    training_flops: {p5: 2.5e+19, p50: 2.5e+19, p95: 2.5e+19}
    accelerator_hours: {p5: 17.866666666666667, p50: 17.866666666666667, p95: 17.866666666666667}
    hours: {p5: 2.2333333333333334, p50: 2.2333333333333334, p95: 2.2333333333333334}
    mean_power_w: {p5: 457.8358208955224, p50: 457.8358208955224, p95: 457.8358208955224}
    accelerator_power_w: null
    facility_power_w: null
    it_energy_kwh: {p5: 8.18, p50: 8.18, p95: 8.18}
    facility_energy_kwh: {p5: 9.12888, p50: 9.815999999999995, p95: 10.601279999999996}
    location_based_co2e_kg: {p5: 1.4282060238805971, p50: 1.641616119402985, p95: 1.9206908597014924}
    market_based_co2e_kg: {p5: 0.5123952, p50: 0.58896, p95: 0.6890832}
    embodied_co2e_kg: {p5: 0.372, p50: 0.62, p95: 0.992}
    water_l: {p5: 11.9, p50: 17.0, p95: 25.5}
    cost_usd: {p5: 44.7, p50: 44.7, p95: 44.7}
    location_based_direct_co2e_kg: {p5: 1.1425648191044775, p50: 1.313292895522388, p95: 1.536552687761194}
    consequential_co2e_kg: null
    setting: {accelerator: "h100-sxm5-80g", count: 8, region: "gcp/europe-west2", zone: "GB"}
    factors: [{quantity: "PUE", value: 1.2, unit: "ratio", source: "Google data centers: efficiency, Google, 2025", year: 2024, fit: "fleet average of gcp", check: "primary"}, {quantity: "location-based intensity (lifecycle)", value: 168.0, unit: "gCO2e/kWh", source: "Carbon Intensity API, NESO, 2026", year: 2026, fit: "exact", check: "primary"}, … 3 more]
    warnings: []
    it_energy_range_j: null
    hosts: ["node01"]
    nodes: 1
    nodes_expected: 1
    project: "llm-7b"
    model: "llm-7b-base"
    phase: "final"
    tags: {training_type: "pre-training", tokens: "1.2e9"}
    corrects: []
    method: "counted"
    hours_of_run: [{start: "2026-01-05T09:13:00Z", it_energy_j: 10328776.119402986, location_based_gco2e_per_kwh: 180.0, market_based_gco2e_per_kwh: 60.0}, {start: "2026-01-05T10:00:00Z", it_energy_j: 13185671.641791044, location_based_gco2e_per_kwh: 165.0, market_based_gco2e_per_kwh: 60.0}, … 1 more]
    "#);
}

#[test]
fn our_own_json_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Json), @r#"
    schema: "greenwich.run/1"
    run: "20260210T221500Z-desk-01c9"
    command: ["python", "finetune.py", … 2 more]
    start: "2026-02-10T22:15:00Z"
    end: "2026-02-11T00:00:00Z"
    exit_status: 137
    it_energy_j: 1620000.0
    devices: [{device: "cpu-0", domain: "model of facts", energy_j: 1440000.0, method: "estimated", coverage: 0.973, energy_range_j: {p5: 1152000.0, p50: 1440000.0, p95: 1800000.0}, kind: "cpu", model: "AMD EPYC 7742", host: "node01", inside_another: false}, {device: "dram-0", domain: "none", energy_j: null, method: "unknown", coverage: 0.0, energy_range_j: {p5: 0.0, p50: 180000.0, p95: 360000.0}, kind: "dram", model: null, host: "node01", inside_another: false}]
    tier: "T2"
    params_total: null
    params_active: null
    forward_flops_per_token: null
    training_flops: null
    accelerator_hours: {p5: 1.75, p50: 1.75, p95: 1.75}
    hours: {p5: 1.75, p50: 1.75, p95: 1.75}
    mean_power_w: {p5: 182.8571428571429, p50: 257.14285714285717, p95: 342.85714285714283}
    accelerator_power_w: null
    facility_power_w: null
    it_energy_kwh: {p5: 0.32, p50: 0.45, p95: 0.6}
    facility_energy_kwh: {p5: 0.48, p50: 0.675, p95: 0.8999999999999999}
    location_based_co2e_kg: null
    market_based_co2e_kg: null
    embodied_co2e_kg: null
    water_l: null
    cost_usd: null
    location_based_direct_co2e_kg: null
    consequential_co2e_kg: null
    setting: {accelerator: null, count: 1, region: null, zone: null}
    factors: [{quantity: "PUE", value: 1.5, unit: "ratio", source: "Global Data Center Survey, Uptime Institute, 2024", year: 2024, fit: "assumed", check: "quoted"}]
    warnings: ["location-based CO2e is not known: no grid zone is set; set `site.zone`", "dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn"]
    it_energy_range_j: {p5: 1152000.0, p50: 1620000.0, p95: 2160000.0}
    hosts: ["node01"]
    nodes: 1
    nodes_expected: 2
    project: null
    model: null
    phase: null
    tags: {}
    corrects: []
    method: "unknown"
    hours_of_run: [{start: "2026-02-10T22:15:00Z", it_energy_j: 648000.0, location_based_gco2e_per_kwh: null, market_based_gco2e_per_kwh: null}, {start: "2026-02-10T23:00:00Z", it_energy_j: 972000.0, location_based_gco2e_per_kwh: null, market_based_gco2e_per_kwh: null}]
    "#);
}

#[test]
fn our_own_json_of_three_phases() {
    assert_snapshot!(phases(Form::Json), @r#"
    schema: "greenwich.runs/1"
    runs: [{schema: "greenwich.run/1", run: "final-run", command: ["torchrun", "--nproc-per-node", … 2 more], start: "2026-01-07T09:13:00Z", end: "2026-01-07T11:27:00Z", exit_status: 0, it_energy_j: 29448000.0, devices: [{device: "GPU-0", domain: "nvml total energy", energy_j: 3240000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, {device: "GPU-1", domain: "nvml total energy", energy_j: 3240000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, … 10 more], tier: "T3", params_total: 6738415616, params_active: 6738415616, forward_flops_per_token: {p5: 15500000000.0, p50: 15500000000.0, p95: 15500000000.0}, training_flops: {p5: 2.5e+19, p50: 2.5e+19, p95: 2.5e+19}, accelerator_hours: {p5: 17.866666666666667, p50: 17.866666666666667, p95: 17.866666666666667}, hours: {p5: 2.2333333333333334, p50: 2.2333333333333334, p95: 2.2333333333333334}, mean_power_w: {p5: 457.8358208955224, p50: 457.8358208955224, p95: 457.8358208955224}, accelerator_power_w: null, facility_power_w: null, it_energy_kwh: {p5: 8.18, p50: 8.18, p95: 8.18}, facility_energy_kwh: {p5: 9.12888, p50: 9.815999999999995, p95: 10.601279999999996}, location_based_co2e_kg: {p5: 1.4282060238805971, p50: 1.641616119402985, p95: 1.9206908597014924}, market_based_co2e_kg: {p5: 0.5123952, p50: 0.58896, p95: 0.6890832}, embodied_co2e_kg: {p5: 0.372, p50: 0.62, p95: 0.992}, water_l: {p5: 11.9, p50: 17.0, p95: 25.5}, cost_usd: {p5: 44.7, p50: 44.7, p95: 44.7}, location_based_direct_co2e_kg: {p5: 1.1425648191044775, p50: 1.313292895522388, p95: 1.536552687761194}, consequential_co2e_kg: null, setting: {accelerator: "h100-sxm5-80g", count: 8, region: "gcp/europe-west2", zone: "GB"}, factors: [{quantity: "PUE", value: 1.2, unit: "ratio", source: "Google data centers: efficiency, Google, 2025", year: 2024, fit: "fleet average of gcp", check: "primary"}, {quantity: "location-based intensity (lifecycle)", value: 168.0, unit: "gCO2e/kWh", source: "Carbon Intensity API, NESO, 2026", year: 2026, fit: "exact", check: "primary"}, … 3 more], warnings: [], it_energy_range_j: null, hosts: ["node01"], nodes: 1, nodes_expected: 1, project: "llm-7b", model: "llm-7b-base", phase: "final", tags: {training_type: "pre-training", tokens: "1.2e9"}, corrects: [], method: "counted", hours_of_run: [{start: "2026-01-07T09:13:00Z", it_energy_j: 10328776.119402986, location_based_gco2e_per_kwh: 180.0, market_based_gco2e_per_kwh: 60.0}, {start: "2026-01-07T10:00:00Z", it_energy_j: 13185671.641791044, location_based_gco2e_per_kwh: 165.0, market_based_gco2e_per_kwh: 60.0}, … 1 more]}, {schema: "greenwich.run/1", run: "search-run", command: ["torchrun", "--nproc-per-node", … 2 more], start: "2026-01-05T09:13:00Z", end: "2026-01-05T11:27:00Z", exit_status: 0, it_energy_j: 22086000.0, devices: [{device: "GPU-0", domain: "nvml total energy", energy_j: 2430000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, {device: "GPU-1", domain: "nvml total energy", energy_j: 2430000.0, method: "counted", coverage: 1.0, energy_range_j: null, kind: "gpu", model: "NVIDIA H100 80GB HBM3", host: "node01", inside_another: false}, … 10 more], tier: "T3", params_total: 6738415616, params_active: 6738415616, forward_flops_per_token: {p5: 15500000000.0, p50: 15500000000.0, p95: 15500000000.0}, training_flops: {p5: 2.5e+19, p50: 2.5e+19, p95: 2.5e+19}, accelerator_hours: {p5: 17.866666666666667, p50: 17.866666666666667, p95: 17.866666666666667}, hours: {p5: 2.2333333333333334, p50: 2.2333333333333334, p95: 2.2333333333333334}, mean_power_w: {p5: 343.3768656716418, p50: 343.3768656716418, p95: 343.3768656716418}, accelerator_power_w: null, facility_power_w: null, it_energy_kwh: {p5: 6.135, p50: 6.135, p95: 6.135}, facility_energy_kwh: {p5: 6.846659999999999, p50: 7.361999999999998, p95: 7.950959999999998}, location_based_co2e_kg: {p5: 1.0711545179104478, p50: 1.231212089552239, p95: 1.4405181447761193}, market_based_co2e_kg: {p5: 0.3842964, p50: 0.44172, p95: 0.5168124000000001}, embodied_co2e_kg: {p5: 0.372, p50: 0.62, p95: 0.992}, water_l: {p5: 11.9, p50: 17.0, p95: 25.5}, cost_usd: {p5: 44.7, p50: 44.7, p95: 44.7}, location_based_direct_co2e_kg: {p5: 0.8569236143283583, p50: 0.9849696716417912, p95: 1.1524145158208956}, consequential_co2e_kg: null, setting: {accelerator: "h100-sxm5-80g", count: 8, region: "gcp/europe-west2", zone: "GB"}, factors: [{quantity: "PUE", value: 1.2, unit: "ratio", source: "Google data centers: efficiency, Google, 2025", year: 2024, fit: "fleet average of gcp", check: "primary"}, {quantity: "location-based intensity (lifecycle)", value: 168.0, unit: "gCO2e/kWh", source: "Carbon Intensity API, NESO, 2026", year: 2026, fit: "exact", check: "primary"}, … 3 more], warnings: [], it_energy_range_j: null, hosts: ["node01"], nodes: 1, nodes_expected: 1, project: "llm-7b", model: "llm-7b-base", phase: "search", tags: {training_type: "pre-training", tokens: "1.2e9"}, corrects: [], method: "counted", hours_of_run: [{start: "2026-01-05T09:13:00Z", it_energy_j: 7746582.08955224, location_based_gco2e_per_kwh: 180.0, market_based_gco2e_per_kwh: 60.0}, {start: "2026-01-05T10:00:00Z", it_energy_j: 9889253.731343282, location_based_gco2e_per_kwh: 165.0, market_based_gco2e_per_kwh: 60.0}, … 1 more]}, … 1 more]
    "#);
}
