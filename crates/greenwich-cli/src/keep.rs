//! `greenwich keep`: looks at all kept jobs again and again, in the foreground.
//!
//! In: sites, the state, signals. Out: what is done, a line each on stderr with its instant. SIGINT and SIGTERM end it
//! between two looks; jobs wait, run and are woken by their engines whether it runs or not.

use crate::arguments::{CarryVerb, Common, KeepArguments};
use crate::forecast::fetch;
use crate::jobs::Desk;
use crate::terminal::{self, Failure};
use greenwich::cleaning::{Cleaning, KEPT_FOR};
use greenwich::keeper::Keeper;
use greenwich::live::{Timestamp, ZoneId};
use greenwich::{Exit, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long another who acts is waited for before a look is put off.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds between two fetches.
const FETCH_EVERY_S: i64 = 3600;
/// Seconds between two cleanings.
const CLEAN_EVERY_S: i64 = 86_400;

pub(crate) fn keep(asked: &KeepArguments, common: &Common) -> ExitCode {
    let ends = ends();
    let begin = || -> Result<(Desk, Keeper), Failure> {
        let desk = Desk::new(&asked.kept, common, None)?;
        let keeper = desk.keeper()?;
        Ok((desk, keeper))
    };
    let (desk, mut keeper) = match begin() {
        Ok(begun) => begun,
        Err(failure) => return terminal::finish(Err(failure)),
    };
    let (mut fetched, mut cleaned) = (i64::MIN, i64::MIN);
    loop {
        if asked.fetch && desk.grounds().pace.to_grid(Timestamp::now()).as_second() - FETCH_EVERY_S >= fetched {
            fetched = Timestamp::now().as_second();
            fetch_all(&desk, common);
        }
        let looked = look(&desk, &mut keeper, common);
        if Timestamp::now().as_second() - CLEAN_EVERY_S >= cleaned {
            cleaned = Timestamp::now().as_second();
            clean(&desk, &keeper);
        }
        if asked.once {
            return match looked {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => terminal::finish(Err(failure)),
            };
        }
        if let Err(failure) = looked {
            // What stands in the way may be mended while we wait; jobs have their begin times.
            terminal::say(&format!("greenwich: {failure}"));
        }
        match ends.recv_timeout(asked.every) {
            Ok(_) | Err(RecvTimeoutError::Disconnected) => return ExitCode::from(Exit::Done as u8),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn look(desk: &Desk, keeper: &mut Keeper, common: &Common) -> Result<(), Failure> {
    let lock = desk.lock(PATIENCE)?;
    let mut engines = desk.engines(&lock)?;
    let told = keeper.look(&mut engines, &mut desk.grounds(), desk.moment()).map_err(greenwich::Error::from)?;
    if !common.quiet {
        let at = desk.pace.to_grid(Timestamp::now()).strftime("%Y-%m-%d %H:%M:%S");
        for line in &told.lines {
            terminal::say(&format!("{at} {line}"));
        }
    }
    Ok(())
}

/// Takes away what runs have left that have been over for a month.
fn clean(desk: &Desk, keeper: &Keeper) {
    match desk.clean(&keeper.state, KEPT_FOR, Cleaning::Takes) {
        Ok(cleaned) => cleaned.left.iter().for_each(|words| terminal::say(&format!("greenwich: {words}"))),
        Err(failure) => terminal::say(&format!("greenwich: {failure}")),
    }
}

/// The newest hours of each zone; a provider that fails is told, and plans go on with what is held.
fn fetch_all(desk: &Desk, common: &Common) {
    let named = desk.sites.sites.iter().filter_map(|site| {
        let catalog = desk.greenwich.catalog();
        let zone = site.site.zone.as_ref().and_then(|(name, _)| catalog.zone_id(name).ok());
        zone.or_else(|| Some(catalog.region(&site.site.region.as_ref()?.0, None).ok()?.zone))
    });
    let zones: BTreeSet<ZoneId> = named.collect();
    let zones: Vec<ZoneId> = zones.into_iter().collect();
    if let Err(failure) = fetch(&desk.greenwich, &zones, Signal::Lifecycle, Timestamp::now(), common) {
        terminal::say(&format!("greenwich: {failure}"));
    }
}

/// Tells when we are to end.
fn ends() -> Receiver<i32> {
    let (sender, receiver) = channel();
    match Signals::new([SIGINT, SIGTERM]) {
        Ok(mut signals) => {
            thread::spawn(move || {
                for signal in signals.forever() {
                    if sender.send(signal).is_err() {
                        return;
                    }
                }
            });
        }
        // Without a handler the signals end us where we stand, which is as good: nothing is lost.
        Err(_) => std::mem::forget(sender),
    }
    receiver
}

/// The supervisor of a job of this machine, or its start.
pub(crate) fn carry(verb: &CarryVerb) -> ExitCode {
    match verb {
        CarryVerb::Start { folder } => ExitCode::from(greenwich::carry_start(folder) as u8),
        CarryVerb::Supervise { folder } => {
            let Ok(program) = std::env::current_exe() else { return ExitCode::from(Exit::Bug as u8) };
            let helper = [program.into_os_string(), OsString::from("carry")];
            match greenwich::carry(&helper, folder) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    terminal::say(&format!("greenwich: `{}`: {error}", folder.display()));
                    ExitCode::from(Exit::LauncherRefused as u8)
                }
            }
        }
    }
}
