//! SMB2 sessions, Multichannel and SMB Direct, as far as they concern RDMA.
//!
//! - `stream`: messages in TCP; `direct`: SMB Direct over RoCE and iWARP; `findings`: S-01 to S-04

mod direct;
mod findings;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use findings::findings;
pub use findings::status_words;
pub(super) use stream::starts_message;

pub use direct::{Broken, DirectConnection, DirectDirection, Rdma, RdmaKey, SendPacket};

use super::reassembly::{Piece, Place};
use direct::Direct;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use stream::{Framer, Message};
use xoff_checks::finding::FRAMES_KEPT;
use xoff_wire::smb2::{self, Command, Header, InterfaceInfo, Protocol};

/// What was seen of SMB.
#[derive(Clone, Debug, Default)]
pub struct SmbReport {
    /// TCP connections in which an SMB message was recognised.
    pub tcp_connections: u64,
    pub messages: u64,
    /// Messages that nobody can look into.
    pub encrypted_messages: u64,
    pub compressed_messages: u64,
    /// SESSION_SETUP requests with the binding flag, and how bindings ended.
    pub binding_requests: u64,
    pub bindings: u64,
    pub failed_bindings: u64,
    /// Sessions that were refused, in all and by client, server and status.
    pub failed_setups: u64,
    pub refused: Vec<RefusedSetup>,
    /// How often a stream's thread was lost.
    pub lost_sync: u64,
    pub sessions: Vec<SmbSession>,
    pub direct: Vec<DirectConnection>,
}

/// SESSION_SETUPs of new sessions that a server refused with one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSetup {
    pub client: IpAddr,
    pub server: IpAddr,
    pub status: u32,
    pub count: u64,
    pub frames: Vec<u64>,
}

/// A session of a client with a server.
#[derive(Clone, Debug)]
pub struct SmbSession {
    pub id: u64,
    pub client: IpAddr,
    pub server: IpAddr,
    pub server_guid: Option<[u8; 16]>,
    /// Such as 0x0302.
    pub dialect: Option<u16>,
    pub first_frame: u64,
    /// Its set-up is in the capture.
    pub from_start: bool,
    /// Whether client and server announced multichannel.
    pub multichannel: [Option<bool>; 2],
    pub encrypted: bool,
    /// The client asked for interfaces.
    pub queried: bool,
    pub interfaces: Vec<OfferedInterface>,
    pub channels: Vec<Channel>,
    /// Bytes of SMB messages over TCP after the interfaces were known.
    pub tcp_bytes_after_query: u64,
    /// Messages of its connections are missing from the capture.
    pub incomplete: bool,
}

/// An address that the server offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedInterface {
    pub info: InterfaceInfo,
    /// Channels of the session that end at any address of this interface.
    pub channels: u64,
}

impl OfferedInterface {
    pub fn used(&self) -> bool {
        self.channels > 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Tcp,
    Direct(Rdma),
}

/// A connection that carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    pub carrier: Carrier,
    /// Port 0 over RoCE.
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub first_frame: u64,
    /// Bound to the session, rather than its first connection.
    pub binding: bool,
    pub binding_requests: u64,
    /// How set-up or binding ended, if that is in the capture.
    pub status: Option<u32>,
    /// The connection was reset, at this frame.
    pub reset: Option<Place>,
    pub last_ns: u64,
    transport: usize,
}

impl Channel {
    /// Unless its binding was refused.
    pub fn established(&self) -> bool {
        self.status.is_none_or(|s| s == smb2::STATUS_SUCCESS)
    }
}

const SESSIONS_MAX: usize = 4096;
const CHANNELS_MAX: usize = 128;
/// SESSION_SETUP requests without an answer, per connection.
const PENDING_MAX: usize = 64;
const INTERFACES_KEPT: usize = 256;
/// Refusals that are told apart.
const REFUSED_MAX: usize = 256;

