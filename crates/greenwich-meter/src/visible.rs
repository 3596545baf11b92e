//! Which GPUs a run may see, by the value of `CUDA_VISIBLE_DEVICES`.
//!
//! In: that value and the cards that the driver tells of. Out: the cards to meter, each once, or an error that names
//! the word that matches nothing: a choice that matches no card is never metered as 0 J. Taken are indices in the
//! order of the bus, `GPU-` UUIDs and unambiguous beginnings of them, `MIG-` UUIDs in both forms, and bus addresses.

use crate::counter::CounterError;

const VARIABLE: &str = "CUDA_VISIBLE_DEVICES";

/// A card as the driver tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6`.
    pub uuid: String,
    /// `00000000:3B:00.0`, or empty where it is not told.
    pub pci: String,
    /// UUIDs of the MIG devices cut from it.
    pub migs: Vec<String>,
}

/// A card that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the cards.
    pub card: usize,
    /// The MIG devices through which it was chosen; energy exists for the whole card only.
    pub through: Vec<String>,
    /// Whether it was chosen by its index, whose order CUDA and the driver may see differently.
    pub by_index: bool,
}

/// Chooses among the cards; without a value all of them.
///
/// # Errors
/// [`CounterError::NoSuchDevice`] for a word that names no card, or more than one.
pub fn choose(value: Option<&str>, cards: &[Card]) -> Result<Vec<Choice>, CounterError> {
    let whole = |card| Choice { card, through: Vec::new(), by_index: false };
    let Some(value) = value else { return Ok((0..cards.len()).map(whole).collect()) };
    let mut chosen: Vec<Choice> = Vec::new();
    for word in value.split(',').map(str::trim) {
        // CUDA's ways to say "none", and "none from here on".
        if matches!(word, "" | "-1" | "NoDevFiles" | "none" | "void") {
            break;
        }
        if word == "all" {
            return Ok((0..cards.len()).map(whole).collect());
        }
        let Some(choice) = find(word, cards) else {
            let here: Vec<&str> = cards.iter().map(|card| card.uuid.as_str()).collect();
            let here = if here.is_empty() {
                "none".to_owned()
            } else {
                format!("0 to {}: {}", here.len() - 1, here.join(", "))
            };
            return Err(CounterError::NoSuchDevice {
                variable: VARIABLE,
                asked: value.into(),
                token: word.into(),
                here,
            });
        };
        match chosen.iter_mut().find(|known| known.card == choice.card) {
            Some(known) if known.through.is_empty() => {}
            Some(known) => known.through.extend(choice.through),
            None => chosen.push(choice),
        }
    }
    Ok(chosen)
}

fn find(word: &str, cards: &[Card]) -> Option<Choice> {
    let starts =
        |whole: &str, word: &str| whole.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let whole = |card| Choice { card, through: Vec::new(), by_index: false };
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let card = word.parse::<usize>().ok().filter(|card| *card < cards.len())?;
        return Some(Choice { by_index: true, ..whole(card) });
    }
    if starts(word, "GPU-") {
        return only(cards.iter().enumerate().filter(|(_, card)| starts(&card.uuid, word)))
            .map(|(card, _)| whole(card));
    }
    if starts(word, "MIG-GPU-") {
        // The older form: MIG-GPU-<uuid of the card>/<GPU instance>/<compute instance>.
        let uuid = word[4..].split('/').next()?;
        let (card, _) = only(cards.iter().enumerate().filter(|(_, card)| starts(&card.uuid, uuid)))?;
        return Some(Choice { through: vec![word.to_owned()], ..whole(card) });
    }
    if starts(word, "MIG-") {
        let slices = cards.iter().enumerate().flat_map(|(card, held)| held.migs.iter().map(move |mig| (card, mig)));
        let (card, mig) = only(slices.filter(|(_, mig)| starts(mig, word)))?;
        return Some(Choice { through: vec![mig.clone()], ..whole(card) });
    }
    only(cards.iter().enumerate().filter(|(_, card)| same_bus(&card.pci, word))).map(|(card, _)| whole(card))
}

/// Bus addresses with their domain of 4 or 8 digits, or without one.
fn same_bus(pci: &str, word: &str) -> bool {
    let tail = |address: &str| address.rsplitn(3, ':').take(2).collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let is_address = |text: &str| text.contains(':') && text.contains('.');
    let domain = |address: &str| {
        let mut parts = address.rsplitn(3, ':').skip(2);
        parts.next().map_or(Some(0), |digits| u32::from_str_radix(digits, 16).ok())
    };
    is_address(pci) && is_address(word) && tail(pci) == tail(word) && domain(pci) == domain(word)
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn cards() -> Vec<Card> {
        let card = |uuid: &str, pci: &str, migs: &[&str]| Card {
            uuid: uuid.into(),
            pci: pci.into(),
            migs: migs.iter().map(|mig| (*mig).to_owned()).collect(),
        };
        vec![
            card("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "00000000:3B:00.0", &[]),
            card("GPU-89aa0000-0000-4106-c12f-20bd9faed9f7", "00000000:AF:00.0", &["MIG-5b2d0000-1", "MIG-5b2d1111-2"]),
        ]
    }

    fn chosen(value: Option<&str>) -> String {
        match choose(value, &cards()) {
            Err(e) => e.to_string(),
            Ok(choices) => choices
                .iter()
                .map(|c| {
                    if c.through.is_empty() {
                        c.card.to_string()
                    } else {
                        format!("{} through {}", c.card, c.through.join("+"))
                    }
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    #[test]
    fn cards_are_chosen_by_index_uuid_prefix_mig_and_bus() {
        let cases = [
            (None, "0, 1"),
            (Some("0"), "0"),
            (Some("1,0"), "1, 0"),
            (Some("0,0"), "0"),
            (Some(""), ""),
            (Some("-1"), ""),
            (Some("0,-1,1"), "0"),
            (Some("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"), "0"),
            (Some("GPU-8932"), "0"),
            (Some("gpu-89AA"), "1"),
            (Some("MIG-5b2d1111-2"), "1 through MIG-5b2d1111-2"),
            (Some("MIG-5b2d0000-1,MIG-5b2d1111-2"), "1 through MIG-5b2d0000-1+MIG-5b2d1111-2"),
            (
                Some("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0"),
                "0 through MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0",
            ),
            (Some("0000:af:00.0"), "1"),
            (Some("3b:00.0"), "0"),
        ];
        for (value, expected) in cases {
            assert_eq!(chosen(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_word_that_names_no_card_or_two_is_refused_by_name() {
        assert_snapshot!(chosen(Some("0,9")), @"`CUDA_VISIBLE_DEVICES=0,9` names `9`, and no such device is here");
        for word in
            ["2", "GPU-89", "GPU-ffff", "MIG-5b2d", "MIG-ffff", "cuda:0", "0.0", "af:00.1", "1x", "00010000:3b:00.0"]
        {
            assert!(chosen(Some(word)).ends_with("no such device is here"), "{word}: {}", chosen(Some(word)));
        }
    }
}
