//! Inline inputs, and the cases in `tests/data/hpcc`.

mod forks;

use super::*;
use proptest::prelude::*;
use xoff_model::results::{FlowResult, FlowStatus, PauseLogEntry, Results};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::topology::ecmp::{ecmp_hash, node_ip};
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

const CONFIG: &str = "\
TOPOLOGY_FILE topology.txt
FLOW_FILE flow.txt
CC_MODE 1
RP_TIMER 300
EWMA_GAIN 0.00390625
RATE_AI 20Mb/s
RATE_HAI 200Mb/s
L2_ACK_INTERVAL 1
L2_CHUNK_SIZE 4000
HAS_WIN 0
ENABLE_TRACE 0
KMIN_MAP 2 100000000000 400 400000000000 1600
KMAX_MAP 2 100000000000 1600 400000000000 6400
PMAX_MAP 2 100000000000 0.2 400000000000 0.2
";

/// Two leaves (4, 5) with two hosts each and one spine (6).
const TOPOLOGY: &str = "7 3 6\n4 5 6\n0 4 100Gbps 1us 0\n1 4 100Gbps 1us 0\n2 5 100Gbps 1us 0\n\
    3 5 100Gbps 1us 0\n4 6 400Gbps 1us 0.001\n5 6 400Gbps 1us 0\n";
const FLOWS: &str = "3\n0 2 3 100 1001 2.000000000\n0 1 3 100 5000000000 2.000000577\n\
    0 2 3 100 1000 2.5\n";

pub(super) fn load_text(
    config: &str,
    topology: &str,
    flows: &str,
) -> Result<HpccInput, Vec<Diagnostic>> {
    load("config.txt", &|name| match name {
        "config.txt" => Ok(config.to_owned()),
        "topology.txt" => Ok(topology.to_owned()),
        "flow.txt" => Ok(flows.to_owned()),
        other => Err(format!("no file `{other}`")),
    })
}

/// CONFIG with further lines; the last value of a key counts.
fn load_with(lines: &str) -> Result<HpccInput, Vec<Diagnostic>> {
    load_text(&format!("{CONFIG}{lines}"), TOPOLOGY, FLOWS)
}

fn first_error(lines: &str) -> Diagnostic {
    load_with(lines).unwrap_err().remove(0)
}

fn load_case(case: &str) -> HpccInput {
    let folder = format!(
        "{}/../../tests/data/hpcc/{case}",
        env!("CARGO_MANIFEST_DIR")
    );
    load("config.txt", &|name| {
        std::fs::read_to_string(format!("{folder}/{name}")).map_err(|e| e.to_string())
    })
    .unwrap()
}

#[test]
fn standalone_times_are_those_of_the_reference() {
    for case in [
        "one_flow",
        "incast16_nocc",
        "incast16_dcqcn",
        "loss1e3_1000x20KB",
        "rate_100G",
        "rate_400G",
        "fat320_ws50_1ms_dcqcn",
    ] {
        let input = load_case(case);
        // The cases hold every key of the reference, so that nothing is said about keys: there are
        // the time-out's note and, from 100 Gb/s on, that of the reference's clock.
        assert!(input.notes.len() <= 2, "{:?}", input.notes);
        assert!(input.notes[0].contains("lost tails"), "{:?}", input.notes);
        assert_eq!(input.dialect, Dialect::Hpcc);
        let standalone = standalone(&input.model);
        let folder = format!(
            "{}/../../tests/data/hpcc/{case}",
            env!("CARGO_MANIFEST_DIR")
        );
        let expected = std::fs::read_to_string(format!("{folder}/expected_fct.txt")).unwrap();
        assert!(expected.lines().count() > 0);
        for line in expected.lines() {
            let (id, flow) = (input.model.flows.iter().enumerate())
                .find(|(_, f)| {
                    let [sip, dip] = [f.src, f.dst].map(node_ip);
                    let (sport, dport, bytes) = (f.sport, f.dport, f.bytes);
                    line.starts_with(&format!("{sip:08x} {dip:08x} {sport} {dport} {bytes} "))
                })
                .unwrap_or_else(|| panic!("{case}: no flow for {line}"));
            let last = line.rsplit(' ').next().unwrap();
            assert_eq!(last, standalone[id].to_string(), "{case}: {}", flow.name);
        }
    }
}

