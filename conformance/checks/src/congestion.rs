//! Congestion notification: CC.

use crate::catalogue::pages;

pages! {
    CC_01 {
        id: "CC-01",
        name: "cnp-for-ce",
        title: "Marked data cause CNPs, and only they do",
        why: "Without CNPs the sender never slows down, and the network has to pause it.",
        cure: "Enable the notification point for the priority (roce_np) and let CNPs pass.",
    }
    CC_02 {
        id: "CC-02",
        name: "cnp-spacing",
        title: "CNPs are as far apart as configured",
        why: "Adapters limit CNPs per port, address or queue pair; a scope that is too wide leaves \
              senders unwarned.",
        cure: "Set min_time_between_cnps, and learn the scope of the adapter.",
    }
    CC_03 {
        id: "CC-03",
        name: "cnp-count",
        title: "As many CNPs are sent as the marks call for",
        why: "Fewer mean that the notification point is overloaded or CNPs are lost.",
        cure: "Give CNPs a strict, lossless class.",
    }
    CC_04 {
        id: "CC-04",
        name: "cnp-on-nak",
        title: "CNPs on loss are as the adapter's profile says",
        why: "Some adapters slow down at a NAK as well.",
        cure: "Check the setting for slow restart.",
    }
    CC_05 {
        id: "CC-05",
        name: "cnp-isolation",
        title: "A CNP slows only its own queue pair",
        why: "Otherwise innocent flows pay.",
        cure: "Update firmware; check whether rate limits are per queue pair.",
    }
    CC_06 {
        id: "CC-06",
        name: "cnp-loss",
        title: "Lost CNPs do no lasting harm",
        why: "The next mark causes the next.",
        cure: "Map CNPs to a class of high priority.",
    }
    CC_07 {
        id: "CC-07",
        name: "alpha",
        title: "The congestion estimate follows its rule",
        why: "It decides how deep each cut is.",
        cure: "Check the DCQCN parameters of the reaction point.",
    }
    CC_08 {
        id: "CC-08",
        name: "rate-cut",
        title: "Each CNP cuts the rate by the estimate",
        why: "Cuts that are too small let queues grow.",
        cure: "Check the DCQCN parameters of the reaction point.",
    }
    CC_09 {
        id: "CC-09",
        name: "rate-increase",
        title: "The rate recovers in its stages",
        why: "Recovery that is too fast oscillates, too slow wastes the link.",
        cure: "Check timer, byte counter and the two increments.",
    }
    CC_10 {
        id: "CC-10",
        name: "rate-limits",
        title: "The rate stays between minimum and line rate",
        why: "A minimum that is too high keeps a large incast congested.",
        cure: "Lower the minimum rate.",
    }
    CC_11 {
        id: "CC-11",
        name: "fairness",
        title: "Flows that share a bottleneck get equal shares",
        why: "Unfairness shows a parameter that differs between adapters.",
        cure: "Use one firmware and one set of parameters.",
    }
    CC_12 {
        id: "CC-12",
        name: "rtt-fairness",
        title: "Flows with different round trips still share",
        why: "Delay makes some control loops unfair.",
        cure: "Tune ECN thresholds to the longest round trip.",
    }
    CC_13 {
        id: "CC-13",
        name: "coalescing",
        title: "Both ends coalesce CNPs by the same rule",
        why: "Notification points of one generation and reaction points of another can multiply or \
              lose cuts.",
        cure: "Set the spacing at both ends to the same value.",
    }
    CC_14 {
        id: "CC-14",
        name: "ecn-bits",
        title: "Only ECN-capable packets are marked, and marks stay",
        why: "A device that clears marks hides congestion; one that marks others makes them look \
              congested.",
        cure: "Check ECN handling of tunnels, and the marking profile of each queue.",
    }
    CC_15 {
        id: "CC-15",
        name: "cnp-counters",
        title: "CNP counters equal what is on the wire",
        why: "Operators tune by them.",
        cure: "Update the driver.",
    }
}
