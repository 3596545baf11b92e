//! Jobs of this machine, carried by real supervisors: begin, pause, guard, requeue, cancel, and a supervisor killed.

use greenwich_engine::{Act, Ending, Launcher, Local, Mark, Order, Seen, SeenState, own_group};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A test that hangs fails after this; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

fn helper() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let path = test.parent().and_then(Path::parent).expect("it lies in `deps`").join("examples/carry");
    assert!(path.is_file(), "{} is not built: run `cargo test -p greenwich-engine`", path.display());
    path
}

struct Stage {
    folder: tempfile::TempDir,
    engine: Local,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Local::new(folder.path().join("jobs"), vec![helper().into()], vec![("here".to_owned(), 1)]);
        Self { folder, engine }
    }

    fn order(&self, run: &str, script: &str, begin: Timestamp) -> Order {
        let words = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
        Order {
            mark: Mark { run: format!("{run}-{}", std::process::id()), attempt: 1 },
            name: run.to_owned(),
            command: words(script),
            resume: Some(words("echo resumed >> log")),
            beside: Vec::new(),
            directory: self.folder.path().to_owned(),
            environment: vec![("GIVEN".to_owned(), "a b".to_owned())],
            site: "here".to_owned(),
            begin,
            accelerators: 0,
            nodes: None,
            time_limit_s: None,
            options: Vec::new(),
            held: false,
        }
    }

    fn seen(&mut self, order: &Order, id: &str) -> Seen {
        let known = [(order.mark.clone(), id.to_owned())];
        let all = self.engine.jobs(&known).expect("it answers");
        all.into_iter().find(|seen| seen.id == id).expect("the job is there")
    }

    fn until(&mut self, order: &Order, id: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let begun = Instant::now();
        loop {
            let seen = self.seen(order, id);
            if wanted(&seen) {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "{seen:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn runs(seen: &Seen) -> bool {
    seen.state == SeenState::Running
}

#[test]
fn a_job_starts_at_its_begin_and_not_before_and_ends_with_its_status() {
    let mut stage = Stage::new();
    let begin = Timestamp::now() + SignedDuration::from_millis(700);
    let order = stage.order("begin", "echo \"$GIVEN\" >> log; exit 7", begin);
    let id = stage.engine.submit(&order).expect("taken");
    assert_eq!(stage.engine.submit(&order).expect("the same again is the same job"), id);
    let seen = stage.until(&order, &id, Seen::is_over);
    assert_eq!(seen.state, SeenState::Ended(Ending::Failed(7)));
    assert_eq!((seen.ran.len(), stage.log().as_str()), (1, "a b\n"));
    assert!(seen.ran[0].start >= begin, "{seen:?}");
}

#[test]
fn a_paused_tree_stands_still_until_it_is_woken_or_its_latest_instant_has_come() {
    let mut stage = Stage::new();
    // One process has neither the mark nor a parent that has it: only a control group of the job's own holds it.
    let script = "(env -i sleep 20 &); while :; do echo x >> log; sleep 0.02; done";
    let order = stage.order("pause", script, Timestamp::now());
    let id = stage.engine.submit(&order).expect("taken");
    stage.until(&order, &id, |seen| runs(seen) && seen.used > SignedDuration::from_millis(200));
    let far = Timestamp::now() + SignedDuration::from_hours(1);
    stage.engine.act(&id, &Act::Pause { latest: far }).expect("paused");
    let before = stage.until(&order, &id, |seen| seen.state == SeenState::Paused);
    match own_group() {
        Ok(group) => {
            let group = group.join(format!("greenwich-{id}"));
            let told = fs::read_to_string(group.join("cgroup.events")).expect("it has a group of its own");
            assert!(told.contains("frozen 1"), "{told}");
        }
        Err(why) => eprintln!("SKIPPED: the freezer; the tree is stopped by signals: {why}"),
    }
    let written = stage.log().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((stage.log().len(), stage.seen(&order, &id).used), (written, before.used));
    stage.engine.act(&id, &Act::Resume).expect("woken");
    stage.until(&order, &id, runs);
    // Nobody wakes it this time.
    stage.engine.act(&id, &Act::Pause { latest: Timestamp::now() + SignedDuration::from_secs(1) }).expect("paused");
    stage.until(&order, &id, runs);
    stage.engine.act(&id, &Act::Cancel).expect("ended");
    assert_eq!(stage.seen(&order, &id).state, SeenState::Ended(Ending::Cancelled));
    assert!(
        own_group().map_or(true, |group| !group.join(format!("greenwich-{id}")).exists()),
        "its group is taken away, and so nothing of the job is left"
    );
}

#[test]
fn a_requeued_job_gets_its_signal_ends_and_goes_on_by_what_resumes_it() {
    let mut stage = Stage::new();
    let script = "trap 'echo checkpoint >> log' USR1; echo ready >> log; while :; do sleep 0.02; done";
    let order = stage.order("requeue", script, Timestamp::now());
    let id = stage.engine.submit(&order).expect("taken");
    while !stage.log().contains("ready") {
        stage.until(&order, &id, |seen| !seen.is_over());
    }
    stage.engine.act(&id, &Act::Signal("USR1".to_owned())).expect("told");
    while !stage.log().contains("checkpoint") {
        stage.until(&order, &id, runs);
    }
    stage.engine.act(&id, &Act::Requeue { begin: Timestamp::now() }).expect("queued again");
    let seen = stage.until(&order, &id, Seen::is_over);
    assert_eq!((seen.state, seen.ran.len()), (SeenState::Ended(Ending::Done), 2));
    assert_eq!(stage.log(), "ready\ncheckpoint\nresumed\n");
}

#[test]
fn a_held_job_waits_and_a_withdrawn_one_never_runs() {
    let mut stage = Stage::new();
    let order = Order { held: true, ..stage.order("held", "echo ran >> log", Timestamp::now()) };
    let id = stage.engine.submit(&order).expect("taken");
    stage.until(&order, &id, |seen| seen.state == SeenState::Waiting { held: true });
    stage.engine.act(&id, &Act::Release).expect("let go");
    stage.until(&order, &id, Seen::is_over);
    assert_eq!(stage.log(), "ran\n");
    let late = Timestamp::now() + SignedDuration::from_hours(1);
    let order = stage.order("withdrawn", "echo ran >> log", late);
    let id = stage.engine.submit(&order).expect("taken");
    stage.engine.act(&id, &Act::Withdraw).expect("given up");
    let seen = stage.seen(&order, &id);
    assert_eq!((seen.state, seen.has_started()), (SeenState::Ended(Ending::Cancelled), false));
    assert_eq!(stage.log(), "ran\n");
}

#[test]
fn a_supervisor_that_is_killed_is_followed_by_another_and_nothing_runs_twice() {
    let mut stage = Stage::new();
    let order = stage.order("killed", "echo ran >> log; sleep 2", Timestamp::now());
    let id = stage.engine.submit(&order).expect("taken");
    while stage.log().is_empty() {
        stage.until(&order, &id, |seen| !seen.is_over());
    }
    let supervisor = fs::read_dir("/proc").expect("Linux").flatten().find_map(|entry| {
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let text = String::from_utf8_lossy(&command).replace('\0', " ");
        (text.contains("supervise") && text.contains(&id)).then(|| entry.file_name().into_string().ok())?
    });
    let supervisor = supervisor.expect("it runs");
    assert!(Command::new("kill").args(["-9", &supervisor]).status().expect("kill is there").success());
    // The next look starts another, which finds the job at work and sees it end.
    let seen = stage.until(&order, &id, Seen::is_over);
    assert_eq!((seen.state, seen.ran.len()), (SeenState::Ended(Ending::Lost), 1));
    assert_eq!(stage.log(), "ran\n");
}
