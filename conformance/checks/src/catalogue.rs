//! The catalogue of checks that findings name: what each asserts, why it matters, what to do.

use crate::deviations::Deviation;
use crate::{
    capture, congestion, counters, dcbx, flow, harness, iwarp, pause, rc, smb, smb_direct, wire,
};
use std::fmt;

/// A check: its page. Whoever makes it, or finds it violated, refers to the item.
#[derive(Clone, Copy)]
pub struct Check {
    /// Stable, such as `RC-07`.
    pub id: &'static str,
    /// Stable as well, for programs: `ack-timeout`.
    pub name: &'static str,
    /// What is asserted, in one sentence without its stop.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Who demands it: the clause of a standard, or where it is written.
    pub source: &'static str,
    /// Ways in which it fails that its judge tells apart, because stacks are known for them.
    pub symptoms: &'static [&'static Symptom],
    /// Stacks that are known to fail it.
    pub deviations: &'static [Deviation],
}

/// One way in which a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// Stable, for programs: `early-timeout`.
    pub name: &'static str,
}

/// There is one page of each ID.
impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        self.id == other.id
    }
}

impl Eq for Check {}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// Its ID.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id)
    }
}

/// The pages of a group: a public item for each, and the list of all.
macro_rules! pages {
    (@list) => { &[] };
    (@list $list:expr) => { $list };
    ($($item:ident {
        id: $id:literal,
        name: $name:literal,
        title: $title:literal,
        why: $why:literal,
        cure: $cure:literal,
        source: $source:literal,
        $(symptoms: $symptoms:expr,)?
        $(deviations: $deviations:expr,)?
    })+) => {
        $(
            #[doc = $title]
            pub static $item: $crate::catalogue::Check = $crate::catalogue::Check {
                id: $id,
                name: $name,
                title: $title,
                why: $why,
                cure: $cure,
                source: $source,
                symptoms: $crate::catalogue::pages!(@list $($symptoms)?),
                deviations: $crate::catalogue::pages!(@list $($deviations)?),
            };
        )+

        /// All of the group, by number.
        pub(crate) static PAGES: &[&$crate::catalogue::Check] = &[$(&$item),+];

        #[cfg(test)]
        pub(crate) const ITEMS: &[&str] = &[$(stringify!($item)),+];
    };
}
pub(crate) use pages;

const GROUPS: [&[&Check]; 12] = [
    wire::PAGES,
    rc::PAGES,
    iwarp::PAGES,
    congestion::PAGES,
    pause::PAGES,
    flow::PAGES,
    dcbx::PAGES,
    counters::PAGES,
    smb::PAGES,
    capture::PAGES,
    harness::PAGES,
    smb_direct::PAGES,
];

/// All checks, by subject and number.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    GROUPS.into_iter().flatten().copied()
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
        let items = [
            wire::ITEMS,
            rc::ITEMS,
            iwarp::ITEMS,
            congestion::ITEMS,
            pause::ITEMS,
            flow::ITEMS,
            dcbx::ITEMS,
            counters::ITEMS,
            smb::ITEMS,
            capture::ITEMS,
            harness::ITEMS,
            smb_direct::ITEMS,
        ];
        for (item, check) in items.into_iter().flatten().zip(checks()) {
            assert_eq!(item.replace('_', "-"), check.id);
        }
    }

    #[test]
    fn pages_are_sentences() {
        for c in checks() {
            assert!(!c.title.ends_with('.'), "{}", c.id);
            assert!(!c.source.is_empty() && !c.source.ends_with('.'), "{}", c.id);
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
    fn symptoms_have_names_of_their_own() {
        let all: Vec<&str> = checks().flat_map(|c| c.symptoms).map(|s| s.name).collect();
        let names: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(names.len(), all.len());
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
