//! What a scenario file asks for: one or more cases to simulate, and how to report and judge them.

use crate::hpcc::Files;
use crate::metrics::agree::Agreement;
use crate::metrics::expect::Expectation;
use std::sync::Arc;
use xoff_model::Model;

/// A scenario file, resolved.
#[derive(Clone, Debug)]
pub struct Plan {
    /// File name without directory and extension.
    pub name: String,
    pub title: String,
    /// Every combination of the scenario's axes that was asked for, first axis slowest. One case if
    /// there is no axis.
    pub cases: Vec<Case>,
    /// What cases can be asked for by: the labels of each axis.
    pub labels: Vec<(String, Vec<String>)>,
    /// What was asked for that no case of this plan fits.
    pub unmatched: Vec<String>,
    pub report: ReportSpec,
    /// Conditions that compare cases with each other.
    pub agreements: Vec<Agreement>,
    /// Hash of the scenario text and overrides, 16 hex digits.
    pub hash: String,
    /// Files of the HPCC simulator that a run writes.
    pub files: Option<Files>,
}

/// One simulation of a plan.
#[derive(Clone, Debug)]
pub struct Case {
    /// (axis, label) in the order of the axes.
    pub labels: Vec<(String, String)>,
    pub model: Model,
    /// Cases share those that hold for all of them.
    pub expectations: Vec<Arc<Located<Expectation>>>,
}

/// A value and where the scenario file states it.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    /// The text as written.
    pub text: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// How cases are laid out in one table.
#[derive(Clone, Debug, Default)]
pub struct ReportSpec {
    /// Metrics shown, each as `name` or `name as heading`. Empty: the reporter's choice.
    pub metrics: Vec<String>,
    /// The axis whose labels become column groups. None: one row per case.
    pub pivot: Option<String>,
}

/// The metric that a column shows, and the column's heading.
pub fn column(text: &str) -> (&str, &str) {
    match text.split_once(" as ") {
        Some((metric, heading)) => (metric.trim(), heading.trim()),
        None => (text, text),
    }
}
