//! Snapshots of what goes into checklists and documentation.
//!
//! In: three fixtures. Out: what a reader of each form sees.

use super::{counted, estimated, phases};
use crate::export::Form;
use insta::assert_snapshot;

#[test]
fn the_ai_acts_figures_of_a_counted_run() {
    assert_snapshot!(counted(Form::AiAct), @"
    # EU AI Act, Annex XI, section 1, point 2 (d) and (e)

    ## (d) Computational resources

    - Training time: less than 1 month: 0.0931 wall-clock days, 0.744 accelerator-days
    - Computation used for training: 2.5 × 10^19 FLOP
    - Method: model FLOPs, a multiply-add counting two, recomputation not counted, from the parameters and tokens of the job

    ## (e) Energy consumption

    - Energy used for training: 0.0098 MWh (range 0.0091 to 0.011), known
    - Method: hardware energy counters (counted); times the PUE, 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp

    ## What is missing

    - runs that are not in this list: failed and preliminary ones belong to the model's training if they served it

    ## Our record

    - runs: 20260105T091300Z-node01-7f3a
    - when: from 5 Jan 2026 09:13 to 11:27 UTC, 2 h 14 min in all
    - CO2e, location-based: 1.64 kgCO2e (1.43–1.92), lifecycle factors
    - CO2e, market-based: 589 gCO2e (512–689)
    - embodied CO2e, apart: 620 gCO2e (372–992)
    - energy after PUE: 9.82 kWh (9.13–10.6)
    - IT energy: 8.18 kWh
    - PUE: 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    - grid intensity met: 167 gCO2e/kWh: Carbon Intensity API, NESO, 2026 (data of 2026)
    - boundary: CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies)
    - method: counted; least coverage 100 %
    - ranges: hold nine in ten

    Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_ai_acts_figures_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::AiAct), @r"
    # EU AI Act, Annex XI, section 1, point 2 (d) and (e)

    ## (d) Computational resources

    - Training time: less than 1 month: 0.0729 wall-clock days, no accelerator
    - Computation used for training: not known

    ## (e) Energy consumption

    - Energy used for training: 0.00068 MWh (range 0.00048 to 0.00090), estimated
    - Method: a power model (not metered); bounds alone (could not be read) (estimated 89 %, unknown 11 %); times the PUE, 1.50: Global Data Center Survey, Uptime Institute, 2024 (data of 2024); assumed

    ## What is missing

    - computation in FLOP: the runs do not tell the model's parameters and tokens
    - energy of dram-0, which could not be read: 100 Wh at most
    - energy of 1 of 2 nodes
    - runs that are not in this list: failed and preliminary ones belong to the model's training if they served it

    ## Our record

    - runs: 20260210T221500Z-desk-01c9
    - when: from 10 Feb 2026 22:15 to 11 Feb 00:00 UTC, 1 h 45 min in all
    - CO2e, location-based: not known
    - CO2e, market-based: not known
    - embodied CO2e, apart: not known
    - energy after PUE: 675 Wh (480–900)
    - IT energy: 450 Wh (320–600)
    - PUE: 1.50: Global Data Center Survey, Uptime Institute, 2024 (data of 2024); assumed
    - grid intensity met: not known
    - boundary: CPU, DRAM before PUE, without what else the nodes drew (fans, storage, network, power supplies)
    - method: estimated 89 %, unknown 11 %; least coverage 0 %
    - ranges: hold nine in ten
    - NODES MISSING: 1 of 2 nodes are in these figures
    - warning: location-based CO2e is not known: no grid zone is set; set \`site.zone\`
    - warning: dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn

    Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_ai_acts_figures_of_three_phases() {
    assert_snapshot!(phases(Form::AiAct), @"
    # EU AI Act, Annex XI, section 1, point 2 (d) and (e)

    ## (d) Computational resources

    - Training time: less than 1 month: 0.279 wall-clock days, 2.23 accelerator-days
    - Computation used for training: 7.5 × 10^19 FLOP
    - Method: model FLOPs, a multiply-add counting two, recomputation not counted, from the parameters and tokens of the job

    ## (e) Energy consumption

    - Energy used for training: 0.020 MWh (range 0.018 to 0.021), known
    - Method: hardware energy counters (counted); times the PUE, 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp

    ## What is missing

    - runs that are not in this list: failed and preliminary ones belong to the model's training if they served it

    ## Our record

    - runs: search-run, preliminary-run, final-run
    - when: from 5 Jan 2026 09:13 to 7 Jan 11:27 UTC, 6 h 42 min in all
    - CO2e, location-based: 3.28 kgCO2e (2.86–3.84), lifecycle factors
    - CO2e, market-based: 1.18 kgCO2e (1.02–1.38)
    - embodied CO2e, apart: 1.86 kgCO2e (1.12–2.98)
    - energy after PUE: 19.6 kWh (18.3–21.2)
    - IT energy: 16.4 kWh
    - PUE: 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    - grid intensity met: 167 gCO2e/kWh: Carbon Intensity API, NESO, 2026 (data of 2026)
    - boundary: CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies)
    - method: counted; least coverage 100 %
    - ranges: hold nine in ten

    Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_neurips_answer_of_a_counted_run() {
    assert_snapshot!(counted(Form::Neurips), @"
    NeurIPS Paper Checklist, 8. Experiments compute resources

    Answer: [Yes]

    Justification:

    - Workers: 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+, in gcp/europe-west2 (grid zone GB)
    - Memory: not recorded by the meter; add GPU and host memory
    - Time of a run: 20260105T091300Z-node01-7f3a (final): 2 h 14 min, 8.18 kWh
    - Total compute: 17.9 accelerator-hours over 1 run, 0 of them failed; runs outside this list are not in it
    - Energy: 9.82 kWh (9.13–10.6) after PUE (counted)
    - CO2e, location-based: 1.64 kgCO2e (1.43–1.92). Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_neurips_answer_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Neurips), @"
    NeurIPS Paper Checklist, 8. Experiments compute resources

    Answer: [Yes]

    Justification:

    - Workers: 1 × AMD EPYC 7742, place not known
    - Memory: not recorded by the meter; add GPU and host memory
    - Time of a run: 20260210T221500Z-desk-01c9: 1 h 45 min, 450 Wh (320–600), exit status 137
    - Total compute: 1 h 45 min on CPUs alone over 1 run, 1 of them failed; runs outside this list are not in it
    - Energy: 675 Wh (480–900) after PUE (estimated 89 %, unknown 11 %)
    - CO2e, location-based: not known. Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_neurips_answer_of_three_phases() {
    assert_snapshot!(phases(Form::Neurips), @"
    NeurIPS Paper Checklist, 8. Experiments compute resources

    Answer: [Yes]

    Justification:

    - Workers: 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+, in gcp/europe-west2 (grid zone GB)
    - Memory: not recorded by the meter; add GPU and host memory
    - Time of a run: search-run (search): 2 h 14 min, 6.14 kWh
    - Time of a run: preliminary-run (preliminary): 2 h 14 min, 2.05 kWh
    - Time of a run: final-run (final): 2 h 14 min, 8.18 kWh
    - Total compute: 53.6 accelerator-hours over 3 runs, 0 of them failed; runs outside this list are not in it
    - Energy: 19.6 kWh (18.3–21.2) after PUE (counted)
    - CO2e, location-based: 3.28 kgCO2e (2.86–3.84). Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_acl_answer_of_a_counted_run() {
    assert_snapshot!(counted(Form::Acl), @"
    ARR Responsible NLP Research checklist, C1

    - Parameters: 6.74 billion
    - Computational budget: 17.9 GPU hours over 1 run
    - Infrastructure: 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+, in gcp/europe-west2 (grid zone GB)
    - Average runtime: 2 h 14 min
    - Energy: 9.82 kWh (9.13–10.6) after PUE (counted)
    - CO2e, location-based: 1.64 kgCO2e (1.43–1.92). Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_acl_answer_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Acl), @"
    ARR Responsible NLP Research checklist, C1

    - Parameters: not known to the meter; add them
    - Computational budget: no GPU; 1 h 45 min on CPUs over 1 run
    - Infrastructure: 1 × AMD EPYC 7742, place not known
    - Average runtime: 1 h 45 min
    - Energy: 675 Wh (480–900) after PUE (estimated 89 %, unknown 11 %)
    - CO2e, location-based: not known. Figures by Greenwich 0.1.0.
    ");
}

#[test]
fn the_acl_answer_of_three_phases() {
    assert_snapshot!(phases(Form::Acl), @"
    ARR Responsible NLP Research checklist, C1

    - Parameters: 6.74 billion
    - Computational budget: 53.6 GPU hours over 3 runs
    - Infrastructure: 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+, in gcp/europe-west2 (grid zone GB)
    - Average runtime: 2 h 14 min
    - Energy: 19.6 kWh (18.3–21.2) after PUE (counted)
    - CO2e, location-based: 3.28 kgCO2e (2.86–3.84). Figures by Greenwich 0.1.0.
    ");
}
