//! `topology.txt`, `flow.txt` and `trace.txt`: counts followed by that many rows of numbers.

use super::dialect::{Clue, Dialect};
use super::text::{Reader, Row, Source, Word, decimal, rate, time};
use super::values::probability;
use crate::Diagnostic;
use std::ops::Range;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Probability};

/// Most nodes that the addresses of `fct.txt` can tell apart.
const MAX_NODES: u32 = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Host,
    Switch,
    /// The switch within a server of GPUs: it marks nothing.
    NvSwitch,
}

/// A network.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    pub(super) kinds: Vec<NodeKind>,
    pub(super) links: Vec<Link>,
}

impl Topology {
    pub(super) fn is_switch(&self, node: u32) -> bool {
        self.kinds[node as usize] != NodeKind::Host
    }
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) rate: BitRate,
    pub(super) delay: SimDuration,
    pub(super) loss: Probability,
    pub(super) rate_span: Range<usize>,
}

/// Seconds without a unit.
fn seconds(text: &str) -> Option<SimDuration> {
    let time = decimal(text, 1_000_000_000_000).map(SimDuration::from_ps);
    time.filter(|t| *t <= SimDuration::LONGEST)
}

/// A row of `flow.txt`.
#[derive(Clone, Debug)]
pub(super) struct FlowRow {
    pub(super) src: u32,
    pub(super) dst: u32,
    pub(super) pg: u8,
    /// None: conweave and ns3-rdma choose it.
    pub(super) dport: Option<u16>,
    pub(super) bytes: u64,
    /// Absolute.
    pub(super) start: SimTime,
    /// The application ends there, sent or not. Absolute.
    pub(super) stop: Option<SimTime>,
    pub(super) span: Range<usize>,
}

