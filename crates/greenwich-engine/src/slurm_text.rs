//! What Slurm's tools print, read.
//!
//! In: lines of `squeue -O`, `sacct -P` and `sinfo -O`, with `SLURM_TIME_FORMAT=%s`. Out: rows of plain values. The
//! parsable forms are read rather than JSON: they are the same from 22.05 on, can be kept to our own jobs and the
//! columns wanted, and the JSON of 22.05 can do neither. A line that is not understood is passed over.

use crate::launcher::{Ending, Mark, SeenState, Stretch};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The columns of [`Queued`]; the comment comes last, so that what others write there cannot shift a column.
pub(crate) const QUEUE: &str = "JobID:|,State:|,EligibleTime:|,StartTime:|,EndTime:|,TimeUsed:|,Partition:|,NodeList:|,RestartCnt:|,Reason:|,Comment:|";
/// How many columns those are.
const CELLS: usize = 11;
/// The columns of [`Accounted`].
pub(crate) const ACCOUNTING: &str = "JobIDRaw,State,ExitCode,Start,End,Suspended,NodeList";
/// The columns of [`accelerators`].
pub(crate) const NODES: &str = "NodeHost:|,StateLong:|,Gres:|";
/// The most lines that are read of one answer.
const MOST_LINES: usize = 200_000;

/// A line of `squeue`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Queued {
    pub(crate) id: String,
    pub(crate) mark: Mark,
    pub(crate) state: SeenState,
    pub(crate) eligible: Option<Timestamp>,
    pub(crate) ran: Option<Stretch>,
    /// Starts, this one among them.
    pub(crate) starts: u32,
    pub(crate) used: SignedDuration,
    pub(crate) partition: String,
    pub(crate) reason: String,
}

/// The jobs of ours in an answer of `squeue`.
pub(crate) fn queued(text: &str) -> Vec<Queued> {
    text.lines().take(MOST_LINES).filter_map(queued_line).collect()
}

fn queued_line(line: &str) -> Option<Queued> {
    let mut cells = line.splitn(CELLS, '|').map(str::trim);
    let mut next = || cells.next();
    let (id, state, eligible, start, end) = (next()?, next()?, next()?, next()?, next()?);
    let (used, partition, nodes, restarts) = (next()?, next()?, next()?, next()?);
    let (reason, comment) = (next()?, next()?);
    let mark = Mark::parse(comment.trim_end_matches('|'))?;
    let state = state_of(state, reason, None)?;
    let is_over = matches!(state, SeenState::Ended(_));
    let began = matches!(state, SeenState::Running | SeenState::Paused) || is_over;
    // A job that was given up before it started may have a start all the same: when it could have. It has no nodes.
    let ran = stretch(start, if is_over { end } else { "" }).filter(|_| began && !nodes.is_empty());
    Some(Queued {
        id: id.to_owned(),
        mark,
        state,
        eligible: instant(eligible),
        // The first start is no restart: one that waits with none has not started, whoever has looked.
        starts: restarts.parse::<u32>().unwrap_or(0).saturating_add(u32::from(ran.is_some())),
        ran,
        used: duration(used).unwrap_or(SignedDuration::ZERO),
        partition: partition.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Jobs of ours that an answer of `squeue` has as the copy that a federation keeps of a job that is at another cluster.
pub(crate) fn elsewhere(text: &str) -> Vec<(String, Mark)> {
    let of = |line: &str| {
        let cells: Vec<&str> = line.splitn(CELLS, '|').map(str::trim).collect();
        let [id, state, .., comment] = cells.as_slice() else { return None };
        let mark = Mark::parse(comment.trim_end_matches('|')).filter(|_| *state == "REVOKED")?;
        Some(((*id).to_owned(), mark))
    };
    text.lines().take(MOST_LINES).filter_map(of).collect()
}

/// The federation of a cluster by `scontrol show federation`, and the clusters whose jobs it can exchange: those that it
/// hears and is heard by, itself among them; it alone where it hears no other. `None` where it is in none.
pub(crate) fn federation(text: &str) -> Option<(String, BTreeSet<String>)> {
    let (mut name, mut clusters) = (None, BTreeSet::new());
    for line in text.lines().take(MOST_LINES) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let cluster = || value.split(':').next().filter(|_| value.contains("FedState:ACTIVE")).map(str::to_owned);
        match key.trim() {
            "Federation" => name = Some(value.to_owned()).filter(|name| !name.is_empty() && name != "NULL"),
            "Self" => clusters.extend(cluster()),
            "Sibling" if value.contains("Send/Recv:Yes/Yes") && value.contains("Synced:Yes") => {
                clusters.extend(cluster());
            }
            _ => {}
        }
    }
    name.map(|name| (name, clusters))
}

/// Waiting guards of a state's folder in an answer of `squeue` whose jobs are not suspended. Of an answer that may have
/// been cut off nothing is told.
pub(crate) fn guards<'a>(text: &'a str, stem: &str, folder: &str) -> Vec<&'a str> {
    if text.lines().count() >= MOST_LINES {
        return Vec::new();
    }
    let (mut paused, mut waiting) = (BTreeSet::new(), Vec::new());
    for line in text.lines() {
        let cells: Vec<&str> = line.splitn(CELLS, '|').map(str::trim).collect();
        let [id, state, .., reason, comment] = cells.as_slice() else { continue };
        match state_of(state, reason, None) {
            Some(SeenState::Paused) => _ = paused.insert(*id),
            Some(SeenState::Waiting { .. }) => {
                let mut parts = comment.trim_end_matches('|').splitn(3, ':');
                let is_ours = parts.next() == Some(stem);
                let (job, own) = (parts.next(), parts.next());
                waiting.extend(job.filter(|_| is_ours && own == Some(folder)).map(|job| (*id, job)));
            }
            _ => {}
        }
    }
    waiting.into_iter().filter(|(_, job)| !paused.contains(job)).map(|(id, _)| id).collect()
}

