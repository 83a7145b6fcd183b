//! Configurations of switches and hosts: C.

use crate::page::pages;

pages! {
    C_01 {
        id: "C-01",
        name: "lossless-path",
        title: "The class of RDMA is lossless at every hop, in both directions",
        why: "One port without PFC, or one map that sorts the frames elsewhere, is enough: all \
              works until that port is congested, then frames are dropped and RoCE repeats \
              everything behind them.",
        cure: "Give the class the same priority, PFC and no-drop buffer on both ends of every link.",
        source: "IEEE 802.1Q, 36; Microsoft: host network requirements",
    }
    C_02 {
        id: "C-02",
        name: "shares",
        title: "The policies of a storage host are complete, and switches give RDMA the share that \
                hosts give it",
        why: "A class with 1 % works until others fill the link; then storage crawls without a \
              single drop.",
        cure: "State the same shares on hosts and switches: about half for RDMA, 1 or 2 % for the \
               cluster's heartbeat.",
        source: "Microsoft: host network requirements; Validate-DCB",
    }
    C_03 {
        id: "C-03",
        name: "willing",
        title: "A host that takes its settings from the switch has a switch that gives them",
        why: "A willing host does not use its own PFC and ETS settings. If no switch sends any, it \
              has none.",
        cure: "Set Willing to false on hosts with settings of their own, or have the switch send \
               DCBX.",
        source: "IEEE 802.1Q, 38; Microsoft: Set-NetQosDcbxSetting",
    }
    C_04 {
        id: "C-04",
        name: "lossless-classes",
        title: "There are no more lossless classes than the device has buffers for",
        why: "Each needs headroom on every port. What is above the number is refused or stays \
              lossy.",
        cure: "Use one lossless class, two at most.",
        source: "vendors' manuals; Guo et al., RDMA over Commodity Ethernet at Scale, 2016",
    }
    C_05 {
        id: "C-05",
        name: "ecn-first",
        title: "ECN marks before PFC pauses, alike on all switches of a role",
        why: "Marks slow the senders down; pause stops whole links, and others with them. If pause \
              always comes first, congestion control sleeps.",
        cure: "Lower the marking threshold below the queue that can build before PFC pauses.",
        source: "Zhu et al., Congestion Control for Large-Scale RDMA Deployments, 2015",
    }
    C_06 {
        id: "C-06",
        name: "mtu",
        title: "Every hop passes the largest frame that the hosts send",
        why: "A switch drops longer frames silently: small messages arrive, large ones never do.",
        cure: "Set the same jumbo MTU on every port of the path, above that of the hosts.",
        source: "IBTA, annex A17; Microsoft: Test-NetStack",
    }
    C_07 {
        id: "C-07",
        name: "priority-carried",
        title: "The priority survives to every hop: in a VLAN tag, or as DSCP",
        why: "A frame without a tag has no PCP. Where switches trust the tag, it is best effort.",
        cure: "Tag the RDMA VLAN from the host to the last switch, or mark and trust DSCP.",
        source: "IEEE 802.1Q, 6.9; Validate-DCB",
    }
    C_08 {
        id: "C-08",
        name: "same-transport",
        title: "Both ends speak the same RDMA",
        why: "RoCE and iWARP do not connect; SMB then falls back to TCP.",
        cure: "Use NICs of one kind, or the mode that both have.",
        source: "Microsoft: host network requirements",
    }
    C_12 {
        id: "C-12",
        name: "cnp-class",
        title: "Congestion notifications have a class that neither waits nor is paused",
        why: "They must overtake the data that they are to slow down. Behind best effort they are \
              late or lost; in the class of the data they wait in the very queue they report.",
        cure: "Map the DSCP of CNPs (48 on most NICs) to a strict-priority queue of its own, \
               without PFC.",
        source: "NIC vendors' RoCE guides; Zhu et al., 2015",
    }
    C_15 {
        id: "C-15",
        name: "watchdog",
        title: "A PFC watchdog guards lossless queues",
        why: "A NIC that sends pause for ever stops a whole fabric; only a watchdog ends that.",
        cure: "Enable the watchdog, globally and on the ports, and let it drop.",
        source: "Guo et al., 2016; vendors' manuals",
    }
    C_16 {
        id: "C-16",
        name: "default-lossy",
        title: "The default class is not lossless",
        why: "Broadcast, management and everything unmarked would pause with RDMA, and flooding can \
              lock the fabric.",
        cure: "Give RDMA a class of its own, and leave PFC off for the default class.",
        source: "Guo et al., 2016",
    }
    C_17 {
        id: "C-17",
        name: "known-statements",
        title: "Every statement is one that the device has and accepts",
        why: "A statement that is refused, or that names nothing, changes nothing, though the file \
              looks right.",
        cure: "Use the device's own form.",
        source: "vendors' manuals",
    }
    C_18 {
        id: "C-18",
        name: "one-kind-of-pause",
        title: "A port uses PFC or 802.3x pause, not both",
        why: "They exclude each other: devices refuse the second, or let one of them silently win.",
        cure: "Turn 802.3x off where PFC is used.",
        source: "IEEE 802.1Q, 36; IEEE 802.3, 31",
    }
    C_19 {
        id: "C-19",
        name: "in-force",
        title: "What is defined is in force: bound, committed, with all that it needs",
        why: "A policy that no port has does nothing.",
        cure: "Bind it to the ports, and enable what it needs.",
        source: "vendors' manuals",
    }
    C_20 {
        id: "C-20",
        name: "senders-marked",
        title: "Every sender of RDMA marks its packets, and marks what it means",
        why: "rdma_cm, plain verbs and programs with options of their own are marked in different \
              places; each of them takes the ToS byte, which is four times the DSCP.",
        cure: "Set the ToS byte DSCP x 4 (+ 2 for ECN) everywhere that RDMA comes from.",
        source: "RFC 2474, 3; NIC vendors' RoCE guides",
    }
    C_21 {
        id: "C-21",
        name: "no-early-drop",
        title: "WRED marks packets of a lossless class, and drops none",
        why: "PFC protects from full buffers, not from a queue that drops early by itself.",
        cure: "Add ECN to the profile.",
        source: "RFC 3168, 5; vendors' manuals",
    }
    C_23 {
        id: "C-23",
        name: "members-alike",
        title: "Members of a LAG are configured alike",
        why: "A flow is lossless or not by the member that its hash chooses.",
        cure: "Configure the aggregate, or every member in the same way.",
        source: "IEEE 802.1AX; vendors' manuals",
    }
}
