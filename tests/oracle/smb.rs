//! SMB2 over TCP (negotiate, session binding, interfaces) and SMB Direct over iWARP and RoCE.

use super::iwarp::{Iwarp, Tcp};
use super::roce::sample;
use super::{Fields, Sample};
use xoff_wire::bth::{Bth, Extensions, Opcode};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::smb2::{
    CAP_ENCRYPTION, CAP_MULTI_CHANNEL, Command, FLAG_RESPONSE, FSCTL_QUERY_NETWORK_INTERFACE_INFO,
    Framing, HEADER_LEN, Header, INTERFACE_INFO_LEN, InterfaceInfo, Ioctl, NegotiateRequest,
    NegotiateResponse, PORT, SESSION_BINDING, SessionSetupRequest, SessionSetupResponse,
};
use xoff_wire::smbd::{DataTransfer, NegotiateRequest as Ask, NegotiateResponse as Answer};
use xoff_wire::{Mac, ddp, ethernet, rdmap, roce};

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = over_tcp();
    samples.extend(direct_over_iwarp());
    samples.extend(direct_over_roce());
    samples
}

/// A message with its header, framed for TCP.
fn message(command: Command, response: bool, id: u64, body: &[u8]) -> Vec<u8> {
    let header = Header {
        credit_charge: 1,
        status: 0,
        command,
        credits: 33,
        flags: if response { FLAG_RESPONSE } else { 0 },
        next_command: 0,
        message_id: id,
        async_or_tree: 5 << 32,
        session_id: 0x1234_5678_9abc_def0,
        signature: [0; 16],
    };
    let mut bytes = vec![0; HEADER_LEN];
    header.emit(&mut bytes);
    bytes.extend(body);
    bytes
}

fn over_tcp() -> Vec<Sample> {
    let mut tcp = Tcp::open("SMB2", [50_000, PORT]);
    let mut id = 0;
    let mut say = |from: usize, command: Command, body: &[u8]| {
        let message = message(command, from == 1, id, body);
        id += from as u64;
        let framing = Framing {
            kind: 0,
            len: message.len() as u32,
        };
        let mut bytes = vec![0; Framing::LEN];
        framing.emit(&mut bytes);
        bytes.extend(message);
        tcp.send(from, &bytes);
        let bytes = tcp.payload();
        let (framing, at) = Framing::parse(&bytes).unwrap();
        let fields = &mut tcp.samples.last_mut().unwrap().fields;
        fields.add("nbss.length", framing.len);
        message_fields(&bytes[at..], fields);
    };
    say(0, Command::NEGOTIATE, &negotiate_request());
    say(1, Command::NEGOTIATE, &negotiate_response());
    say(0, Command::SESSION_SETUP, &setup_request());
    say(1, Command::SESSION_SETUP, &setup_response());
    say(0, Command::IOCTL, &interfaces_request());
    say(1, Command::IOCTL, &interfaces_response());
    tcp.samples
}

fn negotiate_request() -> Vec<u8> {
    let request = NegotiateRequest {
        security_mode: 1,
        capabilities: CAP_MULTI_CHANNEL | CAP_ENCRYPTION,
        client_guid: *b"0123456789abcdef",
        dialects: vec![0x0202, 0x0210, 0x0300, 0x0302],
    };
    let mut bytes = vec![0; request.buffer_len()];
    request.emit(&mut bytes);
    bytes
}

fn negotiate_response() -> Vec<u8> {
    let response = NegotiateResponse {
        security_mode: 3,
        dialect: 0x0302,
        server_guid: *b"fedcba9876543210",
        capabilities: CAP_MULTI_CHANNEL,
        max_transact: 8 << 20,
        max_read: 4 << 20,
        max_write: 2 << 20,
    };
    let mut bytes = vec![0; NegotiateResponse::LEN];
    response.emit(&mut bytes);
    bytes
}

fn setup_request() -> Vec<u8> {
    let request = SessionSetupRequest {
        flags: SESSION_BINDING,
        security_mode: 1,
        capabilities: 1,
        security_len: 0,
        previous_session_id: 0x0fed_cba9_8765_4321,
    };
    let mut bytes = vec![0; SessionSetupRequest::LEN];
    request.emit(&mut bytes);
    bytes
}

fn setup_response() -> Vec<u8> {
    let response = SessionSetupResponse {
        session_flags: 4,
        security_len: 0,
    };
    let mut bytes = vec![0; SessionSetupResponse::LEN];
    response.emit(&mut bytes);
    bytes
}

fn ioctl(response: bool, output: u32) -> Vec<u8> {
    let mut ioctl = Ioctl {
        response,
        code: FSCTL_QUERY_NETWORK_INTERFACE_INFO,
        file_id: [0xff; 16],
        input: (0, 0),
        output: (0, 0),
        max_output: 65_536,
        flags: 1,
    };
    let len = ioctl.buffer_len() as u32;
    if response {
        let end = HEADER_LEN as u32 + len;
        (ioctl.input, ioctl.output) = ((end, 0), (end, output));
    }
    let mut bytes = vec![0; len as usize];
    ioctl.emit(&mut bytes);
    bytes
}

