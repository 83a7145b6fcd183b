//! Inputs of the forks, and what scenarios make of inputs.

use super::*;

#[test]
fn keys_of_forks_are_honoured_or_refused() {
    let input = load_with("ENABLE_PFC 0\nENABLE_IRN 1\nLB_MODE 0\nLOAD 50\n").unwrap();
    assert_eq!(input.dialect, Dialect::Conweave);
    assert!(
        input.notes[0].starts_with("an input for conweave-ns3: LB_MODE (config.txt:17)"),
        "{:?}",
        input.notes
    );
    let m = &input.model;
    assert_eq!(m.switches[0].port.pfc.mode, PauseMode::Off);
    assert!(m.switches[0].port.pgs.iter().all(|pg| !pg.lossless));
    assert_eq!(
        m.switches[0].port.queues[3].limit,
        Limit::Dynamic { num: 1, den: 1 }
    );
    let rc = m.nics[0].rc;
    // 102,500 bytes are on the longest path.
    assert_eq!(
        (rc.recovery, rc.max_outstanding, rc.timeout),
        (Recovery::Selective, Some(102), SimDuration::from_us(320))
    );
    let of = |lines: &str| load_with(lines).map(|input| input.dialect);
    for (line, dialect) in [
        ("MON_START 0\n", Dialect::SimAi),
        ("ns3::RdmaHw::VarWin false\n", Dialect::SimAi),
        ("NIC_TOTAL_PAUSE_TIME 0\n", Dialect::AstraSim),
        ("MAX_INFLIGHT_FLOWS 0\n", Dialect::M3),
        ("ENABLE_PFC 1\n", Dialect::Hpcc),
    ] {
        assert_eq!(of(line).unwrap(), dialect, "{line}");
    }
    for (line, part) in [
        ("LB_MODE 9\n", "LB_MODE 9 (ConWeave) is not supported"),
        ("LB_MODE 2\n", "LB_MODE 2 (DRILL) is not supported"),
        ("NIC_TOTAL_PAUSE_TIME 7\n", "never paused by their PCIe bus"),
        (
            "MAX_INFLIGHT_FLOWS 4\n",
            "MAX_INFLIGHT_FLOWS 4 is not supported",
        ),
        (
            "PACKET_LEVEL_ECMP 1\nSEND_IN_CHUNKS 0\n",
            "packets of a flow take one path",
        ),
        ("CNP_INTERVAL 50\n", "SEND_IN_CHUNKS is missing"),
        (
            "ns3::RdmaHw::NicCoalesceMethod PER_IP\n",
            "PER_IP is not supported",
        ),
        ("ns3::RdmaHw::Other 1\n", "unknown key `ns3::RdmaHw::Other`"),
        ("CC_MOD 3\n", "unknown key `CC_MOD`"),
        ("MAX_RTT_TYPO 5\n", "unknown key `MAX_RTT_TYPO`"),
    ] {
        let error = first_error(line);
        assert!(error.message.contains(part), "{line}: {}", error.message);
        assert_eq!(error.file, "config.txt");
    }
    let help = first_error("CC_MOD 3\n").help.unwrap();
    assert_eq!(help, "did you mean `CC_MODE`?");
}

#[test]
fn attributes_of_ns3_are_keys() {
    let lines = "ns3::RdmaHw::CcMode 3\nns3::SwitchNode::PfcEnabled false\nns3::RdmaHw::Mtu 9000\n\
                 ns3::RdmaHw::NACKGenerationInterval 0.01\nns3::RealDcqcn::F 1\n\
                 ns3::Hpcc::FastReact true\n";
    let m = load_with(lines).unwrap().model;
    assert!(matches!(&m.flows[0].cc, CcSpec::Hpcc(h) if h.fast_react));
    assert_eq!(m.nics[0].mtu, 9_000);
    assert_eq!(m.nics[0].rc.nak_repeat, Some(SimDuration::from_ns(10)));
    // Thresholds and headroom stay; what is above them is dropped.
    assert_eq!(
        (m.switches[0].port.pfc.mode, m.switches[0].port.pfc.tx_mask),
        (PauseMode::Off, 0)
    );
    assert!(m.switches[0].port.pgs[3].lossless);
}

