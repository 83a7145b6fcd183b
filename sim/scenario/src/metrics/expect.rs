//! Assertions about a result: `drops.lossless == 0`, `goodput.min >= "90Gbps"`,
//! `goodput.total == 94Gbps +- 1%`, `fct.max[group=a] < fct.max[group=b]`.

use super::metric::{ExpectError, NoData};
use super::select::MetricRef;
use super::summary::Summary;
use super::value::{Unit, Value, parse_ppm};
use std::fmt;

/// A parsed assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub metric: MetricRef,
    pub op: Op,
    pub wanted: Wanted,
    /// Only with `==`.
    pub tolerance: Option<Tolerance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// The right-hand side: a value, or another metric of the same unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Value(Value),
    Metric(MetricRef),
}

/// How far from equal is still equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Parts per million of the wanted value.
    Relative(u64),
    /// In the metric's unit. Percentages of shares are percentage points.
    Absolute(Value),
}

/// What became of an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub pass: bool,
    /// None: the metric has no value, see `detail`.
    pub actual: Option<Value>,
    /// "was 45.2Gbps, wanted >= 90Gbps", or why there is no value.
    pub detail: String,
}

const OPS: [(&str, Op); 7] = [
    // Two-character operators first: they begin like the others.
    ("==", Op::Eq),
    ("!=", Op::Ne),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("<", Op::Lt),
    (">", Op::Gt),
    ("=", Op::Eq),
];

const TOLERANCES: [&str; 4] = ["±", "+-", "+/-", " within "];

impl Expectation {
    /// Reads an assertion. Values have the unit of their metric; quotes around them are optional.
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        let (metric_text, op, rest_at) = split_at_operator(text)?;
        let metric = MetricRef::parse(metric_text)?;
        let unit = metric.metric().unit;
        let rest = &text[rest_at..];
        let found = TOLERANCES
            .iter()
            .filter_map(|t| rest.find(t).map(|at| (at, t.len())))
            .min();
        let (value_text, tolerance) = match found {
            Some((at, len)) => (&rest[..at], Some((&rest[at + len..], rest_at + at + len))),
            None => (rest, None),
        };
        let wanted = parse_wanted(&metric, value_text, rest_at)?;
        let tolerance = match tolerance {
            None => None,
            Some((_, at)) if op != Op::Eq => {
                return Err(ExpectError {
                    offset: at,
                    message: "a tolerance needs `==`".to_owned(),
                    hint: None,
                });
            }
            Some((text, at)) => Some(parse_tolerance(unit, text, at)?),
        };
        Ok(Expectation {
            metric,
            op,
            wanted,
            tolerance,
        })
    }

    /// Whether the assertion holds. A metric without a value fails it.
    pub fn judge(&self, summary: &Summary<'_>) -> Judgement {
        let none = |who: &MetricRef, why: NoData| Judgement {
            pass: false,
            actual: None,
            detail: format!("{who} has no value: {}", why.0),
        };
        let actual = match summary.eval(&self.metric) {
            Ok(value) => value,
            Err(why) => return none(&self.metric, why),
        };
        let (wanted, of) = match &self.wanted {
            Wanted::Value(value) => (*value, String::new()),
            Wanted::Metric(other) => match summary.eval(other) {
                Ok(value) => (value, format!(" ({other})")),
                Err(why) => return none(other, why),
            },
        };
        let pass = self.holds(actual.raw(), wanted.raw());
        let tolerance = self.tolerance.map(|t| format!(" {t}")).unwrap_or_default();
        let (op, shown, target) = (self.op, distinct(actual, wanted), distinct(wanted, actual));
        Judgement {
            pass,
            actual: Some(actual),
            detail: format!("was {shown}, wanted {op} {target}{of}{tolerance}"),
        }
    }

    fn holds(&self, actual: u64, wanted: u64) -> bool {
        match self.op {
            Op::Eq => {
                let slack = match self.tolerance {
                    None => 0,
                    Some(Tolerance::Absolute(value)) => u128::from(value.raw()),
                    Some(Tolerance::Relative(ppm)) => {
                        u128::from(wanted) * u128::from(ppm) / 1_000_000
                    }
                };
                u128::from(actual.abs_diff(wanted)) <= slack
            }
            Op::Ne => actual != wanted,
            Op::Lt => actual < wanted,
            Op::Le => actual <= wanted,
            Op::Gt => actual > wanted,
            Op::Ge => actual >= wanted,
        }
    }
}

