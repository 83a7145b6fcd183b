//! Queue pairs.

use super::device::{Domain, PORT, zeroed};
use super::manager::Id;
use super::queue::{Channel, Completions, SharedReceives};
use super::work::{Receive, Send, attributes, chain_receives, chain_sends};
use super::{Refused, Result, done, made};
use crate::names;
use rdma_sys::*;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use xoff_lab::agent::{Attributes, CreateQp, QpState, QpType};

/// A queue pair with a completion queue for each side.
pub(crate) struct Pair {
    qp: Owned,
    pub(crate) sends: Completions,
    pub(crate) receives: Completions,
    _srq: Option<Rc<SharedReceives>>,
    _domain: Rc<Domain>,
}

/// Destroyed before its completion queues.
struct Owned {
    qp: NonNull<ibv_qp>,
    /// Set if the connection manager made it.
    id: Option<Id>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        match &self.id {
            // SAFETY: made once, destroyed once; the identifier is destroyed after it.
            Some(id) => unsafe { rdma_destroy_qp(id.id.as_ptr()) },
            None => {
                // SAFETY: made once, destroyed once.
                let _ = unsafe { ibv_destroy_qp(self.qp.as_ptr()) };
            }
        }
    }
}

impl Pair {
    pub(crate) fn new(
        domain: &Rc<Domain>,
        channel: &Rc<Channel>,
        srq: Option<(&Rc<SharedReceives>, u32)>,
        wanted: &CreateQp,
        id: Option<Id>,
    ) -> Result<Pair> {
        let sends = Completions::new(channel, wanted.send_depth.saturating_add(1))?;
        let received = srq.map_or(wanted.recv_depth, |(_, depth)| depth);
        let receives = Completions::new(channel, received.saturating_add(1))?;
        let mut init: ibv_qp_init_attr = zeroed();
        (init.send_cq, init.recv_cq) = (sends.cq.as_ptr(), receives.cq.as_ptr());
        init.srq = srq.map_or(ptr::null_mut(), |(srq, _)| srq.srq.as_ptr());
        init.cap.max_send_wr = wanted.send_depth;
        init.cap.max_recv_wr = wanted.recv_depth;
        (init.cap.max_send_sge, init.cap.max_recv_sge) = (wanted.max_sge, wanted.max_sge);
        init.sq_sig_all = wanted.signal_all.into();
        init.qp_type = match wanted.kind {
            QpType::Rc => ibv_qp_type::IBV_QPT_RC,
            QpType::Uc => ibv_qp_type::IBV_QPT_UC,
            QpType::Ud => ibv_qp_type::IBV_QPT_UD,
        };
        let qp = match &id {
            None => {
                // SAFETY: the domain lives, and so does what the structure names.
                let qp = unsafe { ibv_create_qp(domain.pd.as_ptr(), &mut init) };
                made("ibv_create_qp", qp)?
            }
            Some(id) => {
                const CALL: &str = "rdma_create_qp";
                let at = id.id.as_ptr();
                // SAFETY: the same, and the identifier lives.
                done(CALL, unsafe {
                    rdma_create_qp(at, domain.pd.as_ptr(), &mut init)
                })?;
                // SAFETY: the identifier lives.
                made(CALL, unsafe { (*at).qp })?
            }
        };
        Ok(Pair {
            qp: Owned { qp, id },
            sends,
            receives,
            _srq: srq.map(|(srq, _)| Rc::clone(srq)),
            _domain: Rc::clone(domain),
        })
    }

    /// What the connection manager knows it by.
    pub(crate) fn id(&self) -> Result<&Id> {
        self.qp
            .id
            .as_ref()
            .ok_or_else(|| Refused::invalid("rdma_cm"))
    }

    pub(crate) fn number(&self) -> u32 {
        // SAFETY: the queue pair lives.
        unsafe { self.qp.qp.as_ref().qp_num }
    }

