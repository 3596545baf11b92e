//! The table of Wiesner et al., "Let's Wait Awhile" (Middleware 2021): machine-learning jobs of a year, shifted in time.
//!
//! In: the intensities of 2020 that they used, at half an hour. Out: % saved against starting at once, per zone, constraint
//! and strategy. Their 3,387 jobs are drawn again from their seed. Their windows hold one half hour more than the constraint
//! says, also those of the baseline, which so may start half an hour late: figures are told that way, to be compared,
//! and beside it as the constraint has it. California's intensities are not in the traces.

use super::numpy::Generator;
use super::{data, intensities, print};
use anyhow::{Context, Result, ensure};
use greenwich_simulate::Lot;
use greenwich_simulate::search::{cheapest_hours, cheapest_window};

/// Half hours of a day.
const DAY: usize = 48;
const NINE: usize = 18;
const SEVENTEEN: usize = 34;
const JOBS: u64 = 3387;
const SEEDS: u64 = 10;

/// Figures of the original code: saved without and with interrupting, for the next workday and semi-weekly at no error,
/// and for the next workday at 5 % error, as published.
const ORIGINAL: [(&str, [f64; 4], [f64; 2]); 3] = [
    ("DE", [5.93, 8.16, 14.13, 18.50], [5.91, 7.93]),
    ("GB", [6.57, 9.23, 14.75, 20.00], [6.56, 9.03]),
    ("FR", [4.79, 6.22, 11.15, 13.86], [4.77, 5.92]),
];

/// When a job has to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Constraint {
    /// At once.
    None,
    /// A job that ends outside working hours has until 9 in the morning of the next workday.
    NextWorkday,
    /// It has until 9 in the morning of the next Monday or Thursday.
    SemiWeekly,
}

/// Half hours since the beginning of 2020.
#[derive(Debug, Clone, Copy)]
struct Job {
    start: usize,
    length: usize,
}

pub(crate) fn awhile(words: &[&str]) -> Result<()> {
    let Some(folder) = data(words)? else { return Ok(()) };
    let jobs = jobs();
    let half_hours: usize = jobs.iter().map(|job| job.length).sum();
    print(&format!(
        "\nLet's Wait Awhile, ML project 2020: {} jobs, {} job-hours; % saved, whole / interrupting",
        jobs.len(),
        half_hours / 2
    ));
    print("| zone | constraint, error | original code | ours | most apart | by the constraint alone |");
    print("| --- | --- | ---: | ---: | ---: | ---: |");
    for (zone, exact, noisy) in ORIGINAL {
        let levels = levels(&folder.join("other").join(format!("lwa2020-{zone}.csv.gz")))?;
        for (constraint, said) in [(Constraint::NextWorkday, &exact[..2]), (Constraint::SemiWeekly, &exact[2..])] {
            let ours = saved(&jobs, &levels, &levels, constraint, 1);
            let alone = saved(&jobs, &levels, &levels, constraint, 0);
            row(zone, constraint, "0 %", said, ours, &format!("{:.2} / {:.2}", alone[0], alone[1]));
        }
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        let runs: Vec<[f64; 2]> = (1..=SEEDS)
            .map(|seed| {
                let mut lot = Lot::new(seed);
                let told: Vec<f64> = levels.iter().map(|level| level + 0.05 * mean * lot.normal()).collect();
                saved(&jobs, &told, &levels, Constraint::NextWorkday, 1)
            })
            .collect();
        let mean = |at: usize| runs.iter().map(|run| run[at]).sum::<f64>() / runs.len() as f64;
        row(zone, Constraint::NextWorkday, "5 %, seeds 1 to 10", &noisy, [mean(0), mean(1)], "");
    }
    print("| California | | not in the traces | – | – | – |");
    Ok(())
}

fn row(zone: &str, constraint: Constraint, error: &str, said: &[f64], ours: [f64; 2], alone: &str) {
    let word = if constraint == Constraint::SemiWeekly { "semi-weekly" } else { "next workday" };
    let apart = said.iter().zip(ours).map(|(said, ours)| (said - ours).abs()).fold(0.0, f64::max);
    print(&format!(
        "| {zone} | {word}, {error} | {:.2} / {:.2} | {:.3} / {:.3} | {apart:.3} | {alone} |",
        said[0], said[1], ours[0], ours[1]
    ));
}

