//! Holds the house rules, so that ARCHITECTURE.md stays true.
//!
//! In: the repository's tracked and new files, and the crate edges that cargo tells. Out: findings, each
//! with file, line, rule and mend. `cargo test -p xtask` runs it as well.
//!
//! What is held: crate edges against the table of ARCHITECTURE.md; no clock, file, environment, network or
//! printing in the pure crates; module docs that say what goes in and out; files of readable length; no
//! disputable number outside facts; the papers of the house and their local links; no path of one machine.

mod source;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};
use source::{blank, product_part};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAP: &str = "ARCHITECTURE.md";
const MOST_LINES: usize = 600;
const PURE: [&str; 9] = ["core", "facts", "estimate", "plan", "fleet", "simulate", "ledger", "report", "grid"];
/// Crates whose `clippy.toml` bans the same things again, by what calls them.
const HELD_BY_CLIPPY: [&str; 6] = ["core", "estimate", "plan", "fleet", "simulate", "report"];
const PAPERS: [&str; 6] =
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-APACHE", "LICENSE-MIT", "ARCHITECTURE.md"];

/// What the code of a pure crate does not hold; no letter of an identifier stands before it.
const IMPURE: [&str; 14] = [
    "std::fs",
    "fs::",
    "std::env",
    "env::",
    "std::net",
    "std::process",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
];

/// Crates from outside that reach the network.
const NETWORK: [&str; 8] = ["reqwest", "hyper", "ureq", "tokio", "curl", "attohttpc", "async-std", "isahc"];

/// First folders of paths that are one machine's own; written without their slash, so that this file passes.
const MACHINE_FOLDERS: [&str; 6] = ["home", "root", "Users", "tmp", "work", "mnt"];
/// Hosts of package registries, split so that this file passes.
const REGISTRY_HOSTS: [(&str, &str); 6] = [
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("pypi", ".org"),
    ("registry.npmjs", ".org"),
    ("proxy.golang", ".org"),
    ("artifact", "ory"),
];

/// A rule that does not hold somewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    found: String,
    mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, found, mend } = self;
        write!(f, "{file}:{line}: {rule}: {found}\n  mend: {mend}")
    }
}

fn finding(file: &str, line: usize, rule: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { file: file.to_owned(), line, rule, found: found.into(), mend: mend.into() }
}

/// Runs `cargo xtask tidy`.
pub(crate) fn run() -> Result<()> {
    let findings = findings()?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        eprintln!("tidy");
        return Ok(());
    }
    bail!("{} findings", findings.len())
}

fn findings() -> Result<Vec<Finding>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    let files = texts(root)?;
    let map = files.get(MAP).cloned().unwrap_or_default();
    let mut found = edges(&map, &cargo_edges(root)?);
    for (file, text) in &files {
        found.extend(machine_paths(file, text));
        if Path::new(file).extension().is_some_and(|end| end == "md") {
            found.extend(links(file, text, |target| root.join(target).exists()));
        }
        if Path::new(file).extension().is_some_and(|end| end == "rs") {
            found.extend(module_docs(file, text));
            found.extend(length(file, text));
            found.extend(disputable(file, text));
            if !test_only(file, &files) {
                found.extend(purity(file, text));
            }
        }
    }
    found.extend(clippy_files(&files));
    for paper in PAPERS.iter().filter(|paper| !files.contains_key(**paper)) {
        found.push(finding(paper, 1, "papers", "it is not there", "write it"));
    }
    found.sort();
    Ok(found)
}

/// The text files that are tracked or new, by path from the root. Outside a git checkout: all that are not
/// built or hidden.
fn texts(root: &Path) -> Result<BTreeMap<String, String>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut names = BTreeSet::new();
    if let Some(output) = listed {
        names.extend(String::from_utf8(output.stdout)?.lines().map(str::to_owned));
    } else {
        eprintln!("no git checkout: every file that is neither hidden nor below target/ is read");
        walk(root, root, &mut names)?;
    }
    let mut texts = BTreeMap::new();
    for name in names {
        // A file listed and no longer there is being removed; one that is not text holds no line to find.
        if let Some(text) = fs::read(root.join(&name)).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            texts.insert(name, text);
        }
    }
    Ok(texts)
}

