//! What an existing batch script asks of Slurm, by its `#SBATCH` lines.
//!
//! In: the script's text. Out: its options as words, as `sbatch` would take them, and what of them matters for a plan:
//! name, time limit, nodes, accelerators. Options that the plan decides are left out of the words.

use std::collections::VecDeque;

/// The most bytes of a script that are read for options.
pub const MOST_BYTES: usize = 4 << 20;

/// What a script asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// All options but those that the plan decides, each one word.
    pub options: Vec<String>,
    /// `--job-name`.
    pub name: Option<String>,
    /// `--time`, in seconds.
    pub time_limit_s: Option<i64>,
    /// `--nodes`, fewest and most.
    pub nodes: Option<(u32, u32)>,
    /// Accelerators in all, where they are asked for.
    pub accelerators: Option<u32>,
    /// `--signal`'s name, where it goes to the batch shell.
    pub signal: Option<String>,
}

/// Short options, with their long names.
const SHORT: [(char, &str); 22] = [
    ('A', "account"),
    ('a', "array"),
    ('b', "begin"),
    ('C', "constraint"),
    ('c', "cpus-per-task"),
    ('D', "chdir"),
    ('d', "dependency"),
    ('e', "error"),
    ('G', "gpus"),
    ('H', "hold"),
    ('i', "input"),
    ('J', "job-name"),
    ('L', "licenses"),
    ('M', "clusters"),
    ('N', "nodes"),
    ('n', "ntasks"),
    ('o', "output"),
    ('p', "partition"),
    ('q', "qos"),
    ('t', "time"),
    ('w', "nodelist"),
    ('x', "exclude"),
];
/// Options without a value.
const BARE: [&str; 10] = [
    "exclusive",
    "hold",
    "requeue",
    "no-requeue",
    "contiguous",
    "overcommit",
    "oversubscribe",
    "spread-job",
    "wait",
    "parsable",
];
/// What the plan or the sites file decides, or what is ours.
const DECIDED: [&str; 12] = [
    "begin",
    "clusters",
    "cluster",
    "comment",
    "deadline",
    "hold",
    "job-name",
    "partition",
    "parsable",
    "nodes",
    "time",
    "wait",
];
/// What cannot be kept as one job, with why.
const REFUSED: [(&str, &str); 2] = [
    ("array", "an array is many jobs: submit each of its tasks"),
    ("dependency", "a job that waits for another cannot be moved in time"),
];

/// Reads the `#SBATCH` lines of a script; they end where its first command begins, as they do for Slurm.
///
/// # Errors
/// What is wrong with which line, in words with the mend behind.
pub fn read(text: &str) -> Result<Asked, (usize, String, String)> {
    let mut asked = Asked::default();
    let mut gpus = Gpus::default();
    if !text.starts_with("#!") {
        let mend = "begin it with `#!/bin/bash`".to_owned();
        return Err((1, "the script does not name its interpreter, so Slurm refuses it".to_owned(), mend));
    }
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        let Some(rest) = line.strip_prefix("#SBATCH") else {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            break;
        };
        let mut words = words(rest).map_err(|found| (number, found, "close the quotes".to_owned()))?;
        while let Some(word) = words.pop_front() {
            let (name, value) = option(&word, &mut words).ok_or_else(|| {
                (number, format!("`{word}` is no option of sbatch"), "write `--name=value`".to_owned())
            })?;
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                return Err((number, format!("`--{name}` cannot be planned"), (*why).to_owned()));
            }
            take(&mut asked, &mut gpus, &name, value.as_deref())
                .map_err(|found| (number, found, "write it as Slurm's manual has it".to_owned()))?;
        }
    }
    // It is planned for the most nodes that it can use.
    asked.accelerators = gpus.in_all(asked.nodes.map_or(1, |(_, most)| most));
    if gpus.all.is_some() {
        // So many in all, on however many nodes: on the fewest, so that all are there.
        asked.nodes = asked.nodes.map(|(least, _)| (least, least)).filter(|(least, _)| *least > 1);
    }
    Ok(asked)
}

