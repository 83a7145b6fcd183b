use super::*;
use proptest::prelude::*;

#[test]
fn a_header_of_windows() {
    let mut bytes = [0; 64];
    bytes[..24].copy_from_slice(&[
        0xfe, b'S', b'M', b'B', 64, 0, 1, 0, 0x16, 0, 0, 0xc0, 1, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    ]);
    bytes[24] = 3;
    bytes[40..48].copy_from_slice(&0x1c00_1000_0049_u64.to_le_bytes());
    let (header, len) = Header::parse(&bytes).unwrap();
    assert_eq!(len, 64);
    assert_eq!(header.command, Command::SESSION_SETUP);
    assert_eq!(header.status, STATUS_MORE_PROCESSING_REQUIRED);
    assert!(header.is_response());
    assert_eq!((header.credits, header.message_id), (2, 3));
    assert_eq!(header.session_id, 0x1c00_1000_0049);
}

#[test]
fn what_cannot_be_is_an_error() {
    assert_eq!(Header::parse(&[0; 63]).unwrap_err().found, 63);
    assert_eq!(Header::parse(&[0; 64]).unwrap_err().field, "ProtocolId");
    assert_eq!(Transform::parse(&[0; 52]).unwrap_err().field, "ProtocolId");
    assert_eq!(
        SessionSetupRequest::parse(&[0; 24]).unwrap_err().field,
        "StructureSize"
    );
    let mut bytes = [0; 40];
    bytes[0] = 36;
    bytes[2] = 3;
    assert_eq!(
        NegotiateRequest::parse(&bytes).unwrap_err().field,
        "DialectCount"
    );
    let mut entry = [0; INTERFACE_INFO_LEN];
    entry[0] = 8;
    assert_eq!(InterfaceInfo::parse_list(&entry).unwrap_err().field, "Next");
    entry[0] = 152;
    assert_eq!(
        InterfaceInfo::parse_list(&entry).unwrap_err().field,
        "length"
    );
}

#[test]
fn protocols_by_identifier() {
    assert_eq!(Protocol::of(b"\xfdSMB"), Some(Protocol::Transform));
    assert_eq!(Protocol::of(b"\xfcSMB..."), Some(Protocol::Compressed));
    assert_eq!(Protocol::of(b"\xfeSM"), None);
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    prop_oneof![
        Just(None),
        any::<[u8; 4]>().prop_map(|a| Some(IpAddr::from(a))),
        any::<[u8; 16]>().prop_map(|a| Some(IpAddr::from(a))),
    ]
}

fn interface() -> impl Strategy<Value = InterfaceInfo> {
    (any::<(u32, bool, bool, u64)>(), address()).prop_map(|((if_index, rss, rdma, speed), a)| {
        InterfaceInfo {
            if_index,
            rss,
            rdma,
            link_speed: speed,
            address: a,
        }
    })
}

proptest! {
    #[test]
    fn framing_round_trip(kind: u8, len in 0u32..1 << 24) {
        let framing = Framing { kind, len };
        let mut buffer = [0; 4];
        framing.emit(&mut buffer);
        prop_assert_eq!(Framing::parse(&buffer), Ok((framing, 4)));
    }

    #[test]
    fn header_round_trip(a: (u16, u32, u16, u16, u32, u32), b: (u64, u64, u64, [u8; 16])) {
        let header = Header {
            credit_charge: a.0,
            status: a.1,
            command: Command(a.2),
            credits: a.3,
            flags: a.4,
            next_command: a.5,
            message_id: b.0,
            async_or_tree: b.1,
            session_id: b.2,
            signature: b.3,
        };
        let mut buffer = [0; HEADER_LEN];
        header.emit(&mut buffer);
        prop_assert_eq!(Header::parse(&buffer), Ok((header, HEADER_LEN)));
    }

    #[test]
    fn transform_round_trip(s: [u8; 16], n: [u8; 16], a: (u32, u16, u16, u64)) {
        let transform = Transform {
            signature: s,
            nonce: n,
            original_size: a.0,
            reserved: a.1,
            flags: a.2,
            session_id: a.3,
        };
        let mut buffer = [0; 52];
        transform.emit(&mut buffer);
        prop_assert_eq!(Transform::parse(&buffer), Ok((transform, 52)));
    }

    #[test]
    fn negotiate_round_trip(
        mode: u16,
        capabilities: u32,
        guid: [u8; 16],
        dialects in prop::collection::vec(any::<u16>(), 0..8),
        sizes: (u32, u32, u32),
    ) {
        let request =
            NegotiateRequest { security_mode: mode, capabilities, client_guid: guid, dialects };
        let mut buffer = vec![0; request.buffer_len()];
        request.emit(&mut buffer);
        prop_assert_eq!(NegotiateRequest::parse(&buffer), Ok((request, buffer.len())));
        let response = NegotiateResponse {
            security_mode: mode,
            dialect: 0x311,
            server_guid: guid,
            capabilities,
            max_transact: sizes.0,
            max_read: sizes.1,
            max_write: sizes.2,
        };
        let mut buffer = [0; 64];
        response.emit(&mut buffer);
        prop_assert_eq!(NegotiateResponse::parse(&buffer), Ok((response, 64)));
    }

    #[test]
    fn session_setup_round_trip(a: (u8, u8, u32, u16, u64), flags: u16) {
        let request = SessionSetupRequest {
            flags: a.0,
            security_mode: a.1,
            capabilities: a.2,
            security_len: a.3,
            previous_session_id: a.4,
        };
        let mut buffer = [0; 24];
        request.emit(&mut buffer);
        prop_assert_eq!(SessionSetupRequest::parse(&buffer), Ok((request, 24)));
        let response = SessionSetupResponse { session_flags: flags, security_len: a.3 };
        let mut buffer = [0; 8];
        response.emit(&mut buffer);
        prop_assert_eq!(SessionSetupResponse::parse(&buffer), Ok((response, 8)));
    }

    #[test]
    fn ioctl_round_trip(
        response: bool,
        file_id: [u8; 16],
        a: (u32, (u32, u32), (u32, u32), u32, u32),
    ) {
        let max_output = if response { 0 } else { a.3 };
        let ioctl = Ioctl {
            response, code: a.0, file_id, input: a.1, output: a.2, max_output, flags: a.4,
        };
        let mut buffer = vec![0; ioctl.buffer_len()];
        ioctl.emit(&mut buffer);
        prop_assert_eq!(Ioctl::parse(&buffer, response), Ok((ioctl, buffer.len())));
    }

    #[test]
    fn interfaces_round_trip(list in prop::collection::vec(interface(), 1..5)) {
        let mut buffer = vec![0; list.len() * INTERFACE_INFO_LEN];
        for (i, chunk) in buffer.chunks_mut(INTERFACE_INFO_LEN).enumerate() {
            list[i].emit(i + 1 == list.len(), chunk);
        }
        prop_assert_eq!(InterfaceInfo::parse_list(&buffer), Ok(list));
    }

    #[test]
    fn never_panics(data in prop::collection::vec(any::<u8>(), 0..400), response: bool) {
        let _ = Header::parse(&data);
        let _ = Transform::parse(&data);
        let _ = NegotiateRequest::parse(&data);
        let _ = NegotiateResponse::parse(&data);
        let _ = SessionSetupRequest::parse(&data);
        let _ = SessionSetupResponse::parse(&data);
        let _ = Ioctl::parse(&data, response);
        let _ = InterfaceInfo::parse_list(&data);
        let _ = Framing::parse(&data);
    }
}
