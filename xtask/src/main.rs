//! Chores of the repository: `cargo xtask tidy | profiles | calibrate | spreads | eval`.
//!
//! In: the repository and, for data made from traces, a folder of traces given by flag. Out: generated
//! data files, findings, and the tables of `docs/accuracy.md`. Nothing here ships in the product.

mod calibrate;
mod eval_answers;
mod eval_estimate;
mod eval_forecast;
mod eval_keeper;
mod eval_metering;
mod eval_plan;
mod eval_simulate;
mod pool;
mod profiles;
mod spreads;
mod tidy;

use anyhow::{Result, bail};

const USAGE: &str = "cargo xtask tidy                     holds the house rules of ARCHITECTURE.md
cargo xtask profiles --data DIR      makes typical_profiles.csv from hourly traces
cargo xtask calibrate [--check]      makes utilisation.csv from published_utilisation.csv
cargo xtask spreads [--data DIR]     measures the spreads that assumptions.csv assumes
cargo xtask pool [--check]           makes pooled.csv, the prior of forecasts, from hourly traces
cargo xtask eval answers [--bin FILE] [--runs N]  measures how long the program takes to its answer
cargo xtask eval estimate [--data DIR] [--write]  measures hours, step times and energy, organisation left out
cargo xtask eval forecast [--data DIR]  measures forecasts beside yardsticks, per zone and day
cargo xtask eval keeper [--kills N] [--slurm DIR]  kills the keeper and counts jobs lost or doubled
cargo xtask eval metering [ROW …]    measures what `greenwich run` costs and how right it is
cargo xtask eval plan [--data DIR] [--jobs N,…]  measures fleet plans: gap, CPU seconds, memory
cargo xtask eval plan awhile|rolling|policies [--data DIR] [--help]  one of its other tables: what policies realise";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy", ..] => tidy::run(),
        ["profiles", rest @ ..] => profiles::run(rest),
        ["spreads", rest @ ..] => spreads::run(rest),
        ["calibrate", rest @ ..] => calibrate::run(rest),
        ["eval", "answers", rest @ ..] => eval_answers::run(rest),
        ["eval", "estimate", rest @ ..] => eval_estimate::run(rest),
        ["eval", "forecast", rest @ ..] => eval_forecast::run(rest),
        ["pool", rest @ ..] => pool::run(rest),
        ["eval", "keeper", rest @ ..] => eval_keeper::run(rest),
        ["eval", "metering", rest @ ..] => eval_metering::run(rest),
        ["eval", "plan", "awhile", rest @ ..] => eval_simulate::awhile(rest),
        ["eval", "plan", "rolling", rest @ ..] => eval_simulate::rolling(rest),
        ["eval", "plan", "policies", rest @ ..] => eval_simulate::policies(rest),
        ["eval", "plan"] => eval_plan::run(&[]).and_then(|()| eval_simulate::all()),
        ["eval", "plan", rest @ ..] => eval_plan::run(rest),
        ["eval-work"] => eval_metering::work(),
        _ => bail!("usage:\n{USAGE}"),
    }
}
