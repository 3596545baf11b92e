//! A planned fleet for other eyes: the plan as Parquet, and as a picture.
//!
//! In: a planned fleet. Out: bytes of Parquet with the columns of the plan's CSV; SVG of its sites hour by hour.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::PlannedFleet;
use greenwich_report::svg::{self, FleetPicture, SiteHours, SiteJob, SitePicture};
use greenwich_store::figures::{Kind, Values};
use greenwich_store::parquet_groups;
use jiff::{SignedDuration, Timestamp};
use std::ops::Range;

/// Sites that a message names.
const MOST_NAMED: usize = 10;
/// Rows of a group of the Parquet file.
const GROUP: usize = 1 << 16;

impl PlannedFleet {
    /// The plan file as Parquet: `job,site,start,end`, and `accelerators` where sizes may change, all text, instants in
    /// RFC 3339.
    ///
    /// # Errors
    /// [`Error::Store`] when Parquet refuses, which no plan should bring about.
    pub fn parquet(&self) -> Result<Vec<u8>, Error> {
        let mut columns = ["job", "site", "start", "end"].map(|name| (name, Kind::Text)).to_vec();
        let has_sizes = !self.plan.sizes.is_empty();
        if has_sizes {
            columns.push(("accelerators", Kind::Text));
        }
        let groups = self.plan.segments.chunks(GROUP).enumerate().map(|(group, rows)| {
            let text = |of: &dyn Fn(&greenwich_fleet::Placement) -> String| {
                Values::Text(rows.iter().map(|row| Some(of(row))).collect())
            };
            let mut columns = vec![
                text(&|row| self.fleet.names.get(row.job as usize).to_owned()),
                text(&|row| self.fleet.sites[row.site as usize].name.clone()),
                text(&|row| self.instant(row.start).to_string()),
                text(&|row| self.instant(row.end).to_string()),
            ];
            if has_sizes {
                let sizes = self.plan.sizes[group * GROUP..].iter().take(rows.len());
                columns.push(Values::Text(sizes.map(|size| Some(size.to_string())).collect()));
            }
            columns
        });
        Ok(parquet_groups("greenwich.fleet_plan/1", &columns, groups)?)
    }

    fn instant(&self, hour: u32) -> Timestamp {
        self.start() + SignedDuration::from_hours(i64::from(hour))
    }

    /// The plan as a picture: each site's intensity, use and shadow price hour by hour.
    pub fn svg(&self) -> String {
        let (fleet, hours) = (&self.fleet, self.fleet.hours as usize);
        let mut used = vec![vec![0_u32; hours]; fleet.sites.len()];
        for (at, part) in self.plan.segments.iter().enumerate() {
            let held = self.plan.accelerators(fleet, at);
            for now in &mut used[part.site as usize][part.start as usize..part.end as usize] {
                *now += held;
            }
        }
        let sites = fleet.sites.iter().zip(used).enumerate().map(|(index, (site, used))| SiteHours {
            name: &site.name,
            zone: site.zone.as_str(),
            g_per_it_kwh: site.intensity[..hours].iter().map(|now| now.g_per_kwh() * site.pue.ratio()).collect(),
            capacity: &site.capacity[..hours],
            used,
            price_g: &self.plan.prices_g[index * hours..(index + 1) * hours],
        });
        let notes: Vec<String> = self.quotas_note().into_iter().chain(self.warnings.iter().cloned()).collect();
        svg::fleet(&FleetPicture {
            jobs: fleet.jobs.len(),
            unplaced: self.plan.unplaced.len(),
            co2e: self.plan.co2e,
            baseline: self.plan.baseline,
            // Where cost or delay weigh, the bound is not one of emissions.
            lower_bound: (!self.has_weights()).then_some(self.plan.lower_bound),
            gap: self.plan.gap().filter(|_| !self.has_weights()),
            signal: self.signal(),
            start: self.start(),
            end: self.instant(fleet.hours),
            sites: sites.collect(),
            warnings: &notes,
        })
    }

    /// One site as a picture: each of its jobs as a bar over the hours.
    ///
    /// # Errors
    /// [`Error::Document`] for a site that is not there.
    pub fn site_svg(&self, name: &str) -> Result<String, Error> {
        let (fleet, hours) = (&self.fleet, self.fleet.hours as usize);
        let index = fleet.sites.iter().position(|site| site.name == name).ok_or_else(|| {
            let names: Vec<&str> = fleet.sites.iter().map(|site| site.name.as_str()).take(MOST_NAMED).collect();
            let more = if fleet.sites.len() > MOST_NAMED { " …" } else { "" };
            Error::Document(DocumentError::Flag {
                flag: "--svg-site",
                reason: format!("no site is called `{name}`"),
                mend: format!("name one of {}{more}", names.join(", ")),
            })
        })?;
        let site = &fleet.sites[index];
        let g_per_it_kwh: Vec<f64> =
            site.intensity[..hours].iter().map(|now| now.g_per_kwh() * site.pue.ratio()).collect();
        let own = self.plan.segments.chunk_by(|one, next| one.job == next.job);
        let jobs = own.filter(|parts| parts[0].site as usize == index).map(|parts| {
            let (number, job) = (parts[0].job as usize, &fleet.jobs[parts[0].job as usize]);
            let runs: Vec<Range<u32>> = parts.iter().map(|part| part.start..part.end).collect();
            let grams = |run: &Range<u32>| g_per_it_kwh[run.start as usize..run.end as usize].iter().sum::<f64>();
            SiteJob {
                name: fleet.names.get(number),
                accelerators: job.accelerators,
                window: job.release..job.deadline,
                co2e_g: runs.iter().map(grams).sum::<f64>() * job.power.kw() * f64::from(job.accelerators),
                runs,
                home: (job.home as usize != index).then(|| fleet.sites[job.home as usize].name.as_str()),
            }
        });
        Ok(svg::site(&SitePicture {
            name: &site.name,
            zone: site.zone.as_str(),
            jobs: jobs.collect(),
            g_per_it_kwh: g_per_it_kwh.clone(),
            capacity: &site.capacity[..hours],
            signal: self.signal(),
            start: self.start(),
        }))
    }
}
