//! What a frame is, in the words of rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xoff_wire::bth::{Operation, Service, Syndrome};
use xoff_wire::dissect::{Body, Dissected};
use xoff_wire::roce::Packet;

/// The management queue pair, whose datagrams set up connections.
const GSI: u32 = 1;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// SEND or RDMA WRITE.
    Data,
    /// An acknowledgement that refuses nothing.
    Ack,
    /// A negative acknowledgement, other than RNR.
    Nak,
    /// Receiver not ready.
    Rnr,
    ReadRequest,
    ReadResponse,
    /// The request of an atomic operation.
    Atomic,
    /// Its answer.
    AtomicAck,
    /// Congestion notification.
    Cnp,
    /// A management datagram.
    Mad,
    /// A TCP segment that carries data.
    TcpData,
    /// One that carries none.
    Tcp,
    Lldp,
    /// PFC or 802.3x pause.
    Pfc,
    /// Anything else, such as ARP.
    Other,
}

impl Class {
    /// As rules name it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Data => "data",
            Class::Ack => "ack",
            Class::Nak => "nak",
            Class::Rnr => "rnr",
            Class::ReadRequest => "read-request",
            Class::ReadResponse => "read-response",
            Class::Atomic => "atomic",
            Class::AtomicAck => "atomic-ack",
            Class::Cnp => "cnp",
            Class::Mad => "mad",
            Class::TcpData => "tcp-data",
            Class::Tcp => "tcp",
            Class::Lldp => "lldp",
            Class::Pfc => "pfc",
            Class::Other => "other",
        }
    }
}

/// The class of a frame: each has exactly one.
pub fn classify(frame: &Dissected<'_>) -> Class {
    match &frame.body {
        Body::Roce(packet) => roce(packet),
        Body::Tcp(_, segment) if segment.payload_len > 0 => Class::TcpData,
        Body::Tcp(..) => Class::Tcp,
        Body::Pause(_) => Class::Pfc,
        Body::Lldp(_) => Class::Lldp,
        Body::Other(_) | Body::Malformed(_) => Class::Other,
    }
}

fn roce(packet: &Packet<'_>) -> Class {
    let opcode = packet.bth.opcode;
    if opcode.is_cnp() {
        return Class::Cnp;
    }
    if packet.bth.dest_qp == GSI && opcode.service() == Some(Service::Ud) {
        return Class::Mad;
    }
    let Some(operation) = opcode.operation() else {
        return Class::Other;
    };
    match operation {
        Operation::ReadRequest => Class::ReadRequest,
        Operation::Acknowledge => {
            let syndrome = packet
                .extensions
                .aeth
                .map(|aeth| Syndrome::from_bits(aeth.syndrome));
            match syndrome {
                Some(Syndrome::Nak(_)) => Class::Nak,
                Some(Syndrome::RnrNak { .. }) => Class::Rnr,
                _ => Class::Ack,
            }
        }
        Operation::AtomicAcknowledge => Class::AtomicAck,
        Operation::CompareSwap | Operation::FetchAdd | Operation::AtomicWrite => Class::Atomic,
        op if op.is_read_response() => Class::ReadResponse,
        _ => Class::Data,
    }
}
