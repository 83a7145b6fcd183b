//! `topology.txt`, `flow.txt` and `trace.txt`: counts followed by that many rows of numbers.

use super::config::probability;
use super::text::{Reader, Source, Word, decimal, rate, time};
use crate::plan::Diagnostic;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Probability};
use std::ops::Range;

/// Most nodes that the addresses of `fct.txt` can tell apart.
const MAX_NODES: u32 = 65_536;

/// A network.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    /// Per node: it is a switch.
    pub(super) is_switch: Vec<bool>,
    pub(super) links: Vec<Link>,
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
    pub(super) dport: u16,
    pub(super) bytes: u64,
    /// Absolute.
    pub(super) start: SimTime,
    pub(super) span: Range<usize>,
}

/// Reads `topology.txt`: counts of nodes, switches and links, the switches, the links.
pub(super) fn topology(
    source: Source<'_>,
    notes: &mut Vec<String>,
) -> Result<Topology, Vec<Diagnostic>> {
    let mut reader = source.reader();
    let (mut is_switch, link_count) = switches(source, &mut reader).map_err(|error| vec![error])?;
    let mut links = Vec::new();
    let mut errors = Vec::new();
    for n in 0..link_count {
        match link(&mut reader, n, link_count) {
            Ok((link, words)) => {
                check_link(source, &link, &words, is_switch.len(), &mut errors);
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
    is_switch.shrink_to_fit();
    note_rest(source, reader.rest(), "links", notes);
    note_parallel(source, &links, notes);
    Ok(Topology { is_switch, links })
}

fn switches<'a, I: Iterator<Item = Word<'a>>>(
    source: Source<'a>,
    reader: &mut Reader<'a, I>,
) -> Result<(Vec<bool>, u32), Diagnostic> {
    let (nodes, word) = reader.number::<u32>("the number of nodes")?;
    if nodes > MAX_NODES {
        let message = format!("{nodes} nodes are too many");
        return Err(source.error(word.span(), message, "at most 65536 have an address", None));
    }
    let (switches, word) = reader.number::<u32>("the number of switches")?;
    if switches > nodes {
        let message = format!("{switches} switches among {nodes} nodes");
        let label = "more than there are nodes";
        return Err(source.error(word.span(), message, label, None));
    }
    let (links, _) = reader.number::<u32>("the number of links")?;
    let mut is_switch = vec![false; nodes as usize];
    for n in 1..=switches {
        let what = format!("the node id of switch {n} of {switches}");
        let (id, word) = reader.number::<u32>(&what)?;
        match is_switch.get_mut(id as usize) {
            None => return Err(no_such_node(source, word, id, is_switch.len())),
            Some(true) => {
                let message = format!("node {id} is listed as a switch twice");
                return Err(source.error(word.span(), message, "again", None));
            }
            Some(slot) => *slot = true,
        }
    }
    Ok((is_switch, links))
}

fn link<'a, I: Iterator<Item = Word<'a>>>(
    reader: &mut Reader<'a, I>,
    n: u32,
    of: u32,
) -> Result<(Link, [Word<'a>; 2]), Diagnostic> {
    let row = |what: &str| format!("{what} of link {} of {of}", n + 1);
    let (a, word_a) = reader.number(&row("the first node"))?;
    let (b, word_b) = reader.number(&row("the second node"))?;
    let (rate, rate_word) = reader.with(&row("the rate (such as 100Gbps)"), rate)?;
    let (delay, _) = reader.with(&row("the delay (such as 1000ns)"), time)?;
    let (loss, _) = reader.with(&row("the error rate (0 to 1)"), probability)?;
    let link = Link {
        a,
        b,
        rate,
        delay,
        loss,
        rate_span: rate_word.span(),
    };
    Ok((link, [word_a, word_b]))
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
fn note_rest(source: Source<'_>, rest: Option<Word<'_>>, rows: &str, notes: &mut Vec<String>) {
    if let Some(word) = rest.filter(|w| w.text.starts_with(|c: char| c.is_ascii_digit())) {
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

/// Reads `flow.txt`: a count, then `src dst pg dport bytes start_seconds` per flow.
pub(super) fn flows(
    source: Source<'_>,
    topology: &Topology,
    notes: &mut Vec<String>,
) -> Result<Vec<FlowRow>, Vec<Diagnostic>> {
    let mut reader = source.reader();
    let (count, _) = reader
        .number::<u32>("the number of flows")
        .map_err(|e| vec![e])?;
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for n in 0..count {
        match flow(&mut reader, n, count) {
            Ok((row, words)) => {
                check_flow(source, &row, &words, topology, &mut errors);
                rows.push(row);
            }
            Err(mut error) => {
                let columns = "a row is `src dst pg dport bytes start_seconds`";
                error.help.get_or_insert_with(|| columns.to_owned());
                errors.push(error);
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    note_rest(source, reader.rest(), "flows", notes);
    Ok(rows)
}

fn flow<'a, I: Iterator<Item = Word<'a>>>(
    reader: &mut Reader<'a, I>,
    n: u32,
    of: u32,
) -> Result<(FlowRow, [Word<'a>; 4]), Diagnostic> {
    let row = |what: &str| format!("{what} of flow {} of {of}", n + 1);
    let (src, src_word) = reader.number(&row("the source"))?;
    let (dst, dst_word) = reader.number(&row("the destination"))?;
    let small = |max: u8| move |t: &str| t.parse().ok().filter(|pg| *pg <= max);
    let (pg, pg_word) = reader.with(&row("the priority group (0 to 7)"), small(7))?;
    let (dport, _) = reader.number(&row("the destination port (0 to 65535)"))?;
    let (bytes, bytes_word) = reader.number(&row("the size in bytes"))?;
    let (start, last) = reader.with(&row("the start in seconds"), seconds)?;
    let start = SimTime::ZERO + start;
    let span = src_word.at..last.span().end;
    let row = FlowRow {
        src,
        dst,
        pg,
        dport,
        bytes,
        start,
        span,
    };
    Ok((row, [src_word, dst_word, pg_word, bytes_word]))
}

fn check_flow(
    source: Source<'_>,
    row: &FlowRow,
    [src, dst, _, bytes]: &[Word<'_>; 4],
    topology: &Topology,
    errors: &mut Vec<Diagnostic>,
) {
    for (word, id) in [(src, row.src), (dst, row.dst)] {
        match topology.is_switch.get(id as usize) {
            None => errors.push(no_such_node(source, *word, id, topology.is_switch.len())),
            Some(true) => {
                let message = format!("node {id} is a switch: flows run between hosts");
                errors.push(source.error(word.span(), message, "a switch", None));
            }
            Some(false) => {}
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

/// Checks `trace.txt`: a count, then that many node ids. No packet trace is written.
pub(super) fn trace(source: Source<'_>, topology: &Topology) -> Result<(), Diagnostic> {
    let mut reader = source.reader();
    let (count, _) = reader.number::<u32>("the number of traced nodes")?;
    for n in 1..=count {
        let (id, word) = reader.number::<u32>(&format!("node id {n} of {count}"))?;
        if id as usize >= topology.is_switch.len() {
            return Err(no_such_node(source, word, id, topology.is_switch.len()));
        }
    }
    Ok(())
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

    fn read(topo: &str, flow: &str) -> Result<Vec<FlowRow>, Vec<String>> {
        let text = |errors: Vec<Diagnostic>| errors.into_iter().map(|d| d.message).collect();
        let mut notes = Vec::new();
        let topo = topology(source(topo), &mut notes).map_err(text)?;
        flows(source(flow), &topo, &mut notes).map_err(text)
    }

    const TOPO: &str = "3 1 2\n2\n0 2 100Gbps 1000ns 0\n1 2 400Gbps 0.001ms 1e-3\n";

    #[test]
    fn reads_rows_and_exact_times() {
        let t = topology(source(TOPO), &mut Vec::new()).unwrap();
        assert_eq!(t.is_switch, [false, false, true]);
        assert_eq!(t.links[1].delay, SimDuration::from_us(1));
        assert_eq!(t.links[1].loss, Probability::ratio(1, 1_000));
        let rows = read(TOPO, "1\n0 1 3 100 5000000000 2.000040000").unwrap();
        assert_eq!(
            (rows[0].bytes, rows[0].start.ns()),
            (5_000_000_000, 2_000_040_000)
        );
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("", "1", "f.txt is empty: expected the number of nodes"),
            (
                "3 1 2 2 0 2 1Gbps 1ns 0",
                "",
                "f.txt ends too early: expected the first node of link 2 of 2",
            ),
            ("3 1 1 7", "", "there is no node 7"),
            ("3 4 1", "", "4 switches among 3 nodes"),
            ("3 1 1 2 0 9 1Gbps 1ns 0", "", "there is no node 9"),
            ("3 1 1 2 0 0 1Gbps 1ns 0", "", "node 0 is linked to itself"),
            ("3 1 1 2 0 2 0Gbps 1ns 0", "", "a link with rate zero"),
            (
                "3 1 1 2 0 2 1Gbps 1ns 1.5",
                "",
                "not the error rate (0 to 1) of link 1 of 1: `1.5`",
            ),
            ("4294967295 1 1", "", "4294967295 nodes are too many"),
            (TOPO, "", "f.txt is empty: expected the number of flows"),
            (
                TOPO,
                "2 0 1 3 100 5 2.0",
                "f.txt ends too early: expected the source of flow 2 of 2",
            ),
            (
                TOPO,
                "1 0 2 3 100 5 2.0",
                "node 2 is a switch: flows run between hosts",
            ),
            (TOPO, "1 1 1 3 100 5 2.0", "a flow from node 1 to itself"),
            (TOPO, "1 0 1 3 100 0 2.0", "a flow without bytes"),
            (
                TOPO,
                "1 0 1 8 100 5 2.0",
                "not the priority group (0 to 7) of flow 1 of 1: `8`",
            ),
            (TOPO, "1 0 8 3 100 5 2.0", "there is no node 8"),
            (
                TOPO,
                "1 0 1 3 100 5 -2",
                "not the start in seconds of flow 1 of 1: `-2`",
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
    fn a_trace_file_is_checked() {
        let t = topology(source(TOPO), &mut Vec::new()).unwrap();
        assert!(trace(source("2\n0 1\n\nFirst line: tracing node #\n"), &t).is_ok());
        assert!(trace(source("0\n"), &t).is_ok());
        assert_eq!(
            trace(source("1 3"), &t).unwrap_err().message,
            "there is no node 3"
        );
    }
}