fn walk(root: &Path, folder: &Path, names: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, names)?;
        } else {
            let inside: PathBuf = path.strip_prefix(root)?.components().collect();
            names.insert(inside.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// A crate as cargo tells it: where its manifest is, and what it depends on, tests and builds apart.
#[derive(Debug, Clone, Default, PartialEq)]
struct Edges {
    manifest: String,
    ours: BTreeSet<String>,
    outside: BTreeSet<String>,
}

fn cargo_edges(root: &Path) -> Result<BTreeMap<String, Edges>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata does not answer")?;
    let mut edges = BTreeMap::new();
    for package in &metadata.packages {
        let manifest = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path).to_string();
        let mut found = Edges { manifest, ..Edges::default() };
        for dependency in package.dependencies.iter().filter(|edge| edge.kind != DependencyKind::Development) {
            let side = if dependency.path.is_some() { &mut found.ours } else { &mut found.outside };
            side.insert(dependency.name.clone());
        }
        edges.insert(package.name.to_string(), found);
    }
    Ok(edges)
}

/// The table `crate | depends on | must never`: line and named crates of each row.
fn table(map: &str) -> BTreeMap<String, (usize, BTreeSet<String>)> {
    let mut rows = BTreeMap::new();
    let mut inside = false;
    for (index, line) in map.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if cells.starts_with(&["crate", "depends on", "must never"]) {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && cells.len() == 3 && !cells[0].starts_with("---") {
            let named = cells[1].split(',').map(str::trim).filter(|name| *name != "none" && !name.is_empty());
            rows.insert(cells[0].to_owned(), (index + 1, named.map(str::to_owned).collect()));
        }
    }
    rows
}

fn edges(map: &str, cargo: &BTreeMap<String, Edges>) -> Vec<Finding> {
    let rows = table(map);
    let mut found = Vec::new();
    if rows.is_empty() {
        found.push(finding(MAP, 1, "edges", "no table `crate | depends on | must never`", "write one row a crate"));
    }
    for (name, edges) in cargo {
        if PURE.iter().any(|pure| *name == format!("greenwich-{pure}")) {
            for crate_ in edges.outside.iter().filter(|outside| NETWORK.contains(&outside.as_str())) {
                let problem = format!("pure `{name}` depends on `{crate_}`");
                found.push(finding(&edges.manifest, 1, "purity", problem, "give it the answer by value"));
            }
        }
        let Some((line, named)) = rows.get(name) else {
            let mend = "add its row: what it depends on and what it must never do";
            found.push(finding(MAP, 1, "edges", format!("`{name}` has no row"), mend));
            continue;
        };
        for surplus in edges.ours.difference(named) {
            let mend = format!("hand over by value through greenwich-core, or add the edge to the row at {MAP}:{line}");
            found.push(finding(&edges.manifest, 1, "edges", format!("`{name}` depends on `{surplus}`"), mend));
        }
        for absent in named.difference(&edges.ours) {
            let problem = format!("`{name}` does not depend on `{absent}`");
            found.push(finding(MAP, *line, "edges", problem, "strike it from the row"));
        }
    }
    for (name, (line, _)) in rows.iter().filter(|(name, _)| !cargo.contains_key(*name)) {
        found.push(finding(MAP, *line, "edges", format!("there is no crate `{name}`"), "strike the row"));
    }
    found
}

/// The crate of a source file of ours, without the family name: `core` for `crates/greenwich-core/src/…`.
fn room(file: &str) -> Option<&str> {
    let (folder, inside) = file.strip_prefix("crates/")?.split_once('/')?;
    inside.starts_with("src/").then(|| folder.strip_prefix("greenwich-").unwrap_or(folder))
}

/// Whether the file is a module that its crate declares for tests only.
fn test_only(file: &str, files: &BTreeMap<String, String>) -> bool {
    let Some((folder, name)) = file.rsplit_once('/') else { return false };
    let declared = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
    ["lib.rs", "mod.rs", "main.rs"]
        .iter()
        .filter_map(|parent| files.get(&format!("{folder}/{parent}")))
        .any(|text| text.contains(&declared))
}

fn purity(file: &str, text: &str) -> Vec<Finding> {
    if !room(file).is_some_and(|room| PURE.contains(&room)) {
        return Vec::new();
    }
    let code = blank(product_part(text));
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        if let Some(word) = IMPURE.iter().find(|word| holds_word(line, word)) {
            let problem = format!("`{word}` in a pure crate");
            found.push(finding(
                file,
                index + 1,
                "purity",
                problem,
                "take the value as an argument, or do it at the rim",
            ));
        }
    }
    found
}

/// Whether a line holds the pattern with no letter of an identifier before it.
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

fn module_docs(file: &str, text: &str) -> Vec<Finding> {
    let rust_of_ours = file.starts_with("crates/") || file.starts_with("xtask/");
    if !rust_of_ours {
        return Vec::new();
    }
    let docs: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if docs.is_empty() {
        let mend = "open with `//!`: its purpose, then `In: …. Out: ….`";
        return vec![finding(file, 1, "module docs", "the file does not open with `//!`", mend)];
    }
    let library = file.contains("/src/");
    let missing = ["In:", "Out:"].into_iter().filter(|word| !docs.iter().any(|line| line.contains(word)));
    let lacks: Vec<&str> = missing.filter(|_| library).collect();
    if lacks.is_empty() {
        return Vec::new();
    }
    let problem = format!("the module docs lack `{}`", lacks.join("` and `"));
    vec![finding(file, 1, "module docs", problem, "say what goes in and what comes out")]
}

