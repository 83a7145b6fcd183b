//! Completion queues, what announces them, and shared receive queues.

use super::device::{Context, Domain, readable, zeroed};
use super::work::{Receive, chain_receives};
use super::{Refused, Result, done, made};
use rdma_sys::*;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// Announces completions.
pub(crate) struct Channel {
    channel: NonNull<ibv_comp_channel>,
    context: Rc<Context>,
}

impl Channel {
    pub(crate) fn new(context: &Rc<Context>) -> Result<Rc<Channel>> {
        // SAFETY: the device is open.
        let channel = unsafe { ibv_create_comp_channel(context.0.as_ptr()) };
        Ok(Rc::new(Channel {
            channel: made("ibv_create_comp_channel", channel)?,
            context: Rc::clone(context),
        }))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the channel.
        unsafe { BorrowedFd::borrow_raw(self.channel.as_ref().fd) }
    }

    /// Whether there are announcements, waiting at most so long.
    pub(crate) fn announced(&self, timeout_ms: u32) -> bool {
        readable(self.fd(), timeout_ms)
    }

    /// Takes the announcements that are there. The queues must be armed again.
    pub(crate) fn clear(&self) {
        while readable(self.fd(), 0) {
            let (mut cq, mut with) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: both arguments point to pointers; the channel lives.
            let code = unsafe { ibv_get_cq_event(self.channel.as_ptr(), &mut cq, &mut with) };
            if code != 0 || cq.is_null() {
                return;
            }
            // SAFETY: the queue lives: destroying it waits for this.
            unsafe { ibv_ack_cq_events(cq, 1) };
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: queues hold a reference to their channel.
        let _ = unsafe { ibv_destroy_comp_channel(self.channel.as_ptr()) };
    }
}

/// A completion queue.
pub(crate) struct Completions {
    pub(super) cq: NonNull<ibv_cq>,
    /// Destroyed after its queues.
    _channel: Rc<Channel>,
}

impl Completions {
    pub(crate) fn new(channel: &Rc<Channel>, entries: u32) -> Result<Completions> {
        const CALL: &str = "ibv_create_cq";
        let entries = i32::try_from(entries).map_err(|_| Refused::invalid(CALL))?;
        let context = channel.context.0.as_ptr();
        // SAFETY: device and channel live.
        let cq = unsafe {
            ibv_create_cq(
                context,
                entries,
                ptr::null_mut(),
                channel.channel.as_ptr(),
                0,
            )
        };
        let cq = Completions {
            cq: made(CALL, cq)?,
            _channel: Rc::clone(channel),
        };
        cq.arm()?;
        Ok(cq)
    }

    /// Asks for an announcement of the next completion.
    pub(crate) fn arm(&self) -> Result<()> {
        // SAFETY: the queue lives.
        done("ibv_req_notify_cq", unsafe {
            ibv_req_notify_cq(self.cq.as_ptr(), 0)
        })
    }

    /// Takes one entry.
    pub(crate) fn poll(&self) -> Result<Option<ibv_wc>> {
        let mut entry: ibv_wc = zeroed();
        // SAFETY: there is room for the one entry that is asked for.
        match unsafe { ibv_poll_cq(self.cq.as_ptr(), 1, &mut entry) } {
            0 => Ok(None),
            1.. => Ok(Some(entry)),
            _ => Err(Refused::last("ibv_poll_cq")),
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        // The kernel drops the announcements of this queue with it. Those of others stay in the
        // channel: who takes one must arm its queue again.
        // SAFETY: queue pairs hold their queues.
        let _ = unsafe { ibv_destroy_cq(self.cq.as_ptr()) };
    }
}

/// A shared receive queue.
pub(crate) struct SharedReceives {
    pub(super) srq: NonNull<ibv_srq>,
    _domain: Rc<Domain>,
}

impl SharedReceives {
    pub(crate) fn new(domain: &Rc<Domain>, max_wr: u32) -> Result<Rc<SharedReceives>> {
        let mut wanted: ibv_srq_init_attr = zeroed();
        (wanted.attr.max_wr, wanted.attr.max_sge) = (max_wr, 4);
        // SAFETY: the domain lives, and the structure is complete.
        let srq = unsafe { ibv_create_srq(domain.pd.as_ptr(), &mut wanted) };
        Ok(Rc::new(SharedReceives {
            srq: made("ibv_create_srq", srq)?,
            _domain: Rc::clone(domain),
        }))
    }

    /// An event tells when fewer are left.
    pub(crate) fn limit(&self, limit: u32) -> Result<()> {
        let mut wanted: ibv_srq_attr = zeroed();
        wanted.srq_limit = limit;
        let mask = ibv_srq_attr_mask::IBV_SRQ_LIMIT.0.cast_signed();
        // SAFETY: the queue lives, and the structure is complete.
        done("ibv_modify_srq", unsafe {
            ibv_modify_srq(self.srq.as_ptr(), &mut wanted, mask)
        })
    }

    pub(crate) fn post(&self, work: &[Receive]) -> Result<()> {
        chain_receives(work, |first, bad| {
            // SAFETY: the chain lives during the call, which copies it.
            done("ibv_post_srq_recv", unsafe {
                ibv_post_srq_recv(self.srq.as_ptr(), first, bad)
            })
        })
    }
}

impl Drop for SharedReceives {
    fn drop(&mut self) {
        // SAFETY: queue pairs hold a reference to it.
        let _ = unsafe { ibv_destroy_srq(self.srq.as_ptr()) };
    }
}
