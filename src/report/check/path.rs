//! The way of RDMA from host to host, hop by hop.

use crate::args::Traffic;
use crate::report::table::{Align, Table};
use serde::Serialize;
use std::io::{self, Write};
use xoff_configs::device::Who;
use xoff_configs::fabric::{Fabric, NodeId};
use xoff_configs::hop::{By, Judged, Lack};
use xoff_configs::path::{Hop, Way, ways};
use xoff_configs::rules::Context;

/// Both directions.
pub(crate) struct Paths<'a> {
    fabric: &'a Fabric,
    ends: [NodeId; 2],
    ways: [Vec<Way>; 2],
}

impl<'a> Paths<'a> {
    pub(crate) fn new(
        fabric: &'a Fabric,
        from: NodeId,
        to: NodeId,
        traffic: Option<Traffic>,
    ) -> Paths<'a> {
        let cx = Context::new(fabric);
        let wanted = |who: &Who| match (traffic, who) {
            (None, _) => true,
            (Some(Traffic::SmbDirect), who) => *who == Who::SmbDirect,
            (Some(Traffic::Roce), who) => matches!(who, Who::RdmaCm | Who::Verbs),
            (Some(Traffic::Nvme), Who::App(name)) => name.to_ascii_lowercase().contains("nvme"),
            (Some(Traffic::Nvme), who) => *who == Who::RdmaCm,
        };
        let ways = [ways(&cx, from, to, wanted), ways(&cx, to, from, wanted)];
        Paths {
            fabric,
            ends: [from, to],
            ways,
        }
    }

    /// There are ways in both directions, and every hop of them is known to be lossless.
    pub(crate) fn lossless(&self) -> bool {
        let fine = |way: &Way| way.hops.iter().all(|hop| hop.judged.is_lossless());
        self.ways
            .iter()
            .all(|ways| !ways.is_empty() && ways.iter().all(fine))
    }
}

pub(crate) fn human(out: &mut dyn Write, paths: &Paths) -> io::Result<()> {
    let name = |node: NodeId| paths.fabric.nodes[node].name.as_str();
    let [a, b] = paths.ends.map(name);
    for ((from, to), ways) in [(a, b), (b, a)].into_iter().zip(&paths.ways) {
        if ways.is_empty() {
            writeln!(out, "{from} to {to}: no RDMA that is known, or no way\n")?;
        }
        for way in ways {
            writeln!(out, "{from} to {to}: {}, {}", way.sender, way.marking)?;
            let columns = [
                "from",
                "queue",
                "to",
                "sorted by",
                "class",
                "buffer",
                "pause",
                "lossless",
            ];
            let mut table = Table::new(&columns.map(|title| (title, Align::Left)));
            for hop in &way.hops {
                table.row(row(paths.fabric, hop));
            }
            writeln!(out, "{}", table.render(2))?;
        }
    }
    let verdict = match paths.lossless() {
        true => "lossless in both directions",
        false => "not lossless at every hop, or not known to be",
    };
    writeln!(out, "{a} and {b}: {verdict}")
}

fn row(fabric: &Fabric, hop: &Hop) -> [String; 8] {
    let number = |n: Option<u8>| n.map_or("?".to_owned(), |n| n.to_string());
    [
        fabric.label(hop.from),
        number(hop.queue_out),
        fabric.label(hop.to),
        sorted_by(hop),
        number(hop.sorted.class.value()),
        number(hop.group),
        number(hop.pause),
        verdict(fabric, &hop.judged),
    ]
}

fn sorted_by(hop: &Hop) -> String {
    match hop.sorted.by {
        By::Dscp(dscp) => format!("DSCP {dscp}"),
        By::Pcp(pcp) => format!("PCP {pcp}"),
        By::NoTag => "no tag".to_owned(),
        By::NoTrust => "nothing".to_owned(),
        By::Unknown => "-".to_owned(),
    }
}

fn verdict(fabric: &Fabric, judged: &Judged) -> String {
    if let Some(problem) = judged.problems.first() {
        let at = fabric.label(problem.at);
        let p = problem.priority;
        return match &problem.lack {
            Lack::Class => format!("no: class {} of {at} is lossy", problem.class),
            Lack::Off => format!("no: PFC is off at {at}"),
            Lack::Refused(why) => format!("no: PFC ends up off at {at}: {why}"),
            Lack::NothingToTake(why) => {
                format!("no: {at} takes its settings from the switch: {why}")
            }
            Lack::NotSent => format!("no: {at} does not pause priority {p}"),
            Lack::NotObeyed => format!("no: {at} does not obey pause of priority {p}"),
            Lack::OtherQueue { stops, .. } => {
                format!("no: at {at} pause of priority {p} stops queue {stops}")
            }
        };
    }
    match judged.unknown.first() {
        Some(why) => format!("unknown: {why}"),
        None => "yes".to_owned(),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    layout: u32,
    lossless: bool,
    ways: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    from: &'a str,
    to: &'a str,
    sender: &'a str,
    marking: &'a str,
    hops: Vec<HopItem>,
}

#[derive(Serialize)]
struct HopItem {
    from: String,
    to: String,
    queue: Option<u8>,
    sorted_by: String,
    class: Option<u8>,
    buffer: Option<u8>,
    pause: Option<u8>,
    /// null: not known.
    lossless: Option<bool>,
    why: String,
}

pub(crate) fn json(out: &mut dyn Write, paths: &Paths) -> io::Result<()> {
    let name = |node: NodeId| paths.fabric.nodes[node].name.as_str();
    let [a, b] = paths.ends.map(name);
    let item = |from, to, way| item(paths.fabric, from, to, way);
    let there = paths.ways[0].iter().map(|way| item(a, b, way));
    let back = paths.ways[1].iter().map(|way| item(b, a, way));
    let report = Report {
        layout: 1,
        lossless: paths.lossless(),
        ways: there.chain(back).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn item<'a>(fabric: &Fabric, from: &'a str, to: &'a str, way: &'a Way) -> Item<'a> {
    let hops = way.hops.iter().map(|hop| HopItem {
        from: fabric.label(hop.from),
        to: fabric.label(hop.to),
        queue: hop.queue_out,
        sorted_by: sorted_by(hop),
        class: hop.sorted.class.value(),
        buffer: hop.group,
        pause: hop.pause,
        lossless: match (
            hop.judged.problems.is_empty(),
            hop.judged.unknown.is_empty(),
        ) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        },
        why: verdict(fabric, &hop.judged),
    });
    Item {
        from,
        to,
        sender: &way.sender,
        marking: &way.marking,
        hops: hops.collect(),
    }
}
