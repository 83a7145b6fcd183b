//! Work requests.

use super::device::{Domain, PORT, zeroed};
use super::{Refused, Result, made};
use rdma_sys::*;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use xoff_lab::agent::{Address, SendOp};

/// Requests of one call.
const MAX_CHAIN: usize = 1 << 16;

/// A receive: where it may write.
pub(crate) struct Receive {
    pub(crate) wr: u64,
    pub(crate) local: Vec<ibv_sge>,
}

/// A send with all that it needs.
pub(crate) struct Send {
    pub(crate) wr: u64,
    pub(crate) op: SendOp,
    pub(crate) local: Vec<ibv_sge>,
    pub(crate) remote_address: u64,
    pub(crate) rkey: u32,
    pub(crate) imm: u32,
    pub(crate) compare: u64,
    pub(crate) swap_or_add: u64,
    pub(crate) flags: ibv_send_flags,
    pub(crate) to: Option<Target>,
}

/// Where a datagram goes.
pub(crate) struct Target {
    pub(crate) handle: Rc<AddressHandle>,
    pub(crate) qpn: u32,
    pub(crate) qkey: u32,
}

pub(crate) struct AddressHandle {
    ah: NonNull<ibv_ah>,
    _domain: Rc<Domain>,
}

impl AddressHandle {
    pub(crate) fn new(domain: &Rc<Domain>, address: &Address) -> Result<Rc<AddressHandle>> {
        const CALL: &str = "ibv_create_ah";
        let mut wanted = attributes(address, PORT).ok_or_else(|| Refused::invalid(CALL))?;
        // SAFETY: the domain lives, and the structure is complete.
        let ah = unsafe { ibv_create_ah(domain.pd.as_ptr(), &mut wanted) };
        Ok(Rc::new(AddressHandle {
            ah: made(CALL, ah)?,
            _domain: Rc::clone(domain),
        }))
    }
}

impl Drop for AddressHandle {
    fn drop(&mut self) {
        // SAFETY: made once; work that names it was copied by the provider.
        let _ = unsafe { ibv_destroy_ah(self.ah.as_ptr()) };
    }
}

/// An address vector. None: the GID has not 16 bytes.
pub(super) fn attributes(address: &Address, port: u8) -> Option<ibv_ah_attr> {
    let raw = <[u8; 16]>::try_from(&address.gid[..]).ok()?;
    let mut wanted: ibv_ah_attr = zeroed();
    wanted.grh = ibv_global_route {
        dgid: ibv_gid { raw },
        flow_label: address.flow_label,
        sgid_index: address.gid_index,
        hop_limit: address.hop_limit,
        traffic_class: address.traffic_class,
    };
    (wanted.is_global, wanted.port_num) = (1, port);
    Some(wanted)
}

fn sges(list: &[ibv_sge]) -> (*mut ibv_sge, i32) {
    // Lists are only read; an empty one has no address.
    match list {
        [] => (ptr::null_mut(), 0),
        _ => (
            list.as_ptr().cast_mut(),
            i32::try_from(list.len()).unwrap_or(i32::MAX),
        ),
    }
}

/// Gives a chain of receives to `post`.
pub(super) fn chain_receives(
    work: &[Receive],
    post: impl FnOnce(*mut ibv_recv_wr, *mut *mut ibv_recv_wr) -> Result<()>,
) -> Result<()> {
    if work.len() > MAX_CHAIN {
        return Err(Refused::invalid("ibv_post_recv"));
    }
    let entry = |work: &Receive| {
        let mut request: ibv_recv_wr = zeroed();
        request.wr_id = work.wr;
        (request.sg_list, request.num_sge) = sges(&work.local);
        request
    };
    let mut chain: Vec<ibv_recv_wr> = work.iter().map(entry).collect();
    let first = chain.as_mut_ptr();
    for index in 1..chain.len() {
        // SAFETY: both are in the vector, which does not move any more.
        unsafe { (*first.add(index - 1)).next = first.add(index) };
    }
    match work {
        [] => Ok(()),
        _ => post(first, &mut ptr::null_mut()),
    }
}

/// Gives a chain of sends to `post`.
pub(super) fn chain_sends(
    work: &[Send],
    post: impl FnOnce(*mut ibv_send_wr, *mut *mut ibv_send_wr) -> Result<()>,
) -> Result<()> {
    if work.len() > MAX_CHAIN {
        return Err(Refused::invalid("ibv_post_send"));
    }
    let mut chain: Vec<ibv_send_wr> = work.iter().map(send).collect();
    let first = chain.as_mut_ptr();
    for index in 1..chain.len() {
        // SAFETY: both are in the vector, which does not move any more.
        unsafe { (*first.add(index - 1)).next = first.add(index) };
    }
    match work {
        [] => Ok(()),
        _ => post(first, &mut ptr::null_mut()),
    }
}

fn send(work: &Send) -> ibv_send_wr {
    let mut request: ibv_send_wr = zeroed();
    request.wr_id = work.wr;
    (request.sg_list, request.num_sge) = sges(&work.local);
    request.send_flags = work.flags.0;
    request.opcode = opcode(work.op);
    match work.op {
        SendOp::SendInv => {
            request.imm_data_invalidated_rkey_union.invalidated_rkey = work.imm;
        }
        _ => request.imm_data_invalidated_rkey_union.imm_data = work.imm.to_be(),
    }
    if let Some(to) = &work.to {
        request.wr.ud = ud_t {
            ah: to.handle.ah.as_ptr(),
            remote_qpn: to.qpn,
            remote_qkey: to.qkey,
        };
        return request;
    }
    match work.op {
        SendOp::CompareSwap | SendOp::FetchAdd => {
            let fetch = work.op == SendOp::FetchAdd;
            request.wr.atomic = atomic_t {
                remote_addr: work.remote_address,
                compare_add: if fetch {
                    work.swap_or_add
                } else {
                    work.compare
                },
                swap: if fetch { 0 } else { work.swap_or_add },
                rkey: work.rkey,
            };
        }
        SendOp::Write | SendOp::WriteImm | SendOp::Read => {
            request.wr.rdma = rdma_t {
                remote_addr: work.remote_address,
                rkey: work.rkey,
            };
        }
        SendOp::Send | SendOp::SendImm | SendOp::SendInv => {}
    }
    request
}

fn opcode(op: SendOp) -> ibv_wr_opcode::Type {
    match op {
        SendOp::Send => ibv_wr_opcode::IBV_WR_SEND,
        SendOp::SendImm => ibv_wr_opcode::IBV_WR_SEND_WITH_IMM,
        SendOp::SendInv => ibv_wr_opcode::IBV_WR_SEND_WITH_INV,
        SendOp::Write => ibv_wr_opcode::IBV_WR_RDMA_WRITE,
        SendOp::WriteImm => ibv_wr_opcode::IBV_WR_RDMA_WRITE_WITH_IMM,
        SendOp::Read => ibv_wr_opcode::IBV_WR_RDMA_READ,
        SendOp::CompareSwap => ibv_wr_opcode::IBV_WR_ATOMIC_CMP_AND_SWP,
        SendOp::FetchAdd => ibv_wr_opcode::IBV_WR_ATOMIC_FETCH_AND_ADD,
    }
}
