//! Inputs of the HPCC ns-3 simulator: against its results, and against arithmetic.

use crate::cli::{Scratch, text, xoff};
use crate::support::{Run, near};
use std::path::{Path, PathBuf};
use xoff_sim::compat::hpcc::{self, HpccInput};
use xoff_sim::plan::Diagnostic;
use xoff_sim::results::FlowStatus;

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
    let fct = hpcc::fct_text(&input, &run.results);
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
