//! tshark as oracle: what xoff writes, tshark reads as xoff reads it, field by field.
//!
//! Where tshark 4.0 is known to read something else, [`KNOWN`] says so with the reason, and the
//! test wants the disagreement to be there still.

mod captures;
mod iwarp;
mod links;
mod roce;
mod smb;

use crate::cli::Scratch;
use crate::support::skip;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::Command;
use xoff_trace::capture::write::Writer;
use xoff_trace::capture::{Direction, Interface};

/// A frame and what xoff reads in it, under tshark's names. Several values of one field stand in
/// the order of the frame.
struct Sample {
    kind: &'static str,
    frame: Vec<u8>,
    fields: Fields,
}

#[derive(Default)]
struct Fields(Vec<(&'static str, Vec<String>)>);

impl Fields {
    fn add(&mut self, field: &'static str, value: impl ToString) {
        let value = value.to_string();
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            Some((_, values)) => values.push(value),
            None => self.0.push((field, vec![value])),
        }
    }

    fn flag(&mut self, field: &'static str, set: bool) {
        self.add(field, u8::from(set));
    }
}

/// Frame type, fields, why tshark reads something else in some of those frames.
type Disagreement = (&'static str, &'static [&'static str], &'static str);

const KNOWN: &[Disagreement] = &[
    (
        "RoCEv2 CNP",
        &["infiniband.invariant.crc"],
        "an unknown opcode (0x81, IBTA A17.9.3): it reads nothing behind the BTH",
    ),
    (
        "RoCE FLUSH and ATOMIC WRITE",
        &[
            "infiniband.reth.va",
            "infiniband.reth.r_key",
            "infiniband.reth.dmalen",
            "infiniband.invariant.crc",
        ],
        "opcodes newer than it knows: it reads nothing behind the BTH",
    ),
    (
        "RoCE XRC",
        &[
            "infiniband.reth.va",
            "infiniband.reth.r_key",
            "infiniband.reth.dmalen",
            "infiniband.atomiceth.swapdt",
            "infiniband.atomiceth.cmpdt",
            "infiniband.aeth.syndrome",
            "infiniband.aeth.syndrome.credit_count",
            "infiniband.aeth.msn",
            "infiniband.atomicacketh.origremdt",
            "infiniband.immdt",
            "infiniband.ieth",
            "infiniband.invariant.crc",
        ],
        "it knows no XRC opcodes: it reads nothing behind the BTH",
    ),
    (
        "RoCE RD",
        &[
            "_ws.malformed",
            "infiniband.rdeth.eecnxt",
            "infiniband.deth.q_key",
            "infiniband.deth.srcqp",
            "infiniband.reth.va",
            "infiniband.reth.r_key",
            "infiniband.reth.dmalen",
            "infiniband.atomiceth.swapdt",
            "infiniband.atomiceth.cmpdt",
            "infiniband.aeth.syndrome",
            "infiniband.aeth.syndrome.credit_count",
            "infiniband.aeth.msn",
            "infiniband.atomicacketh.origremdt",
            "infiniband.immdt",
            "infiniband.invariant.crc",
        ],
        "it looks for the RDETH, and all behind it, 8 bytes behind its place after the BTH",
    ),
];

/// Whether there is a tshark. In CI there must be one.
fn available(name: &str) -> bool {
    let there = Command::new("tshark").arg("--version").output().is_ok();
    assert!(
        there || std::env::var_os("CI").is_none(),
        "CI needs tshark; tests/run installs it"
    );
    if !there {
        skip(name, "there is no tshark");
    }
    there
}

fn tshark(args: &[&str]) -> String {
    let output = Command::new("tshark")
        .arg("-n")
        .args(args)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark {args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checksums are verified. MPA is looked for on port 5445 too, which tshark takes for something
/// else.
const PREFERENCES: [&str; 8] = [
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "udp.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-o",
    "tcp.try_heuristic_first:TRUE",
];

fn write(path: &str, samples: &[Sample]) {
    let mut writer = Writer::new(File::create(path).unwrap(), &[Interface::default()]).unwrap();
    for (n, sample) in (0..).zip(samples) {
        let at_ns = 1_000_000_000 + n * 1_000_001;
        writer
            .frame(at_ns, 0, Direction::Out, &sample.frame)
            .unwrap();
    }
    writer.finish(0, 2_000_000_000).unwrap();
}

/// Numbers in decimal, whatever base they were written in; flags as numbers.
fn plain(value: &str) -> String {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix("0x")
        && let Ok(number) = u128::from_str_radix(digits, 16)
    {
        return number.to_string();
    }
    match value {
        "True" => "1".to_owned(),
        "False" => "0".to_owned(),
        other => other.to_lowercase(),
    }
}

/// What tshark reads in these fields of every frame.
fn read(path: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut args = vec![
        "-r",
        path,
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "aggregator=|",
    ];
    args.extend(PREFERENCES);
    for field in fields {
        args.extend(["-e", field]);
    }
    let text = tshark(&args);
    let row = |line: &str| {
        let cell = |cell: &str| {
            let values: Vec<String> = cell.split('|').map(plain).collect();
            values.join("|")
        };
        line.split('\t').map(cell).collect()
    };
    text.lines().map(row).collect()
}

#[derive(Default)]
struct Tally {
    frames: u32,
    fields: BTreeSet<&'static str>,
    compared: u32,
    agreed: u32,
    known: u32,
}

#[test]
fn tshark_agrees_on_every_field() {
    if !available("tshark_agrees_on_every_field") {
        return;
    }
    let mut samples = roce::samples();
    samples.extend(links::samples());
    samples.extend(iwarp::samples());
    samples.extend(smb::samples());
    let scratch = Scratch::new("oracle");
    let path = scratch.path("all.pcapng");
    write(&path, &samples);
    let mut names: Vec<&str> = vec!["_ws.malformed"];
    for (field, _) in samples.iter().flat_map(|s| &s.fields.0) {
        if !names.contains(field) {
            names.push(field);
        }
    }
    let rows = read(&path, &names);
    assert_eq!(rows.len(), samples.len());
    let (mut wrong, mut met) = (Vec::new(), BTreeSet::new());
    let mut table: BTreeMap<&str, Tally> = BTreeMap::new();
    for (n, (sample, row)) in samples.iter().zip(&rows).enumerate() {
        let tally = table.entry(sample.kind).or_default();
        tally.frames += 1;
        let none = [String::new()];
        let malformed = [("_ws.malformed", &none[..])];
        let fields = sample
            .fields
            .0
            .iter()
            .map(|(name, values)| (*name, &values[..]));
        for (field, values) in malformed.into_iter().chain(fields) {
            let column = names.iter().position(|name| *name == field).unwrap();
            let ours: Vec<String> = values.iter().map(|v| plain(v)).collect();
            let (ours, theirs) = (ours.join("|"), &row[column]);
            tally.fields.insert(field);
            tally.compared += 1;
            if ours == *theirs {
                tally.agreed += 1;
                continue;
            }
            if KNOWN
                .iter()
                .any(|k| k.0 == sample.kind && k.1.contains(&field))
            {
                tally.known += 1;
                met.insert((sample.kind, field));
                continue;
            }
            wrong.push(format!(
                "{} (frame {}) {field}: xoff {ours}, tshark {theirs}",
                sample.kind,
                n + 1
            ));
        }
    }
    let count = wrong.len();
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{count} disagreements: {wrong:#?}");
    for (kind, fields, why) in KNOWN {
        for field in *fields {
            let still = met.contains(&(*kind, *field));
            assert!(still, "tshark now agrees: {kind} {field} ({why})");
        }
    }
    insta::assert_snapshot!(shown(&table));
}

fn shown(table: &BTreeMap<&str, Tally>) -> String {
    let head = [
        "frame type",
        "frames",
        "fields",
        "compared",
        "agreed",
        "known",
    ];
    let mut text = String::new();
    let mut line = |cells: [String; 6]| {
        let [first, rest @ ..] = cells;
        text += &format!("{first:<34}");
        rest.iter().for_each(|cell| text += &format!("{cell:>10}"));
        text.push('\n');
    };
    line(head.map(str::to_owned));
    for (kind, t) in table {
        let fields = t.fields.len() as u32;
        let counts = [t.frames, fields, t.compared, t.agreed, t.known];
        let [a, b, c, d, e] = counts.map(|n| n.to_string());
        line([(*kind).to_owned(), a, b, c, d, e]);
    }
    text
}
