use super::*;
use proptest::prelude::*;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

fn sample() -> Repr {
    Repr {
        chassis: Id::Mac(MAC),
        port: Id::interface("p1"),
        ttl: 120,
        system_name: Some("tor".to_owned()),
        organizational: vec![
            Organizational::PortVlan(1),
            Organizational::Pfc(Pfc {
                willing: true,
                mbc: false,
                capability: 8,
                enabled: 0x08,
            }),
        ],
        ..Repr::default()
    }
}

const SAMPLE: [u8; 41] = [
    0x02, 7, 4, 2, 0, 0, 0, 0, 7, 0x04, 3, 5, b'p', b'1', 0x06, 2, 0, 120, 0x0a, 3, b't', b'o',
    b'r', 0xfe, 6, 0, 0x80, 0xc2, 1, 0, 1, 0xfe, 6, 0, 0x80, 0xc2, 11, 0x88, 0x08, 0, 0,
];

#[test]
fn a_unit_has_its_bytes() {
    let mut buffer = [0xa5; SAMPLE.len()];
    sample().emit(&mut buffer);
    assert_eq!(buffer, SAMPLE);
    assert_eq!(
        sample().to_string(),
        "LLDP, chassis 02:00:00:00:00:07, port p1, ttl 120 s, system tor; PVID 1; \
         PFC, willing, at most 8, priorities 3"
    );
    let frame = sample().frame(MAC);
    assert_eq!(frame.len(), 60);
    assert_eq!(frame[12..14], [0x88, 0xcc]);
    // The padding is not looked at.
    assert_eq!(Repr::parse(&frame[14..]), Ok((sample(), vec![])));
}

#[test]
fn mandatory_tlvs_come_first_and_once() {
    for start in [9, 14] {
        let error = Repr::parse(&SAMPLE[start..]).unwrap_err();
        assert_eq!(error.field, "mandatory TLV");
    }
    assert!(Repr::parse(&[]).is_err());
    assert!(Repr::parse(&[0, 0]).is_err());
    let mut again = SAMPLE[..18].to_vec();
    again.extend_from_slice(&SAMPLE[9..]);
    again.truncate(again.len() - 2);
    again.extend_from_slice(&SAMPLE[18..23]);
    again.extend_from_slice(&SAMPLE[31..39]);
    again.extend_from_slice(&SAMPLE[31..37]);
    let (repr, faults) = Repr::parse(&again).unwrap();
    assert_eq!(repr, sample());
    let words: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert_eq!(
        words,
        [
            "port ID TLV: comes twice",
            "time to live TLV: comes twice",
            "system name TLV: comes twice",
            "PFC TLV: comes twice",
            "LLDP TLV length at byte 61: expected no more than what is left, found 6",
        ]
    );
}

#[test]
fn a_malformed_tlv_is_skipped_by_itself() {
    let mut bytes = SAMPLE[..23].to_vec();
    bytes.extend_from_slice(&[0xfe, 5, 0, 0x80, 0xc2, 11, 0x88]);
    bytes.extend_from_slice(&[0xfe, 2, 0, 0x80]);
    bytes.extend_from_slice(&[0xfe, 6, 0, 0x80, 0xc2, 11, 0x01, 0x18, 0, 0]);
    let (repr, faults) = Repr::parse(&bytes).unwrap();
    let pfc = repr.pfc().unwrap();
    assert_eq!((pfc.capability, pfc.enabled), (1, 0x18));
    let words: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert_eq!(
        words,
        [
            "PFC TLV length at byte 30: expected 2 bytes, found 1",
            "organizational TLV length at byte 34: expected at least 4 bytes, found 2",
            "PFC TLV: PFC is on for more priorities than supported",
        ]
    );
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        any::<[u8; 6]>().prop_map(|m| Id::Mac(Mac(m))),
        (prop::sample::select(vec![1u8, 2, 6, 7]), "[a-z/0-9]{1,30}")
            .prop_map(|(subtype, text)| Id::Text { subtype, text }),
    ]
}

fn organizational() -> impl Strategy<Value = Organizational> {
    use Organizational::*;
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        (any::<u8>(), any::<u16>()).prop_map(|(flags, vid)| ProtocolVlan { flags, vid }),
        (any::<u16>(), "[a-z]{0,32}").prop_map(|(vid, name)| VlanName { vid, name }),
        bytes().prop_map(ProtocolIdentity),
        (any::<bool>(), any::<u8>(), any::<u32>()).prop_map(|(old, status, port)| Aggregation {
            old,
            status,
            port
        }),
        (any::<u8>(), bytes()).prop_map(|(subtype, value)| Other {
            oui: [0, 0x26, 0xe1],
            subtype,
            value
        }),
    ]
}

fn single() -> impl Strategy<Value = Vec<Organizational>> {
    use Organizational::*;
    let words = (any::<u16>(), any::<u32>(), any::<[u8; 8]>());
    words.prop_map(|(w, d, b)| {
        let ets = Ets {
            bandwidth: b,
            ..Ets::default()
        };
        vec![
            PortVlan(w),
            VidDigest(d),
            ManagementVid(w),
            MacPhy {
                autonegotiation: b[0],
                advertised: w,
                mau: !w,
            },
            MaxFrame(w),
            Congestion(Qcn {
                cnpv: b[0],
                ready: b[1],
            }),
            EtsConfiguration(ets),
            EtsRecommendation(ets),
            Cee(cee::Repr::default()),
            Cin(b.to_vec()),
        ]
    })
}

proptest! {
    #[test]
    fn emitted_units_parse_to_themselves(
        chassis in id(), port in id(), ttl: u16,
        texts in prop::array::uniform3(prop::option::of("[a-zA-Z ]{0,40}")),
        capabilities in prop::option::of(any::<(u16, u16)>()),
        mut organizational in prop::collection::vec(organizational(), 0..8),
        mut single in single(),
    ) {
        let [port_description, system_name, system_description] = texts;
        organizational.append(&mut single);
        let repr = Repr {
            chassis, port, ttl, port_description, system_name, system_description,
            capabilities, organizational,
        };
        let mut buffer = vec![0xa5; repr.buffer_len()];
        repr.emit(&mut buffer);
        prop_assert_eq!(Repr::parse(&buffer).unwrap().0, repr);
    }

    #[test]
    fn any_bytes_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = SAMPLE[..18].to_vec();
        bytes.extend_from_slice(&tail);
        prop_assert!(Repr::parse(&bytes).is_ok());
        let _ = Repr::parse(&tail);
    }
}
