//! Conditions that compare the cases of a plan with each other.

use super::select::MetricRef;
use super::summary::Summary;
use super::value::{Value, ppm};

/// Cases that differ only in one axis must agree.
#[derive(Clone, Debug)]
pub struct Agreement {
    pub metric: String,
    pub across: String,
    /// Only cases with these labels: (axis, allowed labels).
    pub when: Vec<(String, Vec<String>)>,
    /// Largest allowed (max - min) / max, in parts per million.
    pub within_ppm: u64,
    pub line: usize,
}

/// Whether the cases that differ only in one axis agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementJudgement {
    /// The other axes' labels, shared by the compared cases.
    pub labels: Vec<(String, String)>,
    /// None: fewer than two of the cases were run.
    pub pass: Option<bool>,
    pub detail: String,
}

/// (axis, label)
type Labels = Vec<(String, String)>;
/// A run, and the labels of its case.
type Labelled<'a> = (&'a [(String, String)], Summary<'a>);
/// What is compared: the label and the run.
type Members<'a> = Vec<(&'a str, &'a Summary<'a>)>;

/// Judges an agreement over the cases that were run. Every combination of the other axes' labels
/// is judged by itself.
pub fn judge(agreement: &Agreement, runs: &[Labelled<'_>]) -> Vec<AgreementJudgement> {
    let metric = match MetricRef::parse(&agreement.metric) {
        Ok(metric) => metric,
        Err(e) => return vec![failed(Vec::new(), e.message)],
    };
    let mut groups: Vec<(Labels, Members<'_>)> = Vec::new();
    for (case, summary) in runs {
        let Some(label) = label_of(case, &agreement.across) else {
            continue;
        };
        let wanted = agreement.when.iter().all(|(axis, allowed)| {
            label_of(case, axis).is_some_and(|label| allowed.iter().any(|a| a == label))
        });
        if !wanted {
            continue;
        }
        let others: Vec<(String, String)> = case
            .iter()
            .filter(|(axis, _)| *axis != agreement.across)
            .cloned()
            .collect();
        match groups.iter_mut().find(|(labels, _)| *labels == others) {
            Some((_, members)) => members.push((label, summary)),
            None => groups.push((others, vec![(label, summary)])),
        }
    }
    if groups.is_empty() {
        return vec![AgreementJudgement {
            labels: Vec::new(),
            pass: None,
            detail: format!("no case with an axis `{}` was run", agreement.across),
        }];
    }
    groups
        .into_iter()
        .map(|(labels, members)| compare(agreement, &metric, labels, &members))
        .collect()
}

fn label_of<'a>(case: &'a [(String, String)], axis: &str) -> Option<&'a str> {
    case.iter()
        .find(|(a, _)| a == axis)
        .map(|(_, label)| label.as_str())
}

fn failed(labels: Vec<(String, String)>, detail: String) -> AgreementJudgement {
    AgreementJudgement {
        labels,
        pass: Some(false),
        detail,
    }
}

fn compare(
    agreement: &Agreement,
    metric: &MetricRef,
    labels: Vec<(String, String)>,
    members: &[(&str, &Summary<'_>)],
) -> AgreementJudgement {
    let mut values: Vec<(Value, &str)> = Vec::with_capacity(members.len());
    for (label, summary) in members {
        match summary.eval(metric) {
            Ok(value) => values.push((value, label)),
            Err(why) => {
                return failed(
                    labels,
                    format!("{metric} has no value at {label}: {}", why.0),
                );
            }
        }
    }
    values.sort_unstable();
    let (Some(&(low, at_low)), Some(&(high, at_high)), true) =
        (values.first(), values.last(), values.len() > 1)
    else {
        let detail = format!("only one case of `{}` was run", agreement.across);
        return AgreementJudgement {
            labels,
            pass: None,
            detail,
        };
    };
    let apart = ppm(high.raw() - low.raw(), high.raw()).unwrap_or(0);
    // Exact: the rounded share is for the reader only.
    let difference = u128::from(high.raw() - low.raw()) * 1_000_000;
    let pass = difference <= u128::from(high.raw()) * u128::from(agreement.within_ppm);
    let detail = format!(
        "{metric} is {low} at {at_low} and {high} at {at_high}: {} apart, allowed {}",
        Value::Share(apart),
        Value::Share(agreement.within_ppm),
    );
    AgreementJudgement {
        labels,
        pass: Some(pass),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::testing::incast;

    fn agreement(within_ppm: u64) -> Agreement {
        Agreement {
            metric: "goodput.total[group=incast]".to_owned(),
            across: "pfc".to_owned(),
            when: vec![("n".to_owned(), vec!["1".to_owned()])],
            within_ppm,
            line: 7,
        }
    }

    fn case(n: &str, pfc: &str) -> Labels {
        vec![("n".into(), n.into()), ("pfc".into(), pfc.into())]
    }

    #[test]
    fn cases_that_differ_in_one_axis_are_compared() {
        let (model, results) = incast();
        let mut slower = results.clone();
        slower.flows[0].bytes_delivered = 700_000;
        let (same, less) = (
            Summary::new(&model, &results),
            Summary::new(&model, &slower),
        );
        let cases = [
            case("1", "off"),
            case("1", "on"),
            case("2", "off"),
            case("2", "on"),
        ];
        let runs = [
            (&cases[0][..], same),
            (&cases[1][..], less),
            (&cases[2][..], same),
            (&cases[3][..], less),
        ];
        let strict = judge(&agreement(10_000), &runs);
        assert_eq!(strict.len(), 1, "only n = 1");
        assert_eq!(strict[0].pass, Some(false));
        assert_eq!(
            strict[0].detail,
            "goodput.total[group=incast] is 72Gbps at on and 80Gbps at off: 10% apart, allowed 1%"
        );
        assert_eq!(judge(&agreement(100_000), &runs)[0].pass, Some(true));
        assert_eq!(judge(&agreement(10_000), &runs[..1])[0].pass, None);
        assert_eq!(judge(&agreement(10_000), &runs[2..])[0].pass, None);
        let mut unknown = agreement(0);
        unknown.metric = "nothing".to_owned();
        assert_eq!(judge(&unknown, &runs)[0].pass, Some(false));
    }
}
