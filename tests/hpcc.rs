//! Inputs of the HPCC ns-3 simulator: against its results, and against arithmetic.

use crate::cli::{Scratch, text, xoff};
use crate::support::{Run, near};
use std::path::{Path, PathBuf};
use xoff_model::results::FlowStatus;
use xoff_scenario::Diagnostic;
use xoff_scenario::hpcc::{self, HpccInput};

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/hpcc")
        .join(case)
}

fn load_case(case: &str) -> HpccInput {
    let read = |name: &str| {
        std::fs::read_to_string(folder(case).join(name)).map_err(|e| format!("{name}: {e}"))
    };
    hpcc::load("config.txt", &read).unwrap_or_else(|e| panic!("{case}: {e:#?}"))
}

/// (slowdown of each flow in ppm, ascending) of an fct.txt.
fn slowdowns(fct: &str) -> Vec<u64> {
    let mut all: Vec<u64> = fct
        .lines()
        .map(|line| {
            let fields: Vec<u64> = line
                .split(' ')
                .skip(6)
                .map(|f| f.parse().unwrap())
                .collect();
            fields[0] * 1_000_000 / fields[1]
        })
        .collect();
    all.sort_unstable();
    all
}

fn mean(values: &[u64]) -> u64 {
    values.iter().sum::<u64>() / values.len() as u64
}

/// Nearest rank.
fn p99(values: &[u64]) -> u64 {
    values[(values.len() * 99).div_ceil(100) - 1]
}

/// Runs a case; all flows must finish and none of the congestion drops happen.
fn run_case(case: &str) -> (HpccInput, Run, Vec<u64>, Vec<u64>) {
    let input = load_case(case);
    let run = Run::of(input.model.clone());
    assert!(run.all_completed(), "{case}: unfinished flows");
    let fct = input.files.fct_text(&input.model, &run.results);
    assert_eq!(fct.lines().count(), input.model.flows.len());
    let expected = std::fs::read_to_string(folder(case).join("expected_fct.txt")).unwrap();
    (input, run, slowdowns(&fct), slowdowns(&expected))
}

/// The reference runs its links 1 % fast (it truncates the time of a packet to nanoseconds), so
/// its slowdowns are that much smaller.
#[test]
fn slowdowns_are_those_of_the_reference() {
    for (case, mean_ppm) in [
        ("incast16_nocc", 50_000),
        ("incast16_dcqcn", 100_000),
        ("fat320_ws50_1ms_dcqcn", 100_000),
    ] {
        let (_, run, ours, theirs) = run_case(case);
        assert_eq!(run.all_drops(), 0, "{case}");
        assert_eq!(ours.len(), theirs.len());
        near(
            &format!("{case}: mean"),
            mean(&ours),
            mean(&theirs),
            mean_ppm,
        );
        near(&format!("{case}: p99"), p99(&ours), p99(&theirs), 150_000);
    }
}

#[test]
fn one_flow_takes_the_time_that_arithmetic_gives() {
    let (_, run, ..) = run_case("one_flow");
    near("1 GB at 100G", run.get("fct.max"), 83_844_160_000, 100);
    assert_eq!(run.results.flows[0].data_packets, 1_000_000);
}

#[test]
fn cases_at_other_rates_are_not_faster_than_their_links() {
    for (case, gbps) in [("rate_100G", 100), ("rate_400G", 400)] {
        let (input, run, ours, _) = run_case(case);
        near(case, ours[0], 1_000_000, 100);
        // 100,000 packets of 1,048 bytes, one more at the second hop, four links of 1 us, two ACKs.
        let packet = 1_048 * 8_000 / gbps;
        let exact = 100_001 * packet + 4_000_000 + 2 * 60 * 8_000 / gbps;
        assert_eq!(run.get("fct.max"), exact, "{case}");
        assert_eq!(input.model.flows.len(), 1);
    }
}

#[test]
fn flows_over_lossy_links_all_finish() {
    let (_, run, ours, theirs) = run_case("loss1e3_1000x20KB");
    assert_eq!(ours.len(), 1_000);
    assert_eq!(theirs.len(), 997, "the reference loses three");
    assert!(run.get("drops.link_error") > 0);
    assert_eq!(run.get("drops.link_error"), run.all_drops());
}

