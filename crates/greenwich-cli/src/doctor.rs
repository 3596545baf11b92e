//! `greenwich doctor`: what can be measured here, and what runs jobs.
//!
//! In: where to look. Out: the findings, and exit status 6 where nothing can be measured or even estimated.

use crate::arguments::{Common, DoctorArguments, Format};
use crate::home;
use crate::jobs;
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::{Exit, Labels, Metering, doctor, doctor_engines};
use std::time::Duration;

pub(crate) fn doctor(arguments: &DoctorArguments, common: &Common) -> Result<Answer, Failure> {
    let (settings, broken) = home::settings(&arguments.place)?;
    if let Some(words) = broken.filter(|_| !common.quiet) {
        terminal::say(&format!("greenwich: settings are passed over: {words}"));
    }
    let metering = Metering {
        ledger: home::ledger(&arguments.place, &settings),
        period: Duration::from_secs(1),
        sysfs_root: arguments.sensors.sysfs_root.clone(),
        proc_root: arguments.sensors.proc_root.clone(),
        nvml_lib: arguments.sensors.nvml_lib.clone(),
        wall: None,
        signals: arguments.place.run.signals.clone(),
        labels: Labels::default(),
        accelerator: None,
    };
    let sites = jobs::described_sites(arguments.sites.as_deref()).unwrap_or_else(|failure| {
        if !common.quiet {
            terminal::say(&format!("greenwich: the sites file is passed over: {failure}"));
        }
        None
    });
    let engines = doctor_engines::engines(sites.as_ref(), std::env::var_os("PATH").as_deref());
    let found = doctor::examine(&metering, &settings, &home::variable, &home::host()).with_engines(engines);
    let text = if common.format == Format::Json { terminal::pretty(&found.json()) } else { found.text(style(common)) };
    let exit = if found.can_meter() { Exit::Done } else { Exit::MeterUnavailable };
    Ok(Answer { bytes: text.into_bytes(), exit })
}
