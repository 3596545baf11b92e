//! What `--help` says, and that the reference page and the examples in it keep up.
//!
//! In: the real program. Out: the help blocks of `docs/reference/cli.md`, held current, and each example of
//! a help text run as it stands. `UPDATE_DOCS=1` renews the blocks instead of holding them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RENEW: &str = "UPDATE_DOCS=1 cargo test -p greenwich-cli --test help";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    // A ledger and settings of the test's own: none, where the folder is the repository.
    let home = std::env::temp_dir().join(format!("greenwich-help-{}", std::process::id()));
    let home = if folder == root() { home } else { folder.join("ledger") };
    command.env("GREENWICH_HOME", home).env("XDG_CONFIG_HOME", folder.join("config"));
    command.args(words).current_dir(folder).output().expect("the program runs")
}

fn help(words: &[&str]) -> String {
    let output = run(&root(), &[words, &["--help"]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "`greenwich {} --help`", words.join(" "));
    let text = String::from_utf8(output.stdout).expect("help is UTF-8");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Every command with its words, from what each help lists below `Commands:`.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(words) = found.get(next).cloned() {
        next += 1;
        let text = help(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for line in listed {
            let name = line.split_whitespace().next().expect("a line of a command has its name");
            found.push([words.clone(), vec![name.to_owned()]].concat());
        }
    }
    found
}

/// Whether a line of a help text begins a flag; a value's line stands further in.
fn begins_flag(line: &str) -> bool {
    let text = line.trim_start();
    text.starts_with('-') && line.len() - text.len() <= 6
}

/// A help text without the flags that every command has, which the page shows once.
fn own_part(text: &str, common: &BTreeSet<String>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_common = false;
    for line in text.lines() {
        let is_outermost = !line.is_empty() && !line.starts_with(' ');
        is_common = (begins_flag(line) && common.contains(line)) || (is_common && !begins_flag(line) && !is_outermost);
        if !is_common {
            kept.push(line);
        }
    }
    let mut own = String::new();
    for (index, line) in kept.iter().enumerate() {
        let below = kept[index + 1..].iter().find(|line| !line.is_empty());
        let has_nothing_below = line.ends_with(':') && below.is_none_or(|line| !line.starts_with(' '));
        let is_empty_again = line.is_empty() && own.ends_with("\n\n");
        if !has_nothing_below && !is_empty_again {
            own.push_str(line);
            own.push('\n');
        }
    }
    own
}

#[test]
fn the_reference_page_has_the_help_of_every_command() {
    let file = root().join("docs/reference/cli.md");
    let shipped = std::fs::read_to_string(&file).expect("the page is there");
    let whole = help(&[]);
    let common: BTreeSet<String> = whole.lines().filter(|line| begins_flag(line)).map(str::to_owned).collect();
    assert!(common.len() >= 6, "the flags that every command has: {common:?}");
    let mut page = shipped.clone();
    for words in commands() {
        let shown = [vec!["greenwich".to_owned()], words.clone()].concat().join(" ");
        let text = help(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let text = if words.is_empty() { text } else { own_part(&text, &common) };
        let (begin, end) = (format!("<!-- {shown} --help -->\n"), format!("<!-- end of {shown} --help -->"));
        let (from, to) = match (page.find(&begin), page.find(&end)) {
            (Some(from), Some(to)) if from < to => (from + begin.len(), to),
            _ => panic!(
                "docs/reference/cli.md has no block for `{shown}`: write the lines `{}` and `{end}`, then run {RENEW}",
                begin.trim_end()
            ),
        };
        page.replace_range(from..to, &format!("```text\n{}\n```\n", text.trim_end()));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).expect("the page can be written");
        return;
    }
    let differs = page.lines().zip(shipped.lines()).position(|(new, old)| new != old);
    assert!(
        page == shipped,
        "docs/reference/cli.md is not what --help says, first at line {}: run {RENEW}",
        differs.map_or(0, |line| line + 1)
    );
}

#[test]
fn help_is_a_word_as_well_as_a_flag() {
    for (asked, flagged) in [(&["help", "ledger", "list"][..], &["ledger", "list"][..]), (&["help"], &[])] {
        let output = run(&root(), asked);
        assert!(output.status.success() && output.stderr.is_empty(), "{asked:?}");
        let text = String::from_utf8(output.stdout).expect("help is UTF-8");
        assert_eq!(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"), help(flagged), "{asked:?}");
    }
}

#[test]
fn the_examples_of_every_help_run_as_they_stand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&root().join("examples"), &folder.path().join("examples"));
    let mut count = 0;
    for words in commands() {
        let text = help(&words.iter().map(String::as_str).collect::<Vec<_>>());
        for line in text.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], "greenwich", "{line}");
            // The command that `run` meters in an example is the reader's own.
            let child = words.iter().position(|word| *word == "--").map_or(words.len(), |at| at + 1);
            let own = if child < words.len() { [&words[1..child], &["true"]].concat() } else { words[1..].to_vec() };
            let output = run(folder.path(), &own);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let is_said = !output.stdout.is_empty() || (child < words.len() && !stderr.is_empty());
            assert!(output.status.success() && is_said, "{line}\n{stderr}");
            count += 1;
        }
    }
    assert!(count >= 10, "{count} examples");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the examples are there") {
        let entry = entry.expect("readable");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}
