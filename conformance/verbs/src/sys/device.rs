//! The device and what belongs to it alone.

use super::{Refused, Result, done, made};
use crate::names;
use rdma_sys::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::CStr;
use std::mem::{self, MaybeUninit};
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::rc::Rc;

/// The only port that is used.
pub(super) const PORT: u8 = 1;

/// An open device.
pub(crate) struct Context(pub(super) NonNull<ibv_context>, Owner);

/// Who closes it.
#[derive(PartialEq)]
enum Owner {
    Agent,
    /// librdmacm, which keeps it open until the process ends.
    Manager,
}

/// A list of devices, freed when it is dropped.
struct List {
    first: NonNull<*mut ibv_device>,
    len: usize,
}

impl List {
    fn new() -> Result<List> {
        let mut len = 0;
        // SAFETY: the argument points to an integer.
        let first = made("ibv_get_device_list", unsafe {
            ibv_get_device_list(&mut len)
        })?;
        let len = usize::try_from(len).unwrap_or(0);
        Ok(List { first, len })
    }

    fn iter(&self) -> impl Iterator<Item = *mut ibv_device> {
        // SAFETY: the list has `len` entries, all below its end.
        (0..self.len).map(|index| unsafe { *self.first.as_ptr().add(index) })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: it came from ibv_get_device_list and is freed once.
        unsafe { ibv_free_device_list(self.first.as_ptr()) }
    }
}

/// # Safety
/// `device` is of a list that lives.
unsafe fn name_of(device: *mut ibv_device) -> String {
    // SAFETY: as the caller says; names of devices end with 0.
    let name = unsafe { CStr::from_ptr((*device).name.as_ptr()) };
    name.to_string_lossy().into_owned()
}

impl Context {
    /// The device with a name, or the first.
    pub(crate) fn open(wanted: Option<&str>) -> Result<Rc<Context>> {
        let list = List::new()?;
        let device = list.iter().find(|&device| {
            // SAFETY: the list lives.
            wanted.is_none_or(|wanted| unsafe { name_of(device) } == wanted)
        });
        let nodev = rustix::io::Errno::NODEV.raw_os_error();
        let device = device.ok_or_else(|| Refused::new("ibv_get_device_list", nodev))?;
        // SAFETY: the list lives, and the structure is the library's.
        let kind = unsafe { (&raw const (*device).transport_type).cast::<i32>().read() };
        if kind == ibv_transport_type::IBV_TRANSPORT_IWARP {
            // SAFETY: the list lives.
            return Context::managed(&unsafe { name_of(device) });
        }
        // SAFETY: the list lives until the device is open.
        let context = made("ibv_open_device", unsafe { ibv_open_device(device) })?;
        Ok(Rc::new(Context(context, Owner::Agent)))
    }

    /// As the connection manager has it open: its queue pairs must be of the same.
    fn managed(wanted: &str) -> Result<Rc<Context>> {
        const CALL: &str = "rdma_get_devices";
        let mut len = 0;
        // SAFETY: the argument points to an integer.
        let first = made(CALL, unsafe { rdma_get_devices(&mut len) })?;
        let len = usize::try_from(len).unwrap_or(0);
        // SAFETY: the list has `len` entries, all below its end.
        let all = (0..len).filter_map(|i| NonNull::new(unsafe { *first.as_ptr().add(i) }));
        // SAFETY: a device that the manager has open has a description.
        let of_name = |at: &NonNull<ibv_context>| unsafe { name_of(at.as_ref().device) == wanted };
        let found = all.into_iter().find(of_name);
        // SAFETY: it came from rdma_get_devices and is freed once; the devices stay open.
        unsafe { rdma_free_devices(first.as_ptr()) };
        let nodev = rustix::io::Errno::NODEV.raw_os_error();
        let found = found.ok_or_else(|| Refused::new(CALL, nodev))?;
        Ok(Rc::new(Context(found, Owner::Manager)))
    }

    /// Its queue pairs are connected by the connection manager.
    pub(crate) fn is_managed(&self) -> bool {
        self.1 == Owner::Manager
    }

    pub(crate) fn name(&self) -> String {
        // SAFETY: an open device has a description, which lives as long.
        unsafe { name_of(self.0.as_ref().device) }
    }

    pub(crate) fn limits(&self) -> Result<ibv_device_attr> {
        let mut limits = MaybeUninit::zeroed();
        // SAFETY: the device is open, and the call fills the structure.
        let code = unsafe { ibv_query_device(self.0.as_ptr(), limits.as_mut_ptr()) };
        done("ibv_query_device", code)?;
        // SAFETY: it was filled, and zero is right for all its fields.
        Ok(unsafe { limits.assume_init() })
    }

