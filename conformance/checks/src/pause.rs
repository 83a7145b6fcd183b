//! Priority flow control: P.

use crate::page::pages;

pages! {
    P_01 {
        id: "P-01",
        name: "pfc-frame",
        title: "PFC frames have the right form",
        why: "Destination 01-80-C2-00-00-01, untagged, 64 bytes with FCS, a real source address; \
              others may be ignored, and then data are lost.",
        cure: "Update the sender; find the device that tags or forwards the frames.",
        source: "IEEE 802.3, annex 31D",
    }
    P_02 {
        id: "P-02",
        name: "class-vector",
        title: "The upper half of the class-enable vector is zero",
        why: "Only eight classes exist.",
        cure: "Update the sender.",
        source: "IEEE 802.3, annex 31D",
    }
    P_03 {
        id: "P-03",
        name: "only-listed",
        title: "Only the listed classes pause",
        why: "Others must go on.",
        cure: "Check the map of priorities to queues.",
        source: "IEEE 802.1Q, 36",
    }
    P_04 {
        id: "P-04",
        name: "pause-duration",
        title: "A pause lasts for its quanta",
        why: "512 bit times each; a wrong rate in the calculation makes it too short.",
        cure: "Check speed changes of the port after link-up.",
        source: "IEEE 802.1Q, 36; 802.3, annex 31D",
    }
    P_05 {
        id: "P-05",
        name: "expiry",
        title: "A pause ends by expiry or resume",
        why: "A class that stays stopped is a hang.",
        cure: "Update the paused device; use a PFC watchdog.",
        source: "IEEE 802.1Q, 36",
    }
    P_06 {
        id: "P-06",
        name: "global-pause",
        title: "802.3x pause is not mixed with PFC",
        why: "A global pause stops every class, the lossy ones and the control plane too.",
        cure: "Turn off global pause on both ends (ethtool -A ... rx off tx off) where PFC is \
               used.",
        source: "IEEE 802.3, annex 31B; 802.1Q, 36",
    }
    P_07 {
        id: "P-07",
        name: "empty-vector",
        title: "PFC frames that list no class mean nothing",
        why: "They are a sign of a broken sender.",
        cure: "Update the sender.",
        source: "IEEE 802.3, annex 31D",
    }
    P_08 {
        id: "P-08",
        name: "malformed-pause",
        title: "Malformed pause frames are counted and ignored",
        why: "Acting on them would stop classes by chance.",
        cure: "Find the sender by its MAC address.",
        source: "IEEE 802.3, 31",
    }
    P_12 {
        id: "P-12",
        name: "headroom-size",
        title: "The headroom is as large as rate, cable and MTU need",
        why: "What is under way when pause is sent must fit; `xoff headroom` calculates it.",
        cure: "Raise the headroom, or set the right cable length.",
        source: "IEEE 802.1Q, annex N",
    }
    P_14 {
        id: "P-14",
        name: "shared-headroom",
        title: "The shared headroom pool is not overcommitted",
        why: "Several ports may need it at once.",
        cure: "Raise the pool.",
        source: "SONiC: headroom pool",
    }
    P_16 {
        id: "P-16",
        name: "pause-counters",
        title: "Counters per priority equal the wire",
        why: "Operators find storms by them.",
        cure: "Update the driver.",
        source: "Linux ethtool: rx_prioN_pause, tx_prioN_pause",
    }
    P_17 {
        id: "P-17",
        name: "asymmetric",
        title: "Sending and obeying pause are both on",
        why: "One without the other loses data or stops for nothing.",
        cure: "Enable both directions at both ends.",
        source: "IEEE 802.1Q, 36",
    }
    P_19 {
        id: "P-19",
        name: "pause-tree",
        title: "Pause does not spread to flows that have no part in it",
        why: "Head-of-line blocking makes victims several hops away.",
        cure: "Mark with ECN well before pause begins.",
        source: "RoCE at scale, SIGCOMM 2016",
    }
    P_20 {
        id: "P-20",
        name: "pause-budget",
        title: "Pause stays within its budget",
        why: "A port that is paused for long, or without congestion behind it, points to a slow \
              receiver or a storm.",
        cure: "Find the first device that sends pause (see the sender's MAC address); check PCIe, \
               memory and firmware of that host; enable the PFC watchdog.",
        source: "RoCE at scale, SIGCOMM 2016",
    }
    P_21 {
        id: "P-21",
        name: "deadlock",
        title: "No queues wait for each other in a ring",
        why: "Where pauses form a ring nothing moves again, and no timer of a sender helps.",
        cure: "Let no path go down and up again, keep lossless classes out of rings, or use a PFC \
               watchdog.",
        source: "RoCE at scale, SIGCOMM 2016",
    }
}
