use super::CASES;
use crate::arm::sim::observe;
use crate::exchange::{Cause, Took, exchanges};
use crate::experiment::model;
use crate::facts::Half;
use crate::judges::Means;
use crate::{Evidence, Facts, Judged, experiment};
use xoff_scenario::Overrides;

fn of(experiment: &str) -> Evidence {
    observe(&model(experiment, "").unwrap()).unwrap()
}

/// An experiment whose queue pairs start close to the end of the sequence space.
fn wrapped(name: &str) -> Evidence {
    let text = experiment::find(name).unwrap();
    let text = text.replace("depth = ", "first_psn = 16777210\ndepth = ");
    let read = |_: &str| Err(String::new());
    let plan = xoff_scenario::load(name, &text, &Overrides::default(), &read).unwrap();
    observe(&plan.cases[0].model).unwrap()
}

fn judges() -> impl Iterator<Item = (&'static str, &'static str, fn(&Facts<'_>) -> Judged)> {
    let of = |case: &'static super::Case| match case.means {
        Means::Judge { experiments, judge } => {
            let each = experiments
                .iter()
                .map(move |&name| (case.check.id, name, judge));
            each.collect::<Vec<_>>()
        }
        _ => Vec::new(),
    };
    CASES.iter().flat_map(of)
}

#[test]
fn judges_find_no_fault_with_the_simulator_wherever_numbers_begin() {
    for (id, name, judge) in judges() {
        for evidence in [of(name), wrapped(name)] {
            let first = evidence.flows[0].first_psn;
            let judged = judge(&Facts::new(&evidence));
            assert_eq!(judged.faults, [], "{id} {name} {first:#x}");
            assert!(judged.stimuli > 0, "{id} {name} {first:#x}");
            let idle: Vec<_> = evidence.rules.iter().filter(|r| r.applied == 0).collect();
            assert!(idle.is_empty(), "{name}: {idle:?}");
        }
    }
}

#[test]
fn judges_of_nothing_say_nothing() {
    let nothing = Evidence::default();
    for (id, name, judge) in judges() {
        let judged = judge(&Facts::new(&nothing));
        assert_eq!((judged.stimuli, judged.faults.len()), (0, 0), "{id} {name}");
    }
}

#[test]
fn losses_are_told_from_arrivals() {
    for (name, lost, twice) in [
        ("loss-middle", 5, 0),
        ("loss-repeated", 3, 0),
        ("duplicates", 1, 11),
        ("corruption", 6, 0),
        ("reordering", 0, 0),
    ] {
        let evidence = of(name);
        let facts = Facts::new(&evidence);
        let (mut losses, mut extra) = (0, 0);
        for exchange in exchanges(&facts) {
            let partners = exchange.partners();
            for (index, step) in exchange.steps.iter().enumerate() {
                let alone = partners[index].is_none();
                let request = step.half == Half::Requests;
                losses += usize::from(alone && step.out && request);
                extra += usize::from(alone && !step.out && step.is_sound());
            }
        }
        assert_eq!((losses, extra), (lost, twice), "{name}");
    }
}

#[test]
fn restarts_know_their_cause() {
    let causes = |name| -> Vec<(bool, u32)> {
        let evidence = of(name);
        let facts = Facts::new(&evidence);
        let restarts = exchanges(&facts).into_iter().flat_map(|exchange| {
            let told = exchange.restarts().into_iter().map(|restart| {
                let psn = exchange.steps[restart.step].psn;
                if restart.cause == Cause::Timer {
                    assert!(restart.after_ns >= exchange.flow.limits.timeout_ns);
                }
                (restart.cause != Cause::Timer, psn)
            });
            told.collect::<Vec<_>>()
        });
        restarts.collect()
    };
    assert_eq!(causes("nak-loss"), [(false, 0)]);
    assert_eq!(
        causes("loss-middle"),
        [(true, 3), (true, 16), (true, 30), (true, 9), (true, 38)]
    );
}

#[test]
fn a_responder_opens_a_gap_once() {
    let evidence = of("loss-burst");
    let facts = Facts::new(&evidence);
    let exchange = &exchanges(&facts)[0];
    let arrivals = exchange.arrivals();
    let opened = arrivals
        .iter()
        .filter(|a| a.took == Took::Gap { opens: true });
    let opened: Vec<u32> = opened.map(|arrival| arrival.expected).collect();
    assert_eq!(opened, [2, 3, 20]);
    let taken = arrivals.iter().filter(|a| a.took == Took::InOrder);
    assert_eq!(taken.count(), 64);
}
