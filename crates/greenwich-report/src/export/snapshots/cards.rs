//! Snapshots of what goes into model cards and papers.
//!
//! In: three fixtures. Out: what a reader of each form sees.

use super::{counted, estimated, phases};
use crate::export::Form;
use insta::assert_snapshot;

#[test]
fn a_model_card_of_a_counted_run() {
    assert_snapshot!(counted(Form::Hf), @r#"
    co2_eq_emissions:
      emissions: 1641.62  # grams of CO2e, operational, location-based
      source: "Greenwich 0.1.0 (counted; location-based)"
      training_type: "pre-training"
      geographical_location: "gcp/europe-west2 (grid zone GB)"
      hardware_used: "8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+"
    # Greenwich 0.1.0, what the fields above have no room for:
    #   runs: 20260105T091300Z-node01-7f3a
    #   when: from 5 Jan 2026 09:13 to 11:27 UTC, 2 h 14 min in all
    #   CO2e, location-based: 1.64 kgCO2e (1.43–1.92), lifecycle factors
    #   CO2e, market-based: 589 gCO2e (512–689)
    #   embodied CO2e, apart: 620 gCO2e (372–992)
    #   energy after PUE: 9.82 kWh (9.13–10.6)
    #   IT energy: 8.18 kWh
    #   PUE: 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    #   grid intensity met: 167 gCO2e/kWh: Carbon Intensity API, NESO, 2026 (data of 2026)
    #   boundary: CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network,
    #     power supplies)
    #   method: counted; least coverage 100 %
    #   ranges: hold nine in ten
    "#);
}

#[test]
fn a_model_card_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Hf), @r#"
    co2_eq_emissions:
      # emissions: not known; see the warnings below
      source: "Greenwich 0.1.0 (estimated 89 %, unknown 11 %; location-based)"
      # training_type: pre-training or fine-tuning; no tag `training_type` tells
      # geographical_location: not known; set `site.zone`
      hardware_used: "1 × AMD EPYC 7742"
    # Greenwich 0.1.0, what the fields above have no room for:
    #   runs: 20260210T221500Z-desk-01c9
    #   when: from 10 Feb 2026 22:15 to 11 Feb 00:00 UTC, 1 h 45 min in all
    #   CO2e, location-based: not known
    #   CO2e, market-based: not known
    #   embodied CO2e, apart: not known
    #   energy after PUE: 675 Wh (480–900)
    #   IT energy: 450 Wh (320–600)
    #   PUE: 1.50: Global Data Center Survey, Uptime Institute, 2024 (data of 2024); assumed
    #   grid intensity met: not known
    #   boundary: CPU, DRAM before PUE, without what else the nodes drew (fans, storage, network, power
    #     supplies)
    #   method: estimated 89 %, unknown 11 %; least coverage 0 %
    #   ranges: hold nine in ten
    #   NODES MISSING: 1 of 2 nodes are in these figures
    #   warning: location-based CO2e is not known: no grid zone is set; set `site.zone`
    #   warning: dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn
    "#);
}