const CONFIG: &str = "\
TOPOLOGY_FILE topology.txt
FLOW_FILE flow.txt
FCT_OUTPUT_FILE fct.txt
PFC_OUTPUT_FILE pfc.txt
CC_MODE 1
ENABLE_QCN 0
PACKET_PAYLOAD_SIZE 1000
L2_CHUNK_SIZE 4000
L2_ACK_INTERVAL 1
SIMULATOR_STOP_TIME 10
HAS_WIN 0
ENABLE_TRACE 0
BUFFER_SIZE 64
";

/// Two hosts and a switch, and one flow.
fn two_hosts(rate: &str, bytes: u64, config: &str) -> Result<HpccInput, Vec<Diagnostic>> {
    let config = format!("{CONFIG}{config}");
    let topology = format!("3 1 2\n2\n0 2 {rate} 1000ns 0\n1 2 {rate} 1000ns 0\n");
    let flows = format!("1\n0 1 3 100 {bytes} 2.0\n");
    load_texts(&config, &topology, &flows)
}

fn load_texts(config: &str, topology: &str, flows: &str) -> Result<HpccInput, Vec<Diagnostic>> {
    hpcc::load("config.txt", &|name| match name {
        "config.txt" => Ok(config.to_owned()),
        "topology.txt" => Ok(topology.to_owned()),
        "flow.txt" => Ok(flows.to_owned()),
        other => Err(format!("no file `{other}`")),
    })
}

#[test]
fn effective_rate_is_the_line_rate() {
    for gbps in [10, 25, 40, 50, 100, 200, 400, 800] {
        let time = |bytes: u64| {
            let input = two_hosts(&format!("{gbps}Gbps"), bytes, "").unwrap();
            Run::of(input.model).get("fct.max")
        };
        let packets = 50_000;
        let span = time(2 * packets * 1_000) - time(packets * 1_000);
        let bits_per_second = u128::from(packets * 1_048 * 8) * 1_000_000_000_000;
        let rate = (bits_per_second / u128::from(span)) as u64;
        near(&format!("{gbps}G"), rate, gbps * 1_000_000_000, 100);
    }
}

#[test]
fn a_flow_may_exceed_32_bits() {
    let run = Run::of(two_hosts("400Gbps", 5_000_000_000, "").unwrap().model);
    let flow = &run.results.flows[0];
    assert_eq!(flow.status, FlowStatus::Completed);
    assert_eq!(flow.bytes_delivered, 5_000_000_000);
    assert_eq!(flow.data_packets, 5_000_000);
    near(
        "5 GB at 400G",
        run.get("fct.max"),
        5_000_000 * 1_048 * 20,
        100,
    );
}

