//! The format of packets: W.

use super::congestion::cnp;
use super::{Case, Mutant};
use crate::Arm;
use xoff_checks::wire::{
    W_01, W_02, W_03, W_04, W_05, W_06, W_07, W_08, W_09, W_10, W_11, W_12, W_13, W_14, W_15, W_16,
    W_17, W_18, W_19, W_20, W_21, W_22,
};

mod headers;
mod messages;
mod numbers;
mod receive;

type NotOn = (Arm, &'static str);

const NO_FRAMES: NotOn = (Arm::Device, "no frames are seen");
const EDITED: NotOn = (Arm::Trace, "needs packets that were changed on purpose");
const SILENT: NotOn = (Arm::Lab, "rxe sends no CNPs (D-RXE-04)");
const SEEN: &[NotOn] = &[NO_FRAMES];
const CHANGED: &[NotOn] = &[NO_FRAMES, EDITED];

/// A receiver that takes what it must drop.
const ACKNOWLEDGES: Mutant = Mutant::rules(
    "acknowledges what it must drop",
    stack!(
        "action = 'rewrite'",
        "field = 'psn'",
        "add = 1",
        "class = 'ack'",
        "from = 'h1'"
    ),
);
/// A receiver that answers what it must drop.
const REFUSES: Mutant = Mutant::rules(
    "refuses what it must drop",
    stack!(
        "action = 'inject'",
        "frame = 'nak'",
        "class = 'ack'",
        "from = 'h1'",
        "nth = 2",
        "psn_add = 1"
    ),
);
/// A receiver that refuses what it must take.
const MINDS: Mutant = Mutant::rules(
    "refuses what it must take",
    stack!(
        "action = 'inject'",
        "frame = 'nak'",
        "class = 'ack'",
        "from = 'h1'",
        "nth = 2",
        "psn_add = 1"
    ),
);

pub(super) const CASES: &[Case] = &[
    Case::judged(
        &W_01,
        &["clean", "sizes"],
        headers::icrc_ipv4,
        SEEN,
        &[Mutant::rules(
            "a wrong ICRC",
            stack!("action = 'corrupt'", "class = 'data'", "nth = 3"),
        )],
    ),
    Case::judged(
        &W_02,
        &["ipv6"],
        headers::icrc_ipv6,
        &[NO_FRAMES],
        &[Mutant::rules(
            "a wrong ICRC",
            stack!("action = 'corrupt'", "class = 'read-response'", "nth = 3"),
        )],
    ),
    Case::judged(
        &W_03,
        &["masked-fields", "covered-bits"],
        receive::icrc_coverage,
        CHANGED,
        &[
            MINDS,
            ACKNOWLEDGES,
            Mutant::rules(
                "an ICRC over more than it must cover",
                "[[rule]]\naction = 'corrupt'\nclass = 'data'\nnth = 8",
            ),
        ],
    ),
    Case::judged(
        &W_04,
        &["bad-icrc"],
        receive::icrc_drop,
        CHANGED,
        &[ACKNOWLEDGES, REFUSES],
    ),
    Case::judged(
        &W_05,
        &["clean", "reserved-bits"],
        receive::reserved_bits,
        SEEN,
        &[
            Mutant::rules(
                "seven reserved bits are set",
                stack!(
                    "action = 'rewrite'",
                    "field = 'reserved7'",
                    "xor = 1",
                    "class = 'data'"
                ),
            ),
            Mutant::rules(
                "six reserved bits are set",
                stack!(
                    "action = 'rewrite'",
                    "field = 'reserved6'",
                    "xor = 32",
                    "class = 'ack'"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_06,
        &["transport-version"],
        receive::transport_version,
        SEEN,
        &[
            Mutant::rules(
                "sends another version",
                stack!(
                    "action = 'rewrite'",
                    "field = 'tver'",
                    "value = 1",
                    "class = 'data'",
                    "nth = 1"
                ),
            ),
            ACKNOWLEDGES,
        ],
    ),
    Case::judged(
        &W_07,
        &["clean", "migreq"],
        receive::migreq,
        SEEN,
        &[Mutant::rules(
            "MigReq changes",
            stack!(
                "action = 'rewrite'",
                "field = 'migreq'",
                "xor = 1",
                "class = 'data'",
                "every = 2"
            ),
        )],
    ),
    Case::judged(
        &W_08,
        &["clean"],
        headers::source_port,
        SEEN,
        &[
            Mutant::rules(
                "a port below the dynamic ones",
                stack!(
                    "action = 'rewrite'",
                    "field = 'udp-sport'",
                    "value = 4791",
                    "class = 'data'"
                ),
            ),
            Mutant::rules(
                "the port changes",
                stack!(
                    "action = 'rewrite'",
                    "field = 'udp-sport'",
                    "xor = 1",
                    "class = 'data'",
                    "every = 2"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_09,
        &["clean"],
        headers::flow_label,
        SEEN,
        &[Mutant::rules(
            "one end derives another port",
            stack!(
                "action = 'rewrite'",
                "field = 'udp-sport'",
                "xor = 1",
                "from = 'h1'",
                "class = 'ack'"
            ),
        )],
    ),
    Case::judged(
        &W_10,
        &["sizes"],
        messages::padding,
        SEEN,
        &[Mutant::rules(
            "PadCnt is wrong",
            stack!(
                "action = 'rewrite'",
                "field = 'pad'",
                "xor = 2",
                "class = 'data'",
                "every = 3"
            ),
        )],
    ),
    Case::judged(
        &W_11,
        &["psn-wrap"],
        numbers::psn_wrap,
        CHANGED,
        &[
            Mutant::rules(
                "loses its place at the wrap",
                stack!(
                    "action = 'rewrite'",
                    "field = 'psn'",
                    "add = 8388608",
                    "class = 'data'",
                    "psn = [40, 60]"
                ),
            ),
            Mutant::rules(
                "answers beyond the wrap too soon",
                stack!(
                    "action = 'rewrite'",
                    "field = 'psn'",
                    "add = 4096",
                    "class = 'ack'",
                    "every = 5"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_12,
        &["clean", "sizes"],
        messages::opcode_sequence,
        SEEN,
        &[Mutant::rules(
            "SEND within WRITE",
            stack!(
                "action = 'rewrite'",
                "field = 'opcode'",
                "xor = 6",
                "class = 'data'",
                "psn = 3"
            ),
        )],
    ),
    Case::judged(
        &W_13,
        &["clean", "sizes"],
        messages::payload_length,
        SEEN,
        &[Mutant::rules(
            "packets that are not full",
            stack!(
                "action = 'rewrite'",
                "field = 'pad'",
                "xor = 3",
                "class = 'data'",
                "psn = 3"
            ),
        )],
    ),
    Case::judged(
        &W_14,
        &["keys", "queue-keys"],
        receive::keys,
        CHANGED,
        &[
            Mutant::rules(
                "the P_Key changes",
                stack!(
                    "action = 'rewrite'",
                    "field = 'pkey'",
                    "value = 0x8001",
                    "class = 'data'",
                    "nth = 3"
                ),
            ),
            ACKNOWLEDGES,
        ],
    ),
    Case::judged(
        &W_15,
        &["marked"],
        cnp::format,
        &[NO_FRAMES, SILENT],
        &[
            Mutant::rules(
                "BECN is 0",
                stack!(
                    "action = 'rewrite'",
                    "field = 'becn'",
                    "value = 0",
                    "class = 'cnp'"
                ),
            ),
            Mutant::rules(
                "reserved bytes are set",
                stack!(
                    "action = 'rewrite'",
                    "field = 'payload'",
                    "offset = 9",
                    "value = 1",
                    "class = 'cnp'"
                ),
            ),
            Mutant::rules(
                "another queue pair is notified",
                stack!(
                    "action = 'rewrite'",
                    "field = 'dest-qp'",
                    "xor = 1024",
                    "class = 'cnp'"
                ),
            ),
            Mutant::rules(
                "the DSCP of data",
                stack!(
                    "action = 'rewrite'",
                    "field = 'dscp'",
                    "value = 26",
                    "class = 'cnp'"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_16,
        &["clean", "lost-data"],
        numbers::aeth,
        SEEN,
        &[
            Mutant::rules(
                "a reserved syndrome",
                stack!(
                    "action = 'rewrite'",
                    "field = 'syndrome'",
                    "value = 0x5f",
                    "class = 'ack'",
                    "nth = 2"
                ),
            ),
            Mutant::rules(
                "the MSN is ahead",
                stack!(
                    "action = 'rewrite'",
                    "field = 'msn'",
                    "add = 1",
                    "class = 'ack'"
                ),
            ),
            Mutant::rules(
                "the MSN falls",
                stack!(
                    "action = 'rewrite'",
                    "field = 'msn'",
                    "value = 0",
                    "class = 'ack'",
                    "every = 3"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_17,
        &["clean", "sizes"],
        messages::extension_headers,
        SEEN,
        &[
            Mutant::rules(
                "the RETH announces more",
                stack!(
                    "action = 'rewrite'",
                    "field = 'length'",
                    "add = 4",
                    "class = 'data'"
                ),
            ),
            Mutant::rules(
                "a header is missing",
                stack!(
                    "action = 'rewrite'",
                    "field = 'opcode'",
                    "value = 0x12",
                    "class = 'ack'",
                    "nth = 2"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_18,
        &["clean"],
        headers::marking,
        SEEN,
        &[
            Mutant::rules(
                "the DSCP changes",
                stack!(
                    "action = 'rewrite'",
                    "field = 'dscp'",
                    "xor = 1",
                    "class = 'data'",
                    "every = 7"
                ),
            ),
            Mutant::rules(
                "ECN is forgotten",
                stack!(
                    "action = 'rewrite'",
                    "field = 'ecn'",
                    "xor = 2",
                    "class = 'data'",
                    "every = 5"
                ),
            ),
        ],
    ),
    Case::judged(
        &W_19,
        &["clean", "sizes"],
        headers::lengths,
        SEEN,
        &[Mutant::rules(
            "routers may fragment",
            stack!(
                "action = 'rewrite'",
                "field = 'df'",
                "value = 0",
                "class = 'data'",
                "nth = 2"
            ),
        )],
    ),
    Case::judged(
        &W_20,
        &["clean", "sizes"],
        messages::ack_request,
        SEEN,
        &[Mutant::rules(
            "asks for no answer",
            stack!(
                "action = 'rewrite'",
                "field = 'ack-request'",
                "value = 0",
                "class = 'data'",
                "every = 2"
            ),
        )],
    ),
    Case::judged(
        &W_21,
        &["opcodes"],
        receive::unknown_opcode,
        CHANGED,
        &[
            Mutant::rules(
                "sends an unknown opcode",
                stack!(
                    "action = 'rewrite'",
                    "field = 'opcode'",
                    "value = 0x1e",
                    "class = 'data'",
                    "nth = 1"
                ),
            ),
            ACKNOWLEDGES,
        ],
    ),
    Case::judged(
        &W_22,
        &["truncated"],
        receive::malformed,
        CHANGED,
        &[ACKNOWLEDGES, REFUSES],
    ),
];