#[test]
fn the_hash_and_addresses_are_those_of_the_reference() {
    assert_eq!(
        [0, 1, 300].map(node_ip),
        [0x0b00_0001, 0x0b00_0101, 0x0b01_2c01]
    );
    // From an independent computation.
    let hash = |a, b, sport, seed| ecmp_hash(node_ip(a), node_ip(b), sport, 100, seed);
    assert_eq!(hash(0, 1, 10_000, 2), 0x08f9_4696);
    assert_eq!(hash(13, 10, 10_000, 320), 0xce29_18e4);
    assert_eq!(hash(300, 19, 10_007, 375), 0xe917_d3ed);
}

#[test]
fn files_become_a_model() {
    let input = load_with("").unwrap();
    let m = &input.model;
    assert_eq!(input.files.base, SimTime::from_ns(2_000_000_000));
    assert_eq!(m.until, Some(SimTime::from_ns(1_010_000_000)));
    assert_eq!(
        m.framing,
        Framing::Fixed {
            data_overhead: 48,
            control_bytes: 60,
            pad_last: false
        }
    );
    let roles: Vec<_> = m.nodes.iter().map(|n| n.role).collect();
    assert_eq!(roles[3..5], [Role::Host(0), Role::Switch(0)]);
    assert_eq!(m.links[4].delay(), SimDuration::from_us(1));
    assert_eq!(m.links[4].loss, Probability::ratio(1, 1_000));
    let flows: Vec<_> = m
        .flows
        .iter()
        .map(|f| (f.sport, f.start.ps(), f.bytes))
        .collect();
    let half = 500_000_000_000;
    let expected = [
        (10_000, 0, 1_001),
        (10_000, 577_000, 5_000_000_000),
        (10_001, half, 1_000),
    ];
    assert_eq!(flows, expected);
    assert_eq!(
        m.flows[0].data,
        Marking {
            priority: 3,
            dscp: 26,
            pcp: 3
        }
    );
    // Four links: 8 us of delay, 2 × (80 + 20) ns of transmission, 1,097 bytes at 100 Gb/s.
    assert_eq!(standalone(m), [8_200 + 87, 4_160 + 419_200_000, 8_200 + 83]);
}

#[test]
fn the_switch_has_the_buffer_of_the_reference() {
    let m = load_with("BUFFER_SIZE 32\n").unwrap().model;
    let s = &m.switches[0];
    assert_eq!(s.buffer.size, Bytes(32 << 20));
    let pg = s.port.pgs[3];
    assert_eq!(
        (pg.reserve, pg.xon_offset, pg.lossless),
        (Bytes(4_096), Bytes(3_072), true)
    );
    assert_eq!(
        (pg.headroom, pg.limit),
        (Headroom::HpccNs3, Limit::DynamicByRate { shift: 3 })
    );
    assert!(!s.port.pgs[4].lossless && s.port.pgs[4].reserve == Bytes(0));
    assert_eq!((s.port.pfc.tx_mask, m.nics[0].port.pfc.tx_mask), (8, 0));
    let ecn = s.port.ecn[3].as_ref().unwrap();
    assert_eq!(ecn.by_rate[1].rate, BitRate::from_gbps(400));
    assert_eq!(
        (ecn.by_rate[1].kmin, ecn.by_rate[1].kmax),
        (Bytes(1_600_000), Bytes(6_400_000))
    );
    assert_eq!(ecn.by_rate[0].pmax, Probability::ratio(1, 5));
    let off = load_with("ENABLE_QCN 0\nPAUSE_TIME 0\n").unwrap().model;
    assert!(off.switches[0].port.ecn.iter().all(Option::is_none));
    assert_eq!(
        (off.switches[0].port.pfc.mode, off.flows[0].cc.clone()),
        (PauseMode::Off, CcSpec::None)
    );
}

