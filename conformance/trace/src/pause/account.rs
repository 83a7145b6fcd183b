//! How long the classes of a link were stopped, by the pause frames that one station sent.

use crate::buckets::{Buckets, FIRST_STEP_NS, STEPS};
use crate::class::PauseClass;
use crate::rate::STANDARD_RATES;
use crate::report::PauseTimes;
use xoff_model::units::BitRate;

/// Bytes on the wire in the time of one quantum (512 bit times; 802.3 31B.2).
const QUANTUM_BYTES: u64 = 64;

/// Where the link as a whole is accounted for, behind the eight priorities: by 802.3x alone.
pub(super) const LINK: usize = 8;
const CLASSES: usize = LINK + 1;

pub(super) fn index(class: PauseClass) -> usize {
    match class {
        PauseClass::All => LINK,
        PauseClass::Priority(p) => usize::from(p).min(LINK),
    }
}

/// One class at one link rate. Times are picoseconds of the capture's clock.
#[derive(Clone, Debug, Default)]
struct Class {
    /// Since when it is stopped, and until when if nothing more is heard.
    stopped: Option<(u128, u128)>,
    paused: u128,
    longest: u128,
    transitions: u64,
    activity: Option<Buckets<u64>>,
}

impl Class {
    /// A frame asks for `span`; zero lets the class run.
    fn ask(&mut self, now: u128, span: u128, start_ns: u64) {
        // A frame that comes just as the time is up prolongs it.
        if let Some((_, until)) = self.stopped
            && until < now
        {
            self.close(until, start_ns);
        }
        match self.stopped {
            Some(_) if span == 0 => self.close(now, start_ns),
            Some((since, _)) => self.stopped = Some((since, now.saturating_add(span))),
            None if span > 0 => {
                self.stopped = Some((now, now.saturating_add(span)));
                self.transitions += 1;
            }
            None => {}
        }
    }

    fn close(&mut self, at: u128, start_ns: u64) {
        let Some((since, _)) = self.stopped.take() else {
            return;
        };
        let span = at.saturating_sub(since);
        self.paused = self.paused.saturating_add(span);
        self.longest = self.longest.max(span);
        self.activity
            .get_or_insert_with(|| Buckets::new(start_ns, FIRST_STEP_NS, STEPS))
            .spread(to_ns(since), to_ns(at));
    }
}

/// Whole nanoseconds, rounded down.
fn to_ns(ps: u128) -> u64 {
    u64::try_from(ps / 1_000).unwrap_or(u64::MAX)
}

/// What came of the pauses at one rate.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) times: [PauseTimes; CLASSES],
    pub(super) activity: [Option<Buckets<u64>>; CLASSES],
}

/// The classes at the link's rate or, as long as that is not known, at every rate it may have.
#[derive(Clone, Debug)]
pub(super) struct Account {
    start_ns: u64,
    last: u128,
    rates: Vec<(BitRate, [Class; CLASSES])>,
}

impl Account {
    pub(super) fn new(rate: Option<u64>, start_ns: u64) -> Self {
        let with = |rate: u64| {
            (
                BitRate::from_bps(rate),
                std::array::from_fn(|_| Class::default()),
            )
        };
        let rates = match rate {
            Some(rate) if rate > 0 => vec![with(rate)],
            _ => STANDARD_RATES.into_iter().map(with).collect(),
        };
        Account {
            start_ns,
            last: 0,
            rates,
        }
    }

    /// A PFC frame that asks priorities to stop for so many quanta. Frames that go back in time
    /// count as simultaneous with the one before.
    pub(super) fn priorities(&mut self, at_ns: u64, times: &[Option<u16>; 8]) {
        let asked = std::array::from_fn(|c| times.get(c).copied().flatten());
        self.frame_ps(u128::from(at_ns) * 1_000, &asked);
    }

    /// An 802.3x frame: the link stops, and with it every priority.
    pub(super) fn link(&mut self, at_ns: u64, quanta: u16) {
        self.frame_ps(u128::from(at_ns) * 1_000, &[Some(quanta); CLASSES]);
    }

    fn frame_ps(&mut self, at: u128, times: &[Option<u16>; CLASSES]) {
        let now = self.last.max(at);
        self.last = now;
        for (rate, classes) in &mut self.rates {
            for (class, time) in classes.iter_mut().zip(times) {
                if let Some(quanta) = time {
                    let bytes = u64::from(*quanta) * QUANTUM_BYTES;
                    let span = u128::from(rate.serialize_ceil(bytes).ps());
                    class.ask(now, span, self.start_ns);
                }
            }
        }
    }

    /// The totals at `rate` if pauses count up to `end_ns`; None if that rate was not followed.
    pub(super) fn finish(self, rate: u64, end_ns: u64) -> Option<Totals> {
        self.finish_ps(rate, u128::from(end_ns) * 1_000)
    }

