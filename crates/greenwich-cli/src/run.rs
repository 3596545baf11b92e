//! `greenwich run`: the child's streams and status are its own; one line of ours goes to stderr at the end.
//!
//! In: a command and where to look for sensors. Out: the child's own exit status. Only what is wrong with our own
//! flags is refused before it starts.

use crate::arguments::{Common, RunArguments};
use crate::home;
use crate::metrics;
use crate::progress::Progress;
use crate::terminal::{self, Failure};
use greenwich::live::Watch;
use greenwich::running::{self, host};
use greenwich::{Labels, Metering, report::text, run_entry};
use std::process::ExitCode;
use std::time::Duration;

/// How often a command is asked for the node's watts.
const WALL_COMMAND_EVERY: Duration = Duration::from_secs(10);
/// A file that has not been written for so long tells nothing.
const WALL_FILE_STALE: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &RunArguments, common: &Common) -> ExitCode {
    let settings = match home::settings(&arguments.place) {
        Ok((settings, broken)) => {
            if let Some(words) = broken.filter(|_| !common.quiet) {
                terminal::say(&format!("greenwich: settings are passed over: {words}"));
            }
            settings
        }
        Err(error) => return terminal::finish(Err(Failure::from(error))),
    };
    let metering = Metering {
        ledger: home::ledger(&arguments.place, &settings),
        period: arguments.period,
        sysfs_root: arguments.sensors.sysfs_root.clone(),
        proc_root: arguments.sensors.proc_root.clone(),
        nvml_lib: arguments.sensors.nvml_lib.clone(),
        wall: wall(arguments),
        signals: arguments.place.run.signals.clone(),
        labels: Labels {
            project: arguments.project.clone(),
            model: arguments.model.clone(),
            phase: arguments.phase.clone(),
            tags: arguments.tags.clone(),
        },
        accelerator: arguments.accelerator.clone(),
    };
    let names_a_place = |(key, _): &(String, String)| key == "site.zone" || key == "site.region";
    let is_place_by_flag = arguments.place.run.overrides().iter().any(names_a_place);
    if let Err(error) = running::check_flags(&metering, &settings, is_place_by_flag) {
        return terminal::finish(Err(Failure::from(error)));
    }
    let live = &arguments.live;
    if let Err(failure) = metrics::allowed(live) {
        return terminal::finish(Err(failure));
    }
    let watch = (live.progress || live.metrics.is_some()).then(Watch::default);
    if let (Some(address), Some(watch)) = (live.metrics, &watch) {
        let said = metrics::serve(address, watch.clone(), &metering, &settings);
        if !common.quiet {
            terminal::say(&format!("greenwich: {said}"));
        }
    }
    let progress = watch
        .as_ref()
        .filter(|_| live.progress && !common.quiet)
        .and_then(|watch| Progress::start(watch.clone(), &metering, &settings));
    let ran =
        running::run_watched(&arguments.command, &metering, &settings, &home::variable, &home::host(), watch.as_ref());
    if let Some(progress) = progress {
        progress.stop();
    }
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => return terminal::not_launched(&error),
    };
    if !common.quiet {
        for notice in &ran.notices {
            terminal::say(&format!("greenwich: {notice}"));
        }
        if let Some(entry) = &ran.entry {
            terminal::say(&text::run_line(&run_entry(entry)));
        }
    }
    if let (Some(file), Some(entry)) = (&arguments.summary, &ran.entry) {
        let json = entry.to_json();
        if let Err(failure) = terminal::write_file(file, &json) {
            terminal::say(&format!("greenwich: {failure}"));
        }
    }
    ran.ended.pass_on()
}

fn wall(arguments: &RunArguments) -> Option<host::Wall> {
    if let Some(path) = &arguments.wall_file {
        let stale_after = Some(WALL_FILE_STALE);
        return Some(host::Wall::File { path: path.clone(), unit: host::Unit::Watts, stale_after });
    }
    if let Some(url) = &arguments.wall_url {
        let ask = crate::wall::ask(url, arguments.wall_key.clone(), home::variable(crate::wall::AUTHORIZATION));
        return Some(host::Wall::Question { name: crate::wall::name_of(url), every: WALL_COMMAND_EVERY, ask });
    }
    let words: Vec<String> = arguments.wall_command.as_ref()?.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(host::Wall::Command { words, every: WALL_COMMAND_EVERY })
}
