//! Maps whose keys are numbers, or ranges of numbers such as "8-15".
//!
//! What a key means never depends on where it stands in the file: a single number wins over a
//! range, and a narrower range over a wider one that holds it. Keys that overlap otherwise, or
//! mean the same, are mistakes.

use super::diag::Mistakes;
use super::quantity::Sp;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A number in digits alone.
fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn range(key: &str) -> Option<RangeInclusive<usize>> {
    let (from, to) = key.split_once('-').unwrap_or((key, key));
    let (from, to) = (number(from)?, number(to)?);
    (from <= to).then_some(from..=to)
}

/// What overlaps in the same way as written twice, or without one holding the other.
fn conflict(a: &RangeInclusive<usize>, b: &RangeInclusive<usize>) -> Option<&'static str> {
    let holds = |x: &RangeInclusive<usize>, y: &RangeInclusive<usize>| {
        x.start() <= y.start() && y.end() <= x.end()
    };
    match (holds(a, b), holds(b, a)) {
        (true, true) => Some("mean the same"),
        (true, false) | (false, true) => None,
        _ if a.start() <= b.end() && b.start() <= a.end() => {
            Some("overlap, and neither lies within the other")
        }
        _ => None,
    }
}

/// Overrides entries of a map, the widest ranges first.
pub(super) fn fill<T, const N: usize>(
    map: &mut [u8; N],
    given: &BTreeMap<String, Sp<T>>,
    what: &str,
    of: impl Fn(&T) -> u8,
    mistakes: &mut Mistakes,
) {
    let mut known: Vec<(RangeInclusive<usize>, &str, &Sp<T>)> = Vec::new();
    for (key, value) in given {
        let Some(range) = range(key).filter(|r| *r.end() < N) else {
            let help = format!("use \"0\" to \"{}\", or a range such as \"0-7\"", N - 1);
            mistakes.at(value, format!("`{key}` is no {what}"), &help);
            continue;
        };
        known.push((range, key, value));
    }
    known.sort_by_key(|(_, _, value)| value.span.start);
    for (i, (range, key, value)) in known.iter().enumerate() {
        for (other, earlier, _) in &known[..i] {
            if let Some(how) = conflict(range, other) {
                let help = "the narrower of two ranges counts where one lies within the other; \
                            write the others without overlap";
                mistakes.at(value, format!("`{earlier}` and `{key}` {how}"), help);
            }
        }
    }
    known.sort_by_key(|(range, ..)| std::cmp::Reverse(range.end() - range.start()));
    for (range, _, value) in known {
        map[range].fill(of(&value.value));
    }
}

/// The entries of a map whose keys are single numbers from 0 to `max`.
pub(super) fn slots<'a, T>(
    given: &'a BTreeMap<String, Sp<T>>,
    what: &str,
    max: usize,
    mistakes: &mut Mistakes,
) -> Vec<(usize, &'a Sp<T>)> {
    let mut found: Vec<(usize, &str, &Sp<T>)> = Vec::new();
    for (key, value) in given {
        match number(key) {
            Some(n) if n <= max => found.push((n, key, value)),
            _ => {
                let help = format!("use \"0\" to \"{max}\"");
                mistakes.at(value, format!("`{key}` is no {what}"), &help);
            }
        }
    }
    once(&mut found, mistakes);
    found.into_iter().map(|(n, _, value)| (n, value)).collect()
}

/// Reports keys that mean the same.
pub(super) fn once<K: Ord + Copy, T>(found: &mut [(K, &str, &Sp<T>)], mistakes: &mut Mistakes) {
    found.sort_by_key(|(k, _, value)| (*k, value.span.start));
    for pair in found.windows(2) {
        if let [(a, first, _), (b, second, value)] = pair
            && a == b
        {
            let message = format!("`{first}` and `{second}` mean the same");
            mistakes.at(value, message, "keep one of them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The map that text gives, or the messages.
    fn read(entries: &[(&str, u8)]) -> Result<[u8; 64], Vec<String>> {
        let entry = |(i, (key, value)): (usize, &(&str, u8))| {
            let value = Sp {
                value: *value,
                span: i..i + 1,
            };
            ((*key).to_owned(), value)
        };
        let given = entries.iter().enumerate().map(entry).collect();
        let (mut map, mut mistakes) = ([0; 64], Mistakes::default());
        fill(&mut map, &given, "DSCP", |v| *v, &mut mistakes);
        match mistakes.is_empty() {
            true => Ok(map),
            false => Err(mistakes.list.into_iter().map(|m| m.message).collect()),
        }
    }

    #[test]
    fn the_narrower_key_wins_wherever_it_stands() {
        let entries = [
            ("0-63", 1),
            ("8-63", 2),
            ("20-30", 3),
            ("26", 4),
            ("9-15", 5),
        ];
        let right: [u8; 64] = std::array::from_fn(|dscp| match dscp {
            26 => 4,
            20..=30 => 3,
            9..=15 => 5,
            8.. => 2,
            _ => 1,
        });
        for turn in 0..entries.len() {
            let mut entries = entries;
            entries.rotate_left(turn);
            assert_eq!(read(&entries), Ok(right));
            entries.reverse();
            assert_eq!(read(&entries), Ok(right));
        }
    }

    #[test]
    fn keys_that_overlap_otherwise_are_named() {
        let crossing = "`0-20` and `10-30` overlap, and neither lies within the other";
        assert_eq!(
            read(&[("0-20", 1), ("10-30", 2)]),
            Err(vec![crossing.to_owned()])
        );
        let touching = "`0-10` and `10-20` overlap, and neither lies within the other";
        assert_eq!(
            read(&[("0-10", 1), ("10-20", 1)]),
            Err(vec![touching.to_owned()])
        );
        for (a, b) in [("3", "03"), ("3", "3-3"), ("8-15", "08-15")] {
            let same = format!("`{a}` and `{b}` mean the same");
            assert_eq!(read(&[(a, 1), (b, 1)]), Err(vec![same]));
        }
        assert!(read(&[("0-10", 1), ("11-20", 2)]).is_ok());
        for wrong in ["", "-", "5-", "-5", "7-3", "64", "0-64", "+3", "a", "1-2-3"] {
            assert_eq!(read(&[(wrong, 1)]).map_err(|e| e.len()), Err(1), "{wrong}");
        }
    }

    #[test]
    fn single_numbers_are_given_once() {
        let value = |n: usize| Sp {
            value: n,
            span: n..n + 1,
        };
        let given = [("3", 0), ("03", 1), ("4", 2), ("8", 3), ("+5", 4)];
        let given: BTreeMap<String, Sp<usize>> =
            given.map(|(k, n)| (k.to_owned(), value(n))).into();
        let mut mistakes = Mistakes::default();
        let found = slots(&given, "queue", 7, &mut mistakes);
        assert_eq!(found.len(), 3);
        let messages: Vec<_> = mistakes.list.iter().map(|m| m.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`+5` is no queue",
                "`8` is no queue",
                "`3` and `03` mean the same"
            ]
        );
    }
}
