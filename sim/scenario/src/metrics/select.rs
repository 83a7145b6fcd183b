//! References to metrics: a dotted name, and optionally what to look at.
//!
//! `fct.max[group=victim]`, `drops.total[node=sw0]`, `pause.time[port=sw0:3,prio=3]`,
//! `tx.share[port=sw0>h0,prio=3]`. All selectors of a reference must match. Names may contain `*`
//! and alternatives: `flow=a*|b*`. A port is `NODE:INDEX` or `NODE>PEER`.

use super::catalogue::{self, METRICS};
use super::metric::{ExpectError, Metric, Scope};
use crate::edits::edits;
use std::fmt;
use xoff_model::PRIORITIES;

/// A metric and the part of the network or traffic that it is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRef {
    pub(crate) metric: &'static Metric,
    pub(crate) filters: Vec<Filter>,
}

/// One selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Group(Pattern),
    Flow(Pattern),
    Src(Pattern),
    Dst(Pattern),
    Node(Pattern),
    /// Node and port index.
    Port(Pattern, Pattern),
    /// Node and peer node.
    Towards(Pattern, Pattern),
    Prio(u8),
}

/// A name with `*` for any run of characters and `|` between alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Glob(String),
    /// Taken literally.
    Exact(String),
}

impl Pattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Glob(text) => text.split('|').any(|alternative| glob(alternative, name)),
            Pattern::Exact(text) => text == name,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Pattern::Glob(text) | Pattern::Exact(text)) = self;
        f.pad(text)
    }
}

/// Bytes of a pattern: each is compared with many names.
const MAX_PATTERN: usize = 4_096;

/// What a comparison with a pattern costs, beside one with a pattern as short as names are.
pub(crate) fn cost(pattern: &str) -> u64 {
    1 + pattern.len() as u64 / 64
}

/// True if `name` has the form of `pattern`, in which `*` stands for any characters. In linear time:
/// the first place where a part fits is as good as any later one.
pub fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match name.split_once(part) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(last)
}

impl MetricRef {
    /// Reads `name` or `name[selector=value,…]`.
    pub fn parse(text: &str) -> Result<MetricRef, ExpectError> {
        let lead = text.len() - text.trim_start().len();
        let text = text.trim();
        let (name, selectors) = match text.find('[') {
            Some(at) => (&text[..at], Some((at + 1, &text[at + 1..]))),
            None => (text, None),
        };
        let name = name.trim_end();
        let metric = catalogue::find(name).ok_or_else(|| unknown_metric(name, lead))?;
        let mut filters = Vec::new();
        if let Some((start, inside)) = selectors {
            let inside = inside.strip_suffix(']').ok_or_else(|| ExpectError {
                offset: lead + text.len(),
                message: "missing `]` after the selectors".to_owned(),
                hint: None,
            })?;
            let mut at = lead + start;
            for selector in inside.split(',') {
                filters.push(parse_selector(metric, selector, at)?);
                at += selector.len() + 1;
            }
        }
        let reference = MetricRef { metric, filters };
        if metric.needs_priority && reference.priorities() == u8::MAX {
            return Err(ExpectError {
                offset: lead,
                message: format!("`{name}` needs a priority"),
                hint: Some(format!("write {name}[prio=3]")),
            });
        }
        Ok(reference)
    }

    /// The metric without selectors.
    pub fn whole(metric: &'static Metric) -> MetricRef {
        MetricRef {
            metric,
            filters: Vec::new(),
        }
    }

    /// A metric of flows, taken from one group of exactly this name.
    pub fn of_group(metric: &'static Metric, group: &str) -> MetricRef {
        MetricRef {
            metric,
            filters: vec![Filter::Group(Pattern::Exact(group.to_owned()))],
        }
    }

    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// Selected priorities, bit n = priority n.
    pub(crate) fn priorities(&self) -> u8 {
        self.filters
            .iter()
            .fold(u8::MAX, |mask, filter| match filter {
                Filter::Prio(p) => mask & 1 << p,
                _ => mask,
            })
    }
}

impl fmt::Display for MetricRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.metric.name.to_owned();
        for (i, filter) in self.filters.iter().enumerate() {
            text.push(if i == 0 { '[' } else { ',' });
            text += &match filter {
                Filter::Group(p) => format!("group={p}"),
                Filter::Flow(p) => format!("flow={p}"),
                Filter::Src(p) => format!("src={p}"),
                Filter::Dst(p) => format!("dst={p}"),
                Filter::Node(p) => format!("node={p}"),
                Filter::Port(node, port) => format!("port={node}:{port}"),
                Filter::Towards(node, peer) => format!("port={node}>{peer}"),
                Filter::Prio(p) => format!("prio={p}"),
            };
        }
        if !self.filters.is_empty() {
            text.push(']');
        }
        f.pad(&text)
    }
}

fn unknown_metric(name: &str, offset: usize) -> ExpectError {
    let near = nearest(name, METRICS.iter().map(|m| m.name));
    ExpectError {
        offset,
        message: if name.is_empty() {
            "missing metric name".to_owned()
        } else {
            format!("unknown metric `{name}`")
        },
        hint: Some(match near {
            Some(known) => format!("did you mean `{known}`?"),
            None => "for example: drops.total, goodput.min, fct.p99".to_owned(),
        }),
    }
}

