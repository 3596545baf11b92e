//! What other meters wrote, as it lies.
//!
//! In: files as their tools write them. Out: entries, or a refusal by file and line.

use super::*;
use crate::ledger::Ledger;
use crate::{Entry, RunContext};
use miette::Diagnostic;

const CODECARBON: &str = "timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,cpu_energy,gpu_energy,ram_energy,energy_consumed,country_iso_code,codecarbon_version,cpu_count,gpu_count,tracking_mode,pue
2026-03-01T12:00:00,llm,5f0c2a6e-1,exp,3600.5,0.42,0.0001,42.5,300,20,0.06,0.36,0.024,0.444,FRA,3.3.2,64,1,machine,1.2
2026-03-01T13:00:00,llm,5f0c2a6e-2,,10,0,0,8,0,20,0.00002,0,0.00005,0.00007,,3.3.2,64,1,machine,1
";

fn text(entries: &[Entry]) -> String {
    let mut lines = Vec::new();
    for entry in entries {
        let joules = |energy: Option<f64>| energy.map_or("?".to_owned(), |joules| format!("{joules:.1} J"));
        let energy = joules(entry.it_energy_j);
        lines.push(format!("{} {} – {} {} {energy}", entry.run, entry.start, entry.end, entry.source));
        for device in &entry.devices {
            lines.push(format!("  {} {} {}", device.device, device.method, joules(device.energy_j)));
        }
        for warning in &entry.warnings {
            lines.push(format!("  ! {warning}"));
        }
    }
    lines.join("\n")
}

fn refusal(result: Result<impl Sized>) -> String {
    let Err(error) = result else { panic!("it was taken") };
    format!("{error}\nhelp: {}", error.help().expect("a mend"))
}

#[test]
fn a_codecarbon_row_is_an_entry_and_its_pue_is_taken_out() {
    let entries = codecarbon("emissions.csv", CODECARBON.as_bytes(), Offset::UTC).expect("a lawful file");
    insta::assert_snapshot!(text(&entries), @r"
    5f0c2a6e-1 2026-03-01T10:59:59.5Z – 2026-03-01T12:00:00Z codecarbon 3.3.2 1332000.0 J
      cpu estimated 180000.0 J
      gpu sampled 1080000.0 J
      dram estimated 72000.0 J
      ! energies are those of codecarbon divided by its PUE of 1.2
    5f0c2a6e-2 2026-03-01T12:59:50Z – 2026-03-01T13:00:00Z codecarbon 3.3.2 252.0 J
      cpu estimated 72.0 J
      dram estimated 180.0 J
      ! codecarbon wrote 0 kWh for `gpu_energy`: taken as not known
    ");
    assert_eq!(entries[0].quantities["codecarbon"]["emissions"], 0.42);
}

#[test]
fn a_file_brought_in_twice_is_there_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    for _ in 0..2 {
        for entry in codecarbon("emissions.csv", CODECARBON.as_bytes(), Offset::UTC).expect("a lawful file") {
            ledger.record(&entry).expect("a disk with space");
        }
    }
    assert_eq!(ledger.entries().expect("a ledger").entries.len(), 2);
    assert!(ledger.verify().expect("a ledger").findings.is_empty());
}

