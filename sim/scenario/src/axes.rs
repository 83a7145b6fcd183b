//! Axes: parameters to vary, and the cases that their combinations give.

use super::diag::Mistakes;
use super::edit::{Assignment, Document, segments};
use super::raw::{RawAxis, RawScenario};
use std::collections::{BTreeMap, BTreeSet};
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
    axes
}

/// Whether the cases that the axes give can be made; if not, that is a mistake.
pub(super) fn are_few(axes: &[Axis<'_>], raw: &RawScenario, mistakes: &mut Mistakes) -> bool {
    let sizes = axes.iter().map(|a| a.cases.len().max(1) as u128);
    let count = sizes.fold(1u128, u128::saturating_mul);
    if count <= MAX_CASES as u128 {
        return true;
    }
    let message = match count {
        u128::MAX => "the axes have more combinations than can be counted".to_owned(),
        count => format!("the axes have {count} combinations"),
    };
    let span = raw.axis.first().map_or(0..0, |a| a.span.clone());
    let help = format!("a scenario has at most {MAX_CASES} cases: use fewer axes, or fewer cases");
    mistakes.push(&span, message, "", &help);
    false
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

/// An option for a parameter that an axis varies would have no effect. `chosen` says which cases of
/// which axis are to be run.
pub(super) fn without_rivals(
    axes: &[Axis<'_>],
    chosen: &dyn Fn(usize, usize) -> bool,
    options: &[Assignment<'_>],
    mistakes: &mut Mistakes,
) {
    if options.is_empty() {
        return;
    }
    // Of several axes that set it, the first.
    let mut set_by = BTreeMap::new();
    for (number, axis) in axes.iter().enumerate() {
        let cases = axis.cases.iter().enumerate();
        let cases = cases.filter(|(case, _)| chosen(number, *case));
        for set in cases.flat_map(|(_, case)| &case.sets) {
            if let Some(path) = segments(&set.path) {
                set_by.entry(path).or_insert(axis);
            }
        }
    }
    for option in options {
        let Some(axis) = segments(&option.path).and_then(|path| set_by.get(&path)) else {
            continue;
        };
        let message = format!("axis `{}` sets the same parameter", axis.name);
        let help = format!(
            "change the axis: `axis.{}...`, or choose cases that do not set it: --case",
            axis.name
        );
        mistakes.push(&option.span, message, "", &help);
    }
}

/// Names of axes with the labels of their cases.
pub(super) type Labels = BTreeMap<String, BTreeSet<String>>;

/// The labels that conditions may name: those of the axes, and those that the file states where an
/// option has changed an axis. Conditions on the latter hold for no case.
pub(super) fn labels(axes: &[Axis<'_>], stated: &[Axis<'_>]) -> Labels {
    let mut all = Labels::new();
    for axis in axes.iter().chain(stated) {
        let labels = all.entry(axis.name.clone()).or_default();
        labels.extend(axis.cases.iter().map(|case| case.label.clone()));
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

/// The combinations that filters choose, and the filters that choose none. No filter: all.
///
/// A filter is `AXIS=LABEL` or `LABEL`; commas mean and. Any one filter is enough.
pub(super) fn choose(
    axes: &[Axis<'_>],
    all: Vec<Vec<usize>>,
    filters: &[String],
) -> (Vec<Vec<usize>>, Vec<String>) {
    if filters.is_empty() {
        return (all, Vec::new());
    }
    let parsed: Vec<Vec<Vec<(usize, usize)>>> = filters.iter().map(|f| terms(axes, f)).collect();
    let mut used = vec![false; filters.len()];
    let mut wanted = |picked: &Vec<usize>| {
        let mut any = false;
        for (filter, used) in parsed.iter().zip(&mut used) {
            let term = |places: &Vec<(usize, usize)>| {
                places.iter().any(|&(axis, case)| picked[axis] == case)
            };
            let fits = filter.iter().all(term);
            *used |= fits;
            any |= fits;
        }
        any
    };
    let chosen = all.into_iter().filter(&mut wanted).collect();
    let unused = filters.iter().zip(&used).filter(|(_, used)| !**used);
    (chosen, unused.map(|(filter, _)| filter.clone()).collect())
}

/// Where each term of a filter is fulfilled: axis, and case on it.
fn terms(axes: &[Axis<'_>], filter: &str) -> Vec<Vec<(usize, usize)>> {
    let places = |term: &str| {
        let (name, label) = match term.split_once('=') {
            Some((name, label)) => (Some(name.trim()), label.trim()),
            None => (None, term.trim()),
        };
        let mut places = Vec::new();
        for (number, axis) in axes.iter().enumerate() {
            if name.is_none_or(|name| name == axis.name) {
                let cases = axis.cases.iter().enumerate();
                let fitting = cases.filter(|(_, case)| case.label == label);
                places.extend(fitting.map(|(case, _)| (number, case)));
            }
        }
        places
    };
    filter.split(',').map(places).collect()
}