/// A connection that carries SMB2.
#[derive(Debug)]
struct Transport {
    carrier: Carrier,
    ends: [SocketAddr; 2],
    /// Which end is the client.
    client: Option<usize>,
    framers: [Option<Framer>; 2],
    messages: u64,
    lost: u64,
    last_ns: u64,
    reset: Option<Place>,
    dialect: Option<u16>,
    server_guid: Option<[u8; 16]>,
    multichannel: [Option<bool>; 2],
    /// Whether the request was a binding, by message ID.
    pending: BTreeMap<u64, bool>,
    /// The session of the last message, and its ID.
    latest: Option<(u64, usize)>,
}

impl Transport {
    fn new(carrier: Carrier, ends: [SocketAddr; 2], synced: bool) -> Self {
        Self {
            carrier,
            ends,
            client: None,
            framers: [Some(Framer::new(synced)), Some(Framer::new(synced))],
            messages: 0,
            lost: u64::from(!synced),
            last_ns: 0,
            reset: None,
            dialect: None,
            server_guid: None,
            multichannel: [None; 2],
            pending: BTreeMap::new(),
            latest: None,
        }
    }

    fn client_and_server(&self) -> (SocketAddr, SocketAddr) {
        let [a, b] = self.ends;
        if self.client == Some(1) {
            (b, a)
        } else {
            (a, b)
        }
    }
}

/// A message's place, its transport and the end that sent it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    transport: usize,
    side: usize,
    place: Place,
}

/// Follows all SMB connections of a capture.
#[derive(Debug, Default)]
pub(super) struct SmbFollower {
    report: SmbReport,
    transports: Vec<Transport>,
    /// Indices into the report's sessions.
    sessions: BTreeMap<u64, Vec<usize>>,
    /// `None`: Sends of something else.
    rdma: FxHashMap<RdmaKey, Option<usize>>,
    directs: Vec<Option<Box<Direct>>>,
}

impl SmbFollower {
    /// A TCP connection that looks like SMB; `synced`: from its first octet on.
    pub(super) fn open(&mut self, ends: [SocketAddr; 2], synced: bool) -> usize {
        self.transports
            .push(Transport::new(Carrier::Tcp, ends, synced));
        self.transports.len() - 1
    }

