//! Patterns of traffic: who sends how much to whom.

use super::context::{Context, at, first_psn};
use super::diag::Mistakes;
use super::network::{NAME_HELP, valid_name};
use super::quantity::{Given, Label, Sp};
use super::raw::*;
use crate::workload::{self, Cdf, CsvError, Demand, Poisson, Sizes};
use std::ops::Range;
use xoff_model::NodeId;
use xoff_model::rng::{Purpose, Stream};
use xoff_model::time::SimDuration;

/// A flow that is asked for, with what only explicit flows state.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) demand: Demand,
    /// Position in the list of its traffic.
    pub(super) index: usize,
    pub(super) span: Option<Range<usize>>,
    pub(super) name: Option<Sp<String>>,
    pub(super) path: Option<Vec<NodeId>>,
    pub(super) src_port: Option<u32>,
    pub(super) dst_port: Option<u32>,
    pub(super) sport: Option<u16>,
    pub(super) first_psn: Option<u32>,
    /// The flow as written, for what it has of its own.
    pub(super) own: Option<RawFlow>,
}

impl Wanted {
    fn plain((index, demand): (usize, Demand)) -> Wanted {
        Wanted {
            demand,
            index,
            span: None,
            name: None,
            path: None,
            src_port: None,
            dst_port: None,
            sport: None,
            first_psn: None,
            own: None,
        }
    }
}

