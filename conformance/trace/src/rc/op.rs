//! What an opcode means to whoever follows a queue pair (IBTA 9.2).

use crate::report::{Operation, Service};
use xoff_wire::bth::Opcode;

/// The part that a packet plays between requester and responder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// SEND or WRITE.
    Request,
    ReadRequest,
    AtomicRequest,
    ReadResponse,
    Acknowledge,
    AtomicAcknowledge,
    Cnp,
    /// Not of RC, UC, UD or XRC, or reserved.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) service: Service,
    pub(super) role: Role,
    pub(super) operation: Operation,
    /// First or only, last or only packet of its message.
    pub(super) first: bool,
    pub(super) last: bool,
}

const TABLE: [Op; 256] = {
    let mut table = [decode(0); 256];
    let mut i = 0;
    while i < 256 {
        table[i] = decode(i as u8);
        i += 1;
    }
    table
};

/// The meaning of an opcode.
#[inline]
pub(super) fn of(opcode: Opcode) -> Op {
    TABLE[usize::from(opcode.0)]
}

const fn decode(opcode: u8) -> Op {
    use Operation::{Atomic, Read, Send, Write};
    let service = match opcode >> 5 {
        0 => Service::Rc,
        1 => Service::Uc,
        2 => Service::Rd,
        3 => Service::Ud,
        5 => Service::Xrc,
        // 4 is that of notifications, which say nothing of the service; the rest are reserved.
        _ => Service::Unknown,
    };
    let known = matches!(opcode >> 5, 0 | 1 | 3 | 5);
    let (role, operation, first, last) = match opcode & 0x1f {
        0 => (Role::Request, Send, true, false),
        1 => (Role::Request, Send, false, false),
        2 | 3 | 22 => (Role::Request, Send, false, true),
        4 | 5 | 23 => (Role::Request, Send, true, true),
        6 => (Role::Request, Write, true, false),
        7 => (Role::Request, Write, false, false),
        8 | 9 => (Role::Request, Write, false, true),
        10 | 11 => (Role::Request, Write, true, true),
        12 => (Role::ReadRequest, Read, true, true),
        13 => (Role::ReadResponse, Read, true, false),
        14 => (Role::ReadResponse, Read, false, false),
        15 => (Role::ReadResponse, Read, false, true),
        16 => (Role::ReadResponse, Read, true, true),
        17 => (Role::Acknowledge, Send, true, true),
        18 => (Role::AtomicAcknowledge, Atomic, true, true),
        19 | 20 => (Role::AtomicRequest, Atomic, true, true),
        _ => (Role::Other, Send, true, true),
    };
    let role = match (opcode, known) {
        (0x81, _) => Role::Cnp,
        (_, true) => role,
        (_, false) => Role::Other,
    };
    Op {
        service,
        role,
        operation,
        first,
        last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_of_each_kind() {
        let op = of(Opcode(0x06));
        assert_eq!((op.role, op.first, op.last), (Role::Request, true, false));
        assert_eq!(of(Opcode(0x2a)).service, Service::Uc);
        assert_eq!(of(Opcode(0x64)).service, Service::Ud);
        assert_eq!(of(Opcode(0xac)).role, Role::ReadRequest);
        assert_eq!(of(Opcode(0x81)).role, Role::Cnp);
        for (opcode, service) in [
            (0x81, Service::Unknown),
            (0x80, Service::Unknown),
            (0xc4, Service::Unknown),
            (0xe4, Service::Unknown),
            (0xa4, Service::Xrc),
        ] {
            assert_eq!(of(Opcode(opcode)).service, service, "{opcode:#x}");
        }
        assert_eq!(of(Opcode(0x80)).role, Role::Other);
        assert_eq!(of(Opcode(0x1f)).role, Role::Other);
    }
}
