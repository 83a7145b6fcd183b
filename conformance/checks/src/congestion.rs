//! Congestion notification: CC.

use crate::page::{Deviation, Symptom, pages};

/// CC-01: Marked data are not answered.
pub static NO_CNP: Symptom = Symptom { name: "no-cnp" };

pages! {
    CC_01 {
        id: "CC-01",
        name: "cnp-for-ce",
        title: "Marked data cause CNPs, and only they do",
        why: "Without CNPs the sender never slows down, and the network has to pause it.",
        cure: "Enable the notification point for the priority (roce_np) and let CNPs pass.",
        source: "IBTA A17.9",
        symptoms: &[&NO_CNP],
        deviations: &[Deviation {
            id: "D-RXE-04",
            profiles: &["rxe"],
            symptoms: &[&NO_CNP],
            what: "congestion marks are not answered with CNPs",
            citation: "Linux 6.12 rxe_recv.c:340",
        }],
    }
    CC_02 {
        id: "CC-02",
        name: "cnp-spacing",
        title: "CNPs are as far apart as configured",
        why: "Adapters limit CNPs per port, address or queue pair; a scope that is too wide leaves \
              senders unwarned.",
        cure: "Set min_time_between_cnps, and learn the scope of the adapter.",
        source: "DCQCN, SIGCOMM 2015",
    }
    CC_03 {
        id: "CC-03",
        name: "cnp-count",
        title: "As many CNPs are sent as the marks call for",
        why: "Fewer mean that the notification point is overloaded or CNPs are lost.",
        cure: "Give CNPs a strict, lossless class.",
        source: "DCQCN, SIGCOMM 2015",
    }
    CC_04 {
        id: "CC-04",
        name: "cnp-on-nak",
        title: "CNPs on loss are as the adapter's profile says",
        why: "Some adapters slow down at a NAK as well.",
        cure: "Check the setting for slow restart.",
        source: "Lumina, SIGCOMM 2023",
    }
    CC_14 {
        id: "CC-14",
        name: "ecn-bits",
        title: "Only ECN-capable packets are marked, and marks stay",
        why: "A device that clears marks hides congestion; one that marks others makes them look \
              congested.",
        cure: "Check ECN handling of tunnels, and the marking profile of each queue.",
        source: "RFC 3168, 5; IBTA A17.9",
    }
    CC_15 {
        id: "CC-15",
        name: "cnp-counters",
        title: "CNP counters equal what is on the wire",
        why: "Operators tune by them.",
        cure: "Update the driver.",
        source: "NVIDIA: np_cnp_sent, rp_cnp_handled",
    }
}
