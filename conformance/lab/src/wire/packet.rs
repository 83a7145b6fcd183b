//! An interface that there is, by AF_PACKET.

use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::sockopt::{SetBool, SetStruct};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType,
    bind, recvmsg, setsockopt, socket,
};
use rustix::io::{Errno, read};
use rustix::net::netdevice::index_to_name;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Where a VLAN tag is: behind the two addresses.
const TAG_AT: usize = 12;
const TAG_LEN: usize = 4;
/// The protocol of a tag of which the kernel does not say it.
const ETHERTYPE_VLAN: u16 = 0x8100;

/// The tag of a frame is beside it, not in it (packet(7)).
#[derive(Clone, Copy)]
struct Beside;
setsockopt_impl!(
    Beside,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool,
    SetBool
);

/// What the interface listens to while the socket is open.
#[derive(Clone, Copy)]
struct Membership;
setsockopt_impl!(
    Membership,
    libc::SOL_PACKET,
    libc::PACKET_ADD_MEMBERSHIP,
    libc::packet_mreq,
    SetStruct<'_, libc::packet_mreq>
);

#[derive(Debug)]
pub(super) struct Packet {
    socket: OwnedFd,
    /// Says when an interface changes: the socket itself tells one that goes down from one that is
    /// gone only by chance.
    news: OwnedFd,
    index: u32,
    /// What the kernel says beside a frame.
    beside: Vec<u8>,
}

impl Packet {
    pub(super) fn open(name: &str) -> io::Result<Packet> {
        let addresses = getifaddrs()?.filter(|found| found.interface_name == name);
        let link = addresses
            .filter_map(|found| found.address)
            .find_map(|address| address.as_link_addr().copied());
        let Some(link) = link else {
            let message = "there is no such interface";
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        };
        let news = news()?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (family, all) = (AddressFamily::Packet, SockProtocol::EthAll);
        let socket = socket(family, SockType::Raw, flags, all)?;
        // The address says no protocol, so that of the socket holds.
        bind(socket.as_raw_fd(), &link)?;
        setsockopt(&socket, Beside, &true)?;
        let index = u32::try_from(link.ifindex()).map_err(io::Error::other)?;
        setsockopt(
            &socket,
            Membership,
            &everything(link.ifindex() as libc::c_int),
        )?;
        Ok(Packet {
            socket,
            news,
            index,
            beside: nix::cmsg_space!(libc::tpacket_auxdata),
        })
    }

    pub(super) fn line(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn news(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// Drains netlink events; returns whether the interface is gone.
    pub(super) fn is_gone(&self) -> bool {
        let mut heard = [0; 4096];
        let mut news = false;
        // What is said does not matter, nor whether some of it was lost: the index is looked up.
        while let Ok(_) | Err(Errno::NOBUFS | Errno::INTR) = read(&self.news, &mut heard) {
            news = true;
        }
        news && matches!(index_to_name(&self.socket, self.index), Err(Errno::NODEV))
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // A tag must find room.
        let room = buffer.len().saturating_sub(TAG_LEN);
        let mut pieces = [IoSliceMut::new(buffer.get_mut(..room).unwrap_or_default())];
        let (socket, beside) = (self.socket.as_raw_fd(), Some(&mut self.beside[..]));
        let received = recvmsg::<()>(socket, &mut pieces, beside, MsgFlags::empty())
            .map_err(|e| Errno::from_raw_os_error(e as i32))?;
        let len = received.bytes;
        let said = received.cmsgs().into_iter().flatten();
        let tag = said.filter_map(|message| tag(&message)).next();
        Ok(tag.map_or(len, |tag| put_back(buffer, len, tag)))
    }
}

/// What is read when any interface of the machine changes (rtnetlink(7)).
fn news() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (family, route) = (AddressFamily::Netlink, SockProtocol::NetlinkRoute);
    let news = socket(family, SockType::Raw, flags, route)?;
    let links = NetlinkAddr::new(0, libc::RTMGRP_LINK as u32);
    bind(news.as_raw_fd(), &links)?;
    Ok(news)
}

/// Frames to any address: hosts at other ports are addressed, not this interface.
fn everything(index: libc::c_int) -> libc::packet_mreq {
    libc::packet_mreq {
        mr_ifindex: index,
        mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    }
}

/// The tag beside a frame, as it is on the wire.
fn tag(message: &ControlMessageOwned) -> Option<[u8; TAG_LEN]> {
    let ControlMessageOwned::Unknown(message) = message else {
        return None;
    };
    let header = message.cmsg_header;
    let beside = (libc::SOL_PACKET, libc::PACKET_AUXDATA);
    if (header.cmsg_level, header.cmsg_type) != beside {
        return None;
    }
    tag_of(&message.data_bytes)
}

/// From a `tpacket_auxdata`.
fn tag_of(said: &[u8]) -> Option<[u8; TAG_LEN]> {
    let half = |at: usize| {
        said.get(at..)?
            .first_chunk()
            .map(|b| u16::from_ne_bytes(*b))
    };
    let status = u32::from_ne_bytes(*said.first_chunk()?);
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let (control, protocol) = (half(16)?, half(18)?);
    let protocol = match status & libc::TP_STATUS_VLAN_TPID_VALID {
        0 => ETHERTYPE_VLAN,
        _ => protocol,
    };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), control.to_be_bytes());
    Some([a, b, c, d])
}