fn interfaces_request() -> Vec<u8> {
    ioctl(false, 0)
}

fn interfaces_response() -> Vec<u8> {
    let info = |if_index, rss, rdma, address: &str| InterfaceInfo {
        if_index,
        rss,
        rdma,
        link_speed: u64::from(if_index) * 1_000_000_000,
        address: address.parse().ok(),
    };
    let list = [
        info(10, true, false, "192.0.2.7"),
        info(25, false, true, "192.0.2.8"),
        info(100, true, true, "2001:db8::9"),
    ];
    let mut bytes = ioctl(true, (INTERFACE_INFO_LEN * list.len()) as u32);
    for (n, info) in list.iter().enumerate() {
        let mut entry = vec![0; INTERFACE_INFO_LEN];
        info.emit(n + 1 == list.len(), &mut entry);
        bytes.extend(entry);
    }
    bytes
}

fn message_fields(message: &[u8], fields: &mut Fields) {
    let (header, at) = Header::parse(message).unwrap();
    let response = header.is_response();
    fields.add("smb2.credit.charge", header.credit_charge);
    fields.add("smb2.cmd", header.command.0);
    if response {
        fields.add("smb2.nt_status", header.status);
        fields.add("smb2.credits.granted", header.credits);
    } else {
        fields.add("smb2.credits.requested", header.credits);
    }
    fields.flag("smb2.flags.response", response);
    fields.add("smb2.chain_offset", header.next_command);
    fields.add("smb2.msg_id", header.message_id);
    fields.add("smb2.tid", header.async_or_tree >> 32);
    fields.add("smb2.sesid", header.session_id);
    let body = &message[at..];
    match (header.command, response) {
        (Command::NEGOTIATE, false) => {
            let (request, _) = NegotiateRequest::parse(body).unwrap();
            fields.add("smb2.dialect_count", request.dialects.len());
            fields.add("smb2.sec_mode", request.security_mode);
            fields.add("smb2.capabilities", request.capabilities);
            fields.add("smb2.client_guid", guid(&request.client_guid));
            for dialect in request.dialects {
                fields.add("smb2.dialect", dialect);
            }
        }
        (Command::NEGOTIATE, true) => {
            let (response, _) = NegotiateResponse::parse(body).unwrap();
            fields.add("smb2.sec_mode", response.security_mode);
            fields.add("smb2.dialect", response.dialect);
            fields.add("smb2.server_guid", guid(&response.server_guid));
            fields.add("smb2.capabilities", response.capabilities);
            fields.add("smb2.max_trans_size", response.max_transact);
            fields.add("smb2.max_read_size", response.max_read);
            fields.add("smb2.max_write_size", response.max_write);
        }
        (Command::SESSION_SETUP, false) => {
            let (request, _) = SessionSetupRequest::parse(body).unwrap();
            let binding = request.flags & SESSION_BINDING != 0;
            fields.flag("smb2.ses_req_flags.session_binding", binding);
            fields.add("smb2.sec_mode", request.security_mode);
            fields.add("smb2.capabilities", request.capabilities);
            fields.add("smb2.previous_sesid", request.previous_session_id);
        }
        (Command::SESSION_SETUP, true) => {
            let (response, _) = SessionSetupResponse::parse(body).unwrap();
            fields.add("smb2.session_flags", response.session_flags);
        }
        _ => ioctl_fields(message, body, response, fields),
    }
}

fn ioctl_fields(message: &[u8], body: &[u8], response: bool, fields: &mut Fields) {
    let (ioctl, _) = Ioctl::parse(body, response).unwrap();
    fields.add("smb2.ioctl.function", ioctl.code);
    if !response {
        fields.flag("smb2.ioctl.is_fsctl", ioctl.flags & 1 != 0);
        fields.add("smb2.max_ioctl_out_size", ioctl.max_output);
        return;
    }
    let (at, len) = (ioctl.output.0 as usize, ioctl.output.1 as usize);
    for info in InterfaceInfo::parse_list(&message[at..at + len]).unwrap() {
        fields.add("smb2.ioctl.network_interfaces.index", info.if_index);
        fields.flag("smb2.ioctl.network_interfaces.capabilities.rss", info.rss);
        fields.flag("smb2.ioctl.network_interfaces.capabilities.rdma", info.rdma);
        fields.add("smb2.ioctl.network_interfaces.link_speed", info.link_speed);
    }
}

/// As Windows writes them: the first three groups with the low byte first.
fn guid(bytes: &[u8; 16]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let hex = order.map(|at| format!("{:02x}", bytes[at]));
    let groups = [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]];
    groups.map(|group| group.concat()).join("-")
}

