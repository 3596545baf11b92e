//! Keys that hold several numbers: the points of a curve, one number a month.
//!
//! In: a [`Table`]. Out: numbers with their places, or a refusal that names the one that cannot be.

use super::{COMMAND_LINE, DocumentError, Node, Place, Table, plain};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Two numbers with their place.
pub type Pair = (Place, [f64; 2]);

impl Table {
    /// Points at a key: a list of pairs of numbers, each with its place. The command line gives them as `x:y,x:y`.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is no list of pairs.
    pub fn points(&self, key: &str, example: &str) -> Result<Option<Vec<Pair>>, DocumentError> {
        let mend = || format!("write {key} = {example}");
        let allowed = "a list of pairs of numbers";
        let items = match self.take(key) {
            None => return Ok(None),
            Some(Node::List(items)) => items.clone(),
            Some(Node::Text(text)) if text.contains(':') => {
                text.split(',').map(|item| (None, Node::Text(item.trim().to_owned()))).collect()
            }
            Some(other) => return Err(self.place(key).refuse(other.describe(), allowed, mend())),
        };
        let point = |(line, item): &(Option<usize>, Node)| {
            let mut place = self.place(key);
            place.line = line.or(place.line);
            let pair = match item {
                Node::List(pair) => match pair.as_slice() {
                    [(_, Node::Number(x, _)), (_, Node::Number(y, _))] => Some([*x, *y]),
                    _ => None,
                },
                Node::Text(text) => {
                    text.split_once(':').and_then(|(x, y)| Some([x.trim().parse().ok()?, y.trim().parse().ok()?]))
                }
                _ => None,
            };
            match pair {
                Some(pair) => Ok((place, pair)),
                None => Err(place.refuse(item.describe(), "pairs of numbers", mend())),
            }
        };
        items.iter().map(point).collect::<Result<_, _>>().map(Some)
    }

    /// Numbers at a key, one or a list of `count`, each inside a range that can be meant.
    ///
    /// # Errors
    /// [`DocumentError::Value`] when it is neither, or one lies outside.
    pub fn numbers(
        &self,
        key: &str,
        count: usize,
        range: RangeInclusive<f64>,
        unit: &str,
    ) -> Result<Option<Vec<f64>>, DocumentError> {
        let Some(Node::List(items)) = self.take(key) else {
            return Ok(self.number(key, range, unit)?.map(|number| vec![number]));
        };
        let allowed = format!("one number or {count}, {} to {} {unit}", plain(*range.start()), plain(*range.end()));
        let mend = format!("write one number for all, or {count}, in {unit}");
        if items.len() != count && items.len() != 1 {
            return Err(self.place(key).refuse(format!("{} values", items.len()), allowed, mend));
        }
        let number = |(line, item): &(Option<usize>, Node)| {
            let amount = match item {
                Node::Number(amount, _) => Some(*amount),
                Node::Text(text) => text.parse().ok(),
                _ => None,
            };
            amount.filter(|amount| range.contains(amount)).ok_or_else(|| {
                let mut place = self.place(key);
                place.line = line.or(place.line);
                place.refuse(item.describe(), allowed.clone(), mend.clone())
            })
        };
        items.iter().map(number).collect::<Result<_, _>>().map(Some)
    }

    /// The folder that paths of a key start from: that of its file, or the working directory for a flag.
    pub fn folder_of(&self, key: &str) -> PathBuf {
        let place = self.place(key);
        if place.file == COMMAND_LINE {
            return PathBuf::new();
        }
        Path::new(&place.file).parent().map(Path::to_owned).unwrap_or_default()
    }
}
