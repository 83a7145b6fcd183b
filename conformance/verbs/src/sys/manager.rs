//! The connection manager (librdmacm): all that connects queue pairs of iWARP.

use super::device::readable;
use super::{Context, Refused, Result, done, made};
use libc::{AF_INET, AF_INET6, in_addr, in6_addr, sockaddr, sockaddr_in, sockaddr_in6};
use rdma_sys::*;
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// For what the local host does by itself.
const LOCAL_MS: i32 = 2000;
const BACKLOG: i32 = 64;

/// What brings news of connections.
pub(crate) struct Manager {
    channel: NonNull<rdma_event_channel>,
    /// Of peers that nobody asked for yet.
    requests: RefCell<VecDeque<NonNull<rdma_cm_id>>>,
}

struct News {
    /// Only to be compared.
    of: *mut rdma_cm_id,
    kind: rdma_cm_event_type::Type,
    status: i32,
}

impl Manager {
    pub(crate) fn new() -> Result<Rc<Manager>> {
        // SAFETY: it takes nothing.
        let channel = unsafe { rdma_create_event_channel() };
        Ok(Rc::new(Manager {
            channel: made("rdma_create_event_channel", channel)?,
            requests: RefCell::default(),
        }))
    }

    /// The next news, if it comes in time.
    fn next(&self, timeout_ms: u32) -> Result<Option<News>> {
        // SAFETY: the descriptor is open as long as the channel.
        let fd = unsafe { BorrowedFd::borrow_raw(self.channel.as_ref().fd) };
        if !readable(fd, timeout_ms) {
            return Ok(None);
        }
        let mut event = ptr::null_mut();
        // SAFETY: the channel lives, and the argument points to a pointer.
        let code = unsafe { rdma_get_cm_event(self.channel.as_ptr(), &mut event) };
        done("rdma_get_cm_event", code)?;
        let event = made("rdma_get_cm_event", event)?;
        // SAFETY: an event is whole until it is acknowledged. The kind is read as a number.
        let news = unsafe {
            let event = event.as_ref();
            News {
                of: event.id,
                kind: event.event,
                status: event.status,
            }
        };
        if let (rdma_cm_event_type::RDMA_CM_EVENT_CONNECT_REQUEST, Some(id)) =
            (news.kind, NonNull::new(news.of))
        {
            self.requests.borrow_mut().push_back(id);
        }
        // SAFETY: it came from rdma_get_cm_event and is acknowledged once.
        let _ = unsafe { rdma_ack_cm_event(event.as_ptr()) };
        Ok(Some(news))
    }

    /// Takes news until there is what is looked for.
    fn until<T>(
        &self,
        call: &'static str,
        timeout_ms: u32,
        mut found: impl FnMut(Option<News>) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.into());
        let mut news = None;
        loop {
            if let Some(found) = found(news)? {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
            news = self.next(left)?;
            if news.is_none() {
                return Err(Refused::new(call, Errno::TIMEDOUT.raw_os_error()));
            }
        }
    }

    /// The next peer that wants to connect.
    pub(crate) fn requested(self: &Rc<Self>, timeout_ms: u32) -> Result<Id> {
        let id = self.until("connect request", timeout_ms, |_| {
            Ok(self.requests.borrow_mut().pop_front())
        })?;
        let manager = Rc::clone(self);
        Ok(Id { id, manager })
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        for id in self.requests.get_mut().drain(..) {
            // SAFETY: nobody else has it, and its event is acknowledged.
            let _ = unsafe { rdma_destroy_id(id.as_ptr()) };
        }
        // SAFETY: every identifier holds a reference to its manager, so none is left.
        unsafe { rdma_destroy_event_channel(self.channel.as_ptr()) }
    }
}

/// What the connection manager knows a connection by, or what listens for some.
pub(crate) struct Id {
    pub(super) id: NonNull<rdma_cm_id>,
    manager: Rc<Manager>,
}

impl Id {
    pub(crate) fn new(manager: &Rc<Manager>) -> Result<Id> {
        let mut id = ptr::null_mut();
        // SAFETY: the channel lives as long as the identifier.
        let code = unsafe {
            rdma_create_id(
                manager.channel.as_ptr(),
                &mut id,
                ptr::null_mut(),
                rdma_port_space::RDMA_PS_TCP,
            )
        };
        done("rdma_create_id", code)?;
        Ok(Id {
            id: made("rdma_create_id", id)?,
            manager: Rc::clone(manager),
        })
    }

    pub(crate) fn bind(&self, to: SocketAddr) -> Result<()> {
        let mut raw = Raw::new(to);
        // SAFETY: the identifier lives, and the address is whole.
        done("rdma_bind_addr", unsafe {
            rdma_bind_addr(self.id.as_ptr(), raw.pointer())
        })
    }