/// What an installation lacks, by `scontrol show config`, each with the mend.
pub(crate) fn lacks(text: &str, has_gpus: bool) -> Vec<String> {
    let value = |name: &str| {
        let of = |line: &'_ str| {
            line.split_once('=').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        text.lines().take(MOST_LINES).find_map(of).unwrap_or_default()
    };
    let mut notes = Vec::new();
    if !value("AccountingStorageType").ends_with("slurmdbd") {
        notes.push(
            "no accounting: how a job ended is known only while it stands in the queue; its administrator sets \
             AccountingStorageType=accounting_storage/slurmdbd, or let `greenwich keep` look more often than MinJobAge"
                .to_owned(),
        );
    }
    if has_gpus && !value("SelectType").starts_with("select/cons_") {
        notes.push(
            "accelerators cannot be asked for, since whole nodes are given out; its administrator sets SelectType=select/cons_tres"
                .to_owned(),
        );
    }
    if has_gpus && !value("GresTypes").split(',').any(|one| one == "gpu") {
        notes.push(
            "no accelerators are known to it; its administrator sets GresTypes=gpu and describes them in gres.conf"
                .to_owned(),
        );
    }
    notes
}

/// A line of `sacct`: one start of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Accounted {
    pub(crate) id: String,
    /// `None` for a start that was cut off to be queued again, or a row that has no end yet.
    pub(crate) ending: Option<Ending>,
    pub(crate) ran: Option<Stretch>,
    pub(crate) suspended: SignedDuration,
}

/// The rows in an answer of `sacct`.
pub(crate) fn accounted(text: &str) -> Vec<Accounted> {
    let line = |line: &str| {
        let mut cells = line.split('|').map(str::trim);
        let mut next = || cells.next();
        let (id, state, exit, start, end, suspended) = (next()?, next()?, next()?, next()?, next()?, next()?);
        if state == "REVOKED" {
            // A federation's copy of a job that is at another cluster says nothing of it.
            return None;
        }
        let ending = match state_of(state, "", exit_of(exit)) {
            Some(SeenState::Ended(ending)) => Some(ending),
            _ => None,
        };
        let suspended = duration(suspended).unwrap_or(SignedDuration::ZERO);
        let ran =
            stretch(start, end).filter(|_| next().is_some_and(|nodes| !nodes.is_empty() && !nodes.starts_with("None")));
        Some(Accounted { id: id.to_owned(), ending, ran, suspended })
    };
    text.lines().take(MOST_LINES).filter_map(line).collect()
}

