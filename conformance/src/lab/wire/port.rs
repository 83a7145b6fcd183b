//! One guest's end of the wire.

use super::super::LabError;
use super::Attachment;
use rustix::event::PollFlags;
use rustix::fd::BorrowedFd;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, listen, recv, send, socket_with,
};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

/// Frames that wait for a guest, at most: delayed ones can come all at once.
const MAX_BACKLOG: usize = 8192;

pub(super) struct Port {
    pub(super) node: u32,
    pub(super) network: usize,
    listener: OwnedFd,
    guest: Option<OwnedFd>,
    waiting: VecDeque<Vec<u8>>,
    /// Frames from the guest.
    pub(super) received: u64,
    /// Frames for it that found no room.
    pub(super) overflowed: u64,
}

impl Port {
    pub(super) fn open(host: &Attachment) -> Result<Port, LabError> {
        let failed = |e: rustix::io::Errno| LabError::file("listen on", &host.socket, &e.into());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let listener = socket_with(family, kind, flags, None).map_err(failed)?;
        let address = SocketAddrUnix::new(&host.socket).map_err(failed)?;
        bind(&listener, &address).map_err(failed)?;
        listen(&listener, 1).map_err(failed)?;
        Ok(Port {
            node: host.node,
            network: host.network,
            listener,
            guest: None,
            waiting: VecDeque::new(),
            received: 0,
            overflowed: 0,
        })
    }

    pub(super) fn backlog(&self) -> usize {
        self.waiting.len()
    }

    /// What to wait for. `reading`: frames are wanted.
    pub(super) fn interests(
        &self,
        reading: bool,
    ) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, reading);
        flags.set(PollFlags::OUT, !self.waiting.is_empty());
        let listener = (self.listener.as_fd(), PollFlags::IN);
        let guest = self.guest.as_ref().map(|fd| (fd.as_fd(), flags));
        // A closed socket is always ready, so one of which nothing is wanted must not be asked.
        let guest = guest.filter(|(_, flags)| !flags.is_empty());
        std::iter::once(listener).chain(guest)
    }

    /// A guest that takes its interface down and up connects anew.
    pub(super) fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        if let Ok(guest) = accept_with(&self.listener, flags) {
            self.guest = Some(guest);
            self.waiting.clear();
        }
    }

    /// The length of the next frame; None: there is none now.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let guest = self.guest.as_ref()?;
        match recv(guest, buffer, RecvFlags::empty()) {
            Ok((_, len)) if len > 0 => {
                self.received += 1;
                Some(len)
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => None,
            Ok(_) | Err(_) => {
                self.close();
                None
            }
        }
    }

    fn close(&mut self) {
        self.guest = None;
        self.waiting.clear();
    }

    /// Sends a frame, or keeps it until the guest takes it. False: nobody is there, or no room.
    pub(super) fn send(&mut self, frame: &[u8]) -> bool {
        if self.guest.is_none() {
            self.accept();
        }
        if self.guest.is_none() {
            return false;
        }
        if self.waiting.len() >= MAX_BACKLOG {
            self.overflowed += 1;
            return false;
        }
        self.waiting.push_back(frame.to_vec());
        self.flush();
        true
    }

    pub(super) fn flush(&mut self) {
        while let (Some(guest), Some(frame)) = (&self.guest, self.waiting.front()) {
            match send(guest, frame, SendFlags::NOSIGNAL) {
                Ok(_) => {
                    self.waiting.pop_front();
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => break,
                Err(_) => self.close(),
            }
        }
    }
}
