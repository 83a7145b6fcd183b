//! Queue pairs: RC, UC, UD.

use crate::page::{Deviation, Symptom, pages};

/// RC-05: The NAK of a packet that is lost again brings nothing: only the timeout does.
pub static NAK_OF_LOST_AGAIN: Symptom = Symptom {
    name: "nak-of-lost-again",
};

/// RC-07: It expires early.
pub static EARLY_TIMEOUT: Symptom = Symptom {
    name: "early-timeout",
};

/// RC-08: A retry_cnt of 7 is not kept: it is taken for no limit, or as a hint.
pub static SEVEN_RETRIES: Symptom = Symptom {
    name: "seven-retries",
};

/// RC-16: More messages are completed than have arrived.
pub static COMPLETED_AHEAD: Symptom = Symptom {
    name: "completed-ahead",
};

/// RC-16: The connection fails after an answer to what was never sent.
pub static MISLED: Symptom = Symptom { name: "misled" };

/// RC-17: The missing response is asked for after the timeout only.
pub static TIMEOUT_ONLY: Symptom = Symptom {
    name: "timeout-only",
};

/// RC-20: The repetition of the whole is not answered.
pub static WHOLE_UNANSWERED: Symptom = Symptom {
    name: "whole-unanswered",
};

/// RC-30: A WRITE that is not as long as it announced is done.
pub static WRITE_OF_OTHER_LENGTH: Symptom = Symptom {
    name: "write-of-other-length",
};

/// RC-31: The limit is rounded up to a power of two.
pub static DEPTH_ROUNDED_UP: Symptom = Symptom {
    name: "depth-rounded-up",
};

/// RC-33: What was posted before stays where it is after SQD to RTS.
pub static WAITS_FOR_MORE: Symptom = Symptom {
    name: "waits-for-more",
};

/// UC-01: Fewer messages are received than arrived whole.
pub static NEXT_DROPPED: Symptom = Symptom {
    name: "next-dropped",
};

