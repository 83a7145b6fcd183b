//! iWARP connections: IW. What is on the wire is W-23 to W-25.

use crate::catalogue::pages;

pages! {
    IW_01 {
        id: "IW-01",
        name: "iwarp-delivery",
        title: "Whatever TCP segments are lost, doubled, late or corrupt, messages arrive once, whole \
                and in order",
        why: "That is what iWARP has TCP for.",
        cure: "Update the adapter; look for middleboxes that rewrite segments.",
    }
    IW_02 {
        id: "IW-02",
        name: "iwarp-crc-agreed",
        title: "Connections ask for MPA CRCs unless told not to, and the wish is granted",
        why: "TCP's checksum misses one wrong segment in some ten thousand; nothing else guards memory.",
        cure: "Turn CRCs on in the driver of both hosts.",
    }
    IW_03 {
        id: "IW-03",
        name: "iwarp-crc-guards",
        title: "A payload with a wrong CRC is not delivered and ends the connection",
        why: "Otherwise corrupt data would complete as a success.",
        cure: "Update the receiver.",
    }
    IW_04 {
        id: "IW-04",
        name: "iwarp-protection",
        title: "Requests beyond a region, its rights or its key change nothing",
        why: "Whoever knows an address could read or overwrite memory.",
        cure: "Update the responder; do not register memory that peers must not reach.",
    }
    IW_05 {
        id: "IW-05",
        name: "iwarp-flush",
        title: "Requests behind one that fails are flushed, each once and in order",
        why: "Applications free buffers by completions; a lost one leaks, a doubled one corrupts.",
        cure: "Update the adapter.",
    }
    IW_06 {
        id: "IW-06",
        name: "iwarp-end",
        title: "A request that is refused ends the connection at both hosts",
        why: "A responder that does not see the end keeps buffers and state for a dead peer.",
        cure: "Update the adapter; let applications look for disconnection events.",
    }
}