    pub(crate) fn modify(&self, wanted: &Attributes) -> Result<()> {
        const CALL: &str = "ibv_modify_qp";
        let (mut attributes, mask) = convert(wanted).ok_or_else(|| Refused::invalid(CALL))?;
        // SAFETY: the queue pair lives, and the mask names only what is set.
        done(CALL, unsafe {
            ibv_modify_qp(self.qp.qp.as_ptr(), &mut attributes, mask.0.cast_signed())
        })
    }

    pub(crate) fn state(&self) -> Result<QpState> {
        let (mut attributes, mut init): (ibv_qp_attr, ibv_qp_init_attr) = (zeroed(), zeroed());
        let mask = ibv_qp_attr_mask::IBV_QP_STATE.0.cast_signed();
        // SAFETY: the queue pair lives, and the call fills both structures.
        let code = unsafe { ibv_query_qp(self.qp.qp.as_ptr(), &mut attributes, mask, &mut init) };
        done("ibv_query_qp", code)?;
        Ok(names::state(attributes.qp_state))
    }

    pub(crate) fn post_sends(&self, work: &[Send]) -> Result<()> {
        chain_sends(work, |first, bad| {
            // SAFETY: the chain lives during the call, which copies it.
            done("ibv_post_send", unsafe {
                ibv_post_send(self.qp.qp.as_ptr(), first, bad)
            })
        })
    }

    pub(crate) fn post_receives(&self, work: &[Receive]) -> Result<()> {
        chain_receives(work, |first, bad| {
            // SAFETY: the chain lives during the call, which copies it.
            done("ibv_post_recv", unsafe {
                ibv_post_recv(self.qp.qp.as_ptr(), first, bad)
            })
        })
    }
}

/// None: a value that has no code.
fn convert(wanted: &Attributes) -> Option<(ibv_qp_attr, ibv_qp_attr_mask)> {
    use ibv_qp_attr_mask as Mask;
    let mut to: ibv_qp_attr = zeroed();
    let mut mask = Mask(0);
    macro_rules! copy {
        ($($from:ident => $field:ident, $bit:ident;)*) => {
            $(if let Some(value) = wanted.$from {
                to.$field = value.into();
                mask |= Mask::$bit;
            })*
        };
    }
    copy! {
        pkey_index => pkey_index, IBV_QP_PKEY_INDEX;
        port => port_num, IBV_QP_PORT;
        qkey => qkey, IBV_QP_QKEY;
        dest_qpn => dest_qp_num, IBV_QP_DEST_QPN;
        rq_psn => rq_psn, IBV_QP_RQ_PSN;
        sq_psn => sq_psn, IBV_QP_SQ_PSN;
        max_rd_atomic => max_rd_atomic, IBV_QP_MAX_QP_RD_ATOMIC;
        max_dest_rd_atomic => max_dest_rd_atomic, IBV_QP_MAX_DEST_RD_ATOMIC;
        min_rnr_timer => min_rnr_timer, IBV_QP_MIN_RNR_TIMER;
        timeout => timeout, IBV_QP_TIMEOUT;
        retry_cnt => retry_cnt, IBV_QP_RETRY_CNT;
        rnr_retry => rnr_retry, IBV_QP_RNR_RETRY;
        sqd_async_notify => en_sqd_async_notify, IBV_QP_EN_SQD_ASYNC_NOTIFY;
    }
    if let Some(state) = wanted.state {
        to.qp_state = names::state_code(state)?;
        mask |= Mask::IBV_QP_STATE;
    }
    if let Some(access) = &wanted.access {
        to.qp_access_flags = names::access(access).0;
        mask |= Mask::IBV_QP_ACCESS_FLAGS;
    }
    if let Some(bytes) = wanted.path_mtu {
        to.path_mtu = names::mtu_code(bytes)?;
        mask |= Mask::IBV_QP_PATH_MTU;
    }
    if let Some(address) = &wanted.address {
        to.ah_attr = attributes(address, wanted.port.unwrap_or(PORT))?;
        mask |= Mask::IBV_QP_AV;
    }
    Some((to, mask))
}
