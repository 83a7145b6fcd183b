//! PFC headroom: enough in the worst case, and one frame less is not.

use crate::support::{Run, load};
use xoff_model::headroom::{auto_for_frames, response_time, roce_frame_bytes};
use xoff_model::results::DropCause;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Length};

const GBPS: [u64; 6] = [10, 25, 40, 100, 200, 400];
const METRES: [u64; 3] = [3, 100, 300];
const MTUS: [u32; 3] = [1_024, 2_048, 4_096];
/// Both ends of every link together, and the switch's pipeline.
const PHY_NS: u64 = 200;
const SWITCH_NS: u64 = 600;

fn calculated(gbps: u64, metres: u64, mtu: u32) -> u64 {
    let rate = BitRate::from_gbps(gbps);
    let delay = Length(metres * 1_000).propagation() + SimDuration::from_ns(PHY_NS);
    let response = response_time(rate) + SimDuration::from_ns(SWITCH_NS);
    auto_for_frames(rate, delay, roce_frame_bytes(mtu, false, false), response).0
}

/// The worst case: `h2` sends to `h0`, whose NIC has stopped the switch; every frame carries a
/// RETH and so is the largest; and just before the frame that crosses the threshold is in, the
/// switch has begun to send a frame of the same size to `h2`.
fn worst_case(gbps: u64, metres: u64, mtu: u32, headroom: &str) -> Run {
    let frame = u64::from(roce_frame_bytes(mtu, false, false));
    let xoff = 20 * frame + 1;
    let bytes = 20 * u64::from(mtu) + 2 * calculated(gbps, metres, mtu);
    let until = 200_000 + 3 * bytes * 8 / gbps;
    let text = format!(
        r#"
until = "{until}ns"
[topology]
kind = "star"
hosts = 3
rate = "{gbps}Gbps"
cable = "{metres}m"
phy_delay = "{PHY_NS}ns"
[switch.default]
latency = "{SWITCH_NS}ns"
pfc.mode = "pfc"
buffer = {{ size = "64MiB", xoff = "{xoff}B", headroom = "{headroom}" }}
[nic.default]
mtu = {mtu}
pfc.mode = "pfc"
[[fault]]
kind = "pause-storm"
node = "h0"
[[traffic]]
name = "forward"
kind = "flows"
start = "100us"
transport = "uc"
message = "{mtu}B"
flow = [{{ src = "h2", dst = "h0", bytes = "{bytes}B" }}]
[[traffic]]
name = "reverse"
kind = "flows"
start = "100us"
transport = "uc"
priority = 0
message = "{mtu}B"
flow = [{{ src = "h1", dst = "h2", bytes = "1GB" }}]
"#
    );
    let mut plan = load(&text).unwrap_or_else(|e| panic!("{e:#?}"));
    Run::of(plan.cases.remove(0).model)
}

#[test]
fn calculated_headroom_loses_nothing_and_one_frame_less_does() {
    for gbps in GBPS {
        for metres in METRES {
            for mtu in MTUS {
                let what = format!("{gbps}G {metres} m MTU {mtu}");
                let bytes = calculated(gbps, metres, mtu);
                let frame = u64::from(roce_frame_bytes(mtu, false, false));
                let enough = worst_case(gbps, metres, mtu, "auto");
                assert_eq!(enough.get("drops.total"), 0, "{what}");
                let peak = enough.get("headroom.peak[node=sw0]");
                assert!(
                    peak <= bytes && peak + frame > bytes,
                    "{what}: {peak} of {bytes}"
                );
                let short = worst_case(gbps, metres, mtu, &format!("{}B", bytes - frame));
                let lost = short.drops(DropCause::HeadroomFull);
                assert!(lost > 0, "{what}: one frame less than {bytes} is enough");
                assert_eq!(lost, short.all_drops(), "{what}");
            }
        }
    }
}

