//! The plan file of the contract.
//!
//! In: a fleet, its plan and the hour it starts. Out: rows `job,site,start,end`, and `accelerators` where sizes may change,
//! appended to bytes.

use crate::fleet::Fleet;
use crate::hour;
use crate::plan::FleetPlan;

/// Appends the plan as CSV. `start` is the first planned instant, in hours since 1970.
pub fn write_plan(fleet: &Fleet, plan: &FleetPlan, start: i64, out: &mut Vec<u8>) {
    let stamps: Vec<Vec<u8>> = (0..=i64::from(fleet.hours))
        .map(|offset| {
            let mut text = Vec::with_capacity(20);
            hour::write(start + offset, &mut text);
            text
        })
        .collect();
    let sites: Vec<Vec<u8>> = fleet.sites.iter().map(|site| quoted(&site.name)).collect();
    out.reserve(plan.segments.len() * 64);
    out.extend_from_slice(if plan.sizes.is_empty() {
        b"job,site,start,end\n"
    } else {
        b"job,site,start,end,accelerators\n"
    });
    for (at, segment) in plan.segments.iter().enumerate() {
        out.extend_from_slice(&quoted(fleet.names.get(segment.job as usize)));
        out.push(b',');
        out.extend_from_slice(&sites[segment.site as usize]);
        out.push(b',');
        out.extend_from_slice(&stamps[segment.start as usize]);
        out.push(b',');
        out.extend_from_slice(&stamps[segment.end as usize]);
        if let Some(size) = plan.sizes.get(at) {
            out.extend_from_slice(format!(",{size}").as_bytes());
        }
        out.push(b'\n');
    }
}

fn quoted(name: &str) -> Vec<u8> {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")).into_bytes() } else { name.into() }
}
