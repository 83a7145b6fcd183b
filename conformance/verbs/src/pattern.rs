//! What memory is filled with: every byte depends on seed and offset, and no two ranges are alike.

/// Bytes that are made at a time.
const WORD: u64 = 8;

/// A range of the pattern.
pub(crate) fn fill(seed: u64, offset: u64, into: &mut [u8]) {
    for (at, byte) in (offset..).zip(into.iter_mut()) {
        let word = mix(seed, at / WORD).to_le_bytes();
        *byte = word[(at % WORD) as usize];
    }
}

/// A permutation of the counter for each seed (the finalizer of SplitMix64).
fn mix(seed: u64, counter: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(counter.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_fit_together_and_seeds_differ() {
        let mut whole = [0; 100];
        fill(7, 0, &mut whole);
        for cut in [1, 8, 13, 99] {
            let mut part = vec![0; 100 - cut];
            fill(7, cut as u64, &mut part);
            assert_eq!(part, whole[cut..]);
        }
        let mut other = [0; 100];
        fill(8, 0, &mut other);
        assert_ne!(other[..8], whole[..8]);
        assert_ne!(whole[..8], whole[8..16]);
    }
}
