//! The choice among equal paths in the ns-3 family.

/// The address of a host or switch in `fct.txt` and in the ECMP hash.
#[inline]
pub fn node_ip(id: u32) -> u32 {
    0x0b00_0001u32
        .wrapping_add((id / 256) << 16)
        .wrapping_add((id % 256) << 8)
}

/// The reference's ECMP hash of a packet's addresses and UDP ports: MurmurHash3 of 12 bytes. `seed`
/// is the switch's node id; the remainder by the number of next hops chooses one.
#[inline]
pub fn ecmp_hash(sip: u32, dip: u32, sport: u16, dport: u16, seed: u32) -> u32 {
    let ports = u32::from(sport) | u32::from(dport) << 16;
    let mut h = seed;
    for word in [sip, dip, ports] {
        let word = word.wrapping_mul(0xcc9e_2d51).rotate_left(15);
        h = (h ^ word.wrapping_mul(0x1b87_3593)).rotate_left(13);
        h = h.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    h ^= 12;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}
