//! What must hold of every estimate, and one known run.

mod common;

use common::{bare, seven_b};
use greenwich_core::footprint::Footprint;
use greenwich_core::quantity::{
    AcceleratorHours, Co2e, FacilityEnergy, Flops, Fraction, Hours, Power, Pue, SiteWaterIntensity, UsdPerKwh,
};
use greenwich_core::range::Quantity;
use greenwich_core::{Range, Tier};
use greenwich_estimate::{Chip, Inputs, Layout, Load, LogNormal, Model, PowerBasis, Transfer, duration, run};
use proptest::prelude::*;

fn changed(change: impl FnOnce(&mut Inputs)) -> Footprint {
    let mut inputs = seven_b();
    change(&mut inputs);
    run(&inputs).expect("inputs that can be")
}

fn range<Q: Quantity>(range: Range<Q>) -> [f64; 3] {
    [range.p5, range.p50, range.p95].map(Quantity::base)
}

/// Every quantity that grows with the run, in base units.
fn amounts(footprint: &Footprint) -> Vec<[f64; 3]> {
    let mut amounts = vec![
        range(footprint.accelerator_hours),
        range(footprint.hours),
        range(footprint.it_energy),
        range(footprint.facility_energy),
    ];
    amounts.extend(footprint.training_flops.map(range));
    let masses =
        [footprint.location_based, footprint.location_based_direct, footprint.market_based, footprint.embodied];
    amounts.extend(masses.into_iter().flatten().map(range));
    amounts.extend(footprint.consequential.map(range));
    amounts.extend(footprint.water.map(range));
    amounts.extend(footprint.cost.map(range));
    amounts
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs()
}

proptest! {
    #[test]
    fn twice_the_tokens_are_twice_of_everything(tokens in 1e9..1e14f64, share in 0.05..0.9f64, seq_len in 128u32..65536) {
        let at = |tokens: f64| changed(|inputs| {
            inputs.tokens = Some(tokens);
            inputs.seq_len = Some(seq_len);
            inputs.utilisation = LogNormal::new(share, 0.3);
        });
        let (one, two) = (amounts(&at(tokens)), amounts(&at(2.0 * tokens)));
        prop_assert_eq!(one.len(), 12);
        for (one, two) in one.iter().flatten().zip(two.iter().flatten()) {
            prop_assert!(close(*two, 2.0 * one), "{} is not twice {}", two, one);
        }
    }

    #[test]
    fn intervals_ascend(tokens in 1e9..1e14f64, sigma in 0.0..1.5f64, pause in 0.0..1e4f64, moved in 0.0..1e6f64) {
        let footprint = changed(|inputs| {
            inputs.tokens = Some(tokens);
            inputs.utilisation = LogNormal::new(0.4, sigma);
            inputs.pause_overhead = Hours::from_hours(pause);
            inputs.transfer = Some(Transfer { energy: FacilityEnergy::from_kwh(moved), g_per_kwh: 400.0 });
        });
        for [p5, p50, p95] in amounts(&footprint) {
            prop_assert!(p5.is_finite() && p5 >= 0.0 && p5 <= p50 && p50 <= p95);
        }
    }

    #[test]
    fn a_higher_pue_never_lowers(low in 1.0..3.0f64, more in 0.0..2.0f64) {
        let at = |ratio: f64| {
            amounts(&changed(|inputs| inputs.site.pue = LogNormal::exact(Pue::new(ratio).expect("in range"))))
        };
        for (low, high) in at(low).iter().flatten().zip(at(low + more).iter().flatten()) {
            prop_assert!(high * (1.0 + 1e-12) >= *low);
        }
    }

    #[test]
    fn more_accelerators_at_a_given_mfu_take_the_same_accelerator_hours(count in 8u32..100_000, mfu in 0.05..0.9f64) {
        let at = |count: u32| changed(|inputs| {
            inputs.setting.count = count;
            inputs.given.mfu = Some(Fraction::new(mfu).expect("a share"));
        });
        let (few, many) = (at(count), at(2 * count));
        prop_assert!(close(many.accelerator_hours.p50.hours(), few.accelerator_hours.p50.hours()));
        prop_assert!(close(many.hours.p50.hours() * 2.0, few.hours.p50.hours()));
        prop_assert!(close(many.it_energy.p95.joules(), few.it_energy.p95.joules()));
    }
}

#[test]
fn llama_2_7b_takes_what_its_paper_says() {
    // Touvron et al. 2023, arXiv:2307.09288, table 2: 184,320 A100-80GB hours.
    let footprint = changed(|_| ());
    assert_eq!(footprint.tier, Tier::T0);
    assert!(footprint.accelerator_hours.holds(AcceleratorHours::from_hours(184_320.0)));
    insta::assert_snapshot!(footprint.accelerator_hours, @"189 k accelerator-hours (116 k accelerator-hours – 310 k accelerator-hours)");
    insta::assert_snapshot!(footprint.training_flops.expect("known"), @"92.2 ZFLOP");
    insta::assert_snapshot!(footprint.it_energy, @"90.9 MWh (53.7 MWh – 154 MWh)");
}