/// Ways in which GPUs are asked for.
#[derive(Debug, Default)]
struct Gpus {
    all: Option<u32>,
    per_node: Option<u32>,
    per_task: Option<u32>,
    tasks: Option<u32>,
}

impl Gpus {
    fn in_all(&self, nodes: u32) -> Option<u32> {
        let by_node = self.per_node.map(|count| count.saturating_mul(nodes));
        let by_task = self.per_task.map(|count| count.saturating_mul(self.tasks.unwrap_or(nodes)));
        self.all.or(by_node).or(by_task).filter(|count| *count > 0)
    }
}

fn take(asked: &mut Asked, gpus: &mut Gpus, name: &str, value: Option<&str>) -> Result<(), String> {
    let wrong = || format!("`--{name}={}` is not understood", value.unwrap_or_default());
    let given = value.unwrap_or_default();
    match name {
        "job-name" => asked.name = Some(given.to_owned()),
        "time" => asked.time_limit_s = Some(seconds(given).ok_or_else(wrong)?),
        "nodes" => {
            let (least, most) = given.split_once('-').unwrap_or((given, given));
            let number = |text: &str| text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
            asked.nodes = Some((number(least).ok_or_else(wrong)?, number(most).ok_or_else(wrong)?));
        }
        "gpus" => gpus.all = Some(count(given).ok_or_else(wrong)?),
        "gpus-per-node" => gpus.per_node = Some(count(given).ok_or_else(wrong)?),
        "gpus-per-task" => gpus.per_task = Some(count(given).ok_or_else(wrong)?),
        "gres" => {
            let gpu = given.split(',').find(|one| one.split(':').next() == Some("gpu"));
            if let Some(gpu) = gpu {
                gpus.per_node = Some(gpu.strip_prefix("gpu:").map_or(Some(1), count).ok_or_else(wrong)?);
            }
        }
        "ntasks" => gpus.tasks = Some(given.parse().map_err(|_| wrong())?),
        "signal" => {
            let named = given.strip_prefix("B:").or_else(|| given.strip_prefix("BR:"));
            asked.signal =
                named.and_then(|rest| rest.split('@').next()).map(|name| name.trim_start_matches("SIG").to_owned());
        }
        _ => {}
    }
    // GPUs are asked for anew, of the kind that the site has.
    let is_gpus = matches!(name, "gpus" | "gpus-per-node")
        || (name == "gres" && given.split(',').all(|one| one.split(':').next() == Some("gpu")));
    if !DECIDED.contains(&name) && !is_gpus {
        asked.options.push(value.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}")));
    }
    Ok(())
}

/// The count of `4`, `h100:4`; the sum of several kinds.
fn count(text: &str) -> Option<u32> {
    let one = |part: &str| part.rsplit(':').next()?.parse::<u32>().ok();
    text.split(',').map(one).sum()
}

/// `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes`, `…:seconds`.
fn seconds(text: &str) -> Option<i64> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| (0..1_000_000).contains(number));
    if let Some((days, rest)) = text.split_once('-') {
        let parts: Vec<i64> = rest.split(':').map(number).collect::<Option<_>>()?;
        let clock = match parts.as_slice() {
            [hours] => hours * 3600,
            [hours, minutes] => hours * 3600 + minutes * 60,
            [hours, minutes, seconds] => hours * 3600 + minutes * 60 + seconds,
            _ => return None,
        };
        return Some(number(days)? * 86_400 + clock);
    }
    let parts: Vec<i64> = text.split(':').map(number).collect::<Option<_>>()?;
    match parts.as_slice() {
        [minutes] => Some(minutes * 60),
        [minutes, seconds] => Some(minutes * 60 + seconds),
        [hours, minutes, seconds] => Some(hours * 3600 + minutes * 60 + seconds),
        _ => None,
    }
}