#[test]
fn codecarbon_files_that_are_wrong_are_refused_by_line() {
    let refused = |bytes: &str| refusal(codecarbon("emissions.csv", bytes.as_bytes(), Offset::UTC));
    insta::assert_snapshot!(refused("timestamp,duration\n"), @r"
    emissions.csv:1: no column `energy_consumed` among timestamp, duration
    help: write the file with the columns `timestamp`, `duration`, `energy_consumed`
    ");
    insta::assert_snapshot!(refused("timestamp,duration,energy_consumed\n2026-03-01T12:00:00,ten,1\n"), @r"
    emissions.csv:2: `duration` is `ten`
    help: write a number, 0 or more, or leave the field empty where it is not known
    ");
    insta::assert_snapshot!(refused("timestamp,duration,energy_consumed\n2026-03-01T12:00:00,10,-1\n"), @r"
    emissions.csv:2: `energy_consumed` is `-1`
    help: write a number, 0 or more, or leave the field empty where it is not known
    ");
    insta::assert_snapshot!(refused("timestamp,duration,energy_consumed\n2026-03-01T12:00:00,10\n"), @r"
    emissions.csv:2: 2 fields where the first line has 3
    help: mend the line, or remove it: a log that was cut off ends in half a line
    ");
}

const SACCT: &str = "JobID|JobName|Account|Start|End|ConsumedEnergyRaw|NNodes|ExitCode|State
100|train|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00|7200000|2|0:0|COMPLETED
100.batch|batch|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00|3600000|1|0:0|COMPLETED
101|train|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00||1|0:9|FAILED
101.extern|extern|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00|900|1|0:0|COMPLETED
101.0|python|nlp|2026-03-01T12:00:00|2026-03-01T12:30:00|500|1|0:9|FAILED
101.1|python|nlp|2026-03-01T12:30:00|2026-03-01T13:00:00|400|1|0:0|COMPLETED
102|idle|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00|0|1|0:0|COMPLETED
103|odd|nlp|2026-03-01T12:00:00|2026-03-01T13:00:00|18446744073709551614|1|0:0|COMPLETED
104|goes on|nlp|2026-03-01T12:00:00|Unknown||1|0:0|RUNNING
";

#[test]
fn a_slurm_job_counts_its_steps_once_and_no_plugin_is_not_zero() {
    let entries = sacct("jobs.txt", SACCT.as_bytes(), Offset::constant(1)).expect("a lawful file");
    insta::assert_snapshot!(text(&entries), @r"
    slurm-100 2026-03-01T11:00:00Z – 2026-03-01T12:00:00Z slurm sacct 7200000.0 J
      nodes of job 100 sampled 7200000.0 J
      ! whole-node energy: right for this job only where it had its nodes to itself
    slurm-101 2026-03-01T11:00:00Z – 2026-03-01T12:00:00Z slurm sacct 900.0 J
      nodes of job 101 sampled 900.0 J
      ! whole-node energy: right for this job only where it had its nodes to itself
    slurm-102 2026-03-01T11:00:00Z – 2026-03-01T12:00:00Z slurm sacct ?
      nodes of job 102 unknown ?
      ! slurm recorded no energy for this job: no energy plugin was set up
    slurm-103 2026-03-01T11:00:00Z – 2026-03-01T12:00:00Z slurm sacct ?
      nodes of job 103 unknown ?
      ! slurm wrote its mark for no value as the energy: taken as not known
    ");
    assert_eq!(
        entries.iter().map(|entry| entry.exit_status).collect::<Vec<_>>(),
        [Some(0), Some(137), Some(0), Some(0)]
    );
}

#[test]
fn a_slurm_file_in_columns_for_people_is_refused() {
    let wide = "JobID    JobName\n------- --------\n";
    insta::assert_snapshot!(refusal(sacct("jobs.txt", wide.as_bytes(), Offset::UTC)), @r"
    jobs.txt:1: no column `JobID`, `Start`, `End`, `ConsumedEnergyRaw` among JobID    JobName
    help: write the file with the columns `JobID`, `Start`, `End`, `ConsumedEnergyRaw`
    ");
}

const SMI: &str = "timestamp, index, uuid, name, power.draw [W], power.limit [W]
2026/03/01 12:00:00.000, 0, GPU-aa, NVIDIA H100, 100.00 W, 700.00 W
2026/03/01 12:00:00.004, 1, GPU-bb, NVIDIA H100, 50.00 W, 700.00 W
2026/03/01 12:00:01.000, 0, GPU-aa, NVIDIA H100, 300.00 W, 700.00 W
2026/03/01 12:00:01.004, 1, GPU-bb, NVIDIA H100, [N/A], 700.00 W
2026/03/01 12:00:02.000, 0, GPU-aa, NVIDIA H100, 300.00 W, 700.00 W
2026/03/01 12:00:02.004, 1, GPU-bb, NVIDIA H100, 50.00 W, 700.00 W
2026/03/01 12:00:12.000, 0, GPU-aa, NVIDIA H100, 300.00 W, 700.00 W
";

#[test]
fn an_nvidia_smi_log_is_integrated_and_its_gap_is_a_gap() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    let log = nvidia_smi("smi.csv", SMI.as_bytes(), Offset::UTC, "smi", "node-1").expect("a lawful file");
    for _ in 0..2 {
        let entry = ledger.import_log(&log, RunContext::default()).expect("a disk with space");
        ledger.record(&entry).expect("a disk with space");
    }
    let entries = ledger.entries().expect("a ledger").entries;
    insta::assert_snapshot!(text(&entries), @r"
    smi 2026-03-01T12:00:00Z – 2026-03-01T12:00:12Z nvidia-smi 600.0 J
      GPU-aa sampled 500.0 J
      GPU-aa unknown ?
      GPU-bb sampled 100.0 J
      ! power as nvidia-smi logged it in `smi.csv`, integrated; not a counter
      ! `GPU-aa` was not read for 10 s: unknown, at most its power limit all the time
    ");
    assert_eq!(entries[0].most_it_energy_j, Some(500.0 + 7000.0 + 100.0));
    let hours = ledger.hours(None).expect("a ledger");
    assert_eq!(hours.iter().map(|hour| hour.it_energy_j).collect::<Vec<_>>(), [600.0]);
    assert!(ledger.verify().expect("a ledger").findings.is_empty());
}

#[test]
fn a_log_of_two_gpus_without_names_is_refused() {
    let log = "timestamp, power.draw [W]\n2026/03/01 12:00:00.000, 100 W\n2026/03/01 12:00:00.000, 90 W\n";
    insta::assert_snapshot!(refusal(nvidia_smi("smi.csv", log.as_bytes(), Offset::UTC, "smi", "node-1")), @r"
    smi.csv:3: `gpu-0` was read at or before this time already
    help: log `uuid` or `index` as well, so that GPUs are told apart
    ");
    insta::assert_snapshot!(refusal(nvidia_smi("smi.csv", b"timestamp, index\n", Offset::UTC, "smi", "node-1")), @r"
    smi.csv:1: no column `power.draw` among timestamp, index
    help: write the file with the columns `timestamp`, `power.draw`
    ");
}
