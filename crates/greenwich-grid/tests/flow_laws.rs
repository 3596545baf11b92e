//! Laws of flow tracing, on random grids.

use greenwich_core::ZoneId;
use greenwich_grid::{Area, Exchange, consumption};
use proptest::prelude::*;

/// A grid of up to eight zones: generation, intensity, and flows that may go in circles.
fn grids() -> impl Strategy<Value = (Vec<Area>, Vec<Exchange>)> {
    (2_usize..9).prop_flat_map(|count| {
        let areas = prop::collection::vec((1.0..5000.0, 0.0..1000.0), count);
        let flows = prop::collection::vec((0..count, 0..count, -800.0..800.0_f64), 0..24);
        (areas, flows).prop_map(|(areas, flows)| {
            let name = |index: usize| ZoneId::new(format!("Z{index}"));
            let area = |(index, (generation_mw, g)): (usize, (f64, f64))| Area {
                zone: name(index),
                generation_mw,
                g_per_kwh: Some(g),
            };
            let flow = |(from, to, mw)| Exchange { from: name(from), to: name(to), mw };
            (areas.into_iter().enumerate().map(area).collect(), flows.into_iter().map(flow).collect())
        })
    })
}

fn solved(areas: &[Area], flows: &[Exchange]) -> Vec<(ZoneId, f64, f64)> {
    let consumed = consumption(areas, flows).expect("sound figures");
    consumed.into_iter().map(|one| (one.zone, one.g_per_kwh.expect("all is known"), one.consumption_mw)).collect()
}

proptest! {
    #[test]
    fn what_is_emitted_is_consumed_by_somebody((areas, flows) in grids()) {
        let emitted: f64 = areas.iter().map(|area| area.generation_mw * area.g_per_kwh.expect("given")).sum();
        let consumed: f64 = solved(&areas, &flows).iter().map(|(_, g, mw)| g * mw).sum();
        prop_assert!((emitted - consumed).abs() <= 1e-9 * emitted.max(1.0), "{emitted} {consumed}");
    }

    #[test]
    fn no_zone_is_cleaner_than_the_cleanest_or_dirtier_than_the_dirtiest((areas, flows) in grids()) {
        let all = || areas.iter().map(|area| area.g_per_kwh.expect("given"));
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        for (zone, g, _) in solved(&areas, &flows) {
            prop_assert!((least - 1e-9..=most + 1e-9).contains(&g), "{zone} {g} outside {least} to {most}");
        }
    }

    #[test]
    fn an_isolated_zone_consumes_what_it_makes((areas, flows) in grids(), g in 0.0..1000.0_f64) {
        let alone = Area { zone: ZoneId::new("alone"), generation_mw: 10.0, g_per_kwh: Some(g) };
        let areas: Vec<Area> = areas.into_iter().chain([alone]).collect();
        let found = solved(&areas, &flows).into_iter().find(|(zone, ..)| zone.as_str() == "alone").expect("it is there");
        prop_assert!((found.1 - g).abs() < 1e-9);
    }

    #[test]
    fn the_order_of_areas_and_exchanges_changes_no_bit(
        (mut areas, mut flows) in grids(),
        seed in any::<u64>(),
    ) {
        let before = solved(&areas, &flows);
        let mut state = seed;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below.max(1)
        };
        for last in (1..areas.len()).rev() {
            areas.swap(last, next(last + 1));
        }
        for last in (1..flows.len()).rev() {
            flows.swap(last, next(last + 1));
        }
        prop_assert_eq!(before, solved(&areas, &flows));
    }

    #[test]
    fn other_names_give_the_same_figures((areas, flows) in grids()) {
        // Names that sort the other way round, so that the system is solved in another order.
        let other = |zone: &ZoneId| {
            let digit: u32 = zone.as_str()[1..].parse().expect("a digit");
            ZoneId::new(format!("Y{}", 9 - digit))
        };
        let renamed: Vec<Area> = areas.iter().map(|area| Area { zone: other(&area.zone), ..area.clone() }).collect();
        let flows_renamed: Vec<Exchange> =
            flows.iter().map(|flow| Exchange { from: other(&flow.from), to: other(&flow.to), mw: flow.mw }).collect();
        let after = solved(&renamed, &flows_renamed);
        for (zone, g, mw) in solved(&areas, &flows) {
            let (_, g_after, mw_after) =
                after.iter().find(|(name, ..)| *name == other(&zone)).expect("it has another name");
            prop_assert!((g - g_after).abs() < 1e-7 * g.max(1.0) && (mw - mw_after).abs() < 1e-6);
        }
    }

    #[test]
    fn twice_the_power_at_twice_the_flows_is_the_same_intensity((areas, flows) in grids()) {
        let twice: Vec<Area> =
            areas.iter().map(|area| Area { generation_mw: 2.0 * area.generation_mw, ..area.clone() }).collect();
        let flows_twice: Vec<Exchange> =
            flows.iter().map(|flow| Exchange { mw: 2.0 * flow.mw, ..flow.clone() }).collect();
        for (one, two) in solved(&areas, &flows).iter().zip(solved(&twice, &flows_twice)) {
            prop_assert!((one.1 - two.1).abs() < 1e-9 * one.1.max(1.0));
        }
    }
}