#[test]
fn forty_trillion_seconds_are_never() {
    let input = load_with("SIMULATOR_STOP_TIME 40000000000000.00\n").unwrap();
    assert_eq!(input.model.until, None);
    let input = load_with("FLOWGEN_START_TIME 2.0\nFLOWGEN_STOP_TIME 2.1\n").unwrap();
    assert_eq!(input.model.until, Some(SimTime::from_ns(10_100_000_000)));
    let error = first_error("SIMULATOR_STOP_TIME soon\n");
    assert_eq!(
        error.message,
        "SIMULATOR_STOP_TIME: `soon` is not a number of seconds"
    );
}

const GPUS: &str = "4 2 1 1 4 H100\n2 3\n0 2 2880Gbps 25ns 0\n1 2 2880Gbps 25ns 0\n\
    0 3 400Gbps 500ns 0\n1 3 400Gbps 500ns 0\n";

#[test]
fn servers_of_gpus_have_switches_that_do_not_mark() {
    let input = load_text(CONFIG, GPUS, "1\n0 1 3 100 1000 2.0\n").unwrap();
    assert_eq!(input.dialect, Dialect::SimAi);
    let m = &input.model;
    assert_eq!(m.nodes[2].role, Role::Switch(1));
    assert!(m.switches[1].port.ecn.iter().all(Option::is_none));
    assert!(m.switches[0].port.ecn[3].is_some());
    // The network's switch is as near.
    assert_eq!(m.flows[0].path, Some(vec![2]));
    // Without entries for a rate above all others, ports of that rate do not mark.
    let fast = GPUS.replace("400Gbps", "1600Gbps");
    let input = load_text(CONFIG, &fast, "1\n0 1 3 100 1000 2.0\n").unwrap();
    assert!(
        input
            .notes
            .iter()
            .any(|n| n.contains("no entry for 1600Gbps: such ports do not mark")),
        "{:?}",
        input.notes
    );
    let slow = GPUS.replace("400Gbps", "50Gbps");
    let error = load_text(CONFIG, &slow, "1\n0 1 3 100 1000 2.0\n").unwrap_err();
    assert_eq!(error[0].message, "KMIN_MAP has no entry for 50Gbps");
}

#[test]
fn conweave_has_ports_and_names_of_its_own() {
    let flows = "3\n0 2 3 0 2.0\n0 1 3 1000 2.0\n1 2 3 500 2.0\n";
    let input = load_text(CONFIG, TOPOLOGY, flows).unwrap();
    assert_eq!(
        (input.dialect, input.files.node_ids),
        (Dialect::Conweave, true)
    );
    let ports: Vec<_> = (input.model.flows.iter())
        .map(|f| (f.sport, f.dport, f.bytes, f.ack.priority))
        .collect();
    let expected = [
        (10_000, 100, 1, 0),
        (10_001, 100, 1_000, 0),
        (10_000, 101, 500, 0),
    ];
    assert_eq!(ports, expected);
    let results = Results {
        flows: vec![FlowResult {
            status: FlowStatus::Completed,
            end: Some(SimTime::from_ns(9_000)),
            ..FlowResult::default()
        }],
        ..Results::default()
    };
    let fct = input.files.fct_text(&input.model, &results);
    assert_eq!(fct, "0 2 10000 100 1 2000000000 9000 8203\n");
}

const OLDER: &str = "\
TOPOLOGY_FILE topology.txt
FLOW_FILE flow.txt
PACKET_LEVEL_ECMP 0
FLOW_LEVEL_ECMP 1
SEND_IN_CHUNKS 0
APP_START_TIME 1.0
APP_STOP_TIME 10.0
SIMULATOR_STOP_TIME 3.01
CNP_INTERVAL 50
RP_TIMER 60
BYTE_COUNTER 300000
DCTCP_GAIN 0.00390625
KMAX 1000
KMIN 40
PMAX 1.0
RATE_AI 40Mb/s
RATE_HAI 200Mb/s
L2_CHUNK_SIZE 4000
L2_ACK_INTERVAL 256
";

