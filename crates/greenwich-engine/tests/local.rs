//! Jobs of this machine, carried by real supervisors: begin, pause, guard, requeue, cancel, and a supervisor killed.

use greenwich_engine::{Act, Ending, Launcher, Local, Mark, Order, Seen, SeenState, own_group};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A test that hangs fails after this; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

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
        self.text("log")
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    /// The folder that its engine keeps of a job.
    fn place(&self, id: &str) -> PathBuf {
        self.folder.path().join("jobs").join(id)
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The state letter of a process: `T` while it is stopped; `None` for one that has ended, whoever waits for it.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next().filter(|state| !matches!(state, 'Z' | 'X'))
}

/// The processes that carry a job's mark.
fn marked(id: &str) -> Vec<i32> {
    let (run, attempt) = id.rsplit_once('-').expect("a run and an attempt");
    let wanted = format!("GREENWICH_JOB=greenwich:{run}:{attempt}");
    let of = |entry: fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let has = environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes());
        entry.file_name().to_str().filter(|_| has)?.parse().ok()
    };
    fs::read_dir("/proc").expect("Linux").flatten().filter_map(of).collect()
}

/// Whether a job's tree is frozen, or stopped where it has no control group of its own.
fn stands_still(id: &str) -> bool {
    let group = own_group().ok().map(|group| group.join(format!("greenwich-{id}"))).filter(|group| group.exists());
    match group {
        Some(group) => fs::read_to_string(group.join("cgroup.events")).is_ok_and(|told| told.contains("frozen 1")),
        None => marked(id).iter().all(|pid| state(*pid).is_none_or(|state| state == 'T')),
    }
}

fn kill(pid: &str) {
    assert!(Command::new("kill").args(["-9", pid]).status().expect("kill is there").success());
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
    if let Err(why) = own_group() {
        eprintln!("SKIPPED: the freezer; the tree is stopped by signals: {why}");
    }
    wait_until("a tree that stands still", || stands_still(&id));
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
    wait_until("its first word", || stage.log().contains("ready"));
    stage.engine.act(&id, &Act::Signal("USR1".to_owned())).expect("told");
    wait_until("its checkpoint", || stage.log().contains("checkpoint"));
    stage.engine.act(&id, &Act::Requeue { begin: Timestamp::now() }).expect("queued again");
    let seen = stage.until(&order, &id, Seen::is_over);
    assert_eq!((seen.state, seen.ran.len()), (SeenState::Ended(Ending::Done), 2));
    assert_eq!(stage.log(), "ready\ncheckpoint\nresumed\n");
    assert!(seen.ran[0].end.is_some_and(|end| end <= seen.ran[1].start), "no moment is in two stretches: {seen:?}");
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
    let script = "echo ran >> log; echo $PPID > supervisor; while [ ! -e go ]; do sleep 0.05; done";
    let order = stage.order("killed", script, Timestamp::now());
    let id = stage.engine.submit(&order).expect("taken");
    wait_until("its supervisor's name", || stage.text("supervisor").ends_with('\n'));
    let supervisor = stage.text("supervisor");
    kill(supervisor.trim());
    wait_until("its end", || state(supervisor.trim().parse().expect("a pid")).is_none());
    // The next look starts another, which finds the job at work, heeds wishes and sees it end.
    stage.until(&order, &id, runs);
    stage.engine.act(&id, &Act::Signal("CONT".to_owned())).expect("heeded");
    fs::write(stage.folder.path().join("go"), "").expect("written");
    let seen = stage.until(&order, &id, Seen::is_over);
    assert_eq!((seen.state, seen.ran.len()), (SeenState::Ended(Ending::Lost), 1));
    assert_eq!(stage.log(), "ran\n");
}

