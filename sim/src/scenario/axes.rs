//! Axes: parameters to vary, and the cases that their combinations give.

use super::diag::Mistakes;
use super::edit::{Assignment, Document, segments};
use super::raw::{RawAxis, RawScenario};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// More cases than this in one scenario are taken for a mistake.
const MAX_CASES: usize = 10_000;

#[derive(Debug)]
pub(super) struct Axis<'a> {
    pub(super) name: String,
    pub(super) cases: Vec<AxisCase<'a>>,
}

#[derive(Debug)]
pub(super) struct AxisCase<'a> {
    pub(super) label: String,
    pub(super) sets: Vec<Assignment<'a>>,
}

/// The axes. Values are taken from the document, which knows where each of them stands.
pub(super) fn read<'a>(
    document: &Document<'a>,
    raw: &RawScenario,
    mistakes: &mut Mistakes,
) -> Vec<Axis<'a>> {
    let tables = document
        .get_ref()
        .get("axis")
        .and_then(|v| v.get_ref().as_array());
    let tables = tables
        .into_iter()
        .flat_map(|a| a.iter())
        .filter_map(|v| v.get_ref().as_table());
    let mut names = BTreeSet::new();
    let mut axes = Vec::new();
    for (axis, table) in raw.axis.iter().zip(tables) {
        if !names.insert(axis.name.value.clone()) {
            mistakes.at(
                &axis.name,
                format!("two axes are called `{}`", *axis.name),
                "",
            );
        }
        let cases = match (&axis.path, &axis.values) {
            (None, None) => listed_cases(axis, table),
            (Some(_), Some(_)) if axis.case.is_empty() => short_cases(axis, table),
            _ => {
                let help = "give cases, or a path with its values";
                mistakes.push(&axis.span, "incomplete axis".to_owned(), "", help);
                continue;
            }
        };
        if cases.is_empty() {
            let help = "add an [[axis.case]] with a label and a set";
            mistakes.at(
                &axis.name,
                format!("axis `{}` has no cases", *axis.name),
                help,
            );
        }
        let mut labels = BTreeSet::new();
        for case in cases.iter().filter(|c| !labels.insert(c.label.clone())) {
            let message = format!(
                "two cases of axis `{}` are called `{}`",
                *axis.name, case.label
            );
            mistakes.at(&axis.name, message, "");
        }
        axes.push(Axis {
            name: axis.name.value.clone(),
            cases,
        });
    }
    let count = axes
        .iter()
        .try_fold(1usize, |n, a| n.checked_mul(a.cases.len().max(1)));
    if count.is_none_or(|n| n > MAX_CASES) {
        let message = format!("the axes have more than {MAX_CASES} combinations");
        let span = raw.axis.first().map_or(0..0, |a| a.span.clone());
        mistakes.push(&span, message, "", "");
    }
    axes
}

fn listed_cases<'a>(axis: &RawAxis, table: &DeTable<'a>) -> Vec<AxisCase<'a>> {
    let tables = table.get("case").and_then(|v| v.get_ref().as_array());
    let tables = tables
        .into_iter()
        .flat_map(|a| a.iter())
        .filter_map(|v| v.get_ref().as_table());
    let cases = axis.case.iter().zip(tables).map(|(case, table)| {
        let mut sets = Vec::new();
        if let Some(set) = table.get("set").and_then(|v| v.get_ref().as_table()) {
            for (key, value) in set {
                flatten(key.get_ref().to_string(), key.span(), value, &mut sets);
            }
        }
        AxisCase {
            label: case.label.value.0.clone(),
            sets,
        }
    });
    cases.collect()
}

/// Tables in `set` stand for paths: only their leaves are values.
fn flatten<'a>(
    path: String,
    span: Range<usize>,
    value: &Spanned<DeValue<'a>>,
    sets: &mut Vec<Assignment<'a>>,
) {
    match value.get_ref() {
        DeValue::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                let name = key.get_ref();
                let quoted = if name.contains('.') {
                    format!("\"{name}\"")
                } else {
                    name.to_string()
                };
                flatten(format!("{path}.{quoted}"), key.span(), value, sets);
            }
        }
        _ => sets.push(Assignment {
            path,
            span,
            value: value.clone(),
        }),
    }
}

fn short_cases<'a>(axis: &RawAxis, table: &DeTable<'a>) -> Vec<AxisCase<'a>> {
    let (Some(path), Some(values)) = (&axis.path, &axis.values) else {
        return Vec::new();
    };
    let stated = table.get("values").and_then(|v| v.get_ref().as_array());
    let stated = stated.into_iter().flat_map(|a| a.iter());
    let cases = values.iter().zip(stated).map(|(label, value)| {
        let (path, span) = (path.value.clone(), path.span.clone());
        let set = Assignment {
            path,
            span,
            value: value.clone(),
        };
        AxisCase {
            label: label.value.0.clone(),
            sets: vec![set],
        }
    });
    cases.collect()
}

/// An option for a parameter that an axis varies would have no effect.
pub(super) fn without_rivals(
    axes: &[Axis<'_>],
    options: &[Assignment<'_>],
    mistakes: &mut Mistakes,
) {
    for option in options {
        let path = segments(&option.path);
        let same = |set: &Assignment<'_>| path.is_some() && segments(&set.path) == path;
        let rival = axes
            .iter()
            .find(|a| a.cases.iter().flat_map(|c| &c.sets).any(same));
        if let Some(axis) = rival {
            let message = format!("axis `{}` sets the same parameter", axis.name);
            let help = format!("change the axis: `axis.{}...`", axis.name);
            mistakes.push(&option.span, message, "", &help);
        }
    }
}

/// Names of axes with the labels of their cases.
pub(super) type Labels = Vec<(String, Vec<String>)>;

/// The labels that conditions may name: those of the axes, and those that the file states where an
/// option has changed an axis. Conditions on the latter hold for no case.
pub(super) fn labels(axes: &[Axis<'_>], stated: &[Axis<'_>]) -> Labels {
    let mut all = Labels::new();
    for axis in axes.iter().chain(stated) {
        let index = all
            .iter()
            .position(|(name, _)| *name == axis.name)
            .unwrap_or_else(|| {
                all.push((axis.name.clone(), Vec::new()));
                all.len() - 1
            });
        let labels = &mut all[index].1;
        for case in &axis.cases {
            if !labels.contains(&case.label) {
                labels.push(case.label.clone());
            }
        }
    }
    all
}

/// Every combination, the first axis slowest: the index of the case on each axis.
pub(super) fn combinations(axes: &[Axis<'_>]) -> Vec<Vec<usize>> {
    axes.iter().fold(vec![Vec::new()], |done, axis| {
        let extend = |head: &Vec<usize>| {
            let head = head.clone();
            (0..axis.cases.len()).map(move |i| head.iter().copied().chain([i]).collect())
        };
        done.iter().flat_map(extend).collect()
    })
}
