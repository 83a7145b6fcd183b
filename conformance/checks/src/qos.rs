//! Queues and maps: Q.

use crate::page::pages;

pages! {
    Q_05 {
        id: "Q-05",
        name: "share-sums",
        title: "Shares add up to what the device accepts",
        why: "Above 100 % the last class is refused, or the whole set.",
        cure: "Correct the shares so that they add up to 100.",
        source: "IEEE 802.1Q, 37; Validate-DCB",
    }
    Q_09 {
        id: "Q-09",
        name: "maps-and-trust",
        title: "Ports trust the marking that hosts send, and map it to the class that is meant",
        why: "A port that does not look at DSCP or PCP puts every frame into its default class.",
        cure: "Set trust to what the hosts mark, and map that value to the lossless class.",
        source: "IEEE 802.1Q, 6.9; RFC 2474",
    }
}
