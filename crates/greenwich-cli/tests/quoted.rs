//! What the pages quote is what the program says.
//!
//! In: fenced blocks of `docs/` that begin with `$ greenwich …`. Out: the line that the program's answer lacks.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("docs is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

fn answer(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_greenwich"))
        .args(command.split_whitespace())
        .current_dir(root())
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_quoted_answer_is_given_line_by_line() {
    let mut all = Vec::new();
    pages(&root().join("docs"), &mut all);
    let mut quotes = 0;
    for page in all {
        let text = std::fs::read_to_string(&page).expect("pages are UTF-8");
        for block in text.split("```").skip(1).step_by(2) {
            let mut lines = block.lines().skip(1);
            let Some(command) = lines.next().and_then(|line| line.strip_prefix("$ greenwich ")) else { continue };
            let said = answer(command);
            let mut rest = said.lines();
            for quoted in lines {
                let found = rest.any(|line| line == quoted);
                assert!(
                    found,
                    "{}: `greenwich {command}` does not say, or not in this order:\n{quoted}",
                    page.display()
                );
            }
            quotes += 1;
        }
    }
    assert!(quotes > 0, "no page quotes an answer");
}
