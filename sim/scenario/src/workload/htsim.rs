//! Connection matrices of htsim (`.cm`).

use super::{CsvError, Demand};
use std::collections::BTreeMap;
use xoff_model::NodeId;
use xoff_model::time::{SimDuration, SimTime};

/// Largest flow that another can wait for: one message.
const MAX_MESSAGE: u64 = 1 << 30;

/// A word and its place.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    line: usize,
    column: usize,
}

impl Word<'_> {
    fn error(&self, message: impl Into<String>) -> CsvError {
        CsvError {
            line: self.line,
            column: self.column,
            message: message.into(),
        }
    }

    fn number(&self, what: &str) -> Result<u64, CsvError> {
        self.text
            .parse()
            .map_err(|_| self.error(format!("not {what}: `{}`", self.text)))
    }
}

fn words(line: usize, text: &str) -> Vec<Word<'_>> {
    let place = |word: &str| {
        let before = word.as_ptr() as usize - text.as_ptr() as usize;
        1 + text[..before].chars().count()
    };
    text.split_ascii_whitespace()
        .map(|word| Word {
            text: word,
            line,
            column: place(word),
        })
        .collect()
}

/// A connection as written.
struct Connection<'a> {
    demand: Demand,
    /// The trigger that starts it, and the one that it fires when all has arrived.
    trigger: Option<(u64, Word<'a>)>,
    done: Option<u64>,
}

