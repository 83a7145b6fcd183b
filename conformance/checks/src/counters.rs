//! Counters: N.

use crate::page::{Deviation, Symptom, pages};

/// N-02: `implied_nak_seq_err` does not move.
pub static IMPLIED_NAK_STUCK: Symptom = Symptom {
    name: "implied-nak-stuck",
};

pages! {
    N_01 {
        id: "N-01",
        name: "counter-exact",
        title: "Counters equal what is on the wire",
        why: "They are all that an operator sees.",
        cure: "Update the driver.",
        source: "Lumina, SIGCOMM 2023",
    }
    N_02 {
        id: "N-02",
        name: "counter-moves",
        title: "Every counter moves when its event happens",
        why: "A stuck counter hides the fault.",
        cure: "Update the firmware.",
        source: "Lumina, SIGCOMM 2023",
        symptoms: &[&IMPLIED_NAK_STUCK],
        deviations: &[Deviation {
            id: "D-CX4-01",
            profiles: &["cx4"],
            symptoms: &[&IMPLIED_NAK_STUCK],
            what: "implied_nak_seq_err does not move",
            citation: "Lumina, SIGCOMM 2023",
        }],
    }
    N_03 {
        id: "N-03",
        name: "host-discards",
        title: "Hosts do not discard frames",
        why: "A host that discards lossless traffic should have paused.",
        cure: "Check ring sizes, PCIe and flow control of the host.",
        source: "Linux ethtool: rx_discards_phy",
    }
}