#[test]
fn a_model_card_of_three_phases() {
    assert_snapshot!(phases(Form::Hf), @r#"
    co2_eq_emissions:
      emissions: 3283.23  # grams of CO2e, operational, location-based
      source: "Greenwich 0.1.0 (counted; location-based)"
      training_type: "pre-training"
      geographical_location: "gcp/europe-west2 (grid zone GB)"
      hardware_used: "8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+"
    # Greenwich 0.1.0, what the fields above have no room for:
    #   runs: search-run, preliminary-run, final-run
    #   when: from 5 Jan 2026 09:13 to 7 Jan 11:27 UTC, 6 h 42 min in all
    #   CO2e, location-based: 3.28 kgCO2e (2.86–3.84), lifecycle factors
    #   CO2e, market-based: 1.18 kgCO2e (1.02–1.38)
    #   embodied CO2e, apart: 1.86 kgCO2e (1.12–2.98)
    #   energy after PUE: 19.6 kWh (18.3–21.2)
    #   IT energy: 16.4 kWh
    #   PUE: 1.20: Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    #   grid intensity met: 167 gCO2e/kWh: Carbon Intensity API, NESO, 2026 (data of 2026)
    #   boundary: CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network,
    #     power supplies)
    #   method: counted; least coverage 100 %
    #   ranges: hold nine in ten
    "#);
}

#[test]
fn a_paragraph_in_markdown_of_a_counted_run() {
    assert_snapshot!(counted(Form::Paper), @"
    Training of llm-7b-base took 2 h 14 min, 17.9 accelerator-hours, from 5 Jan 2026 09:13 to 11:27 UTC, on 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+ in gcp/europe-west2 (grid zone GB). It drew 9.82 kWh (9.13–10.6) at the building's meter, that is 8.18 kWh of IT energy at a PUE of 1.20 [1]. At a grid mean of 167 gCO2e/kWh over its hours by lifecycle factors [2], this emitted 1.64 kgCO2e (1.43–1.92), location-based; by contracts (market-based) it is 589 gCO2e (512–689) (our own figure). The share of the hardware's manufacture, 620 gCO2e (372–992), comes on top [3]. All metered energy is known from hardware energy counters. Metered were CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 100 % of the time. Mean power was 458 W per accelerator, host included, before PUE. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    Sources:

    1. PUE: 1.20; Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    2. location-based intensity (lifecycle): 168 gCO2e/kWh; Carbon Intensity API, NESO, 2026 (data of 2026)
    3. embodied carbon of h100-sxm5-80g (card): 164 kgCO2e; Product carbon footprint summary of HGX H100, NVIDIA, 2025 (data of 2025)
    ");
}

#[test]
fn a_paragraph_in_markdown_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Paper), @"
    Training took 1 h 45 min, from 10 Feb 2026 22:15 to 11 Feb 00:00 UTC, on 1 × AMD EPYC 7742; the place is not known. It drew 675 Wh (480–900) at the building's meter, that is 450 Wh (320–600) of IT energy at a PUE of 1.50 [1]. Its location-based CO2e is not known; the market-based figure is not known. Embodied emissions are not known and not included. The metered energy is known to 89 % from a power model (not metered), to 11 % from bounds alone (could not be read). Metered were CPU, DRAM before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 0 % of the time. Only 1 of 2 nodes are in these figures. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    Sources:

    1. PUE: 1.50; Global Data Center Survey, Uptime Institute, 2024 (data of 2024); assumed
    ");
}