#[test]
fn congestion_control_follows_its_mode() {
    let m = load_with("FAST_RECOVERY_TIMES 1\nMIN_RATE 1000Mb/s\n")
        .unwrap()
        .model;
    let CcSpec::Dcqcn(d) = &m.flows[0].cc else {
        panic!("{:?}", m.flows[0].cc)
    };
    assert_eq!((d.g_q16, d.fast_recovery, d.window), (256, 1, None));
    assert_eq!(d.alpha_interval, SimDuration::from_us(55));
    assert_eq!(
        (d.rate_ai.bps(), d.rate_min.bps()),
        (20_000_000, 1_000_000_000)
    );
    assert_eq!(m.nics[0].np, NpSpec::EchoOnAck);

    let m = load_with("CC_MODE 3\nHAS_WIN 1\nVAR_WIN 1\nMI_THRESH 0\n")
        .unwrap()
        .model;
    assert_eq!(
        m.framing,
        Framing::Fixed {
            data_overhead: 90,
            control_bytes: 88,
            pad_last: false
        }
    );
    let CcSpec::Hpcc(h) = &m.flows[1].cc else {
        panic!("{:?}", m.flows[1].cc)
    };
    // GLOBAL_T is on by default: the longest path's 8.2 us serve the short one too.
    assert_eq!(h.base_rtt, SimDuration::from_ns(8_200));
    assert_eq!(
        h.window,
        HpccWindow::Given(Window {
            bytes: 102_500,
            variable: true
        })
    );
    assert_eq!(
        (h.u_target_q16, h.max_stage, h.multi_rate),
        (62_259, 0, true)
    );
    let m = load_with("CC_MODE 3\nHAS_WIN 1\nGLOBAL_T 0\n")
        .unwrap()
        .model;
    let CcSpec::Hpcc(h) = &m.flows[1].cc else {
        panic!("{:?}", m.flows[1].cc)
    };
    assert_eq!(
        h.window,
        HpccWindow::Given(Window {
            bytes: 52_000,
            variable: false
        })
    );

    let m = load_with("CC_MODE 7\n").unwrap().model;
    assert!(matches!(m.flows[0].cc, CcSpec::Timely(_)));
    assert_eq!(m.nics[0].np, NpSpec::Off);
    let timely = |lines: &str| match load_with(lines).unwrap().model.flows[0].cc {
        CcSpec::Timely(t) => (t.t_low, t.t_high, t.beta_q16),
        ref other => panic!("{other:?}"),
    };
    let us = SimDuration::from_us;
    assert_eq!(timely("CC_MODE 7\n"), (us(50), us(500), 52_429));
    assert_eq!(
        timely("CC_MODE 7\nTIMELY_T_HIGH 100000\nTIMELY_T_LOW 20000\nTIMELY_BETA 0.5\n"),
        (us(20), us(100), 32_768)
    );
    // A window alone.
    let m = load_with("RATE_BOUND 0\nHAS_WIN 1\n").unwrap().model;
    assert!(matches!(&m.flows[0].cc, CcSpec::Dcqcn(d) if d.window.is_some()));
    assert_eq!(m.nics[0].np, NpSpec::Off);
}

#[test]
fn dctcp_echoes_marks_in_frames_as_plain_as_those_of_dcqcn() {
    let m = load_with("CC_MODE 8\nEWMA_GAIN 0.0625\nDCTCP_RATE_AI 615Mb/s\n")
        .unwrap()
        .model;
    let plain = load_with("").unwrap().model.framing;
    assert_eq!((m.framing, m.nics[0].np), (plain, NpSpec::EchoOnAck));
    let CcSpec::Dctcp(d) = &m.flows[0].cc else {
        panic!("{:?}", m.flows[0].cc)
    };
    assert_eq!((d.g_q16, d.rate_ai.bps()), (4_096, 615_000_000));
    assert_eq!((d.rate_min.bps(), d.window), (100_000_000, None));
    // Without marks it cannot react.
    let m = load_with("CC_MODE 8\nENABLE_QCN 0\n").unwrap().model;
    assert_eq!(
        (m.flows[0].cc.clone(), m.nics[0].np),
        (CcSpec::None, NpSpec::Off)
    );
}

