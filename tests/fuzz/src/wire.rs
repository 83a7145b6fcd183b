//! Wire formats: what parses is written again, and must then read the same.

use xoff_model::dcbx::{self, Advertised};
use xoff_wire::dissect::{Body, Dissected, Link};
use xoff_wire::ip::{self, Kind, Network};
use xoff_wire::roce::Icrc;
use xoff_wire::{Mac, bth, ddp, ethernet, icrc, lldp as unit, mac_control, mpa, rdmap, roce};
use xoff_wire::{dissect as frames, smb2, smbd};

/// Link type, what the capture cut off in units of 16 bytes, and a frame.
pub fn dissect(data: &[u8]) {
    let Some(([link, cut], frame)) = data.split_first_chunk() else {
        return;
    };
    let link =
        [Link::Ethernet, Link::RawIp, Link::LinuxSll, Link::LinuxSll2][usize::from(link & 3)];
    let original_len = match *cut {
        u8::MAX => u32::MAX,
        cut => frame.len() as u32 + 16 * u32::from(cut),
    };
    let dissected = frames::dissect(link, frame, original_len);
    ethernet_again(&dissected.ethernet);
    let _ = dissected.ethernet.to_string();
    match &dissected.body {
        Body::Roce(packet) => roce_again(&dissected, packet),
        Body::Pause(pause) => pause_again(&dissected.ethernet, pause, original_len),
        Body::Tcp(network, segment) => {
            assert!(segment.payload.len() <= segment.payload_len as usize);
            network_again(network);
        }
        Body::Lldp(tlvs) => {
            let _ = unit::Repr::parse(tlvs);
        }
        Body::Other(other) => assert!(!other.name().is_empty()),
        Body::Malformed(error) => assert!(!error.to_string().is_empty()),
    }
}

fn ethernet_again(repr: &ethernet::Repr) {
    let mut buffer = vec![0; repr.header_len()];
    repr.emit(&mut buffer);
    // A third tag is left alone.
    if repr.inner.is_some() || !ethernet::TPIDS.contains(&repr.ethertype) {
        assert_eq!(ethernet::Repr::parse(&buffer), Ok((*repr, buffer.len())));
    }
}

fn pause_again(ethernet: &ethernet::Repr, pause: &mac_control::Repr, original_len: u32) {
    let _ = (pause.times(), pause.to_string());
    for kind in mac_control::Irregularity::ALL {
        let _ = kind.applies(ethernet, pause, original_len);
    }
    let frame = pause.frame(ethernet.src);
    let again = frames::dissect(Link::Ethernet, &frame, frame.len() as u32);
    assert_eq!(again.body, Body::Pause(*pause));
}

fn network_again(network: &Network) {
    let mut buffer = vec![0; network.buffer_len()];
    network.emit(&mut buffer);
    let wire_len = network.payload_len.saturating_add(buffer.len() as u32);
    let again = match network.kind {
        Kind::V4 { .. } => Network::parse_v4(&buffer, wire_len),
        Kind::V6 { .. } => Network::parse_v6(&buffer, wire_len),
        Kind::Grh { .. } => Network::parse_grh(&buffer, wire_len),
    };
    assert_eq!(again, Ok((plain(*network), buffer.len())));
}

/// As it is written: with a valid checksum and without options.
fn plain(mut network: Network) -> Network {
    if let Kind::V4 {
        checksum_ok,
        header_len,
        ..
    } = &mut network.kind
    {
        (*checksum_ok, *header_len) = (true, ip::V4_LEN as u8);
    }
    network
}

fn roce_again(dissected: &Dissected<'_>, packet: &roce::Packet<'_>) {
    assert!(packet.payload.len() <= packet.payload_len as usize);
    let opcode = packet.bth.opcode;
    let _ = (opcode.name(), opcode.service(), opcode.operation());
    if let Some(aeth) = packet.extensions.aeth {
        let syndrome = aeth.kind();
        assert_eq!(syndrome.bits(), aeth.syndrome);
    }
    if packet.payload_len > 60_000 {
        return;
    }
    let repr = roce::Repr {
        ethernet: dissected.ethernet,
        network: packet.network,
        sport: packet.sport,
        bth: packet.bth,
        extensions: packet.extensions,
        payload_len: packet.payload_len,
        spoil_icrc: matches!(packet.icrc, Icrc::Invalid { .. }),
    };
    let mut frame = Vec::new();
    repr.emit(&mut frame, |to| {
        to[..packet.payload.len()].copy_from_slice(packet.payload);
    });
    assert_eq!(frame.len(), repr.buffer_len());
    let Dissected { ethernet, body } = frames::dissect(Link::Ethernet, &frame, frame.len() as u32);
    assert_eq!(ethernet, dissected.ethernet);
    let Body::Roce(again) = body else {
        panic!("{repr:?} was written and read as {body:?}");
    };
    let pad = bth::pad(packet.payload_len);
    assert_eq!(again.bth, bth::Bth { pad, ..packet.bth });
    assert_eq!(again.extensions, packet.extensions);
    assert_eq!(again.sport, packet.sport);
    assert_eq!(again.payload_len, packet.payload_len);
    assert!(again.payload.starts_with(packet.payload));
    let network = Network {
        payload_len: again.network.payload_len,
        protocol: again.network.protocol,
        ..plain(packet.network)
    };
    assert_eq!(again.network, network);
    match again.icrc {
        Icrc::Valid => assert!(!repr.spoil_icrc),
        Icrc::Invalid { found, computed } => assert!(repr.spoil_icrc && found == !computed),
        Icrc::Unavailable => assert!(packet.network.has_more_fragments()),
    }
    assert!(frame.len() >= bth::BTH_LEN + icrc::LEN);
}

