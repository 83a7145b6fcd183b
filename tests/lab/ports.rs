//! Real interfaces at the wire, and the wire as a switch.

use super::{Lab, PINGPONG, XOFF, text};
use crate::cli::{Scratch, xoff_in};
use crate::support::{has_program, skip};
use std::fs;
use std::process::{Command, Output};

/// A host in a network namespace of its own asks another through the wire: one port is a TAP
/// interface, the other one end of a pair.
const SCRIPT: &str = r#"
set -e
ip link set lo up
ip link add p1 type veth peer name p2
ip link set p1 up
unshare -n sleep 300 &
other=$!
network() { readlink /proc/$1/ns/net; }
until [ "$(network $other)" != "$(network $$)" ]; do sleep 0.01; done
ip link set p2 netns $other
in_other() { nsenter -t $other -n "$@"; }
in_other ip addr add 10.0.0.2/24 dev p2
in_other ip link set p2 up
"$1" lab wire wire.toml --port h0=tap:x0 --port h1=packet:p1 --for 300s \
    --pcap a.pcapng --format json > report.json 2> up &
wire=$!
for i in $(seq 600); do grep -q 'is up' up && break; sleep 0.1; done
ip addr add 10.0.0.1/24 dev x0
# Nobody listens there, but the refusal comes from the other side.
timeout 60 bash -c 'echo > /dev/tcp/10.0.0.2/9' 2>&1 | grep -q refused && echo reached
kill $wire
wait $wire
ip link show x0 > /dev/null 2>&1 || echo gone
kill $other
"#;

/// Whether there can be networks with interfaces; if not, a note says why.
fn can_make_interfaces(test: &str) -> bool {
    let probe = "ip link add p1 type veth peer name p2 && ip tuntap add dev x0 mode tap";
    let probed = Command::new("unshare")
        .args(["-n", "sh", "-c", probe])
        .output();
    let why = match probed {
        Ok(done) if done.status.success() => return true,
        Ok(done) => text(&done.stderr).trim().to_owned(),
        Err(e) => format!("unshare: {e}"),
    };
    skip(test, &why);
    false
}

/// Runs a script in a network of its own.
fn in_network(scratch: &Scratch, script: &str) -> Output {
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", script, "sh", XOFF]);
    command.current_dir(scratch.dir()).output().unwrap()
}

/// One port hears everything while it is one, and then goes away.
const REMOVED: &str = r#"
ip link add p1 type veth peer name p2
ip link set p1 up
ip link set p2 up
"$1" lab wire lab.toml --port h0=tap:x0 --port h1=packet:p1 --for 300s 2> up &
wire=$!
for i in $(seq 600); do grep -q 'is up' up && break; sleep 0.1; done
ip -d link show p1 | grep -o 'promiscuity 1'
ip link set p1 down
ip link set p1 up
sleep 0.3
kill -0 $wire && ip link del p1
wait $wire
echo "status $?"
"#;

#[test]
fn an_interface_that_goes_away_ends_the_wire() {
    if !can_make_interfaces("an_interface_that_goes_away_ends_the_wire") {
        return;
    }
    let scratch = Scratch::new("t-gone");
    scratch.file("lab.toml", super::SCENARIO);
    let done = in_network(&scratch, REMOVED);
    let told = fs::read_to_string(scratch.path("up")).unwrap();
    assert_eq!(text(&done.stdout), "promiscuity 1\nstatus 2\n", "{told}");
    assert!(
        told.contains("h1 (packet:p1): the interface is gone"),
        "{told}"
    );
}

#[test]
fn interfaces_are_ports_of_a_wire() {
    if !can_make_interfaces("interfaces_are_ports_of_a_wire") {
        return;
    }
    let scratch = Scratch::new("t-ports");
    let scenario = "[topology]\nkind = \"star\"\nhosts = 2\nrate = \"10Gbps\"\n\
                    [[rule]]\nname = \"refusals\"\naction = \"duplicate\"\nclass = \"tcp\"\n\
                    from = \"h1\"\n";
    scratch.file("wire.toml", scenario);
    let done = in_network(&scratch, SCRIPT);
    let out = text(&done.stdout);
    let up = fs::read_to_string(scratch.path("up")).unwrap_or_default();
    assert_eq!(out, "reached\ngone\n", "{}{up}", text(&done.stderr));
    let report = fs::read(scratch.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert!(report["rules"][0]["applied"].as_u64() > Some(0), "{report}");
    assert!(report["forwarded"].as_u64() > Some(3), "{report}");
    let trace = ["trace", "--format", "json", "a.pcapng"];
    let trace = xoff_in(scratch.dir(), &trace);
    assert!(trace.status.code().is_some_and(|code| code < 2));
}

#[test]
fn ports_that_cannot_be_are_refused() {
    let scratch = Scratch::new("t-noports");
    scratch.file("lab.toml", super::SCENARIO);
    for (ports, message) in [
        (["h0=tap:", "h1=tap:b"], "names no interface"),
        (["h0=pcap:a", "h1=tap:b"], "expected tap:NAME"),
        (["h7=tap:a", "h1=tap:b"], "no such host"),
        (["h1=tap:a", "1=tap:b"], "has a port already"),
        (["h0=packet:no-such-port", "h1=packet:b"], "cannot open"),
    ] {
        let [a, b] = ports;
        let arguments = ["lab", "wire", "lab.toml", "--port", a, "--port", b];
        let done = xoff_in(scratch.dir(), &arguments);
        let told = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{told}");
        assert!(told.contains(message), "{told}");
    }
}

/// A slow switch that marks, and is paused by a rule now and then.
#[test]
fn kernels_meet_a_switch() {
    let Some(lab) = Lab::new("switch") else {
        return;
    };
    if !has_program("switch", PINGPONG) {
        return;
    }
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/topologies/lab/switch.toml");
    // The longest pause there is, 336 ms: however slow this machine is, a message comes into it.
    let scenario = fs::read_to_string(example).unwrap();
    let long = scenario.replace("quanta = 1000\n", "quanta = 65535\n");
    assert_ne!(long, scenario);
    fs::write(lab.dir.join("lab.toml"), long).unwrap();
    let pingpong = "ibv_rc_pingpong -e -d $XOFF_DEVICE -g 1 -n 20 -s 65536";
    let server = format!("h0={pingpong}");
    let client = format!("h1=sleep 1; {pingpong} $XOFF_PEER");
    let arguments = [
        "--switch", "--format", "json", "--on", &server, "--on", &client,
    ];
    let done = lab.run(&arguments);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let to_h0 = &report["wire"]["switch"][0];
    assert_eq!(to_h0["name"], "h0");
    let count = |name: &str| to_h0[name].as_u64().unwrap();
    // 20 messages of 64 packets, each of which is answered with an acknowledgement at least.
    assert!(count("sent") >= 20 * 64 + 20, "{to_h0}");
    // One more frame than the largest was there at once.
    assert!(count("peak_queue") > 1_200, "{to_h0}");
    // Every fifth acknowledgement of 20 or more.
    assert!(count("pauses_received") >= 4, "{to_h0}");
    assert!(count("paused_us") > 0, "{to_h0}");
    // 2 x 20 messages of 64 KiB at 200 Mb/s.
    let ran = report["guests"][0]["ran_ms"].as_u64();
    assert!(ran > Some(2 * 20 * 65_536 * 8 / 200_000), "{ran:?}");
    lab.assert_clean();
}