#[test]
fn each_tier_says_how_much_was_known() {
    let mfu = Fraction::new(0.45).ok();
    let layout = Some(Layout { tensor: 2, pipeline: 1, data: 512, context: 1 });
    assert_eq!(changed(|inputs| inputs.given.layout = layout).tier, Tier::T1);
    assert_eq!(changed(|inputs| inputs.given.mfu = mfu).tier, Tier::T2);
    assert_eq!(changed(|inputs| inputs.given.tokens_per_s = Some(3e6)).tier, Tier::T2);
    let measured = |inputs: &mut Inputs| {
        inputs.given.mfu = mfu;
        inputs.power = Some(PowerBasis::Given(Power::from_watts(470.0)));
        inputs.given.mean_power_given = true;
    };
    assert_eq!(changed(measured).tier, Tier::T3);
    assert!(changed(measured).mean_power.is_exact());
}

#[test]
fn given_hours_are_exact_and_stand_above_the_rest() {
    let footprint = changed(|inputs| {
        inputs.given.hours = Some(Hours::from_hours(355.2));
        inputs.given.mfu = Fraction::new(0.5).ok();
        inputs.pause_overhead = Hours::from_hours(4.8);
        inputs.setting.count = 1; // It did run, so memory is not asked.
    });
    assert!(footprint.hours.is_exact() && close(footprint.hours.p50.hours(), 360.0));
}

#[test]
fn a_rate_while_stepping_is_lengthened_by_goodput() {
    let mut inputs = seven_b();
    inputs.given.tokens_per_s = Some(4e6);
    let hours = duration(&inputs).expect("known");
    assert!(close(hours.median().hours(), 2e12 / 4e6 / 3600.0 / 0.95));
    assert!(close(hours.sigma(), 0.08));
}

#[test]
fn a_layout_is_timed_by_its_roofline_and_narrows_the_hours() {
    let open = changed(|_| ());
    let known = changed(|inputs| {
        inputs.given.layout = Some(Layout { tensor: 2, pipeline: 1, data: 512, context: 1 });
        inputs.given.layout_mfu = Some(LogNormal::new(0.5, 0.15));
    });
    assert_eq!((open.tier, known.tier), (Tier::T0, Tier::T1));
    let expected = known.training_flops.expect("known").p50.flops() / (312e12 * 0.5 * 0.95) / 3600.0;
    assert!(close(known.accelerator_hours.p50.hours(), expected));
    let width = |footprint: &Footprint| footprint.hours.p95.hours() / footprint.hours.p50.hours();
    assert!(width(&known) < width(&open));
}

#[test]
fn the_chip_alone_draws_less_than_its_system_and_that_less_than_with_pue() {
    let footprint = changed(|inputs| {
        let limit = Some(Power::from_watts(400.0));
        inputs.chip = Some(Chip { of_system: LogNormal::new(0.70, 0.18), limit });
    });
    let alone = footprint.accelerator_power.expect("it can be told");
    let facility = footprint.facility_power.expect("the PUE is known");
    // 480 W of the system, PUE 1.1.
    assert!(close(alone.p50.watts(), 336.0) && close(facility.p50.watts(), 528.0));
    assert!(alone.p95.watts() <= 400.0 && alone.p5 < alone.p50);
    assert!(changed(|_| ()).accelerator_power.is_none());
}

#[test]
fn a_slower_run_draws_less_and_its_energy_is_known_better_than_its_hours() {
    let load = Some(Load::usual(0.35, 0.33));
    let at = |share: f64| {
        changed(|inputs| {
            inputs.load = load;
            inputs.utilisation = LogNormal::new(share, 0.4);
        })
    };
    let (slow, quick) = (at(0.2), at(0.4));
    assert!(slow.mean_power.p50.watts() < quick.mean_power.p50.watts());
    assert!(slow.it_energy.p50.joules() > quick.it_energy.p50.joules());
    let width = |p95: f64, p50: f64| p95 / p50;
    let hours = width(quick.hours.p95.hours(), quick.hours.p50.hours());
    assert!(width(quick.it_energy.p95.joules(), quick.it_energy.p50.joules()) < hours);
}

#[test]
fn a_total_of_flops_is_taken_as_it_is() {
    let footprint = changed(|inputs| {
        inputs.model = Model::Unknown;
        inputs.tokens = None;
        inputs.given.total_flops = Some(Flops::from_flops(3.14e23));
    });
    assert_eq!(footprint.training_flops, Some(Range::exact(Flops::from_flops(3.14e23))));
    assert!(close(footprint.accelerator_hours.p50.hours(), 3.14e23 / (312e12 * 0.38) / 3600.0));
    assert_eq!(footprint.params_total, None);
}

#[test]
fn pue_enters_water_once() {
    let footprint = changed(|inputs| {
        inputs.site.wue = Some(LogNormal::exact(SiteWaterIntensity::from_l_per_kwh(1.0)));
        inputs.site.source_water = inputs.site.source_water.map(|water| LogNormal::exact(water.median()));
        inputs.site.pue = LogNormal::exact(Pue::new(1.5).expect("a PUE"));
    });
    let litres_per_kwh = footprint.water.expect("known").p50.litres() / footprint.it_energy.p50.kwh();
    assert!(close(litres_per_kwh, 1.0 + 1.5 * 3.1), "{litres_per_kwh}");
}

