//! Rows 14 and 15: ranks that share a node, a choice of GPUs, and a meter of the whole node.

use crate::server::serve;
use crate::stage::{Cued, Machine, WAITS, notices, stub, wait_until};
use greenwich_nvml_stub::Script;
use greenwich_store::{Entry, Expected, Ledger};
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn four_and_eight_ranks_count_a_node_once() {
    for ranks in [4, 8] {
        let machine = Machine::server();
        let before_j = machine.drawn_j();
        let runs: Vec<Cued> =
            (0..ranks).map(|rank| Cued::start(machine.run(&[], &WAITS).env("LOCAL_RANK", rank.to_string()))).collect();
        let first_j = machine.drawn_j();
        sleep(Duration::from_millis(500));
        let last_j = machine.drawn_j();
        let said: Vec<_> = runs.into_iter().map(Cued::end).collect();
        let drawn_j = machine.drawn_j() - before_j;
        assert!(said.iter().all(|output| output.status.success()));
        let others =
            said.iter().filter(|output| notices(output).iter().any(|line| line.contains("metered already by")));
        assert_eq!(others.count(), ranks - 1, "each of the others says who meters");
        let found_j = machine.entry().it_energy_j.expect("it was counted");
        assert!((last_j - first_j - 1e-5..=drawn_j + 1e-5).contains(&found_j), "{found_j} J of {drawn_j} J");
    }
}

#[test]
fn a_merge_of_eight_copies_is_one() {
    let machine = Machine::server();
    let run = machine.cue(&["--period", "100ms"]);
    sleep(Duration::from_millis(400));
    assert!(run.end().status.success());
    let entry = machine.entry();
    let copies: Vec<Ledger> = (1..8)
        .map(|copy| {
            let to = machine.path(&format!("copy-{copy}"));
            let status = std::process::Command::new("cp").arg("-r").arg(machine.path("ledger")).arg(&to).status();
            assert!(status.expect("cp").success());
            Ledger::at(to)
        })
        .collect();
    let merged = machine.ledger().merge(&entry.run, &copies, &Expected::default()).expect("it was closed");
    let (once_j, merged_j) = (entry.it_energy_j.expect("counted"), merged.entry.it_energy_j.expect("counted"));
    assert!((once_j - merged_j).abs() < 1e-6, "{merged_j} J of {once_j} J");
}

/// A run with GPUs alone: its entry, its notices, and the seconds that its child and the program lived.
fn gpus(script: &str, visible: Option<&str>) -> (Entry, Vec<String>, std::ops::RangeInclusive<f64>) {
    let machine = Machine::bare();
    let lib = stub();
    let mut command = machine.run(&["--nvml-lib", &lib], &WAITS);
    command.env("GREENWICH_NVML_STUB", script);
    if let Some(visible) = visible {
        command.env("CUDA_VISIBLE_DEVICES", visible);
    }
    let outer = Instant::now();
    let run = Cued::start(&mut command);
    let inner = Instant::now();
    sleep(Duration::from_millis(300));
    let inner_s = inner.elapsed().as_secs_f64();
    let output = run.end();
    assert!(output.status.success());
    (machine.entry(), notices(&output), inner_s..=outer.elapsed().as_secs_f64())
}

#[test]
fn cards_are_chosen_by_index_uuid_prefix_and_mig_and_each_is_counted() {
    let (whole, slice) = (Script::uuid(2), Script::mig_uuid(1, 1));
    let all = |gpus: u32| (0..gpus).collect::<Vec<_>>();
    let cases = [
        ("gpus=1", None, all(1)),
        ("gpus=2", None, all(2)),
        ("gpus=4", None, all(4)),
        ("gpus=8", None, all(8)),
        ("gpus=4", Some("1"), vec![1]),
        ("gpus=4", Some("3,0"), vec![3, 0]),
        ("gpus=4", Some(whole.as_str()), vec![2]),
        ("gpus=4", Some("GPU-00000003"), vec![3]),
        ("gpus=4 mig=2", Some(slice.as_str()), vec![1]),
        ("gpus=4", Some("-1"), vec![]),
        ("gpus=3 hidden=0", Some("0"), vec![1]),
    ];
    for (script, visible, expected) in cases {
        let (entry, _, lived_s) = gpus(script, visible);
        let cards: Vec<_> = entry.devices.iter().filter(|device| device.kind == "gpu").collect();
        let ids: Vec<&str> = cards.iter().map(|card| card.device.as_str()).collect();
        assert_eq!(ids, expected.into_iter().map(Script::uuid).collect::<Vec<_>>(), "{script} {visible:?}");
        for card in cards {
            // 300 W each; the counter shows whole millijoules.
            let energy_j = card.energy_j.expect("it was counted");
            let bounds = 300.0 * lived_s.start() - 0.002..=300.0 * lived_s.end() + 0.002;
            assert!(bounds.contains(&energy_j), "{script} {visible:?}: {energy_j} J, not {bounds:?}");
            assert_eq!(card.method, "counted");
        }
    }
}