/// The flows of a traffic table. `room` is how many may still be made.
pub(super) fn demands(
    t: &Sp<RawTraffic>,
    index: u32,
    room: u64,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Wanted> {
    let before = mistakes.count();
    check_keys(t, mistakes);
    if t.kind.value == RawPattern::Flows {
        return listed(t, context, mistakes);
    }
    let hosts = hosts(t, context, mistakes);
    if mistakes.count() > before {
        return Vec::new();
    }
    let bytes = t.bytes.given().map_or(0, |b| b.0);
    if let Some(zero) = t.bytes.as_ref().filter(|b| b.0 == 0) {
        mistakes.at(zero, "flows of zero bytes", "");
        return Vec::new();
    }
    let mut rng = Stream::new(context.seed, index, 0, Purpose::Workload);
    let count = hosts.len() as u64;
    let list = match t.kind.value {
        RawPattern::Flows => Vec::new(),
        RawPattern::Csv | RawPattern::Htsim => from_file(t, room, context, mistakes),
        RawPattern::Incast => incast(t, &hosts, bytes, context, mistakes),
        RawPattern::Permutation => match &t.shift {
            None => workload::permutation(&hosts, bytes, &mut rng),
            Some(by) => {
                if !hosts.is_empty() && (by.value as usize).is_multiple_of(hosts.len()) {
                    let message = format!("a shift of {} sends every host to itself", by.value);
                    mistakes.at(by, message, "");
                }
                workload::shift(&hosts, by.value as usize, bytes)
            }
        },
        RawPattern::AllToAll if count.saturating_mul(count.saturating_sub(1)) > room => {
            context.too_many(&t.kind, mistakes);
            Vec::new()
        }
        RawPattern::AllToAll => workload::all_to_all(&hosts, bytes),
        RawPattern::Poisson => poisson(t, &hosts, room, &mut rng, context, mistakes),
        RawPattern::RingAllreduce => workload::ring_all_reduce(&hosts, bytes),
    };
    if list.is_empty() && mistakes.count() == before && t.kind.value != RawPattern::Poisson {
        mistakes.at(
            &t.kind,
            "this traffic has no flows",
            "it needs at least two hosts",
        );
    }
    list.into_iter().enumerate().map(Wanted::plain).collect()
}

/// Reports keys that the pattern does not read, and keys that it lacks.
fn check_keys(t: &Sp<RawTraffic>, mistakes: &mut Mistakes) {
    use RawPattern::*;
    fn span<T>(v: &Option<Sp<T>>) -> Option<Range<usize>> {
        v.as_ref().map(|v| v.span.clone())
    }
    let kind = t.kind.value;
    let fixed = t.sizes.as_ref().is_some_and(|s| **s == "fixed");
    let sized = matches!(kind, Incast | Permutation | AllToAll | RingAllreduce);
    // Name, where it is given, whether the kind reads it, whether it must be there.
    let keys = [
        (
            "bytes",
            span(&t.bytes),
            !matches!(kind, Csv | Htsim),
            sized || kind == Poisson && fixed,
        ),
        (
            "file",
            span(&t.file),
            matches!(kind, Csv | Htsim),
            matches!(kind, Csv | Htsim),
        ),
        ("senders", span(&t.senders), kind == Incast, false),
        (
            "receiver",
            span(&t.receiver),
            matches!(kind, Incast | Poisson),
            false,
        ),
        ("stagger", span(&t.stagger), kind == Incast, false),
        ("shift", span(&t.shift), kind == Permutation, false),
        ("load", span(&t.load), kind == Poisson, kind == Poisson),
        ("sizes", span(&t.sizes), kind == Poisson, kind == Poisson),
        (
            "duration",
            span(&t.duration),
            kind == Poisson,
            kind == Poisson,
        ),
        (
            "hosts",
            span(&t.hosts),
            !matches!(kind, Flows | Csv | Htsim),
            false,
        ),
        ("message", span(&t.message), kind != RingAllreduce, false),
    ];
    for (name, given, read, required) in keys {
        match given {
            Some(at) if !read => {
                let message = format!("`{name}` has no meaning for kind \"{}\"", kind.name());
                mistakes.push(&at, message, "", "");
            }
            None if required => {
                let message = format!("kind \"{}\" needs `{name}`", kind.name());
                mistakes.at(&t.kind, message, "");
            }
            _ => {}
        }
    }
    match (&t.flow, kind) {
        (None, Flows) => mistakes.at(&t.kind, "kind \"flows\" needs a [[traffic.flow]] list", ""),
        (Some(_), k) if k != Flows => {
            let message = format!("`flow` has no meaning for kind \"{}\"", k.name());
            mistakes.at(&t.kind, message, "use kind = \"flows\"");
        }
        _ => {}
    }
}

/// The hosts that take part.
fn hosts(t: &RawTraffic, context: &Context<'_>, mistakes: &mut Mistakes) -> Vec<NodeId> {
    let Some(patterns) = &t.hosts else {
        return context.network.hosts.clone();
    };
    let mut chosen: Vec<NodeId> = Vec::new();
    for pattern in patterns.iter() {
        let Some(found) = context.network.matching(pattern, true, &context.work) else {
            mistakes.at(patterns, "too many patterns with `*`", "name the hosts");
            return chosen;
        };
        if found.is_empty() {
            let help = match mistakes.is_full() {
                true => String::new(),
                false => context.network.suggest(pattern),
            };
            mistakes.at(patterns, format!("no host matches `{pattern}`"), &help);
        }
        chosen.extend(found);
    }
    // A host that two patterns match takes part once.
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|h| seen.insert(*h));
    chosen
}

/// The explicit list.
fn listed(t: &Sp<RawTraffic>, context: &Context<'_>, mistakes: &mut Mistakes) -> Vec<Wanted> {
    let network = context.network;
    let mut all = Vec::new();
    for flow in t.flow.iter().flatten() {
        if let Some(name) = flow.name.as_ref().filter(|n| !valid_name(n)) {
            mistakes.at(name, format!("`{}` is no name", **name), NAME_HELP);
        }
        let ends = (
            network.host(&flow.src, mistakes),
            network.host(&flow.dst, mistakes),
        );
        let bytes = flow.bytes.as_ref().or(t.bytes.as_ref());
        let (Some(src), Some(dst)) = ends else {
            continue;
        };
        let Some(bytes) = bytes else {
            mistakes.push(&flow.span, "missing key `bytes`".to_owned(), "", "");
            continue;
        };
        if bytes.0 == 0 {
            mistakes.at(bytes, "a flow of zero bytes", "");
            continue;
        }
        let start = at(flow.start.get_or(SimDuration::ZERO));
        all.push(Wanted {
            demand: Demand::new(src, dst, bytes.0, start),
            index: all.len(),
            span: Some(flow.dst.span.clone()),
            name: flow.name.clone(),
            path: flow
                .path
                .as_ref()
                .and_then(|p| path(p, src, dst, context, mistakes)),
            src_port: port(&flow.src_port, &flow.src, src, context, mistakes),
            dst_port: port(&flow.dst_port, &flow.dst, dst, context, mistakes),
            sport: flow.sport.given(),
            first_psn: first_psn(&flow.first_psn, mistakes),
            own: Some(flow.value.clone()),
        });
    }
    if t.flow.as_ref().is_some_and(Vec::is_empty) {
        mistakes.at(&t.kind, "the list of flows is empty", "");
    }
    all
}