    /// Whether it is bound to an address of this device.
    pub(crate) fn is_on(&self, device: &Context) -> bool {
        // SAFETY: the identifier lives; the pointers are compared only.
        unsafe { self.id.as_ref().verbs == device.0.as_ptr() }
    }

    pub(crate) fn listen(&self) -> Result<()> {
        // SAFETY: the identifier lives.
        done("rdma_listen", unsafe {
            rdma_listen(self.id.as_ptr(), BACKLOG)
        })
    }

    /// Finds the device that leads to a peer.
    pub(crate) fn resolve(&self, to: SocketAddr) -> Result<()> {
        use rdma_cm_event_type::{RDMA_CM_EVENT_ADDR_RESOLVED, RDMA_CM_EVENT_ROUTE_RESOLVED};
        let mut raw = Raw::new(to);
        // SAFETY: the identifier lives, and the address is whole.
        let code = unsafe {
            rdma_resolve_addr(self.id.as_ptr(), ptr::null_mut(), raw.pointer(), LOCAL_MS)
        };
        done("rdma_resolve_addr", code)?;
        let patience = LOCAL_MS.unsigned_abs() + 1000;
        self.wait("rdma_resolve_addr", RDMA_CM_EVENT_ADDR_RESOLVED, patience)?;
        // SAFETY: the identifier lives.
        let code = unsafe { rdma_resolve_route(self.id.as_ptr(), LOCAL_MS) };
        done("rdma_resolve_route", code)?;
        self.wait("rdma_resolve_route", RDMA_CM_EVENT_ROUTE_RESOLVED, patience)
    }

    /// Begins to connect, with as many READs outstanding from here, and from there.
    pub(crate) fn connect(&self, reads: [u8; 2]) -> Result<()> {
        let mut wanted = parameters(reads);
        // SAFETY: the identifier lives, and the structure is complete.
        done("rdma_connect", unsafe {
            rdma_connect(self.id.as_ptr(), &mut wanted)
        })
    }

    pub(crate) fn accept(&self, reads: [u8; 2]) -> Result<()> {
        let mut wanted = parameters(reads);
        // SAFETY: the identifier lives, and the structure is complete.
        done("rdma_accept", unsafe {
            rdma_accept(self.id.as_ptr(), &mut wanted)
        })
    }

    pub(crate) fn established(&self, timeout_ms: u32) -> Result<()> {
        let kind = rdma_cm_event_type::RDMA_CM_EVENT_ESTABLISHED;
        self.wait("rdma_connect", kind, timeout_ms)
    }

    /// Anything else that is told of it is a refusal.
    fn wait(
        &self,
        call: &'static str,
        kind: rdma_cm_event_type::Type,
        timeout_ms: u32,
    ) -> Result<()> {
        self.manager.until(call, timeout_ms, |news| match news {
            Some(news) if news.of == self.id.as_ptr() => match news.kind == kind {
                true => Ok(Some(())),
                // Reasons of peers are positive, errors of this host negative.
                false if news.status < 0 => Err(Refused::new(call, -news.status)),
                false => Err(Refused::new(call, Errno::CONNREFUSED.raw_os_error())),
            },
            _ => Ok(None),
        })
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: made once, destroyed once, after its queue pair; all its events are acknowledged.
        let _ = unsafe { rdma_destroy_id(self.id.as_ptr()) };
    }
}

fn parameters(reads: [u8; 2]) -> rdma_conn_param {
    /// As often as can be said.
    const RETRIES: u8 = 7;
    let [initiator_depth, responder_resources] = reads;
    rdma_conn_param {
        private_data: ptr::null(),
        private_data_len: 0,
        responder_resources,
        initiator_depth,
        flow_control: 0,
        retry_count: RETRIES,
        rnr_retry_count: RETRIES,
        srq: 0,
        qp_num: 0,
    }
}

/// An address as C has it.
enum Raw {
    V4(sockaddr_in),
    V6(sockaddr_in6),
}

impl Raw {
    fn new(address: SocketAddr) -> Raw {
        let port = address.port().to_be();
        match address.ip() {
            IpAddr::V4(ip) => Raw::V4(sockaddr_in {
                sin_family: AF_INET as u16,
                sin_port: port,
                sin_addr: in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                },
                sin_zero: [0; 8],
            }),
            IpAddr::V6(ip) => Raw::V6(sockaddr_in6 {
                sin6_family: AF_INET6 as u16,
                sin6_port: port,
                sin6_flowinfo: 0,
                sin6_addr: in6_addr {
                    s6_addr: ip.octets(),
                },
                sin6_scope_id: 0,
            }),
        }
    }

    fn pointer(&mut self) -> *mut sockaddr {
        match self {
            Raw::V4(address) => (&raw mut *address).cast(),
            Raw::V6(address) => (&raw mut *address).cast(),
        }
    }
}