/// The value's text, with its exact number where rounding would make it look like `other`.
fn distinct(value: Value, other: Value) -> String {
    let text = value.to_string();
    if value != other && text == other.to_string() {
        format!("{text} ({} {})", value.raw(), value.unit().symbol())
    } else {
        text
    }
}

/// The metric's text, the operator, and where the right-hand side begins.
fn split_at_operator(text: &str) -> Result<(&str, Op, usize), ExpectError> {
    let mut brackets = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '[' => brackets += 1,
            ']' => brackets -= 1,
            _ if brackets > 0 => {}
            _ => {
                if let Some((sign, op)) = OPS.iter().find(|(sign, _)| text[at..].starts_with(sign))
                {
                    return Ok((&text[..at], *op, at + sign.len()));
                }
            }
        }
    }
    // A wrong name is the better complaint, if it is one.
    MetricRef::parse(text.split_whitespace().next().unwrap_or_default())?;
    Err(ExpectError {
        offset: text.len(),
        message: "missing comparison".to_owned(),
        hint: Some("write METRIC OP VALUE with ==, !=, <, <=, > or >=".to_owned()),
    })
}

fn parse_wanted(metric: &MetricRef, text: &str, at: usize) -> Result<Wanted, ExpectError> {
    let offset = at + (text.len() - text.trim_start().len());
    let err = |message: String, hint: String| ExpectError {
        offset,
        message,
        hint: Some(hint),
    };
    let unit = metric.metric().unit;
    let value = unquote(text.trim());
    if value.is_empty() {
        return Err(err(
            "missing value".to_owned(),
            format!("write {}", unit.example()),
        ));
    }
    if value.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let other = MetricRef::parse(value).map_err(|e| ExpectError {
            offset: offset + e.offset,
            ..e
        })?;
        let theirs = other.metric().unit;
        if theirs != unit {
            let name = metric.metric().name;
            return Err(err(
                format!(
                    "`{other}` is {} and `{name}` is {}",
                    theirs.name(),
                    unit.name()
                ),
                "compare metrics of the same kind".to_owned(),
            ));
        }
        return Ok(Wanted::Metric(other));
    }
    unit.parse(value).map(Wanted::Value).map_err(|message| {
        err(
            message,
            format!("`{}` is {}", metric.metric().name, unit.name()),
        )
    })
}

fn parse_tolerance(unit: Unit, text: &str, at: usize) -> Result<Tolerance, ExpectError> {
    let value = unquote(text.trim());
    let read = if value.ends_with('%') && unit != Unit::Share {
        parse_ppm(value).map(Tolerance::Relative)
    } else {
        unit.parse(value).map(Tolerance::Absolute)
    };
    read.map_err(|message| ExpectError {
        offset: at + (text.len() - text.trim_start().len()),
        message,
        hint: Some("a tolerance is a percentage, or a value in the metric's unit".to_owned()),
    })
}