fn length(file: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let long = file.contains("/src/") && lines > MOST_LINES;
    let mend = "look for the second subject hiding in the file";
    long.then(|| finding(file, lines, "length", format!("{lines} lines, {MOST_LINES} are allowed"), mend))
}

/// Constants that look like a factor with a source: those are rows of facts. Bounds of what is accepted
/// (`MOST_…`, `LEAST_…`) and conversions of units (`JOULES_PER_KWH`) are not disputable.
fn disputable(file: &str, text: &str) -> Vec<Finding> {
    const MARKS: [&str; 8] = ["G_PER_KWH", "L_PER_KWH", "USD_PER", "CO2E", "EMBODIED", "TDP", "PUE", "WUE"];
    if room(file).is_none_or(|room| room == "facts") {
        return Vec::new();
    }
    let code = blank(product_part(text));
    let constant = |line: &str| -> Option<String> {
        let (before, after) = line.split_once("const ")?;
        let (name, rest) = after.split_once(':')?;
        let bound = ["MOST_", "LEAST_"].iter().any(|prefix| name.starts_with(prefix));
        let number = rest.split_once('=')?.1.trim_start().starts_with(|first: char| first.is_ascii_digit());
        let declared = before.trim().is_empty() || before.trim_start().starts_with("pub");
        let marked = MARKS.iter().any(|mark| name.split('_').any(|word| word == *mark) || name.ends_with(mark));
        (declared && number && marked && !bound).then(|| name.to_owned())
    };
    let mend = "make it a row of crates/greenwich-facts/data/ with its source";
    let lines = code.lines().enumerate();
    lines
        .filter_map(|(index, line)| Some(finding(file, index + 1, "facts", format!("`{}`", constant(line)?), mend)))
        .collect()
}

fn clippy_files(files: &BTreeMap<String, String>) -> Vec<Finding> {
    let name = |room: &str| format!("crates/greenwich-{room}/clippy.toml");
    let first = files.get(&name(HELD_BY_CLIPPY[0]));
    let differs =
        HELD_BY_CLIPPY.iter().map(|room| name(room)).filter(|name| files.get(name) != first || first.is_none());
    let mend = format!("copy {}: the nearest file wins and is not merged", name(HELD_BY_CLIPPY[0]));
    differs.map(|name| finding(&name, 1, "clippy", "it is not that of the other pure crates", mend.clone())).collect()
}

/// Links of a Markdown file to files that are not there. Fenced code is passed over.
fn links(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let Some((target, _)) = line[at + 2..].split_once(')') else { continue };
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            let whole = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
            if !exists(&whole) {
                let mend = "write the path from this file's folder, or strike the link";
                found.push(finding(file, index + 1, "links", format!("`{target}` is not there"), mend));
            }
        }
    }
    found
}

