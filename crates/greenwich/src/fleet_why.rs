//! Why one job of a fleet runs where and when it does.
//!
//! In: a planned fleet and a job's name. Out: a [`Why`]: its place and what it emits there, what running at once at
//! home would emit, and for each of its sites the cheapest hours under the shadow prices, which tell what the room
//! taken from others is worth.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::PlannedFleet;
use greenwich_core::quantity::{Co2e, Usd};
use greenwich_fleet::{Stay, at_once, best_by_site, kept_away, planned};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A place for a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The site.
    pub site: String,
    /// Its first hour.
    pub start: Timestamp,
    /// The end of its last.
    pub end: Timestamp,
    /// What the job emits there.
    pub co2e: Co2e,
    /// What the room is worth to others, by the shadow prices.
    pub room: Co2e,
    /// What its share of its project's quota is worth to the project's others, by the quota's shadow price.
    pub share: Co2e,
    /// The part of its emissions that moves its data there.
    pub transfer: Co2e,
    /// The part that restarts after pauses take.
    pub restart: Co2e,
    /// The fewest and the most accelerators that it holds, where its size may change.
    pub accelerators: Option<(u32, u32)>,
    /// What accelerators and energy cost there, where that has a weight.
    pub cost: Option<Usd>,
}

/// Why a job runs where and when it does.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Why {
    /// The job.
    pub job: String,
    /// Where the plan has it; `None` where it has no place.
    pub planned: Option<Place>,
    /// Why it has none.
    pub reason: Option<&'static str>,
    /// At once, at home, capacity ignored.
    pub at_once: Place,
    /// The best hours of each of its sites, what the room is worth included; the best site first.
    pub others: Vec<Place>,
    /// Where it would rather be, and its project's quota does not let it.
    pub kept_away: Option<KeptAway>,
}

/// What a quota keeps a job from.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAway {
    /// The project whose quota it is.
    pub project: String,
    /// What the job may emit beside the project's others.
    pub left: Co2e,
    /// Where it would be without the quota.
    pub rather: Place,
}

impl PlannedFleet {
    /// Says of a job why it runs where and when it does.
    ///
    /// # Errors
    /// [`Error::Document`] where no job is called so.
    pub fn why(&self, name: &str) -> Result<Why, Error> {
        let fleet = &self.fleet;
        let index = (0..fleet.jobs.len()).find(|&index| fleet.names.get(index) == name).ok_or_else(|| {
            let first = fleet.names.get(0);
            Error::Document(DocumentError::Flag {
                flag: "--why",
                reason: format!("no job is called `{name}`"),
                mend: format!("name a job of the jobs file, for example --why {first}"),
            })
        })?;
        let reason = self.plan.unplaced.iter().find(|(unplaced, _)| *unplaced as usize == index);
        let reason = reason.map(|(_, reason)| crate::fleet::word(*reason));
        if self.plan.tally.is_some() {
            return Ok(self.why_extended(name, index as u32, reason));
        }
        let job = &fleet.jobs[index];
        let kilowatts = job.power.watts() * f64::from(job.accelerators) / 1e3;
        let grams = |site: u32, hour: u32| {
            let place = &fleet.sites[site as usize];
            kilowatts * place.pue.ratio() * place.intensity[hour as usize].g_per_kwh()
        };
        let room = |site: u32, hour: u32| {
            let at = site as usize * fleet.hours as usize + hour as usize;
            self.plan.prices_g[at] * f64::from(job.accelerators)
        };
        let place = |site: u32, hours: &[u32]| {
            let instant = |hour: u32| self.start() + SignedDuration::from_hours(i64::from(hour));
            let (first, last) = (hours.iter().copied().min().unwrap_or(0), hours.iter().copied().max().unwrap_or(0));
            Place {
                site: fleet.sites[site as usize].name.clone(),
                start: instant(first),
                end: instant(last + 1),
                co2e: Co2e::from_g(hours.iter().map(|&hour| grams(site, hour)).sum()),
                room: Co2e::from_g(hours.iter().map(|&hour| room(site, hour)).sum()),
                share: Co2e::ZERO,
                transfer: Co2e::ZERO,
                restart: Co2e::ZERO,
                accelerators: None,
                cost: None,
            }
        };
        let own = self.plan.segments.iter().filter(|part| part.job as usize == index);
        let hours: Vec<u32> = own.clone().flat_map(|part| part.start..part.end).collect();
        let planned = own.clone().next().map(|part| place(part.site, &hours));
        let window: Vec<u32> = (job.release..job.deadline.min(fleet.hours)).collect();
        let length = job.hours as usize;
        let mut others: Vec<Place> = Vec::new();
        for &site in &fleet.site_sets[job.sites.0 as usize] {
            let worth = |hour: &u32| grams(site, *hour) + room(site, *hour);
            let largest = fleet.sites[site as usize].capacity.iter().copied().max().unwrap_or(0);
            if window.len() < length || length == 0 || largest < job.accelerators {
                continue;
            }
            let hours = if job.interruptible {
                let mut hours = window.clone();
                hours.sort_by(|a, b| worth(a).total_cmp(&worth(b)).then(a.cmp(b)));
                hours.truncate(length);
                hours
            } else {
                let sum = |hours: &&[u32]| hours.iter().map(worth).sum::<f64>();
                window.windows(length).min_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap_or_default().to_vec()
            };
            others.push(place(site, &hours));
        }
        let both = |place: &Place| place.co2e.g() + place.room.g();
        others.sort_by(|a, b| both(a).total_cmp(&both(b)));
        let at_once: Vec<u32> = (job.release..job.release.saturating_add(job.hours).min(fleet.hours)).collect();
        let at_once = place(job.home, &at_once);
        Ok(Why { job: name.to_owned(), planned, reason, at_once, others, kept_away: None })
    }
}