fn unquote(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
        .trim()
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        })
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tolerance::Relative(ppm) => write!(f, "+- {}", Value::Share(*ppm)),
            Tolerance::Absolute(value) => write!(f, "+- {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::testing::incast;

    #[test]
    fn assertions_are_judged_in_their_units() {
        let (model, results) = incast();
        let summary = Summary::new(&model, &results);
        for (text, pass, detail) in [
            ("drops.lossless == 2", true, "was 2, wanted == 2"),
            ("drops.lossless=2", true, "was 2, wanted == 2"),
            (
                "goodput.min >= \"90Gbps\"",
                false,
                "was 4Gbps, wanted >= 90Gbps",
            ),
            ("goodput.min>=4Gbps", true, "was 4Gbps, wanted >= 4Gbps"),
            (
                "fct.max[group=incast] <= '1ms'",
                true,
                "was 300us, wanted <= 1ms",
            ),
            (
                "pause.time[port=h1>sw0] > 0",
                true,
                "was 50us, wanted > 0ps",
            ),
            (
                "slowdown.max[group=incast] < 2.5",
                false,
                "was 3, wanted < 2.5",
            ),
            (
                "goodput.max == 79.9Gbps +- 1%",
                true,
                "was 80Gbps, wanted == 79.9Gbps +- 1%",
            ),
            (
                "goodput.max == 81Gbps ± \"0.5Gbps\"",
                false,
                "was 80Gbps, wanted == 81Gbps +- 500Mbps",
            ),
            (
                "tx.share[port=sw0:0,prio=3] == 74% within 1%",
                true,
                "was 75%, wanted == 74% +- 1%",
            ),
            (
                "goodput.min < goodput.max",
                true,
                "was 4Gbps, wanted < 80Gbps (goodput.max)",
            ),
            (
                "goodput.min == 4000000.001kbps",
                false,
                "was 4Gbps (4000000000 bit/s), wanted == 4Gbps (4000000001 bit/s)",
            ),
        ] {
            let judged = Expectation::parse(text).unwrap().judge(&summary);
            assert_eq!(
                (judged.pass, judged.detail.as_str()),
                (pass, detail),
                "{text}"
            );
        }
    }

    #[test]
    fn a_metric_without_data_never_passes() {
        let (model, results) = incast();
        let summary = Summary::new(&model, &results);
        for text in [
            "fct.max <= 1s",
            "fct.max != 1s",
            "drops.lossless[prio=0] == 0",
            "watchdog.storms == 0",
            "fct.max[group=nobody] < 1s",
            "goodput.min < goodput.max[group=nobody]",
        ] {
            let judged = Expectation::parse(text).unwrap().judge(&summary);
            assert!(
                !judged.pass && judged.detail.contains("has no value"),
                "{text}: {judged:?}"
            );
        }
    }

    #[test]
    fn mistakes_are_located() {
        for (text, offset, message) in [
            ("dropz.total == 0", 0, "unknown metric `dropz.total`"),
            ("  dropz.total == 0", 2, "unknown metric `dropz.total`"),
            ("drops.total", 11, "missing comparison"),
            ("drops.total 5", 13, "missing comparison"),
            ("drops.total ==", 14, "missing value"),
            ("drops.total == \"\"", 15, "missing value"),
            ("goodput.min >= 90us", 15, "unknown unit `us`"),
            ("goodput.min >= 90", 15, "missing unit"),
            (
                "fct.max < goodput.min",
                10,
                "`goodput.min` is a rate and `fct.max` is a time",
            ),
            (
                "fct.max < goodputt.min",
                10,
                "unknown metric `goodputt.min`",
            ),
            ("fct.max <= 1ms +- 5%", 17, "a tolerance needs `==`"),
            ("fct.max == 1ms +- 5", 18, "missing unit"),
            ("", 0, "missing metric name"),
            ("== 5", 0, "missing metric name"),
        ] {
            let err = Expectation::parse(text).unwrap_err();
            assert_eq!(err.offset, offset, "{text}: {err:?}");
            assert!(err.message.starts_with(message), "{text}: {err:?}");
        }
        let err = Expectation::parse("dropz.total == 0").unwrap_err();
        assert_eq!(err.hint.as_deref(), Some("did you mean `drops.total`?"));
    }
}