#[test]
fn pint_needs_a_byte_or_two() {
    for (base, overhead) in [("1.05", 49), ("1.01", 50)] {
        let m = load_with(&format!(
            "CC_MODE 10\nPINT_LOG_BASE {base}\nPINT_PROB 0.5\n"
        ))
        .unwrap()
        .model;
        let framing = Framing::Fixed {
            data_overhead: overhead,
            control_bytes: 60,
            pad_last: false,
        };
        assert_eq!(m.framing, framing, "{base}");
        let CcSpec::HpccPint(p) = &m.flows[1].cc else {
            panic!("{:?}", m.flows[1].cc)
        };
        assert_eq!(p.probability, Probability::ratio(1, 2));
        assert_eq!(p.base_rtt, SimDuration::from_ns(8_200));
    }
}

#[test]
fn a_given_window_round_trip_and_rate_replace_the_derived_ones() {
    let lines = "HAS_WIN 1\nFIXED_WIN 18000\nBASE_RTT 14400\nMAX_RATE 10000Mb/s\n";
    let input = load_with(&format!("CC_MODE 3\n{lines}")).unwrap();
    for f in &input.model.flows {
        let CcSpec::Hpcc(h) = &f.cc else {
            panic!("{:?}", f.cc)
        };
        let window = Window {
            bytes: 18_000,
            variable: false,
        };
        assert_eq!(h.window, HpccWindow::Given(window));
        assert_eq!(h.base_rtt, SimDuration::from_ns(14_400));
        assert_eq!(f.pace, Some(BitRate::from_gbps(10)));
    }
    let said = |input: &HpccInput, text: &str| input.notes.iter().any(|n| n.contains(text));
    assert!(!said(&input, "no effect"));
    // Where a key cannot act, that is said.
    let input = load_with(&lines.replace("HAS_WIN 1", "HAS_WIN 0")).unwrap();
    assert!(said(&input, "FIXED_WIN: no effect with HAS_WIN 0"));
    assert!(said(&input, "BASE_RTT: no effect under CC_MODE 1 (DCQCN)"));
}

#[test]
fn recovery_priority_and_failures_follow_their_keys() {
    let m = load_with("L2_BACK_TO_ZERO 1\nACK_HIGH_PRIO 1\nLINK_DOWN 300 6 4\n")
        .unwrap()
        .model;
    assert_eq!(m.nics[0].rc.recovery, Recovery::GoBack0);
    let sizes: Vec<_> = m.flows.iter().map(|f| f.message_bytes).collect();
    assert_eq!(sizes, [1_001, 4_000, 1_000]);
    assert_eq!(
        m.flows[0].ack,
        Marking {
            priority: 0,
            dscp: 26,
            pcp: 3
        }
    );
    let at = SimTime::from_ns(300_000);
    assert_eq!(
        m.faults,
        [Fault {
            at,
            kind: FaultKind::LinkDown(4)
        }]
    );
    assert!(
        load_with("LINK_DOWN 0 0 0\n")
            .unwrap()
            .model
            .faults
            .is_empty()
    );
    let rc = load_with("").unwrap().model.nics[0].rc;
    assert_eq!(
        (rc.recovery, rc.nak_repeat),
        (Recovery::GoBackN, Some(SimDuration::from_us(500)))
    );
    // A link loses frames: eight base round trips are enough.
    assert_eq!(
        (rc.timeout, rc.retry_cnt),
        (SimDuration::from_ns(4_096 << 5), None)
    );
}