/// The next option: its long name and its value.
fn option(word: &str, rest: &mut VecDeque<String>) -> Option<(String, Option<String>)> {
    let named = |name: &str, value: Option<String>, rest: &mut VecDeque<String>| {
        let name = name.to_owned();
        if value.is_some() || BARE.contains(&name.as_str()) {
            return Some((name, value));
        }
        rest.pop_front().map(|value| (name, Some(value)))
    };
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
        return if name.is_empty() { None } else { named(name, value, rest) };
    }
    let short = word.strip_prefix('-')?;
    let letter = short.chars().next()?;
    let (_, name) = SHORT.iter().find(|(known, _)| *known == letter)?;
    let value = Some(short[letter.len_utf8()..].trim_start_matches('=').to_owned()).filter(|value| !value.is_empty());
    named(name, value, rest)
}

/// Words parted by blanks; quotes hold them together, and a `#` begins a remark.
fn words(text: &str) -> Result<VecDeque<String>, String> {
    let (mut words, mut word, mut quote) = (VecDeque::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_asks_for_is_read_and_what_the_plan_decides_is_left_out() {
        let script = "#!/bin/bash\n#SBATCH --job-name=llm -N 2\n# a remark\n#SBATCH -t 1-12:30:00   # a day and a half\n\
                      #SBATCH --gpus-per-node=h100:8 --mem 64G\n#SBATCH --signal=B:USR1@300\n\
                      #SBATCH --constraint=\"a b\" --exclusive -p short --begin=now+1hour\n\nsrun train\n#SBATCH --qos=late\n";
        let asked = read(script).expect("lawful");
        assert_eq!(asked.name.as_deref(), Some("llm"));
        assert_eq!(asked.time_limit_s, Some(36 * 3600 + 1800));
        assert_eq!((asked.nodes, asked.accelerators), (Some((2, 2)), Some(16)));
        assert_eq!(asked.signal.as_deref(), Some("USR1"));
        assert_eq!(asked.options, ["--mem=64G", "--signal=B:USR1@300", "--constraint=a b", "--exclusive"]);
    }

    #[test]
    fn times_and_counts_have_all_of_slurms_forms() {
        for (text, found) in [("90", 5400), ("90:30", 5430), ("1:30:00", 5400), ("2-0", 172_800), ("1-1:1", 90_060)] {
            assert_eq!(seconds(text), Some(found), "{text}");
        }
        assert_eq!(seconds("soon"), None);
        let of = |line: &str| read(&format!("#!/bin/sh\n#SBATCH {line}\n")).expect("lawful").accelerators;
        assert_eq!(of("--gres=gpu:a100:4"), Some(4));
        assert_eq!(of("--gres=gpu"), Some(1));
        assert_eq!(of("-G 3"), Some(3));
        assert_eq!(of("-n4 --gpus-per-task=2"), Some(8));
        assert_eq!(of("-n 4"), None);
        assert_eq!(of("--nodes=1-2 --gpus-per-node=8"), Some(16), "it is planned for the most");
        let nodes = |line: &str| read(&format!("#!/bin/sh\n#SBATCH {line}\n")).expect("lawful").nodes;
        assert_eq!(nodes("--nodes=1-2 --gpus-per-node=8"), Some((1, 2)));
        assert_eq!((nodes("-N 1-4 -G 8"), nodes("-N 2-4 -G 8")), (None, Some((2, 2))));
    }

    #[test]
    fn what_cannot_be_one_job_is_refused_with_its_line() {
        let told = |script: &str| read(script).expect_err("a slip");
        assert_eq!(told("#!/bin/sh\n#SBATCH -J x\n#SBATCH --array=1-9\n").0, 3);
        assert_eq!(told("train\n").0, 1);
        assert_eq!(told("#!/bin/sh\n#SBATCH --comment=\"x\n").1, "a quote is not closed");
        assert_eq!(told("#!/bin/sh\n#SBATCH what\n").1, "`what` is no option of sbatch");
        assert_eq!(told("#!/bin/sh\n#SBATCH --time=soon\n").1, "`--time=soon` is not understood");
    }
}