pages! {
    RC_01 {
        id: "RC-01",
        name: "data-integrity",
        title: "Every byte is delivered once and in order",
        why: "That is the promise of a reliable connection.",
        cure: "Report it to the vendor with the capture.",
        source: "IBTA 9.7",
    }
    RC_02 {
        id: "RC-02",
        name: "duplicate-request",
        title: "A repeated request is acknowledged again and not executed again",
        why: "Repetition is normal after a lost ACK.",
        cure: "Look for lost or late ACKs; see RC-10 and RC-14.",
        source: "IBTA 9.7.5 (C9-105)",
    }
    RC_03 {
        id: "RC-03",
        name: "one-nak-per-gap",
        title: "One gap causes one NAK",
        why: "A responder says once where the sequence broke and waits for that packet; more NAKs \
              mean more restarts.",
        cure: "Update the responder; look for packets that arrive out of order.",
        source: "IBTA 9.7.5",
    }
    RC_04 {
        id: "RC-04",
        name: "nak-psn",
        title: "A NAK names the packet that was expected",
        why: "The requester goes back to that number: any other repeats too much or too little.",
        cure: "Update the responder.",
        source: "IBTA 9.7.5",
    }
    RC_05 {
        id: "RC-05",
        name: "retransmission-start",
        title: "Lost packets are sent again, from the number that the NAK names",
        why: "Every retransmission was a loss or a reordering on the way, and with go-back-N \
              everything behind it goes again.",
        cure: "Make the class lossless end to end (PFC with enough headroom) or mark early with \
               ECN and use DCQCN; check cables for bit errors.",
        source: "IBTA 9.7.6",
        symptoms: &[&NAK_OF_LOST_AGAIN],
        deviations: &[Deviation {
            id: "D-RXE-14",
            profiles: &["rxe"],
            symptoms: &[&NAK_OF_LOST_AGAIN],
            what: "a NAK of a packet that is lost again is ignored: it costs a timeout",
            citation: "Linux 6.12 rxe_comp.c:770: one retry at a time, until an ACK comes",
        }],
    }
    RC_06 {
        id: "RC-06",
        name: "tail-loss",
        title: "The loss of the last packets of a message is found by timeout only",
        why: "Nothing follows that could show the gap, so the connection stands still for the \
              whole ACK timeout.",
        cure: "Stop the loss first; then lower the ACK timeout to a few times the worst round \
               trip.",
        source: "IBTA 9.7.6.1.3",
    }
    RC_07 {
        id: "RC-07",
        name: "ack-timeout",
        title: "A timeout lasts as long as configured",
        why: "The ACK timeout is 4.096 us times a power of two; every expiry stops the connection \
              for that long.",
        cure: "Lower the timeout exponent of the queue pair, and find why neither ACK nor NAK \
               came.",
        source: "IBTA 9.7.6.1.3, 9.9.2.1.1",
        symptoms: &[&EARLY_TIMEOUT],
        deviations: &[Deviation {
            id: "D-RXE-03",
            profiles: &["rxe"],
            symptoms: &[&EARLY_TIMEOUT],
            what: "timers count jiffies, rounded down, and at least one: they expire early",
            citation: "Linux 6.12 rxe_qp.c:719",
        }, Deviation {
            id: "D-CX6-03",
            profiles: &["cx6"],
            symptoms: &[&EARLY_TIMEOUT],
            what: "adaptive retransmission: timeouts from 5.6 ms where 67.1 ms are configured",
            citation: "Lumina, SIGCOMM 2023",
        }],
    }
    RC_08 {
        id: "RC-08",
        name: "retry-limit",
        title: "After the retry limit the queue pair fails, not before",
        why: "The limit decides how long a path may be away.",
        cure: "Set retry count and timeout so that their product outlasts the convergence of the \
               fabric.",
        source: "IBTA 9.9.2",
        symptoms: &[&SEVEN_RETRIES],
        deviations: &[Deviation {
            id: "D-RXE-01",
            profiles: &["rxe"],
            symptoms: &[&SEVEN_RETRIES],
            what: "retry_cnt 7 has no limit",
            citation: "Linux 6.12 rxe_comp.c:775",
        }, Deviation {
            id: "D-CX6-01",
            profiles: &["cx6"],
            symptoms: &[&SEVEN_RETRIES],
            what: "adaptive retransmission: 8 to 13 retries for 7",
            citation: "Lumina, SIGCOMM 2023",
        }],
    }
    RC_09 {
        id: "RC-09",
        name: "retry-reset",
        title: "Progress resets the retry counter",
        why: "Otherwise rare losses add up to a failure.",
        cure: "Update the requester.",
        source: "IBTA 9.9.2",
    }
    RC_10 {
        id: "RC-10",
        name: "ack-loss",
        title: "A lost ACK does no harm",
        why: "A later ACK stands in for it.",
        cure: "Look for loss in the class of the ACKs; map them like data.",
        source: "IBTA 9.7.6",
    }
    RC_11 {
        id: "RC-11",
        name: "nak-loss",
        title: "A lost NAK costs one timeout",
        why: "The responder does not repeat it.",
        cure: "Keep answers in a lossless class.",
        source: "IBTA 9.7.5, 9.7.6.1.3",
    }
    RC_12 {
        id: "RC-12",
        name: "coalesced-ack",
        title: "An ACK completes all before it, in order",
        why: "Responders acknowledge many packets at once.",
        cure: "Update the end that completes out of order.",
        source: "IBTA 9.7.5, 9.7.6",
    }
    RC_13 {
        id: "RC-13",
        name: "reordering",
        title: "Packets out of order are recovered",
        why: "A responder takes each overtaking for a loss.",
        cure: "Keep a flow on one path: no packet spraying, constant source ports.",
        source: "IBTA 9.7.4.1",
    }
    RC_14 {
        id: "RC-14",
        name: "late-ack",
        title: "An ACK later than the timeout does no harm",
        why: "The requester repeats what had arrived: wasted load at the worst time.",
        cure: "Raise the timeout above the longest pause and queueing delay.",
        source: "IBTA 9.7.6.1.3",
    }
    RC_15 {
        id: "RC-15",
        name: "duplicates",
        title: "Duplicated packets do no harm",
        why: "Networks duplicate packets when paths change.",
        cure: "Find the device that duplicates, often a mirror port or a loop.",
        source: "IBTA 9.7.4.1",
    }
    RC_16 {
        id: "RC-16",
        name: "ghost-packets",
        title: "Packets of the invalid half of the sequence space are dropped",
        why: "They are from an earlier life of the queue pair.",
        cure: "Let queue pair numbers rest before they are used again.",
        source: "IBTA 9.7.1",
        symptoms: &[&COMPLETED_AHEAD, &MISLED],
        deviations: &[Deviation {
            id: "D-RXE-13",
            profiles: &["rxe"],
            symptoms: &[&COMPLETED_AHEAD, &MISLED],
            what: "an ACK of a PSN that was never sent completes all SENDs and WRITEs that are \
                   outstanding",
            citation: "Linux 6.12 rxe_comp.c:184",
        }],
    }
    RC_17 {
        id: "RC-17",
        name: "read-gap",
        title: "A gap in READ responses makes the requester ask again",
        why: "There is no NAK for responses: the requester notices itself.",
        cure: "As for RC-05: stop the loss, in the direction of the responses.",
        source: "IBTA 9.7.6",
        symptoms: &[&TIMEOUT_ONLY],
        deviations: &[Deviation {
            id: "D-RXE-08",
            profiles: &["rxe"],
            symptoms: &[&TIMEOUT_ONLY],
            what: "a gap in the responses of one READ is no implied NAK: it costs a timeout",
            citation: "Linux 6.12 rxe_comp.c:211",
        }],
    }
    RC_18 {
        id: "RC-18",
        name: "read-restart",
        title: "A repeated READ starts at the missing packet and ends where the first did",
        why: "Anything else reads too much or the wrong memory.",
        cure: "Update the requester.",
        source: "IBTA 9.7.3",
    }
    RC_19 {
        id: "RC-19",
        name: "read-subset",
        title: "A duplicate READ outside of the original is refused",
        why: "It would read memory that was not asked for.",
        cure: "Update the responder.",
        source: "IBTA 9.7.5.2.3",
    }
    RC_20 {
        id: "RC-20",
        name: "read-replay",
        title: "A READ can be repeated in whole after a part",
        why: "Both restarts may be needed when losses come in a row.",
        cure: "Update the responder.",
        source: "IBTA 9.7.5.2.3",
        symptoms: &[&WHOLE_UNANSWERED],
        deviations: &[Deviation {
            id: "D-RXE-07",
            profiles: &["rxe"],
            symptoms: &[&WHOLE_UNANSWERED],
            what: "after a READ was repeated in part, a repetition of the whole is dropped",
            citation: "Linux 6.12 rxe_resp.c:1361, 1381",
        }],
    }
    RC_21 {
        id: "RC-21",
        name: "atomic-once",
        title: "An atomic operation is executed once",
        why: "The responder keeps the results to answer repetitions.",
        cure: "Update the responder; limit outstanding atomics to what it keeps.",
        source: "IBTA 9.4.5",
    }
    RC_22 {
        id: "RC-22",
        name: "atomic-checks",
        title: "Unaligned or forbidden atomics are refused",
        why: "They must not touch memory.",
        cure: "Align the target to 8 bytes and register it for remote atomics.",
        source: "IBTA 9.4.5, 9.7.4.1",
    }
    RC_23 {
        id: "RC-23",
        name: "rnr-wait",
        title: "After an RNR NAK the requester waits at least as long as it was told",
        why: "The receiver had no buffer posted; asking earlier only adds load.",
        cure: "Post more receives, use a shared receive queue, or lower the RNR timer.",
        source: "IBTA 9.7.5.2.8",
    }
    RC_24 {
        id: "RC-24",
        name: "rnr-limit",
        title: "After the RNR limit the queue pair fails",
        why: "Otherwise a dead consumer would keep it for ever.",
        cure: "Set rnr_retry to 7 (no limit) or post more receives.",
        source: "IBTA 9.7.5.2.8, 9.9.2",
    }
    RC_25 {
        id: "RC-25",
        name: "rnr-unlimited",
        title: "An RNR limit of 7 never fails",
        why: "7 stands for no limit.",
        cure: "Update the requester.",
        source: "IBTA 9.7.5.2.8, 9.9.2",
    }
    RC_26 {
        id: "RC-26",
        name: "error-naks",
        title: "A NAK with an error code ends the queue pair with the matching status",
        why: "Invalid request, access error and operational error are mistakes of the application \
              or its set-up, not of the network.",
        cure: "Check lengths, keys and rights of the memory regions at the responder.",
        source: "IBTA 9.9.2",
    }
    RC_27 {
        id: "RC-27",
        name: "flush",
        title: "After an error the outstanding work is flushed in order",
        why: "Applications count on one completion for each request.",
        cure: "Update the driver.",
        source: "IBTA 10.3.1",
    }
    RC_28 {
        id: "RC-28",
        name: "memory-rights",
        title: "Access outside of a memory region is refused",
        why: "The NAK with code 2 keeps memory safe.",
        cure: "Exchange address, key and length again; check the access flags of the region.",
        source: "IBTA 9.7.4.1, 10.6",
    }
    RC_29 {
        id: "RC-29",
        name: "zero-length",
        title: "Transfers of length zero need no key",
        why: "There is nothing to protect.",
        cure: "Update the responder.",
        source: "IBTA 9.7.4.1 (C9-88)",
    }
    RC_30 {
        id: "RC-30",
        name: "invalid-request",
        title: "Violations of length or sequence are refused",
        why: "The NAK with code 1 shows a requester that breaks the rules or a message longer than \
              the posted buffer.",
        cure: "Post buffers as long as the longest message; update the requester.",
        source: "IBTA 9.7.4.1",
        symptoms: &[&WRITE_OF_OTHER_LENGTH],
        deviations: &[Deviation {
            id: "D-RXE-09",
            profiles: &["rxe"],
            symptoms: &[&WRITE_OF_OTHER_LENGTH],
            what: "a WRITE that ends early, with a full packet, is executed",
            citation: "Linux 6.12 rxe_resp.c:565",
        }],
    }
    RC_31 {
        id: "RC-31",
        name: "read-depth",
        title: "No more READs are outstanding than the responder keeps",
        why: "It may refuse what is beyond.",
        cure: "Set max_rd_atomic to at most the responder's max_dest_rd_atomic.",
        source: "IBTA 9.4.4",
        symptoms: &[&DEPTH_ROUNDED_UP],
        deviations: &[Deviation {
            id: "D-RXE-12",
            profiles: &["rxe"],
            symptoms: &[&DEPTH_ROUNDED_UP],
            what: "max_rd_atomic is rounded up to a power of two",
            citation: "Linux 6.12 rxe_qp.c:650",
        }],
    }
    RC_32 {
        id: "RC-32",
        name: "credits",
        title: "Requesters respect end-to-end credits",
        why: "A responder can hold back SENDs without RNR NAKs.",
        cure: "Update the requester.",
        source: "IBTA 9.7.7.2.1",
    }
    RC_33 {
        id: "RC-33",
        name: "drain",
        title: "A draining send queue starts nothing new",
        why: "Applications use it to change settings.",
        cure: "Update the driver.",
        source: "IBTA 10.3.1",
        symptoms: &[&WAITS_FOR_MORE],
        deviations: &[Deviation {
            id: "D-RXE-11",
            profiles: &["rxe"],
            symptoms: &[&WAITS_FOR_MORE],
            what: "a drained send queue that returns to RTS waits for the next request that is \
                   posted",
            citation: "Linux 6.12 rxe_qp.c:635: no case for RTS",
        }],
    }
    RC_34 {
        id: "RC-34",
        name: "immediate",
        title: "Immediate data and invalidation reach the completion",
        why: "They are part of the message.",
        cure: "Update the driver.",
        source: "IBTA 9.4.1, 9.4.3",
    }
    RC_35 {
        id: "RC-35",
        name: "shared-receive-queue",
        title: "An empty shared receive queue causes RNR",
        why: "All queue pairs that share it wait.",
        cure: "Post more receives; use the limit event.",
        source: "IBTA 10.2.9",
    }
    RC_36 {
        id: "RC-36",
        name: "state-machine",
        title: "Queue pair states change as allowed",
        why: "Traffic in a wrong state is lost.",
        cure: "Check the order of modify calls.",
        source: "IBTA 10.3.1",
    }
    RC_37 {
        id: "RC-37",
        name: "corrupt-as-lost",
        title: "A corrupt packet is handled as a lost one",
        why: "Recovery is the same.",
        cure: "Check cables and optics for errors.",
        source: "IBTA 9.6.1",
    }
    RC_38 {
        id: "RC-38",
        name: "repeated-loss",
        title: "The same packet is not lost again and again",
        why: "Repetition of one loss points to its content or size rather than to congestion.",
        cure: "Check the MTU of every link and devices that filter by content.",
        source: "Lumina, SIGCOMM 2023",
    }
    RC_39 {
        id: "RC-39",
        name: "stale-packets",
        title: "Packets of a destroyed queue pair are not accepted by its successor",
        why: "Old data would enter a new connection.",
        cure: "Start at random sequence numbers; let numbers rest.",
        source: "IBTA 10.3.1",
    }
    RC_40 {
        id: "RC-40",
        name: "recovery-latency",
        title: "Recovery from a loss takes as long as the hardware promises",
        why: "Time until the NAK, and from the NAK until the retransmission, differ by orders of \
              magnitude among adapters.",
        cure: "Compare with the adapter's data sheet; update its firmware.",
        source: "Lumina, SIGCOMM 2023",
    }
    UC_01 {
        id: "UC-01",
        name: "uc-gap",
        title: "On unreliable connections a gap discards the whole message",
        why: "There is no retransmission: the application sees nothing.",
        cure: "Stop the loss, or use a reliable connection.",
        source: "IBTA 9.8.2",
        symptoms: &[&NEXT_DROPPED],
        deviations: &[Deviation {
            id: "D-RXE-10",
            profiles: &["rxe"],
            symptoms: &[&NEXT_DROPPED],
            what: "the message behind one that broke off is dropped, too",
            citation: "Linux 6.12 rxe_resp.c:1454",
        }],
    }
    UC_02 {
        id: "UC-02",
        name: "uc-no-receive",
        title: "Without a posted receive the message is dropped silently",
        why: "Unreliable services have no RNR.",
        cure: "Post more receives.",
        source: "IBTA 9.8.2",
    }
    UD_01 {
        id: "UD-01",
        name: "ud-size",
        title: "Datagrams fit one MTU and the posted buffer",
        why: "There is no segmentation, and 40 bytes of GRH precede the data.",
        cure: "Post buffers 40 bytes longer than the data.",
        source: "IBTA 9.8.3 (C9-92)",
    }
}