#[test]
fn a_job_whose_start_was_taken_by_another_process_is_followed_and_not_taken_for_failed() {
    let mut stage = Stage::new();
    let order = Order { held: true, ..stage.order("taken", "echo ran >> log", Timestamp::now()) };
    let id = stage.engine.submit(&order).expect("taken");
    // As where a supervisor was killed while its starter was being born, which then becomes the job all the same.
    let mut first =
        Command::new("sleep").arg("600").env("GREENWICH_JOB", order.mark.to_string()).spawn().expect("it runs");
    fs::write(stage.place(&id).join("started-1"), first.id().to_string()).expect("written");
    stage.engine.act(&id, &Act::Release).expect("let go");
    stage.until(&order, &id, runs);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stage.seen(&order, &id).state, SeenState::Running, "it is the job now");
    stage.engine.act(&id, &Act::Cancel).expect("ended");
    first.wait().expect("it was ended");
    assert_eq!((stage.seen(&order, &id).state, stage.log()), (SeenState::Ended(Ending::Cancelled), String::new()));
}

#[test]
fn what_was_not_handed_over_to_its_end_is_no_job_and_what_cannot_be_read_is_not_gone() {
    let mut stage = Stage::new();
    let late = Timestamp::now() + SignedDuration::from_hours(1);
    let order = stage.order("unborn", "echo ran >> log", late);
    let mut nobody = Local::new(stage.folder.path().join("jobs"), vec!["true".into()], Vec::new());
    let id = nobody.submit(&order).expect("taken");
    // Whoever handed it over was killed before it counted, and before anybody carried it.
    fs::rename(stage.place(&id), stage.place(&format!(".{id}.1"))).expect("renamed");
    assert_eq!(stage.engine.jobs(&[(order.mark.clone(), id.clone())]).expect("it answers"), []);
    assert_eq!(stage.engine.submit(&order).expect("taken"), id);
    stage.engine.act(&id, &Act::Withdraw).expect("given up");
    let place = stage.place(&id).join("order.json");
    let whole = fs::read(&place).expect("readable");
    fs::write(&place, "{").expect("written");
    let error = stage.engine.jobs(&[]).expect_err("nobody can say that it is gone");
    assert!(error.may_work_later() && error.to_string().contains(&id), "{error}");
    fs::write(&place, whole).expect("written");
    assert_eq!(stage.seen(&order, &id).state, SeenState::Ended(Ending::Cancelled));
}

#[test]
fn a_supervisor_that_cannot_write_goes_on_pausing_and_waking_its_job() {
    let mut stage = Stage::new();
    let script = "while :; do echo x >> log; sleep 0.02; done";
    let order = stage.order("full", script, Timestamp::now());
    let id = stage.engine.submit(&order).expect("taken");
    stage.until(&order, &id, runs);
    wait_until("its first word", || !stage.log().is_empty());
    // No file can be put in the place of a folder, whoever may write there.
    let (status, wish) = (stage.place(&id).join("status.json"), stage.place(&id).join("wish.json"));
    wait_until("a folder in its place", || fs::remove_file(&status).and_then(|()| fs::create_dir(&status)).is_ok());
    let wishes = |paused: Option<String>| {
        let mut wanted: serde_json::Value = serde_json::from_slice(&fs::read(&wish).expect("readable")).expect("JSON");
        wanted["number"] = (wanted["number"].as_u64().expect("a number") + 1).into();
        wanted["paused"] = paused.into();
        let beside = wish.with_extension("new");
        fs::write(&beside, wanted.to_string()).expect("written");
        fs::rename(&beside, &wish).expect("renamed");
    };
    wishes(Some((Timestamp::now() + SignedDuration::from_hours(1)).to_string()));
    wait_until("a tree that stands still", || stands_still(&id));
    std::thread::sleep(Duration::from_millis(500));
    assert!(stands_still(&id), "whoever stopped it is there, and waits");
    wishes(None);
    wait_until("a tree that goes on", || !stands_still(&id));
    let written = stage.log().len();
    wait_until("another word", || stage.log().len() > written);
    fs::remove_dir(&status).expect("removed");
    stage.until(&order, &id, runs);
    stage.engine.act(&id, &Act::Cancel).expect("ended");
    assert_eq!(stage.seen(&order, &id).state, SeenState::Ended(Ending::Cancelled));
}
