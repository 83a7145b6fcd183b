//! Captures: T.

use crate::page::pages;

pages! {
    T_01 {
        id: "T-01",
        name: "trace-complete",
        title: "The trace is complete: nothing lost in capture, times monotone",
        why: "Conclusions from what is missing would be wrong.",
        cure: "Capture with a larger ring, a smaller snaplen, or hardware mirroring.",
        source: "this project",
    }
    T_02 {
        id: "T-02",
        name: "trace-sufficient",
        title: "The trace has what the checks need: both directions, whole headers",
        why: "One direction, or cut frames, leave questions open.",
        cure: "Capture at the host, both directions, with at least 128 bytes of each frame.",
        source: "this project",
    }
}