#[test]
fn what_is_ignored_is_said() {
    let lines = "# CC_MODE 99\nANY_MON_FILE a.txt\nCC_MODE 1 {for DCQCN: 1}\nsome words\n";
    let input = load_with(lines).unwrap();
    let has = |part: &str| input.notes.iter().any(|n| n.contains(part));
    assert!(has(
        "config.txt:16: `ANY_MON_FILE` is not known; nothing is written for it"
    ));
    assert!(
        has("lost tails are resent after 131.072us"),
        "{:?}",
        input.notes
    );
    assert!(
        has("at 400Gbps a frame of 1048 bytes takes 20.96 ns"),
        "{:?}",
        input.notes
    );
    assert_eq!(input.notes.len(), 3, "{:?}", input.notes);
}

#[test]
fn mistakes_are_errors_that_point() {
    let cases = [
        (
            "CC_MODE 9\n",
            "CC_MODE 9 is not supported; supported: 1, 3, 7, 8, 10",
        ),
        ("CC_MODE x\n", "CC_MODE: `x` is not a whole number"),
        (
            "RP_TIMER 0\n",
            "RP_TIMER: `0` is not a time in microseconds above zero",
        ),
        (
            "RATE_AI 20\nRATE_AI fast\n",
            "RATE_AI: `fast` is not a rate",
        ),
        ("BUFFER_SIZE\n", "BUFFER_SIZE lacks a value"),
        ("KMAX_MAP 2 1 2\n", "KMAX_MAP lacks a value"),
        (
            "TIMELY_T_LOW 9\nTIMELY_T_HIGH 8\n",
            "TIMELY_T_LOW (9ns) is above TIMELY_T_HIGH (8ns)",
        ),
        (
            "TIMELY_BETA 1.5\n",
            "TIMELY_BETA: `1.5` is not a fraction above 0, at most 1",
        ),
        (
            "FIXED_WIN 0\n",
            "FIXED_WIN: `0` is not a number of bytes above zero",
        ),
        (
            "BASE_RTT -1\n",
            "BASE_RTT: `-1` is not a time in nanoseconds above zero",
        ),
        ("MAX_RATE fast\n", "MAX_RATE: `fast` is not a rate"),
        (
            "PINT_LOG_BASE 1\n",
            "PINT_LOG_BASE: `1` is not a base from 1.001 to 16",
        ),
        (
            "PINT_PROB 2\n",
            "PINT_PROB: `2` is not a probability from 0 to 1",
        ),
        (
            "KMAX_MAP 1 100000000000 1600\n",
            "KMAX_MAP has no entry for 400Gbps",
        ),
        (
            "KMIN_MAP 1 100000000000 9999\n",
            "at 100000000000 bit/s, KMIN 9999000B is above KMAX",
        ),
        (
            "L2_ACK_INTERVAL 0\n",
            "L2_ACK_INTERVAL 0: no flow could finish",
        ),
        (
            "L2_BACK_TO_ZERO 1\nL2_CHUNK_SIZE 0\n",
            "L2_BACK_TO_ZERO 1 needs L2_CHUNK_SIZE above 0",
        ),
        (
            "RATE_BOUND 0\nHAS_WIN 1\nVAR_WIN 1\n",
            "RATE_BOUND 0 with VAR_WIN 1 is not supported",
        ),
        (
            "LINK_DOWN 5 0 1\n",
            "LINK_DOWN: no link joins nodes 0 and 1",
        ),
        (
            "PACKET_PAYLOAD_SIZE 0\n",
            "PACKET_PAYLOAD_SIZE: `0` is not a size from 1 to 65535 bytes",
        ),
        (
            "BUFFER_SIZE 0\n",
            "switch 6: 2 ports need 8192 bytes of reserve and 300000 bytes of headroom; the buffer has 0 bytes",
        ),
        (
            "FLOW_FILE mix/t.txt\n",
            "cannot read mix/t.txt: no file `mix/t.txt`",
        ),
    ];
    for (lines, message) in cases {
        let error = first_error(lines);
        assert_eq!(error.message, message);
        assert_eq!(error.file, "config.txt");
    }
    let error = first_error("CC_MODE 9\n");
    assert_eq!(format!("{CONFIG}CC_MODE 9\n")[error.span], *"9");
}