fn machine_paths(file: &str, text: &str) -> Vec<Finding> {
    if file == "Cargo.lock" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            let path = format!("/{folder}/");
            let own =
                |before: &str| before.is_empty() || before.ends_with([' ', '"', '\'', '`', '(', '=', ':', '<', '\t']);
            if line.match_indices(&path).any(|(at, _)| own(&line[..at])) {
                let mend = "write a path from the repository's root, or take it as an argument";
                found.push(finding(file, index + 1, "machine paths", format!("`{path}…` is one machine's"), mend));
            }
        }
        for (name, end) in REGISTRY_HOSTS {
            if line.contains(&format!("{name}{end}")) {
                let problem = format!("it names the host `{name}{end}`");
                found.push(finding(
                    file,
                    index + 1,
                    "machine paths",
                    problem,
                    "name the package, not where it was fetched",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn told(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| format!("{}:{} {}", finding.file, finding.line, finding.found)).collect()
    }

    #[test]
    fn the_tree_is_tidy() {
        let findings = findings().expect("the tree is readable");
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), shown.join("\n"));
    }

    #[test]
    fn an_edge_that_the_map_lacks_or_that_the_crate_lacks_is_found() {
        let map = "| crate | depends on | must never |\n| --- | --- | --- |\n| a | none | wait |\n| b | a, c | x |\n| d | none | x |\n";
        let of = |manifest: &str, ours: &[&str], outside: &[&str]| Edges {
            manifest: manifest.into(),
            ours: names(ours),
            outside: names(outside),
        };
        let cargo = BTreeMap::from([
            ("a".to_owned(), of("a/Cargo.toml", &["b"], &["tokio"])),
            ("b".to_owned(), of("b/Cargo.toml", &["a"], &[])),
            ("e".to_owned(), of("e/Cargo.toml", &[], &[])),
            ("greenwich-plan".to_owned(), of("p/Cargo.toml", &[], &["csv", "tokio"])),
        ]);
        assert_eq!(
            told(edges(map, &cargo)),
            [
                "a/Cargo.toml:1 `a` depends on `b`",
                "ARCHITECTURE.md:4 `b` does not depend on `c`",
                "ARCHITECTURE.md:1 `e` has no row",
                "p/Cargo.toml:1 pure `greenwich-plan` depends on `tokio`",
                "ARCHITECTURE.md:1 `greenwich-plan` has no row",
                "ARCHITECTURE.md:5 there is no crate `d`",
            ]
        );
    }

    #[test]
    fn a_clock_a_file_or_printing_is_found_in_pure_code_only() {
        let text = "//! Docs of std::fs.\nuse std::fs;\nfn f() { let t = Timestamp::now(); }\nlet s = \"std::env\"; // println!\nlet my_fs::x = pprintln!();\n#[cfg(test)]\nmod tests { use std::env; }\n";
        let expected = ["`std::fs` in a pure crate", "`Timestamp::now` in a pure crate"];
        let found = purity("crates/greenwich-plan/src/x.rs", text);
        assert_eq!(found.iter().map(|finding| finding.found.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(purity("crates/greenwich/src/x.rs", text), []);
        assert_eq!(purity("crates/greenwich-plan/tests/x.rs", text), []);
    }

    #[test]
    fn a_module_for_tests_only_may_read_files() {
        let files = BTreeMap::from([(
            "crates/greenwich-report/src/lib.rs".into(),
            "mod a;\n#[cfg(test)]\nmod fixture;\n".into(),
        )]);
        assert!(test_only("crates/greenwich-report/src/fixture.rs", &files));
        assert!(!test_only("crates/greenwich-report/src/a.rs", &files));
    }

    #[test]
    fn a_module_says_what_goes_in_and_out() {
        let found = |file: &str, text: &str| told(module_docs(file, text));
        assert_eq!(found("xtask/src/a.rs", "use x;\n"), ["xtask/src/a.rs:1 the file does not open with `//!`"]);
        assert_eq!(
            found("crates/a/src/b.rs", "//! A.\n//! In: b.\n"),
            ["crates/a/src/b.rs:1 the module docs lack `Out:`"]
        );
        assert_eq!(found("crates/a/src/b.rs", "//! A. In: b. Out: c.\n"), [""; 0]);
        assert_eq!(found("crates/a/tests/b.rs", "//! Table 4 again.\n"), [""; 0]);
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(length("crates/a/src/b.rs", &"x\n".repeat(MOST_LINES)).is_none());
        assert!(length("crates/a/src/b.rs", &"x\n".repeat(MOST_LINES + 1)).is_some());
    }

    #[test]
    fn a_factor_in_code_is_found_and_a_bound_is_not() {
        let text = "const WORLD_G_PER_KWH: f64 = 475.0;\npub const TYPICAL_PUE: f64 = 1.6;\nconst MOST_G_PER_KWH: f64 = 1e4;\nconst JOULES_PER_KWH: f64 = 3.6e6;\nconst PUE_KEY: &str = \"pue\";\n";
        let expected = ["crates/greenwich/src/a.rs:1 `WORLD_G_PER_KWH`", "crates/greenwich/src/a.rs:2 `TYPICAL_PUE`"];
        assert_eq!(told(disputable("crates/greenwich/src/a.rs", text)), expected);
        assert_eq!(disputable("crates/greenwich-facts/src/a.rs", text), []);
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        let text = "[a](b.md#x) [c](https://x.org) [d](#e) ![f](g.svg)\n```\n[h](i.md)\n```\n";
        let exists = |path: &str| path == "docs/b.md";
        assert_eq!(told(links("docs/z.md", text, exists)), ["docs/z.md:1 `g.svg` is not there"]);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let line = |folder: &str| format!("read `/{folder}/x.csv`, or a/{folder}/x, or https://x.org/{folder}/x\n");
        assert_eq!(machine_paths("a.md", &line("home")).len(), 1);
        assert_eq!(machine_paths("a.md", &line("data")).len(), 0);
        let (name, end) = REGISTRY_HOSTS[0];
        assert_eq!(machine_paths("a.md", &format!("from {name}{end}/x\n")).len(), 1);
    }
}
