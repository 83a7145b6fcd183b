//! Registered memory.

use super::{Domain, Refused, Result, made};
use rdma_sys::*;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// Most bytes of one region.
const MAX: usize = 256 << 20;
const PAGE: usize = 4096;

/// Pages that the device may change at any time: never seen through references.
struct Pages {
    first: NonNull<u8>,
    layout: Layout,
}

impl Pages {
    fn new(len: usize) -> Option<Pages> {
        let layout = Layout::from_size_align(len.max(1), PAGE).ok()?;
        // SAFETY: the layout is not empty.
        let first = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Pages { first, layout })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.first.as_ptr(), self.layout) }
    }
}

/// A memory region.
pub(crate) struct Region {
    mr: NonNull<ibv_mr>,
    pages: Pages,
    len: usize,
    _domain: Rc<Domain>,
}

impl Region {
    pub(crate) fn new(domain: &Rc<Domain>, len: u64, access: ibv_access_flags) -> Result<Region> {
        const CALL: &str = "ibv_reg_mr";
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX);
        let nomem = || Refused::new(CALL, rustix::io::Errno::NOMEM.raw_os_error());
        let len = len.ok_or_else(nomem)?;
        let pages = Pages::new(len).ok_or_else(nomem)?;
        let flags = access.0.cast_signed();
        // SAFETY: the pages are as long, and are freed after the region.
        let mr = unsafe { ibv_reg_mr(domain.pd.as_ptr(), pages.first.as_ptr().cast(), len, flags) };
        Ok(Region {
            mr: made(CALL, mr)?,
            pages,
            len,
            _domain: Rc::clone(domain),
        })
    }

    pub(crate) fn address(&self) -> u64 {
        self.pages.first.as_ptr().addr() as u64
    }

    pub(crate) fn keys(&self) -> (u32, u32) {
        // SAFETY: the region is registered.
        let mr = unsafe { self.mr.as_ref() };
        (mr.lkey, mr.rkey)
    }

    pub(crate) fn len(&self) -> u64 {
        self.len as u64
    }

    /// Where a range begins, if it is in the region.
    fn place(&self, offset: u64, len: usize) -> Option<*mut u8> {
        let offset = usize::try_from(offset).ok()?;
        let end = offset.checked_add(len)?;
        // SAFETY: the offset is in the allocation.
        (end <= self.len).then(|| unsafe { self.pages.first.as_ptr().add(offset) })
    }

    /// Copies from the region; None if the range is not in it.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Option<()> {
        let from = self.place(offset, into.len())?;
        // SAFETY: both ranges are valid and apart.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        Some(())
    }

    /// Copies to the region; None if the range is not in it.
    pub(crate) fn write(&self, offset: u64, from: &[u8]) -> Option<()> {
        let to = self.place(offset, from.len())?;
        // SAFETY: both ranges are valid and apart.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        Some(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: registered once, and the pages are freed after this.
        let _ = unsafe { ibv_dereg_mr(self.mr.as_ptr()) };
    }
}
