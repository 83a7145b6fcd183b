//! A value per step of time in a fixed number of steps, whose length doubles as time goes on.

/// What two neighbouring steps give when they become one.
pub trait Merge {
    /// Takes in `later`, which belongs to a later step.
    fn merge(&mut self, later: &Self);
}

impl Merge for u64 {
    fn merge(&mut self, later: &Self) {
        *self = self.saturating_add(*later);
    }
}

/// Values of steps; steps of two instances with the same start and first step always nest.
#[derive(Clone, Debug)]
pub struct Buckets<T> {
    start_ns: u64,
    step_ns: u64,
    steps: usize,
    /// No longer than the last step in use.
    cells: Vec<T>,
}

impl<T: Default + Clone + Merge> Buckets<T> {
    /// `steps` steps from `start_ns`, of `step_ns` each at first. Both are at least 1.
    pub fn new(start_ns: u64, step_ns: u64, steps: usize) -> Self {
        Buckets {
            start_ns,
            step_ns: step_ns.max(1),
            steps: steps.max(1),
            cells: Vec::new(),
        }
    }

    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Length of a step now, ns.
    pub fn step_ns(&self) -> u64 {
        self.step_ns
    }

    /// First moment of the step that `at_ns` is in, and of the next, once it fits.
    pub fn bounds(&mut self, at_ns: u64) -> (u64, u64) {
        let index = self.fit(at_ns) as u64;
        let from = self
            .start_ns
            .saturating_add(index.saturating_mul(self.step_ns));
        (from, from.saturating_add(self.step_ns))
    }

    /// The value of the step that `at_ns` is in; what is before the start counts as the first step.
    pub fn at(&mut self, at_ns: u64) -> &mut T {
        let index = self.fit(at_ns);
        if index >= self.cells.len() {
            self.cells.resize(index + 1, T::default());
        }
        &mut self.cells[index]
    }

    /// The values in steps of `step_ns` (this one's, doubled some times) from `start_ns`, exactly
    /// as many as this has; what does not fit goes to the last.
    pub fn fold_to(&self, start_ns: u64, step_ns: u64) -> Vec<T> {
        let mut folded = vec![T::default(); self.steps];
        for (i, cell) in self.cells.iter().enumerate() {
            let from = self
                .start_ns
                .saturating_add((i as u64).saturating_mul(self.step_ns));
            let index = from.saturating_sub(start_ns) / step_ns.max(1);
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            folded[index.min(self.steps - 1)].merge(cell);
        }
        folded
    }

    /// Doubles the step until `at_ns` fits; its index.
    fn fit(&mut self, at_ns: u64) -> usize {
        let offset = at_ns.saturating_sub(self.start_ns);
        while offset / self.step_ns >= self.steps as u64 {
            self.double();
        }
        (offset / self.step_ns) as usize
    }

    fn double(&mut self) {
        self.step_ns = self.step_ns.saturating_mul(2);
        let half = self.cells.len().div_ceil(2);
        for i in 0..half {
            let mut cell = self.cells[2 * i].clone();
            if let Some(later) = self.cells.get(2 * i + 1) {
                cell.merge(later);
            }
            self.cells[i] = cell;
        }
        self.cells.truncate(half);
    }
}

impl Buckets<u64> {
    /// Spreads the time from `from_ns` to `to_ns` over the steps it covers, as nanoseconds.
    pub fn spread(&mut self, from_ns: u64, to_ns: u64) {
        let from_ns = from_ns.max(self.start_ns);
        if from_ns >= to_ns {
            return;
        }
        self.fit(to_ns - 1);
        let mut at = from_ns;
        while at < to_ns {
            let (_, next) = self.bounds(at);
            let until = next.min(to_ns);
            *self.at(at) += until - at;
            at = until;
        }
    }
}

/// The step to begin with: fine enough for a capture of half a millisecond.
pub const FIRST_STEP_NS: u64 = 1_000;

/// How many steps a timeline has.
pub const STEPS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_double_and_keep_their_sums() {
        let mut b: Buckets<u64> = Buckets::new(100, 10, 4);
        *b.at(100) += 1;
        *b.at(119) += 2;
        *b.at(139) += 4;
        assert_eq!(b.step_ns(), 10);
        *b.at(140) += 8;
        assert_eq!(b.step_ns(), 20);
        assert_eq!(b.fold_to(100, 20), [3, 4, 8, 0]);
        assert_eq!(b.fold_to(100, 40), [7, 8, 0, 0]);
        *b.at(0) += 16;
        assert_eq!(b.fold_to(100, 20)[0], 19);
        *b.at(u64::MAX) += 1;
        assert_eq!(b.fold_to(100, b.step_ns()).iter().sum::<u64>(), 32);
    }

    proptest! {
        #[test]
        fn spread_time_is_neither_lost_nor_doubled(
            spans in prop::collection::vec((0u64..5_000, 0u64..3_000), 0..20)
        ) {
            let mut b: Buckets<u64> = Buckets::new(0, 7, 16);
            let mut sum = 0;
            for (from, len) in spans {
                b.spread(from, from + len);
                sum += len;
            }
            prop_assert_eq!(b.fold_to(0, b.step_ns()).iter().sum::<u64>(), sum);
            prop_assert_eq!(b.fold_to(0, b.step_ns() * 4).iter().sum::<u64>(), sum);
        }
    }
}
