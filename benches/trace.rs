//! Packets per CPU second of `xoff trace`, beside tshark on the same file, and its memory:
//! `cargo bench --bench trace [-- PACKETS | CAPTURE | --memory [PACKETS]]`.
//!
//! CPU time is that of the process as the kernel accounts it, in steps of 10 ms; nothing here
//! asserts a time.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use xoff_trace::analyzer::{self, Options};
use xoff_trace::capture::read::Reader;
use xoff_trace::report::TraceReport;
use xoff_wire::bth::{
    Aeth, Bth, DEFAULT_PKEY, Extensions, NakCode, Opcode, Reth, Syndrome, UNLIMITED_CREDITS,
};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{Mac, ethernet, psn, roce};

/// Queue pairs, all between the same two hosts and in random order.
const QPS: u32 = 400;
/// Data packets of one message, and after how many comes an ACK.
const MESSAGE: u32 = 64;
const ACK_EVERY: u32 = 4;
/// One data packet of so many is lost before the capture.
const LOSS: u64 = 2_000;

#[derive(Clone, Copy, Default)]
struct Qp {
    /// Next to send, from 0.
    next: u32,
    /// Lost, and how many were sent since.
    lost: Option<(u32, u32)>,
}

/// A capture that is made as it is read.
struct Traffic {
    left: u64,
    payload: u32,
    qps: Vec<Qp>,
    random: u64,
    at_ns: u64,
    frame: Vec<u8>,
    ready: Vec<u8>,
    passed: usize,
}

impl Traffic {
    fn new(packets: u64, payload: u32) -> Traffic {
        let mut ready = Vec::new();
        for n in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            ready.extend(n.to_le_bytes());
        }
        Traffic {
            left: packets,
            payload,
            qps: vec![Qp::default(); QPS as usize],
            random: 1,
            at_ns: 1_700_000_000_000_000_000,
            frame: Vec::new(),
            ready,
            passed: 0,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % below
    }

    /// One or two packets of some queue pair.
    fn step(&mut self) {
        let index = self.draw(u64::from(QPS)) as usize;
        let lost = self.draw(LOSS) == 0;
        let mut qp = self.qps[index];
        let at = qp.next;
        qp.next += 1;
        if lost && qp.lost.is_none() {
            qp.lost = Some((at, 0));
        } else {
            self.data(index as u32, at);
        }
        match &mut qp.lost {
            Some((missing, since)) if *since == ACK_EVERY => {
                let syndrome = Syndrome::Nak(NakCode::PsnSequenceError);
                self.answer(index as u32, *missing, syndrome);
                qp = Qp {
                    next: *missing,
                    lost: None,
                };
            }
            Some((_, since)) => *since += 1,
            None if qp.next.is_multiple_of(ACK_EVERY) => {
                let credits = UNLIMITED_CREDITS;
                self.answer(index as u32, at, Syndrome::Ack { credits });
            }
            None => {}
        }
        self.qps[index] = qp;
    }

    fn data(&mut self, qp: u32, at: u32) {
        let mut extensions = Extensions::default();
        let opcode = match at % MESSAGE {
            0 => {
                extensions.reth = Some(Reth {
                    va: u64::from(at) * u64::from(self.payload),
                    rkey: 0x1234,
                    len: MESSAGE * self.payload,
                });
                Opcode::RC_WRITE_FIRST
            }
            n if n == MESSAGE - 1 => Opcode::RC_WRITE_LAST,
            _ => Opcode::RC_WRITE_MIDDLE,
        };
        let ack_request = (at + 1).is_multiple_of(ACK_EVERY);
        self.packet(
            [1, 2],
            qp,
            (opcode, at, ack_request),
            extensions,
            self.payload,
        );
    }

    fn answer(&mut self, qp: u32, at: u32, syndrome: Syndrome) {
        let extensions = Extensions {
            aeth: Some(Aeth::new(syndrome, at / MESSAGE)),
            ..Extensions::default()
        };
        let qp = qp | 0x1000;
        self.packet(
            [2, 1],
            qp,
            (Opcode::RC_ACKNOWLEDGE, at, false),
            extensions,
            0,
        );
    }

    fn packet(
        &mut self,
        [src, dst]: [u8; 2],
        qp: u32,
        (opcode, at, ack_request): (Opcode, u32, bool),
        extensions: Extensions,
        payload_len: u32,
    ) {
        let repr = roce::Repr {
            ethernet: ethernet::Repr {
                dst: Mac([2, 0, 0, 0, 0, dst]),
                src: Mac([2, 0, 0, 0, 0, src]),
                ..ethernet::Repr::default()
            },
            network: Network {
                kind: Kind::whole_v4(0),
                src: [10, 0, 0, src].into(),
                dst: [10, 0, 0, dst].into(),
                dscp: 26,
                ecn: Ecn::Ect0,
                ttl: 64,
                protocol: 0,
                payload_len: 0,
            },
            sport: Some(0xc000 | (qp & 0xfff) as u16),
            bth: Bth {
                opcode,
                pkey: DEFAULT_PKEY,
                dest_qp: 0x100 + qp,
                ack_request,
                psn: psn::add(first_psn(qp), at),
                ..Bth::default()
            },
            extensions,
            payload_len,
            spoil_icrc: false,
        };
        repr.emit(&mut self.frame, |payload| payload.fill(qp as u8));
        self.at_ns += 90;
        let len = self.frame.len() as u32;
        let (seconds, ns) = (self.at_ns / 1_000_000_000, self.at_ns % 1_000_000_000);
        for field in [seconds as u32, ns as u32, len, len] {
            self.ready.extend(field.to_le_bytes());
        }
        self.ready.extend(&self.frame);
        self.left = self.left.saturating_sub(1);
    }
}