#[test]
fn a_mig_device_says_that_it_is_the_whole_card() {
    let (entry, _, _) = gpus("mig=2", Some(&Script::mig_uuid(0, 0)));
    let card = entry.devices.iter().find(|device| device.kind == "gpu").expect("it was metered");
    assert!(card.domain.contains("whole GPU of MIG-"), "{}", card.domain);
}

#[test]
fn a_choice_that_names_no_card_is_told_and_recorded_and_the_child_runs() {
    for visible in ["GPU-dead", "nonsense", "17"] {
        let (entry, said, _) = gpus("gpus=2", Some(visible));
        let told = |lines: &[String]| lines.iter().filter(|line| line.contains("GPUs are not metered")).count();
        assert_eq!((told(&said), told(&entry.warnings)), (1, 1), "{visible}: {said:?} {:?}", entry.warnings);
        assert!(entry.devices.iter().all(|device| device.kind != "gpu"), "and not 0 J");
    }
}

#[test]
fn a_machine_without_gpus_or_nvidia_smi_runs_what_it_is_told() {
    let machine = Machine::server();
    let output = machine.run(&[], &["sh", "-c", "exit 5"]).env("PATH", "/usr/bin:/bin").output().expect("it starts");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(notices(&output), [""; 0]);
}

#[test]
fn a_card_that_is_lost_is_a_gap_and_never_zero() {
    // The cards' clock is in our hand, so that the card is lost after the first read and before the last.
    let machine = Machine::bare();
    let (lib, clock) = (stub(), machine.path("clock"));
    let is_at = |ns: &str| std::fs::write(&clock, ns).expect("writable");
    is_at("0");
    let mut command = machine.run(&["--nvml-lib", &lib], &WAITS);
    let script = format!("gpus=2 lost=1@1 clock={}", clock.display());
    let run = Cued::start(command.env("GREENWICH_NVML_STUB", script));
    is_at("2000000000");
    assert!(run.end().status.success());
    let entry = machine.entry();
    let lost: Vec<_> = entry.devices.iter().filter(|device| device.device == Script::uuid(1)).collect();
    assert!(lost.iter().any(|device| device.method == "unknown"), "{lost:?}");
    assert!(entry.most_it_energy_j > entry.it_energy_j, "the bound is kept");
}

#[test]
fn a_wall_meter_at_an_address_holds_the_whole_node_and_its_key_is_told_to_nobody() {
    let machine = Machine::server();
    let (base, asked) = serve(200, r#"{"id": 0, "voltage": 231.0, "apower": 400.0}"#);
    let url = format!("{base}/rpc/status?id=0");
    let mut command = machine.run(&["--wall-url", &url, "--wall-key", "apower", "--period", "50ms"], &WAITS);
    let run = Cued::start(command.env("GREENWICH_WALL_AUTHORIZATION", "Bearer s3cret"));
    wait_until("it was asked again and again", || asked.lock().expect("no panic").len() > 4);
    assert!(run.end().status.success());
    let entry = machine.entry();
    let node = entry.devices.iter().find(|device| device.kind == "node" && device.energy_j.is_some());
    let node = node.unwrap_or_else(|| panic!("{:?}", entry.devices));
    assert_eq!(node.method, "sampled");
    assert!(node.domain.starts_with("address http://127.0.0.1") && !node.domain.contains('?'), "{}", node.domain);
    let watts =
        node.energy_j.expect("found above") / (entry.end.duration_since(entry.start).as_secs_f64() * node.coverage);
    assert!((300.0..500.0).contains(&watts), "{watts} W of 400");
    assert!(entry.devices.iter().filter(|device| device.kind != "node").all(|device| device.inside_another));
    let request = asked.lock().expect("no panic")[0].to_lowercase();
    assert!(request.contains("authorization: bearer s3cret"), "{request}");
    assert!(!String::from_utf8_lossy(&entry.to_json()).contains("s3cret"));
}

#[test]
fn a_wall_meter_that_does_not_answer_harms_nobody() {
    let machine = Machine::server();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it is bound");
    let output = machine.run(&["--wall-url", &format!("http://{port}/"), "--quiet"], &["sh", "-c", "exit 4"]).output();
    let output = output.expect("it starts");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(4), b"".as_slice()));
}