/// What a file holds.
#[derive(Default)]
struct Matrix<'a> {
    nodes: Option<u64>,
    /// Announced numbers of connections, triggers and failures.
    announced: [Option<(u64, Word<'a>)>; 3],
    connections: Vec<Connection<'a>>,
    ids: BTreeMap<u64, usize>,
    /// One-shot triggers.
    triggers: BTreeMap<u64, Word<'a>>,
}

const SECTIONS: [&str; 3] = ["Connections", "Triggers", "Failures"];

/// Reads a connection matrix: lines `Nodes n`, `Connections n`, `Triggers n`, then
/// `src->dst id i start ps size bytes` per connection, with `trigger t` in the place of a start, and
/// `recv_done_trigger t`; and `trigger id t oneshot` per trigger. Node i is `hosts[i]`. Start times
/// are in picoseconds, as csg-htsim reads them. What has no counterpart here is refused.
pub fn parse_htsim(text: &str, hosts: &[NodeId]) -> Result<Vec<Demand>, CsvError> {
    let mut matrix = Matrix::default();
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    let mut last = 1;
    for (line, text) in lines {
        let words = words(line, text);
        if let Some(first) = words.first().filter(|w| !w.text.starts_with('#')) {
            matrix.line(*first, &words[1..], hosts)?;
        }
        last = line;
    }
    matrix.demands(last)
}

impl<'a> Matrix<'a> {
    fn line(
        &mut self,
        first: Word<'a>,
        rest: &[Word<'a>],
        hosts: &[NodeId],
    ) -> Result<(), CsvError> {
        if first.text == "Nodes" {
            let nodes = only(first, rest)?;
            let count = nodes.number("a number of nodes")?;
            if count > hosts.len() as u64 {
                let message = format!("{count} nodes, but the scenario has {}", hosts.len());
                return Err(nodes.error(message));
            }
            self.nodes = Some(count);
            return Ok(());
        }
        if let Some(i) = SECTIONS.iter().position(|s| *s == first.text) {
            let count = only(first, rest)?;
            self.announced[i] = Some((count.number("a number")?, count));
            if i == 2 && count.text != "0" {
                let message = "failures are not read: state them as [[fault]] of the scenario";
                return Err(count.error(message));
            }
            return Ok(());
        }
        match first.text {
            "trigger" => self.trigger(first, rest),
            "failure" => {
                Err(first.error("failures are not read: state them as [[fault]] of the scenario"))
            }
            _ => self.connection(first, rest, hosts),
        }
    }

    fn trigger(&mut self, first: Word<'a>, rest: &[Word<'a>]) -> Result<(), CsvError> {
        let (mut id, mut one_shot) = (None, false);
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match word.text {
                "id" => {
                    let value = words
                        .next()
                        .ok_or_else(|| word.error("`id` lacks its number"))?;
                    id = Some(value.number("a trigger's number")?);
                }
                "oneshot" => one_shot = true,
                "multishot" | "barrier" | "count" => {
                    let message = format!(
                        "`{}` is not supported: a trigger fires once, for one connection",
                        word.text
                    );
                    return Err(word.error(message));
                }
                other => return Err(word.error(format!("unknown word `{other}`"))),
            }
        }
        let id = id.filter(|id| *id > 0);
        let id = id.ok_or_else(|| first.error("a trigger needs an `id` above zero"))?;
        if !one_shot {
            return Err(first.error("a trigger needs its kind: `oneshot`"));
        }
        if self.triggers.insert(id, first).is_some() {
            return Err(first.error(format!("trigger {id} is stated twice")));
        }
        Ok(())
    }

    fn connection(
        &mut self,
        first: Word<'a>,
        rest: &[Word<'a>],
        hosts: &[NodeId],
    ) -> Result<(), CsvError> {
        let Some((src, dst)) = first.text.split_once("->") else {
            let message = format!("unknown word `{}`: expected `src->dst`", first.text);
            return Err(first.error(message));
        };
        let nodes = self.nodes.unwrap_or(hosts.len() as u64);
        let node = |text: &str| -> Result<NodeId, CsvError> {
            let number = text.parse::<u64>().ok().filter(|n| *n < nodes);
            let number = number.and_then(|n| hosts.get(usize::try_from(n).ok()?));
            number
                .copied()
                .ok_or_else(|| first.error(format!("no node `{text}` among {nodes}")))
        };
        let mut c = Connection {
            demand: Demand::new(node(src)?, node(dst)?, 0, SimTime::ZERO),
            trigger: None,
            done: None,
        };
        if c.demand.src == c.demand.dst {
            return Err(first.error("source and destination are the same node"));
        }
        let mut given = Given::default();
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            given.attribute(&mut c, word, &mut words)?;
        }
        if c.demand.bytes == 0 {
            return Err(first.error("a connection without `size` has no end: not supported"));
        }
        if given.start == c.trigger.is_some() {
            return Err(first.error("a connection has either a `start` or a `trigger`"));
        }
        if let Some(id) = given.id
            && self.ids.insert(id, self.connections.len()).is_some()
        {
            return Err(first.error(format!("two connections have id {id}")));
        }
        self.connections.push(c);
        Ok(())
    }

    /// Checks the counts and joins connections that wait with those they wait for.
    fn demands(self, last: usize) -> Result<Vec<Demand>, CsvError> {
        let end = |message: String| CsvError {
            line: last,
            column: 1,
            message,
        };
        if self.nodes.is_none() {
            return Err(end("no line `Nodes n`".to_owned()));
        }
        let found = [self.connections.len(), self.triggers.len(), 0];
        for ((announced, found), name) in self.announced.iter().zip(found).zip(SECTIONS) {
            match announced {
                Some((count, word)) if *count != found as u64 => {
                    let message = format!("{count} announced, {found} found");
                    return Err(word.error(message));
                }
                None if name == SECTIONS[0] => {
                    return Err(end("no line `Connections n`".to_owned()));
                }
                _ => {}
            }
        }
        let mut fired: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (i, c) in self.connections.iter().enumerate() {
            if let Some(trigger) = c.done {
                fired.entry(trigger).or_default().push(i);
            }
        }
        let sizes: Vec<u64> = self.connections.iter().map(|c| c.demand.bytes).collect();
        let mut demands = Vec::new();
        for c in self.connections {
            let mut demand = c.demand;
            if let Some((trigger, word)) = c.trigger {
                if !self.triggers.contains_key(&trigger) {
                    return Err(word.error(format!("trigger {trigger} is not stated")));
                }
                let by = match fired.get(&trigger).map_or(&[][..], Vec::as_slice) {
                    [one] => *one,
                    [] => return Err(word.error(format!("nothing fires trigger {trigger}"))),
                    _ => {
                        let message = format!("several connections fire trigger {trigger}");
                        return Err(word.error(format!("{message}: not supported")));
                    }
                };
                if by == demands.len() {
                    return Err(word.error("a connection that waits for itself"));
                }
                if sizes[by] > MAX_MESSAGE || demand.bytes > MAX_MESSAGE {
                    return Err(word.error("connections above 1 GiB cannot wait or be waited for"));
                }
                demand.after = Some(by);
            }
            // One message: what waits for it waits for its last byte.
            demand.message_bytes =
                (c.done.is_some() || c.trigger.is_some()).then_some(demand.bytes);
            demands.push(demand);
        }
        Ok(demands)
    }
}

/// What a connection states once.
#[derive(Default)]
struct Given {
    start: bool,
    id: Option<u64>,
}

