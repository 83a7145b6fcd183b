//! One way of a connection: the requests that are sent this way, and answers to the other way's.

use super::key::{Key, Place};
use super::requests::Requests;
use super::tally::Tallies;
use crate::report::{Marking, Service};
use std::net::IpAddr;
use xoff_wire::ip::Ecn;
use xoff_wire::{Mac, ethernet, roce};

/// How packets of one kind are marked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) seen: bool,
    pub(super) marking: Marking,
    pub(super) ect: u64,
    pub(super) ce: u64,
    /// Frame at which the marks changed.
    pub(super) changed: Option<u64>,
}

impl Marks {
    #[inline]
    pub(super) fn note(&mut self, eth: &ethernet::Repr, p: &roce::Packet, frame: u64) {
        let tag = eth.inner.or(eth.outer);
        let ecn_capable = p.network.ecn != Ecn::NotEct;
        self.ect += u64::from(ecn_capable);
        self.ce += u64::from(p.network.ecn == Ecn::Ce);
        let now = Marking {
            dscp: p.network.dscp,
            pcp: tag.map(|t| t.pcp),
            ecn_capable,
            mixed: self.marking.mixed,
        };
        if !self.seen {
            self.seen = true;
            self.marking = now;
        } else if now != self.marking && !self.marking.mixed {
            self.marking.mixed = true;
            self.changed = Some(frame);
        }
    }
}

/// Answers to requests of the other way, and congestion notifications.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) acks: u64,
    pub(super) naks: u64,
    pub(super) rnr_naks: u64,
    pub(super) error_naks: [u64; 3],
    pub(super) cnps: u64,
    pub(super) echoes: u64,
    pub(super) cnp_last_ns: Option<u64>,
    pub(super) cnp_spacing_ns: Option<u64>,
    /// CNPs before any marked packet had come the other way.
    pub(super) cnps_unfounded: u64,
    pub(super) first_ns: Option<u64>,
    /// Message sequence number of the last answer.
    pub(super) msn: Option<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Half {
    pub(super) key: Key,
    pub(super) peer: Option<u32>,
    /// Failed attempts to find the peer.
    pub(super) attempts: u32,
    /// More than one peer would do.
    pub(super) ambiguous: bool,
    pub(super) service: Service,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) src_mac: Mac,
    pub(super) dst_mac: Mac,
    pub(super) place: Place,
    pub(super) v1: bool,
    pub(super) vlan: Option<u16>,
    pub(super) sport: Option<u16>,
    /// The step of sequence numbers that its requests are listed under, while it has no peer.
    pub(super) listed: Option<u8>,
    /// So far only notifications were seen.
    pub(super) only_cnps: bool,
    pub(super) migreq: bool,
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    pub(super) first_frame: u64,
    pub(super) requests: Requests,
    /// Requests of the other side as its READ responses show them, while it is not found.
    pub(super) unseen: Option<Box<Requests>>,
    pub(super) answers: Answers,
    /// The last data packet this way was a READ response, not a request.
    pub(super) responds: bool,
    /// Data: requests and READ responses.
    pub(super) data: Marks,
    pub(super) answer_marks: Marks,
    pub(super) bad_icrc: u64,
    pub(super) unverified_icrc: u64,
    /// Wrong, where all of the sender's are.
    pub(super) unjudged_icrc: u64,
    /// What rides on its SENDs is nobody's concern.
    pub(super) plain_sends: bool,
    /// Opcode sequence: a message is in progress.
    pub(super) in_message: bool,
    pub(super) tallies: Tallies,
}

impl Half {
    /// Queue pair of the source, if datagrams told it.
    pub(super) fn src_qp(&self) -> Option<u32> {
        (self.key.src_qp != 0).then_some(self.key.src_qp & xoff_wire::psn::MASK)
    }
}
