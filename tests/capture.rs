//! Captures of simulated traffic: for the beginning of every scenario of `topologies/`, the bytes
//! at its hosts are valid, are the same every time, and add up to the simulator's counters.

use crate::cli::{Scratch, text, xoff_in};
use std::collections::BTreeMap;
use std::path::Path;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, PortResult, Results};
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;
use xoff_model::{FaultKind, Model, NpSpec, PauseMode, Role};
use xoff_scenario::Overrides;
use xoff_sim::frames::Frames;
use xoff_sim::packet::flag;
use xoff_sim::tap::{Direction, TapEvent, TapFrame};
use xoff_wire::bth::{NakCode, Syndrome};
use xoff_wire::dissect::{self, Body};
use xoff_wire::ip::Ecn;
use xoff_wire::roce::{self, Icrc};
use xoff_wire::{mac_control, psn};

/// Longer runs are cut off here: every mechanism has shown itself by then.
const UNTIL: SimTime = SimTime::from_ps(1_000_000_000);
/// Larger runs are left out.
const MOST_HOPS: u64 = 300_000;
/// Every so many frames are read as a whole, ICRC included.
const SAMPLED: u64 = 16;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Scenario, labels and model of every case with real frames.
fn cases() -> Vec<(String, Model)> {
    let dir = root().join("topologies");
    let mut all = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).map_err(|e| e.to_string());
        let plan = xoff_scenario::load("test.toml", &text, &Overrides::default(), &read).unwrap();
        for mut case in plan.cases {
            case.model.until = Some(case.model.until.unwrap_or(UNTIL).min(UNTIL));
            let label = format!("{} {:?}", plan.name, case.labels);
            let name = format!("{}: {label}", path.display());
            if Frames::new(&case.model).is_some() {
                all.push((name, case.model));
            }
        }
    }
    assert!(all.len() > 20);
    all
}

/// What the frames at the hosts add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    data: u64,
    repeated: u64,
    repeated_bytes: u64,
    ce: u64,
    cnps: u64,
    naks: u64,
    frames: u64,
    /// FNV-1a over headers and the last bytes, which hold the ICRC of all others.
    hash: u64,
}

#[derive(Default)]
struct Pause {
    until: u64,
    since: u64,
    total: u64,
}

/// A station at every host port that sees bytes and directions only.
struct Observer {
    counts: Counts,
    /// Per queue pair: the PSN after the greatest that was sent.
    next: BTreeMap<u32, u32>,
    pauses: BTreeMap<(PortId, usize), Pause>,
}

