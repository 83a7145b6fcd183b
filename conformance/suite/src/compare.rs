//! Two stacks under the same faults, side by side: what was lost, what was answered, what was sent
//! again, and how it ended. Sequence numbers are relative and times are left out, so that a model
//! and a real stack can be compared.

use super::evidence::Evidence;
use super::exchange::{Cause, Exchange, exchanges};
use super::facts::{Facts, Half};
use serde::Serialize;
use std::fmt;
use xoff_model::rules::Class;

/// Events of a flow that are kept.
const MAX_EVENTS: usize = 1000;

/// Something that happened to a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    pub flow: String,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A packet did not arrive, or not unspoiled.
    Lost { class: Class, psn: u32 },
    /// The responder refused or missed something: NAK code and PSN.
    Nak { code: u8, psn: u32 },
    /// The responder had no receive: timer code and PSN.
    Rnr { code: u8, psn: u32 },
    /// The requester went back to a PSN that it had sent.
    Again { psn: u32, timeout: bool },
    /// Completions in a row with the same status.
    Completed { status: String, count: u64 },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Lost { class, psn } => write!(f, "{} {psn} lost", class_name(*class)),
            What::Nak { code: 0, psn } => write!(f, "NAK sequence error, PSN {psn}"),
            What::Nak { code, psn } => write!(f, "NAK code {code}, PSN {psn}"),
            What::Rnr { code, psn } => write!(f, "RNR NAK code {code}, PSN {psn}"),
            What::Again { psn, timeout: true } => write!(f, "from PSN {psn} again by timeout"),
            What::Again { psn, .. } => write!(f, "from PSN {psn} again"),
            What::Completed { status, count } => write!(f, "{count} x {status}"),
        }
    }
}

/// As rules name it.
fn class_name(class: Class) -> String {
    let name = serde_json::to_value(class).ok();
    let name = name.and_then(|name| name.as_str().map(str::to_owned));
    name.unwrap_or_else(|| format!("{class:?}"))
}

/// What happened, flow by flow.
pub fn events(evidence: &Evidence) -> Vec<Event> {
    let facts = Facts::new(evidence);
    exchanges(&facts).iter().flat_map(of_flow).collect()
}

fn of_flow(exchange: &Exchange<'_>) -> Vec<Event> {
    let partners = exchange.partners();
    let restarts = exchange.restarts();
    let mut restarts = restarts.iter().peekable();
    let mut found: Vec<What> = Vec::new();
    for (index, step) in exchange.steps.iter().enumerate().filter(|(_, s)| s.out) {
        let (psn, code) = (step.psn, step.syndrome().unwrap_or(0) & 0x1f);
        match (step.half, step.class) {
            (Half::Answers, Class::Nak) => found.push(What::Nak { code, psn }),
            (Half::Answers, Class::Rnr) => found.push(What::Rnr { code, psn }),
            _ => {}
        }
        if let Some(restart) = restarts.next_if(|restart| restart.step == index) {
            let timeout = restart.cause == Cause::Timer;
            found.push(What::Again { psn, timeout });
        }
        if partners[index].is_none() {
            let class = step.class;
            found.push(What::Lost { class, psn });
        }
    }
    found.truncate(MAX_EVENTS);
    for completion in &exchange.flow.completions {
        let name = completion.status.name();
        match found.last_mut() {
            Some(What::Completed { status, count }) if *status == name => *count += 1,
            _ => found.push(What::Completed {
                status: name,
                count: 1,
            }),
        }
    }
    let flow = exchange.flow.name.clone();
    let event = |what| Event {
        flow: flow.clone(),
        what,
    };
    found.into_iter().map(event).collect()
}

/// One line: an event of both, or of one alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub flow: String,
    pub left: Option<What>,
    pub right: Option<What>,
}

impl Row {
    pub fn agrees(&self) -> bool {
        self.left == self.right
    }
}

/// Two lists of events, aligned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub rows: Vec<Row>,
}

impl Comparison {
    pub fn differences(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.agrees())
    }
}

/// Aligns what happened in two runs of one experiment.
pub fn side_by_side(left: &Evidence, right: &Evidence) -> Comparison {
    align(&events(left), &events(right))
}

fn align(left: &[Event], right: &[Event]) -> Comparison {
    let mut flows: Vec<&str> = Vec::new();
    for event in left.iter().chain(right) {
        if !flows.contains(&event.flow.as_str()) {
            flows.push(&event.flow);
        }
    }
    let mut rows = Vec::new();
    for flow in flows {
        let of = |events: &[Event]| -> Vec<What> {
            let mine = events.iter().filter(|event| event.flow == flow);
            mine.map(|event| event.what.clone()).collect()
        };
        for (left, right) in pair(of(left), of(right)) {
            rows.push(Row {
                flow: flow.to_owned(),
                left,
                right,
            });
        }
    }
    Comparison { rows }
}

/// The longest common subsequence, with what is between.
fn pair(left: Vec<What>, right: Vec<What>) -> Vec<(Option<What>, Option<What>)> {
    let (n, m) = (left.len(), right.len());
    // Length of the longest common subsequence of what is left from (i, j) on.
    let mut longest = vec![vec![0_u16; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            longest[i][j] = if left[i] == right[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < n || j < m {
        if i < n && j < m && left[i] == right[j] {
            pairs.push((Some(left[i].clone()), Some(right[j].clone())));
            (i, j) = (i + 1, j + 1);
        } else if j == m || (i < n && longest[i + 1][j] >= longest[i][j + 1]) {
            pairs.push((Some(left[i].clone()), None));
            i += 1;
        } else {
            pairs.push((None, Some(right[j].clone())));
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::sim::observe;
    use crate::experiment::model;
    use proptest::prelude::*;

    fn of(experiment: &str, rules: &str) -> Evidence {
        observe(&model(experiment, rules).unwrap()).unwrap()
    }

    #[test]
    fn a_loss_shows_as_its_consequences() {
        let evidence = of("nak-loss", "");
        let texts: Vec<String> = events(&evidence)
            .iter()
            .map(|event| format!("{}: {}", event.flow, event.what))
            .collect();
        let expected = [
            "write-0: data 3 lost",
            "write-0: NAK sequence error, PSN 3",
            "write-0: nak 3 lost",
            "write-0: from PSN 0 again by timeout",
            "write-0: 6 x SUCCESS",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_run_agrees_with_itself_and_not_with_another() {
        let (one, other) = (of("loss-middle", ""), of("loss-tail", ""));
        let same = side_by_side(&one, &one);
        assert_eq!(same.differences().count(), 0);
        assert_eq!(same.rows.len(), events(&one).len());
        assert!(side_by_side(&one, &other).differences().count() > 5);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_the_alignment(a in "[abc]{0,12}", b in "[abc]{0,12}") {
            let list = |text: &str| -> Vec<What> {
                let what = |c: char| What::Nak { code: 0, psn: c as u32 };
                text.chars().map(what).collect()
            };
            let (left, right) = (list(&a), list(&b));
            let pairs = pair(left.clone(), right.clone());
            let lefts: Vec<What> = pairs.iter().filter_map(|(l, _)| l.clone()).collect();
            let rights: Vec<What> = pairs.iter().filter_map(|(_, r)| r.clone()).collect();
            prop_assert_eq!(lefts, left);
            prop_assert_eq!(rights, right);
            for (l, r) in pairs {
                prop_assert!(l.is_none() || r.is_none() || l == r);
            }
        }
    }
}