impl Given {
    /// Reads a word of a connection, and its value.
    fn attribute<'a>(
        &mut self,
        c: &mut Connection<'a>,
        word: &Word<'a>,
        words: &mut std::slice::Iter<'_, Word<'a>>,
    ) -> Result<(), CsvError> {
        let mut value = || {
            let missing = || word.error(format!("`{}` lacks its value", word.text));
            words.next().copied().ok_or_else(missing)
        };
        match word.text {
            "start" => {
                let value = value()?;
                c.demand.start = start(value)?;
                self.start = true;
            }
            "size" => {
                let value = value()?;
                c.demand.bytes = value.number("a size in bytes")?;
                if c.demand.bytes == 0 || c.demand.bytes > u64::MAX / 2 {
                    return Err(value.error("a connection without end is not supported"));
                }
            }
            "id" => {
                let value = value()?;
                self.id = Some(value.number("a connection's number")?).filter(|id| *id > 0);
                if self.id.is_none() {
                    return Err(value.error("the number of a connection is above zero"));
                }
            }
            "trigger" => {
                let value = value()?;
                c.trigger = Some((value.number("a trigger's number")?, value));
            }
            "recv_done_trigger" => c.done = Some(value()?.number("a trigger's number")?),
            "send_done_trigger" => {
                return Err(word.error(
                    "`send_done_trigger` is not supported: flows wait for what has arrived \
                     (recv_done_trigger)",
                ));
            }
            "prio" | "addon" => {
                let message = format!("`{}` is not supported", word.text);
                return Err(word.error(message));
            }
            other => return Err(word.error(format!("unknown word `{other}`"))),
        }
        Ok(())
    }
}

fn only<'a>(first: Word<'a>, rest: &[Word<'a>]) -> Result<Word<'a>, CsvError> {
    match rest {
        [one] => Ok(*one),
        _ => Err(first.error(format!("`{}` takes one number", first.text))),
    }
}

/// Picoseconds; htsim writes them with decimals.
fn start(word: Word<'_>) -> Result<SimTime, CsvError> {
    let whole = match word.text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        _ => word.text,
    };
    let ps = format!("{whole}ps").parse::<SimDuration>();
    ps.map(|start| SimTime::ZERO + start)
        .map_err(|_| word.error(format!("not a time in picoseconds: `{}`", word.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: [NodeId; 4] = [10, 11, 12, 13];

    fn error(text: &str) -> (usize, usize, String) {
        let e = parse_htsim(text, &HOSTS).unwrap_err();
        (e.line, e.column, e.message)
    }

    #[test]
    fn connections_become_demands() {
        let text = "# a matrix\nNodes 4\nConnections 3\nTriggers 1\n\n\
                    0->3 start 0.000000 size 2000000\n\
                    1->3 id 7 start 5000000 size 1000 recv_done_trigger 2\n\
                    3->0 id 8 trigger 2 size 500\ntrigger id 2 oneshot\n";
        let got = parse_htsim(text, &HOSTS).unwrap();
        let plain = Demand::new(10, 13, 2_000_000, SimTime::ZERO);
        let mut first = Demand::new(11, 13, 1_000, SimTime::from_ns(5_000));
        first.message_bytes = Some(1_000);
        let mut second = Demand::new(13, 10, 500, SimTime::ZERO);
        (second.message_bytes, second.after) = (Some(500), Some(1));
        assert_eq!(got, [plain, first, second]);
    }

    #[test]
    fn what_has_no_counterpart_is_refused_where_it_stands() {
        let one = |line: &str| error(&format!("Nodes 4\nConnections 1\n{line}\n"));
        let cases = [
            ("0->9 start 0 size 1", 1, "no node `9` among 4"),
            ("0->0 start 0 size 1", 1, "the same node"),
            (
                "0->1 start soon size 1",
                12,
                "not a time in picoseconds: `soon`",
            ),
            ("0->1 start 0 size 0", 19, "without end"),
            ("0->1 start 0", 1, "without `size`"),
            ("0->1 size 5", 1, "either a `start` or a `trigger`"),
            ("0->1 start 0 size 5 prio 3", 21, "`prio` is not supported"),
            (
                "0->1 start 0 size 5 send_done_trigger 1",
                21,
                "recv_done_trigger",
            ),
            ("0->1 start 0 size 5 id 0", 24, "above zero"),
            ("0->1 start 0 size", 14, "`size` lacks its value"),
            ("0->1 trigger 5 size 5", 14, "trigger 5 is not stated"),
            ("0 1 5", 1, "expected `src->dst`"),
            ("failure switch_type AGG", 1, "[[fault]]"),
            (
                "trigger id 1 barrier count 2",
                14,
                "`barrier` is not supported",
            ),
        ];
        for (line, column, message) in cases {
            let (at, c, m) = one(line);
            assert!(
                (at, c) == (3, column) && m.contains(message),
                "{line}: {at}:{c} {m}"
            );
        }
        assert_eq!(error("Nodes 5\nConnections 0\n").0, 1);
        assert_eq!(error("Nodes 4\nConnections 2\n0->1 start 0 size 1\n").0, 2);
        assert!(
            error("0->1 start 0 size 1\n")
                .2
                .contains("no line `Nodes n`")
        );
        assert_eq!(error("Nodes 4\nConnections 0\nFailures 1\n").0, 3);
    }
}
