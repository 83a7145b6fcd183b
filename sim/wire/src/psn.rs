//! Packet sequence numbers: 24 bits that wrap (IBTA 9.7.3).

/// All ones in a PSN, an MSN or a queue pair number.
pub const MASK: u32 = 0xff_ffff;

/// `psn + n`, modulo 2^24.
pub const fn add(psn: u32, n: u32) -> u32 {
    psn.wrapping_add(n) & MASK
}

/// `psn - n`, modulo 2^24.
pub const fn sub(psn: u32, n: u32) -> u32 {
    psn.wrapping_sub(n) & MASK
}

/// How far `a` is ahead of `b`, in -2^23 .. 2^23; negative if it is behind.
pub const fn diff(a: u32, b: u32) -> i32 {
    // The shift drops whatever is above 24 bits and brings the sign to the top.
    (a.wrapping_sub(b) << 8).cast_signed() >> 8
}

/// The number, counted from `first` without end, of the packet `psn`: the one nearest to the number
/// `near`. Negative for packets before `first`.
pub const fn unwrap(psn: u32, first: u32, near: u32) -> i64 {
    near as i64 + diff(psn, add(first, near)) as i64
}

/// Whether `a` comes before `b`.
pub const fn before(a: u32, b: u32) -> bool {
    diff(a, b) < 0
}

/// The later of two.
pub const fn max(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

/// How many packets carry a payload of `bytes`: one at least, even if there is none.
pub const fn packets(bytes: u64, mtu: u32) -> u64 {
    if bytes == 0 || mtu == 0 {
        1
    } else {
        bytes.div_ceil(mtu as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps() {
        assert_eq!(add(MASK, 1), 0);
        assert_eq!(sub(0, 1), MASK);
        assert_eq!(diff(0, MASK), 1);
        assert_eq!(diff(MASK, 0), -1);
        assert_eq!(diff(5, 5), 0);
        assert_eq!(diff(0x7f_ffff, 0), 0x7f_ffff);
        assert_eq!(diff(0x80_0000, 0), -0x80_0000);
        assert!(before(MASK, 3));
        assert_eq!(max(MASK, 3), 3);
    }

    proptest::proptest! {
        #[test]
        fn numbers_go_on_where_the_wire_wraps(
            first in 0..=MASK,
            near: u32,
            ahead in -0x80_0000..0x80_0000i64,
        ) {
            let number = i64::from(near) + ahead;
            let on_wire = add(first, number.rem_euclid(1 << 24) as u32);
            proptest::prop_assert_eq!(unwrap(on_wire, first, near), number);
        }
    }

    #[test]
    fn ignores_the_upper_byte() {
        assert_eq!(diff(0xff00_0001, 0x0000_0000), 1);
        assert_eq!(add(0xffff_ffff, 2), 1);
    }

    #[test]
    fn packets_of_a_message() {
        assert_eq!(
            [0, 1, 1024, 1025].map(|bytes| packets(bytes, 1024)),
            [1, 1, 1, 2]
        );
    }
}