/// Accelerators of a kind on nodes that take work, and whether any node does.
pub(crate) fn accelerators(text: &str, kind: Option<&str>) -> (u32, bool) {
    let (mut sum, mut is_up) = (0_u32, false);
    for line in text.lines().take(MOST_LINES) {
        let mut cells = line.split('|').map(str::trim);
        let (Some(_), Some(state), Some(gres)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let takes_work = ["idle", "mixed", "allocated", "completing"].iter().any(|up| state.starts_with(up));
        // `idle*` does not answer, `idle~` is powered down and comes when it is wanted, `-` is planned.
        if takes_work && !state.ends_with('*') {
            is_up = true;
            sum = sum.saturating_add(gpus(gres, kind));
        }
    }
    (sum, is_up)
}

/// The kinds of GPU that nodes have, whether they take work or not.
pub(crate) fn kinds(text: &str) -> BTreeSet<String> {
    let of = |part: &str| {
        let cells: Vec<&str> = part.split('(').next().unwrap_or_default().split(':').collect();
        matches!(cells.as_slice(), ["gpu", _, _]).then(|| cells[1].to_owned())
    };
    let lines = text.lines().take(MOST_LINES).filter_map(|line| line.split('|').map(str::trim).nth(2));
    lines.flat_map(|gres| gres.split(',').filter_map(of).collect::<Vec<_>>()).collect()
}

/// Of `gpu:h100:8(S:0-1),tmpdisk:100`.
fn gpus(gres: &str, kind: Option<&str>) -> u32 {
    let of = |part: &str| {
        let part = part.split('(').next().unwrap_or_default();
        let cells: Vec<&str> = part.split(':').collect();
        match (cells.as_slice(), kind) {
            (["gpu", count], None) => count.parse().ok(),
            (["gpu", _, count], None) => count.parse().ok(),
            (["gpu", found, count], Some(kind)) if *found == kind => count.parse().ok(),
            _ => None,
        }
    };
    gres.split(',').filter_map(of).fold(0, u32::saturating_add)
}

/// The year and month of `slurm-wlm 22.05.8` or `slurm 24.11.0-1`.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_whitespace().last()?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn state_of(state: &str, reason: &str, exit: Option<i32>) -> Option<SeenState> {
    let word = state.split_whitespace().next()?.trim_end_matches('+');
    Some(match word {
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_FED" => {
            SeenState::Waiting { held: reason.starts_with("JobHeld") }
        }
        "REQUEUE_HOLD" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => SeenState::Waiting { held: true },
        "RUNNING" | "COMPLETING" | "RESIZING" | "SIGNALING" | "STAGE_OUT" => SeenState::Running,
        "SUSPENDED" | "STOPPED" => SeenState::Paused,
        "COMPLETED" => SeenState::Ended(Ending::Done),
        "FAILED" | "OUT_OF_MEMORY" | "TIMEOUT" | "DEADLINE" => {
            SeenState::Ended(Ending::Failed(exit.filter(|exit| *exit != 0).unwrap_or(1)))
        }
        "CANCELLED" => SeenState::Ended(Ending::Cancelled),
        "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" => SeenState::Ended(Ending::Lost),
        // A copy of a federation whose job runs elsewhere, or a word of a later version.
        _ => return None,
    })
}

/// Of `1:0` (a status) or `0:9` (a signal).
fn exit_of(text: &str) -> Option<i32> {
    let (status, signal) = text.split_once(':')?;
    let (status, signal): (i32, i32) = (status.parse().ok()?, signal.parse().ok()?);
    Some(if signal == 0 { status } else { 128 + signal })
}

fn stretch(start: &str, end: &str) -> Option<Stretch> {
    let (start, end) = (instant(start)?, instant(end));
    end.is_none_or(|end| end >= start).then_some(Stretch { start, end })
}

