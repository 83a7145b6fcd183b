//! Fixed traffic patterns and collectives. A host never sends to itself: such pairs are left out.

use super::Demand;
use xoff_model::NodeId;
use xoff_model::rng::Stream;
use xoff_model::time::{SimDuration, SimTime};

/// Every sender sends `bytes` to `receiver`, the i-th one starting at i × `stagger`.
pub fn incast(
    senders: &[NodeId],
    receiver: NodeId,
    bytes: u64,
    stagger: SimDuration,
) -> Vec<Demand> {
    let others = senders.iter().filter(|&&s| s != receiver);
    let starts = (0u64..).map(|i| SimTime::ZERO + stagger * i);
    others
        .zip(starts)
        .map(|(&src, start)| Demand::new(src, receiver, bytes, start))
        .collect()
}

/// Every host sends to one host and receives from one host: a uniformly drawn permutation without
/// fixed points. Nothing for fewer than two hosts.
pub fn permutation(hosts: &[NodeId], bytes: u64, rng: &mut Stream) -> Vec<Demand> {
    if hosts.len() < 2 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..hosts.len()).collect();
    // A shuffle has no fixed point with probability ~1/e (never less than 1/3), so this ends soon.
    loop {
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i as u64 + 1) as usize);
        }
        if order.iter().enumerate().all(|(i, &to)| i != to) {
            break;
        }
    }
    pairs(
        order
            .iter()
            .enumerate()
            .map(|(i, &to)| (hosts[i], hosts[to])),
        bytes,
    )
}

/// Host i sends to host i + `by`, counted around.
pub fn shift(hosts: &[NodeId], by: usize, bytes: u64) -> Vec<Demand> {
    let n = hosts.len();
    pairs((0..n).map(|i| (hosts[i], hosts[(i + by % n) % n])), bytes)
}

/// Every host sends `bytes` to every other host, in the order of distance around the list.
pub fn all_to_all(hosts: &[NodeId], bytes: u64) -> Vec<Demand> {
    let n = hosts.len();
    let all = (0..n).flat_map(|i| (1..n).map(move |step| (i, (i + step) % n)));
    pairs(all.map(|(i, j)| (hosts[i], hosts[j])), bytes)
}

fn pairs(list: impl Iterator<Item = (NodeId, NodeId)>, bytes: u64) -> Vec<Demand> {
    list.filter(|(src, dst)| src != dst)
        .map(|(src, dst)| Demand::new(src, dst, bytes, SimTime::ZERO))
        .collect()
}

/// Ring all-reduce of `bytes` per host: N - 1 steps of reduce-scatter and N - 1 of all-gather.
///
/// One flow per host to its successor, with 2(N - 1) messages of ⌈bytes / N⌉. A host sends its
/// first message at once and every further one when the next message of its predecessor arrived.
/// Nothing for fewer than two hosts or no bytes.
pub fn ring_all_reduce(hosts: &[NodeId], bytes: u64) -> Vec<Demand> {
    let n = hosts.len();
    if n < 2 || bytes == 0 {
        return Vec::new();
    }
    let chunk = bytes.div_ceil(n as u64);
    let total = chunk.saturating_mul(2 * (n as u64 - 1));
    (0..n)
        .map(|i| Demand {
            after: Some((i + n - 1) % n),
            free_messages: 1,
            message_bytes: Some(chunk),
            ..Demand::new(hosts[i], hosts[(i + 1) % n], total, SimTime::ZERO)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::rng::Purpose;

    fn ends(demands: &[Demand]) -> Vec<(NodeId, NodeId)> {
        demands.iter().map(|d| (d.src, d.dst)).collect()
    }

    #[test]
    fn incast_leaves_the_receiver_out_and_staggers_the_rest() {
        let demands = incast(&[1, 0, 2], 0, 500, SimDuration::from_ns(3));
        assert_eq!(ends(&demands), [(1, 0), (2, 0)]);
        assert_eq!(demands[1].start, SimTime::from_ns(3));
        assert_eq!(demands[1].bytes, 500);
    }

    #[test]
    fn permutation_is_a_derangement_of_every_size() {
        let mut rng = Stream::new(1, 0, 0, Purpose::Workload);
        for n in 0..40u32 {
            let hosts: Vec<NodeId> = (100..100 + n).collect();
            let demands = permutation(&hosts, 1, &mut rng);
            let mut receivers: Vec<NodeId> = demands.iter().map(|d| d.dst).collect();
            receivers.sort_unstable();
            assert!(demands.iter().all(|d| d.src != d.dst));
            assert_eq!(receivers, if n < 2 { Vec::new() } else { hosts });
        }
    }

    #[test]
    fn derangements_are_equally_likely() {
        let mut rng = Stream::new(2, 0, 0, Purpose::Workload);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..9_000 {
            let to: Vec<_> = permutation(&[0, 1, 2, 3], 1, &mut rng)
                .iter()
                .map(|d| d.dst)
                .collect();
            *seen.entry(to).or_insert(0u32) += 1;
        }
        assert_eq!(seen.len(), 9);
        assert!(seen.values().all(|n| (900..1_100).contains(n)), "{seen:?}");
    }

    #[test]
    fn shift_goes_around() {
        assert_eq!(ends(&shift(&[5, 6, 7], 1, 1)), [(5, 6), (6, 7), (7, 5)]);
        assert_eq!(
            ends(&shift(&[5, 6, 7], usize::MAX, 1)),
            [] as [(u32, u32); 0]
        );
        assert_eq!(ends(&shift(&[5, 6, 7], 5, 1)), [(5, 7), (6, 5), (7, 6)]);
        assert!(shift(&[5, 6], 2, 1).is_empty());
        assert!(shift(&[], 2, 1).is_empty());
    }

    #[test]
    fn all_to_all_has_every_ordered_pair() {
        let demands = all_to_all(&[0, 1, 2], 9);
        assert_eq!(
            ends(&demands),
            [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)]
        );
        assert!(all_to_all(&[4], 9).is_empty());
    }

    #[test]
    fn all_reduce_moves_the_right_number_of_bytes() {
        let demands = ring_all_reduce(&[3, 4, 5, 6], 1_001);
        assert_eq!(ends(&demands), [(3, 4), (4, 5), (5, 6), (6, 3)]);
        let after: Vec<_> = demands.iter().filter_map(|d| d.after).collect();
        assert_eq!(after, [3, 0, 1, 2]);
        for d in &demands {
            assert_eq!(
                (d.bytes, d.message_bytes, d.free_messages),
                (6 * 251, Some(251), 1)
            );
            let before = &demands[d.after.unwrap()];
            assert_eq!(before.dst, d.src);
        }
        assert!(ring_all_reduce(&[3], 1_000).is_empty());
    }
}
