//! The format of packets: W.

use super::congestion::cnp;
use super::{Case, Judged, Means, Mutant, Wrong};
use crate::conform::{Arm, Facts};

mod headers;
mod messages;
mod numbers;
mod receive;

type NotOn = (Arm, &'static str);

const LAB_IPV4: NotOn = (Arm::Lab, "the lab's hosts speak IPv4");
const NO_FRAMES: NotOn = (Arm::Device, "no frames are seen");
const EDITED: NotOn = (Arm::Trace, "needs packets that were changed on purpose");
const SILENT: NotOn = (Arm::Lab, "rxe sends no CNPs (D-RXE-04)");
const SEEN: &[NotOn] = &[NO_FRAMES];
const CHANGED: &[NotOn] = &[NO_FRAMES, EDITED];

const fn wrong(name: &'static str, rules: &'static str) -> Mutant {
    Mutant {
        name,
        wrong: Wrong::Rules(rules),
    }
}

const fn case(
    id: &'static str,
    experiments: &'static [&'static str],
    judge: fn(&Facts<'_>) -> Judged,
    not_on: &'static [NotOn],
    mutants: &'static [Mutant],
) -> Case {
    Case {
        id,
        means: Means::Judge { experiments, judge },
        not_on,
        mutants,
    }
}

/// A receiver that takes what it must drop.
const ACKNOWLEDGES: Mutant = wrong(
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
const REFUSES: Mutant = wrong(
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
const MINDS: Mutant = wrong(
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
    case(
        "W-01",
        &["clean", "sizes"],
        headers::icrc_ipv4,
        SEEN,
        &[wrong(
            "a wrong ICRC",
            stack!("action = 'corrupt'", "class = 'data'", "nth = 3"),
        )],
    ),
    case(
        "W-02",
        &["ipv6"],
        headers::icrc_ipv6,
        &[NO_FRAMES, LAB_IPV4],
        &[wrong(
            "a wrong ICRC",
            stack!("action = 'corrupt'", "class = 'read-response'", "nth = 3"),
        )],
    ),
    case(
        "W-03",
        &["masked-fields", "covered-bits"],
        receive::icrc_coverage,
        CHANGED,
        &[
            MINDS,
            ACKNOWLEDGES,
            wrong(
                "an ICRC over more than it must cover",
                "[[rule]]\naction = 'corrupt'\nclass = 'data'\nnth = 8",
            ),
        ],
    ),
    case(
        "W-04",
        &["bad-icrc"],
        receive::icrc_drop,
        CHANGED,
        &[ACKNOWLEDGES, REFUSES],
    ),
    case(
        "W-05",
        &["clean", "reserved-bits"],
        receive::reserved_bits,
        SEEN,
        &[
            wrong(
                "seven reserved bits are set",
                stack!(
                    "action = 'rewrite'",
                    "field = 'reserved7'",
                    "xor = 1",
                    "class = 'data'"
                ),
            ),
            wrong(
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
    case(
        "W-06",
        &["transport-version"],
        receive::transport_version,
        SEEN,
        &[
            wrong(
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
    case(
        "W-07",
        &["clean", "migreq"],
        receive::migreq,
        SEEN,
        &[wrong(
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
    case(
        "W-08",
        &["clean"],
        headers::source_port,
        SEEN,
        &[
            wrong(
                "a port below the dynamic ones",
                stack!(
                    "action = 'rewrite'",
                    "field = 'udp-sport'",
                    "value = 4791",
                    "class = 'data'"
                ),
            ),
            wrong(
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
    case(
        "W-09",
        &["clean"],
        headers::flow_label,
        SEEN,
        &[wrong(
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
    case(
        "W-10",
        &["sizes"],
        messages::padding,
        SEEN,
        &[wrong(
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
    case(
        "W-11",
        &["psn-wrap"],
        numbers::psn_wrap,
        CHANGED,
        &[
            wrong(
                "loses its place at the wrap",
                stack!(
                    "action = 'rewrite'",
                    "field = 'psn'",
                    "add = 8388608",
                    "class = 'data'",
                    "psn = [40, 60]"
                ),
            ),
            wrong(
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
    case(
        "W-12",
        &["clean", "sizes"],
        messages::opcode_sequence,
        SEEN,
        &[wrong(
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
    case(
        "W-13",
        &["clean", "sizes"],
        messages::payload_length,
        SEEN,
        &[wrong(
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
    case(
        "W-14",
        &["keys", "queue-keys"],
        receive::keys,
        CHANGED,
        &[
            wrong(
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
    case(
        "W-15",
        &["marked"],
        cnp::format,
        &[NO_FRAMES, SILENT],
        &[
            wrong(
                "BECN is 0",
                stack!(
                    "action = 'rewrite'",
                    "field = 'becn'",
                    "value = 0",
                    "class = 'cnp'"
                ),
            ),
            wrong(
                "reserved bytes are set",
                stack!(
                    "action = 'rewrite'",
                    "field = 'payload'",
                    "offset = 9",
                    "value = 1",
                    "class = 'cnp'"
                ),
            ),
            wrong(
                "another queue pair is notified",
                stack!(
                    "action = 'rewrite'",
                    "field = 'dest-qp'",
                    "xor = 1024",
                    "class = 'cnp'"
                ),
            ),
            wrong(
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
    case(
        "W-16",
        &["clean", "lost-data"],
        numbers::aeth,
        SEEN,
        &[
            wrong(
                "a reserved syndrome",
                stack!(
                    "action = 'rewrite'",
                    "field = 'syndrome'",
                    "value = 0x5f",
                    "class = 'ack'",
                    "nth = 2"
                ),
            ),
            wrong(
                "the MSN is ahead",
                stack!(
                    "action = 'rewrite'",
                    "field = 'msn'",
                    "add = 1",
                    "class = 'ack'"
                ),
            ),
            wrong(
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
    case(
        "W-17",
        &["clean", "sizes"],
        messages::extension_headers,
        SEEN,
        &[
            wrong(
                "the RETH announces more",
                stack!(
                    "action = 'rewrite'",
                    "field = 'length'",
                    "add = 4",
                    "class = 'data'"
                ),
            ),
            wrong(
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
    case(
        "W-18",
        &["clean"],
        headers::marking,
        SEEN,
        &[
            wrong(
                "the DSCP changes",
                stack!(
                    "action = 'rewrite'",
                    "field = 'dscp'",
                    "xor = 1",
                    "class = 'data'",
                    "every = 7"
                ),
            ),
            wrong(
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
    case(
        "W-19",
        &["clean", "sizes"],
        headers::lengths,
        SEEN,
        &[wrong(
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
    case(
        "W-20",
        &["clean", "sizes"],
        messages::ack_request,
        SEEN,
        &[wrong(
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
    case(
        "W-21",
        &["opcodes"],
        receive::unknown_opcode,
        CHANGED,
        &[
            wrong(
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
    case(
        "W-22",
        &["truncated"],
        receive::malformed,
        CHANGED,
        &[ACKNOWLEDGES, REFUSES],
    ),
];
