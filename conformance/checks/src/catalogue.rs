//! The catalogue of checks that findings name: what each asserts, why it matters, what to do.

use crate::{
    capture, config, congestion, counters, dcbx, flow, harness, iwarp, pause, qos, rc, smb,
    smb_direct, stuck, wire,
};
use xoff_scenario::edits::edits;

pub use crate::page::{Check, Symptom};

const GROUPS: [&[&Check]; 15] = [
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
    config::PAGES,
    qos::PAGES,
    stuck::PAGES,
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
            config::ITEMS,
            qos::ITEMS,
            stuck::ITEMS,
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