fn parse_selector(metric: &Metric, text: &str, offset: usize) -> Result<Filter, ExpectError> {
    let err = |message: String, hint: String| ExpectError {
        offset,
        message,
        hint: Some(hint),
    };
    let allowed = metric.scope.selectors();
    let choices = || match allowed {
        [] => format!("`{}` takes no selectors", metric.name),
        _ => format!("`{}` takes {}", metric.name, allowed.join(", ")),
    };
    let Some((key, value)) = text.split_once('=') else {
        return Err(err(format!("not a selector: `{}`", text.trim()), choices()));
    };
    let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
    if !allowed.contains(&key) {
        return Err(err(
            format!("selector `{key}` does not apply here"),
            choices(),
        ));
    }
    if value.is_empty() {
        return Err(err(format!("selector `{key}` has no value"), choices()));
    }
    if value.len() > MAX_PATTERN {
        return Err(err(
            format!("the pattern of `{key}` has {} bytes", value.len()),
            format!("use at most {MAX_PATTERN}"),
        ));
    }
    let pattern = Pattern::Glob(value.to_owned());
    Ok(match key {
        "group" => Filter::Group(pattern),
        "flow" => Filter::Flow(pattern),
        "src" => Filter::Src(pattern),
        "dst" => Filter::Dst(pattern),
        "node" => Filter::Node(pattern),
        "prio" => match value.parse::<u8>() {
            Ok(p) if usize::from(p) < PRIORITIES => Filter::Prio(p),
            _ => {
                return Err(err(
                    format!("not a priority: `{value}`"),
                    "0 to 7".to_owned(),
                ));
            }
        },
        _ => match (value.split_once('>'), value.rsplit_once(':')) {
            (Some((node, peer)), _) => Filter::Towards(part(node), part(peer)),
            (None, Some((node, port))) => Filter::Port(part(node), part(port)),
            (None, None) => {
                return Err(err(
                    format!("not a port: `{value}`"),
                    "write NODE:INDEX or NODE>PEER, such as sw0:3 or sw0>h3".to_owned(),
                ));
            }
        },
    })
}

fn part(text: &str) -> Pattern {
    Pattern::Glob(text.trim().to_owned())
}

impl Scope {
    /// Selectors that make sense for metrics of this scope.
    pub fn selectors(self) -> &'static [&'static str] {
        match self {
            Scope::Run => &[],
            Scope::Flow => &["group", "flow", "src", "dst"],
            Scope::Counter => &["group", "flow", "src", "dst", "node"],
            Scope::Port => &["node", "port"],
            Scope::PortPriority => &["node", "port", "prio"],
            Scope::Node => &["node"],
        }
    }
}

/// The known name closest to `name`, if it is close enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    known
        .map(|candidate| (edits(name, candidate), candidate))
        .min_by_key(|&(d, _)| d)
        .filter(|&(d, _)| d <= allowed)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_print_as_they_are_read() {
        for text in [
            "drops.total",
            "goodput.total[group=victim]",
            "pause.time[port=sw0:3,prio=3]",
            "tx.share[port=sw0>h0,prio=3]",
            "fct.max[flow=a*|b]",
            "counters.out_of_sequence[node=h0]",
        ] {
            assert_eq!(MetricRef::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes_name_the_place_and_the_remedy() {
        let err = MetricRef::parse("drops.lossles").unwrap_err();
        assert_eq!(err.hint.as_deref(), Some("did you mean `drops.lossless`?"));
        for (text, offset) in [
            ("fct.max[group=a,node=b]", 16),
            ("fct.max[group=a", 15),
            ("fct.max[group]", 8),
            ("hops[node=a]", 5),
            ("pause.time[prio=8]", 11),
            ("pause.time[port=sw0]", 11),
            ("tx.share[port=sw0:1]", 0),
            ("", 0),
            ("fct.max[]", 8),
        ] {
            assert_eq!(MetricRef::parse(text).unwrap_err().offset, offset, "{text}");
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, hit) in [
            ("h1", "h1", true),
            ("h1", "h10", false),
            ("h*", "h10", true),
            ("*", "", true),
            ("l*f*", "leaf3", true),
            ("a|h*", "h3", true),
            ("*3", "h33", true),
            ("h*3", "h3", true),
            ("h3*3", "h3", false),
            ("**", "", true),
            ("a**b", "ab", true),
            ("*a*a*", "aa", true),
            ("*a*a*", "a", false),
            ("*ä*", "bäc", true),
        ] {
            assert_eq!(
                Pattern::Glob(pattern.to_owned()).matches(name),
                hit,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn slips_are_found_and_nonsense_is_not() {
        assert_eq!(
            nearest("gooodput.min", METRICS.iter().map(|m| m.name)),
            Some("goodput.min")
        );
        assert_eq!(nearest("zzzz", METRICS.iter().map(|m| m.name)), None);
    }
}