    pub(crate) fn port(&self) -> Result<ibv_port_attr> {
        let mut port = MaybeUninit::<ibv_port_attr>::zeroed();
        // SAFETY: the exported function fills a prefix of the structure; the rest stays zero.
        let code = unsafe { ibv_query_port(self.0.as_ptr(), PORT, port.as_mut_ptr().cast()) };
        done("ibv_query_port", code)?;
        // SAFETY: it was filled, and zero is right for all its fields.
        Ok(unsafe { port.assume_init() })
    }

    pub(crate) fn gid(&self, index: u8) -> Result<[u8; 16]> {
        let mut gid = ibv_gid { raw: [0; 16] };
        // SAFETY: the device is open, and the call fills the 16 bytes.
        let code = unsafe { ibv_query_gid(self.0.as_ptr(), PORT, index.into(), &mut gid) };
        done("ibv_query_gid", code)?;
        // SAFETY: every 16 bytes are a GID.
        Ok(unsafe { gid.raw })
    }

    /// The next asynchronous event, if one comes in time: name and QPN.
    pub(crate) fn event(&self, timeout_ms: u32) -> Result<Option<(String, u32)>> {
        // SAFETY: the descriptor is open as long as the device.
        let fd = unsafe { BorrowedFd::borrow_raw(self.0.as_ref().async_fd) };
        if !readable(fd, timeout_ms) {
            return Ok(None);
        }
        let mut event = MaybeUninit::<ibv_async_event>::zeroed();
        // SAFETY: the device is open, and the call fills the structure.
        let code = unsafe { ibv_get_async_event(self.0.as_ptr(), event.as_mut_ptr()) };
        done("ibv_get_async_event", code)?;
        let at = event.as_mut_ptr();
        // SAFETY: it was filled. The kind is read as a number, which may be none of the known.
        let kind = unsafe { (&raw const (*at).event_type).cast::<u32>().read() };
        let qpn = if names::is_of_pair(kind) {
            // SAFETY: for these kinds the element is a queue pair, which lives until the event is
            // acknowledged.
            unsafe { (*(*at).element.qp).qp_num }
        } else {
            0
        };
        // SAFETY: the event came from ibv_get_async_event and is acknowledged once.
        unsafe { ibv_ack_async_event(at) };
        Ok(Some((names::event(kind), qpn)))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.1 == Owner::Agent {
            // SAFETY: whatever was made of the device holds a reference to it, so nothing is left.
            let _ = unsafe { ibv_close_device(self.0.as_ptr()) };
        }
    }
}

/// Whether something can be read, waiting at most so long.
pub(super) fn readable(fd: BorrowedFd<'_>, timeout_ms: u32) -> bool {
    let timeout = Timespec {
        tv_sec: i64::from(timeout_ms / 1000),
        tv_nsec: i64::from(timeout_ms % 1000) * 1_000_000,
    };
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&timeout)), Ok(1..))
}

/// A protection domain.
pub(crate) struct Domain {
    pub(super) pd: NonNull<ibv_pd>,
    _context: Rc<Context>,
}

impl Domain {
    pub(crate) fn new(context: &Rc<Context>) -> Result<Rc<Domain>> {
        // SAFETY: the device is open.
        let pd = made("ibv_alloc_pd", unsafe { ibv_alloc_pd(context.0.as_ptr()) })?;
        let context = Rc::clone(context);
        Ok(Rc::new(Domain {
            pd,
            _context: context,
        }))
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: whatever was made in the domain holds a reference to it.
        let _ = unsafe { ibv_dealloc_pd(self.pd.as_ptr()) };
    }
}

/// All zero: for structures of the library, whose fields are integers, pointers and unions of them.
pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: the types that are `Plain` are right when zero.
    unsafe { mem::zeroed() }
}

/// # Safety
/// All bytes zero are a value of it.
pub(super) unsafe trait Plain {}

// SAFETY: integers and pointers only.
unsafe impl Plain for ibv_qp_attr {}
// SAFETY: integers and pointers only.
unsafe impl Plain for ibv_qp_init_attr {}
// SAFETY: integers and pointers only.
unsafe impl Plain for ibv_srq_init_attr {}
// SAFETY: integers and pointers only.
unsafe impl Plain for ibv_srq_attr {}
// SAFETY: integers, pointers and unions of them.
unsafe impl Plain for ibv_send_wr {}
// SAFETY: integers and pointers only.
unsafe impl Plain for ibv_recv_wr {}
// SAFETY: integers and a union of them.
unsafe impl Plain for ibv_wc {}
// SAFETY: integers and a union of them.
unsafe impl Plain for ibv_ah_attr {}