#[test]
fn the_ancestor_has_keys_of_its_own() {
    let flows = "1\n0 2 3 10 2.0 9.5\n";
    let input = load_text(OLDER, TOPOLOGY, flows).unwrap();
    assert_eq!(input.dialect, Dialect::Ns3Rdma);
    let m = &input.model;
    assert_eq!(m.flows[0].bytes, 10_000);
    assert_eq!(
        m.flows[0].pace,
        Some(BitRate::from_bps(1_048 * 8 * 4_000_000))
    );
    assert_eq!(m.nics[0].rc.ack_every, 256);
    assert!(matches!(
        m.nics[0].np,
        NpSpec::Cnp { interval, .. } if interval == SimDuration::from_us(50)
    ));
    let CcSpec::Dcqcn(d) = &m.flows[0].cc else {
        panic!("{:?}", m.flows[0].cc)
    };
    assert_eq!(
        (d.g_q16, d.byte_counter, d.window),
        (256, Some(300_000), None)
    );
    let ecn = m.switches[0].port.ecn[3].as_ref().unwrap();
    assert_eq!(ecn.by_rate[0].kmin, Bytes(41_200));
    for (change, to, part) in [
        (
            "FLOW_LEVEL_ECMP 1",
            "FLOW_LEVEL_ECMP 0",
            "FLOW_LEVEL_ECMP 0 is not supported",
        ),
        (
            "APP_START_TIME 1.0",
            "APP_START_TIME 2.5",
            "before APP_START_TIME",
        ),
        ("APP_STOP_TIME 10.0", "APP_STOP_TIME 2.5", "broken off"),
        (
            "SEND_IN_CHUNKS 0",
            "SEND_IN_CHUNKS 1",
            "SEND_IN_CHUNKS 1 is not supported",
        ),
    ] {
        let errors = load_text(&OLDER.replace(change, to), TOPOLOGY, flows).unwrap_err();
        assert!(errors[0].message.contains(part), "{}", errors[0].message);
    }
}

#[test]
fn a_missing_entry_is_shown_in_its_own_map() {
    let config = format!("{CONFIG}KMAX_MAP 1 100000000000 1600\n");
    let error = first_error("KMAX_MAP 1 100000000000 1600\n");
    assert_eq!(error.message, "KMAX_MAP has no entry for 400Gbps");
    assert_eq!(config[error.span], *"1 100000000000 1600");
}

#[test]
fn deadlocks_are_looked_for_where_something_can_pause() {
    let scan = |lines: &str| load_with(lines).unwrap().model.deadlock_scan;
    assert_eq!(scan(""), Some(SimDuration::from_ms(1)));
    assert_eq!(scan("PAUSE_TIME 0\n"), None);
    assert_eq!(scan("ENABLE_PFC 0\n"), None);
}

/// What the scenario of an input loads as, and the input.
fn exported(config: &str, topology: &str, flows: &str) -> (HpccInput, crate::plan::Plan) {
    let input = load_text(config, topology, flows).unwrap();
    let text = scenario_text(&input.model, &input.files, "title").unwrap();
    let over = crate::Overrides::default();
    let plan = crate::load("x.toml", &text, &over, &|f| Err(f.to_owned()));
    (input, plan.unwrap_or_else(|e| panic!("{e:#?}\n{text}")))
}

/// As a scenario has it: what differs in name only, or can never matter.
fn normal(model: &Model) -> String {
    let mut m = model.clone();
    for s in &mut m.switches {
        s.name.clear();
        for ecn in s.port.ecn.iter_mut().flatten() {
            ecn.by_rate.retain(|t| t.kmin < Bytes(1 << 40));
            ecn.by_rate.sort_by_key(|t| t.rate);
        }
        // Of groups that are not lossless only the limit counts.
        for pg in s.port.pgs.iter_mut().filter(|pg| !pg.lossless) {
            pg.xon_offset = Bytes(0);
        }
        s.port.scheduler.shaper_burst = Bytes(0);
    }
    for n in &mut m.nics {
        n.name.clear();
        n.port.scheduler.shaper_burst = Bytes(0);
        if n.turns == Turns::Port {
            // There is no scheduler then.
            n.port.scheduler.queues = [QueueSched::Strict; PRIORITIES];
        }
    }
    // The last message takes the rest, so that longer ones than the flow are as long as it.
    for f in &mut m.flows {
        f.message_bytes = f.message_bytes.min(f.bytes);
    }
    format!("{m:#?}")
}

