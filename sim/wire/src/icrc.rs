//! The invariant CRC of RoCE packets (IBTA 7.8.1, A16, A17).
//!
//! The CRC-32 of Ethernet over eight bytes of ones (where InfiniBand has its local routing header),
//! the network header, UDP, BTH and everything up to the CRC, with the fields that routers may
//! change read as ones: type of service or traffic class and flow label, TTL or hop limit, IP and
//! UDP checksums, and the BTH byte with FECN and BECN.

use super::bth::BTH_LEN;
use super::ip::{V4_LEN, V6_LEN};
use crc32fast::Hasher;

/// Bytes of the ICRC.
pub const LEN: usize = 4;

/// CRC of eight bytes of ones.
const LRH: u32 = 0x2144_df1c;
const UDP_LEN: usize = 8;

/// What lies below a BTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// IPv4 and UDP.
    V4,
    /// IPv6 and UDP.
    V6,
    /// RoCEv1.
    Grh,
}

impl Below {
    const fn network_len(self) -> usize {
        match self {
            Below::V4 => V4_LEN,
            Below::V6 | Below::Grh => V6_LEN,
        }
    }

    const fn udp_len(self) -> usize {
        match self {
            Below::V4 | Below::V6 => UDP_LEN,
            Below::Grh => 0,
        }
    }
}

/// The ICRC of `packet`, which starts with the network header and ends before the ICRC; its BTH
/// starts at `bth`. As a number whose first byte on the wire is the highest, which is how Wireshark
/// prints it. None if the headers do not fit.
#[inline]
pub fn compute(below: Below, packet: &[u8], bth: usize) -> Option<u32> {
    const PLAIN: usize = V4_LEN + UDP_LEN;
    if below == Below::V4
        && bth == PLAIN
        && let Some((head, rest)) = packet.split_first_chunk::<{ PLAIN + BTH_LEN }>()
    {
        return Some(plain_v4(head, rest));
    }
    general(below, packet, bth)
}

/// IPv4 without options: of one length, so that no copy needs a call.
#[inline]
fn plain_v4(head: &[u8; V4_LEN + UDP_LEN + BTH_LEN], rest: &[u8]) -> u32 {
    let mut masked = *head;
    masked[1] = 0xff;
    masked[8] = 0xff;
    masked[10] = 0xff;
    masked[11] = 0xff;
    masked[V4_LEN + 6] = 0xff;
    masked[V4_LEN + 7] = 0xff;
    masked[V4_LEN + UDP_LEN + 4] = 0xff;
    let mut hasher = Hasher::new_with_initial(LRH);
    hasher.update(&masked);
    hasher.update(rest);
    hasher.finalize().swap_bytes()
}

fn general(below: Below, packet: &[u8], bth: usize) -> Option<u32> {
    let network_len = below.network_len();
    let transport = bth.checked_sub(below.udp_len())?;
    let options = packet.get(network_len..transport)?;
    let (head, rest) = packet.split_at_checked(bth.checked_add(BTH_LEN)?)?;
    let tail = head.get(transport..)?;

    let mut masked = [0; V6_LEN + UDP_LEN + BTH_LEN];
    masked
        .get_mut(..network_len)?
        .copy_from_slice(head.get(..network_len)?);
    mask_network(below, &mut masked);
    let mut hasher = Hasher::new_with_initial(LRH);
    let mut at = network_len;
    if !options.is_empty() {
        hasher.update(&masked[..at]);
        hasher.update(options);
        at = 0;
    }
    let filled = at + tail.len();
    let transport = masked.get_mut(at..filled)?;
    transport.copy_from_slice(tail);
    if below.udp_len() != 0 {
        transport[6..8].fill(0xff);
    }
    transport[below.udp_len() + 4] = 0xff;
    hasher.update(&masked[..filled]);
    hasher.update(rest);
    Some(hasher.finalize().swap_bytes())
}

fn mask_network(below: Below, header: &mut [u8; V6_LEN + UDP_LEN + BTH_LEN]) {
    match below {
        Below::V4 => {
            header[1] = 0xff;
            header[8] = 0xff;
            header[10..12].fill(0xff);
        }
        Below::V6 | Below::Grh => {
            header[0] |= 0x0f;
            header[1..4].fill(0xff);
            header[7] = 0xff;
        }
    }
}

