//! The metrics that a scenario asks for under `[report]`, in a case.

use super::CaseRun;
use crate::report::text::NOTHING;
use xoff_scenario::metrics::select::MetricRef;
use xoff_scenario::metrics::value::{Unit, Value};
use xoff_scenario::plan::{Plan, column};

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

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, scenario_run};
    use super::super::{ScenarioRun, csv, human, json, junit};
    use std::io::{self, Write};

    type Writer = fn(&mut dyn Write, &[ScenarioRun<'_>]) -> io::Result<()>;

    /// What each format says of a scenario that asks for two metrics.
    fn shown(metrics: &[&str], cases: usize) -> Vec<String> {
        let (mut plan, results) = plan();
        plan.report.metrics = metrics.iter().map(|m| (*m).to_owned()).collect();
        let run = scenario_run(&plan, &results, cases);
        let files = csv::files(&plan, &run.cases[0]);
        let table = files.into_iter().find(|(name, _)| *name == "metrics.csv");
        let writers: [Writer; 3] = [human::write, json::write, junit::write];
        let mut all: Vec<String> = writers
            .iter()
            .map(|write| {
                let mut out = Vec::new();
                write(&mut out, std::slice::from_ref(&run)).unwrap();
                String::from_utf8(out).unwrap()
            })
            .collect();
        all.push(table.map_or_else(String::new, |(_, text)| text));
        all
    }

    #[test]
    fn chosen_metrics_are_in_every_format_whatever_the_number_of_cases() {
        let metrics = [
            "utilisation.max[node=sw0] as busiest",
            "hops",
            "fct.max[group=victim]",
        ];
        for cases in [1, 2] {
            let all = shown(&metrics, cases);
            let [human, json, junit, csv] = all.as_slice() else {
                panic!("four formats");
            };
            let squeezed = human.split_whitespace().collect::<Vec<_>>().join(" ");
            if cases == 1 {
                let table = "metrics busiest 90% hops 2,000 fct.max[group=victim] -";
                assert!(squeezed.contains(table), "{human}");
            }
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            let metrics = &json["scenarios"][0]["cases"][cases - 1]["metrics"];
            let busiest = &metrics["utilisation.max[node=sw0]"];
            assert_eq!(busiest["value"], 900_000);
            assert_eq!(busiest["unit"], "ppm");
            assert_eq!(busiest["heading"], "busiest");
            assert_eq!(metrics["hops"]["value"], 2_000);
            let none = &metrics["fct.max[group=victim]"];
            assert!(none["value"].is_null() && none["unit"] == "ps", "{none}");
            assert!(
                junit.contains("name=\"busiest [pfc=on]\" value=\"90%\""),
                "{junit}"
            );
            let rows = "metric,heading,value,unit\n\
                        utilisation.max[node=sw0],busiest,900000,ppm\nhops,hops,2000,1\n\
                        fct.max[group=victim],fct.max[group=victim],,ps\n";
            assert_eq!(csv, rows);
        }
    }

    #[test]
    fn nothing_is_added_where_nothing_was_asked_for() {
        let all = shown(&[], 1);
        assert!(!all[0].contains("\nmetrics\n") && !all[1].contains("heading"));
        assert!(!all[2].contains("property") && all[3].is_empty());
    }
}
