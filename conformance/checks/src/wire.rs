//! Packet formats: W.

use crate::page::{Deviation, Symptom, pages};

/// W-07: MigReq is 0 from the first packet on.
pub static NOT_MIGRATED: Symptom = Symptom {
    name: "not-migrated",
};

pages! {
    W_01 {
        id: "W-01",
        name: "icrc-ipv4",
        title: "The ICRC of every RoCE packet over IPv4 is valid",
        why: "The invariant CRC is the only end-to-end protection of the payload. A wrong one \
              means that a device on the way, or the sender, changed what it must not.",
        cure: "Find the hop behind which the CRC is wrong: compare captures on both sides, look \
               for NAT, tunnels or faulty memory in switches.",
        source: "IBTA 7.8.1, A17",
    }
    W_02 {
        id: "W-02",
        name: "icrc-ipv6",
        title: "The ICRC of every RoCE packet over IPv6 is valid",
        why: "Traffic class, flow label and hop limit are masked for the CRC; a device that gets \
              the mask wrong loses every packet.",
        cure: "Update the firmware of the adapter that computes it, or of the device that rewrites \
               more than these fields.",
        source: "IBTA 7.8.1, A17",
    }
    W_03 {
        id: "W-03",
        name: "icrc-coverage",
        title: "The ICRC covers all that must not change and nothing that may",
        why: "Routers change TTL, ECN and checksums; a CRC over these breaks at the first hop, one \
              that leaves out more hides damage.",
        cure: "Use firmware that follows the RoCEv2 annex for the masked fields.",
        source: "IBTA 7.8.1, A17",
    }
    W_04 {
        id: "W-04",
        name: "icrc-drop",
        title: "A packet with a wrong ICRC is treated as lost",
        why: "It must be neither delivered nor answered: its destination queue pair may be wrong \
              too.",
        cure: "Update the receiver; watch its ICRC counter (rx_icrc_encapsulated).",
        source: "IBTA 7.8.1, 9.6.1",
    }
    W_05 {
        id: "W-05",
        name: "reserved-zero",
        title: "Reserved bits of the BTH are sent as zero",
        why: "Other implementations may give the bits a meaning, or drop the packet.",
        cure: "Update the sender's firmware; look for devices that mark packets in these bits.",
        source: "IBTA 9.2",
    }
    W_06 {
        id: "W-06",
        name: "transport-version",
        title: "Packets with a transport version other than 0 are dropped",
        why: "Only version 0 is defined; anything else is damage or no RoCE at all.",
        cure: "Find what sends to UDP port 4791 without being RoCE.",
        source: "IBTA 9.2, 9.6.1",
    }
    W_07 {
        id: "W-07",
        name: "migreq",
        title: "Both ends agree on the initial migration state",
        why: "Some adapters take a slow path when the MigReq bit differs from what they send \
              themselves.",
        cure: "Update the firmware of both ends, or set the migration state equally on both.",
        source: "IBTA 9.2.3, 17.2.8",
        symptoms: &[&NOT_MIGRATED],
        deviations: &[Deviation {
            id: "D-RXE-06",
            profiles: &["rxe"],
            symptoms: &[&NOT_MIGRATED],
            what: "MigReq is 0 in every packet",
            citation: "Linux 6.12 rxe_req.c:457, rxe_resp.c:827",
        }, Deviation {
            id: "D-E810-03",
            profiles: &["e810"],
            symptoms: &[&NOT_MIGRATED],
            what: "MigReq is 0 in every packet",
            citation: "Lumina, SIGCOMM 2023",
        }],
    }
    W_08 {
        id: "W-08",
        name: "source-port",
        title: "UDP source ports are of the dynamic range and constant per queue pair",
        why: "Switches spread flows over paths by the source port; one that changes under way \
              reorders packets.",
        cure: "Let the driver derive the port from the flow label; turn off source-port \
               modification.",
        source: "IBTA A17; RFC 6335, 6",
    }
    W_09 {
        id: "W-09",
        name: "flow-label",
        title: "Both directions derive the same source port from a flow label",
        why: "If the two ends hash differently, data and answers take unrelated paths.",
        cure: "Use drivers that derive the port symmetrically from both queue pair numbers.",
        source: "Linux rdma_get_udp_sport; IBTA A17",
    }
    W_10 {
        id: "W-10",
        name: "padding",
        title: "The payload is padded with zeros to a multiple of 4, as PadCnt says",
        why: "A receiver computes the message length from PadCnt; a wrong one corrupts the \
              length.",
        cure: "Update the sender.",
        source: "IBTA 9.2.4",
    }
    W_11 {
        id: "W-11",
        name: "psn-wrap",
        title: "Sequence numbers are followed correctly across 2^24",
        why: "Every connection wraps after 16 M packets; an error there looks like a rare loss.",
        cure: "Update the end that misreads the wrap.",
        source: "IBTA 9.7.1",
    }
    W_12 {
        id: "W-12",
        name: "opcode-sequence",
        title: "Opcodes of a message run first, middle, last, or only",
        why: "Anything else is a lost packet that nobody noticed or an implementation that mixes \
              messages.",
        cure: "Look for loss before this point (RC-05); otherwise update the sender.",
        source: "IBTA 9.7.4.1",
    }
    W_13 {
        id: "W-13",
        name: "payload-length",
        title: "Payload lengths fit the position in the message",
        why: "First and middle packets carry exactly one path MTU, last ones 1 byte to one MTU.",
        cure: "Set the same RoCE MTU at both ends; update the sender.",
        source: "IBTA 9.7.4.1",
    }
    W_14 {
        id: "W-14",
        name: "keys",
        title: "Packets with a wrong partition or queue key are dropped",
        why: "The keys keep tenants apart.",
        cure: "Set equal partition keys at both ends.",
        source: "IBTA 9.6.1, 10.9",
    }
    W_15 {
        id: "W-15",
        name: "cnp-format",
        title: "Congestion notifications have the right form",
        why: "Opcode 0x81, BECN set, 16 zero bytes, the destination of the queue pair that must \
              slow down; others are ignored and congestion control does not work.",
        cure: "Update the notification point; give CNPs their DSCP and a strict class.",
        source: "IBTA A17.9.3",
    }
    W_16 {
        id: "W-16",
        name: "aeth",
        title: "Acknowledgements have a legal syndrome, and their message numbers only grow",
        why: "A requester completes work by these fields.",
        cure: "Update the responder.",
        source: "IBTA 9.7.5.1, 9.7.7.1",
    }
    W_17 {
        id: "W-17",
        name: "extension-headers",
        title: "Every opcode has exactly its extension headers",
        why: "Header lengths follow from the opcode alone; a mistake shifts the payload.",
        cure: "Update the sender.",
        source: "IBTA 5.2.2, 9.3",
    }
    W_18 {
        id: "W-18",
        name: "marking",
        title: "DSCP, priority and ECN capability are the same in all packets of a queue pair",
        why: "Packets of one flow in different classes overtake each other, and part of them is \
              not lossless.",
        cure: "Set the traffic class or ToS of RoCE in one place (cma_roce_tos, traffic_class) and \
               trust DSCP along the path.",
        source: "IBTA A17; RFC 2474",
    }
    W_19 {
        id: "W-19",
        name: "ip-lengths",
        title: "Lengths of IP and UDP agree, and nothing is fragmented",
        why: "Adapters do not reassemble RoCE; a fragment is a lost packet.",
        cure: "Raise the MTU of every link above the RoCE MTU plus headers.",
        source: "RFC 791; RFC 768; IBTA A17",
    }
    W_20 {
        id: "W-20",
        name: "ack-request",
        title: "The last packet of a message asks for an acknowledgement",
        why: "Without it the message completes only by later traffic or a timeout.",
        cure: "Update the requester.",
        source: "IBTA 9.7.3",
    }
    W_21 {
        id: "W-21",
        name: "unknown-opcode",
        title: "Packets with reserved opcodes change nothing",
        why: "They are from newer or broken senders.",
        cure: "Update the receiver; find the sender of the opcodes.",
        source: "IBTA 9.6.1",
    }
    W_22 {
        id: "W-22",
        name: "malformed",
        title: "Cut or oversized frames change nothing",
        why: "What cannot be parsed must be dropped.",
        cure: "Find the device that cuts the frames: cable, MTU, offload.",
        source: "IBTA 9.6.1",
    }
    W_23 {
        id: "W-23",
        name: "mpa-crc",
        title: "The CRC of every iWARP FPDU is right",
        why: "TCP's checksum is weak; the MPA CRC protects the payload from end to end.",
        cure: "Find the device behind which the CRC is wrong; look for faulty offload or memory.",
        source: "RFC 5044, 4.4",
    }
    W_24 {
        id: "W-24",
        name: "iwarp-headers",
        title: "MPA markers, DDP and RDMAP headers are what they must be",
        why: "A receiver cannot find its place in the stream again and ends the connection.",
        cure: "Update the sender; agree on markers on both ends.",
        source: "RFC 5044, 4; RFC 5041, 4; RFC 5040, 4",
    }
    W_25 {
        id: "W-25",
        name: "iwarp-terminate",
        title: "iWARP connections are accepted and not terminated",
        why: "A Terminate message says which layer gave up and why.",
        cure: "Look up the code; check keys and rights of memory regions, and the listening \
               service.",
        source: "RFC 5044, 7.1; RFC 5040, 4.8",
    }
}
