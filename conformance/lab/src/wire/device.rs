//! Real interfaces at the wire.

use super::packet::Packet;
use crate::LabError;
use rustix::io::{Errno, read, write};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::str::FromStr;
use tappers::{Interface, Tap};

/// A host of a scenario that is reached through an interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    /// As rules number hosts.
    pub node: u32,
    pub endpoint: Endpoint,
}

/// What a port of the wire is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TAP interface that is made under this name and goes when the wire ends: what this machine
    /// sends there is at the wire.
    Tap(String),
    /// An interface that there is, by AF_PACKET: what arrives there, for whomever it is, is at the
    /// wire. It should have no address, as frames that this machine sends there by itself are
    /// taken, too.
    Packet(String),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Endpoint, String> {
        match text.split_once(':') {
            Some((_, "")) => Err(format!("`{text}` names no interface")),
            Some(("tap", name)) => Ok(Endpoint::Tap(name.to_owned())),
            Some(("packet", name)) => Ok(Endpoint::Packet(name.to_owned())),
            _ => Err(format!("`{text}`: expected tap:NAME or packet:INTERFACE")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tap(name) => write!(f, "tap:{name}"),
            Endpoint::Packet(name) => write!(f, "packet:{name}"),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.endpoint)
    }
}

/// An interface that is a port: it gives and takes one frame at a time, and does not block.
#[derive(Debug)]
pub(super) enum Opened {
    Tap(OwnedFd),
    Packet(Packet),
}

impl Opened {
    /// Where frames come and go.
    pub(super) fn line(&self) -> BorrowedFd<'_> {
        match self {
            Opened::Tap(fd) => fd.as_fd(),
            Opened::Packet(packet) => packet.line(),
        }
    }

    /// What is readable when something has become of the interface.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Opened::Tap(_) => None,
            Opened::Packet(packet) => Some(packet.news()),
        }
    }

    /// Drains netlink events; returns whether the interface is gone. A TAP shows that on reading.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Opened::Packet(packet) if packet.is_gone())
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Opened::Tap(fd) => read(fd, buffer),
            Opened::Packet(packet) => packet.receive(buffer),
        }
    }

    pub(super) fn send(&self, frame: &[u8]) -> Result<usize, Errno> {
        write(self.line(), frame)
    }
}

impl Endpoint {
    pub(super) fn open(&self) -> Result<Opened, LabError> {
        let opened = match self {
            Endpoint::Tap(name) => tap(name).map(Opened::Tap),
            Endpoint::Packet(name) => Packet::open(name).map(Opened::Packet),
        };
        opened.map_err(|e| {
            let hint = match e.kind() {
                io::ErrorKind::PermissionDenied => " (this needs CAP_NET_ADMIN and CAP_NET_RAW)",
                _ => "",
            };
            LabError::Message(format!("cannot open {self}: {e}{hint}"))
        })
    }
}

fn tap(name: &str) -> io::Result<OwnedFd> {
    let mut tap = Tap::new_named(Interface::new(name)?)?;
    tap.set_nonblocking(true)?;
    tap.set_up()?;
    // The interface lasts as long as a descriptor of it.
    tap.as_fd().try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        let tap = Endpoint::Tap("x0".to_owned());
        assert_eq!("tap:x0".parse(), Ok(tap.clone()));
        assert_eq!(
            "packet:eth0".parse(),
            Ok(Endpoint::Packet("eth0".to_owned()))
        );
        assert_eq!(tap.to_string(), "tap:x0");
        for wrong in ["x0", "tap:", "pcap:x0"] {
            assert!(Endpoint::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_refused() {
        let error = Endpoint::Packet("no-such-port".to_owned()).open();
        let text = error.unwrap_err().to_string();
        assert!(text.contains("packet:no-such-port"), "{text}");
    }
}
