//! WRED: what happens to packets that cannot be marked, or are not to be.

use crate::support::{Run, run};
use xoff_model::results::DropCause;

/// Threshold of the queue, in bytes: none is chosen up to it, all are above it.
const K: u64 = 60_000;

/// Two hosts send to `h0` at once; `ecn` says whether they are ECN-capable.
fn incast(ecn: bool, rest: &str) -> Run {
    run(&format!(
        r#"
until = "100ms"
[topology]
kind = "star"
hosts = 3
[switch.default.ecn]
kmin = "{K}B"
kmax = "{K}B"
{rest}
[nic.default]
timeout = "1ms"
[[traffic]]
kind = "incast"
receiver = "h0"
bytes = "4MB"
ecn = {ecn}
"#
    ))
}

/// Marked, dropped by WRED, dropped in all.
fn outcome(r: &Run) -> [bool; 3] {
    let wred = r.drops(DropCause::Wred);
    assert_eq!(wred, r.get("drops.wred"));
    [r.get("ecn.marked"), wred, r.all_drops()].map(|n| n > 0)
}

#[test]
fn who_cannot_be_marked_is_dropped_where_wred_is_told_to() {
    for (ecn, rest, wanted) in [
        (true, "", [true, false, false]),
        (true, "not_ect = \"drop\"", [true, false, false]),
        (false, "", [false, false, false]),
        (false, "not_ect = \"drop\"", [false, true, true]),
        (true, "mode = \"drop\"", [false, true, true]),
        (false, "mode = \"drop\"", [false, true, true]),
    ] {
        let r = incast(ecn, rest);
        assert_eq!(outcome(&r), wanted, "{ecn} {rest}");
        assert_eq!(r.get("flows.unfinished"), 0, "{ecn} {rest}");
        if wanted[1] {
            // Who comes when the queue is above the threshold does not join it.
            let port = r.port("sw0", "h0");
            let frame = 14 + 20 + 8 + 12 + 16 + 4_096 + 4 + 4;
            let peak = port.priority[3].queue_peak.0;
            assert!((K..=K + frame).contains(&peak), "{peak}");
            assert_eq!(r.drops(DropCause::Wred), r.all_drops());
            assert_eq!(r.get("drops.wred[port=sw0>h0]"), r.all_drops());
        }
    }
}
