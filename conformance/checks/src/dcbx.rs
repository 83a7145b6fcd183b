//! Link discovery and DCBX: X.

use crate::page::pages;

pages! {
    X_02 {
        id: "X-02",
        name: "tlv-sanity",
        title: "TLVs have the right length, known algorithms, and shares that add up to 100",
        why: "Receivers may drop the whole exchange.",
        cure: "Correct the ETS shares; update the sender.",
        source: "IEEE 802.1AB, 9; 802.1Q, annex D",
    }
    X_04 {
        id: "X-04",
        name: "pfc-agreement",
        title: "Both ends use PFC on the same priorities",
        why: "Where only one end pauses or obeys, data are lost.",
        cure: "Enable the same priorities on both ends, or make the host willing.",
        source: "IEEE 802.1Q, 38",
    }
    X_05 {
        id: "X-05",
        name: "ttl",
        title: "Neighbours are heard before their TTL expires",
        why: "After that the settings fall back to the local ones.",
        cure: "Check that the LLDP agent runs and that nothing filters its frames.",
        source: "IEEE 802.1AB, 9",
    }
    X_06 {
        id: "X-06",
        name: "dialect",
        title: "Both ends speak the same DCBX dialect",
        why: "IEEE and CEE do not understand each other.",
        cure: "Configure the IEEE dialect on both ends.",
        source: "IEEE 802.1Q, 38; DCBX 1.01",
    }
    X_07 {
        id: "X-07",
        name: "cee-handshake",
        title: "The CEE sequence numbers are acknowledged, without error bits",
        why: "Settings take effect only then.",
        cure: "Restart the exchange on both ends; compare their configurations.",
        source: "DCBX 1.01",
    }
    X_08 {
        id: "X-08",
        name: "app-priority",
        title: "RoCE has an application entry whose priority is lossless",
        why: "A host that learns its priority from the switch would otherwise use class 0.",
        cure: "Announce UDP 4791 (or the DSCP) with the priority that has PFC.",
        source: "IEEE 802.1Q, annex D",
    }
    X_09 {
        id: "X-09",
        name: "tlv-set",
        title: "All TLVs that management needs are there",
        why: "Tools verify the wiring by them.",
        cure: "Enable the missing TLVs on the switch port.",
        source: "Microsoft: physical network requirements",
    }
    X_10 {
        id: "X-10",
        name: "mismatch-loud",
        title: "A mismatch that turns PFC off does not go unnoticed",
        why: "Some switches disable PFC silently when the exchange fails.",
        cure: "Compare the operational state at both ends; correct the configuration, or force PFC \
               on.",
        source: "IEEE 802.1Q, 38",
    }
    X_11 {
        id: "X-11",
        name: "convergence",
        title: "The exchange settles after a few frames",
        why: "Ends that alternate never become operational.",
        cure: "Make only one end willing.",
        source: "IEEE 802.1Q, 38",
    }
}