#[test]
fn a_paragraph_in_markdown_of_three_phases() {
    assert_snapshot!(phases(Form::Paper), @"
    Training of llm-7b-base took 6 h 42 min in 3 runs, 53.6 accelerator-hours, from 5 Jan 2026 09:13 to 7 Jan 11:27 UTC, on 8 × NVIDIA H100 80GB HBM3, 2 × Intel Xeon Platinum 8480+ in gcp/europe-west2 (grid zone GB). It drew 19.6 kWh (18.3–21.2) at the building's meter, that is 16.4 kWh of IT energy at a PUE of 1.20 [1] (search 38 %, preliminary 12 %, final 50 %). At a grid mean of 167 gCO2e/kWh over its hours by lifecycle factors [2], this emitted 3.28 kgCO2e (2.86–3.84), location-based; by contracts (market-based) it is 1.18 kgCO2e (1.02–1.38) (our own figure). The share of the hardware's manufacture, 1.86 kgCO2e (1.12–2.98), comes on top [3]. All metered energy is known from hardware energy counters. Metered were CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 100 % of the time. Mean power was 305 W per accelerator, host included, before PUE. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    Sources:

    1. PUE: 1.20; Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp
    2. location-based intensity (lifecycle): 168 gCO2e/kWh; Carbon Intensity API, NESO, 2026 (data of 2026)
    3. embodied carbon of h100-sxm5-80g (card): 164 kgCO2e; Product carbon footprint summary of HGX H100, NVIDIA, 2025 (data of 2025)
    ");
}

#[test]
fn a_paragraph_in_latex_of_a_counted_run() {
    assert_snapshot!(counted(Form::Latex), @r"
    Training of llm-7b-base took 2 h 14 min, 17.9 accelerator-hours, from 5 Jan 2026 09:13 to 11:27 UTC, on 8 $\times$ NVIDIA H100 80GB HBM3, 2 $\times$ Intel Xeon Platinum 8480+ in gcp/europe-west2 (grid zone GB). It drew 9.82 kWh (9.13--10.6) at the building's meter, that is 8.18 kWh of IT energy at a PUE of 1.20~\cite{greenwich-source-1}. At a grid mean of 167 gCO\textsubscript{2}e/kWh over its hours by lifecycle factors~\cite{greenwich-source-2}, this emitted 1.64 kgCO\textsubscript{2}e (1.43--1.92), location-based; by contracts (market-based) it is 589 gCO\textsubscript{2}e (512--689) (our own figure). The share of the hardware's manufacture, 620 gCO\textsubscript{2}e (372--992), comes on top~\cite{greenwich-source-3}. All metered energy is known from hardware energy counters. Metered were CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 100 \% of the time. Mean power was 458 W per accelerator, host included, before PUE. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    @misc{greenwich-source-1,
      title = {{Google data centers: efficiency, Google}},
      year = {2025},
      note = {PUE: 1.20; data of 2024; fleet average of gcp},
    }

    @misc{greenwich-source-2,
      title = {{Carbon Intensity API, NESO}},
      year = {2026},
      note = {location-based intensity (lifecycle): 168 gCO\textsubscript{2}e/kWh; data of 2026; exact},
    }

    @misc{greenwich-source-3,
      title = {{Product carbon footprint summary of HGX H100, NVIDIA}},
      year = {2025},
      note = {embodied carbon of h100-sxm5-80g (card): 164 kgCO\textsubscript{2}e; data of 2025; exact},
    }
    ");
}

#[test]
fn a_paragraph_in_latex_of_an_estimated_run_in_no_known_zone() {
    assert_snapshot!(estimated(Form::Latex), @r"
    Training took 1 h 45 min, from 10 Feb 2026 22:15 to 11 Feb 00:00 UTC, on 1 $\times$ AMD EPYC 7742; the place is not known. It drew 675 Wh (480--900) at the building's meter, that is 450 Wh (320--600) of IT energy at a PUE of 1.50~\cite{greenwich-source-1}. Its location-based CO\textsubscript{2}e is not known; the market-based figure is not known. Embodied emissions are not known and not included. The metered energy is known to 89 \% from a power model (not metered), to 11 \% from bounds alone (could not be read). Metered were CPU, DRAM before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 0 \% of the time. Only 1 of 2 nodes are in these figures. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    @misc{greenwich-source-1,
      title = {{Global Data Center Survey, Uptime Institute}},
      year = {2024},
      note = {PUE: 1.50; data of 2024; assumed},
    }
    ");
}

#[test]
fn a_paragraph_in_latex_of_three_phases() {
    assert_snapshot!(phases(Form::Latex), @r"
    Training of llm-7b-base took 6 h 42 min in 3 runs, 53.6 accelerator-hours, from 5 Jan 2026 09:13 to 7 Jan 11:27 UTC, on 8 $\times$ NVIDIA H100 80GB HBM3, 2 $\times$ Intel Xeon Platinum 8480+ in gcp/europe-west2 (grid zone GB). It drew 19.6 kWh (18.3--21.2) at the building's meter, that is 16.4 kWh of IT energy at a PUE of 1.20~\cite{greenwich-source-1} (search 38 \%, preliminary 12 \%, final 50 \%). At a grid mean of 167 gCO\textsubscript{2}e/kWh over its hours by lifecycle factors~\cite{greenwich-source-2}, this emitted 3.28 kgCO\textsubscript{2}e (2.86--3.84), location-based; by contracts (market-based) it is 1.18 kgCO\textsubscript{2}e (1.02--1.38) (our own figure). The share of the hardware's manufacture, 1.86 kgCO\textsubscript{2}e (1.12--2.98), comes on top~\cite{greenwich-source-3}. All metered energy is known from hardware energy counters. Metered were CPU, DRAM, GPU before PUE, without what else the nodes drew (fans, storage, network, power supplies); the device read least was read for 100 \% of the time. Mean power was 305 W per accelerator, host included, before PUE. Ranges in brackets hold nine in ten. Figures by Greenwich 0.1.0.

    @misc{greenwich-source-1,
      title = {{Google data centers: efficiency, Google}},
      year = {2025},
      note = {PUE: 1.20; data of 2024; fleet average of gcp},
    }

    @misc{greenwich-source-2,
      title = {{Carbon Intensity API, NESO}},
      year = {2026},
      note = {location-based intensity (lifecycle): 168 gCO\textsubscript{2}e/kWh; data of 2026; exact},
    }

    @misc{greenwich-source-3,
      title = {{Product carbon footprint summary of HGX H100, NVIDIA}},
      year = {2025},
      note = {embodied carbon of h100-sxm5-80g (card): 164 kgCO\textsubscript{2}e; data of 2025; exact},
    }
    ");
}
