//! Expectations, agreements and the report.

use super::axes::Labels;
use super::diag::{Mistakes, Source, suggest};
use super::quantity::{Given, Sp};
use super::raw::*;
use crate::metrics::agree::Agreement;
use crate::metrics::expect::Expectation;
use crate::plan::{Located, ReportSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use xoff_model::units::Probability;

type When = Vec<(String, BTreeSet<String>)>;

/// Conditions, each with the cases for which it holds.
#[derive(Debug)]
pub(super) struct Expected {
    when: When,
    checks: Vec<Arc<Located<Expectation>>>,
}

pub(super) fn expectations(
    raw: &RawScenario,
    axes: &Labels,
    source: &Source<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Expected> {
    let tables = raw.expect.iter().flat_map(|e| e.iter());
    tables
        .map(|table| {
            if table.check.is_empty() {
                mistakes.at(&table.check, "nothing is expected", "");
            }
            let checks = table
                .check
                .iter()
                .filter_map(|c| check(c, source, mistakes))
                .collect();
            Expected {
                when: when(&table.when, axes, mistakes),
                checks,
            }
        })
        .collect()
}

fn check(
    text: &Sp<String>,
    source: &Source<'_>,
    mistakes: &mut Mistakes,
) -> Option<Arc<Located<Expectation>>> {
    match Expectation::parse(text) {
        Ok(value) => {
            let line = source.line(text.span.start);
            Some(Arc::new(Located {
                value,
                text: text.value.clone(),
                line,
            }))
        }
        Err(e) => {
            let end = text.span.end;
            // The opening quote precedes the text.
            let start = (text.span.start + 1 + e.offset).min(end.saturating_sub(1));
            let span: Range<usize> = start.max(text.span.start)..end;
            mistakes.push(&span, e.message, "", e.hint.as_deref().unwrap_or_default());
            None
        }
    }
}

/// The conditions that hold for a case with these labels.
pub(super) fn for_case(
    expected: &[Expected],
    labels: &[(String, String)],
) -> Vec<Arc<Located<Expectation>>> {
    let labels: BTreeMap<&String, &String> = labels.iter().map(|(name, l)| (name, l)).collect();
    let holds = |e: &&Expected| {
        let mut when = e.when.iter();
        when.all(|(axis, allowed)| {
            labels
                .get(axis)
                .is_some_and(|label| allowed.contains(*label))
        })
    };
    expected
        .iter()
        .filter(holds)
        .flat_map(|e| e.checks.iter().cloned())
        .collect()
}

fn when(raw: &RawWhen, axes: &Labels, mistakes: &mut Mistakes) -> When {
    let mut all = Vec::new();
    for (name, labels) in raw {
        let Some(known) = axes.get(name) else {
            unknown_axis(name, &labels.span, axes, mistakes);
            continue;
        };
        for label in labels.iter().filter(|l| !known.contains(&l.0)) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("axis `{name}` has no case `{}`", label.0);
            mistakes.at(
                labels,
                message,
                &suggest(&label.0, &known).unwrap_or_default(),
            );
        }
        all.push((name.clone(), labels.iter().map(|l| l.0.clone()).collect()));
    }
    all
}

fn unknown_axis(name: &str, span: &Range<usize>, axes: &Labels, mistakes: &mut Mistakes) {
    let known: Vec<&str> = axes.keys().map(String::as_str).collect();
    let help = suggest(name, &known).unwrap_or_else(|| "the scenario has no axes".to_owned());
    mistakes.push(span, format!("no axis `{name}`"), "", &help);
}

pub(super) fn agreements(
    raw: &RawScenario,
    axes: &Labels,
    source: &Source<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Agreement> {
    let tables = raw.agree.iter().flat_map(|a| a.iter());
    tables
        .map(|table| {
            if !axes.contains_key(&*table.across) {
                unknown_axis(&table.across, &table.across.span, axes, mistakes);
            }
            // A metric is all that stands before an operator.
            if let Err(e) = Expectation::parse(&format!("{} == {}", *table.metric, *table.metric)) {
                mistakes.at(
                    &table.metric,
                    e.message,
                    e.hint.as_deref().unwrap_or_default(),
                );
            }
            let within = table.within.get_or(Probability::ZERO).parts();
            Agreement {
                metric: table.metric.value.clone(),
                across: table.across.value.clone(),
                when: when(&table.when, axes, mistakes)
                    .into_iter()
                    .map(|(axis, labels)| (axis, labels.into_iter().collect()))
                    .collect(),
                within_ppm: (within * 1_000_000 + (1 << 31)) >> 32,
                line: source.line(table.metric.span.start),
            }
        })
        .collect()
}

pub(super) fn report(raw: &RawReport, axes: &Labels, mistakes: &mut Mistakes) -> ReportSpec {
    if let Some(pivot) = raw.pivot.as_ref().filter(|p| !axes.contains_key(&***p)) {
        unknown_axis(pivot, &pivot.span, axes, mistakes);
    }
    ReportSpec {
        metrics: raw.metrics.clone(),
        pivot: raw.pivot.given(),
    }
}
