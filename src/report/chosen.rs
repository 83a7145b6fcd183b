//! The metrics that a scenario asks for under `[report]`, in a case.

use super::CaseRun;
use super::human::NOTHING;
use xoff_sim::metrics::select::MetricRef;
use xoff_sim::metrics::value::{Unit, Value};
use xoff_sim::plan::{Plan, column};

/// A metric, with selectors as written, and the heading that it is given.
pub(crate) struct Chosen<'a> {
    pub(crate) metric: &'a str,
    pub(crate) heading: &'a str,
    pub(crate) unit: Option<Unit>,
    /// None: it has no value in this case.
    pub(crate) value: Option<Value>,
}

impl<'a> Chosen<'a> {
    pub(crate) fn of(case: &CaseRun<'_>, text: &'a str) -> Self {
        let (metric, heading) = column(text);
        // Names that do not exist were refused with the scenario.
        let reference = MetricRef::parse(metric).ok();
        Chosen {
            metric,
            heading,
            unit: reference.as_ref().map(|r| r.metric().unit),
            value: reference.and_then(|r| case.summary().get(&r)),
        }
    }

    /// What the scenario names, in its order.
    pub(crate) fn all(plan: &'a Plan, case: &CaseRun<'_>) -> Vec<Self> {
        let names = plan.report.metrics.iter();
        names.map(|text| Self::of(case, text)).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.value.map_or(NOTHING.to_owned(), |v| v.to_string())
    }

    /// The unit of [`Value::raw`].
    pub(crate) fn symbol(&self) -> &'static str {
        self.unit.map_or("", Unit::symbol)
    }
}