#[test]
fn missing_keys_and_files_are_named() {
    let message = |config: &str| {
        load_text(config, TOPOLOGY, FLOWS).unwrap_err()[0]
            .message
            .clone()
    };
    assert_eq!(
        message(""),
        "config.txt is empty: expected lines of `KEY value`"
    );
    let without = |key: &str| {
        CONFIG
            .lines()
            .filter(|l| !l.starts_with(key))
            .fold(String::new(), |s, l| s + l + "\n")
    };
    for key in [
        "TOPOLOGY_FILE",
        "FLOW_FILE",
        "RP_TIMER",
        "RATE_AI",
        "L2_ACK_INTERVAL",
    ] {
        assert_eq!(message(&without(key)), format!("{key} is missing"));
    }
    let absent = load("none.txt", &|_| Err("gone".to_owned())).unwrap_err();
    assert_eq!(
        (absent[0].message.as_str(), absent.len()),
        ("cannot read gone", 1)
    );
    let island = "4 1 2\n3\n0 3 100Gbps 1us 0\n1 3 100Gbps 1us 0\n";
    let error = load_text(CONFIG, island, "1\n0 2 3 1 9 2.0\n")
        .unwrap_err()
        .remove(0);
    assert_eq!(
        (error.message.as_str(), error.span),
        ("no path from node 0 to node 2", 2..15)
    );
    let error = load_text(CONFIG, island, "1\n0 2 3 1 9 2.0\n").unwrap_err();
    assert_eq!(error[0].label, "hosts do not forward");
}

#[test]
fn files_named_from_one_directory_up_are_found() {
    let config = CONFIG.replace("topology.txt", "mix/topology.txt");
    assert_eq!(
        load_text(&config, TOPOLOGY, FLOWS)
            .unwrap()
            .model
            .nodes
            .len(),
        7
    );
}

#[test]
fn results_are_written_in_the_format_of_the_reference() {
    let input = load_with("").unwrap();
    let done = |flow: u32, end_ns: u64| FlowResult {
        flow,
        status: FlowStatus::Completed,
        end: Some(SimTime::from_ns(end_ns)),
        ..FlowResult::default()
    };
    let pause = |at, node, port, mask, pause| PauseLogEntry {
        at: SimTime::from_ns(at),
        node,
        port,
        mask,
        pause,
    };
    let results = Results {
        flows: vec![
            done(0, 9_000),
            FlowResult {
                flow: 1,
                ..done(1, 0)
            },
            FlowResult::default(),
        ],
        pauses: vec![
            pause(118_037, 2, 0, 8, true),
            pause(120_000, 4, 2, 24, false),
        ],
        ..Results::default()
    };
    let mut unfinished = results.clone();
    unfinished.flows[1].status = FlowStatus::Unfinished;
    assert_eq!(
        input.files.fct_text(&input.model, &unfinished),
        "0b000001 0b000201 10000 100 1001 2000000000 9000 8287\n"
    );
    let fct = input.files.fct_text(&input.model, &results);
    assert!(fct.starts_with("0b000001 0b000101 10000 100 5000000000 20"));
    assert_eq!(
        input.files.pfc_text(&input.model, &results),
        "2000118037 2 0 1 1\n2000120000 4 1 3 0\n2000120000 4 1 3 0\n"
    );
}

