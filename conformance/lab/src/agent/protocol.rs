//! What an agent understands and answers.
//!
//! Handles (`mr`, `cq`, `qp`...) are numbers that the agent gives out, from 0 for each kind. A call
//! that the library or the kernel refuses is answered by [`Reply::Failed`] with its errno; the
//! agent goes on.

use super::Status;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Opens a device, by name; None: the first. First of all. Without an index: the first GID of
    /// RoCEv2 of an IPv4, or IPv6, address.
    Open {
        device: Option<String>,
        gid_index: Option<u8>,
        #[serde(default)]
        ipv6: bool,
    },
    /// Registers memory; filled with a pattern that depends on `seed` and the offset.
    Register {
        len: u64,
        access: Access,
        seed: u64,
    },
    Deregister {
        mr: u32,
    },
    Fill {
        mr: u32,
        seed: u64,
    },
    /// Bytes of memory, at most 64 KiB.
    Peek {
        mr: u32,
        offset: u64,
        len: u64,
    },
    Poke {
        mr: u32,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// SHA-256 of a range, in hexadecimal.
    Hash {
        mr: u32,
        offset: u64,
        len: u64,
    },
    CreateSrq {
        max_wr: u32,
        limit: u32,
    },
    CreateQp(CreateQp),
    /// `ibv_modify_qp` with exactly these attributes.
    ModifyQp {
        qp: u32,
        attributes: Attributes,
    },
    QueryQp {
        qp: u32,
    },
    /// iWARP: the connection manager listens at the device's addresses.
    Listen {
        port: u16,
    },
    /// iWARP: a queue pair that is to be connected to a peer that listens.
    Resolve {
        to: SocketAddr,
        wanted: CreateQp,
    },
    /// iWARP: begins to connect. `reads`: READs from here and from the peer that may be outstanding.
    Connect {
        qp: u32,
        reads: [u8; 2],
    },
    /// iWARP: a queue pair for the next peer that wants to connect.
    Requested {
        wanted: CreateQp,
        timeout_ms: u32,
    },
    /// iWARP: accepts the peer.
    Accept {
        qp: u32,
        reads: [u8; 2],
    },
    /// iWARP: waits until there is a connection.
    Established {
        qp: u32,
        timeout_ms: u32,
    },
    DestroyQp {
        qp: u32,
    },
    PostSend {
        qp: u32,
        work: Vec<SendWork>,
    },
    PostRecv {
        qp: u32,
        work: Vec<RecvWork>,
    },
    PostSrqRecv {
        srq: u32,
        work: Vec<RecvWork>,
    },
    /// Completions of a queue pair, until there are `count` or the time is over.
    Poll {
        qp: u32,
        side: Side,
        count: u32,
        timeout_ms: u32,
    },
    /// Waits until there is a completion that was not polled, or the time is over.
    Wait {
        timeout_ms: u32,
    },
    /// Asynchronous events that came, waiting at most so long for the first.
    Events {
        timeout_ms: u32,
    },
    /// [`Request::PostSend`] of `count` requests that differ by steps.
    PostSends {
        qp: u32,
        first: SendWork,
        steps: Steps,
    },
    /// [`Request::PostRecv`] of `count` requests that differ by steps.
    PostRecvs {
        qp: u32,
        first: RecvWork,
        steps: Steps,
    },
    /// SHA-256 of `count` ranges that begin `step` bytes after each other.
    Hashes {
        mr: u32,
        offset: u64,
        len: u64,
        step: u64,
        count: u32,
    },
    /// Arms the limit of a shared receive queue.
    LimitSrq {
        srq: u32,
        limit: u32,
    },
    /// The device's counters.
    Counters,
    /// One after the other; a failure does not end it.
    Batch(Vec<Request>),
    Close,
}