impl Read for Traffic {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.passed == self.ready.len() {
            self.ready.clear();
            self.passed = 0;
            while self.left > 0 && self.ready.len() < buffer.len() {
                self.step();
            }
        }
        let n = buffer.len().min(self.ready.len() - self.passed);
        buffer[..n].copy_from_slice(&self.ready[self.passed..self.passed + n]);
        self.passed += n;
        Ok(n)
    }
}

/// As good as random, like that of real connections; the same for both ways.
fn first_psn(qp: u32) -> u32 {
    (qp & 0xfff).wrapping_mul(0x9e37_79b1) >> 8 & psn::MASK
}

/// CPU seconds so far of this process and of its children that have ended (Linux).
fn cpu() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = rest
        .split_whitespace()
        .map(|t| t.parse().unwrap_or(0.0))
        .collect();
    let at = |i: usize| fields.get(i).copied().unwrap_or(0.0) / 100.0;
    (at(11) + at(12), at(13) + at(14))
}

/// Greatest resident memory so far, kB (Linux).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let line = lines.find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn trace(source: Box<dyn Read + Send>) -> Result<TraceReport, String> {
    let reader = Reader::new(source, "traffic").map_err(|e| e.to_string())?;
    analyzer::analyze(reader, Options::default()).map_err(|e| e.to_string())
}

/// The best of some runs, in packets per CPU second.
fn speed(path: &Path, out: &mut dyn Write) -> Result<f64, String> {
    let mut best = f64::MAX;
    let mut frames = 0;
    for _ in 0..5 {
        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        let before = cpu().0;
        let report = trace(Box::new(file))?;
        best = best.min((cpu().0 - before).max(0.01));
        frames = report.capture.frames;
        let bad: u64 = report
            .connections
            .iter()
            .flat_map(|c| &c.directions)
            .map(|d| d.bad_icrc)
            .sum();
        assert_eq!(
            (bad, report.capture.malformed),
            (0, 0),
            "all ICRCs were verified"
        );
    }
    let rate = frames as f64 / best;
    let ns = best * 1e9 / frames as f64;
    let line = format!(
        "xoff trace: {frames} packets, {best:.2} CPU s, {:.2} M/s, {ns:.0} ns",
        rate / 1e6
    );
    writeln!(out, "{line} per packet").map_err(|e| e.to_string())?;
    Ok(rate)
}

fn tshark(path: &Path, frames: f64, ours: f64, out: &mut dyn Write) -> io::Result<()> {
    let (before, start) = (cpu().1, std::time::Instant::now());
    let ran = Command::new("tshark")
        .args(["-n", "-q", "-z", "io,phs", "-r"])
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !ran.is_ok_and(|status| status.success()) {
        return writeln!(out, "tshark: not there");
    }
    let (spent, wall) = (cpu().1 - before, start.elapsed().as_secs_f64());
    let rate = frames / spent.max(0.01);
    writeln!(
        out,
        "tshark: {spent:.2} CPU s, {wall:.2} s, {:.3} M/s; xoff is {:.1} times as fast",
        rate / 1e6,
        ours / rate
    )
}

fn run(out: &mut dyn Write) -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = args.iter().find_map(|a| a.parse::<u64>().ok());
    let io = |e: io::Error| e.to_string();
    if args.iter().any(|a| a == "--memory") {
        let most = number.unwrap_or(10_000_000);
        for packets in [most / 10, most] {
            let report = trace(Box::new(Traffic::new(packets, 1_024)))?;
            let (frames, pairs) = (report.capture.frames, report.connections.len());
            writeln!(
                out,
                "{frames} packets, {pairs} connections: peak {} kB",
                peak()
            )
            .map_err(io)?;
        }
        return Ok(());
    }
    if let Some(capture) = args.iter().map(Path::new).find(|path| path.is_file()) {
        return speed(capture, out).map(|_| ());
    }
    let packets = number.unwrap_or(1_000_000);
    for payload in [1_024, 64] {
        let path = std::env::temp_dir().join(format!("xoff-bench-{}.pcap", std::process::id()));
        let mut file = std::fs::File::create(&path).map_err(io)?;
        io::copy(&mut Traffic::new(packets, payload), &mut file).map_err(io)?;
        drop(file);
        writeln!(out, "payload {payload} bytes, {QPS} queue pairs").map_err(io)?;
        let result =
            speed(&path, out).and_then(|ours| tshark(&path, packets as f64, ours, out).map_err(io));
        std::fs::remove_file(&path).map_err(io)?;
        result?;
    }
    Ok(())
}

fn main() {
    let mut out = io::stdout().lock();
    if let Err(e) = run(&mut out) {
        let _ = writeln!(out, "{e}");
    }
}