/// Small frames in whole cells, or counted with preamble and gap, or without any on the wire.
#[test]
fn headroom_covers_what_frames_take_in_the_buffer() {
    let run = |framing: &str, message: u32, buffer: &str, headroom: &str| {
        let text = format!(
            r#"
until = "2ms"
[simulation.framing]
{framing}
[topology]
kind = "star"
hosts = 3
cable = "300m"
[switch.default]
pfc.mode = "pfc"
buffer = {{ size = "64MiB", xoff = "50001B", headroom = "{headroom}", {buffer} }}
[nic.default]
mtu = 1024
pfc.mode = "pfc"
[[fault]]
kind = "pause-storm"
node = "h0"
[[traffic]]
kind = "flows"
start = "100us"
transport = "uc"
message = "{message}B"
flow = [{{ src = "h2", dst = "h0", bytes = "1MB" }}]
[[traffic]]
kind = "flows"
start = "100us"
transport = "uc"
priority = 0
message = "1024B"
flow = [{{ src = "h1", dst = "h2", bytes = "100MB" }}]
"#
        );
        let mut plan = load(&text).unwrap_or_else(|e| panic!("{e:#?}"));
        Run::of(plan.cases.remove(0).model).drops(DropCause::HeadroomFull)
    };
    let bytes = format!("{}B", calculated(100, 300, 1_024));
    let fixed = "kind = \"fixed\"\ndata_overhead = 1\ncontrol_bytes = 60";
    for (framing, message, buffer) in [
        ("", 64, "cell = \"208B\""),
        ("vlan = true\nipv6 = true", 64, "cell = \"256B\""),
        ("", 1_024, "occupancy = \"wire\""),
        (fixed, 64, "cell = \"80B\""),
    ] {
        assert_eq!(
            run(framing, message, buffer, "auto"),
            0,
            "{framing} {buffer}"
        );
        assert!(
            run(framing, message, buffer, &bytes) > 0,
            "{framing} {buffer}"
        );
    }
}

#[test]
fn a_buffer_smaller_than_its_headrooms_is_refused_with_the_numbers() {
    let text = r#"
[topology]
kind = "star"
hosts = 32
cable = "300m"
[switch.default]
pfc.mode = "pfc"
buffer.size = "2MiB"
[[traffic]]
kind = "incast"
bytes = "1MB"
"#;
    let found = load(text).unwrap_err();
    assert_eq!(found.len(), 1, "{found:#?}");
    let d = &found[0];
    let all = format!("{} {} {:?}", d.message, d.label, d.help);
    for wanted in ["32 ports", "headroom", "buffer.size"] {
        assert!(all.contains(wanted), "{all}");
    }
    assert_eq!(&text[d.span.clone()], "\"2MiB\"");
}

/// Three senders fill a shared pool of headroom, or headroom of their own.
#[test]
fn an_exhausted_pool_is_told_from_exhausted_headroom() {
    let run = |headroom: &str| {
        let text = format!(
            r#"
until = "1ms"
[topology]
kind = "star"
hosts = 4
cable = "300m"
[switch.default]
pfc.mode = "pfc"
buffer = {{ size = "4MiB", xoff = "50kB", {headroom} }}
[nic.default]
pfc = {{ mode = "pfc", obey = false }}
[[traffic]]
kind = "incast"
bytes = "2MB"
"#
        );
        let mut plan = load(&text).unwrap_or_else(|e| panic!("{e:#?}"));
        let r = Run::of(plan.cases.remove(0).model);
        let own = r.drops(DropCause::HeadroomFull);
        let pool = r.drops(DropCause::HeadroomPoolFull);
        assert_eq!(own + pool, r.get("drops.lossless"));
        (own, pool)
    };
    let (own, pool) = run("headroom = \"40kB\"");
    assert!(own > 0 && pool == 0, "{own} {pool}");
    let (own, pool) = run("headroom_pool = \"40kB\"");
    assert!(own == 0 && pool > 0, "{own} {pool}");
}