impl PlannedFleet {
    /// The same where data, restarts, kinds, cost or delay are reckoned with.
    fn why_extended(&self, name: &str, index: u32, reason: Option<&'static str>) -> Why {
        let (fleet, plan) = (&self.fleet, &self.plan);
        let instant = |hour: u32| self.start() + SignedDuration::from_hours(i64::from(hour));
        let is_elastic = fleet.extras.get(index as usize).is_some_and(|extras| !extras.speedup.is_empty());
        let sizes = |stay: &Stay| {
            let sizes = stay.hours.iter().map(|(_, size)| *size);
            Some((sizes.clone().min()?, sizes.max()?)).filter(|_| is_elastic)
        };
        let place = |stay: Stay| Place {
            accelerators: sizes(&stay),
            site: fleet.sites[stay.site as usize].name.clone(),
            start: instant(stay.hours.first().map_or(0, |(hour, _)| *hour)),
            end: instant(stay.hours.last().map_or(0, |(hour, _)| *hour + 1)),
            co2e: stay.co2e,
            room: stay.room,
            share: stay.share,
            transfer: stay.transfer,
            restart: stay.restart,
            cost: self.weights.carbon_price_usd_per_t.map(|_| stay.cost),
        };
        let own = planned(fleet, plan, index);
        let emits = own.as_ref().map_or(Co2e::ZERO, |own| own.co2e);
        let kept_away =
            kept_away(fleet, plan, index).zip(plan.quota_of(fleet, index)).map(|(rather, quota)| KeptAway {
                project: fleet.projects[quota.project as usize].name.clone(),
                left: quota.quota - quota.used + emits,
                rather: place(Stay { share: Co2e::ZERO, ..rather }),
            });
        Why {
            job: name.to_owned(),
            planned: own.map(place),
            reason,
            at_once: place(at_once(fleet, plan, index)),
            others: best_by_site(fleet, plan, index).into_iter().map(place).collect(),
            kept_away,
        }
    }
}

impl Why {
    /// Keys of `why` in `greenwich.fleet/1`.
    pub fn json(&self) -> Value {
        let told = |place: &Place| {
            let mut told = json!({
                "site": place.site,
                "start": place.start.to_string(),
                "end": place.end.to_string(),
                "co2e_g": place.co2e.g(),
                "room_g": place.room.g(),
            });
            let parts = [("transfer_g", place.transfer), ("restart_g", place.restart), ("quota_g", place.share)];
            for (key, part) in parts {
                if part > Co2e::ZERO {
                    told[key] = json!(part.g());
                }
            }
            if let Some((least, most)) = place.accelerators {
                (told["min_accelerators"], told["max_accelerators"]) = (json!(least), json!(most));
            }
            if let Some(cost) = place.cost {
                told["cost_usd"] = json!(cost.usd());
            }
            told
        };
        let mut value = json!({
            "job": self.job,
            "planned": self.planned.as_ref().map(told),
            "unplaced_reason": self.reason,
            "at_once": told(&self.at_once),
            "best_by_site": self.others.iter().map(told).collect::<Vec<_>>(),
        });
        if let Some(kept) = &self.kept_away {
            value["quota"] = json!({"project": kept.project, "left_g": kept.left.g(), "rather": told(&kept.rather)});
        }
        value
    }

    /// For people.
    pub fn text(&self) -> String {
        let line = |place: &Place| {
            let cost = place.cost.map_or(String::new(), |cost| format!(", {:.2} USD", cost.usd()));
            let sizes = match place.accelerators {
                None => String::new(),
                Some((1, 1)) => " on 1 accelerator".to_owned(),
                Some((least, most)) if least == most => format!(" on {least} accelerators"),
                Some((least, most)) => format!(" on {least} to {most} accelerators"),
            };
            let part = |grams: Co2e, what: &str| match grams {
                Co2e::ZERO => String::new(),
                grams => format!(" ({:.0} g of it {what})", grams.g()),
            };
            let parts = part(place.transfer, "to move its data") + &part(place.restart, "to restart");
            let share = match place.share {
                Co2e::ZERO => String::new(),
                share => format!(", and quota worth {:.0} g to its project", share.g()),
            };
            format!(
                "{} from {} to {}{sizes}: {:.0} g{parts}{cost}, and room worth {:.0} g to others{share}",
                place.site,
                place.start,
                place.end,
                place.co2e.g(),
                place.room.g()
            )
        };
        let mut out = format!("why `{}`\n", self.job);
        match (&self.planned, self.reason) {
            (Some(place), _) => _ = writeln!(out, "  planned   {}", line(place)),
            (None, reason) => _ = writeln!(out, "  unplaced  {}", reason.unwrap_or("the reason is unknown")),
        }
        _ = writeln!(out, "  at once   {}", line(&self.at_once));
        for place in &self.others {
            _ = writeln!(out, "  best on   {}", line(place));
        }
        if let Some(KeptAway { project, left, rather }) = &self.kept_away {
            let left = left.g().max(0.0);
            _ = writeln!(out, "  rather    {}", line(rather));
            _ = writeln!(out, "            but the quota of `{project}` leaves it {left:.0} g");
        }
        out
    }
}