#[test]
fn moving_data_adds_to_where_it_is_charged() {
    let transfer = Transfer { energy: FacilityEnergy::from_mwh(2.0), g_per_kwh: 500.0 };
    let (home, away) = (changed(|_| ()), changed(|inputs| inputs.transfer = Some(transfer)));
    let more = |home: Option<Range<Co2e>>, away: Option<Range<Co2e>>| {
        (away.expect("known").p50 - home.expect("known").p50).kg()
    };
    assert!((more(home.location_based, away.location_based) - 1000.0).abs() < 1e-6);
    assert!((more(home.location_based_direct, away.location_based_direct) - 1000.0).abs() < 1e-6);
    assert_eq!(home.facility_energy, away.facility_energy);
    let consequential = |footprint: &Footprint| footprint.consequential.expect("known").p50.kg();
    assert!((consequential(&away) - consequential(&home) - 1000.0).abs() < 1e-3);
}

#[test]
fn without_a_price_of_the_hour_cost_is_electricity() {
    let footprint = changed(|inputs| {
        inputs.site.price = None;
        inputs.site.electricity_price = Some(LogNormal::exact(UsdPerKwh::from_usd_per_kwh(0.08)));
    });
    let expected = footprint.facility_energy.p50.kwh() * 0.08;
    assert!(close(footprint.cost.expect("known").p50.usd(), expected));
}

#[test]
fn what_is_not_known_is_named_with_the_key_that_mends_it() {
    let footprint = changed(|inputs| {
        inputs.model = bare(7_000_000_000, 7_000_000_000);
        inputs.memory = None;
        inputs.power = Some(PowerBasis::Tdp { tdp: Power::from_watts(400.0), foreign_log_sd: 0.0 });
        inputs.site.location_based = None;
        inputs.site.market_based = None;
        inputs.site.wue = None;
        inputs.site.embodied = None;
        inputs.site.price = None;
    });
    assert_eq!((footprint.location_based, footprint.water, footprint.cost), (None, None, None));
    insta::assert_snapshot!(footprint.warnings.join("\n"), @r"
    location-based CO2e is not known: give `site.region`, `site.zone` or `site.location_based_gco2e_per_kwh`
    market-based CO2e is not known: give `site.market_based_gco2e_per_kwh`
    embodied CO2e is not known: nothing is published for `machine.accelerator`
    water is not known: give `site.wue_l_per_kwh`
    cost is not known: give `site.usd_per_accelerator_hour` or `site.usd_per_kwh`
    memory of the accelerator is not known: whether the model fits was not checked
    mean power is scaled from the design power of 400 W, which is a cap and no draw: give `machine.mean_power_w` if you have measured it
    the range of energy would narrow most by `machine.tokens_per_s` of a pilot's first steps: from ×/÷ 1.98 to ×/÷ 1.63
    ");
}

#[test]
fn every_factor_that_this_crate_adds_has_a_source() {
    let list = |footprint: &Footprint| {
        let line = |factor: &greenwich_core::Factor| {
            format!(
                "{}: {} {} ({}; {})",
                factor.quantity,
                greenwich_core::quantity::significant(factor.value, 3),
                factor.unit,
                factor.source,
                factor.fit
            )
        };
        footprint.factors.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(list(&changed(|_| ())), @r"
    training FLOPs: 92200000000000006291456 FLOP (3 × (2·S·multiplied parameters + 2·S²·H·(d_qk + d_v)·L) × tokens ÷ tokens of a pass; exact)
    useful share of billed peak: 0.380 fraction (fit on published runs of the generation; exact)
    FLOPs for the useful share: 80900000000000007340032 FLOP (6·N·D with causal attention beyond 4096 tokens, as the published runs are counted; exact)
    spread of mean power between runs: 1.12 factor at one standard deviation (range of the measured runs, no less than 1.12 (assumed); assumed)
    ");
    insta::assert_snapshot!(list(&changed(|inputs| {
        inputs.given.mfu = Fraction::new(0.45).ok();
        inputs.power = Some(PowerBasis::Tdp { tdp: Power::from_watts(400.0), foreign_log_sd: 0.0 });
    })), @r"
    training FLOPs: 92200000000000006291456 FLOP (3 × (2·S·multiplied parameters + 2·S²·H·(d_qk + d_v)·L) × tokens ÷ tokens of a pass; exact)
    model FLOP utilisation (MFU): 0.450 fraction (job file; given)
    goodput: 0.850 fraction (published runs that state both MFU and hours; figure of published runs)
    host factor: mean power of the whole system over TDP: 1.13 ratio (geometric mean of P100 and V100 (Patterson et al. 2021, table 3) and H100 (MLPerf Training 4.0; Newkirk et al. 2025); figure of four GPU systems measured in training)
    ");
}
