//! Watchdogs and deadlocks, as configured: WD, DL.

use crate::page::pages;

pages! {
    WD_05 {
        id: "WD-05",
        name: "watchdog-times",
        title: "The watchdog's times can be kept",
        why: "A watchdog that looks once a second cannot find what lasts 200 ms; connections fail \
              first.",
        cure: "Poll at least twice within the shorter of detection and restoration time.",
        source: "vendors' manuals; sonic-mgmt, tests/pfcwd",
    }
    DL_01 {
        id: "DL-01",
        name: "no-circle",
        title: "No circle of lossless buffers waits for itself",
        why: "If each port of a circle waits for the next one, none ever sends again; only a \
              watchdog ends it, by dropping.",
        cure: "Give bounced traffic a lossless class of its own, or keep routes free of valleys.",
        source: "Hu et al., Deadlocks in Datacenter Networks, 2016",
    }
    DL_03 {
        id: "DL-03",
        name: "no-circle-after-failure",
        title: "No circle of lossless buffers appears when one link fails",
        why: "Detours go down and up again, which closes circles that the plan does not have.",
        cure: "Forbid detours through lower tiers, or drop the lossless class on them.",
        source: "Hu et al., Tagger, 2017",
    }
}