/// Puts a tag into a frame of `len` bytes; gives its new length.
fn put_back(buffer: &mut [u8], len: usize, tag: [u8; TAG_LEN]) -> usize {
    let end = len + TAG_LEN;
    if len < TAG_AT || end > buffer.len() {
        return len;
    }
    buffer.copy_within(TAG_AT..len, TAG_AT + TAG_LEN);
    if let Some(place) = buffer.get_mut(TAG_AT..TAG_AT + TAG_LEN) {
        place.copy_from_slice(&tag);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn a_tag_goes_behind_the_addresses() {
        let mut said = [0; 20];
        said[16..18].copy_from_slice(&0x6007_u16.to_ne_bytes());
        said[18..].copy_from_slice(&0x88a8_u16.to_ne_bytes());
        assert_eq!(tag_of(&said), None);
        said[..4].copy_from_slice(&libc::TP_STATUS_VLAN_VALID.to_ne_bytes());
        assert_eq!(tag_of(&said), Some([0x81, 0, 0x60, 7]));
        let both = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;
        said[..4].copy_from_slice(&both.to_ne_bytes());
        assert_eq!(tag_of(&said), Some([0x88, 0xa8, 0x60, 7]));
        assert_eq!(tag_of(&said[..18]), None);
        let mut frame = *b"ddddddssssss\x08\0....";
        assert_eq!(put_back(&mut frame, 14, [1, 2, 3, 4]), 18);
        assert_eq!(&frame, b"ddddddssssss\x01\x02\x03\x04\x08\0");
        assert_eq!(put_back(&mut frame, 16, [1; 4]), 16, "no room");
        assert_eq!(put_back(&mut frame, 11, [1; 4]), 11, "no frame");
    }

    /// Of the process in which a test has a network of its own.
    const INSIDE: &str = "XOFF_TEST_NETWORK";

    /// Does this test again with two connected interfaces, p1 and p2, for which it needs the right
    /// to make them. False: it is that process.
    fn again(test: &str) -> bool {
        if std::env::var_os(INSIDE).is_some() {
            return false;
        }
        let make =
            "ip link add p1 type veth peer name p2 && ip link set p1 up && ip link set p2 up";
        let probe = Command::new("unshare")
            .args(["-n", "sh", "-c", make])
            .output();
        if !probe.is_ok_and(|done| done.status.success()) {
            let note = format!("SKIP {test}: no right, or no program, to make interfaces\n");
            let _ = io::Write::write_all(&mut io::stderr(), note.as_bytes());
            return true;
        }
        let name = format!("{}::{test}", module_path!());
        let name = name.split_once("::").map_or("", |(_, name)| name);
        let script = format!("{make} && exec \"$0\" --exact {name} --nocapture");
        let mut inside = Command::new("unshare");
        inside.args(["-n", "sh", "-c", &script]);
        inside
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, "1");
        let done = inside.output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && told.contains("1 passed"), "{told}");
        true
    }

    /// The next frame that is one of ours.
    fn next(from: &mut Packet, buffer: &mut [u8]) -> usize {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            match from.receive(buffer) {
                Ok(len) if buffer.starts_with(&[2, 0, 0, 0, 0, 9]) => return len,
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        panic!("no frame came");
    }

    #[test]
    fn frames_keep_their_tags() {
        if again("frames_keep_their_tags") {
            return;
        }
        let (one, mut other) = (Packet::open("p1").unwrap(), Packet::open("p2").unwrap());
        let mut frame = b"\x02\0\0\0\0\x09\x02\0\0\0\0\x08".to_vec();
        frame.extend([0x81, 0, 0x60, 7, 0x88, 0xb5]);
        frame.resize(80, 0x5a);
        let mut buffer = [0; 256];
        for protocol in [[0x81, 0], [0x88, 0xa8], [0x88, 0xb5]] {
            frame[12..14].copy_from_slice(&protocol);
            rustix::io::write(one.line(), &frame).unwrap();
            let len = next(&mut other, &mut buffer);
            assert_eq!(buffer[..len], frame);
        }
    }

    #[test]
    fn an_interface_that_went_is_known_from_one_that_is_down() {
        if again("an_interface_that_went_is_known_from_one_that_is_down") {
            return;
        }
        let packet = Packet::open("p1").unwrap();
        let ip = |arguments: &[&str]| {
            let done = Command::new("ip").args(arguments).status();
            assert!(done.unwrap().success());
        };
        let shown = Command::new("ip")
            .args(["-d", "link", "show", "p1"])
            .output();
        let shown = String::from_utf8_lossy(&shown.unwrap().stdout).into_owned();
        assert!(shown.contains("promiscuity 1"), "{shown}");
        assert!(!packet.is_gone());
        ip(&["link", "set", "p1", "down"]);
        ip(&["link", "set", "p1", "up"]);
        assert!(!packet.is_gone());
        ip(&["link", "del", "p1"]);
        let begun = Instant::now();
        while !packet.is_gone() {
            assert!(begun.elapsed() < Duration::from_secs(5));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
