//! Making frames from others.

use super::edit::{Edit, Field, Value, apply};
use xoff_wire::bth::{Aeth, Bth, CNP_PAYLOAD, Extensions, Opcode, Operation, UNLIMITED_CREDITS};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::roce::Packet;
use xoff_wire::{ethernet, mac_control, psn, roce};

/// A frame to be made from a chosen one, whose way it goes: the addresses, ports and the queue pair
/// are the same. Its ICRC is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inject {
    pub frame: Made,
    /// Before the chosen frame rather than behind it.
    pub before: bool,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A congestion notification (IBTA A17.9.3).
    Cnp,
    /// An acknowledgement of any kind. Its MSN is that of the chosen frame, or 0.
    Acknowledge {
        /// Of the AETH (IBTA 9.7.5.1.1).
        syndrome: u8,
        /// Added to the PSN of the chosen frame, modulo 2^24.
        psn_add: u32,
    },
    /// A copy with another PSN.
    Ghost { psn_add: u32 },
    /// A pause of these priorities from the sender of the chosen frame.
    Pfc { enable: u8, quanta: u16 },
    /// The same by 802.3x.
    Pause { quanta: u16 },
}

impl Made {
    /// A negative acknowledgement with this code.
    pub const fn nak(code: u8, psn_add: u32) -> Made {
        let syndrome = 0x60 | code & 0x1f;
        Made::Acknowledge { syndrome, psn_add }
    }

    /// Receiver not ready, with this timer.
    pub const fn rnr(timer: u8, psn_add: u32) -> Made {
        let syndrome = 0x20 | timer & 0x1f;
        Made::Acknowledge { syndrome, psn_add }
    }

    /// A positive acknowledgement without a limit of credits.
    pub const fn ack(psn_add: u32) -> Made {
        let syndrome = UNLIMITED_CREDITS;
        Made::Acknowledge { syndrome, psn_add }
    }
}

/// The frame, without FCS. None: it cannot be made from this one.
pub fn make(made: Made, chosen: &[u8]) -> Option<Vec<u8>> {
    match made {
        Made::Cnp => transport(chosen, |packet| {
            let bth = Bth {
                opcode: Opcode::CNP,
                pkey: packet.bth.pkey,
                becn: true,
                dest_qp: packet.bth.dest_qp,
                ..Bth::default()
            };
            Some((bth, Extensions::default(), CNP_PAYLOAD as u32))
        }),
        Made::Acknowledge { syndrome, psn_add } => transport(chosen, |packet| {
            let service = packet.bth.opcode.service()?;
            let bth = Bth {
                opcode: Opcode::new(service, Operation::Acknowledge),
                pkey: packet.bth.pkey,
                migreq: packet.bth.migreq,
                dest_qp: packet.bth.dest_qp,
                psn: psn::add(packet.bth.psn, psn_add),
                ..Bth::default()
            };
            let msn = packet.extensions.aeth.map_or(0, |aeth| aeth.msn);
            let extensions = Extensions {
                aeth: Some(Aeth { syndrome, msn }),
                ..Extensions::default()
            };
            bth.opcode.is_known().then_some((bth, extensions, 0))
        }),
        Made::Ghost { psn_add } => {
            let mut copy = chosen.to_vec();
            let shift = Edit::Rewrite {
                field: Field::Psn,
                value: Value::Add(u64::from(psn_add)),
                repair: true,
            };
            apply(shift, &mut copy).then_some(copy)
        }
        Made::Pfc { enable, quanta } => {
            let time = |class: usize| if enable & 1 << class != 0 { quanta } else { 0 };
            let repr = mac_control::Repr::Pfc {
                enable: u16::from(enable),
                quanta: std::array::from_fn(time),
            };
            pause(&repr, chosen)
        }
        Made::Pause { quanta } => pause(&mac_control::Repr::Pause { quanta }, chosen),
    }
}

/// A packet with the headers below the BTH of the chosen one; `of` says the rest, and how many zeros
/// are its payload.
fn transport(
    chosen: &[u8],
    of: impl FnOnce(&Packet<'_>) -> Option<(Bth, Extensions, u32)>,
) -> Option<Vec<u8>> {
    let dissected = dissect(Link::Ethernet, chosen, u32::try_from(chosen.len()).ok()?);
    let Body::Roce(packet) = &dissected.body else {
        return None;
    };
    let (bth, extensions, payload_len) = of(packet)?;
    let repr = roce::Repr {
        ethernet: dissected.ethernet,
        network: packet.network,
        sport: packet.sport,
        bth,
        extensions,
        payload_len,
        spoil_icrc: false,
    };
    let mut frame = Vec::new();
    repr.emit(&mut frame, |_| {});
    Some(frame)
}

fn pause(repr: &mac_control::Repr, chosen: &[u8]) -> Option<Vec<u8>> {
    let (ethernet, _) = ethernet::Repr::parse(chosen).ok()?;
    Some(repr.frame(ethernet.src).to_vec())
}
