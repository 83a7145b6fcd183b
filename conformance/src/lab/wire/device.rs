//! Real interfaces at the wire.

use crate::lab::LabError;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, bind, socket};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
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
    /// An interface that there is, by AF_PACKET: what arrives there is at the wire. It should have
    /// no address, as frames that this machine sends there by itself are taken, too.
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

impl Endpoint {
    /// Something that gives and takes frames and does not block.
    pub(super) fn open(&self) -> Result<OwnedFd, LabError> {
        let opened = match self {
            Endpoint::Tap(name) => tap(name),
            Endpoint::Packet(name) => packet(name),
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

fn packet(name: &str) -> io::Result<OwnedFd> {
    let addresses = getifaddrs()?.filter(|found| found.interface_name == name);
    let link = addresses
        .filter_map(|found| found.address)
        .find_map(|address| address.as_link_addr().copied());
    let Some(link) = link else {
        let message = "there is no such interface";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (family, all) = (AddressFamily::Packet, SockProtocol::EthAll);
    let socket = socket(family, SockType::Raw, flags, all)?;
    // The address says no protocol, so that of the socket holds.
    bind(socket.as_raw_fd(), &link)?;
    Ok(socket)
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