/// Requests in a row: work request numbers count up by one, addresses by these bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    pub count: u32,
    /// For each local range.
    pub local: u64,
    pub remote: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Done,
    Opened(Device),
    Registered {
        mr: u32,
        address: u64,
        lkey: u32,
        rkey: u32,
    },
    Bytes(Vec<u8>),
    Hash(String),
    Created {
        handle: u32,
        qpn: u32,
    },
    State(QpState),
    Completions(Vec<Work>),
    /// `IBV_EVENT_...` without the prefix, and the QPN or 0.
    Events(Vec<(String, u32)>),
    Hashes(Vec<String>),
    /// Named as in sysfs.
    Counters(BTreeMap<String, u64>),
    Batch(Vec<Reply>),
    Failed {
        call: String,
        errno: i32,
        message: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub name: String,
    pub firmware: String,
    pub vendor_id: u32,
    pub vendor_part_id: u32,
    /// Of the port's active MTU, bytes.
    pub mtu: u32,
    pub gid_index: u8,
    /// 16 bytes.
    pub gid: Vec<u8>,
    pub max_qp_rd_atom: u8,
    /// iWARP: queue pairs are connected by the connection manager, at these addresses.
    #[serde(default)]
    pub managed: Option<Vec<IpAddr>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub local_write: bool,
    pub remote_write: bool,
    pub remote_read: bool,
    pub remote_atomic: bool,
}

impl Access {
    pub const ALL: Access = Access {
        local_write: true,
        remote_write: true,
        remote_read: true,
        remote_atomic: true,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QpType {
    Rc,
    Uc,
    Ud,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Send,
    Receive,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateQp {
    pub kind: QpType,
    pub send_depth: u32,
    pub recv_depth: u32,
    pub max_sge: u32,
    pub srq: Option<u32>,
    /// Every send completes with an entry, not only those that ask for it.
    pub signal_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum QpState {
    Reset,
    Init,
    Rtr,
    Rts,
    Sqd,
    Sqe,
    Err,
    Unknown,
}

/// What `ibv_modify_qp` sets: only what is given, and only that is in its mask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    pub state: Option<QpState>,
    pub access: Option<Access>,
    pub pkey_index: Option<u16>,
    pub port: Option<u8>,
    pub qkey: Option<u32>,
    /// Bytes: 256 to 4096.
    pub path_mtu: Option<u32>,
    pub dest_qpn: Option<u32>,
    pub rq_psn: Option<u32>,
    pub sq_psn: Option<u32>,
    pub max_rd_atomic: Option<u8>,
    pub max_dest_rd_atomic: Option<u8>,
    /// IBTA code.
    pub min_rnr_timer: Option<u8>,
    /// Code n of 4.096 us x 2^n.
    pub timeout: Option<u8>,
    pub retry_cnt: Option<u8>,
    pub rnr_retry: Option<u8>,
    /// The peer.
    pub address: Option<Address>,
    pub sqd_async_notify: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// 16 bytes.
    pub gid: Vec<u8>,
    pub gid_index: u8,
    pub traffic_class: u8,
    pub flow_label: u32,
    pub hop_limit: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendOp {
    Send,
    SendImm,
    SendInv,
    Write,
    WriteImm,
    Read,
    CompareSwap,
    FetchAdd,
}

/// A range of registered memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub mr: u32,
    pub offset: u64,
    pub len: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendWork {
    pub wr: u64,
    pub op: SendOp,
    pub local: Vec<Range>,
    pub remote_address: u64,
    pub rkey: u32,
    pub imm: u32,
    pub compare: u64,
    pub swap_or_add: u64,
    pub signaled: bool,
    pub solicited: bool,
    pub fence: bool,
    /// Datagrams: where to.
    pub to: Option<Datagram>,
}

impl SendWork {
    /// What every request has; the rest is its operation's.
    pub fn new(wr: u64, op: SendOp, local: Vec<Range>) -> SendWork {
        SendWork {
            wr,
            op,
            local,
            remote_address: 0,
            rkey: 0,
            imm: 0,
            compare: 0,
            swap_or_add: 0,
            signaled: true,
            solicited: false,
            fence: false,
            to: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagram {
    pub address: Address,
    pub qpn: u32,
    pub qkey: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecvWork {
    pub wr: u64,
    pub local: Vec<Range>,
}

/// A completion as `ibv_poll_cq` gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub wr: u64,
    pub status: Status,
    pub vendor_error: u32,
    /// `IBV_WC_...` without the prefix; not valid with an error.
    pub opcode: String,
    pub bytes: u32,
    pub imm: Option<u32>,
    pub invalidated: Option<u32>,
    pub grh: bool,
    pub qpn: u32,
    pub src_qpn: u32,
    /// On the clock of the host (CLOCK_MONOTONIC).
    pub at_ns: u64,
}