#[test]
fn output_files_have_the_format_of_the_reference() {
    let scratch = Scratch::new("hpcc-format");
    let config = folder("incast16_nocc").join("config.txt");
    let out = scratch.path("out");
    let output = xoff(&[
        "run",
        "-q",
        "--hpcc",
        config.to_str().unwrap(),
        "--out",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for (name, columns) in [("fct", 8), ("pfc", 5)] {
        let ours = std::fs::read_to_string(Path::new(&out).join(format!("{name}.txt"))).unwrap();
        let expected = folder("incast16_nocc").join(format!("expected_{name}.txt"));
        let theirs = std::fs::read_to_string(expected).unwrap();
        assert!(ours.ends_with('\n'));
        for line in ours.lines().chain(theirs.lines()) {
            let fields: Vec<&str> = line.split(' ').collect();
            assert_eq!(fields.len(), columns, "{line}");
            assert!(
                fields.iter().all(|f| u64::from_str_radix(f, 16).is_ok()),
                "{line}"
            );
        }
        // Times ascend; as many lines as theirs, within 5 % for pauses.
        let times = |text: &str| -> Vec<u64> {
            let column = if name == "fct" { [5, 6] } else { [0, 0] };
            let time = |line: &str| -> u64 {
                let fields: Vec<&str> = line.split(' ').collect();
                let of = |i: usize| fields[i].parse::<u64>().unwrap();
                if column[0] == column[1] {
                    of(0)
                } else {
                    of(column[0]) + of(column[1])
                }
            };
            text.lines().map(time).collect()
        };
        assert!(times(&ours).is_sorted(), "{name}");
        let (a, b) = (ours.lines().count() as u64, theirs.lines().count() as u64);
        near(name, a, b, 50_000);
    }
}

#[test]
fn unknown_keys_are_reported_and_not_ignored_silently() {
    let input = two_hosts("100Gbps", 1_000, "MAX_RTT_TYPO 5\n");
    let reported = match &input {
        Ok(input) => input.notes.iter().any(|n| n.contains("MAX_RTT_TYPO")),
        Err(found) => found.iter().any(|d| d.message.contains("MAX_RTT_TYPO")),
    };
    assert!(reported, "{input:?}");
}

fn refused(config: &str, topology: &str, flows: &str, file: &str) -> Diagnostic {
    let found = load_texts(config, topology, flows).unwrap_err();
    let first = found.into_iter().next().expect("a diagnostic");
    assert_eq!(first.file, file, "{first:?}");
    first
}

#[test]
fn empty_and_truncated_files_are_refused() {
    let topology = "3 1 2\n2\n0 2 100Gbps 1000ns 0\n1 2 100Gbps 1000ns 0\n";
    let flows = "2\n0 1 3 100 1000 2.0\n1 0 3 100 1000 2.0\n";
    assert!(load_texts(CONFIG, topology, flows).is_ok());
    refused("", topology, flows, "config.txt");
    refused(CONFIG, "", flows, "topology.txt");
    refused(CONFIG, topology, "", "flow.txt");
    // Each file cut off in the middle of what it announces.
    for keep in 1..topology.trim_end().lines().count() {
        let cut: String = topology
            .lines()
            .take(keep)
            .map(|l| format!("{l}\n"))
            .collect();
        refused(CONFIG, &cut, flows, "topology.txt");
    }
    for keep in 1..flows.trim_end().lines().count() {
        let cut: String = flows.lines().take(keep).map(|l| format!("{l}\n")).collect();
        refused(CONFIG, topology, &cut, "flow.txt");
    }
    refused(CONFIG, topology, "1\n0 1 3 100\n", "flow.txt");
}

#[test]
fn nonsense_is_refused_where_it_stands() {
    let topology = "3 1 2\n2\n0 2 100Gbps 1000ns 0\n1 2 100Gbps 1000ns 0\n";
    let flows = "1\n0 1 3 100 1000 2.0\n";
    for (bad, file) in [
        (
            topology.replace("100Gbps 1000ns 0\n1", "0Gbps 1000ns 0\n1"),
            "topology.txt",
        ),
        (topology.replace("0 2 100", "0 9 100"), "topology.txt"),
        (topology.replace("0 2 100", "2 2 100"), "topology.txt"),
        (
            topology.replace("1000ns 0\n1", "1000parsec 0\n1"),
            "topology.txt",
        ),
    ] {
        refused(CONFIG, &bad, flows, file);
    }
    for bad in [
        "1\n0 0 3 100 1000 2.0\n",
        "1\n0 7 3 100 1000 2.0\n",
        "1\n0 1 9 100 1000 2.0\n",
    ] {
        let d = refused(CONFIG, topology, bad, "flow.txt");
        let line = 1 + bad[..d.span.start].matches('\n').count();
        assert_eq!(line, 2, "{d:?}");
    }
    let small = CONFIG.replace("BUFFER_SIZE 64", "BUFFER_SIZE 0");
    assert!(load_texts(&small, topology, flows).is_err());
}

#[test]
fn nothing_is_written_when_the_input_is_bad() {
    let scratch = Scratch::new("hpcc-bad");
    let config = scratch.file("config.txt", CONFIG);
    scratch.file("topology.txt", "3 1 2\n2\n0 2 100Gbps 1000ns 0\n");
    scratch.file("flow.txt", "1\n0 1 3 100 1000 2.0\n");
    let out = scratch.path("out");
    let output = xoff(&["run", "--hpcc", &config, "--out", &out]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty() && !Path::new(&out).exists());
    assert!(
        text(&output.stderr).contains("topology.txt:"),
        "{}",
        text(&output.stderr)
    );
}

/// Writes an input and gives the path of its configuration.
fn input(scratch: &Scratch, config: &str, topology: &str, flows: &str) -> String {
    scratch.file("topology.txt", topology);
    scratch.file("flow.txt", flows);
    scratch.file("config.txt", &format!("{CONFIG}{config}"))
}

/// Standard output and standard error of a run that succeeds.
fn good(arguments: &[&str]) -> (String, String) {
    let output = xoff(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{out}\n{err}");
    (out.to_owned(), err.to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// `senders` hosts send to host 0, all by switch `senders + 1`.
fn star(senders: u32, bytes: u64) -> (String, String) {
    let switch = senders + 1;
    let mut topology = format!("{} 1 {}\n{switch}\n", senders + 2, senders + 1);
    let mut flows = format!("{senders}\n");
    for host in 0..=senders {
        topology += &format!("{host} {switch} 100Gbps 1us 0\n");
    }
    for host in 1..=senders {
        flows += &format!("{host} 0 3 100 {bytes} 2.0\n");
    }
    (topology, flows)
}

/// Four switches in a circle, each with a host that sends to the host two switches on, so that
/// every link of the circle waits for the next.
#[test]
fn a_deadlock_is_found_and_its_cycle_named() {
    let scratch = Scratch::new("hpcc-deadlock");
    let mut topology = "10 5 10\n5 6 7 8 9\n".to_owned();
    let mut flows = "5\n".to_owned();
    for i in 0..5 {
        topology += &format!("{i} {} 100Gbps 1us 0\n", i + 5);
        topology += &format!("{} {} 100Gbps 1us 0\n", i + 5, (i + 1) % 5 + 5);
        flows += &format!("{i} {} 3 100 8000000 2.0\n", (i + 2) % 5);
    }
    let stop = "SIMULATOR_STOP_TIME 2.03\nBUFFER_SIZE 1\n";
    let config = input(&scratch, stop, &topology, &flows);
    let (out, _) = good(&["run", "-q", "--hpcc", &config]);
    assert!(out.contains("deadlock"), "{out}");
    for switch in ["s5", "s6", "s7", "s8", "s9"] {
        assert!(
            out.contains(&format!("{switch}>")) || out.contains(&format!("{switch}:")),
            "{out}"
        );
    }
}

#[test]
fn without_pfc_frames_are_dropped_and_irn_resends_them() {
    let scratch = Scratch::new("hpcc-irn");
    // Sixteen windows of 52 packets are more than half of the buffer.
    let (topology, flows) = star(16, 2_000_000);
    let small = "BUFFER_SIZE 1\nENABLE_PFC 0\nENABLE_IRN 1\n";
    let config = input(&scratch, small, &topology, &flows);
    let (out, err) = good(&["run", "--format", "json", "--hpcc", &config]);
    assert!(
        err.contains("an input for conweave-ns3: ENABLE_IRN (config.txt:"),
        "{err}"
    );
    assert!(out.contains("conweave-ns3 input config.txt"), "{out}");
    assert_eq!(read(&scratch.path("pfc.txt")), "");
    let fct = read(&scratch.path("fct.txt"));
    assert_eq!(fct.lines().count(), 16, "{fct}");
    let loaded = load_texts(&read(&config), &topology, &flows).unwrap();
    let run = Run::of(loaded.model);
    assert!(run.get("drops.total") > 0);
    // With PFC nothing is dropped, and pauses are logged.
    let config = input(&scratch, "BUFFER_SIZE 2\nENABLE_PFC 1\n", &topology, &flows);
    good(&["run", "-q", "--hpcc", &config]);
    assert!(read(&scratch.path("pfc.txt")).lines().count() > 16);
}

#[test]
fn an_exported_scenario_writes_the_same_files() {
    let cases = [
        ("CC_MODE 1\n", "1us 0\n"),
        ("HAS_WIN 1\nGLOBAL_T 0\nRATE_BOUND 0\n", "1us 0.001\n"),
        (
            "CC_MODE 3\nHAS_WIN 1\nVAR_WIN 1\nRATE_AI 50Mb/s\nRATE_HAI 50Mb/s\nMIN_RATE 100Mb/s\n",
            "1us 0\n",
        ),
        ("CC_MODE 7\nRATE_AI 50Mb/s\nRATE_HAI 50Mb/s\n", "1us 0\n"),
    ];
    for (n, (keys, link)) in cases.into_iter().enumerate() {
        let scratch = Scratch::new(&format!("hpcc-export{n}"));
        let (topology, flows) = star(5, 300_123);
        let topology = topology.replace("1us 0\n", link);
        let flows = flows.replacen("300123 2.0", "300123 2.000000577", 1);
        let more = format!(
            "{keys}QLEN_MON_FILE q/qlen.txt\nQLEN_MON_START 2000000000\nQLEN_MON_END 2000400000\n"
        );
        let config = input(&scratch, &more, &topology, &flows);
        let (a, b, toml) = (
            scratch.path("a"),
            scratch.path("b"),
            scratch.path("x/run.toml"),
        );
        good(&[
            "run", "-q", "--hpcc", &config, "--out", &a, "--export", &toml, "--seed", "9",
        ]);
        good(&["run", "-q", &toml, "--out", &b]);
        for file in ["fct.txt", "pfc.txt", "qlen.txt"] {
            let (ours, theirs) = (read(&format!("{a}/{file}")), read(&format!("{b}/{file}")));
            assert_eq!(ours, theirs, "{keys}: {file}");
        }
        assert_eq!(read(&format!("{a}/fct.txt")).lines().count(), 5, "{keys}");
        // Without --out the files go where they are named, from the scenario.
        good(&["run", "-q", &toml]);
        let beside = read(&scratch.path("x/fct.txt"));
        assert_eq!(beside, read(&format!("{a}/fct.txt")));
        assert!(read(&scratch.path("x/q/qlen.txt")).starts_with("time: "));
    }
}

#[test]
fn parameters_can_be_set() {
    let scratch = Scratch::new("hpcc-set");
    let (topology, flows) = star(6, 2_000_000);
    let config = input(&scratch, "BUFFER_SIZE 2\n", &topology, &flows);
    let run = |set: &[&str]| {
        let mut words = vec!["run", "-q", "--hpcc", &config];
        words.extend(set);
        good(&words);
        (
            read(&scratch.path("fct.txt")),
            read(&scratch.path("pfc.txt")),
        )
    };
    let plain = run(&[]);
    assert_eq!(run(&["--set", "simulation.sample=off"]), plain);
    let (fct, pfc) = run(&["--set", "switch.default.pfc.send=false"]);
    assert!(pfc.is_empty() && !plain.1.is_empty());
    assert_ne!(fct, plain.0);
    let output = xoff(&[
        "run",
        "--hpcc",
        &config,
        "--set",
        "switch.default.pfc.mod=off",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("did you mean `mode`?"),
        "{}",
        text(&output.stderr)
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn queue_lengths_are_counted() {
    let scratch = Scratch::new("hpcc-qlen");
    let (topology, flows) = star(2, 1_000_000);
    let keys = "QLEN_MON_FILE qlen.txt\nQLEN_MON_START 1999999900\nQLEN_MON_END 2200000000\n";
    let config = input(&scratch, keys, &topology, &flows);
    good(&["run", "-q", "--hpcc", &config]);
    let qlen = read(&scratch.path("qlen.txt"));
    let blocks: Vec<&str> = qlen.split("time: ").skip(1).collect();
    let times: Vec<&str> = blocks.iter().filter_map(|b| b.lines().next()).collect();
    // Every 100 ms, the first at the start of simulated time; the last look ends it.
    assert_eq!(times, ["2000000000", "2100000000", "2200000000"]);
    for (block, looks) in blocks.iter().zip([1u64, 1_000_001, 2_000_001]) {
        let rows: Vec<Vec<u64>> = (block.lines().skip(1))
            .map(|l| l.split(' ').map(|n| n.parse().unwrap()).collect())
            .collect();
        assert_eq!(rows.len(), 3);
        for (port, row) in (1..).zip(&rows) {
            assert_eq!(row[..2], [3, port]);
            assert_eq!(row[2..].iter().sum::<u64>(), looks, "{block}");
        }
    }
    // Two senders at once fill the queue to host 0, the first port, with a million bytes.
    let longest = blocks[2].lines().nth(1).unwrap().split(' ').count() - 3;
    near("longest queue in kB", longest as u64, 1_048, 30_000);
    assert_eq!(blocks[2].lines().nth(2).unwrap().split(' ').count(), 3);
}

#[test]
fn traced_nodes_are_traced_and_absent_ones_skipped() {
    let scratch = Scratch::new("hpcc-trace");
    let (topology, flows) = star(2, 2_500);
    scratch.file("trace.txt", "4\n0 3 66 70\n");
    let keys = "TRACE_FILE trace.txt\nTRACE_OUTPUT_FILE mix.tr\nENABLE_TRACE 1\n";
    let config = input(&scratch, keys, &topology, &flows);
    let (_, err) = good(&[
        "run",
        "--hpcc",
        &config,
        "--pcap",
        &scratch.path("all.pcapng"),
    ]);
    assert!(
        err.contains(
            "trace.txt:2: 2 nodes, the first of them 66, are not in the topology; skipped"
        ),
        "{err}"
    );
    assert!(
        err.contains("the capture shows them with the headers of RoCEv2"),
        "{err}"
    );
    let bytes = std::fs::read(scratch.path("mix.tr")).unwrap();
    // Six ports, 11 bytes each, between a count and a window.
    assert_eq!(bytes[..4], 6u32.to_le_bytes());
    let records = &bytes[4 + 6 * 11 + 4..];
    assert_eq!(records.len() % 56, 0);
    let records: Vec<&[u8]> = records.chunks(56).collect();
    let of = |node: u16, event: u8, protocol: u8| {
        let found = records
            .iter()
            .filter(|r| r[8..10] == node.to_le_bytes() && r[27] == event && r[26] == protocol);
        found.count()
    };
    // Two flows of three packets and as many ACKs, received and sent by switch 3 and host 0.
    assert_eq!((of(0, 0, 0x11), of(0, 2, 0xfc)), (6, 6));
    assert_eq!((of(3, 0, 0x11), of(3, 2, 0x11)), (6, 6));
    assert_eq!((of(3, 0, 0xfc), of(3, 2, 0xfc)), (6, 6));
    assert_eq!(records.len(), 6 * 6);
    let time = |r: &[u8]| u64::from_le_bytes(r[..8].try_into().unwrap());
    assert!(records.iter().map(|r| time(r)).is_sorted());
    // A packet of 1,048 bytes and a link of 1 us after the start.
    assert_eq!(time(records[0]), 2_000_001_083);
    let last = records.iter().rfind(|r| r[26] == 0x11).unwrap();
    assert_eq!(
        last[50..52],
        500u16.to_le_bytes(),
        "payload of the last packet"
    );
}

#[test]
fn files_of_mix_are_written_where_they_were_read() {
    let scratch = Scratch::new("hpcc-mix");
    let (topology, flows) = star(1, 1_000);
    std::fs::create_dir(scratch.path("mix")).unwrap();
    scratch.file("mix/topology.txt", &topology);
    scratch.file("mix/flow.txt", &flows);
    let config = CONFIG
        .replace("FILE topology.txt", "FILE mix/topology.txt")
        .replace("FILE flow.txt", "FILE mix/flow.txt")
        .replace("FILE fct.txt", "FILE mix/fct.txt")
        .replace("FILE pfc.txt", "FILE mix/pfc.txt");
    let config = scratch.file("mix/config.txt", &config);
    good(&["run", "-q", "--hpcc", &config]);
    assert_eq!(read(&scratch.path("mix/fct.txt")).lines().count(), 1);
}

#[test]
fn a_matrix_of_htsim_is_traffic() {
    let scratch = Scratch::new("htsim");
    let matrix = "Nodes 4\nConnections 3\nTriggers 1\n0->3 start 0 size 20000\n\
                  1->3 id 1 start 5000000 size 1000 recv_done_trigger 1\n\
                  3->2 id 2 trigger 1 size 500\ntrigger id 1 oneshot\n";
    scratch.file("some.cm", matrix);
    let scenario = "[topology]\nkind = \"star\"\nhosts = 4\n\
                    [[traffic]]\nkind = \"htsim\"\nfile = \"some.cm\"\n";
    let toml = scratch.file("run.toml", scenario);
    let csv = scratch.path("csv");
    good(&["run", "-q", &toml, "--csv", &csv]);
    let flows = read(&format!("{csv}/flows.csv"));
    assert_eq!(flows.lines().count(), 4, "{flows}");
    scratch.file("some.cm", &matrix.replace("oneshot", "barrier"));
    let output = xoff(&["run", &toml]);
    assert_eq!(output.status.code(), Some(2));
    let err = text(&output.stderr);
    assert!(
        err.contains("some.cm:7:14") && err.contains("`barrier` is not supported"),
        "{err}"
    );
}