/// Bytes written in hexadecimal digits.
#[cfg(test)]
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_is_the_long_one(packet in prop::collection::vec(any::<u8>(), 0..300)) {
            let bth = V4_LEN + UDP_LEN;
            let long = general(Below::V4, &packet, bth);
            prop_assert_eq!(compute(Below::V4, &packet, bth), long);
        }
    }

    // The first two are scapy 2.8.0 (`from scapy.contrib.roce import *`), with
    //   u = UDP(sport=49152, dport=4791)
    //   b = BTH(opcode=0x0a, migreq=1, padcount=2, dqpn=0x123456, ackreq=1, psn=0xfffffe)
    //   p = Raw(bytes.fromhex('00001122334455660000abcd00000006') + b'hello!\0\0')
    //   IP(src='10.0.0.1', dst='10.0.0.2', tos=0x6a, ttl=63, id=0x1234, flags='DF')/u/b/p
    const V4: &str = "456a0044123440003f1115090a0000010a000002c00012b7003096440a60ffff0012345680ff\
        fffe00001122334455660000abcd0000000668656c6c6f21000076c0c274";
    //   IPv6(src='fd00::1', dst='fd00::2', tc=0x6a, fl=0x12345, hlim=63)/u/b/p
    const V6: &str = "66a123450030113ffd000000000000000000000000000001fd0000000000000000000000000000\
        02c00012b7003027af0a60ffff0012345680fffffe00001122334455660000abcd0000000668656c6c6f2100\
        00e1e0dfe7";
    // scapy knows no ICRC of RoCEv1. Its GRH and BTH, and over them, by the definition:
    //   g = GRH(ipver=6, tclass=0x6a, flowlabel=0x12345, paylen=40, nexthdr=0x1b, hoplmt=63,
    //           sgid=(0xfd << 120) + 1, dgid=(0xfd << 120) + 2)
    //   m = bytearray(b'\xff' * 8 + raw(g) + raw(b)[:-4] + raw(p))
    //   m[8] |= 15; m[9:12] = b'\xff' * 3; m[15] = m[52] = 255
    //   zlib.crc32(m).to_bytes(4, 'little')
    const V1: &str = "66a1234500281b3ffd000000000000000000000000000001fd00000000000000000000000000000\
        20a60ffff0012345680fffffe00001122334455660000abcd0000000668656c6c6f2100003480430b";
    // Congestion notification from a ConnectX-4 Lx, as scapy's tests have it.
    const CNP: &str = "45c2003c718c4000401191610a0011010a001201000012b7002800008100ffff40000118000000\
        000000000000000000000000000000000082fd002a";

    const VECTORS: [(Below, &str, usize); 4] = [
        (Below::V4, V4, 28),
        (Below::V6, V6, 48),
        (Below::Grh, V1, 40),
        (Below::V4, CNP, 28),
    ];

    #[test]
    fn ones_in_place_of_the_local_routing_header() {
        assert_eq!(crc32fast::hash(&[0xff; 8]), LRH);
    }

    #[test]
    fn golden_vectors() {
        for (below, packet, bth) in VECTORS {
            let packet = hex(packet);
            let (covered, icrc) = packet.split_last_chunk().unwrap();
            assert_eq!(
                compute(below, covered, bth),
                Some(u32::from_be_bytes(*icrc))
            );
        }
    }

    /// Bits of the network header, UDP and BTH that routers or the UDP checksum may change.
    fn masked(below: Below, bit: usize, bth: usize) -> bool {
        let byte = bit / 8;
        let network = match below {
            Below::V4 => matches!(byte, 1 | 8 | 10 | 11),
            Below::V6 | Below::Grh => (4..32).contains(&bit) || byte == 7,
        };
        let udp = below != Below::Grh && (bth - 2..bth).contains(&byte);
        network || udp || byte == bth + 4
    }

    #[test]
    fn exactly_the_masked_bits_do_not_count() {
        for (below, packet, bth) in VECTORS {
            let mut packet = hex(packet);
            packet.truncate(packet.len() - LEN);
            let good = compute(below, &packet, bth);
            for bit in 0..packet.len() * 8 {
                packet[bit / 8] ^= 0x80 >> (bit % 8);
                let same = compute(below, &packet, bth) == good;
                packet[bit / 8] ^= 0x80 >> (bit % 8);
                assert_eq!(same, masked(below, bit, bth), "{below:?} bit {bit}");
            }
        }
    }

    #[test]
    fn options_count_as_they_are() {
        let mut packet = hex(V4);
        packet.truncate(packet.len() - LEN);
        packet.splice(20..20, [1, 2, 3, 4]);
        let mut whole = vec![0xff; 8];
        whole.extend_from_slice(&packet);
        for masked in [9, 16, 18, 19, 8 + 24 + 6, 8 + 24 + 7, 8 + 32 + 4] {
            whole[masked] = 0xff;
        }
        let want = crc32fast::hash(&whole).swap_bytes();
        assert_eq!(compute(Below::V4, &packet, 32), Some(want));
    }

    proptest! {
        #[test]
        fn never_panics(data in proptest::collection::vec(any::<u8>(), 0..200), bth in 0..300usize) {
            for below in [Below::V4, Below::V6, Below::Grh] {
                let _ = compute(below, &data, bth);
            }
        }
    }
}