/// Two LLDP units: the length of the first in two bytes, and both.
pub fn lldp(data: &[u8]) {
    let Some((len, units)) = data.split_first_chunk() else {
        return;
    };
    let len = usize::from(u16::from_be_bytes(*len)).min(units.len());
    let (first, second) = units.split_at(len);
    let ends = [lldp_unit(first, 1), lldp_unit(second, 2)];
    let [Some(a), Some(b)] = &ends else {
        for end in ends.iter().flatten() {
            let _ = format!("{:?}", dcbx::negotiate(end, None));
        }
        return;
    };
    for (local, remote) in [(a, b), (b, a)] {
        let said = dcbx::negotiate(local, Some(remote));
        assert_eq!(format!("{said:?}"), {
            let among = dcbx::negotiate_among(local, &[remote]);
            format!("{among:?}")
        });
        let _ = dcbx::negotiate_among(local, &[remote, local]);
    }
}

fn lldp_unit(data: &[u8], last: u8) -> Option<Advertised> {
    let (repr, faults) = unit::Repr::parse(data).ok()?;
    let _ = (repr.to_string(), repr.speaks_cin(), repr.apps());
    for fault in faults {
        let _ = fault.to_string();
    }
    let bytes = repr.to_bytes();
    assert_eq!(bytes.len(), repr.buffer_len());
    let again = unit::Repr::parse(&bytes).map(|(again, _)| again);
    // What was no UTF-8 becomes longer, and may then be cut.
    if !format!("{repr:?}").contains(char::REPLACEMENT_CHARACTER) {
        assert_eq!(again.as_ref(), Ok(&repr));
    }
    let mac = Mac([2, 0, 0, 0, 0, last]);
    let frame = repr.frame(mac);
    let dissected = frames::dissect(Link::Ethernet, &frame, frame.len() as u32);
    assert!(matches!(dissected.body, Body::Lldp(tlvs) if tlvs.starts_with(&bytes)));
    Some(Advertised::from_lldp(mac, &repr))
}

/// Flags, how many octets to keep of each ULPDU, a length to cut at, and a stream of iWARP.
pub fn iwarp(data: &[u8]) {
    let Some(([flags, keep, cut], stream)) = data.split_first_chunk() else {
        return;
    };
    let (markers, use_crc) = (flags & 1 != 0, flags & 2 != 0);
    startup(stream);
    segment(stream);
    let mut whole = mpa::Deframer::new(markers, use_crc, usize::from(*keep));
    let mut pieces = whole.clone();
    let fpdus = pushed(&mut whole, stream);
    let step = usize::from(*cut).max(1);
    let split: Vec<_> = stream
        .chunks(step)
        .flat_map(|piece| pushed(&mut pieces, piece))
        .collect();
    assert_eq!(fpdus, split);
    for fpdu in &fpdus {
        assert!(fpdu.head.len() <= usize::from(fpdu.ulpdu_len).min(usize::from(*keep)));
        segment(&fpdu.head);
    }
    gaps(&mut whole, stream, step);
    framed(stream, markers, use_crc, step);
}

fn pushed(deframer: &mut mpa::Deframer, mut data: &[u8]) -> Vec<mpa::Fpdu> {
    let mut fpdus = Vec::new();
    while !data.is_empty() {
        let (used, fpdu) = deframer.push(data);
        assert!(used > 0 && used <= data.len());
        data = &data[used..];
        fpdus.extend(fpdu);
    }
    fpdus
}

/// Octets go missing, as many as the stream itself says.
fn gaps(deframer: &mut mpa::Deframer, stream: &[u8], step: usize) {
    for piece in stream.chunks(step) {
        pushed(deframer, piece);
        let missing = piece.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        if deframer.skip(missing).is_none() {
            assert!(deframer.at_boundary());
            deframer.restart();
        }
    }
}