/// Reads `topology.txt`: a line of counts, the switches, and a line per link.
pub(super) fn topology(
    source: Source<'_>,
    notes: &mut Vec<String>,
) -> Result<(Topology, Option<Clue>), Vec<Diagnostic>> {
    let mut reader = source.reader();
    let one = |error| vec![error];
    let (counts, clue) = counts(source, &mut reader).map_err(one)?;
    let mut kinds = vec![NodeKind::Host; counts.nodes as usize];
    let lists = [
        (counts.nv_switches, NodeKind::NvSwitch, "NVSwitch"),
        (counts.switches, NodeKind::Switch, "switch"),
    ];
    for (count, kind, noun) in lists {
        switches(source, &mut reader, &mut kinds, (count, kind, noun)).map_err(one)?;
    }
    let (mut links, mut errors) = (Vec::new(), Vec::new());
    let mut rows = source.rows(reader.position());
    for n in 1..=counts.links {
        let of = counts.links;
        let found = rows.next().ok_or_else(|| {
            let what = format!("the first node of link {n} of {of}");
            source.ends(&what)
        });
        match found.and_then(|row| link(source, &row, n, of)) {
            Ok((link, words)) => {
                check_link(source, &link, &words, kinds.len(), &mut errors);
                links.push(link);
            }
            Err(error) => {
                errors.push(error);
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    note_rest(source, rows.next(), "links", notes);
    note_parallel(source, &links, notes);
    Ok((Topology { kinds, links }, clue))
}

/// What the first line says.
struct Counts {
    nodes: u32,
    nv_switches: u32,
    switches: u32,
    links: u32,
}

/// Reads the first line. The number of its words tells who wrote it.
fn counts<'a, I: Iterator<Item = Word<'a>>>(
    source: Source<'a>,
    reader: &mut Reader<'a, I>,
) -> Result<(Counts, Option<Clue>), Diagnostic> {
    let first = source.rows(0).next();
    let words = first.map_or(Vec::new(), |row| row.words);
    let is_number = |w: &Word<'_>| w.text.bytes().all(|b| b.is_ascii_digit());
    let at = |dialect, what: &str| words.first().map(|w| Clue::at(dialect, source, *w, what));
    let mut read = |what: &str| reader.number::<u32>(what);
    let (nodes, word) = read("the number of nodes")?;
    if nodes > MAX_NODES {
        let message = format!("{nodes} nodes are too many");
        return Err(source.error(word.span(), message, "at most 65536 have an address", None));
    }
    let mut counts = Counts {
        nodes,
        nv_switches: 0,
        switches: 0,
        links: 0,
    };
    let alibaba = matches!(words.len(), 6 | 7) && !is_number(&words[5]);
    let switches_word;
    let clue = if alibaba {
        read("the number of GPUs per server")?;
        counts.nv_switches = read("the number of NVSwitches")?.0;
        (counts.switches, switches_word) = read("the number of switches")?;
        counts.links = read("the number of links")?.0;
        (5..words.len()).try_for_each(|_| reader.word("the type of GPU").map(drop))?;
        at(Dialect::SimAi, "a first line with GPUs and NVSwitches")
    } else {
        (counts.switches, switches_word) = read("the number of switches")?;
        // Of the original's counts the third is links; there are no more of these than switches.
        let at_most = |tor: &Word<'_>| tor.text.parse().is_ok_and(|n: u32| n <= counts.switches);
        let many = matches!(words.len(), 4 | 6) && words.get(2).is_some_and(at_most);
        if many {
            read("the number of top-of-rack switches")?;
        }
        counts.links = read("the number of links")?.0;
        if words.len() == 6 {
            (4..6).try_for_each(|_| reader.word("a rate").map(drop))?;
        }
        let what = format!("a first line of {} numbers", words.len());
        many.then(|| at(Dialect::Datacenter, &what)).flatten()
    };
    let all = u64::from(counts.switches) + u64::from(counts.nv_switches);
    if all > u64::from(nodes) {
        let message = format!("{all} switches among {nodes} nodes");
        let label = "more than there are nodes";
        return Err(source.error(switches_word.span(), message, label, None));
    }
    Ok((counts, clue))
}

/// Reads the node ids of one kind of switches.
fn switches<'a, I: Iterator<Item = Word<'a>>>(
    source: Source<'a>,
    reader: &mut Reader<'a, I>,
    kinds: &mut [NodeKind],
    (count, kind, noun): (u32, NodeKind, &str),
) -> Result<(), Diagnostic> {
    for n in 1..=count {
        let what = format!("the node id of {noun} {n} of {count}");
        let (id, word) = reader.number::<u32>(&what)?;
        let nodes = kinds.len();
        match kinds.get_mut(id as usize) {
            None => return Err(no_such_node(source, word, id, nodes)),
            Some(NodeKind::Host) => kinds[id as usize] = kind,
            Some(_) => {
                let message = format!("node {id} is listed as a switch twice");
                return Err(source.error(word.span(), message, "again", None));
            }
        }
    }
    Ok(())
}

fn link<'a>(
    source: Source<'a>,
    found: &Row<'a>,
    n: u32,
    of: u32,
) -> Result<(Link, [Word<'a>; 2]), Diagnostic> {
    let row = |what: &str| format!("{what} of link {n} of {of}");
    let &[a, b, rate_word, delay, loss] = &found.words[..] else {
        let columns = found.words.len();
        let message = format!("link {n} of {of} has {columns} columns");
        let help = "a line is `node node rate delay error_rate`".to_owned();
        return Err(source.error(found.span.clone(), message, "expected 5", Some(help)));
    };
    let node = |w: Word<'a>, what: &str| source.parsed(w, &row(what), w.text.parse().ok());
    let link = Link {
        a: node(a, "the first node")?,
        b: node(b, "the second node")?,
        rate: {
            let what = row("the rate (such as 100Gbps)");
            source.parsed(rate_word, &what, rate(rate_word.text))?
        },
        delay: {
            let what = row("the delay (such as 1000ns)");
            source.parsed(delay, &what, time(delay.text))?
        },
        loss: {
            let what = row("the error rate (0 to 1)");
            source.parsed(loss, &what, probability(loss.text))?
        },
        rate_span: rate_word.span(),
    };
    Ok((link, [a, b]))
}

fn check_link(
    source: Source<'_>,
    link: &Link,
    words: &[Word<'_>; 2],
    nodes: usize,
    errors: &mut Vec<Diagnostic>,
) {
    for (word, id) in words.iter().zip([link.a, link.b]) {
        if id as usize >= nodes {
            errors.push(no_such_node(source, *word, id, nodes));
        }
    }
    if link.a == link.b {
        let message = format!("node {} is linked to itself", link.a);
        errors.push(source.error(words[1].span(), message, "the same node", None));
    }
    if link.rate.bps() == 0 {
        let span = link.rate_span.clone();
        errors.push(source.error(span, "a link with rate zero", "must be above zero", None));
    }
}

fn no_such_node(source: Source<'_>, word: Word<'_>, id: u32, nodes: usize) -> Diagnostic {
    let help = match nodes.checked_sub(1) {
        Some(last) => format!("nodes are numbered from 0 to {last}"),
        None => "the topology has no nodes".to_owned(),
    };
    source.error(
        word.span(),
        format!("there is no node {id}"),
        "no such node",
        Some(help),
    )
}

/// Numbers behind the last row are likely rows that a count forgot.
fn note_rest(source: Source<'_>, rest: Option<Row<'_>>, rows: &str, notes: &mut Vec<String>) {
    let first = rest.and_then(|row| row.words.first().copied());
    if let Some(word) = first.filter(|w| w.text.starts_with(|c: char| c.is_ascii_digit())) {
        let place = format!("{}:{}", source.file, source.line(word.at));
        notes.push(format!(
            "{place}: there are more {rows} than the count says; ignored"
        ));
    }
}

fn note_parallel(source: Source<'_>, links: &[Link], notes: &mut Vec<String>) {
    let mut pairs: Vec<_> = links.iter().map(|l| (l.a.min(l.b), l.a.max(l.b))).collect();
    pairs.sort_unstable();
    if let Some(pair) = pairs.windows(2).find(|w| w[0] == w[1]).map(|w| w[0]) {
        notes.push(format!(
            "{}: nodes {} and {} have parallel links; all are used, the reference uses the last",
            source.file, pair.0, pair.1
        ));
    }
}

/// How a line of `flow.txt` is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `src dst pg bytes start`: conweave.
    Five,
    /// `src dst pg dport bytes start`: the original.
    Six,
    /// `src dst pg packets start stop`: ns3-rdma.
    Packets,
    /// `id src dst pg dport bytes start`: m3.
    Seven,
}

impl Layout {
    fn columns(self) -> &'static str {
        match self {
            Layout::Five => "src dst pg bytes start_seconds",
            Layout::Six => "src dst pg dport bytes start_seconds",
            Layout::Packets => "src dst pg packets start_seconds stop_seconds",
            Layout::Seven => "id src dst pg dport bytes start_seconds",
        }
    }

    fn clue(self) -> Option<Dialect> {
        match self {
            Layout::Five => Some(Dialect::Conweave),
            Layout::Seven => Some(Dialect::M3),
            Layout::Six | Layout::Packets => None,
        }
    }
}

/// What reading `flow.txt` depends on.
pub(super) struct FlowContext<'a> {
    pub(super) topology: &'a Topology,
    pub(super) dialect: Dialect,
    pub(super) payload: u32,
}

/// Reads `flow.txt`: a count, then one flow a line. The number of columns tells the dialect.
pub(super) fn flows(
    source: Source<'_>,
    context: &FlowContext<'_>,
    notes: &mut Vec<String>,
) -> Result<(Vec<FlowRow>, Option<Clue>), Vec<Diagnostic>> {
    let mut lines = source.rows(0);
    let count = flow_count(source, lines.next()).map_err(|e| vec![e])?;
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    let mut layout = None;
    let mut clue = None;
    for n in 1..=count {
        let Some(line) = lines.next() else {
            errors.push(source.ends(&format!("flow {n} of {count}")));
            break;
        };
        let found = match layout {
            Some(layout) => Ok(layout),
            None => told(source, &line, context.dialect),
        };
        let read = found.and_then(|found| {
            if layout.is_none() {
                let what = format!("flows of {} columns", line.words.len());
                let at = |dialect| Clue::at(dialect, source, line.words[0], &what);
                clue = found.clue().map(at);
            }
            layout = Some(found);
            flow(source, &line, found, (n, count), context.payload)
        });
        match read {
            Ok((row, words)) => {
                check_flow(source, &row, &words, context.topology, &mut errors);
                rows.push(row);
            }
            Err(mut error) => {
                if let Some(layout) = layout {
                    let help = || format!("a line is `{}`", layout.columns());
                    error.help.get_or_insert_with(help);
                }
                errors.push(error);
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    note_rest(source, lines.next(), "flows", notes);
    Ok((rows, clue))
}

fn flow_count(source: Source<'_>, line: Option<Row<'_>>) -> Result<u32, Diagnostic> {
    let what = "the number of flows";
    let line = line.ok_or_else(|| source.ends(what))?;
    match &line.words[..] {
        [word] => source.parsed(*word, what, word.text.parse().ok()),
        _ => {
            let message = format!("{} columns where {what} belongs", line.words.len());
            let help = "the first line is the number of flows alone; then comes one flow a line";
            let label = "expected one number";
            Err(source.error(line.span, message, label, Some(help.to_owned())))
        }
    }
}

/// The layout of the first line.
fn told(source: Source<'_>, line: &Row<'_>, dialect: Dialect) -> Result<Layout, Diagnostic> {
    let columns = line.words.len();
    match columns {
        6 if dialect == Dialect::Ns3Rdma => Ok(Layout::Packets),
        5 => Ok(Layout::Five),
        6 => Ok(Layout::Six),
        7 => Ok(Layout::Seven),
        _ => {
            let message = format!("a flow of {columns} columns");
            let lines: Vec<String> = [Layout::Six, Layout::Five, Layout::Seven]
                .map(|l| format!("`{}`", l.columns()))
                .to_vec();
            let help = format!("a line is {}", lines.join(", or "));
            let label = "expected 5, 6 or 7";
            Err(source.error(line.span.clone(), message, label, Some(help)))
        }
    }
}

fn flow<'a>(
    source: Source<'a>,
    line: &Row<'a>,
    layout: Layout,
    (n, of): (u32, u32),
    payload: u32,
) -> Result<(FlowRow, [Word<'a>; 4]), Diagnostic> {
    let of_flow = |what: &str| format!("{what} of flow {n} of {of}");
    let wanted = layout.columns().split(' ').count();
    if line.words.len() != wanted {
        let message = format!("flow {n} of {of} has {} columns", line.words.len());
        let label = format!("the first has {wanted}");
        return Err(source.error(line.span.clone(), message, label, None));
    }
    let skip = usize::from(layout == Layout::Seven);
    if layout == Layout::Seven {
        let id = line.words[0];
        source.parsed(id, &of_flow("the id"), id.text.parse::<u64>().ok())?;
    }
    let word = |i: usize| line.words[skip + i];
    let number = |i: usize, what: &str, max: u64| {
        let value = word(i).text.parse::<u64>().ok().filter(|v| *v <= max);
        source.parsed(word(i), &of_flow(what), value)
    };
    let time = |i: usize, what: &str| {
        let value = seconds(word(i).text).map(|t| SimTime::ZERO + t);
        source.parsed(word(i), &of_flow(what), value)
    };
    let node = u64::from(u32::MAX);
    let has_port = matches!(layout, Layout::Six | Layout::Seven);
    let size = 3 + usize::from(has_port);
    let bytes = match layout {
        Layout::Packets => number(size, "the number of packets", u64::from(u32::MAX))?
            .saturating_mul(u64::from(payload)),
        // conweave makes empty flows flows of a byte.
        Layout::Five => number(size, "the size in bytes", u64::MAX / 2)?.max(1),
        _ => number(size, "the size in bytes", u64::MAX / 2)?,
    };
    let row = FlowRow {
        src: number(0, "the source", node)? as u32,
        dst: number(1, "the destination", node)? as u32,
        pg: number(2, "the priority group (0 to 7)", 7)? as u8,
        dport: match has_port {
            true => Some(number(3, "the destination port (0 to 65535)", 65_535)? as u16),
            false => None,
        },
        bytes,
        start: time(size + 1, "the start in seconds")?,
        stop: match layout {
            Layout::Packets => Some(time(size + 2, "the end in seconds")?),
            _ => None,
        },
        span: line.span.clone(),
    };
    Ok((row, [word(0), word(1), word(2), word(size)]))
}

fn check_flow(
    source: Source<'_>,
    row: &FlowRow,
    [src, dst, _, bytes]: &[Word<'_>; 4],
    topology: &Topology,
    errors: &mut Vec<Diagnostic>,
) {
    for (word, id) in [(src, row.src), (dst, row.dst)] {
        match topology.kinds.get(id as usize) {
            None => errors.push(no_such_node(source, *word, id, topology.kinds.len())),
            Some(NodeKind::Switch | NodeKind::NvSwitch) => {
                let message = format!("node {id} is a switch: flows run between hosts");
                errors.push(source.error(word.span(), message, "a switch", None));
            }
            Some(NodeKind::Host) => {}
        }
    }
    if row.src == row.dst {
        let message = format!("a flow from node {} to itself", row.src);
        errors.push(source.error(dst.span(), message, "the same node", None));
    }
    if row.bytes == 0 {
        let label = "at least one byte";
        errors.push(source.error(bytes.span(), "a flow without bytes", label, None));
    }
}

/// Reads `trace.txt`: a count, then that many node ids. Those that the topology lacks are skipped,
/// as in the original.
pub(super) fn trace(
    source: Source<'_>,
    topology: &Topology,
    notes: &mut Vec<String>,
) -> Result<Vec<u32>, Diagnostic> {
    let mut reader = source.reader();
    let (count, _) = reader.number::<u32>("the number of traced nodes")?;
    let (mut nodes, mut absent) = (Vec::new(), Vec::new());
    for n in 1..=count {
        let (id, word) = reader.number::<u32>(&format!("node id {n} of {count}"))?;
        match (id as usize) < topology.kinds.len() {
            true => nodes.push(id),
            false => absent.push((id, source.line(word.at))),
        }
    }
    if let Some((first, line)) = absent.first() {
        let which = match absent.len() {
            1 => format!("node {first} is"),
            more => format!("{more} nodes, the first of them {first}, are"),
        };
        notes.push(format!(
            "{}:{line}: {which} not in the topology; skipped",
            source.file
        ));
    }
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source {
            file: "f.txt",
            text,
        }
    }

    fn read_as(
        dialect: Dialect,
        topo: &str,
        flow: &str,
    ) -> Result<(Vec<FlowRow>, Option<Dialect>), Vec<String>> {
        let text = |errors: Vec<Diagnostic>| -> Vec<String> {
            errors.into_iter().map(|d| d.message).collect()
        };
        let mut notes = Vec::new();
        let (topology, _) = topology(source(topo), &mut notes).map_err(text)?;
        let context = FlowContext {
            topology: &topology,
            dialect,
            payload: 1_000,
        };
        let (rows, clue) = flows(source(flow), &context, &mut notes).map_err(text)?;
        Ok((rows, clue.map(|c| c.dialect)))
    }

    fn read(topo: &str, flow: &str) -> Result<Vec<FlowRow>, Vec<String>> {
        read_as(Dialect::Hpcc, topo, flow).map(|(rows, _)| rows)
    }

    const TOPO: &str = "3 1 2\n2\n0 2 100Gbps 1000ns 0\n1 2 400Gbps 0.001ms 1e-3\n";

    #[test]
    fn reads_rows_and_exact_times() {
        let (t, clue) = topology(source(TOPO), &mut Vec::new()).unwrap();
        assert!(clue.is_none());
        assert_eq!([0, 1, 2].map(|n| t.is_switch(n)), [false, false, true]);
        assert_eq!(t.links[1].delay, SimDuration::from_us(1));
        assert_eq!(t.links[1].loss, Probability::ratio(1, 1_000));
        let rows = read(TOPO, "1\n0 1 3 100 5000000000 2.000040000").unwrap();
        assert_eq!(
            (rows[0].bytes, rows[0].start.ns()),
            (5_000_000_000, 2_000_040_000)
        );
    }

    #[test]
    fn the_number_of_columns_tells_the_layout() {
        let one = |dialect, line: &str| {
            let (rows, told) = read_as(dialect, TOPO, &format!("1\n{line}\n")).unwrap();
            let row = &rows[0];
            let ports = (row.src, row.dst, row.pg, row.dport);
            (ports, row.bytes, row.start.ns(), told)
        };
        let start = 2_000_000_000;
        let expected = ((0, 1, 3, Some(100)), 5, start, None);
        assert_eq!(one(Dialect::Hpcc, "0 1 3 100 5 2"), expected);
        let expected = ((0, 1, 3, None), 20_000, start, Some(Dialect::Conweave));
        assert_eq!(one(Dialect::Hpcc, "0 1 3 20000 2"), expected);
        let expected = ((0, 1, 3, Some(100)), 5, start, Some(Dialect::M3));
        assert_eq!(one(Dialect::Hpcc, "77 0 1 3 100 5 2"), expected);
        // ns3-rdma: packets, start and end.
        let expected = ((0, 1, 3, None), 7_000, start, None);
        assert_eq!(one(Dialect::Ns3Rdma, "0 1 3 7 2.0 9.5"), expected);
    }

    #[test]
    fn first_lines_of_topologies_tell_the_dialect() {
        let read = |text: &str| {
            let (t, clue) = topology(source(text), &mut Vec::new()).unwrap();
            (t.kinds, t.links.len(), clue.map(|c| c.dialect))
        };
        use NodeKind::{Host, NvSwitch, Switch};
        let links = "0 2 25Gbps 1us 0\n1 2 25Gbps 1us 0\n";
        let expected = (vec![Host, Host, Switch], 2, Some(Dialect::Datacenter));
        assert_eq!(read(&format!("3 1 1 2\n2\n{links}")), expected);
        assert_eq!(
            read(&format!("3 1 1 2 25000000000 100000000000\n2\n{links}")),
            expected
        );
        let gpus = "0 2 2880Gbps 25ns 0\n1 2 2880Gbps 25ns 0\n0 3 400Gbps 500ns 0\n\
                    1 3 400Gbps 500ns 0\n";
        let expected = (vec![Host, Host, NvSwitch, Switch], 4, Some(Dialect::SimAi));
        assert_eq!(read(&format!("4 2 1 1 4 H100\n2 3\n{gpus}")), expected);
        assert_eq!(read(&format!("4 2 1 1 4 X000 8\n2 3\n{gpus}")), expected);
        // The original's ids of switches may be on the first line.
        let one_line = read(&format!("3 1 2 2\n{links}"));
        assert_eq!(one_line, (vec![Host, Host, Switch], 2, None));
        // Switches may be none, their line empty.
        assert_eq!(read("2 0 1\n\n0 1 1Gbps 1us 0\n").2, None);
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("", "1", "f.txt is empty: expected the number of nodes"),
            (
                "3 1 2\n2\n0 2 1Gbps 1ns 0",
                "",
                "f.txt ends too early: expected the first node of link 2 of 2",
            ),
            ("3 1 1\n7", "", "there is no node 7"),
            ("3 4 1", "", "4 switches among 3 nodes"),
            ("3 1 1\n2\n0 9 1Gbps 1ns 0", "", "there is no node 9"),
            (
                "3 1 1\n2\n0 0 1Gbps 1ns 0",
                "",
                "node 0 is linked to itself",
            ),
            ("3 1 1\n2\n0 2 0Gbps 1ns 0", "", "a link with rate zero"),
            (
                "3 1 1\n2\n0 2 1Gbps 1ns 1.5",
                "",
                "not the error rate (0 to 1) of link 1 of 1: `1.5`",
            ),
            // Columns are those of one line, whatever follows.
            (
                "3 1 2\n2\n0 2 1Gbps 1ns\n1 2 1Gbps 1ns 0\n",
                "",
                "link 1 of 2 has 4 columns",
            ),
            ("4294967295 1 1", "", "4294967295 nodes are too many"),
            (TOPO, "", "f.txt is empty: expected the number of flows"),
            (
                TOPO,
                "2\n0 1 3 100 5 2.0",
                "f.txt ends too early: expected flow 2 of 2",
            ),
            (
                TOPO,
                "1\n0 2 3 100 5 2.0",
                "node 2 is a switch: flows run between hosts",
            ),
            (TOPO, "1\n1 1 3 100 5 2.0", "a flow from node 1 to itself"),
            (TOPO, "1\n0 1 3 100 0 2.0", "a flow without bytes"),
            (
                TOPO,
                "1\n0 1 8 100 5 2.0",
                "not the priority group (0 to 7) of flow 1 of 1: `8`",
            ),
            (TOPO, "1\n0 8 3 100 5 2.0", "there is no node 8"),
            (
                TOPO,
                "1\n0 1 3 100 5 -2",
                "not the start in seconds of flow 1 of 1: `-2`",
            ),
            (TOPO, "1\n0 1 3 100\n", "a flow of 4 columns"),
            (TOPO, "1\n0 1 3 100 5 2 9 9\n", "a flow of 8 columns"),
            (
                TOPO,
                "2\n0 1 3 100 5 2.0\n0 1 3 5 2.0\n",
                "flow 2 of 2 has 5 columns",
            ),
            (
                TOPO,
                "1 0 1 3 100 5 2.0\n",
                "7 columns where the number of flows belongs",
            ),
        ];
        for (topo, flow, message) in cases {
            let errors = read(topo, flow).unwrap_err();
            assert_eq!(errors[0], message, "{topo} / {flow}");
        }
    }

    #[test]
    fn doubtful_input_is_remarked_on() {
        let mut notes = Vec::new();
        let text = "2 0 2\n0 1 1Gbps 1us 0\n1 0 1Gbps 1us 0\n0 1 1Gbps 1us 0\n";
        topology(source(text), &mut notes).unwrap();
        assert_eq!(notes.len(), 2);
        assert!(
            notes[0].starts_with("f.txt:4: there are more links"),
            "{notes:?}"
        );
        assert!(notes[1].contains("parallel links"), "{notes:?}");
    }

    #[test]
    fn traced_nodes_that_are_not_there_are_skipped_and_noted() {
        let (t, _) = topology(source(TOPO), &mut Vec::new()).unwrap();
        let read = |text: &str| {
            let mut notes = Vec::new();
            trace(source(text), &t, &mut notes).map(|nodes| (nodes, notes))
        };
        let text = "2\n1 0\n\nFirst line: tracing node #\n";
        assert_eq!(read(text).unwrap(), (vec![0, 1], Vec::new()));
        assert_eq!(read("0\n").unwrap().0, Vec::<u32>::new());
        let (nodes, notes) = read("4\n0 3\n66 2\n").unwrap();
        assert_eq!(nodes, [0, 2]);
        let note = "f.txt:2: 2 nodes, the first of them 3, are not in the topology; skipped";
        assert_eq!(notes, [note]);
        assert!(read("2\n0 x\n").is_err());
    }
}
