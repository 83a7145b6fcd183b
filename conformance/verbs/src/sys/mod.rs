//! The verbs library and the connection manager, made safe: each object frees itself, and lives as long as what it needs.

mod device;
mod manager;
mod memory;
mod pair;
mod queue;
mod work;

pub(crate) use device::{Context, Domain};
pub(crate) use manager::{Id, Manager};
pub(crate) use memory::Region;
pub(crate) use pair::Pair;
pub(crate) use queue::{Channel, Completions, SharedReceives};
pub(crate) use work::{AddressHandle, Receive, Send, Target};

use std::io;
use std::ptr::NonNull;

/// A call that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) call: &'static str,
    pub(crate) error: io::Error,
}

impl Refused {
    pub(crate) fn new(call: &'static str, errno: i32) -> Refused {
        Refused {
            call,
            error: io::Error::from_raw_os_error(errno),
        }
    }

    /// Of a request that makes no sense.
    pub(crate) fn invalid(call: &'static str) -> Refused {
        Refused::new(call, rustix::io::Errno::INVAL.raw_os_error())
    }

    /// By what `errno` says.
    fn last(call: &'static str) -> Refused {
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(0) | None => Refused::invalid(call),
            Some(_) => Refused { call, error },
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Refused>;

/// What calls that make an object return: null with `errno` set on failure.
fn made<T>(call: &'static str, object: *mut T) -> Result<NonNull<T>> {
    NonNull::new(object).ok_or_else(|| Refused::last(call))
}

/// What other calls return: 0, or an error number, or -1 with `errno` set. Some drivers negate it.
fn done(call: &'static str, code: i32) -> Result<()> {
    match code {
        0 => Ok(()),
        -1 => Err(Refused::last(call)),
        _ => Err(Refused::new(call, code.saturating_abs())),
    }
}
