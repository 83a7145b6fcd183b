use super::*;
use crate::arm::Lie;
use crate::arm::sim::SimStage;
use crate::judges::{Mutant, Wrong};
use crate::mutants;
use crate::script::Script;
use xoff_checks::harness::H_01;
use xoff_checks::rc::{DEPTH_ROUNDED_UP, RC_01, RC_31, RC_36};
use xoff_checks::wire::{NOT_MIGRATED, W_07};
use xoff_model::rules::Class;

/// A stack that does what it is made to say.
struct Told {
    observe: fn(&Model) -> Result<Evidence, StageError>,
    script: fn() -> Result<Judged, StageError>,
}

impl Stage for Told {
    fn arm(&self) -> Arm {
        Arm::Lab
    }

    fn observe(&mut self, model: &Model) -> Result<Evidence, StageError> {
        (self.observe)(model)
    }

    fn script(&mut self, _: &Script, _: Option<Lie>) -> Result<Judged, StageError> {
        (self.script)()
    }
}

const SIMULATED: Told = Told {
    observe: |model| SimStage.observe(model),
    script: || Ok(Judged::default()),
};

const SCRIPT: Means = Means::Script(Script {
    rules: "",
    run: |_| Ok(Judged::default()),
});

fn case(check: &'static Check, means: Means) -> Case {
    Case {
        check,
        means,
        not_on: &[],
        mutants: &[],
    }
}

fn faults(all: &[&str]) -> Judged {
    let mut judged = Judged::default();
    for what in all {
        judged.expect(false, &[], || (*what).to_owned());
    }
    judged
}

/// What rxe is known for.
fn migreq(times: usize) -> Judged {
    let mut judged = Judged::default();
    for _ in 0..times {
        judged.expect_not(&NOT_MIGRATED, false, &[], || "MigReq is 0".to_owned());
    }
    judged
}

/// Cases live as long as the catalogue does.
fn plan<'a>(cases: &'a [&'static Case]) -> Plan<'a> {
    Plan {
        profile: Profile::of(Arm::Lab),
        cases,
        events: &[],
        printer: |_| Judged::default(),
    }
}

fn outcomes(stage: &mut Told, cases: Vec<Case>) -> Vec<Outcome> {
    let cases: Vec<&'static Case> = cases
        .into_iter()
        .map(|c| &*Box::leak(Box::new(c)))
        .collect();
    run(stage, &plan(&cases), &mut |_| {}).unwrap()
}

#[test]
fn a_fault_behind_many_that_are_excused_counts() {
    let judge = |_: &Facts<'_>| {
        let mut judged = migreq(20);
        judged.fault("a peer minds".to_owned(), &[]);
        judged
    };
    let experiments = &["clean"];
    let w_07 = case(&W_07, Means::Judge { experiments, judge });
    let [outcome] = &outcomes(&mut { SIMULATED }, vec![w_07])[..] else {
        panic!("one case, one outcome")
    };
    assert_eq!(outcome.verdict, Verdict::Fail);
    // The one that matters is told first, and not all of the others.
    assert!(outcome.detail().starts_with("a peer minds; "));
    assert_eq!(outcome.judged[0].1.faults.len(), 8);
}

#[test]
fn more_faults_than_are_kept_are_not_excused() {
    let mut judged = migreq(70_000);
    let known = deviations::known("rxe", &W_07);
    judged.shorten(known);
    assert!(judged.faults[0].what.starts_with("there are more faults"));
    assert!(!judged.faults[0].is_excused(known));
}

#[test]
fn evidence_is_of_the_experiment_that_fails_and_not_of_one_that_is_excused() {
    let judge = |facts: &Facts<'_>| {
        let mut judged = migreq(1);
        let nak = facts.seen.iter().any(|seen| seen.class == Class::Nak);
        judged.expect(!nak, &[], || "a NAK".to_owned());
        judged
    };
    let experiments = &["clean", "loss-middle"];
    let failing = case(&W_07, Means::Judge { experiments, judge });
    let experiments = &["clean"];
    let excused = case(&W_07, Means::Judge { experiments, judge });
    let all = outcomes(&mut { SIMULATED }, vec![failing, excused]);
    let failed_in = all[0].failed_in.as_ref();
    assert_eq!(failed_in.map(|(name, _)| *name), Some("loss-middle"));
    assert!(matches!(all[1].verdict, Verdict::Xfail(_)));
    assert!(all[1].failed_in.is_none());
}

#[test]
fn a_refusal_fails_one_check_and_the_run_goes_on() {
    let mut stage = Told {
        observe: |_| Err(StageError::Refused("ibv_create_qp".to_owned())),
        script: || Err(StageError::Refused("ibv_modify_qp".to_owned())),
    };
    let judge = |_: &Facts<'_>| Judged::default();
    let experiments = &["clean"];
    let cases = vec![
        case(&RC_01, Means::Judge { experiments, judge }),
        case(&RC_36, SCRIPT),
        case(&H_01, Means::Harness(|| faults(&[]))),
    ];
    let all = outcomes(&mut stage, cases);
    let told: Vec<String> = all.iter().map(Outcome::detail).collect();
    assert_eq!(
        told[..2],
        ["refused: ibv_create_qp", "refused: ibv_modify_qp"]
    );
    assert_eq!(all[0].verdict, Verdict::Fail);
    assert_eq!(all[1].verdict, Verdict::Fail);
    assert_eq!(all.len(), 3);
}

/// What becomes of a mutant of RC-31, whose stack says this.
fn mutant(script: fn() -> Result<Judged, StageError>) -> Verdict {
    const MUTANTS: &[Mutant] = &[Mutant {
        name: "lies",
        wrong: Wrong::Verbs(|_, _| {}),
    }];
    let case: &'static Case = Box::leak(Box::new(Case {
        mutants: MUTANTS,
        ..case(&RC_31, SCRIPT)
    }));
    let mut stage = Told {
        script,
        ..SIMULATED
    };
    let mut caught = mutants::run(&mut stage, &plan(&[case]), &mut |_| {}).unwrap();
    caught.remove(0).verdict
}

#[test]
fn what_a_stack_is_known_for_catches_no_mutant_of_a_script() {
    fn rounded(others: &[&str]) -> Result<Judged, StageError> {
        let mut judged = faults(others);
        judged.expect_not(&DEPTH_ROUNDED_UP, false, &[], || "4 of 3".to_owned());
        Ok(judged)
    }
    let hidden = mutant(|| rounded(&[]));
    assert!(matches!(hidden, Verdict::Skip(why) if why.starts_with("hidden by D-RXE-12")));
    assert_eq!(mutant(|| rounded(&["another"])), Verdict::Pass);
    // The deviation did not show, so it hides nothing: the check is blind.
    assert_eq!(mutant(|| Ok(faults(&[]))), Verdict::Fail);
}
