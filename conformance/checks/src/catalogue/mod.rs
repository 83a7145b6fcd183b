//! The catalogue of checks that findings name: what each asserts, why it matters, what to do.

mod congestion;
mod flow;
mod harness;
mod iwarp;
mod links;
mod rc;
mod smb;
mod wire;

use serde::Serialize;

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable, such as `RC-07`.
    pub id: &'static str,
    /// Stable as well, for programs: `ack-timeout`.
    pub name: &'static str,
    /// What is asserted, in one sentence without its stop.
    pub title: &'static str,
    pub why: &'static str,
    pub cure: &'static str,
}

const PARTS: [&[Check]; 8] = [
    wire::CHECKS,
    rc::CHECKS,
    iwarp::CHECKS,
    congestion::CHECKS,
    flow::CHECKS,
    links::CHECKS,
    harness::CHECKS,
    smb::CHECKS,
];

/// All checks, by subject and number.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    PARTS.into_iter().flatten()
}

/// By ID or name, whatever the case.
pub fn find(text: &str) -> Option<&'static Check> {
    let is = |name: &str| name.eq_ignore_ascii_case(text.trim());
    checks().find(|check| is(check.id) || is(check.name))
}

/// The check that was perhaps meant.
pub fn similar(text: &str) -> Option<&'static Check> {
    // Longer ones are no typing mistakes.
    let text: String = text.trim().to_ascii_lowercase().chars().take(40).collect();
    let distance = |check: &&Check| {
        let id = check.id.to_ascii_lowercase();
        edits(&text, &id)
            .min(1 + edits(&text.replace('-', ""), &id.replace(['-', '0'], "")))
            .min(edits(&text, check.name))
    };
    let nearest = checks().min_by_key(distance)?;
    Some(nearest).filter(|check| distance(check) <= 2 + text.len() / 6)
}

/// Insertions, deletions and replacements that make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_and_names_are_unique_and_complete() {
        let ids: BTreeSet<&str> = checks().map(|c| c.id).collect();
        let names: BTreeSet<&str> = checks().map(|c| c.name).collect();
        assert_eq!(ids.len(), checks().count());
        assert_eq!(names.len(), checks().count());
        let counts = [
            ("W", 25),
            ("RC", 40),
            ("UC", 2),
            ("UD", 1),
            ("CC", 15),
            ("P", 20),
            ("X", 11),
            ("N", 3),
            ("S", 7),
            ("SD", 7),
            ("T", 2),
            ("IW", 6),
            ("H", 5),
        ];
        for (prefix, count) in counts {
            for n in 1..=count {
                let id = format!("{prefix}-{n:02}");
                assert!(ids.contains(id.as_str()), "{id}");
            }
        }
        assert_eq!(ids.len(), counts.iter().map(|(_, n)| n).sum::<usize>());
    }

    #[test]
    fn pages_are_sentences() {
        for c in checks() {
            assert!(!c.title.ends_with('.'), "{}", c.id);
            for text in [c.why, c.cure] {
                assert!(
                    text.ends_with('.') && !text.contains("  "),
                    "{}: {text}",
                    c.id
                );
            }
            let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(c.name.bytes().all(kebab), "{}", c.id);
        }
    }

    #[test]
    fn checks_are_found_and_guessed() {
        assert_eq!(find("rc-07").map(|c| c.id), Some("RC-07"));
        assert_eq!(find("ack-timeout").map(|c| c.id), Some("RC-07"));
        assert_eq!(find("RC-7"), None);
        assert_eq!(similar("RC-7").map(|c| c.id), Some("RC-07"));
        assert_eq!(similar("ack-timout").map(|c| c.id), Some("RC-07"));
        assert_eq!(similar("P20").map(|c| c.id), Some("P-20"));
        assert_eq!(similar("something else entirely"), None);
    }
}