    pub(super) fn tcp_piece(&mut self, transport: usize, side: usize, piece: Piece<'_>) {
        let taken = self
            .transports
            .get_mut(transport)
            .and_then(|t| t.framers[side].take());
        let Some(mut framer) = taken else {
            return;
        };
        framer.piece(piece, &mut |message| self.message(transport, side, message));
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.framers[side] = Some(framer);
        }
    }

    /// The TCP connection ended; a reset loses what was under way.
    pub(super) fn closed(&mut self, transport: usize, reset: Option<Place>) {
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.reset = transport.reset.or(reset);
            for framer in transport.framers.iter_mut().filter_map(Option::take) {
                transport.lost += framer.lost;
            }
            transport.pending.clear();
        }
    }

    /// A packet of a Send, in order and for the first time; true if it is SMB Direct.
    pub(super) fn rdma_send(
        &mut self,
        key: RdmaKey,
        place: Place,
        packet: &SendPacket<'_>,
    ) -> bool {
        let index = match self.rdma.get(&key) {
            Some(index) => *index,
            None => {
                let index = self.recognise(key, place, packet);
                self.rdma.insert(key, index);
                return index.is_some();
            }
        };
        let taken = index
            .and_then(|i| self.directs.get_mut(i))
            .and_then(Option::take);
        let (Some(index), Some(mut direct)) = (index, taken) else {
            return false;
        };
        let transport = direct.transport;
        direct.packet(place, packet, &mut |side, message| {
            self.message(transport, side, message)
        });
        self.directs[index] = Some(direct);
        true
    }

    fn recognise(&mut self, key: RdmaKey, place: Place, packet: &SendPacket<'_>) -> Option<usize> {
        let direct = Direct::recognise(key, place, packet, self.transports.len())?;
        let [a, b] = packet.ends;
        let ends = if packet.direction == 0 {
            [a, b]
        } else {
            [b, a]
        };
        self.transports
            .push(Transport::new(Carrier::Direct(key.rdma), ends, true));
        self.directs.push(Some(Box::new(direct)));
        Some(self.directs.len() - 1)
    }

    /// Packets of Sends are missing in a direction.
    pub(super) fn rdma_gap(&mut self, key: RdmaKey, direction: usize) {
        let index = self.rdma.get(&key).copied().flatten();
        if let Some(Some(direct)) = index.and_then(|i| self.directs.get_mut(i)) {
            direct.gap(direction);
        }
    }

    fn message(&mut self, transport: usize, side: usize, message: Message<'_>) {
        let Some(protocol) = Protocol::of(message.head) else {
            return;
        };
        let place = message.place;
        let origin = Origin {
            transport,
            side,
            place,
        };
        let Some(t) = self.transports.get_mut(transport) else {
            return;
        };
        t.messages += 1;
        t.last_ns = t.last_ns.max(place.at_ns);
        let over_tcp = t.carrier == Carrier::Tcp;
        self.report.messages += 1;
        let session = match protocol {
            Protocol::Smb1 => None,
            Protocol::Compressed => {
                self.report.compressed_messages += 1;
                None
            }
            Protocol::Transform => {
                self.report.encrypted_messages += 1;
                let transform = smb2::Transform::parse(message.head).ok();
                let session = transform.and_then(|(t, _)| self.carried(&origin, t.session_id));
                if let Some(session) = session {
                    self.report.sessions[session].encrypted = true;
                }
                session
            }
            Protocol::Smb2 => self.compound(&origin, &message),
        };
        if let Some(session) = session {
            let session = &mut self.report.sessions[session];
            if over_tcp && !session.interfaces.is_empty() {
                session.tcp_bytes_after_query += message.len;
            }
        }
    }

    /// The messages of a compound; returns the session of the last.
    fn compound(&mut self, origin: &Origin, message: &Message<'_>) -> Option<usize> {
        let (mut at, mut session_id, mut session) = (0, 0, None);
        while let Some((part, (header, _))) = message
            .head
            .get(at..)
            .and_then(|p| Some((p, Header::parse(p).ok()?)))
        {
            let next = header.next_command as usize;
            let end = if next == 0 {
                part.len()
            } else {
                next.min(part.len())
            };
            if header.flags & smb2::FLAG_RELATED == 0 || header.session_id != u64::MAX {
                session_id = header.session_id;
            }
            let header = Header {
                session_id,
                ..header
            };
            let body = part.get(smb2::HEADER_LEN..end).unwrap_or(&[]);
            session = self.command(origin, &header, body, message.cut).or(session);
            if next < smb2::HEADER_LEN {
                break;
            }
            at = at.saturating_add(next);
        }
        session
    }

    fn command(
        &mut self,
        origin: &Origin,
        header: &Header,
        body: &[u8],
        cut: bool,
    ) -> Option<usize> {
        let response = header.is_response();
        let t = &mut self.transports[origin.transport];
        t.client = Some(if response {
            1 - origin.side
        } else {
            origin.side
        });
        match header.command {
            Command::NEGOTIATE => {
                self.negotiate(origin, response, body);
                None
            }
            Command::SESSION_SETUP if response => self.set_up(origin, header, body),
            Command::SESSION_SETUP => self.set_up_request(origin, header, body),
            Command::IOCTL => {
                let session = self.carried(origin, header.session_id)?;
                self.ioctl(session, header, body, cut);
                Some(session)
            }
            _ => self.carried(origin, header.session_id),
        }
    }

    fn negotiate(&mut self, origin: &Origin, response: bool, body: &[u8]) {
        let t = &mut self.transports[origin.transport];
        let multichannel = |capabilities: u32| Some(capabilities & smb2::CAP_MULTI_CHANNEL != 0);
        if !response {
            if let Ok((request, _)) = smb2::NegotiateRequest::parse(body) {
                t.multichannel[0] = multichannel(request.capabilities);
            }
        } else if let Ok((response, _)) = smb2::NegotiateResponse::parse(body) {
            t.dialect = Some(response.dialect);
            t.server_guid = Some(response.server_guid);
            t.multichannel[1] = multichannel(response.capabilities);
        }
    }

    fn set_up_request(&mut self, origin: &Origin, header: &Header, body: &[u8]) -> Option<usize> {
        let (request, _) = smb2::SessionSetupRequest::parse(body).ok()?;
        let binding = request.flags & smb2::SESSION_BINDING != 0;
        let t = &mut self.transports[origin.transport];
        if t.pending.len() >= PENDING_MAX {
            t.pending.pop_first();
        }
        t.pending.insert(header.message_id, binding);
        if !binding {
            return None;
        }
        self.report.binding_requests += 1;
        let session = self.session(origin, header.session_id)?;
        let channel = self.channel(session, origin)?;
        channel.binding = true;
        channel.binding_requests += 1;
        Some(session)
    }

    fn set_up(&mut self, origin: &Origin, header: &Header, body: &[u8]) -> Option<usize> {
        let t = &mut self.transports[origin.transport];
        if matches!(
            header.status,
            smb2::STATUS_MORE_PROCESSING_REQUIRED | smb2::STATUS_PENDING
        ) {
            if header.status == smb2::STATUS_MORE_PROCESSING_REQUIRED {
                t.pending.remove(&header.message_id);
            }
            return None;
        }
        let binding = t.pending.remove(&header.message_id);
        let success = header.status == smb2::STATUS_SUCCESS;
        match (binding, success) {
            (Some(true), true) => self.report.bindings += 1,
            (Some(true), false) => self.report.failed_bindings += 1,
            (_, false) => {
                self.report.failed_setups += 1;
                self.refused(origin, header.status);
                return None;
            }
            (_, true) => {}
        }
        let session = self.session(origin, header.session_id)?;
        let known = &mut self.report.sessions[session];
        known.from_start |= binding == Some(false) && success;
        if let Ok((response, _)) = smb2::SessionSetupResponse::parse(body) {
            known.encrypted |= response.session_flags & smb2::SESSION_ENCRYPT_DATA != 0;
        }
        self.channel(session, origin)?.status = Some(header.status);
        Some(session)
    }

    fn refused(&mut self, origin: &Origin, status: u32) {
        let (client, server) = self.transports[origin.transport].client_and_server();
        let (client, server) = (client.ip(), server.ip());
        let known = &mut self.report.refused;
        let same = |r: &RefusedSetup| (r.client, r.server, r.status) == (client, server, status);
        let at = known.iter().position(same).unwrap_or(known.len());
        if at == known.len() && at < REFUSED_MAX {
            known.push(RefusedSetup {
                client,
                server,
                status,
                count: 0,
                frames: Vec::new(),
            });
        }
        if let Some(refused) = known.get_mut(at) {
            refused.count += 1;
            if refused.frames.len() < FRAMES_KEPT {
                refused.frames.push(origin.place.frame);
            }
        }
    }

    fn ioctl(&mut self, session: usize, header: &Header, body: &[u8], cut: bool) {
        let Ok((ioctl, _)) = smb2::Ioctl::parse(body, header.is_response()) else {
            return;
        };
        if ioctl.code != smb2::FSCTL_QUERY_NETWORK_INTERFACE_INFO {
            return;
        }
        let session = &mut self.report.sessions[session];
        session.queried = true;
        if !ioctl.response || header.status != smb2::STATUS_SUCCESS {
            return;
        }
        let start = (ioctl.output.0 as usize).saturating_sub(smb2::HEADER_LEN);
        let end = start
            .saturating_add(ioctl.output.1 as usize)
            .min(body.len());
        match InterfaceInfo::parse_list(body.get(start..end).unwrap_or(&[])) {
            Ok(list) => {
                let list = list.into_iter().take(INTERFACES_KEPT);
                session.interfaces = list
                    .map(|info| OfferedInterface { info, channels: 0 })
                    .collect();
            }
            Err(_) => session.incomplete |= cut,
        }
    }

    /// The session that a message belongs to, with a channel for its transport.
    fn carried(&mut self, origin: &Origin, id: u64) -> Option<usize> {
        if id == 0 || id == u64::MAX {
            return None;
        }
        if let Some((latest, session)) = self.transports[origin.transport].latest
            && latest == id
        {
            return Some(session);
        }
        let session = self.session(origin, id)?;
        self.channel(session, origin)?;
        self.transports[origin.transport].latest = Some((id, session));
        Some(session)
    }

    fn session(&mut self, origin: &Origin, id: u64) -> Option<usize> {
        let t = &self.transports[origin.transport];
        let (client, server) = t.client_and_server();
        let candidates = self.sessions.entry(id).or_default();
        let same = |session: &SmbSession| match (session.server_guid, t.server_guid) {
            (Some(a), Some(b)) => a == b,
            _ => session.server == server.ip() || session.client == client.ip(),
        };
        if let Some(index) = candidates.iter().find(|i| same(&self.report.sessions[**i])) {
            return Some(*index);
        }
        if self.report.sessions.len() >= SESSIONS_MAX {
            return None;
        }
        candidates.push(self.report.sessions.len());
        self.report.sessions.push(SmbSession {
            id,
            client: client.ip(),
            server: server.ip(),
            server_guid: t.server_guid,
            dialect: t.dialect,
            first_frame: origin.place.frame,
            from_start: false,
            multichannel: t.multichannel,
            encrypted: false,
            queried: false,
            interfaces: Vec::new(),
            channels: Vec::new(),
            tcp_bytes_after_query: 0,
            incomplete: false,
        });
        Some(self.report.sessions.len() - 1)
    }

    fn channel(&mut self, session: usize, origin: &Origin) -> Option<&mut Channel> {
        let t = &self.transports[origin.transport];
        let channels = &mut self.report.sessions[session].channels;
        let known = channels
            .iter()
            .position(|c| c.transport == origin.transport);
        let index = match known {
            Some(index) => index,
            None if channels.len() >= CHANNELS_MAX => return None,
            None => {
                let (client, server) = t.client_and_server();
                channels.push(Channel {
                    carrier: t.carrier,
                    client,
                    server,
                    first_frame: origin.place.frame,
                    binding: false,
                    binding_requests: 0,
                    status: None,
                    reset: None,
                    last_ns: 0,
                    transport: origin.transport,
                });
                channels.len() - 1
            }
        };
        channels.get_mut(index)
    }

    pub(super) fn finish(mut self) -> SmbReport {
        for transport in 0..self.transports.len() {
            self.closed(transport, None);
        }
        let mut report = self.report;
        for t in &self.transports {
            report.tcp_connections += u64::from(t.carrier == Carrier::Tcp && t.messages > 0);
            report.lost_sync += if t.messages > 0 { t.lost } else { 0 };
        }
        report.direct = self
            .directs
            .into_iter()
            .flatten()
            .map(|d| d.finish())
            .collect();
        for session in &mut report.sessions {
            for channel in &mut session.channels {
                let t = &self.transports[channel.transport];
                (channel.client, channel.server) = t.client_and_server();
                channel.reset = t.reset;
                channel.last_ns = t.last_ns;
                session.incomplete |= t.lost > 0;
                session.dialect = session.dialect.or(t.dialect);
            }
            count_channels(session);
        }
        report
    }
}

/// Counts the channels of each offered interface, over all its addresses.
fn count_channels(session: &mut SmbSession) {
    let indices: BTreeMap<IpAddr, u32> = session
        .interfaces
        .iter()
        .filter_map(|i| Some((i.info.address?, i.info.if_index)))
        .collect();
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for channel in session.channels.iter().filter(|c| c.established()) {
        if let Some(index) = indices.get(&channel.server.ip()) {
            *counts.entry(*index).or_default() += 1;
        }
    }
    for interface in &mut session.interfaces {
        interface.channels = counts.get(&interface.info.if_index).copied().unwrap_or(0);
    }
}
