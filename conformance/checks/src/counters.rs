//! Counters: N.

use crate::catalogue::pages;

pages! {
    N_01 {
        id: "N-01",
        name: "counter-exact",
        title: "Counters equal what is on the wire",
        why: "They are all that an operator sees.",
        cure: "Update the driver.",
    }
    N_02 {
        id: "N-02",
        name: "counter-moves",
        title: "Every counter moves when its event happens",
        why: "A stuck counter hides the fault.",
        cure: "Update the firmware.",
    }
    N_03 {
        id: "N-03",
        name: "host-discards",
        title: "Hosts do not discard frames",
        why: "A host that discards lossless traffic should have paused.",
        cure: "Check ring sizes, PCIe and flow control of the host.",
    }
}