/// FPDUs that are written come out whole.
fn framed(stream: &[u8], markers: bool, use_crc: bool, step: usize) {
    let (mut framer, mut out) = (mpa::Framer::new(markers, use_crc), Vec::new());
    for ulpdu in stream.chunks(step) {
        framer.emit(ulpdu, &mut out);
    }
    let mut deframer = mpa::Deframer::new(markers, use_crc, step);
    let fpdus = pushed(&mut deframer, &out);
    assert!(deframer.at_boundary());
    let heads: Vec<&[u8]> = fpdus.iter().map(|f| f.head.as_slice()).collect();
    assert_eq!(heads, stream.chunks(step).collect::<Vec<_>>());
    let crc = if use_crc {
        mpa::Crc::Good
    } else {
        mpa::Crc::Unused
    };
    assert!(fpdus.iter().all(|f| f.crc == crc && f.bad_markers == 0));
    let mut bare = Vec::new();
    mpa::strip_markers(&out, 0, &mut bare);
    assert!(bare.len() <= out.len());
}

fn startup(data: &[u8]) {
    let Ok((startup, len)) = mpa::Startup::parse(data) else {
        return;
    };
    let _ = startup.read_depths();
    let mut buffer = vec![0; startup.buffer_len()];
    startup.emit(&mut buffer);
    assert_eq!(mpa::Startup::parse(&buffer), Ok((startup, len)));
}

fn segment(data: &[u8]) {
    let Ok((header, len)) = ddp::Repr::parse(data) else {
        return;
    };
    let mut buffer = vec![0; header.buffer_len()];
    header.emit(&mut buffer);
    assert_eq!(buffer, data[..len]);
    let control = rdmap::Control::of(&header);
    assert_eq!(control.octet(), header.rdmap_control());
    if let ddp::Kind::Untagged { ulp, .. } = header.kind {
        assert_eq!(control.untagged(), ulp);
    }
    let _ = (control.opcode.to_string(), control.opcode.is_tagged());
    let payload = &data[len..];
    if let Ok((request, len)) = rdmap::ReadRequest::parse(payload) {
        let mut buffer = vec![0; len];
        request.emit(&mut buffer);
        assert_eq!(buffer, payload[..len]);
    }
    if let Ok((terminate, len)) = rdmap::Terminate::parse(payload) {
        let mut buffer = vec![0; len];
        terminate.emit(&mut buffer);
        assert_eq!(buffer, payload[..len]);
        let _ = terminate.reason();
    }
}

/// Writes what was parsed from `data` into as many bytes as were read, and parses it again.
macro_rules! again {
    ($data:expr, $kind:ty) => {
        if let Ok((repr, len)) = <$kind>::parse($data) {
            let mut buffer = vec![0xa5; len];
            repr.emit(&mut buffer);
            assert_eq!(<$kind>::parse(&buffer), Ok((repr.clone(), len)));
        }
    };
}

/// A message of SMB2 or SMB Direct, or an interface list.
pub fn smb(data: &[u8]) {
    again!(data, smb2::Framing);
    again!(data, smb2::Header);
    again!(data, smb2::Transform);
    again!(data, smb2::NegotiateRequest);
    again!(data, smb2::NegotiateResponse);
    again!(data, smb2::SessionSetupRequest);
    again!(data, smb2::SessionSetupResponse);
    again!(data, smbd::NegotiateRequest);
    again!(data, smbd::NegotiateResponse);
    again!(data, smbd::DataTransfer);
    again!(data, smbd::BufferDescriptor);
    for response in [false, true] {
        if let Ok((ioctl, _)) = smb2::Ioctl::parse(data, response) {
            let mut buffer = vec![0xa5; ioctl.buffer_len()];
            ioctl.emit(&mut buffer);
            let again = smb2::Ioctl::parse(&buffer, response);
            assert_eq!(again, Ok((ioctl, buffer.len())));
        }
    }
    if let Ok((header, len)) = smb2::Header::parse(data) {
        let _ = (header.is_response(), smb2::Protocol::of(data));
        smb_bodies(&data[len..]);
    }
    smb_bodies(data);
    interfaces(data);
}

fn smb_bodies(body: &[u8]) {
    again!(body, smb2::NegotiateRequest);
    again!(body, smb2::SessionSetupRequest);
    if let Ok((request, _)) = smbd::NegotiateRequest::parse(body) {
        let _ = request.violations();
    }
    if let Ok((response, _)) = smbd::NegotiateResponse::parse(body) {
        let _ = response.violations();
    }
    if let Ok((transfer, _)) = smbd::DataTransfer::parse(body) {
        for message_len in [0, body.len() as u64, u64::MAX] {
            for limit in [None, Some(0), Some(transfer.data_len), Some(u32::MAX)] {
                let _ = transfer.violations(message_len, limit);
            }
        }
    }
}

fn interfaces(data: &[u8]) {
    let Ok(list) = smb2::InterfaceInfo::parse_list(data) else {
        return;
    };
    assert!(!list.is_empty() && list.len() <= smb2::INTERFACES_MAX);
    let mut buffer = vec![0; list.len() * smb2::INTERFACE_INFO_LEN];
    let entries = buffer.chunks_mut(smb2::INTERFACE_INFO_LEN);
    for (i, (info, entry)) in list.iter().zip(entries).enumerate() {
        info.emit(i + 1 == list.len(), entry);
    }
    assert_eq!(smb2::InterfaceInfo::parse_list(&buffer), Ok(list));
}
