//! Codes of the library, and what the agent calls them.

use rdma_sys::*;
use xoff_lab::agent::Status;
use xoff_lab::agent::{Access, QpState};

/// In the order of `enum ibv_wc_status`.
const STATUSES: [Status; 24] = [
    Status::Success,
    Status::LocLenErr,
    Status::LocQpOpErr,
    Status::LocEecOpErr,
    Status::LocProtErr,
    Status::WrFlushErr,
    Status::MwBindErr,
    Status::BadRespErr,
    Status::LocAccessErr,
    Status::RemInvReqErr,
    Status::RemAccessErr,
    Status::RemOpErr,
    Status::RetryExcErr,
    Status::RnrRetryExcErr,
    Status::LocRddViolErr,
    Status::RemInvRdReqErr,
    Status::RemAbortErr,
    Status::InvEecnErr,
    Status::InvEecStateErr,
    Status::FatalErr,
    Status::RespTimeoutErr,
    Status::GeneralErr,
    Status::TmErr,
    Status::TmRndvIncomplete,
];

/// In the order of `enum ibv_event_type`.
const EVENTS: [&str; 20] = [
    "CQ_ERR",
    "QP_FATAL",
    "QP_REQ_ERR",
    "QP_ACCESS_ERR",
    "COMM_EST",
    "SQ_DRAINED",
    "PATH_MIG",
    "PATH_MIG_ERR",
    "DEVICE_FATAL",
    "PORT_ACTIVE",
    "PORT_ERR",
    "LID_CHANGE",
    "PKEY_CHANGE",
    "SM_CHANGE",
    "SRQ_ERR",
    "SRQ_LIMIT_REACHED",
    "QP_LAST_WQE_REACHED",
    "CLIENT_REREGISTER",
    "GID_CHANGE",
    "WQ_FATAL",
];

/// In the order of `enum ibv_qp_state`.
const STATES: [QpState; 8] = [
    QpState::Reset,
    QpState::Init,
    QpState::Rtr,
    QpState::Rts,
    QpState::Sqd,
    QpState::Sqe,
    QpState::Err,
    QpState::Unknown,
];

pub(crate) fn status(code: ibv_wc_status::Type) -> Status {
    let known = STATUSES.get(code as usize).copied();
    known.unwrap_or(Status::GeneralErr)
}

pub(crate) fn event(code: u32) -> String {
    let known = EVENTS.get(code as usize);
    known.map_or_else(|| format!("EVENT_{code}"), |name| (*name).to_owned())
}

/// Whether an event concerns a queue pair.
pub(crate) fn is_of_pair(code: u32) -> bool {
    matches!(code, 1..=7 | 16)
}

pub(crate) fn state(code: ibv_qp_state::Type) -> QpState {
    let known = STATES.get(code as usize).copied();
    known.unwrap_or(QpState::Unknown)
}

/// None: not a state to go to.
pub(crate) fn state_code(state: QpState) -> Option<ibv_qp_state::Type> {
    let at = STATES.iter().position(|known| *known == state);
    at.filter(|_| state != QpState::Unknown)
        .and_then(|at| ibv_qp_state::Type::try_from(at).ok())
}

pub(crate) fn opcode(code: ibv_wc_opcode::Type) -> String {
    let name = match code {
        ibv_wc_opcode::IBV_WC_SEND => "SEND",
        ibv_wc_opcode::IBV_WC_RDMA_WRITE => "RDMA_WRITE",
        ibv_wc_opcode::IBV_WC_RDMA_READ => "RDMA_READ",
        ibv_wc_opcode::IBV_WC_COMP_SWAP => "COMP_SWAP",
        ibv_wc_opcode::IBV_WC_FETCH_ADD => "FETCH_ADD",
        ibv_wc_opcode::IBV_WC_LOCAL_INV => "LOCAL_INV",
        ibv_wc_opcode::IBV_WC_RECV => "RECV",
        ibv_wc_opcode::IBV_WC_RECV_RDMA_WITH_IMM => "RECV_RDMA_WITH_IMM",
        other => return format!("OPCODE_{other}"),
    };
    name.to_owned()
}

pub(crate) fn access(access: &Access) -> ibv_access_flags {
    let mut flags = ibv_access_flags(0);
    let bits = [
        (access.local_write, ibv_access_flags::IBV_ACCESS_LOCAL_WRITE),
        (
            access.remote_write,
            ibv_access_flags::IBV_ACCESS_REMOTE_WRITE,
        ),
        (access.remote_read, ibv_access_flags::IBV_ACCESS_REMOTE_READ),
        (
            access.remote_atomic,
            ibv_access_flags::IBV_ACCESS_REMOTE_ATOMIC,
        ),
    ];
    for (given, bit) in bits {
        if given {
            flags |= bit;
        }
    }
    flags
}

/// Bytes of an MTU's code (IBTA 9.6.2: 1 is 256, each further one doubles).
pub(crate) fn mtu(code: ibv_mtu::Type) -> u32 {
    match code {
        1..=5 => 128 << code,
        _ => 0,
    }
}

pub(crate) fn mtu_code(bytes: u32) -> Option<ibv_mtu::Type> {
    (1..=5).find(|&code| mtu(code) == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_library() {
        assert_eq!(
            status(ibv_wc_status::IBV_WC_REM_ACCESS_ERR),
            Status::RemAccessErr
        );
        assert_eq!(
            status(ibv_wc_status::IBV_WC_GENERAL_ERR),
            Status::GeneralErr
        );
        assert_eq!(
            status(ibv_wc_status::IBV_WC_RNR_RETRY_EXC_ERR),
            Status::RnrRetryExcErr
        );
        assert_eq!(
            event(ibv_event_type::IBV_EVENT_SQ_DRAINED as u32),
            "SQ_DRAINED"
        );
        assert_eq!(event(ibv_event_type::IBV_EVENT_WQ_FATAL as u32), "WQ_FATAL");
        assert_eq!(event(99), "EVENT_99");
        assert_eq!(state(ibv_qp_state::IBV_QPS_ERR), QpState::Err);
        assert_eq!(state_code(QpState::Sqd), Some(ibv_qp_state::IBV_QPS_SQD));
        assert_eq!(state_code(QpState::Unknown), None);
        for (code, bytes) in [(ibv_mtu::IBV_MTU_256, 256), (ibv_mtu::IBV_MTU_4096, 4096)] {
            assert_eq!((mtu(code), mtu_code(bytes)), (bytes, Some(code)));
        }
        assert_eq!((mtu(0), mtu(77), mtu_code(1500)), (0, 0, None));
    }
}
