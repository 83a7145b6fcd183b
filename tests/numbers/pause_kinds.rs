//! Two kinds of pause, PFC and 802.3x: what each port counts, and what it does not obey.

use crate::support::{Run, run};

/// `h0` pauses its switch from 100 us to 300 us; `h1` sends to it.
fn storm(switch: &str, nic: &str, priorities: &str) -> Run {
    run(&format!(
        r#"
until = "1ms"
[topology]
kind = "star"
hosts = 2
[switch.default]
{switch}
[nic.default]
{nic}
timeout = 0
[[fault]]
kind = "pause-storm"
node = "h0"
{priorities}
at = "100us"
until = "300us"
[[traffic]]
kind = "flows"
flow = [{{ src = "h1", dst = "h0", bytes = "1MB" }}]
"#
    ))
}

fn mode(mode: &str) -> String {
    format!("pfc = {{ mode = \"{mode}\", quanta = 10000, response = \"1us\" }}")
}

/// Refreshed at half its 51.2 us, a storm of 200 us takes 8 frames, and a resume.
const FRAMES: [u64; 3] = [8, 8, 1];

fn frames(r: &Run) -> [u64; 3] {
    ["pause.sent", "pause.frames", "pause.resumes"].map(|name| r.get(name))
}

#[test]
fn a_frame_of_either_kind_counts_once() {
    for kind in ["pfc", "802.3x"] {
        let r = storm(&mode(kind), &mode(kind), "");
        assert_eq!(frames(&r), FRAMES, "{kind}");
        assert_eq!(r.get("pause.ignored"), 0, "{kind}");
        // Held for 200 us, and the resume waits for at most a frame.
        let time = r.get("pause.time");
        assert!(time.abs_diff(200_000_000) < 100_000, "{kind}: {time}");
        let port = r.port("sw0", "h0");
        let whole = [port.rx_global_pause, port.rx_global_resume];
        let class = [port.priority[3].rx_pause, port.priority[3].rx_resume];
        let (counts, other) = match kind {
            "pfc" => (class, whole),
            _ => (whole, class),
        };
        assert_eq!((counts, other), ([8, 1], [0, 0]), "{kind}");
        assert_eq!(port.rx_frames, r.port("h0", "sw0").tx_frames, "{kind}");
    }
}

#[test]
fn a_port_counts_the_pauses_that_it_does_not_obey() {
    let deaf = "pfc = { mode = \"pfc\", obey = false }".to_owned();
    let other = "pfc = { mode = \"pfc\", priorities = [4] }".to_owned();
    for (switch, nic) in [
        (mode("pfc"), mode("802.3x")),
        (mode("802.3x"), mode("pfc")),
        (mode("off"), mode("pfc")),
        (mode("off"), mode("802.3x")),
        (deaf, mode("pfc")),
        (other, mode("pfc")),
    ] {
        let r = storm(&switch, &nic, "");
        let at = format!("{switch} {nic}");
        assert_eq!(frames(&r), FRAMES, "{at}");
        assert_eq!(r.get("pause.ignored"), 8, "{at}");
        assert_eq!(r.get("pause.time"), 0, "{at}");
        let port = r.port("sw0", "h0");
        let by_class = if nic == mode("pfc") { 8 } else { 0 };
        assert_eq!(port.priority[3].rx_pause_ignored, by_class, "{at}");
        assert_eq!(port.rx_pause_ignored, port.pauses_received(), "{at}");
        assert!(r.all_completed(), "{at}");
    }
}

#[test]
fn a_frame_that_is_obeyed_in_part_tells_which_class_is_not() {
    let r = storm(&mode("pfc"), &mode("pfc"), "priorities = [3, 4]");
    let port = r.port("sw0", "h0");
    assert_eq!(port.priority[3].rx_pause_ignored, 0);
    assert_eq!(port.priority[4].rx_pause_ignored, 8);
    assert_eq!(port.rx_pause_ignored, 8);
    assert!(!port.priority[3].rx_pause_duration.is_zero());
}