    fn finish_ps(self, rate: u64, end: u128) -> Option<Totals> {
        let end = self.last.max(end);
        let (_, classes) = self.rates.into_iter().find(|(r, _)| r.bps() == rate)?;
        let mut totals = Totals::default();
        for (i, mut class) in classes.into_iter().enumerate() {
            if let Some((_, until)) = class.stopped {
                class.close(until.min(end), self.start_ns);
            }
            totals.times[i] = PauseTimes {
                paused_ns: to_ns(class.paused),
                longest_ns: to_ns(class.longest),
                transitions: class.transitions,
            };
            totals.activity[i] = class.activity;
        }
        Some(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GBPS: u64 = 1_000_000_000;

    fn only(class: usize, quanta: u16) -> [Option<u16>; 8] {
        std::array::from_fn(|c| (c == class).then_some(quanta))
    }

    #[test]
    fn pauses_end_by_themselves_or_by_a_frame_or_go_on() {
        // 100 quanta at 1 Gb/s: 51.2 µs.
        let mut account = Account::new(Some(GBPS), 0);
        account.priorities(1_000, &only(3, 100));
        account.priorities(11_000, &only(3, 100));
        account.priorities(100_000, &only(3, 100));
        account.priorities(110_000, &only(3, 0));
        account.priorities(120_000, &only(3, 0));
        account.priorities(200_000, &only(3, 100));
        account.priorities(190_000, &only(5, 1));
        let totals = account.finish(GBPS, 210_000).unwrap();
        assert_eq!(totals.times[3].paused_ns, 61_200 + 10_000 + 10_000);
        assert_eq!(totals.times[3].longest_ns, 61_200);
        assert_eq!(
            totals.times.map(|t| t.transitions),
            [0, 0, 0, 3, 0, 1, 0, 0, 0]
        );
        assert_eq!(totals.times[5].paused_ns, 512);
        let cells = totals.activity[3].as_ref().unwrap();
        let row = cells.fold_to(0, cells.step_ns());
        assert_eq!(row.iter().sum::<u64>(), totals.times[3].paused_ns);
    }

    #[test]
    fn an_unknown_rate_is_settled_at_the_end() {
        let mut account = Account::new(None, 0);
        account.priorities(0, &only(0, 1));
        let at = |rate| {
            account
                .clone()
                .finish(rate, 10_000)
                .map(|t| t.times[0].paused_ns)
        };
        assert_eq!(at(10 * GBPS), Some(51));
        assert_eq!(at(2_500_000_000), Some(204));
        assert_eq!(at(3 * GBPS), None);
    }

    const INCAST: &str = r#"
        until = "1ms"
        [topology]
        kind = "star"
        hosts = 5
        rate = "100Gbps"
        cable = "3m"
        [simulation]
        log_pauses = true
        [switch.default]
        buffer = { size = "2MiB" }
        pfc = { mode = "pfc", quanta = 2000 }
        [nic.default]
        pfc = { mode = "pfc", quanta = 2000 }
        [[traffic]]
        kind = "incast"
        receiver = "h0"
        senders = ["h1", "h2", "h3", "h4"]
        bytes = "4MB"
    "#;

    /// Fed with the frames that each port of a simulated network received, the account says of
    /// every priority what the simulator says.
    #[test]
    fn times_are_those_of_the_simulator() {
        let over = xoff_scenario::Overrides::default();
        let none = |name: &str| Err(format!("{name}: not there"));
        let plan = xoff_scenario::load("incast.toml", INCAST, &over, &none).unwrap();
        let model = &plan.cases[0].model;
        let results = xoff_sim::run(model, &mut |_| ());
        let mut stopped = 0;
        for port in &results.ports {
            let spec = model.pause_spec(port.node, port.port).unwrap();
            let mut account = Account::new(Some(100 * GBPS), 0);
            let here = (port.node, port.port);
            for entry in results.pauses.iter().filter(|e| (e.node, e.port) == here) {
                let quanta = if entry.pause { spec.quanta.unwrap() } else { 0 };
                let named = |c: usize| c < LINK && entry.mask & 1 << c != 0;
                let times = std::array::from_fn(|c| named(c).then_some(quanta));
                let effect = entry.at.ps() + spec.response.ps();
                account.frame_ps(u128::from(effect), &times);
            }
            let totals = account
                .finish_ps(100 * GBPS, u128::from(results.end.ps()))
                .unwrap();
            for (class, told) in port.priority.iter().enumerate() {
                assert_eq!(totals.times[class].paused_ns, told.rx_pause_duration.ns());
                assert_eq!(totals.times[class].longest_ns, told.rx_pause_longest.ns());
                assert_eq!(totals.times[class].transitions, told.rx_pause_transitions);
                stopped += u32::from(totals.times[class].paused_ns > 0);
            }
        }
        assert!(stopped >= 4, "{stopped}");
    }

    proptest! {
        /// Against the plain definition: for each picosecond-free step of 512 ns, is it stopped?
        #[test]
        fn the_union_of_intervals_is_exact(
            frames in prop::collection::vec((0u64..40, 0u16..6), 0..60), end in 0u64..100,
        ) {
            let mut account = Account::new(Some(GBPS), 0);
            let mut stopped = vec![false; 4_000];
            let mut now = 0;
            for (gap, quanta) in frames {
                now += gap;
                account.priorities(now * 512, &only(1, quanta));
                for (i, step) in stopped.iter_mut().enumerate().skip(now as usize) {
                    *step = (i as u64) < now + u64::from(quanta);
                }
            }
            let end = now + end;
            let expected = stopped[..end as usize].iter().filter(|s| **s).count() as u64 * 512;
            prop_assert_eq!(account.finish(GBPS, end * 512).unwrap().times[1].paused_ns, expected);
        }
    }
}
