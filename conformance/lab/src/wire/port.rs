//! One host's end of the wire: a guest's socket, or a real interface.

use super::super::LabError;
use super::Attachment;
use super::device::Opened;
use rustix::event::PollFlags;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, listen, recv, send, socket_with,
};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

/// Frames that wait for a guest, at most: delayed ones can come all at once.
const MAX_BACKLOG: usize = 8192;

/// How a port reaches its host.
enum Medium {
    /// Where it connects, and its connection.
    Guest(OwnedFd, Option<OwnedFd>),
    /// A real interface; None once it is gone.
    Device(Option<Opened>),
}

pub(super) struct Port {
    pub(super) node: u32,
    pub(super) network: usize,
    medium: Medium,
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
        Ok(Port::new(
            host.node,
            host.network,
            Medium::Guest(listener, None),
        ))
    }

    pub(super) fn device(node: u32, device: Opened) -> Port {
        Port::new(node, 0, Medium::Device(Some(device)))
    }

    fn new(node: u32, network: usize, medium: Medium) -> Port {
        Port {
            node,
            network,
            medium,
            waiting: VecDeque::new(),
            received: 0,
            overflowed: 0,
        }
    }

    /// Whether it had a device that is there no more.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.medium, Medium::Device(None))
    }

    fn line(&self) -> Option<BorrowedFd<'_>> {
        match &self.medium {
            Medium::Guest(_, line) => line.as_ref().map(OwnedFd::as_fd),
            Medium::Device(device) => device.as_ref().map(Opened::line),
        }
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
        let other = match &self.medium {
            Medium::Guest(listener, _) => Some(listener.as_fd()),
            Medium::Device(device) => device.as_ref().and_then(Opened::news),
        };
        let line = self.line().map(|fd| (fd, flags));
        // A closed socket is always ready, so one of which nothing is wanted must not be asked.
        let line = line.filter(|(_, flags)| !flags.is_empty());
        other.map(|fd| (fd, PollFlags::IN)).into_iter().chain(line)
    }

    /// A guest that takes its interface down and up connects anew; an interface may have gone.
    pub(super) fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match &mut self.medium {
            Medium::Guest(listener, line) => {
                if let Ok(guest) = accept_with(listener, flags) {
                    *line = Some(guest);
                    self.waiting.clear();
                }
            }
            Medium::Device(device) => {
                if device.as_ref().is_some_and(Opened::is_gone) {
                    self.close();
                }
            }
        }
    }

    /// The length of the next frame; None: there is none now.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let received = match &mut self.medium {
            Medium::Guest(_, line) => {
                recv(line.as_ref()?, buffer, RecvFlags::empty()).map(|(_, len)| len)
            }
            Medium::Device(device) => device.as_mut()?.receive(buffer),
        };
        match received {
            Ok(len) if len > 0 => {
                self.received += 1;
                Some(len)
            }
            // An interface that is down may come up again.
            Err(Errno::AGAIN | Errno::INTR | Errno::NETDOWN) => None,
            Ok(_) | Err(_) => {
                self.close();
                None
            }
        }
    }

    fn close(&mut self) {
        match &mut self.medium {
            Medium::Guest(_, line) => *line = None,
            Medium::Device(device) => *device = None,
        }
        self.waiting.clear();
    }

    /// Sends a frame, or keeps it until the guest takes it. False: nobody is there, or no room.
    pub(super) fn send(&mut self, frame: &[u8]) -> bool {
        if self.line().is_none() {
            self.accept();
        }
        if self.line().is_none() {
            return false;
        }
        if self.waiting.len() >= MAX_BACKLOG {
            self.overflowed += 1;
            return false;
        }
        self.flush();
        if !self.waiting.is_empty() || !self.put(frame) {
            self.waiting.push_back(frame.to_vec());
        }
        true
    }

    pub(super) fn flush(&mut self) {
        while let Some(frame) = self.waiting.pop_front() {
            if !self.put(&frame) {
                self.waiting.push_front(frame);
                break;
            }
        }
    }

    /// Whether a frame is done with: it was taken, or never will be.
    fn put(&mut self, frame: &[u8]) -> bool {
        let sent = match &self.medium {
            Medium::Guest(_, Some(line)) => send(line, frame, SendFlags::NOSIGNAL),
            Medium::Device(Some(device)) => device.send(frame),
            Medium::Guest(_, None) | Medium::Device(None) => return false,
        };
        match (sent, &self.medium) {
            (Ok(_), _) => {}
            (Err(Errno::AGAIN | Errno::INTR), _) => return false,
            (Err(_), Medium::Guest(..)) => self.close(),
            // Too long for it, no room, or it is down; whether it is gone shows on reading.
            (Err(_), Medium::Device(_)) => self.overflowed += 1,
        }
        true
    }
}