/// Intensities of half hours from the beginning of 2020.
fn levels(file: &std::path::Path) -> Result<Vec<f64>> {
    let begin = "2020-01-01T00:00:00Z".parse().expect("an instant");
    let rows = intensities(file)?;
    let half = rows.into_iter().filter(|(at, _)| *at >= begin && at.as_second() % 1800 == 0);
    let mut levels = Vec::new();
    for (at, level) in half {
        ensure!(at.duration_since(begin).as_secs() == 1800 * levels.len() as i64, "{at} is missing");
        levels.push(level.with_context(|| format!("{at} has no value"))?);
    }
    Ok(levels)
}

/// The jobs, drawn as they drew them: so many on each workday, at half hours from 9 to 17, of 4 to 90 hours.
fn jobs() -> Vec<Job> {
    let mut lot = Generator::new(0);
    // 1 January 2020 was a Wednesday.
    let workdays: Vec<usize> = (0..366).filter(|day| (day + 2) % 7 < 5).collect();
    let counts = lot.even_counts(JOBS, workdays.len());
    let mut starts = Vec::new();
    for (day, count) in workdays.iter().zip(counts) {
        let mut drawn: Vec<usize> = (0..count).map(|_| NINE + lot.below((SEVENTEEN - NINE) as u32) as usize).collect();
        drawn.sort_unstable();
        starts.extend(drawn.into_iter().map(|half| day * DAY + half));
    }
    starts.into_iter().map(|start| Job { start, length: 8 + lot.below(172) as usize }).collect()
}

/// The half hour by which a job has to be done.
fn deadline(job: Job, constraint: Constraint) -> usize {
    let end = job.start + job.length;
    let (day, half) = (end / DAY, end % DAY);
    let weekday = (day + 2) % 7;
    let nine_in = |days: usize| (day + days) * DAY + NINE;
    match constraint {
        Constraint::None => end,
        Constraint::NextWorkday => match weekday {
            5 => nine_in(2),
            6 => nine_in(1),
            _ if half > SEVENTEEN => nine_in(1),
            _ if half < NINE => nine_in(0),
            _ => end,
        },
        Constraint::SemiWeekly => {
            let to_thursday =
                matches!(weekday, 1 | 2) || (weekday == 0 && half > NINE) || (weekday == 3 && half <= NINE);
            nine_in(if to_thursday { (10 - weekday) % 7 } else { (7 - weekday) % 7 })
        }
    }
}

/// % saved against starting at once, without and with interrupting; windows are `more` half hours longer.
fn saved(jobs: &[Job], told: &[f64], came: &[f64], constraint: Constraint, more: usize) -> [f64; 2] {
    let mut sums = [0.0; 3];
    for job in jobs {
        // The baseline is not subject to errors: it waits for nothing, but for the half hour more.
        let now = job.start..deadline(*job, Constraint::None) + more;
        let window = job.start..deadline(*job, constraint) + more;
        let run = |start: usize| came[job.start + start..][..job.length].iter().sum::<f64>();
        let start = |of: &[f64]| cheapest_window(of, job.length).map_or(0, |(start, _)| start);
        sums[0] += run(start(&came[now]));
        sums[1] += run(start(&told[window.clone()]));
        let hours = cheapest_hours(&told[window], job.length).unwrap_or_default();
        sums[2] += hours.into_iter().map(|half| came[job.start + half]).sum::<f64>();
    }
    [1, 2].map(|at| 100.0 * (1.0 - sums[at] / sums[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_are_those_of_the_paper() {
        let jobs = jobs();
        let half_hours: usize = jobs.iter().map(|job| job.length).sum();
        assert_eq!((jobs.len(), half_hours), (3387, 2 * 155_626));
        assert_eq!((jobs[0].start, jobs[0].length, jobs[1].start), (19, 106, 21));
    }

    #[test]
    fn constraints_end_at_nine() {
        // Wednesday 1 January, from 9:00, of 4 hours: done at 13:00.
        let short = Job { start: NINE, length: 8 };
        assert_eq!(deadline(short, Constraint::NextWorkday), NINE + 8);
        // Of 12 hours: at 21:00, so until Thursday at 9.
        let long = Job { start: NINE, length: 24 };
        assert_eq!(deadline(long, Constraint::NextWorkday), DAY + NINE);
        assert_eq!(deadline(short, Constraint::SemiWeekly), DAY + NINE);
        // Friday at 9:00 of 30 hours ends on Saturday at 15:00: until Monday.
        let weekend = Job { start: 2 * DAY + NINE, length: 60 };
        assert_eq!(deadline(weekend, Constraint::NextWorkday), 5 * DAY + NINE);
        assert_eq!(deadline(weekend, Constraint::SemiWeekly), 5 * DAY + NINE);
    }
}