/// A stated port of a host.
fn port(
    given: &Option<Sp<u32>>,
    name: &str,
    host: NodeId,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<u32> {
    let given = given.as_ref()?;
    let ports = context.network.degree(host);
    if given.value >= ports {
        let message = format!("`{name}` has {ports} ports, counted from 0");
        mistakes.at(given, message, "");
    }
    Some(given.value)
}

/// The nodes of a stated path, each linked to the next.
fn path(
    names: &Sp<Vec<String>>,
    src: NodeId,
    dst: NodeId,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<NodeId>> {
    let network = context.network;
    let mut nodes = Vec::new();
    for name in names.iter() {
        let node = network.node(
            &Sp {
                value: name.clone(),
                span: names.span.clone(),
            },
            mistakes,
        )?;
        if network.is_host(node) {
            let help = "list the switches between src and dst";
            mistakes.at(
                names,
                format!("`{name}` is a host and forwards nothing"),
                help,
            );
            return None;
        }
        nodes.push(node);
    }
    let whole: Vec<NodeId> = [&[src], &nodes[..], &[dst]].concat();
    for hop in whole
        .windows(2)
        .filter(|hop| network.between(hop[0], hop[1]).is_empty())
    {
        let (a, b) = (network.name(hop[0]), network.name(hop[1]));
        mistakes.at(
            names,
            format!("the path has no link between `{a}` and `{b}`"),
            "",
        );
    }
    Some(nodes)
}

/// Reports a mistake of another file at its line.
fn file_mistake(file: &str, text: &str, e: CsvError, mistakes: &mut Mistakes) {
    let before: usize = text
        .split_inclusive('\n')
        .take(e.line - 1)
        .map(str::len)
        .sum();
    let line = text[before..].lines().next().unwrap_or_default();
    let skip: usize = line
        .chars()
        .take(e.column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    mistakes.in_file(
        file,
        before + skip..before + line.len().max(skip),
        e.message,
    );
}

fn read(file: &Sp<String>, context: &Context<'_>, mistakes: &mut Mistakes) -> Option<String> {
    match (context.read)(file) {
        Ok(text) => Some(text),
        Err(e) => {
            mistakes.at(file, format!("cannot read `{}`: {e}", **file), "");
            None
        }
    }
}

fn from_file(
    t: &RawTraffic,
    room: u64,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Demand> {
    let Some((file, text)) = t
        .file
        .as_ref()
        .and_then(|f| Some((f, read(f, context, mistakes)?)))
    else {
        return Vec::new();
    };
    if text.lines().count() as u64 > room + 1 {
        context.too_many(file, mistakes);
        return Vec::new();
    }
    let network = context.network;
    let resolve = |name: &str| {
        let named = network.id(name).filter(|id| network.is_host(*id));
        named.or_else(|| network.hosts.get(name.parse::<usize>().ok()?).copied())
    };
    let read = match t.kind.value {
        RawPattern::Htsim => workload::parse_htsim(&text, &network.hosts),
        _ => workload::parse_csv(&text, &resolve),
    };
    match read {
        Ok(list) => list,
        Err(e) => {
            file_mistake(file, &text, e, mistakes);
            Vec::new()
        }
    }
}

fn incast(
    t: &RawTraffic,
    hosts: &[NodeId],
    bytes: u64,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Demand> {
    let receiver = match &t.receiver {
        Some(name) => context.network.host(name, mistakes),
        None => hosts.first().copied(),
    };
    let Some(receiver) = receiver else {
        return Vec::new();
    };
    let stagger = t.stagger.get_or(SimDuration::ZERO);
    let others: Vec<NodeId> = hosts.iter().copied().filter(|h| *h != receiver).collect();
    let Some(given) = &t.senders else {
        return workload::incast(&others, receiver, bytes, stagger);
    };
    let count = match &given.0[..] {
        [one] => one.0.parse::<usize>().ok(),
        _ => None,
    };
    let senders: Vec<NodeId> = match count {
        Some(count) => {
            if count == 0 || count > others.len() {
                let message = format!("{count} senders, but {} hosts can send", others.len());
                mistakes.at(given, message, "");
            }
            others[..count.min(others.len())].to_vec()
        }
        None => {
            let one = |n: &Label| Sp {
                value: n.0.clone(),
                span: given.span.clone(),
            };
            given
                .iter()
                .filter_map(|n| context.network.host(&one(n), mistakes))
                .collect()
        }
    };
    if senders.contains(&receiver) {
        let name = context.network.name(receiver);
        mistakes.at(given, format!("`{name}` sends to itself"), "");
    }
    workload::incast(&senders, receiver, bytes, stagger)
}

fn poisson(
    t: &RawTraffic,
    hosts: &[NodeId],
    room: u64,
    rng: &mut Stream,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Demand> {
    let (Some(load), Some(sizes), Some(duration)) = (&t.load, &t.sizes, t.duration.given()) else {
        return Vec::new(); // reported as missing
    };
    let sizes = match (sizes.as_str(), &t.bytes) {
        ("fixed", Some(bytes)) => Sizes::Fixed(bytes.0),
        (_, Some(bytes)) => {
            mistakes.at(
                bytes,
                "sizes come from a distribution",
                "use sizes = \"fixed\"",
            );
            return Vec::new();
        }
        (name, None) => match distribution(name, sizes, context, mistakes) {
            Some(cdf) => Sizes::Cdf(cdf),
            None => return Vec::new(),
        },
    };
    let destinations = match &t.receiver {
        None => hosts.to_vec(),
        Some(name) => context.network.host(name, mistakes).into_iter().collect(),
    };
    if hosts.len() < 2 || destinations.is_empty() {
        mistakes.at(
            &t.kind,
            "this traffic has no flows",
            "it needs at least two hosts",
        );
        return Vec::new();
    }
    if load.is_zero() || duration.is_zero() {
        mistakes.at(
            load,
            "no flow would ever arrive",
            "give a positive load and duration",
        );
        return Vec::new();
    }
    let spec = Poisson {
        sources: hosts.to_vec(),
        destinations,
        load_ppm: (load.parts() * 1_000_000 + (1 << 31)) >> 32,
        rate: context.network.rate,
        sizes,
        duration,
        aggregate: t.receiver.is_some(),
    };
    if spec.expected_flows() > room {
        context.too_many(&t.kind, mistakes);
        return Vec::new();
    }
    workload::poisson(&spec, rng)
}

fn distribution(
    name: &str,
    stated: &Sp<String>,
    context: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Cdf> {
    if let Some(cdf) = Cdf::builtin(name) {
        return Some(cdf);
    }
    if !name.contains(['.', '/']) {
        let help = "use \"websearch\", \"hadoop\", \"fixed\", or the path of a file";
        mistakes.at(stated, format!("no distribution `{name}`"), help);
        return None;
    }
    let text = read(stated, context, mistakes)?;
    Cdf::parse(&text)
        .map_err(|e| file_mistake(name, &text, e, mistakes))
        .ok()
}
