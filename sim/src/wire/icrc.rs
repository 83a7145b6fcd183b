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
pub fn compute(below: Below, packet: &[u8], bth: usize) -> Option<u32> {
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