/// The text with some of its words replaced, and cut off at the end.
/// Queue pairs of a NIC take turns in the order of creation. What ns-3 gives for this, with its
/// frame times cut to nanoseconds, is 55,214 ns and 13,011 ns.
#[test]
fn queue_pairs_take_turns_as_in_the_reference() {
    let config = "TOPOLOGY_FILE topology.txt\nFLOW_FILE flow.txt\nCC_MODE 1\nHAS_WIN 0\n\
        L2_ACK_INTERVAL 1\nENABLE_TRACE 0\nBUFFER_SIZE 64\nRATE_AI 2Mb/s\nRATE_HAI 20Mb/s\n\
        RP_TIMER 55\nEWMA_GAIN 0.00390625\n\
        KMIN_MAP 1 10000000000 1000\nKMAX_MAP 1 10000000000 1000\nPMAX_MAP 1 10000000000 0.2\n";
    let topology = "4 1 3\n3\n0 3 10Gbps 1000ns 0\n1 3 10Gbps 1000ns 0\n2 3 10Gbps 1000ns 0\n";
    let flows = "2\n0 1 3 100 55000 2.000000000\n0 2 3 100 5000 2.000007007\n";
    let input = load_text(config, topology, flows).unwrap();
    let results = xoff_sim::run(&input.model, &mut |_| {});
    for (flow, expected_ns) in results.flows.iter().zip([55_214, 13_011]) {
        let span = flow.active_until.since(flow.start);
        let off = span.ps().abs_diff(expected_ns * 1_000);
        assert!(
            off * 1_000 < expected_ns * 1_000,
            "{span}, expected {expected_ns} ns"
        );
    }
}

fn damaged(text: &str, changes: &[(usize, &str)], keep: usize) -> String {
    let mut words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
    for (at, word) in changes {
        let at = at % words.len();
        words[at] = word;
    }
    words.truncate(1 + keep % (2 * words.len()));
    words.concat()
}

proptest! {
    #[test]
    fn damaged_files_are_refused_or_read_but_never_panic(
        which in 0usize..3,
        changes in prop::collection::vec(
            (0usize..1_000, prop::sample::select(vec![
                "0 ", "1 ", "3 ", "-1 ", "18446744073709551615 ", "4294967295 ", "1e18 ", "x ",
                "\n", "0.000001 ", "1bps ", "1Gbps ", "9000000s ", "1ps ", "CC_MODE ",
                "HAS_WIN 1\n", "ü ", "CC_MODE 3\n", "L2_BACK_TO_ZERO 1\n",
                "LINK_DOWN 4294967295 0 4\n",
            ])),
            0..4,
        ),
        keep in any::<u16>(),
    ) {
        let mut files = [CONFIG, TOPOLOGY, FLOWS].map(str::to_owned);
        files[which] = damaged(&files[which], &changes, keep.into());
        match load_text(&files[0], &files[1], &files[2]) {
            Ok(input) => {
                // It can be written as a scenario, or the reason is told.
                if let Err(why) = scenario_text(&input.model, &input.files, "t") {
                    prop_assert!(!why.is_empty());
                }
                prop_assert_eq!(standalone(&input.model).len(), input.model.flows.len());
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    let file = match error.file.as_str() {
                        "config.txt" => &files[0],
                        "topology.txt" => &files[1],
                        _ => &files[2],
                    };
                    prop_assert!(file.get(error.span.clone()).is_some(), "{:?}", error);
                }
            }
        }
    }
}

#[test]
fn sizes_and_times_beyond_what_can_be_counted_are_refused() {
    for (flows, word) in [
        (
            "1\n0 2 3 100 18446744073709551615 2.0\n",
            "not the size in bytes",
        ),
        ("1\n0 2 3 100 9000000000000000000 2.0\n", "a flow of "),
        ("1\n0 2 3 100 1000 9000000.0\n", "not the start in seconds"),
    ] {
        let errors = load_text(CONFIG, TOPOLOGY, flows).unwrap_err();
        assert_eq!(errors[0].file, "flow.txt");
        assert!(errors[0].message.contains(word), "{}", errors[0].message);
        assert!(errors[0].span.start >= 2);
    }
    let far = TOPOLOGY.replace("1us", "9000000s");
    let errors = load_text(CONFIG, &far, FLOWS).unwrap_err();
    assert!(
        errors[0].message.contains("the delay"),
        "{}",
        errors[0].message
    );
}
