//! The plan file of the contract.
//!
//! In: a fleet, its plan and the hour it starts. Out: rows `job,site,start,end`, appended to bytes.

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
    out.extend_from_slice(b"job,site,start,end\n");
    for segment in &plan.segments {
        out.extend_from_slice(&quoted(fleet.names.get(segment.job as usize)));
        out.push(b',');
        out.extend_from_slice(&sites[segment.site as usize]);
        out.push(b',');
        out.extend_from_slice(&stamps[segment.start as usize]);
        out.push(b',');
        out.extend_from_slice(&stamps[segment.end as usize]);
        out.push(b'\n');
    }
}

fn quoted(name: &str) -> Vec<u8> {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")).into_bytes() } else { name.into() }
}
