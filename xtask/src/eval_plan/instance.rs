//! Fleets that are the same every time: generator "Greenwich-Plan v1".
//!
//! In: jobs, sites, seed. Out: the bytes of jobs.csv and sites.csv. SplitMix64 of the seed, one number in [0, 1)
//! each for accelerators, hours, slack, release, home, sites and interruptible of a job, in this order. A week of
//! hours; capacity is 1.3 times the mean need, and never less than the largest job.

use std::fmt::Write as _;

/// The first hour.
pub(crate) const START: &str = "2022-07-04T00:00:00Z";
/// Hours, as they are given by flag.
pub(crate) const HOURS_TEXT: &str = "168";
const HOURS: u64 = 168;
const HEADROOM: f64 = 1.3;
const WATTS: u32 = 700;
const SIZES: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const SHARES: [f64; 11] = [0.30, 0.12, 0.12, 0.20, 0.10, 0.06, 0.04, 0.03, 0.015, 0.010, 0.005];
const LENGTHS: [u64; 16] = [1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30, 48, 72];
const SLACKS: [u64; 10] = [0, 0, 2, 6, 12, 24, 24, 48, 72, 168];
const TEN: [&str; 10] =
    ["US-CAL-CISO", "US-TEX-ERCO", "US-MIDA-PJM", "GB", "SG", "AU-NSW", "BR-SP", "CL-SIC", "JP-TK", "KR"];
const THIRTY: [&str; 30] = [
    "AU-NSW",
    "AU-VIC",
    "BR-SP",
    "CL-SIC",
    "GB",
    "IN-WE",
    "JP-TK",
    "KR",
    "SG",
    "US-CAL-CISO",
    "US-MIDA-PJM",
    "US-NY-NYIS",
    "US-TEX-ERCO",
    "ZA",
    "AT",
    "BE",
    "CH",
    "DK-DK1",
    "ES",
    "FI",
    "GR",
    "IE",
    "IT-CNO",
    "NL",
    "NO-NO3",
    "NZ",
    "RO",
    "SE-SE3",
    "TW",
    "US-NW-PACW",
];

/// The files of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) jobs: String,
    pub(crate) sites: String,
    /// The quotas file; empty where there is none.
    pub(crate) quotas: String,
}

impl Instance {
    /// Makes a fleet. Beyond 30 sites the zones come again, each site with a name of its own.
    pub(crate) fn make(jobs: usize, sites: usize, seed: u64) -> Self {
        let known: &[&str] = if sites > TEN.len() { &THIRTY } else { &TEN };
        let zones: Vec<&str> = known.iter().copied().cycle().take(sites).collect();
        let name = |(site, zone): (usize, &&str)| match site / known.len() {
            0 => format!("site-{}", zone.to_lowercase()),
            again => format!("site-{}-{}", zone.to_lowercase(), again + 1),
        };
        let names: Vec<String> = zones.iter().enumerate().map(name).collect();
        let mut most = 1;
        while most * 2 <= jobs as u64 / 20 && most < 1024 {
            most *= 2;
        }
        let shares: Vec<f64> = SHARES
            .iter()
            .scan(0.0, |sum, share| {
                *sum += share;
                Some(*sum)
            })
            .collect();
        let stamps: Vec<String> = (0..=HOURS).map(stamp).collect();
        let mut state = seed;
        let mut unit = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
        };
        let mut text = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\n".to_owned();
        let (mut need, mut largest) = (0, 1);
        for job in 0..jobs {
            let draw = unit();
            let size = SIZES[shares.iter().filter(|share| draw >= **share).count().min(10)].min(most);
            let hours = LENGTHS[(unit() * 16.0) as usize];
            let slack = SLACKS[(unit() * 10.0) as usize];
            let release = (unit() * (HOURS - hours + 1) as f64) as u64;
            let deadline = HOURS.min(release + hours + slack);
            let home = (unit() * sites as f64) as usize;
            let reach = unit();
            let interruptible = u8::from(unit() < 0.5);
            let allowed = |site: &usize| match reach {
                reach if reach < 0.35 => *site == home,
                reach if reach < 0.70 => site % 3 == home % 3,
                _ => true,
            };
            let allowed: Vec<&str> = (0..sites).filter(allowed).map(|site| names[site].as_str()).collect();
            need += size * hours;
            largest = largest.max(size);
            let (from, until) = (&stamps[release as usize], &stamps[deadline as usize]);
            let (home, allowed) = (&names[home], allowed.join("|"));
            _ = writeln!(text, "j{job:07},{from},{until},{hours},{size},{WATTS},{home},{allowed},{interruptible}");
        }
        let mean = HEADROOM * need as f64 / (sites as u64 * HOURS) as f64;
        let capacity = (mean.ceil() as u64).max(largest);
        let mut table = "site,zone,pue,accelerators\n".to_owned();
        for (site, (zone, name)) in zones.iter().zip(&names).enumerate() {
            _ = writeln!(table, "{name},{zone},{:.2},{capacity}", 1.1 + 0.02 * (site % 10) as f64);
        }
        Self { jobs: text, sites: table, quotas: String::new() }
    }
}

/// The instant so many hours after the first, within July 2022.
fn stamp(hour: u64) -> String {
    format!("2022-07-{:02}T{:02}:00:00Z", 4 + hour / 24, hour % 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_those_of_the_generator() {
        let made = Instance::make(1000, 10, 1);
        let rows: Vec<&str> = made.jobs.lines().skip(1).take(2).collect();
        let all = "site-us-cal-ciso|site-us-tex-erco|site-us-mida-pjm|site-gb|site-sg|site-au-nsw|site-br-sp|site-cl-sic|site-jp-tk|site-kr";
        assert_eq!(
            rows,
            [
                format!("j0000000,2022-07-06T20:00:00Z,2022-07-11T00:00:00Z,14,8,700,site-sg,{all},0"),
                "j0000001,2022-07-06T19:00:00Z,2022-07-08T21:00:00Z,2,4,700,site-br-sp,site-us-cal-ciso|site-gb|site-br-sp|site-kr,0".to_owned(),
            ]
        );
        assert_eq!(made.sites.lines().nth(1), Some("site-us-cal-ciso,US-CAL-CISO,1.10,101"));
    }

    #[test]
    fn beyond_thirty_sites_the_zones_come_again_under_other_names() {
        let made = Instance::make(100, 50, 1);
        let names: std::collections::BTreeSet<&str> =
            made.sites.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
        assert_eq!(names.len(), 50);
        assert!(made.sites.lines().any(|row| row.starts_with("site-au-nsw-2,AU-NSW,1.10,")), "{}", made.sites);
    }
}