impl Observer {
    fn take(&mut self, event: &TapEvent, bytes: &[u8], rate: u64) {
        let hash = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
        let (head, tail) = (&bytes[..60], &bytes[bytes.len() - 4..]);
        self.counts.hash = head.iter().chain(tail).fold(self.counts.hash, hash);
        self.counts.frames += 1;
        let whole = self.counts.frames.is_multiple_of(SAMPLED);
        let captured = if whole {
            bytes
        } else {
            &bytes[..bytes.len().min(100)]
        };
        let original = bytes.len() as u32;
        match dissect::dissect(dissect::Link::Ethernet, captured, original).body {
            Body::Roce(packet) => {
                let TapFrame::Packet(sent) = &event.frame else {
                    panic!("{event:?}")
                };
                assert_eq!(bytes.len() + 4, usize::from(sent.frame), "{event:?}");
                if whole {
                    let valid = packet.icrc == Icrc::Valid;
                    assert_eq!(valid, !sent.has(flag::CORRUPT), "{event:?}");
                }
                self.roce(event.direction, &packet);
            }
            Body::Pause(frame) if event.direction == Direction::In => {
                self.pause(event, &frame, rate);
            }
            Body::Pause(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn roce(&mut self, direction: Direction, packet: &roce::Packet<'_>) {
        let data = packet.bth.opcode.carries_payload();
        if direction == Direction::In {
            self.counts.ce += u64::from(data && packet.network.ecn == Ecn::Ce);
            let nak = Syndrome::Nak(NakCode::PsnSequenceError);
            let is_nak = packet.extensions.aeth.is_some_and(|a| a.kind() == nak);
            self.counts.naks += u64::from(is_nak);
            return;
        }
        self.counts.cnps += u64::from(packet.bth.opcode.is_cnp());
        if data {
            self.counts.data += 1;
            let next = self
                .next
                .entry(packet.bth.dest_qp)
                .or_insert(packet.bth.psn);
            if psn::diff(packet.bth.psn, *next) < 0 {
                self.counts.repeated += 1;
                self.counts.repeated_bytes += u64::from(packet.payload_len);
            } else {
                *next = psn::add(packet.bth.psn, 1);
            }
        }
    }

    fn pause(&mut self, event: &TapEvent, frame: &mac_control::Repr, rate: u64) {
        for (class, quanta) in frame.times().into_iter().enumerate() {
            let Some(quanta) = quanta else { continue };
            let pause = self.pauses.entry((event.port, class)).or_default();
            let now = event.at.ps();
            pause.stop(now);
            if quanta > 0 {
                let span = u128::from(quanta) * 512 * 1_000_000_000_000;
                pause.since = now;
                pause.until = now + span.div_ceil(u128::from(rate)) as u64;
            }
        }
    }
}

impl Pause {
    fn stop(&mut self, now: u64) {
        self.total += self.until.min(now) - self.since;
        (self.since, self.until) = (now, now);
    }
}

fn observe(model: &Model) -> (Results, Observer) {
    let frames = Frames::new(model).unwrap();
    let host = |node: u32| matches!(model.nodes[node as usize].role, Role::Host(_));
    let ports: Vec<PortId> = (0..)
        .zip(frames.ports())
        .filter(|(_, info)| host(info.node))
        .map(|(port, _)| port)
        .collect();
    let mut observer = Observer {
        counts: Counts::default(),
        next: BTreeMap::new(),
        pauses: BTreeMap::new(),
    };
    let mut buffer = Vec::new();
    let mut sink = |event: &TapEvent| {
        frames.emit(event, &mut buffer);
        let rate = frames.ports()[event.port as usize].rate.bps();
        observer.take(event, &buffer, rate);
    };
    let results = xoff_sim::run_tapped(model, &ports, &mut sink, &mut |_| ());
    for pause in observer.pauses.values_mut() {
        pause.stop(results.end.ps());
    }
    (results, observer)
}

#[test]
fn frames_at_the_hosts_add_up_to_the_counters() {
    let mut checked = 0;
    let (mut paused, mut repeated) = (0, 0);
    for (name, model) in cases() {
        let plain = xoff_sim::run(&model, &mut |_| ());
        if plain.packet_hops > MOST_HOPS {
            continue;
        }
        checked += 1;
        let (results, seen) = observe(&model);
        assert!(
            format!("{plain:?}") == format!("{results:?}"),
            "{name}: a tap has no effect"
        );
        let sum = |of: fn(&FlowResult) -> u64| results.flows.iter().map(of).sum::<u64>();
        let counts = &seen.counts;
        assert_eq!(counts.data, sum(|f| f.data_packets), "{name}");
        assert_eq!(counts.repeated, sum(|f| f.retransmitted_packets), "{name}");
        assert_eq!(
            counts.repeated_bytes,
            sum(|f| f.retransmitted_bytes),
            "{name}"
        );
        assert_eq!(counts.cnps, sum(|f| f.counters.np_cnp_sent), "{name}");
        // Frames that a full receive buffer refused, or that reach a failed queue pair, do not count.
        let refused = |p: &PortResult| p.drops[DropCause::RxBuffer as usize];
        let refused: u64 = results.ports.iter().flat_map(refused).sum();
        let failed = results.flows.iter().any(|f| {
            matches!(
                f.status,
                FlowStatus::RetryExceeded | FlowStatus::RnrRetryExceeded
            )
        });
        if refused == 0 && !failed {
            assert_eq!(counts.naks, sum(|f| f.counters.packet_seq_err), "{name}");
            if model.nics.iter().all(|nic| nic.np != NpSpec::Off) {
                let marked = sum(|f| f.counters.np_ecn_marked_roce_packets);
                assert_eq!(counts.ce, marked, "{name}");
            }
        }
        paused += check_pauses(&name, &model, &results, &seen);
        if results.packet_hops < MOST_HOPS / 10 {
            assert_eq!(
                *counts,
                observe(&model).1.counts,
                "{name}: the same bytes again"
            );
            repeated += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
    assert!(paused > 20 && repeated > 0, "{paused} {repeated}");
}

/// Pause time by the frames that took effect, where the host obeys them. The number of comparisons.
fn check_pauses(name: &str, model: &Model, results: &Results, seen: &Observer) -> usize {
    let down = |kind: FaultKind| matches!(kind, FaultKind::LinkDown(_));
    if model.faults.iter().any(|f| down(f.kind)) {
        return 0;
    }
    let mut checked = 0;
    for (&(port, class), pause) in &seen.pauses {
        let result = &results.ports[port as usize];
        let Some(spec) = model.nic_port(result.node, result.port) else {
            panic!("{name}: only hosts are tapped")
        };
        let pfc = &spec.pfc;
        if pfc.mode != PauseMode::Pfc || pfc.rx_mask & 1 << class == 0 {
            continue;
        }
        let counted = result.priority[class].rx_pause_duration.ps();
        assert_eq!(pause.total, counted, "{name}: port {port} class {class}");
        checked += usize::from(counted > 0);
    }
    checked
}

const STAR: &str = "[topology]\nkind = \"star\"\nhosts = 3\nrate = \"100Gbps\"\n\
                   [[traffic]]\nkind = \"incast\"\nreceiver = \"h0\"\nbytes = \"100kB\"\n";

#[test]
fn the_command_writes_what_was_asked_for() {
    let scratch = Scratch::new("pcap");
    let path = scratch.path("two.toml");
    std::fs::write(&path, STAR).unwrap();
    let file = scratch.path("out.pcapng");
    let run = |more: &[&str]| {
        let base = ["run", path.as_str(), "--pcap", file.as_str()];
        xoff_in(root(), &[&base, more].concat())
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("frames at 3 ports\n"),
        "{}",
        text(&output.stderr)
    );
    let whole = std::fs::read(&file).unwrap();
    assert_eq!(&whole[..4], &[0x0a, 0x0d, 0x0d, 0x0a]);
    run(&["-q"]);
    assert!(
        whole == std::fs::read(&file).unwrap(),
        "the same bytes again"
    );
    run(&["-q", "--tap", "sw0:1", "--snaplen", "64"]);
    let cut = std::fs::read(&file).unwrap().len();
    assert!(cut < whole.len() / 10, "{cut}");
    let stdout = xoff_in(root(), &["run", "-q", &path, "--pcap", "-"]).stdout;
    assert!(stdout == whole, "standard output has the capture alone");
    for (tap, message) in [
        ("hx", "no node is named `hx`"),
        ("h0:1", "no such port; the node has port 0 only"),
        ("h0:x", "`x` is no number of a port"),
    ] {
        let output = run(&["--tap", tap]);
        assert_eq!(output.status.code(), Some(2), "{tap}");
        assert!(
            text(&output.stderr).contains(message),
            "{}",
            text(&output.stderr)
        );
    }
    let output = xoff_in(root(), &["run", &path, &path, "--pcap", &file]);
    assert!(text(&output.stderr).contains("--pcap captures one scenario"));
    let output = xoff_in(root(), &["run", &path, "--pcap", "/nowhere/out.pcapng"]);
    assert!(text(&output.stderr).contains("cannot write /nowhere/out.pcapng"));
}
