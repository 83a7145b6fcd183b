//! Snapshots: the verdicts that a stack is expected to get, as a table that is kept with the code.

use super::run::Outcome;
use std::fmt::Write;

/// The table. Only what is the same in every run: no times, no numbers of packets.
pub fn table(title: &str, outcomes: &[Outcome]) -> String {
    let mut text = format!("# {title}\n");
    for outcome in outcomes {
        let (id, verdict) = (outcome.check.id, outcome.verdict.name());
        let reason = outcome.verdict.reason().unwrap_or_default();
        let line = format!("{id:<6} {verdict:<12} {reason}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Lines that differ: `-` as expected, `+` as found. Empty if the tables are the same. Checks that
/// were not chosen this time (`partial`) are not missed.
pub fn difference(expected: &str, found: &str, partial: bool) -> Vec<String> {
    let rows = |text: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let id = line.split_whitespace().next()?;
                Some((id.to_owned(), line.trim_end().to_owned()))
            })
            .collect()
    };
    let (expected, found) = (rows(expected), rows(found));
    let mut lines = Vec::new();
    for (id, line) in &expected {
        match found.iter().find(|(other, _)| other == id) {
            Some((_, now)) if now == line => {}
            Some((_, now)) => lines.extend([format!("- {line}"), format!("+ {now}")]),
            None if partial => {}
            None => lines.push(format!("- {line}")),
        }
    }
    let new = |(id, _): &&(String, String)| !expected.iter().any(|(other, _)| other == id);
    lines.extend(
        found
            .iter()
            .filter(new)
            .map(|(_, line)| format!("+ {line}")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let was = "# t\nW-01   pass\nW-02   skip         why\nW-03   pass\n";
        assert!(difference(was, was, false).is_empty());
        let now = "# u\nW-01   pass\nW-02   fail\nW-04   pass\n";
        let told = difference(was, now, false);
        assert_eq!(
            told,
            [
                "- W-02   skip         why",
                "+ W-02   fail",
                "- W-03   pass",
                "+ W-04   pass"
            ]
        );
        assert_eq!(difference(was, "W-01   pass", true), [""; 0]);
    }
}