const SEVERAL: &str = "4\n0 2 3 100 1001 2.000000000\n0 1 4 7 5000000000 2.000000577\n\
                   0 2 0 100 1000 2.5\n3 1 3 100 77 2.5\n";
const PARALLEL: &str = "5 2 5\n3 4\n0 3 100Gbps 1us 0\n1 4 100Gbps 1us 0\n3 4 100Gbps 1us 0.001\n\
                    2 4 400Gbps 0.5us 0\n4 3 400Gbps 1us 0\n";
/// Lines of a configuration, topology and flows.
const EXPORTED: [(&str, &str, &str); 14] = [
    ("", TOPOLOGY, FLOWS),
    (
        "CC_MODE 3\nHAS_WIN 1\nVAR_WIN 1\nGLOBAL_T 0\nMI_THRESH 0\n",
        TOPOLOGY,
        SEVERAL,
    ),
    ("CC_MODE 7\nMIN_RATE 1000Mb/s\n", TOPOLOGY, SEVERAL),
    (
        "CC_MODE 8\nHAS_WIN 1\nGLOBAL_T 0\nMAX_RATE 40Gb/s\n",
        TOPOLOGY,
        SEVERAL,
    ),
    (
        "CC_MODE 10\nPINT_LOG_BASE 1.01\nPINT_PROB 0.3\nHAS_WIN 1\n",
        TOPOLOGY,
        SEVERAL,
    ),
    (
        "CC_MODE 3\nSAMPLE_FEEDBACK 1\nFIXED_WIN 18000\nHAS_WIN 1\n",
        TOPOLOGY,
        SEVERAL,
    ),
    ("RATE_BOUND 0\nHAS_WIN 1\nGLOBAL_T 0\n", TOPOLOGY, SEVERAL),
    ("ENABLE_QCN 0\nPAUSE_TIME 0\n", TOPOLOGY, FLOWS),
    (
        "ENABLE_QCN 0\nENABLE_PFC 0\nENABLE_IRN 1\n",
        TOPOLOGY,
        SEVERAL,
    ),
    (
        "L2_BACK_TO_ZERO 1\nACK_HIGH_PRIO 1\nLINK_DOWN 300 6 4\n",
        TOPOLOGY,
        SEVERAL,
    ),
    ("LINK_DOWN 300 4 3\n", PARALLEL, "1\n0 2 3 100 1000 2\n"),
    (
        "QLEN_MON_FILE qlen.txt\nQLEN_MON_START 2000000000\n",
        TOPOLOGY,
        "1\n0 1 3 100 5 0.5\n",
    ),
    (
        "RANDOM_SEED 5\nSIMULATOR_STOP_TIME 4e13\n",
        TOPOLOGY,
        "1\n0 1 3 9 2\n",
    ),
    (
        "PMAX_MAP 2 100000000000 0.123456789123 400000000000 1\n",
        GPUS,
        FLOWS_OF_GPUS,
    ),
];

#[test]
fn an_exported_scenario_is_the_same_model() {
    for (lines, topology, flows) in EXPORTED {
        let (input, plan) = exported(&format!("{CONFIG}{lines}"), topology, flows);
        assert_eq!(
            normal(&input.model),
            normal(&plan.cases[0].model),
            "{lines}"
        );
        assert_eq!(Some(&input.files), plan.files.as_ref(), "{lines}");
    }
    let (input, plan) = exported(OLDER, TOPOLOGY, "1\n0 2 3 10 2.0 9.5\n");
    assert_eq!(normal(&input.model), normal(&plan.cases[0].model));
    for case in [
        "incast16_dcqcn",
        "loss1e3_1000x20KB",
        "fat320_ws50_1ms_dcqcn",
    ] {
        let input = load_case(case);
        let text = scenario_text(&input.model, &input.files, case).unwrap();
        let over = crate::Overrides::default();
        let plan = crate::load("x.toml", &text, &over, &|f| Err(f.to_owned())).unwrap();
        assert_eq!(normal(&input.model), normal(&plan.cases[0].model), "{case}");
    }
}

const FLOWS_OF_GPUS: &str = "2\n0 1 3 100 1000 2.0\n1 0 3 100 1000 2.0\n";