/// Negotiation both ways and a data transfer with an SMB2 message in it.
fn direct() -> [(usize, Vec<u8>); 3] {
    let ask = Ask {
        min_version: 0x0100,
        max_version: 0x0100,
        credits_requested: 255,
        preferred_send_size: 1_364,
        max_receive_size: 8_192,
        max_fragmented_size: 1 << 20,
    };
    let answer = Answer {
        min_version: 0x0100,
        max_version: 0x0100,
        negotiated_version: 0x0100,
        credits_requested: 254,
        credits_granted: 253,
        status: 0,
        max_read_write_size: 1 << 20,
        preferred_send_size: 1_363,
        max_receive_size: 8_191,
        max_fragmented_size: (1 << 20) - 1,
    };
    let inner = message(Command::NEGOTIATE, false, 0, &negotiate_request());
    let transfer = DataTransfer {
        credits_requested: 252,
        credits_granted: 10,
        flags: 1,
        remaining_len: 0,
        data_offset: 24,
        data_len: inner.len() as u32,
    };
    let mut asked = vec![0; Ask::LEN];
    ask.emit(&mut asked);
    let mut answered = vec![0; Answer::LEN];
    answer.emit(&mut answered);
    let mut data = vec![0; 24];
    transfer.emit(&mut data);
    data.extend(inner);
    [(0, asked), (1, answered), (0, data)]
}

/// The n-th message of [`direct`] as xoff reads it.
fn direct_fields(n: usize, bytes: &[u8], fields: &mut Fields) {
    match n {
        0 => {
            let (ask, _) = Ask::parse(bytes).unwrap();
            fields.add("smb_direct.version.min", ask.min_version);
            fields.add("smb_direct.version.max", ask.max_version);
            fields.add("smb_direct.credits.requested", ask.credits_requested);
            fields.add("smb_direct.preferred_send_size", ask.preferred_send_size);
            fields.add("smb_direct.max_receive_size", ask.max_receive_size);
            fields.add("smb_direct.max_fragmented_size", ask.max_fragmented_size);
        }
        1 => {
            let (answer, _) = Answer::parse(bytes).unwrap();
            fields.add("smb_direct.version.min", answer.min_version);
            fields.add("smb_direct.version.max", answer.max_version);
            fields.add("smb_direct.version.negotiated", answer.negotiated_version);
            fields.add("smb_direct.credits.requested", answer.credits_requested);
            fields.add("smb_direct.credits.granted", answer.credits_granted);
            fields.add("smb_direct.status", answer.status);
            fields.add("smb_direct.max_read_write_size", answer.max_read_write_size);
            fields.add("smb_direct.preferred_send_size", answer.preferred_send_size);
            fields.add("smb_direct.max_receive_size", answer.max_receive_size);
            fields.add("smb_direct.max_fragmented_size", answer.max_fragmented_size);
        }
        _ => {
            let (transfer, _) = DataTransfer::parse(bytes).unwrap();
            fields.add("smb_direct.credits.requested", transfer.credits_requested);
            fields.add("smb_direct.credits.granted", transfer.credits_granted);
            fields.flag(
                "smb_direct.flags.response_requested",
                transfer.flags & 1 != 0,
            );
            fields.add("smb_direct.remaining_length", transfer.remaining_len);
            fields.add("smb_direct.data_offset", transfer.data_offset);
            fields.add("smb_direct.data_length", transfer.data_len);
            message_fields(&bytes[transfer.data_offset as usize..], fields);
        }
    }
}

fn direct_over_iwarp() -> Vec<Sample> {
    let mut c = Iwarp::open("SMB Direct over iWARP", [40_010, 5_445], false, true);
    for (n, (from, bytes)) in direct().into_iter().enumerate() {
        let header = c.untagged(rdmap::Opcode::Send, ddp::QUEUE_SEND);
        let read = c.send(from, &header, &bytes);
        direct_fields(n, &read, &mut c.tcp.samples.last_mut().unwrap().fields);
    }
    c.tcp.samples
}

fn direct_over_roce() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (n, (from, bytes)) in direct().into_iter().enumerate() {
        let host = |side: usize| [10, 0, 1, 1 + side as u8];
        let mac = |side: usize| Mac([2, 0, 0, 0, 2, side as u8]);
        let repr = roce::Repr {
            ethernet: ethernet::Repr {
                dst: mac(1 - from),
                src: mac(from),
                ..ethernet::Repr::default()
            },
            network: Network {
                kind: Kind::whole_v4(0),
                src: host(from).into(),
                dst: host(1 - from).into(),
                dscp: 0,
                ecn: Ecn::NotEct,
                ttl: 64,
                protocol: 0,
                payload_len: 0,
            },
            sport: Some(0xc123),
            bth: Bth {
                opcode: Opcode::RC_SEND_ONLY,
                pkey: 0xffff,
                dest_qp: 0x77 + from as u32,
                psn: n as u32,
                ..Bth::default()
            },
            extensions: Extensions::default(),
            payload_len: bytes.len() as u32,
            spoil_icrc: false,
        };
        let mut sample = sample("SMB Direct over RoCE", &repr, &bytes);
        let Body::Roce(packet) =
            dissect(Link::Ethernet, &sample.frame, sample.frame.len() as u32).body
        else {
            panic!("not RoCE");
        };
        direct_fields(n, packet.payload, &mut sample.fields);
        samples.push(sample);
    }
    samples
}
