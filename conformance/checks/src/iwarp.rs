//! iWARP connections: IW. What is on the wire is W-23 to W-25.

use crate::page::{Deviation, Symptom, pages};

/// IW-02: An initiator asks for no CRCs.
pub static NO_CRC_ASKED: Symptom = Symptom {
    name: "no-crc-asked",
};

/// IW-03: The Terminate message has layer and type in the wrong order.
pub static LAYER_AND_TYPE_SWAPPED: Symptom = Symptom {
    name: "layer-and-type-swapped",
};

/// IW-04: A READ of a region without that right is served.
pub static READ_WITHOUT_RIGHT: Symptom = Symptom {
    name: "read-without-right",
};

/// IW-05: What is posted after the end does not complete.
pub static POSTED_AFTER_END: Symptom = Symptom {
    name: "posted-after-end",
};

/// IW-06: The queue pair of the responder that refuses a READ stays as it is.
pub static READ_RESPONDER_LIVES: Symptom = Symptom {
    name: "read-responder-lives",
};

pages! {
    IW_01 {
        id: "IW-01",
        name: "iwarp-delivery",
        title: "Whatever TCP segments are lost, doubled, late or corrupt, messages arrive once, \
                whole and in order",
        why: "That is what iWARP has TCP for.",
        cure: "Update the adapter; look for middleboxes that rewrite segments.",
        source: "RFC 5040; RFC 5041",
    }
    IW_02 {
        id: "IW-02",
        name: "iwarp-crc-agreed",
        title: "Connections ask for MPA CRCs unless told not to, and the wish is granted",
        why: "TCP's checksum misses one wrong segment in some ten thousand; nothing else guards \
              memory.",
        cure: "Turn CRCs on in the driver of both hosts.",
        source: "RFC 5044, 4.4, 7.1",
        symptoms: &[&NO_CRC_ASKED],
        deviations: &[Deviation {
            id: "D-SIW-01",
            profiles: &["siw"],
            symptoms: &[&NO_CRC_ASKED],
            what: "asks for no CRCs, and nothing but another build makes it (RFC 5044, 4.4)",
            citation: "Linux 6.12 siw_main.c:45",
        }],
    }
    IW_03 {
        id: "IW-03",
        name: "iwarp-crc-guards",
        title: "A payload with a wrong CRC is not delivered and ends the connection",
        why: "Otherwise corrupt data would complete as a success.",
        cure: "Update the receiver.",
        source: "RFC 5044, 8",
        symptoms: &[&LAYER_AND_TYPE_SWAPPED],
        deviations: &[Deviation {
            id: "D-SIW-03",
            profiles: &["siw"],
            symptoms: &[&LAYER_AND_TYPE_SWAPPED],
            what: "layer and type of Terminate messages are swapped on little-endian machines",
            citation: "Linux 6.12 iwarp.h:183",
        }],
    }
    IW_04 {
        id: "IW-04",
        name: "iwarp-protection",
        title: "Requests beyond a region, its rights or its key change nothing",
        why: "Whoever knows an address could read or overwrite memory.",
        cure: "Update the responder; do not register memory that peers must not reach.",
        source: "RFC 5040, 7",
        symptoms: &[&READ_WITHOUT_RIGHT],
        deviations: &[Deviation {
            id: "D-SIW-02",
            profiles: &["siw"],
            symptoms: &[&READ_WITHOUT_RIGHT],
            what: "a peer may read memory that was registered without the right of remote READs",
            citation: "Linux 6.12 siw_qp_tx.c:814: no access is asked for",
        }],
    }
    IW_05 {
        id: "IW-05",
        name: "iwarp-flush",
        title: "Requests behind one that fails are flushed, each once and in order",
        why: "Applications free buffers by completions; a lost one leaks, a doubled one corrupts.",
        cure: "Update the adapter.",
        source: "RDMA Consortium, verbs 1.0",
        symptoms: &[&POSTED_AFTER_END],
        deviations: &[Deviation {
            id: "D-SIW-06",
            profiles: &["siw"],
            symptoms: &[&POSTED_AFTER_END],
            what: "what a process posts in ERR is accepted and never completes",
            citation: "Linux 6.12 siw_verbs.c:803: flushes what kernels post",
        }],
    }
    IW_06 {
        id: "IW-06",
        name: "iwarp-end",
        title: "A request that is refused ends the connection at both hosts",
        why: "A responder that does not see the end keeps buffers and state for a dead peer.",
        cure: "Update the adapter; let applications look for disconnection events.",
        source: "RFC 5040, 7",
        symptoms: &[&READ_RESPONDER_LIVES],
        deviations: &[Deviation {
            id: "D-SIW-04",
            profiles: &["siw"],
            symptoms: &[&READ_RESPONDER_LIVES],
            what: "the queue pair of a responder that refuses a READ stays in RTS",
            citation: "Linux 6.12 siw_qp_tx.c:1106: to be done",
        }],
    }
}