/// Seconds since 1970; `None`, `N/A`, `NONE` and `Unknown` are none.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|second| *second > 0).and_then(|second| Timestamp::from_second(second).ok())
}

/// `3`, `0:03`, `1:02:03`, `1-02:03:04`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let days: i64 = days.parse().ok().filter(|days| (0..100_000).contains(days))?;
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let lawful = (1..=3).contains(&parts.len()) && parts.iter().all(|part| (0..1_000_000).contains(part));
    let seconds = parts.iter().fold(0, |sum, part| sum * 60 + part);
    lawful.then(|| SignedDuration::from_secs(days * 86_400 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `squeue` of 22.05.8 printed it, but for the run's name.
    const SQUEUE: &str = "\
67108866|PENDING|1795720928|1795720928|1795722728|0:00|train||0|BeginTime|greenwich:k3:1|
67108865|RUNNING|1795720029|1795720029|1827256029|1-00:00:03|train|e1|0|None|greenwich:k2:1|
67108867|PENDING|1795720928|1795720928|NONE|0:00|train||2|JobHeldAdmin|greenwich:k4:2|
67108868|CANCELLED|1795720928|1795720060|1795720063|0:00|train||0|None|greenwich:k5:1|
67108869|RUNNING|1795720029|1795720029|N/A|0:03|train|e1|0|None|(null)|
67108870|REVOKED|1795720029|1795720029|N/A|0:03|train||0|None|greenwich:k6:1|
67108871|RUNNING|1795720029|1795720029|N/A|0:03|train|e1|0|None|someone's own | with a bar|
";

    #[test]
    fn only_jobs_of_ours_are_read_from_a_queue() {
        let found = queued(SQUEUE);
        let told: Vec<(&str, SeenState, u32)> =
            found.iter().map(|one| (one.mark.run.as_str(), one.state, one.starts)).collect();
        assert_eq!(
            told,
            [
                ("k3", SeenState::Waiting { held: false }, 0),
                ("k2", SeenState::Running, 1),
                ("k4", SeenState::Waiting { held: true }, 2),
                ("k5", SeenState::Ended(Ending::Cancelled), 0),
            ],
            "one that was queued again has its starts, wherever it waits"
        );
        assert!(found[1].ran.is_some() && found[2].ran.is_none());
        assert_eq!(found[1].used, SignedDuration::from_secs(86_403));
        assert_eq!(found[0].eligible, Timestamp::from_second(1_795_720_928).ok());
    }

    #[test]
    fn each_start_of_a_job_is_a_row_of_accounting() {
        let text = "67108865|REQUEUED|0:0|1795720029|1795720048|00:00:00|e1\n\
                    67108865|FAILED|0:9|1795720055|1795720100|00:00:12|e1\n\
                    67108866|CANCELLED by 0|0:0|1795720060|1795720063|00:00:00|None assigned\n\
                    67108867|PENDING|0:0|Unknown|Unknown|00:00:00|None assigned\n";
        let found = accounted(text);
        let endings: Vec<Option<Ending>> = found.iter().map(|row| row.ending).collect();
        assert_eq!(endings, [None, Some(Ending::Failed(137)), Some(Ending::Cancelled), None]);
        assert_eq!(found.iter().filter(|row| row.ran.is_some()).count(), 2);
        assert_eq!(found[1].suspended, SignedDuration::from_secs(12));
    }

    #[test]
    fn drained_nodes_do_not_count() {
        let text = "e1|idle|gpu:h100:8|\ne2|mixed|gpu:h100:8(S:0-1),tmp:5|\ne3|drained|gpu:h100:8|\ne4|idle*|gpu:h100:8|\n\
                    e5|allocated|gpu:a100:4|\n";
        assert_eq!(accelerators(text, Some("h100")), (16, true));
        assert_eq!(accelerators(text, None), (20, true));
        assert_eq!(kinds(text).into_iter().collect::<Vec<_>>(), ["a100", "h100"]);
        assert_eq!(accelerators("e1|down|gpu:h100:8|\n", None), (0, false));
    }

    #[test]
    fn a_guard_is_idle_where_its_job_is_not_suspended() {
        let row =
            |id: &str, state: &str, comment: &str| format!("{id}|{state}|1|1|1|0:00|train|e1|0|None|{comment}|\n");
        let queue = [
            row("10", "SUSPENDED", "greenwich:k1:1"),
            row("11", "RUNNING", "greenwich:k2:1"),
            row("20", "PENDING", "greenwich-guard:10:/state"),
            row("21", "PENDING", "greenwich-guard:11:/state"),
            row("22", "PENDING", "greenwich-guard:12:/state"),
            row("23", "RUNNING", "greenwich-guard:11:/state"),
            row("24", "PENDING", "greenwich-guard:11:/other"),
            row("25", "PENDING", "greenwich:k3:1"),
            "26|PENDING\n".to_owned(),
        ];
        let told = |queue: &str| guards(queue, "greenwich-guard", "/state").join(" ");
        assert_eq!(told(&queue.concat()), "21 22", "the running one, a stranger's and that of a pause are left alone");
        assert_eq!(told(&"x\n".repeat(MOST_LINES)), "");
    }

    #[test]
    fn what_an_installation_lacks_is_told_with_the_mend() {
        let full = "AccountingStorageType   = accounting_storage/slurmdbd\nGresTypes               = gpu,shard\n\
                    SelectType              = select/cons_tres\n";
        assert!(lacks(full, true).is_empty());
        let bare = "AccountingStorageType = (null)\nGresTypes = (null)\nSelectType = select/linear\n";
        assert_eq!((lacks(bare, true).len(), lacks(bare, false).len()), (3, 1));
        assert!(lacks(bare, false)[0].contains("AccountingStorageType=accounting_storage/slurmdbd"));
    }

    #[test]
    fn clusters_exchange_jobs_where_they_hear_each_other() {
        // As 22.05.8 and 24.11.5 print it.
        let text = "Federation: globe\nSelf:       east:127.0.0.1:6817 ID:1 FedState:ACTIVE Features:\n\
                    Sibling:    west:127.0.0.1:6827 ID:2 FedState:ACTIVE Features: PersistConnSend/Recv:Yes/Yes Synced:Yes\n\
                    Sibling:    north:10.0.0.1:6817 ID:3 FedState:ACTIVE Features: PersistConnSend/Recv:Yes/No Synced:No\n\
                    Sibling:    south:10.0.0.2:6817 ID:4 FedState:DRAIN Features: PersistConnSend/Recv:Yes/Yes Synced:Yes\n";
        let (name, clusters) = federation(text).expect("a federation");
        assert_eq!(
            (name.as_str(), clusters.into_iter().collect::<Vec<_>>().join(" ").as_str()),
            ("globe", "east west")
        );
        let count = |text: &str| federation(text).map(|(_, clusters)| clusters.len());
        assert_eq!(count(&text.replace("Synced:Yes", "Synced:No")), Some(1));
        assert_eq!(count("No Federation Configured\n"), None);
        assert_eq!(count("Federation: globe\nSelf: east:h:1 ID:1 FedState:INACTIVE Features:\n"), Some(0));
        let copies = elsewhere(SQUEUE);
        assert_eq!(
            copies.iter().map(|(id, mark)| format!("{id} {mark}")).collect::<Vec<_>>(),
            ["67108870 greenwich:k6:1"]
        );
    }

    #[test]
    fn versions_are_told_apart() {
        for (text, found) in
            [("slurm-wlm 22.05.8\n", Some((22, 5))), ("slurm 24.11.0-1", Some((24, 11))), ("slurm", None), ("", None)]
        {
            assert_eq!(version(text), found);
        }
    }

    #[test]
    fn no_answer_of_a_tool_breaks_the_reader() {
        for text in
            ["", "|", "||||||||||", "a|RUNNING|9999999999999999999|1|1|1|1|1|x|1|greenwich:a:1|", "\u{0}|\u{7f}"]
        {
            _ = (queued(text), accounted(text), accelerators(text, None), version(text));
            _ = (guards(text, "greenwich-guard", "/state"), lacks(text, true));
        }
        assert_eq!(duration("9999999999-00:00:00"), None);
    }
}
